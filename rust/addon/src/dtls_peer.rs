//! A DTLS peer as its object's methods use it, from any thread.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use godot::builtin::PackedByteArray;
use godot::global::Error;
use once_cell::sync::OnceCell;

use crate::link::Link;
use crate::notice::Notice;
use crate::peer::{Got, Peer, PutError};
use crate::roster::Membership;
use crate::server_side::ServerSide;
use crate::status::Status;
use crate::{crew, panics};

/// A peer behind a lock. What scripts ask for most is published, so that asking takes no lock.
///
/// Printing, and calling an engine's peer, can run a script, which may drop the peer. Methods that
/// do either take `&Arc<Self>`, from callers that hold a reference until they return: an `Arc` of their
/// own, or the object.
#[derive(Default)]
pub(crate) struct DtlsPeer {
    peer: Mutex<Peer>,
    status: AtomicU8,
    packets: AtomicU32,
    /// Whether a poll does nothing as long as there are no `arrivals`.
    waits: AtomicBool,
    arrivals: OnceCell<udp::Arrivals>,
    has_restart: AtomicBool,
    /// Whether a thread of the crew polls it, or will soon.
    is_with_crew: AtomicBool,
    /// What that thread has left to be said by the script's own.
    unsaid: Mutex<Vec<Notice>>,
    has_unsaid: AtomicBool,
    /// Whether the engine, which keeps the code of the last packet for `get_packet_error()`, keeps an
    /// error.
    engine_keeps_error: AtomicBool,
    /// Of a server's peer: its place in the server's roster.
    membership: OnceCell<Membership>,
}

impl DtlsPeer {
    /// Takes its place in a roster, for good.
    pub(crate) fn join(&self, membership: Membership) {
        // A peer is made by one server, once.
        let _ = self.membership.set(membership);
    }

    /// Ends an unfinished handshake: there are more than the server's property allows.
    pub(crate) fn give_up(self: &Arc<Self>, property: &'static str) {
        self.run(|peer| peer.give_up(property)).print();
    }

    /// Whether the client may have been started again, so that the peer has to be polled though nothing comes for it.
    pub(crate) fn has_restart(&self) -> bool {
        self.has_restart.load(Ordering::Acquire)
    }

    /// To be called when the object begins to end: no roster gives it out after that.
    pub(crate) fn object_ends(&self) {
        if let Some(membership) = self.membership.get() {
            membership.object_ends();
        }
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        let peer = self.peer.lock().unwrap_or_else(|poisoned| {
            // Something panicked in the middle of it, so nothing of it is to be relied on.
            let mut peer = poisoned.into_inner();
            peer.abandon();
            self.peer.clear_poison();
            peer
        });
        Locked { peer, shared: self }
    }

    pub(crate) fn status(&self) -> Status {
        Status::from_number(self.status.load(Ordering::Acquire))
    }

    pub(crate) fn packet_count(&self) -> i32 {
        i32::try_from(self.packets.load(Ordering::Acquire)).unwrap_or(i32::MAX)
    }

    /// Takes what has arrived and sends what is due, or has a thread of the crew do it.
    pub(crate) fn poll(self: &Arc<Self>) {
        if self.has_nothing_to_do() {
            return;
        }
        self.say_unsaid();
        if self.is_with_crew.load(Ordering::Acquire) {
            return;
        }
        let peer = self.lock();
        if !peer.is_on_engine_link() {
            return self.advance(peer).print();
        }
        drop(peer);
        self.fetch();
        self.run(Peer::poll).print();
    }

    /// Whether it is known, without a lock, that a poll would do nothing.
    pub(crate) fn has_nothing_to_do(&self) -> bool {
        self.waits.load(Ordering::Acquire)
            && !self.has_unsaid.load(Ordering::Acquire)
            && self.arrivals.get().is_some_and(udp::Arrivals::is_quiet)
    }

    fn advance(self: &Arc<Self>, mut peer: Locked<'_>) -> Notice {
        let notice = peer.meet();
        if !peer.is_work_for_a_thread() {
            return match notice {
                Notice::None => peer.poll(),
                said => said,
            };
        }
        drop(peer);
        if self.is_with_crew.swap(true, Ordering::AcqRel) || crew::hand(self) {
            return notice;
        }
        self.come_back();
        self.lock().poll()
    }

    /// What a thread of the crew does with it. The thread prints nothing: that can run a script.
    pub(crate) fn work_on_thread(&self) {
        let mut peer = self.lock();
        panics::point("on a thread of the crew");
        if peer.is_on_engine_link() {
            // It was used again meanwhile; the engine's peers are for the script's thread.
            return;
        }
        let notice = peer.poll();
        drop(peer);
        if !matches!(notice, Notice::None) {
            self.unsaid().push(notice);
            self.has_unsaid.store(true, Ordering::Release);
        }
    }

    /// To be told that the crew has done what it was to do.
    pub(crate) fn come_back(&self) {
        self.is_with_crew.store(false, Ordering::Release);
    }

    fn unsaid(&self) -> MutexGuard<'_, Vec<Notice>> {
        self.unsaid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say_unsaid(self: &Arc<Self>) {
        if self.has_unsaid.load(Ordering::Acquire) {
            self.has_unsaid.store(false, Ordering::Relaxed);
            let unsaid = std::mem::take(&mut *self.unsaid());
            unsaid.into_iter().for_each(Notice::print);
        }
    }

    /// To be told what the engine keeps of the packet that was taken by its way.
    pub(crate) fn engine_keeps(&self, code: Error) {
        self.engine_keeps_error
            .store(code != Error::OK, Ordering::Relaxed);
    }

    /// Takes the oldest packet if one waits and the engine need not know; otherwise, nothing has
    /// happened.
    pub(crate) fn take_waiting(self: &Arc<Self>) -> Option<PackedByteArray> {
        if self.engine_keeps_error.load(Ordering::Relaxed) {
            return None;
        }
        let mut peer = self.lock();
        if peer.packet_count() == 0 || peer.is_on_engine_link() {
            return None;
        }
        let Got::Packet(packet, notice) = peer.get(|packet| PackedByteArray::from(packet)) else {
            return None;
        };
        drop(peer);
        notice.print();
        Some(packet)
    }

    /// Hands the oldest packet to `take`, after a look at the network if none waits.
    pub(crate) fn get<R>(self: &Arc<Self>, take: impl FnOnce(&[u8]) -> R) -> Got<R> {
        self.fetch();
        self.run(|peer| peer.get(take))
    }

    /// Sends one packet.
    pub(crate) fn put(self: &Arc<Self>, packet: &[u8]) -> Result<(), PutError> {
        self.run(|peer| peer.put(packet))
    }

    /// Begins a server's side of the connection.
    pub(crate) fn accept(self: &Arc<Self>, mut link: Link, server: Arc<ServerSide>) -> Notice {
        if let Some(address) = link.client_address()
            && let Some(session) = server.take_restarted(address)
        {
            self.lock().resume(link, session, server);
            return Notice::None;
        }
        link.fetch();
        if link.accepted().is_none() {
            return self.run(|peer| {
                peer.wait_for_hello(link, server);
                peer.poll()
            });
        }
        let mut peer = self.lock();
        peer.wait_for_hello(link, server);
        self.advance(peer)
    }

    /// Runs `work` on the locked peer, and sends what it leaves for an engine's UDP peer after that.
    pub(crate) fn run<R>(self: &Arc<Self>, work: impl FnOnce(&mut Peer) -> R) -> R {
        let mut peer = self.lock();
        // Kept beyond the lock: if this is the last reference, the object's end can run a script.
        let engine_peer = peer.engine_peer();
        let result = work(&mut peer);
        if engine_peer.is_some() || peer.is_on_engine_link() {
            let outbox = peer.take_outbox();
            drop(peer);
            outbox.send();
        }
        result
    }

    /// Fetches what has arrived at an engine's UDP peer.
    fn fetch(self: &Arc<Self>) {
        let engine_peer = self.lock().engine_peer_to_read();
        if let Some(engine_peer) = engine_peer
            && let Some(fetched) = engine_peer.fetch()
        {
            self.lock().bring(&engine_peer, fetched);
        }
    }
}

/// A locked peer; when it is let go, what it has become is published.
pub(crate) struct Locked<'a> {
    peer: MutexGuard<'a, Peer>,
    shared: &'a DtlsPeer,
}

impl Deref for Locked<'_> {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.peer
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Peer {
        &mut self.peer
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let packets = u32::try_from(self.peer.packet_count()).unwrap_or(u32::MAX);
        self.shared.packets.store(packets, Ordering::Release);
        self.shared
            .status
            .store(self.peer.status() as u8, Ordering::Release);
        let waits = self.peer.waits_for().is_some_and(|udp_peer| {
            let arrivals = &self.shared.arrivals;
            // A peer that is used again may have another UDP peer than it had first.
            match arrivals.get() {
                Some(known) => known.is_of(udp_peer),
                None => udp_peer
                    .arrivals()
                    .is_some_and(|it| arrivals.set(it).is_ok()),
            }
        });
        self.shared.waits.store(waits, Ordering::Release);
        self.shared
            .has_restart
            .store(self.peer.has_restart(), Ordering::Release);
    }
}
