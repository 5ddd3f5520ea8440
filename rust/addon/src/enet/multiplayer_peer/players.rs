//! The hosts and peers of a multiplayer peer, by the ids that the multiplayer API knows them by.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex};

use enet::{Kind, State};
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::obj::Gd;
use indexmap::IndexMap;

use crate::enet::connection::{ConnectionState, OpenSslEnetConnection};
use crate::enet::host::{Packet, Peer, lock};
use crate::ffi::held::Held;
use crate::ffi::state;

/// The server's id.
pub(super) const SERVER: i32 = 1;

/// ENet's channels of packets with transfer channel 0: one for reliable packets and one for the others.
const RELIABLE_CHANNEL: i32 = 0;
const UNRELIABLE_CHANNEL: i32 = 1;
/// ENet's channel of transfer channel 1.
pub(super) const FIRST_CHANNEL: i32 = 2;

/// What a multiplayer peer is.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mode {
    /// It is not active.
    #[default]
    None,
    Server,
    Client,
    /// Each of its peers has a host of its own.
    Mesh,
}

/// The state of an object of `OpenSSLENetMultiplayerPeer`.
#[derive(Default)]
pub(crate) struct MultiplayerState(Mutex<Players>);

/// What the state's lock guards. Nothing of it is dropped or called while it is locked.
pub(super) struct Players {
    pub(super) mode: Mode,
    pub(super) status: ConnectionStatus,
    pub(super) unique_id: i32,
    /// The one host of a server or a client, under [`HOST`]; of a mesh, each peer's.
    pub(super) hosts: IndexMap<i32, Connection>,
    /// In the order in which they joined.
    pub(super) peers: IndexMap<i32, Arc<Peer>>,
    pub(super) incoming: VecDeque<Incoming>,
    pub(super) target: i32,
    pub(super) transfer_mode: TransferMode,
    pub(super) transfer_channel: i32,
    pub(super) is_refusing: bool,
    pub(super) bind_address: String,
}

/// The key of a server's or client's host in [`Players::hosts`].
pub(super) const HOST: i32 = 0;

impl Default for Players {
    fn default() -> Self {
        Self {
            mode: Mode::None,
            status: ConnectionStatus::DISCONNECTED,
            unique_id: 0,
            hosts: IndexMap::new(),
            peers: IndexMap::new(),
            incoming: VecDeque::new(),
            target: 0,
            transfer_mode: TransferMode::RELIABLE,
            transfer_channel: 0,
            is_refusing: false,
            bind_address: "*".to_owned(),
        }
    }
}

/// A host with its object.
#[derive(Clone)]
pub(super) struct Connection {
    object: Arc<Held<OpenSslEnetConnection>>,
    pub(super) state: Arc<ConnectionState>,
}

impl Connection {
    pub(super) fn new(object: Gd<OpenSslEnetConnection>) -> Self {
        let state = Arc::clone(&state::of(&object));
        Self {
            object: Arc::new(Held::new(object)),
            state,
        }
    }

    pub(super) fn object(&self) -> Gd<OpenSslEnetConnection> {
        self.object.object()
    }
}

/// A packet for `get_packet`.
pub(super) struct Incoming {
    pub(super) from: i32,
    channel: u8,
    pub(super) packet: Packet,
}

impl Incoming {
    pub(super) fn new(from: i32, channel: u8, packet: Packet) -> Self {
        Self {
            from,
            channel,
            packet,
        }
    }

    /// The transfer mode that it was sent with.
    pub(super) fn mode(&self) -> TransferMode {
        match self.packet.kind {
            Kind::Reliable => TransferMode::RELIABLE,
            Kind::Unsequenced | Kind::UnsequencedFragment => TransferMode::UNRELIABLE,
            Kind::Unreliable | Kind::UnreliableFragment => TransferMode::UNRELIABLE_ORDERED,
        }
    }

    /// The transfer channel that it was sent on.
    pub(super) fn transfer_channel(&self) -> i32 {
        match i32::from(self.channel) {
            channel if channel >= FIRST_CHANNEL => channel - FIRST_CHANNEL + 1,
            _ => 0,
        }
    }
}

impl Players {
    /// How a packet is sent by the transfer mode and channel that are set: its kind, and ENet's channel.
    pub(super) fn transfer(&self) -> (Kind, i32) {
        let (kind, channel) = match self.transfer_mode {
            TransferMode::UNRELIABLE => (Kind::UnsequencedFragment, UNRELIABLE_CHANNEL),
            TransferMode::UNRELIABLE_ORDERED => (Kind::UnreliableFragment, UNRELIABLE_CHANNEL),
            _ => (Kind::Reliable, RELIABLE_CHANNEL),
        };
        match self.transfer_channel {
            1.. => (
                kind,
                self.transfer_channel.saturating_add(FIRST_CHANNEL - 1),
            ),
            _ => (kind, channel),
        }
    }

    /// Whether this peer is the one with that id.
    pub(super) fn is(&self, id: i32, peer: &Arc<Peer>) -> bool {
        self.peers.get(&id).is_some_and(|it| Arc::ptr_eq(it, peer))
    }
}

impl MultiplayerState {
    /// Reads or changes the state. Nothing may be called or dropped meanwhile that runs a script or prints.
    pub(super) fn with<R>(&self, call: impl FnOnce(&mut Players) -> R) -> R {
        call(&mut lock(&self.0))
    }

    pub(super) fn is_active(&self) -> bool {
        self.with(|it| it.mode != Mode::None)
    }

    /// A host of [`Players::hosts`].
    pub(super) fn host(&self, key: i32) -> Option<Connection> {
        self.with(|it| it.hosts.get(&key).cloned())
    }

    pub(super) fn has_peer(&self, id: i32) -> bool {
        self.with(|it| it.peers.contains_key(&id))
    }

    /// Becomes a server, a client or a mesh.
    pub(super) fn activate(
        &self,
        mode: Mode,
        status: ConnectionStatus,
        unique_id: i32,
        host: Option<Connection>,
        server: Option<Arc<Peer>>,
    ) {
        self.with(|it| {
            it.mode = mode;
            it.status = status;
            it.unique_id = unique_id;
            it.hosts.extend(host.map(|host| (HOST, host)));
            it.peers.extend(server.map(|server| (SERVER, server)));
        });
    }

    /// Sets whether new clients are refused, at the hosts too.
    pub(super) fn refuse_new_connections(&self, is_refusing: bool) {
        let hosts = self.with(|it| {
            it.is_refusing = is_refusing;
            it.hosts.values().cloned().collect::<Vec<_>>()
        });
        for connection in hosts {
            let refuse = |host: &mut enet::Host| host.refuse_new_connections(is_refusing);
            connection.state.host.with(refuse);
        }
    }

    /// Ends the connection to a peer, whose end is emitted when it has acknowledged that; with `force`, it is none of the
    /// peers at once, and nothing is emitted. `None` if there is no such peer.
    pub(super) fn disconnect(&self, id: i32, force: bool) -> Option<()> {
        let (mode, peer, host) = self.with(|it| {
            let key = if it.mode == Mode::Mesh { id } else { HOST };
            let peer = it.peers.get(&id).cloned()?;
            Some((it.mode, peer, it.hosts.get(&key).cloned()))
        })?;
        peer.end(|host, id| host.disconnect(id, 0));
        if let Some(connection) = &host {
            connection.state.host.with(enet::Host::flush);
        }
        if force {
            let gone = self.with(|it| {
                it.peers.shift_remove(&id);
                match mode {
                    // Without its host, `close` does not end what was begun.
                    Mode::Client => mem::take(&mut it.hosts),
                    _ => it
                        .hosts
                        .shift_remove(&id)
                        .map(|it| (id, it))
                        .into_iter()
                        .collect(),
                }
            });
            drop(gone);
            if mode == Mode::Client {
                self.close();
            }
        }
        Some(())
    }

    /// Ends all connections and is inactive after that; nothing is emitted.
    pub(crate) fn close(&self) {
        let (hosts, peers, incoming) = self.with(|it| {
            it.mode = Mode::None;
            it.status = ConnectionStatus::DISCONNECTED;
            it.unique_id = 0;
            it.is_refusing = false;
            (
                mem::take(&mut it.hosts),
                mem::take(&mut it.peers),
                mem::take(&mut it.incoming),
            )
        });
        drop(incoming);
        for peer in peers.values() {
            peer.end(|host, id| match host.state(id) {
                State::Connected => host.disconnect_now(id, 0),
                _ => Ok(()),
            });
        }
        for connection in hosts.values() {
            connection.state.host.with(enet::Host::flush);
            connection.state.destroy();
        }
    }
}
