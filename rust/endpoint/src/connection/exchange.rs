//! Datagrams and packets, in and out.

use std::time::Instant;

use super::refusals::Refusals;
use super::{
    Connection, DATAGRAM, DATAGRAMS_PER_POLL, Live, Receive, Role, SendError, State, Status,
};
use crate::event::{Event, Side};
use crate::fail_point::fail_point;
use crate::transport::{Break, Received};

impl Connection {
    /// Reads what has arrived, sends what is due, and ends the connection if it is time.
    pub fn poll(&mut self, now: Instant) -> Option<Event> {
        fail_point("while a peer is locked");
        if !self.has_something_to_do(now) {
            return None;
        }
        if let Some(event) = self.verify_client(now) {
            return Some(event);
        }
        if let Err(event) = self.begin_session(now) {
            return Some(event);
        }
        if let Some(live) = self.live_mut() {
            live.is_unpolled = false;
        }
        let mut datagram = DATAGRAM.take();
        self.exchange(&mut datagram, now);
        DATAGRAM.set(datagram);
        self.advance_restart(now)
            .or_else(|| self.end_if_silent(now))
            .or_else(|| self.settle())
    }

    /// Whether a poll would do anything. Asking costs next to nothing.
    fn has_something_to_do(&self, now: Instant) -> bool {
        let State::Open(open) = &self.state else {
            return false;
        };
        open.live().is_none_or(|live| {
            live.is_unpolled
                || !live.is_at_rest()
                || !open.transport.is_quiet()
                || self.is_silent_too_long(now)
        })
    }

    /// The UDP peer of a connection for which a poll does nothing until a datagram arrives.
    pub(crate) fn waits_for(&self) -> Option<&udp::DatagramSocket> {
        let State::Open(open) = &self.state else {
            return None;
        };
        let live = open.live()?;
        (!live.is_unpolled && self.timeouts.idle.is_zero() && live.is_at_rest())
            .then(|| open.transport.accepted_peer())?
    }

    /// Encrypts and sends one packet.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(&mut self, packet: &[u8]) -> Result<(), SendError> {
        let live = self.live_mut().filter(|live| !live.is_unpolled);
        let Some(live) = live else {
            return Err(SendError::NotConnected);
        };
        let sent = live.session.send(packet);
        self.flush_at(None);
        match sent {
            Ok(()) if self.live().is_some_and(|live| live.broken.is_some()) => {
                Err(SendError::Failed(self.settle().map(Box::new)))
            }
            Ok(()) => Ok(()),
            Err(error @ dtls::SendError::TooLarge { .. }) => Err(SendError::TooLarge(error)),
            Err(dtls::SendError::NotConnected) => Err(SendError::NotConnected),
            Err(_) => Err(SendError::Failed(self.settle().map(Box::new))),
        }
    }

    /// How many received packets wait.
    pub fn packet_count(&self) -> usize {
        match self.live() {
            Some(live) if !live.is_unpolled => live.session.packet_count(),
            _ => 0,
        }
    }

    /// Passes the oldest packet to `take`; if none waits, polls first, and passes an empty slice if none has arrived.
    pub fn receive<R>(&mut self, now: Instant, take: impl FnOnce(&[u8]) -> R) -> Receive<R> {
        if self.status() != Status::Connected {
            return Receive::NotConnected;
        }
        let mut event = None;
        if self.packet_count() == 0 {
            event = self.poll(now);
            if self.status() != Status::Connected {
                return Receive::Ended(event);
            }
        }
        if self.packet_count() == 0 {
            return Receive::Packet(take(&[]), event);
        }
        match self.take_waiting(take) {
            Some((taken, happened)) => Receive::Packet(taken, event.or(happened)),
            None => Receive::NotConnected,
        }
    }

    /// Passes the oldest packet to `take`; `None` if none waits.
    pub(crate) fn take_waiting<R>(
        &mut self,
        take: impl FnOnce(&[u8]) -> R,
    ) -> Option<(R, Option<Event>)> {
        let live = self.live_mut().filter(|live| !live.is_unpolled)?;
        let taken = live.session.next_packet(take)?;
        // The last packet of a session that the other side has closed ends the connection.
        Some((taken, self.settle()))
    }

    fn exchange(&mut self, datagram: &mut Vec<u8>, now: Instant) {
        let Some((transport, role, live)) = self.state.live_mut() else {
            return;
        };
        for _ in 0..DATAGRAMS_PER_POLL {
            if !live.session.takes_datagrams() {
                break;
            }
            match transport.receive(datagram) {
                Received::Datagram if live.session.is_new_client_hello(datagram) => {
                    // The client was restarted, or another machine poses as it: a valid cookie only shows that its
                    // sender can read what is sent to the address (RFC 6347 section 4.2.8).
                    let is_verified = role.acceptor().is_some_and(|acceptor| {
                        acceptor.verify_cookie(&**transport, datagram, now) == Ok(true)
                    });
                    if !is_verified {
                        continue;
                    }
                    if !live.is_handshaking() {
                        live.session.offer_restart(datagram, now);
                    } else if transport.replace(datagram) {
                        self.state = State::Idle(Status::Failed);
                        return;
                    }
                }
                Received::Datagram => {
                    live.refusals.clear();
                    live.session.handle_datagram(datagram, now);
                    if live.session.is_restarted() {
                        break;
                    }
                }
                Received::Nothing => break,
                Received::Broken(Break::Refused) if is_connecting(role, live) => {
                    live.refusals.add(now, self.timeouts.without_listener);
                }
                Received::Broken(why) => {
                    live.broken = Some(why);
                    return;
                }
            }
        }
        if live.session.timeout().is_some_and(|at| now >= at) {
            live.session.handle_timeout(now);
        }
        if live.refusals != Refusals::None
            && is_connecting(role, live)
            && live.refusals.begin_test(now)
            && !live.session.has_datagrams()
        {
            live.session.resend_flight();
        }
        self.flush(now);
    }

    /// Sends the datagrams that the session has left.
    pub(super) fn flush(&mut self, now: Instant) {
        self.flush_at(Some(now));
    }

    /// As [`flush`](Self::flush). The time is needed while a client connects; packets are sent after that, and save the
    /// reading of a clock.
    fn flush_at(&mut self, now: Option<Instant>) {
        let Some((transport, role, live)) = self.state.live_mut() else {
            return;
        };
        if !live.session.has_datagrams() {
            return;
        }
        let connecting = now.filter(|_| is_connecting(role, live));
        let Live {
            session,
            broken,
            refusals,
            ..
        } = live;
        let mut has_sent = false;
        let at_least = self.timeouts.without_listener;
        session.drain_datagrams(|datagram| match (transport.send(datagram), connecting) {
            (Ok(()), _) => has_sent = true,
            // On the loopback the refusal of a datagram is there when the next one is sent.
            (Err(Break::Refused), Some(now)) if has_sent => refusals.add(now, at_least),
            (Err(Break::Refused), Some(now)) => refusals.add_late(now),
            (Err(why), _) => *broken = Some(why),
        });
    }

    pub(super) fn live_mut(&mut self) -> Option<&mut Live> {
        self.state.live_mut().map(|(_, _, live)| live)
    }
}

/// Whether this is a client whose handshake is unfinished.
fn is_connecting(role: &Role, live: &Live) -> bool {
    role.side() == Side::Client && live.is_handshaking()
}
