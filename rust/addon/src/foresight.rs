//! Memory that a peer will need, asked for before it is its turn.
//!
//! A server of many peers finds little of a peer's memory in the processor's cache, and most of what a packet takes is
//! waiting for it. But scripts poll their peers in the same order, frame after frame: so each peer knows which one had
//! something to do after it the last time, and while it is being worked on, the memory of that one is fetched.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use footprint::Footprint;

use crate::dtls_peer::DtlsPeer;

/// How many pieces of memory a peer has: its state, the way to its route, the route, what has arrived there, and its
/// keys.
const PLACES: usize = 5;

/// The memory of so many peers is taken to be in the cache still.
const CACHED_PEERS: u32 = 64;

/// Where a peer's memory lies.
pub(crate) type PeerFootprint = Footprint<PLACES>;

/// Who comes after a peer.
#[derive(Default)]
pub(crate) struct Next {
    /// The address of that peer's state, which tells it from others and is no more than that.
    whose: AtomicUsize,
    footprint: PeerFootprint,
    /// When the peer itself was worked on last: see [`Turns::count`].
    turn: AtomicU32,
}

/// What a thread knows of the order in which it works on peers.
struct Turns {
    last: Weak<DtlsPeer>,
    /// Who is to come after that one.
    expected: usize,
    /// Whose memory was asked for last.
    fetched: usize,
    /// How many peers had something to do.
    count: u32,
}

thread_local! {
    static TURNS: RefCell<Turns> = const {
        RefCell::new(Turns { last: Weak::new(), expected: 0, fetched: 0, count: 0 })
    };
}

/// Asks for the memory of a peer that comes next, unless that was done.
pub(crate) fn fetch(peer: &Arc<DtlsPeer>) {
    fetch_once(Arc::as_ptr(peer).addr(), &peer.footprint);
}

/// Asks for the memory of who came after this peer the last time, unless that was done.
pub(crate) fn fetch_next(peer: &DtlsPeer) {
    let whose = peer.next.whose.load(Ordering::Relaxed);
    if whose != 0 {
        fetch_once(whose, &peer.next.footprint);
    }
}

fn fetch_once(whose: usize, footprint: &PeerFootprint) {
    TURNS.with_borrow_mut(|turns| {
        if std::mem::replace(&mut turns.fetched, whose) != whose {
            footprint.fetch();
        }
    });
}

/// Remembers that a connected peer has its turn. To be called while no peer is locked.
pub(crate) fn follow(peer: &Arc<DtlsPeer>) {
    // Let go of in the end: who is the last to do so runs the peer's end.
    let _last = TURNS.with_borrow_mut(|turns| {
        let own = Arc::as_ptr(peer).addr();
        // One thread at a time works on a peer, or what is told of the order does not matter.
        let before = peer.next.turn.load(Ordering::Relaxed);
        peer.next.turn.store(turns.count, Ordering::Relaxed);
        let is_cached = turns.count.wrapping_sub(before) < CACHED_PEERS;
        turns.count = turns.count.wrapping_add(1);
        let is_news = !is_cached && turns.expected != own;
        let last = is_news.then(|| turns.last.upgrade()).flatten();
        if let Some(last) = &last {
            last.next.whose.store(own, Ordering::Relaxed);
            last.next.footprint.set(peer.footprint.iter());
        }
        turns.last = Arc::downgrade(peer);
        turns.expected = peer.next.whose.load(Ordering::Relaxed);
        last
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(count: usize) -> Vec<Arc<DtlsPeer>> {
        (0..count).map(|_| Arc::default()).collect()
    }

    fn knows(peer: &DtlsPeer, next: &Arc<DtlsPeer>) -> bool {
        peer.next.whose.load(Ordering::Relaxed) == Arc::as_ptr(next).addr()
    }

    #[test]
    fn a_peer_knows_who_came_after_it_in_the_last_frame() {
        let mut peers = peers(200);
        let frame = |peers: &[Arc<DtlsPeer>]| peers.iter().for_each(follow);
        frame(&peers);
        frame(&peers);
        assert!(peers.windows(2).all(|pair| knows(&pair[0], &pair[1])));
        assert!(knows(&peers[199], &peers[0]), "frames follow one another");

        let gone = Arc::downgrade(&peers.remove(100));
        assert_eq!(
            gone.strong_count(),
            0,
            "nobody keeps a peer that is let go of"
        );
        peers.iter().for_each(|peer| fetch_next(peer));
        frame(&peers);
        assert!(knows(&peers[99], &peers[100]));

        peers.reverse();
        frame(&peers);
        frame(&peers);
        assert!(peers.windows(2).all(|pair| knows(&pair[0], &pair[1])));
    }

    #[test]
    fn who_is_in_the_cache_anyway_is_not_asked_for() {
        let peers = peers(10);
        (0..10).for_each(|_| peers.iter().for_each(follow));
        let nobody = |peer: &Arc<DtlsPeer>| peer.next.whose.load(Ordering::Relaxed) == 0;
        assert!(peers.iter().all(nobody));
    }
}
