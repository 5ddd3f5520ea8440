//! What happens to a multiplayer peer when it is polled.

use std::sync::Arc;

use enet::Host;
use godot::classes::multiplayer_peer::ConnectionStatus;

use super::players::{HOST, Incoming, Mode, MultiplayerState, SERVER};
use crate::enet::host::{Happened, Packet, Peer};

/// How many datagrams a poll reads at the most, or 256 more. ENet reads 256 in a service, which is 15,360 a second at 60
/// frames: less than 1,000 players send.
const MAX_DATAGRAMS: usize = 2048;

/// How often a poll services its host at the most: a service ends with each new player.
const MAX_SERVICES: usize = 256;

/// A signal of the multiplayer peer's, which has an id.
#[derive(Clone, Copy)]
pub(super) enum Signal {
    PeerConnected,
    PeerDisconnected,
}

/// Emits a signal, which runs scripts: they can close the multiplayer peer, and make it another.
pub(super) type Emit<'a> = &'a dyn Fn(Signal, i32);

impl MultiplayerState {
    /// Receives and sends what there is.
    pub(super) fn poll(&self, emit: Emit<'_>) {
        self.drop_inactive_peers(emit);
        match self.with(|it| it.mode) {
            Mode::None => {}
            Mode::Client if !self.has_peer(SERVER) => self.close(),
            Mode::Client => self.poll_host(|happened| self.happened_to_client(happened, emit)),
            Mode::Server => self.poll_host(|happened| self.happened_to_server(happened, emit)),
            Mode::Mesh => self.poll_mesh(emit),
        }
    }

    /// Peers that a script has disconnected or reset.
    fn drop_inactive_peers(&self, emit: Emit<'_>) {
        let (gone, hosts) = self.with(|it| {
            if it.peers.values().all(|peer| peer.is_active()) {
                return (Vec::new(), Vec::new());
            }
            let all = it.peers.iter();
            let gone = all.filter(|(_, peer)| !peer.is_active()).map(|(id, _)| *id);
            let gone = gone.collect::<Vec<_>>();
            it.peers.retain(|_, peer| peer.is_active());
            let hosts = gone.iter().filter_map(|id| it.hosts.shift_remove(id));
            let hosts = hosts.collect::<Vec<_>>();
            (gone, hosts)
        });
        drop(hosts);
        for id in gone {
            emit(Signal::PeerDisconnected, id);
        }
    }

    /// Services the host of a server or client until nothing more has happened. The handler returns nothing; what scripts
    /// change is read anew each time.
    fn poll_host(&self, handle: impl Fn(Happened)) {
        let (mut services, mut datagrams) = (0, 0);
        let mut is_due = true;
        while let Some(connection) = self.host(HOST) {
            services += usize::from(is_due);
            match connection.state.next(is_due) {
                Happened::Nothing => {
                    let Some(read) = connection.state.read_of_more() else {
                        break;
                    };
                    datagrams += read;
                    if datagrams >= MAX_DATAGRAMS || services >= MAX_SERVICES {
                        break;
                    }
                    is_due = true;
                    continue;
                }
                // A script that a signal ran has destroyed the host: the next poll says which peers are gone.
                Happened::Inactive if !is_due || services > 1 => break,
                Happened::Inactive | Happened::Failed => return self.close(),
                happened => handle(happened),
            }
            is_due = false;
        }
    }

    fn happened_to_client(&self, happened: Happened, emit: Emit<'_>) {
        match happened {
            Happened::Connected { .. } => {
                self.with(|it| it.status = ConnectionStatus::CONNECTED);
                emit(Signal::PeerConnected, SERVER);
            }
            Happened::Disconnected { .. } => {
                if self.with(|it| it.status == ConnectionStatus::CONNECTED) {
                    emit(Signal::PeerDisconnected, SERVER);
                }
                self.close();
            }
            Happened::Received {
                channel, packet, ..
            } => self.store(SERVER, channel, packet),
            Happened::Inactive | Happened::Failed | Happened::Nothing => {}
        }
    }

    fn happened_to_server(&self, happened: Happened, emit: Emit<'_>) {
        match happened {
            Happened::Connected { peer, data } => match self.admit(&peer, data) {
                Some(id) => emit(Signal::PeerConnected, id),
                None => end(&peer),
            },
            Happened::Disconnected { peer, .. } => {
                let id = peer.player();
                if self.with(|it| it.is(id, &peer)) {
                    emit(Signal::PeerDisconnected, id);
                    self.with(|it| it.is(id, &peer).then(|| it.peers.shift_remove(&id)));
                }
            }
            Happened::Received {
                peer,
                channel,
                packet,
            } => {
                // 0 is a peer that the multiplayer API does not know: a script has connected to it.
                if peer.player() != 0 {
                    self.store(peer.player(), channel, packet);
                }
            }
            Happened::Inactive | Happened::Failed | Happened::Nothing => {}
        }
    }

    /// The id of a new client, which it has chosen itself; `None` if it is refused. Ids are positive: a negative one is a
    /// target of packets, all but that client.
    fn admit(&self, peer: &Arc<Peer>, data: u32) -> Option<i32> {
        let id = i32::try_from(data).ok().filter(|id| *id > SERVER)?;
        self.with(|it| {
            if it.is_refusing || it.peers.contains_key(&id) {
                return None;
            }
            peer.set_player(id);
            it.peers.insert(id, Arc::clone(peer));
            Some(id)
        })
    }

    fn poll_mesh(&self, emit: Emit<'_>) {
        let hosts = self.with(|it| it.hosts.clone());
        let mut gone = Vec::new();
        for (id, connection) in &hosts {
            let mut is_first = true;
            loop {
                match connection.state.next(is_first) {
                    Happened::Nothing => break,
                    Happened::Connected { peer, .. } => end(&peer),
                    Happened::Received {
                        channel, packet, ..
                    } => self.store(*id, channel, packet),
                    Happened::Disconnected { .. } | Happened::Failed | Happened::Inactive => {
                        gone.push(*id);
                        break;
                    }
                }
                is_first = false;
            }
        }
        for id in gone {
            if self.has_peer(id) {
                emit(Signal::PeerDisconnected, id);
            }
            let host = self.with(|it| {
                it.peers.shift_remove(&id);
                it.hosts.shift_remove(&id)
            });
            drop(host);
        }
    }

    fn store(&self, from: i32, channel: u8, packet: Packet) {
        let incoming = Incoming::new(from, channel, packet);
        self.with(|it| it.incoming.push_back(incoming));
    }
}

/// Ends a connection that is refused. The other side is not told, as by the engine.
fn end(peer: &Peer) {
    peer.end(Host::reset);
}
