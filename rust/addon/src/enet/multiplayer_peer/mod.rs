//! The class `OpenSSLENetMultiplayerPeer`.

use std::sync::Arc;

use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::classes::{MultiplayerPeer, MultiplayerPeerExtension};
use godot::global::Error;
use godot::prelude::*;

use self::players::{Connection, FIRST_CHANNEL, HOST, Mode, MultiplayerState, SERVER};
use self::polling::Signal;
use super::connection::{Limits, OpenSslEnetConnection};
use super::packet_peer::{MAX_PACKET_SIZE, OpenSslEnetPacketPeer};
use crate::ffi::catch_panic::catch_panic;
use crate::ffi::state;
use crate::is_class::is_class;
use crate::refusal::{Refusal, answer, refuse};

pub(crate) mod hot;
mod players;
mod polling;
mod sending;

/// A peer for [member MultiplayerAPI.multiplayer_peer] over ENet, encrypted with DTLS once its [member host] is set up for it. Mirrors the engine's [ENetMultiplayerPeer], on OpenSSL.
///
/// [codeblock]
/// var peer := OpenSSLENetMultiplayerPeer.new()
/// peer.create_server(4433)
/// peer.host.dtls_server_setup(TLSOptions.server(key, certificate))
/// multiplayer.multiplayer_peer = peer
/// [/codeblock]
///
/// The first 16 packets that are sent after a poll leave at once; more of them together, at the end of the frame at the latest. [method OpenSSLENetConnection.flush] of [member host] sends what waits.
///
/// Engine page: https://docs.godotengine.org/en/stable/classes/class_enetmultiplayerpeer.html
#[derive(GodotClass)]
#[class(tool, init, base = MultiplayerPeerExtension, rename = OpenSSLENetMultiplayerPeer)]
pub(crate) struct OpenSslEnetMultiplayerPeer {
    base: Base<MultiplayerPeerExtension>,

    /// The host of a server or a client, [code]null[/code] for others: see [method OpenSSLENetConnection.dtls_server_setup] and [method OpenSSLENetConnection.dtls_client_setup].
    #[var(get = get_host, no_set, hint = RESOURCE_TYPE, hint_string = "OpenSSLENetConnection", usage_flags = [NONE])]
    host: PhantomVar<Option<Gd<OpenSslEnetConnection>>>,
}

state::stateful!(OpenSslEnetMultiplayerPeer: MultiplayerState, MultiplayerState::close);

is_class!(OpenSslEnetMultiplayerPeer mirrors "ENetMultiplayerPeer");

const INACTIVE: &str =
    "it is not active: call create_server(), create_client() or create_mesh() first";

const IN_USE: &str = "it is active already: close() it first";

const NO_PACKET: &str = "no packet waits";

type This = Gd<OpenSslEnetMultiplayerPeer>;

fn active(this: &This) -> Result<Arc<MultiplayerState>, Refusal> {
    let state = Arc::clone(&state::of(this));
    if state.is_active() {
        return Ok(state);
    }
    Err(Refusal::new(Error::ERR_UNCONFIGURED, INACTIVE))
}

fn inactive(this: &This) -> Result<Arc<MultiplayerState>, Refusal> {
    let state = Arc::clone(&state::of(this));
    if state.is_active() {
        return Err(Refusal::new(Error::ERR_ALREADY_IN_USE, IN_USE));
    }
    state.refuse_new_connections(false);
    Ok(state)
}

fn emit(this: &This, signal: Signal, id: i32) {
    let signal = match signal {
        Signal::PeerConnected => "peer_connected",
        Signal::PeerDisconnected => "peer_disconnected",
    };
    this.clone().emit_signal(signal, &[id.to_variant()]);
}

#[godot_api]
impl OpenSslEnetMultiplayerPeer {
    /// Creates a server that listens on a port; 0 lets the system choose one. Its id is 1, and up to [param max_clients] clients, from 1 to 4,095, are connected at once.
    ///
    /// [param in_bandwidth] and [param out_bandwidth] are in bytes a second, 0 is no limit. [param max_channels] limits nothing, as in the engine, whose code passes it on as another argument: clients choose how many channels they use.
    ///
    /// Returns [constant OK], [constant ERR_ALREADY_IN_USE] if the peer is active, [constant ERR_INVALID_PARAMETER] for an argument out of its range, [constant ERR_CANT_CREATE] if another socket has the port; a printed line says which.
    #[func(gd_self)]
    fn create_server(
        this: Gd<Self>,
        port: i64,
        #[opt(default = 32)] max_clients: i64,
        #[opt(default = 0)] max_channels: i64,
        #[opt(default = 0)] in_bandwidth: i64,
        #[opt(default = 0)] out_bandwidth: i64,
    ) -> Error {
        answer("ENetMultiplayerPeer.create_server()", || {
            let state = inactive(&this)?;
            let _ = max_channels;
            let limits = Limits {
                max_peers: max_clients,
                max_channels: 0,
                in_bandwidth,
                out_bandwidth,
            };
            let host = Connection::new(OpenSslEnetConnection::new_gd());
            let bind = state.with(|it| it.bind_address.clone());
            host.state.create(&bind, port, &limits)?;
            let status = ConnectionStatus::CONNECTED;
            state.activate(Mode::Server, status, SERVER, Some(host), None);
            Ok(())
        })
    }

    /// Creates a client and begins to connect to a server. [param address] is an IP address or a host name, which waits for the system's answer. The connection has [param channel_count] transfer channels, or as many as there can be for 0. The bandwidths are in bytes a second, 0 is no limit. [param local_port] is the client's own port, 0 lets the system choose one.
    ///
    /// Returns [constant OK], [constant ERR_ALREADY_IN_USE] if the peer is active, [constant ERR_INVALID_PARAMETER] for an argument out of its range, [constant ERR_CANT_CREATE] if the host cannot be created, or the address or port cannot be used; a printed line says which.
    #[func(gd_self)]
    fn create_client(
        this: Gd<Self>,
        address: GString,
        port: i64,
        #[opt(default = 0)] channel_count: i64,
        #[opt(default = 0)] in_bandwidth: i64,
        #[opt(default = 0)] out_bandwidth: i64,
        #[opt(default = 0)] local_port: i64,
    ) -> Error {
        answer("ENetMultiplayerPeer.create_client()", || {
            let state = inactive(&this)?;
            let limits = Limits {
                max_peers: 1,
                max_channels: 0,
                in_bandwidth,
                out_bandwidth,
            };
            let host = Connection::new(OpenSslEnetConnection::new_gd());
            let bind = match local_port {
                0 => "*".to_owned(),
                _ => state.with(|it| it.bind_address.clone()),
            };
            host.state.create(&bind, local_port, &limits)?;
            let id = this
                .clone()
                .upcast::<MultiplayerPeer>()
                .generate_unique_id();
            let channels = match channel_count {
                1.. => channel_count.saturating_add(FIRST_CHANNEL.into()),
                _ => 0,
            };
            let connected = host.state.connect(&address, port, channels, id);
            let server = connected.map_err(|refusal| {
                host.state.destroy();
                refusal.with_code(Error::ERR_CANT_CREATE)
            })?;
            let status = ConnectionStatus::CONNECTING;
            state.activate(
                Mode::Client,
                status,
                id.cast_signed(),
                Some(host),
                Some(server),
            );
            Ok(())
        })
    }

    /// Makes this one peer of a mesh, with an id of more than 0. Connections to the others are made with [OpenSSLENetConnection] and added with [method add_mesh_peer].
    ///
    /// Returns [constant OK], [constant ERR_INVALID_PARAMETER] for an id that is not more than 0, [constant ERR_ALREADY_IN_USE] if the peer is active.
    #[func(gd_self)]
    fn create_mesh(this: Gd<Self>, unique_id: i64) -> Error {
        answer("ENetMultiplayerPeer.create_mesh()", || {
            let id = i32::try_from(unique_id).ok().filter(|id| *id > 0);
            let id = id.ok_or("the id must be more than 0")?;
            let state = Arc::clone(&state::of(&this));
            if state.is_active() {
                return Err(Refusal::new(Error::ERR_ALREADY_IN_USE, IN_USE));
            }
            state.activate(Mode::Mesh, ConnectionStatus::CONNECTED, id, None, None);
            Ok(())
        })
    }

    /// Adds a peer to a mesh: [param host] has a connection to it, and to no other, in [constant OpenSSLENetPacketPeer.STATE_CONNECTED].
    ///
    /// Returns [constant OK], [constant ERR_UNCONFIGURED] before [method create_mesh], [constant ERR_INVALID_PARAMETER] for another host; a printed line says which.
    #[func(gd_self)]
    fn add_mesh_peer(
        this: Gd<Self>,
        peer_id: i64,
        host: Option<Gd<OpenSslEnetConnection>>,
    ) -> Error {
        answer("ENetMultiplayerPeer.add_mesh_peer()", || {
            let host = Connection::new(host.ok_or("the host is null")?);
            let state = Arc::clone(&state::of(&this));
            if state.with(|it| it.mode != Mode::Mesh) {
                let why = "it is no mesh: call create_mesh() first";
                return Err(Refusal::new(Error::ERR_UNCONFIGURED, why));
            }
            let peers = host.state.host.peers().unwrap_or_default();
            let is_connected = |peer: &enet::State| *peer == enet::State::Connected;
            let peer = match &peers[..] {
                [peer] => peer
                    .with(|host, id| host.state(id))
                    .filter(is_connected)
                    .map(|_| Arc::clone(peer)),
                _ => None,
            };
            let peer = peer.ok_or("the host must have one peer, which is connected")?;
            let id = peer_id as i32;
            let replaced = state.with(|it| (it.hosts.insert(id, host), it.peers.insert(id, peer)));
            drop(replaced);
            emit(&this, Signal::PeerConnected, id);
            Ok(())
        })
    }

    /// Sets the address that [method create_server], and [method create_client] with a local port, bind: [code]"*"[/code] for every address of the machine, the default, or one address.
    #[func(gd_self)]
    fn set_bind_ip(this: Gd<Self>, ip: GString) {
        answer("ENetMultiplayerPeer.set_bind_ip()", || {
            let address = ip.to_string();
            let read = address.parse::<udp::BindAddress>();
            read.map_err(|wrong| format!("\"{address}\" cannot be bound: {wrong}"))
                .map_err(Refusal::parameter)?;
            state::of(&this).with(|it| it.bind_address = address);
            Ok(())
        });
    }

    /// Returns [member host].
    #[func]
    fn get_host(&self) -> Option<Gd<OpenSslEnetConnection>> {
        let state = state::of_value(self);
        let why = match state.with(|it| it.mode) {
            Mode::None => INACTIVE,
            Mode::Mesh => "a mesh has a host for each peer: those that add_mesh_peer() was given",
            Mode::Server | Mode::Client => return state.host(HOST).map(|host| host.object()),
        };
        refuse("ENetMultiplayerPeer.get_host()", why);
        None
    }

    /// Returns the other side of a connection by its id in the multiplayer API: 1 for the server.
    #[func(gd_self)]
    fn get_peer(this: Gd<Self>, id: i64) -> Option<Gd<OpenSslEnetPacketPeer>> {
        let mut peer = None;
        answer("ENetMultiplayerPeer.get_peer()", || {
            let state = active(&this)?;
            let key = id as i32;
            let found = state.with(|it| {
                let host = match it.mode {
                    Mode::Mesh => it.hosts.get(&key),
                    _ => it.hosts.get(&HOST),
                };
                Some((host.cloned()?, it.peers.get(&key).cloned()?))
            });
            let (host, found) = found.ok_or_else(|| no_peer(id))?;
            peer = Some(host.state.object(&found));
            Ok(())
        });
        peer
    }
}

fn no_peer(id: i64) -> Refusal {
    Refusal::parameter(format_args!("there is no peer {id}"))
}

/// In place of gdext's trait of this name, by which alone `#[godot_api]` goes: that one has methods that keep the object
/// borrowed, and the scripts that a signal runs call the object again.
///
/// Those that are here are getters of properties. They must not make a [`Gd`]: the engine reads the properties' defaults from
/// an object that nothing has a reference to yet, and the first `Gd` frees it.
trait IMultiplayerPeerExtension {
    fn get_transfer_channel(&self) -> i32;
    fn get_transfer_mode(&self) -> TransferMode;
    fn is_refusing_new_connections(&self) -> bool;
}

#[godot_api]
impl IMultiplayerPeerExtension for OpenSslEnetMultiplayerPeer {
    #[func(gd_self)]
    fn get_max_packet_size(_this: Gd<Self>) -> i32 {
        MAX_PACKET_SIZE
    }

    fn get_transfer_channel(&self) -> i32 {
        state::of_value(self).with(|it| it.transfer_channel)
    }

    fn get_transfer_mode(&self) -> TransferMode {
        state::of_value(self).with(|it| it.transfer_mode)
    }

    #[func(gd_self)]
    fn is_server(this: Gd<Self>) -> bool {
        state::of(&this).with(|it| it.mode == Mode::Server)
    }

    #[func(gd_self)]
    fn is_server_relay_supported(this: Gd<Self>) -> bool {
        state::of(&this).with(|it| matches!(it.mode, Mode::Server | Mode::Client))
    }

    #[func(gd_self)]
    fn poll(this: Gd<Self>) {
        answer("ENetMultiplayerPeer.poll()", || {
            active(&this)?.poll(&|signal, id| emit(&this, signal, id));
            Ok(())
        });
    }

    #[func(gd_self)]
    fn close(this: Gd<Self>) {
        catch_panic("ENetMultiplayerPeer.close()", || {
            let state = Arc::clone(&state::of(&this));
            if state.is_active() {
                state.close();
            }
        });
    }

    #[func(gd_self)]
    fn disconnect_peer(this: Gd<Self>, peer: i32, force: bool) {
        answer("ENetMultiplayerPeer.disconnect_peer()", || {
            active(&this)?
                .disconnect(peer, force)
                .ok_or_else(|| no_peer(peer.into()))
        });
    }

    #[func(gd_self)]
    fn get_unique_id(this: Gd<Self>) -> i32 {
        let mut id = 0;
        answer("ENetMultiplayerPeer.get_unique_id()", || {
            id = active(&this)?.with(|it| it.unique_id);
            Ok(())
        });
        id
    }

    #[func(gd_self)]
    fn set_refuse_new_connections(this: Gd<Self>, enable: bool) {
        catch_panic("ENetMultiplayerPeer.set_refuse_new_connections()", || {
            Arc::clone(&state::of(&this)).refuse_new_connections(enable);
        });
    }

    fn is_refusing_new_connections(&self) -> bool {
        state::of_value(self).with(|it| it.is_refusing)
    }

    #[func(gd_self)]
    fn get_connection_status(this: Gd<Self>) -> ConnectionStatus {
        state::of(&this).with(|it| it.status)
    }
}
