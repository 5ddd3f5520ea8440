//! Where a multiplayer peer's packets go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use enet::{Host, Kind};
use godot::classes::Os;
use godot::classes::multiplayer_peer::ConnectionStatus;
use godot::global::{Error, godot_warn};
use godot::obj::Singleton;

use super::players::{Connection, FIRST_CHANNEL, HOST, Mode, MultiplayerState, Players, SERVER};
use crate::enet::connection::broadcast;
use crate::enet::host::Peer;
use crate::enet::packet_peer::{Cause, Unsent, send};
use crate::refusal::Refusal;
use crate::report::{limited, mistake};

const WHAT: &str = "ENetMultiplayerPeer.put_packet()";

/// ENet's channels are numbered below this.
const MAX_CHANNELS: u8 = 255;

/// A packet's receivers, and the hosts to flush.
struct Route {
    to: To,
    hosts: Vec<Connection>,
}

enum To {
    /// Every peer of the one host.
    All,
    These(Vec<Arc<Peer>>),
}

impl MultiplayerState {
    /// Sends a packet to the peers that are set as its target. What fails for one of them is printed, once.
    pub(super) fn put(&self, packet: &[u8]) -> Result<(), Refusal> {
        let (kind, channel, mode, transfer_channel, route) = self.with(|it| {
            let (kind, channel) = it.transfer();
            let route = it.route()?;
            Ok::<_, Refusal>((kind, channel, it.mode, it.transfer_channel, route))
        })?;
        let size = packet.len();
        let sent = match u8::try_from(channel) {
            Ok(channel) if channel < MAX_CHANNELS => send_by(&route, channel, packet, kind),
            _ => Err(no_channel(transfer_channel)),
        };
        let mut whole = usize::MAX;
        for connection in &route.hosts {
            let of_host = connection.state.host.with_flush(Host::largest_whole_packet);
            whole = whole.min(of_host.unwrap_or(whole));
        }
        // The packet is not used any more: what is printed can run a script that changes it.
        match sent {
            Ok(()) => {}
            // The multiplayer API sends by itself, to a peer that may acknowledge nothing, and that a peer is gone to others
            // that are gone as well.
            Err(Unsent { why, cause }) => match (cause, mode) {
                (Cause::Remote, _) | (Cause::FewerChannels, Mode::Server) => limited(WHAT, &why),
                _ => mistake(WHAT, why),
            },
        }
        if kind != Kind::Reliable && size > whole {
            warn_of_size(size, whole);
        }
        Ok(())
    }
}

fn no_channel(transfer_channel: i32) -> Unsent {
    let most = i32::from(MAX_CHANNELS) - FIRST_CHANNEL;
    format!("there is no transfer channel {transfer_channel}: they are from 0 to {most}").into()
}

fn send_by(route: &Route, channel: u8, packet: &[u8], kind: Kind) -> Result<(), Unsent> {
    match (&route.to, &route.hosts[..]) {
        (To::All, [connection, ..]) => Ok(broadcast(
            &connection.state.host,
            channel.into(),
            packet,
            kind,
        )?),
        (To::All, []) => Ok(()),
        (To::These(peers), _) => {
            let each = peers.iter().map(|peer| send(peer, channel, packet, kind));
            // Every one of them, also after one that fails.
            each.fold(Ok(()), Result::and)
        }
    }
}

impl Players {
    fn route(&self) -> Result<Route, Refusal> {
        if self.mode == Mode::None {
            return Err(Refusal::new(Error::ERR_UNCONFIGURED, super::INACTIVE));
        }
        if self.status != ConnectionStatus::CONNECTED {
            let why = "it is not connected to the server yet";
            return Err(Refusal::new(Error::ERR_UNCONFIGURED, why));
        }
        let target = self.target.saturating_abs();
        if target != 0 && !self.peers.contains_key(&target) {
            let why = format!("there is no peer {target}");
            return Err(Refusal::parameter(why));
        }
        let one_host = || self.hosts.get(&HOST).cloned().into_iter().collect();
        let others = || self.peers.iter().filter(|(id, _)| **id != target);
        let peers_of = |ids: &[i32]| {
            let peers = ids.iter().filter_map(|id| self.peers.get(id));
            To::These(peers.cloned().collect())
        };
        Ok(match (self.mode, self.target) {
            (Mode::Server, 0) => Route {
                to: To::All,
                hosts: one_host(),
            },
            (Mode::Server, ..0) => Route {
                to: To::These(others().map(|(_, peer)| Arc::clone(peer)).collect()),
                hosts: one_host(),
            },
            (Mode::Server, _) => Route {
                to: peers_of(&[target]),
                hosts: one_host(),
            },
            // The server passes it on.
            (Mode::Client, _) if !self.peers.contains_key(&SERVER) => {
                return Err(Error::ERR_BUG.into());
            }
            (Mode::Client, _) => Route {
                to: peers_of(&[SERVER]),
                hosts: one_host(),
            },
            (_, ..=0) => Route {
                to: To::These(others().map(|(_, peer)| Arc::clone(peer)).collect()),
                hosts: others()
                    .filter_map(|(id, _)| self.hosts.get(id).cloned())
                    .collect(),
            },
            (_, _) => Route {
                to: peers_of(&[target]),
                hosts: self.hosts.get(&target).cloned().into_iter().collect(),
            },
        })
    }
}

/// As the engine does: once, and in debug builds alone.
fn warn_of_size(size: usize, whole: usize) {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    if Os::singleton().is_debug_build() && !IS_SAID.swap(true, Ordering::Relaxed) {
        godot_warn!(
            "{WHAT}: an unreliable packet of {size} bytes is sent in fragments, since it is larger than {whole}: it is lost \
             when one of them is."
        );
    }
}
