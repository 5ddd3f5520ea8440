//! The peers that a DTLS server has made: those that shake hands, which are bounded in number, and
//! those that something came for.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use godot::builtin::Variant;
use godot::obj::{Gd, InstanceId};
use slotmap::{DefaultKey, Key, KeyData, SlotMap};

use crate::address_limits::Network;
use crate::dtls_peer::DtlsPeer;
use crate::packet_peer_dtls::OpenSslPacketPeerDtls;
use crate::state;
use crate::status::Status;

/// How many unfinished handshakes a server keeps unless it is told otherwise. Each takes about 70 KB
/// until it is done.
pub(crate) const MAX_HANDSHAKES: usize = 1024;

/// How often those that nothing comes for are looked at: they may have been silent for too long, or
/// their UDP server may have been stopped.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(1);

/// A server's peers. The objects are the script's: the roster does not keep them alive.
#[derive(Default)]
pub(crate) struct Roster {
    members: Mutex<Members>,
}

struct Members {
    all: SlotMap<DefaultKey, Member>,
    /// Oldest first; some are done by now.
    shaking_hands: VecDeque<u64>,
    max_handshakes: usize,
    listeners: Vec<Weak<udp::Listener>>,
    /// Whether listeners are asked whom something came for. Begins with the first such question, so
    /// that servers which poll each peer themselves do not pay for it.
    is_watching: bool,
    /// Those that are looked at whether or not anything came for them: they had packets left, or
    /// stand on an engine's UDP peer, which tells nobody.
    to_look_at: Vec<u64>,
    round: u64,
    swept_at: Option<Instant>,
}

impl Default for Members {
    fn default() -> Self {
        Self {
            all: SlotMap::new(),
            shaking_hands: VecDeque::new(),
            max_handshakes: MAX_HANDSHAKES,
            listeners: Vec::new(),
            is_watching: false,
            to_look_at: Vec::new(),
            round: 0,
            swept_at: None,
        }
    }
}

struct Member {
    /// None once the object has begun to end.
    object: Option<InstanceId>,
    peer: Weak<DtlsPeer>,
    /// Where its client is, for the limits of each address.
    network: Option<Network>,
    /// None for an engine's.
    udp_peer: Option<Weak<udp::Peer>>,
    /// What the script was told last.
    status: Status,
    /// The round in which it was looked at last.
    round: u64,
}

/// A peer's place in a roster, given up when it is dropped.
pub(crate) struct Membership {
    roster: Weak<Roster>,
    token: u64,
}

impl Membership {
    /// To be called before the object's memory is given back.
    pub(crate) fn object_ends(&self) {
        if let Some(roster) = self.roster.upgrade()
            && let Some(member) = roster.members().all.get_mut(key(self.token))
        {
            member.object = None;
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(roster) = self.roster.upgrade() {
            // It is dropped when nothing is locked any more.
            let _member = roster.members().all.remove(key(self.token));
        }
    }
}

/// A token, as listeners know it, is the number of a member's key.
fn key(token: u64) -> DefaultKey {
    KeyData::from_ffi(token).into()
}

impl Roster {
    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn max_handshakes(&self) -> usize {
        self.members().max_handshakes
    }

    pub(crate) fn set_max_handshakes(&self, max: usize) {
        self.members().max_handshakes = max;
        self.drop_oldest_handshakes();
    }

    /// Enters a peer that has begun to shake hands. If there are too many of those, the one that has
    /// taken longest is dropped. To be called while no peer is locked.
    pub(crate) fn enter(
        self: &Arc<Self>,
        object: &Gd<OpenSslPacketPeerDtls>,
        network: Option<Network>,
        udp_peer: Option<Arc<udp::Peer>>,
        listener: Option<Weak<udp::Listener>>,
    ) {
        let peer = state::of(object);
        let mut members = self.members();
        if let Some(listener) = listener
            && !members
                .listeners
                .iter()
                .any(|known| known.ptr_eq(&listener))
        {
            members.listeners.retain(|known| known.strong_count() > 0);
            members.listeners.push(listener);
        }
        let is_watching = members.is_watching;
        let member = Member {
            object: Some(object.instance_id()),
            network,
            peer: Arc::downgrade(&peer),
            udp_peer: udp_peer.as_ref().map(Arc::downgrade),
            status: Status::Handshaking,
            round: 0,
        };
        let token = members.all.insert(member).data().as_ffi();
        members.shaking_hands.push_back(token);
        drop(members);
        if is_watching && let Some(udp_peer) = udp_peer {
            watch(&udp_peer, token);
        }
        peer.join(Membership {
            roster: Arc::downgrade(self),
            token,
        });
        self.drop_oldest_handshakes();
    }

    fn drop_oldest_handshakes(&self) {
        let (oldest, seen) = self.members().take_excess_handshakes();
        for peer in oldest {
            peer.give_up("max_handshakes");
        }
        drop(seen);
    }

    /// Drops the handshake that has taken longest of those with clients of one network. To be called while no peer is
    /// locked.
    pub(crate) fn drop_oldest_handshake_of(&self, network: Network) {
        let (oldest, seen) = self.members().oldest_handshake_of(network);
        if let Some(peer) = oldest {
            peer.give_up("max_handshakes_per_address");
        }
        drop(seen);
    }

    /// Polls every peer that something came for, every one that shakes hands and every one that still
    /// had packets, and gives those that have packets now or are in another state than before.
    pub(crate) fn poll(&self) -> Vec<Gd<OpenSslPacketPeerDtls>> {
        let listeners: Vec<_> = {
            let members = self.members();
            members.listeners.iter().filter_map(Weak::upgrade).collect()
        };
        self.watch_all();
        let mut tokens = Vec::new();
        for listener in &listeners {
            // A listener that was stopped has nothing; its peers find out for themselves.
            let _ = listener.poll();
            listener.take_ready(&mut tokens);
        }
        let due = self.members().due(tokens, Instant::now());
        // Polled while the roster is not locked: a peer may print, and a script's logger call back.
        let mut news = Vec::new();
        for (token, peer) in due {
            peer.poll();
            // Used and dropped while the roster is not locked: this may be the last reference.
            let object = self.members().news_of(token, &peer);
            news.extend(object.and_then(|object| object.try_to().ok()));
        }
        news
    }

    fn watch_all(&self) {
        let members: Vec<_> = {
            let mut members = self.members();
            if mem::replace(&mut members.is_watching, true) {
                return;
            }
            let with_udp = |(key, member): (DefaultKey, &Member)| {
                Some((key.data().as_ffi(), member.udp_peer.as_ref()?.upgrade()?))
            };
            members.all.iter().filter_map(with_udp).collect()
        };
        for (token, udp_peer) in members {
            watch(&udp_peer, token);
        }
    }
}

fn watch(udp_peer: &udp::Peer, token: u64) {
    // A peer that was closed meanwhile gets nothing any more.
    let _ = udp_peer.set_token(Some(token));
}

impl Members {
    fn peer(&self, token: u64) -> Option<Arc<DtlsPeer>> {
        self.all.get(key(token))?.peer.upgrade()
    }

    /// Of too many unfinished handshakes the oldest; and every peer that was looked at for that, to
    /// be let go of while the roster is not locked: the last one to do so runs the peer's end.
    fn take_excess_handshakes(&mut self) -> (Vec<Arc<DtlsPeer>>, Vec<Arc<DtlsPeer>>) {
        if self.shaking_hands.len() <= self.max_handshakes {
            return Default::default();
        }
        let mut seen = Vec::new();
        let mut unfinished = VecDeque::new();
        for token in mem::take(&mut self.shaking_hands) {
            let Some(peer) = self.peer(token) else {
                continue;
            };
            match peer.status() {
                Status::Handshaking => unfinished.push_back((token, Arc::clone(&peer))),
                _ if self.is_watching => self.to_look_at.push(token),
                _ => {}
            }
            seen.push(peer);
        }
        let excess = unfinished.len().saturating_sub(self.max_handshakes);
        let oldest = unfinished.drain(..excess).map(|(_, peer)| peer).collect();
        self.shaking_hands = unfinished.into_iter().map(|(token, _)| token).collect();
        (oldest, seen)
    }

    /// The unfinished handshake of a network that has taken longest; and every peer that was looked at for that, as in
    /// [`Members::take_excess_handshakes`].
    fn oldest_handshake_of(&self, network: Network) -> (Option<Arc<DtlsPeer>>, Vec<Arc<DtlsPeer>>) {
        let mut seen = Vec::new();
        for &token in &self.shaking_hands {
            let is_of_network = |member: &&Member| member.network == Some(network);
            let member = self.all.get(key(token)).filter(is_of_network);
            let Some(peer) = member.and_then(|member| member.peer.upgrade()) else {
                continue;
            };
            if peer.status() == Status::Handshaking {
                return (Some(peer), seen);
            }
            seen.push(peer);
        }
        (None, seen)
    }

    /// Whom to look at now, each once.
    fn due(&mut self, mut tokens: Vec<u64>, now: Instant) -> Vec<(u64, Arc<DtlsPeer>)> {
        self.round += 1;
        tokens.extend(mem::take(&mut self.shaking_hands));
        tokens.append(&mut self.to_look_at);
        if self
            .swept_at
            .is_none_or(|at| now.saturating_duration_since(at) >= BETWEEN_SWEEPS)
        {
            self.swept_at = Some(now);
            tokens.extend(self.all.keys().map(|key| key.data().as_ffi()));
        }
        let round = self.round;
        let mut due = Vec::with_capacity(tokens.len());
        for token in tokens {
            if let Some(member) = self.all.get_mut(key(token))
                && mem::replace(&mut member.round, round) != round
            {
                due.extend(member.peer.upgrade().map(|peer| (token, peer)));
            }
        }
        due
    }

    /// A reference to the object to be shown to the script, if there is news of it.
    fn news_of(&mut self, token: u64, peer: &DtlsPeer) -> Option<Variant> {
        let member = self.all.get_mut(key(token))?;
        let status = peer.status();
        let has_packets = peer.packet_count() > 0;
        let has_changed = mem::replace(&mut member.status, status) != status;
        let object = member.object?;
        if status == Status::Handshaking {
            self.shaking_hands.push_back(token);
        } else if has_packets
            || member.udp_peer.is_none() && status == Status::Connected
            || peer.has_restart()
        {
            self.to_look_at.push(token);
        }
        // SAFETY: the roster is locked, and an object takes its id out of it under the same lock
        // ([`Membership::object_ends`], from `state::release`) before its Rust value ends. While it has no
        // membership yet, the caller of [`Roster::enter`] has a reference.
        (has_packets || has_changed).then(|| unsafe { state::take_hold(object) })
    }
}
