//! The class `OpenSSLENetConnection`.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use enet::{Host, HostError, Kind, PeerId, SetUpError, Settings};
use godot::classes::file_access::CompressionMode as Algorithm;
use godot::global::Error;
use godot::prelude::*;
use udp::{BindAddress, ScopedIp};

use super::compression::EngineCompressor;
use super::constants::{
    COMPRESS_FASTLZ, COMPRESS_NONE, COMPRESS_RANGE_CODER, COMPRESS_ZLIB, COMPRESS_ZSTD,
    CompressionMode, EVENT_CONNECT, EVENT_DISCONNECT, EVENT_ERROR, EVENT_NONE, EVENT_RECEIVE,
    HostStatistic, host_statistic,
};
use super::flags;
use super::host::{Happened, Peer, SharedHost, lock};
use super::packet_peer::OpenSslEnetPacketPeer;
use crate::address;
use crate::dtls_server::handshake_pool;
use crate::ffi::catch_panic::catch_panic;
use crate::ffi::held::Held;
use crate::ffi::optional::Optional;
use crate::ffi::state;
use crate::is_class::is_class;
use crate::refusal::{Refusal, answer};
use crate::report::mistake;
use crate::tls::contexts;

/// One end of ENet connections: reliable and unreliable packets in channels over one UDP port, encrypted with DTLS after [method dtls_server_setup] or [method dtls_client_setup]. Mirrors the engine's [ENetConnection], on OpenSSL.
///
/// Call [method service] each frame, until it returns [constant EVENT_NONE]; a multiplayer peer does it by itself.
///
/// Engine page: https://docs.godotengine.org/en/stable/classes/class_enetconnection.html
#[derive(GodotClass)]
#[class(tool, init, base = RefCounted, rename = OpenSSLENetConnection)]
pub(crate) struct OpenSslEnetConnection {
    base: Base<RefCounted>,
}

/// The state of an object.
#[derive(Default)]
pub(crate) struct ConnectionState {
    pub(crate) host: Arc<SharedHost>,
    /// The objects of peers, so that one peer is always the same object.
    objects: Mutex<HashMap<PeerId, PeerObject>>,
}

type PeerObject = (Arc<Peer>, Held<OpenSslEnetPacketPeer>);

state::stateful!(OpenSslEnetConnection: ConnectionState, ConnectionState::destroy_host);

is_class!(OpenSslEnetConnection mirrors "ENetConnection");

impl ConnectionState {
    /// The object of a peer.
    pub(crate) fn object(&self, peer: &Arc<Peer>) -> Gd<OpenSslEnetPacketPeer> {
        let mut objects = lock(&self.objects);
        let new = || {
            let object = OpenSslEnetPacketPeer::of(Arc::clone(peer));
            (Arc::clone(peer), Held::new(object))
        };
        let (_, object) = objects.entry(peer.id()).or_insert_with(new);
        object.object()
    }

    /// Services the host; with `first` false, returns another of its events alone.
    pub(crate) fn next(&self, first: bool) -> Happened {
        if first {
            self.forget_inactive();
            self.host.service()
        } else {
            self.host.check_events()
        }
    }

    /// See [`Host::read_of_more`].
    pub(crate) fn read_of_more(&self) -> Option<usize> {
        self.host.with(|host| host.read_of_more()).flatten()
    }

    /// Drops the objects of peers that are gone, unless a script has them.
    fn forget_inactive(&self) {
        let mut objects = lock(&self.objects);
        // Their scripts may run when they are dropped.
        let gone: Vec<_> = objects
            .extract_if(|_, (peer, _)| !peer.is_active())
            .collect();
        drop(objects);
        drop(gone);
    }

    /// Destroys the host; `false` if there is none.
    pub(crate) fn destroy(&self) -> bool {
        let is_destroyed = self.host.destroy();
        let objects = std::mem::take(&mut *lock(&self.objects));
        drop(objects);
        is_destroyed
    }

    fn destroy_host(&self) {
        self.destroy();
    }
}

const INACTIVE: &str = "there is no host: call create_host() or create_host_bound() first";

/// How many peers and channels a host has, and how fast it sends and receives.
pub(crate) struct Limits {
    pub(crate) max_peers: i64,
    /// 0 is as many as there can be.
    pub(crate) max_channels: i64,
    /// In bytes a second; 0 is no limit.
    pub(crate) in_bandwidth: i64,
    pub(crate) out_bandwidth: i64,
}

impl ConnectionState {
    /// Creates the host on a port of every address (`*`) or of one.
    pub(crate) fn create(&self, bind: &str, port: i64, limits: &Limits) -> Result<(), Refusal> {
        let address = bind.parse::<BindAddress>().map_err(|wrong| {
            Refusal::parameter(format_args!("\"{bind}\" cannot be bound: {wrong}"))
        })?;
        let port = address::port_in(0..=65535, port)?;
        let in_use = || {
            let why = "there is a host already: destroy() it first";
            Refusal::new(Error::ERR_ALREADY_IN_USE, why)
        };
        if self.host.is_active() {
            return Err(in_use());
        }
        let settings = Settings {
            bind: address,
            port,
            peer_limit: within(1..=4095, limits.max_peers, "the number of peers")? as usize,
            channel_limit: within(0..=255, limits.max_channels, "the number of channels")? as usize,
            incoming_bandwidth: within(0..=MAX_INT, limits.in_bandwidth, "in_bandwidth")? as u32,
            outgoing_bandwidth: within(0..=MAX_INT, limits.out_bandwidth, "out_bandwidth")? as u32,
        };
        let created = self.host.create(&settings).ok_or_else(in_use)?;
        created.map_err(|error| {
            let why = match error {
                HostError::Socket(udp::Error::Unavailable) => address::not_to_be_had(port, bind),
                error => format!("the host cannot be created on port {port}: {error}"),
            };
            Refusal::new(Error::ERR_CANT_CREATE, why)
        })
    }

    /// Begins to connect to another host.
    pub(crate) fn connect(
        &self,
        address: &GString,
        port: i64,
        channels: i64,
        data: u32,
    ) -> Result<Arc<Peer>, Refusal> {
        let peers = self.host.peers().ok_or_else(unconfigured)?;
        if !peers.is_empty() {
            return Err("the host has a peer already".into());
        }
        let port = address::port_in(1..=65535, port)?;
        let address = socket_address(address::literal_or_name(&address.to_string())?, port);
        let channels = match channels {
            1..=MAX_CHANNELS => channels,
            _ => MAX_CHANNELS,
        };
        let connect = |host: &mut Host| host.connect(address, channels as usize, data);
        let connected = self.host.connect(connect).ok_or_else(unconfigured)?;
        connected.map_err(|error| Refusal::new(Error::FAILED, error))
    }
}

const MAX_CHANNELS: i64 = 255;

const MAX_INT: i64 = i32::MAX as i64;

fn within(range: RangeInclusive<i64>, value: i64, what: &str) -> Result<i64, Refusal> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (first, last) = range.into_inner();
    Err(Refusal::parameter(format_args!(
        "{what} must be from {first} to {last}, and it is {value}"
    )))
}

fn socket_address(ip: ScopedIp, port: u16) -> SocketAddr {
    match ip.ip() {
        IpAddr::V6(v6) => SocketAddrV6::new(v6, port, 0, ip.scope()).into(),
        v4 => SocketAddr::new(v4, port),
    }
}

/// Calls the host, and prints it if there is none.
fn call<R>(
    this: &Gd<OpenSslEnetConnection>,
    method: &str,
    call: impl FnOnce(&mut Host) -> R,
) -> Option<R> {
    let result = state::of(this).host.with(call);
    if result.is_none() {
        mistake(&format!("ENetConnection.{method}()"), INACTIVE);
    }
    result
}

impl From<SetUpError> for Refusal {
    fn from(error: SetUpError) -> Self {
        match error {
            SetUpError::Config(error) => error.into(),
            other => Self::new(Error::FAILED, other),
        }
    }
}

fn unconfigured() -> Refusal {
    Refusal::new(Error::ERR_UNCONFIGURED, INACTIVE)
}

#[godot_api]
impl OpenSslEnetConnection {
    /// Creates the host on one port. [param bind_address] is [code]"*"[/code] for every address of the machine, or one address; [param bind_port] 0 lets the system choose a port, see [method get_local_port].
    ///
    /// The host has up to [param max_peers] connections, from 1 to 4,095, of up to [param max_channels] channels each, from 0 (as many as there can be) to 255. The bandwidths are in bytes a second, 0 is no limit.
    ///
    /// Returns [constant OK], [constant ERR_ALREADY_IN_USE] if there is a host, [constant ERR_INVALID_PARAMETER] for an argument out of its range, [constant ERR_CANT_CREATE] if another socket has the port or the address is not one of this machine; a printed line says which.
    #[func(gd_self)]
    fn create_host_bound(
        this: Gd<Self>,
        bind_address: GString,
        bind_port: i64,
        #[opt(default = 32)] max_peers: i64,
        #[opt(default = 0)] max_channels: i64,
        #[opt(default = 0)] in_bandwidth: i64,
        #[opt(default = 0)] out_bandwidth: i64,
    ) -> Error {
        answer("ENetConnection.create_host_bound()", || {
            let limits = Limits {
                max_peers,
                max_channels,
                in_bandwidth,
                out_bandwidth,
            };
            state::of(&this).create(&bind_address.to_string(), bind_port, &limits)
        })
    }

    /// As [method create_host_bound], on a port that the system chooses: for a host that connects to others.
    #[func(gd_self)]
    fn create_host(
        this: Gd<Self>,
        #[opt(default = 32)] max_peers: i64,
        #[opt(default = 0)] max_channels: i64,
        #[opt(default = 0)] in_bandwidth: i64,
        #[opt(default = 0)] out_bandwidth: i64,
    ) -> Error {
        answer("ENetConnection.create_host()", || {
            let limits = Limits {
                max_peers,
                max_channels,
                in_bandwidth,
                out_bandwidth,
            };
            state::of(&this).create("*", 0, &limits)
        })
    }

    /// Destroys the host and frees its port. Its peers are no longer active; the other sides find that out by their time-outs, or by the close_notify of DTLS.
    #[func(gd_self)]
    fn destroy(this: Gd<Self>) {
        const WHAT: &str = "ENetConnection.destroy()";
        catch_panic(WHAT, || {
            if !Arc::clone(&state::of(&this)).destroy() {
                mistake(WHAT, INACTIVE);
            }
        });
    }

    /// Begins to connect to another host: [constant EVENT_CONNECT] or [constant EVENT_DISCONNECT] says how that ends. [param address] is an IP address or a host name, which waits for the system's answer. The connection has [param channels] channels, or as many as there can be for 0. The other side's [method service] returns [param data], a number of 32 bits.
    ///
    /// Returns the other side, or [code]null[/code] if there is no host, it has a peer already, or an argument is wrong; a printed line says which.
    #[func(gd_self)]
    fn connect_to_host(
        this: Gd<Self>,
        address: GString,
        port: i64,
        #[opt(default = 0)] channels: i64,
        #[opt(default = 0)] data: i64,
    ) -> Option<Gd<OpenSslEnetPacketPeer>> {
        let mut connected = None;
        answer("ENetConnection.connect_to_host()", || {
            let state = Arc::clone(&state::of(&this));
            let peer = state.connect(&address, port, channels, data as u32)?;
            connected = Some(state.object(&peer));
            Ok(())
        });
        connected
    }

    /// Receives and sends what there is, and waits up to [param timeout] milliseconds until something happens.
    ///
    /// Returns an array of four: an [enum EventType], the [OpenSSLENetPacketPeer] that it happened to, the data of [constant EVENT_CONNECT] and [constant EVENT_DISCONNECT], and the channel of [constant EVENT_RECEIVE], whose packet waits in the peer's queue.
    #[func(gd_self)]
    fn service(this: Gd<Self>, #[opt(default = 0)] timeout: i64) -> VarArray {
        const WHAT: &str = "ENetConnection.service()";
        catch_panic(WHAT, || {
            let state = Arc::clone(&state::of(&this));
            let timeout = Duration::from_millis(timeout.try_into().unwrap_or(0));
            let (event, peer, data, channel) = match happened_within(&state, timeout) {
                Happened::Inactive => {
                    mistake(WHAT, INACTIVE);
                    (EVENT_ERROR, None, 0, 0)
                }
                Happened::Failed => (EVENT_ERROR, None, 0, 0),
                Happened::Nothing => (EVENT_NONE, None, 0, 0),
                Happened::Connected { peer, data } => (EVENT_CONNECT, Some(peer), data, 0),
                Happened::Disconnected { peer, data } => (EVENT_DISCONNECT, Some(peer), data, 0),
                Happened::Received {
                    peer,
                    channel,
                    packet,
                } => {
                    peer.queue(packet);
                    (EVENT_RECEIVE, Some(peer), 0, channel)
                }
            };
            let peer = peer.map(|peer| state.object(&peer));
            varray![event, &peer.to_variant(), data, channel]
        })
    }

    /// Sends at once what waits to be sent, which [method service] does as well.
    #[func(gd_self)]
    fn flush(this: Gd<Self>) {
        catch_panic("ENetConnection.flush()", || {
            call(&this, "flush", Host::flush);
        });
    }

    /// Sets how fast the host receives and sends, in bytes a second; 0 is no limit. The other sides are told.
    #[func(gd_self)]
    fn bandwidth_limit(
        this: Gd<Self>,
        #[opt(default = 0)] in_bandwidth: i64,
        #[opt(default = 0)] out_bandwidth: i64,
    ) {
        catch_panic("ENetConnection.bandwidth_limit()", || {
            call(&this, "bandwidth_limit", |host| {
                host.set_bandwidth_limit(in_bandwidth as u32, out_bandwidth as u32);
            });
        });
    }

    /// Sets how many channels future connections from other hosts have at most; 0 is as many as there can be.
    #[func(gd_self)]
    fn channel_limit(this: Gd<Self>, limit: i64) {
        catch_panic("ENetConnection.channel_limit()", || {
            call(&this, "channel_limit", |host| {
                host.set_channel_limit(match limit {
                    1..=MAX_CHANNELS => limit as usize,
                    _ => 0,
                });
            });
        });
    }

    /// Sends a packet to every peer that is connected, as [method OpenSSLENetPacketPeer.send] does.
    #[func(gd_self)]
    fn broadcast(this: Gd<Self>, channel: i64, packet: PackedByteArray, flags: i64) {
        const WHAT: &str = "ENetConnection.broadcast()";
        catch_panic(WHAT, || {
            let Some(kind) = flags::kind(flags) else {
                return mistake(WHAT, flags::NONE_SUCH);
            };
            let host = Arc::clone(&state::of(&this).host);
            if let Err(why) = broadcast(&host, channel, packet.as_slice(), kind) {
                mistake(WHAT, why);
            }
        });
    }

    /// Sets how datagrams are compressed. Both sides must set the same, before they connect: with another one, what arrives is dropped. The compressed datagrams are those of the engine's class.
    #[func(gd_self)]
    fn compress(this: Gd<Self>, mode: CompressionMode) {
        catch_panic("ENetConnection.compress()", || {
            let with = |algorithm| Some(Box::new(EngineCompressor(algorithm)) as _);
            call(&this, "compress", |host| match mode.0 {
                COMPRESS_NONE => host.set_compressor(None),
                COMPRESS_RANGE_CODER => host.use_range_coder(),
                COMPRESS_FASTLZ => host.set_compressor(with(Algorithm::FASTLZ)),
                COMPRESS_ZLIB => host.set_compressor(with(Algorithm::DEFLATE)),
                COMPRESS_ZSTD => host.set_compressor(with(Algorithm::ZSTD)),
                _ => {}
            });
        });
    }

    /// Makes the host a DTLS server: call it after [method create_host_bound] (or [method OpenSSLENetMultiplayerPeer.create_server]) and before the first [method service]. [param server_options] come from [method OpenSSLTLSOptions.server] or from the engine's [method TLSOptions.server].
    ///
    /// Returns [constant OK], [constant ERR_UNCONFIGURED] if there is no host, [constant ERR_INVALID_PARAMETER] for options that are no server's, or whose key and certificate are missing, broken or not a pair, [constant FAILED] if the host was set up before or has peers; a printed line says which.
    #[func(gd_self)]
    fn dtls_server_setup(this: Gd<Self>, server_options: Variant) -> Error {
        const WHAT: &str = "ENetConnection.dtls_server_setup()";
        answer(WHAT, || {
            let host = Arc::clone(&state::of(&this).host);
            if !host.is_active() {
                return Err(unconfigured());
            }
            let context = contexts::server(WHAT, &server_options)?;
            let now = Instant::now();
            let set_up = host.with(|host| {
                host.set_handshake_pool(handshake_pool());
                host.set_up_dtls_server(context, now)
            });
            Ok(set_up.ok_or_else(unconfigured)??)
        })
    }

    /// Makes the host a DTLS client: call it after [method create_host] or [method connect_to_host] (or [method OpenSSLENetMultiplayerPeer.create_client]) and before the first [method service]. [param hostname] is the name that the server's certificate must be for. [param client_options] are a client's options, of either class; without them the certificate must come from an authority that the system trusts.
    ///
    /// Returns as [method dtls_server_setup] does.
    #[func(gd_self)]
    fn dtls_client_setup(
        this: Gd<Self>,
        hostname: GString,
        #[opt(default = Optional::default())] client_options: Optional,
    ) -> Error {
        answer("ENetConnection.dtls_client_setup()", || {
            let host = Arc::clone(&state::of(&this).host);
            if !host.is_active() {
                return Err(unconfigured());
            }
            let (context, name) = contexts::client(&client_options.0)?;
            let name = name.unwrap_or_else(|| hostname.to_string());
            let set_up = host.with(|host| host.set_up_dtls_client(context, &name));
            Ok(set_up.ok_or_else(unconfigured)??)
        })
    }

    /// Sets whether a DTLS server leaves new clients unanswered. Without DTLS it changes nothing, as in the engine: reset a peer upon [constant EVENT_CONNECT] instead.
    #[func(gd_self)]
    fn refuse_new_connections(this: Gd<Self>, refuse: bool) {
        catch_panic("ENetConnection.refuse_new_connections()", || {
            call(&this, "refuse_new_connections", |host| {
                host.refuse_new_connections(refuse);
            });
        });
    }

    /// Returns a figure of the host, and sets it to 0.
    #[func(gd_self)]
    fn pop_statistic(this: Gd<Self>, statistic: HostStatistic) -> f64 {
        const WHAT: &str = "ENetConnection.pop_statistic()";
        catch_panic(WHAT, || {
            let Some(which) = host_statistic(statistic.0) else {
                mistake(WHAT, format_args!("there is no statistic {}", statistic.0));
                return 0.0;
            };
            let read = call(&this, "pop_statistic", |host| host.pop_statistic(which));
            read.map_or(0.0, |figure| figure as f64)
        })
    }

    /// Returns how many channels a connection from another host has at most.
    #[func(gd_self)]
    fn get_max_channels(this: Gd<Self>) -> i64 {
        catch_panic("ENetConnection.get_max_channels()", || {
            let limit = call(&this, "get_max_channels", |host| host.channel_limit());
            limit.map_or(0, |limit| limit as i64)
        })
    }

    /// Returns the local port.
    #[func(gd_self)]
    fn get_local_port(this: Gd<Self>) -> i64 {
        catch_panic("ENetConnection.get_local_port()", || {
            let port = call(&this, "get_local_port", |host| host.local_port());
            port.map_or(0, i64::from)
        })
    }

    /// Returns the peers, in the order in which they were connected, also those whose connection is not established yet or is ending.
    #[func(gd_self)]
    fn get_peers(this: Gd<Self>) -> Array<Gd<OpenSslEnetPacketPeer>> {
        const WHAT: &str = "ENetConnection.get_peers()";
        catch_panic(WHAT, || {
            let state = Arc::clone(&state::of(&this));
            let Some(peers) = state.host.peers() else {
                mistake(WHAT, INACTIVE);
                return Array::new();
            };
            peers.iter().map(|peer| state.object(peer)).collect()
        })
    }

    /// Sends a datagram from the host's port, which opens the way from there through a NAT. It is none of ENet's packets. A host with DTLS sends none, as in the engine, and prints that.
    #[func(gd_self)]
    fn socket_send(
        this: Gd<Self>,
        destination_address: GString,
        destination_port: i64,
        packet: PackedByteArray,
    ) {
        answer("ENetConnection.socket_send()", || {
            let host = Arc::clone(&state::of(&this).host);
            if !host.is_active() {
                return Err(unconfigured());
            }
            let port = address::port_in(1..=65535, destination_port)?;
            let ip = address::literal_or_name(&destination_address.to_string())?;
            let address = socket_address(ip, port);
            match host.with(|host| host.socket_send(address, packet.as_slice())) {
                Some(false) => Err(Refusal::from("a host with DTLS sends to its peers alone")),
                _ => Ok(()),
            }
        });
    }
}

/// Services the host until something happens or the time is over. The host is not locked while this waits.
fn happened_within(state: &ConnectionState, timeout: Duration) -> Happened {
    const PAUSE: Duration = Duration::from_millis(1);
    let begin = Instant::now();
    loop {
        match state.next(true) {
            Happened::Nothing if begin.elapsed() < timeout => thread::sleep(PAUSE),
            happened => return happened,
        }
    }
}

/// Sends a packet to every peer; the error says why it is not sent.
pub(crate) fn broadcast(
    host: &SharedHost,
    channel: i64,
    packet: &[u8],
    kind: Kind,
) -> Result<(), String> {
    let sent = host.with(|host| {
        let channels = host.channel_limit();
        match u8::try_from(channel) {
            Ok(channel) if usize::from(channel) < channels => {
                host.broadcast(channel, packet, kind);
                Ok(())
            }
            _ => Err(format!(
                "the channel must be from 0 to {}, and it is {channel}",
                channels - 1
            )),
        }
    });
    sent.unwrap_or_else(|| Err(INACTIVE.to_owned()))
}
