//! Datagrams and packets, in and out.

use std::cell::LazyCell;
use std::time::Instant;

use dtls::{SendError, Session};

use super::absence::Absence;
use super::{DATAGRAM, DATAGRAMS_PER_POLL, Got, Peer, PutError, Side, State};
use crate::link::{Arrival, Break};
use crate::notice::Notice;
use crate::panics;
use crate::status::Status;

impl Peer {
    /// Takes what has arrived, sends what is due.
    pub(crate) fn poll(&mut self) -> Notice {
        panics::point("while a peer is locked");
        if !self.has_something_to_do() {
            return Notice::None;
        }
        if let Err(notice) = self.try_to_meet().and_then(|()| self.begin_session()) {
            return notice;
        }
        if let State::Live { is_unpolled, .. } = &mut self.state {
            *is_unpolled = false;
        }
        let mut datagram = DATAGRAM.take();
        self.exchange(&mut datagram);
        DATAGRAM.set(datagram);
        let notice = self.advance_restart();
        if !matches!(notice, Notice::None) {
            return notice;
        }
        self.end_silence().unwrap_or_else(|| self.settle())
    }

    /// Whether a poll would do anything; it costs next to nothing to ask.
    fn has_something_to_do(&self) -> bool {
        match &self.state {
            State::Idle(_) => false,
            State::Live {
                is_unpolled: true, ..
            } => true,
            State::Live { link, session, .. } => {
                !rests(session) || !link.is_quiet() || self.is_silent_too_long()
            }
            State::Greeting { .. } | State::Met { .. } => true,
        }
    }

    /// The UDP peer of a connection for which a poll does nothing until a datagram comes.
    pub(crate) fn waits_for(&self) -> Option<&udp::Peer> {
        match &self.state {
            State::Live {
                link,
                session,
                is_unpolled: false,
                ..
            } if self.timeouts.idle.is_zero() && rests(session) => link.accepted(),
            _ => None,
        }
    }

    /// Sends one packet.
    pub(crate) fn put(&mut self, packet: &[u8]) -> Result<(), PutError> {
        let State::Live {
            session,
            is_unpolled: false,
            ..
        } = &mut self.state
        else {
            return Err(PutError::NotConnected);
        };
        let sent = session.send(packet);
        self.flush();
        match sent {
            Ok(()) if self.is_broken() => Err(PutError::Failed(self.settle())),
            Ok(()) => Ok(()),
            Err(error @ SendError::TooLarge { .. }) => Err(PutError::TooLarge(error)),
            Err(SendError::NotConnected) => Err(PutError::NotConnected),
            Err(_) => Err(PutError::Failed(self.settle())),
        }
    }

    pub(crate) fn packet_count(&self) -> usize {
        match &self.state {
            State::Live {
                session,
                is_unpolled: false,
                ..
            } => session.packet_count(),
            _ => 0,
        }
    }

    /// Hands the oldest packet to `take`, after a look at the network if none waits.
    pub(crate) fn get<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Got<R> {
        if self.status() != Status::Connected {
            return Got::NotConnected;
        }
        if self.packet_count() == 0 {
            let notice = self.poll();
            if self.status() != Status::Connected {
                return Got::Ended(notice);
            }
        }
        let State::Live { session, .. } = &mut self.state else {
            return Got::NotConnected;
        };
        let taken = match session.packet_count() {
            0 => Some(take(&[])),
            _ => session.next_packet(take),
        };
        let Some(taken) = taken else {
            return Got::NotConnected;
        };
        // The last packet of a session that the other side closed ends it.
        Got::Packet(taken, self.settle())
    }

    fn exchange(&mut self, datagram: &mut Vec<u8>) {
        let State::Live {
            link,
            session,
            side,
            server,
            broken,
            absence,
            ..
        } = &mut self.state
        else {
            return;
        };
        // Asked for once, and only if anything happens.
        let now = LazyCell::new(Instant::now);
        for _ in 0..DATAGRAMS_PER_POLL {
            if !session.takes_datagrams() {
                break;
            }
            match link.receive(datagram) {
                Arrival::Datagram if session.is_new_client_hello(datagram) => {
                    // The client was started again, or somebody poses as it: a cookie tells only that the sender
                    // can read what is sent to the address (RFC 6347 section 4.2.8).
                    let is_verified = server.as_ref().is_some_and(|server| {
                        server.greet(link, datagram, *now, &mut self.outbox) == Ok(true)
                    });
                    if !is_verified {
                        continue;
                    }
                    if session.status() != dtls::Status::Handshaking {
                        session.offer_restart(datagram, *now);
                    } else if link.give_up_to_newcomer(datagram) {
                        self.state = State::Idle(Status::Error);
                        return;
                    }
                }
                Arrival::Datagram => {
                    absence.hear_answer();
                    session.handle_datagram(datagram, *now);
                    if session.is_restarted() {
                        break;
                    }
                }
                Arrival::Nothing => break,
                Arrival::Broken(Break::Refused) if is_joining(*side, session) => {
                    absence.hear_refusal(*now);
                }
                Arrival::Broken(why) => {
                    *broken = Some(why);
                    return;
                }
            }
        }
        if session.timeout().is_some_and(|at| *now >= at) {
            session.handle_timeout(*now);
        }
        if *absence != Absence::None
            && is_joining(*side, session)
            && absence.begin_test(*now)
            && !session.has_datagrams()
        {
            session.resend_flight();
        }
        self.flush();
    }

    pub(super) fn flush(&mut self) {
        if let State::Live {
            link,
            session,
            side,
            broken,
            absence,
            ..
        } = &mut self.state
            && session.has_datagrams()
        {
            let is_joining = is_joining(*side, session);
            let mut has_sent = false;
            session.drain_datagrams(|datagram| match link.send(datagram, &mut self.outbox) {
                Ok(()) => has_sent = true,
                // On the loopback the refusal of a datagram is there when the next one is sent.
                Err(Break::Refused) if is_joining && has_sent => {
                    absence.hear_refusal(Instant::now());
                }
                Err(Break::Refused) if is_joining => absence.hear_late_refusal(Instant::now()),
                Err(why) => *broken = Some(why),
            });
        }
    }
}

/// Whether nothing is due from a session by itself.
fn rests(session: &Session) -> bool {
    session.timeout().is_none() && !session.has_datagrams()
}

/// Whether this is a client that has not reached its server yet.
fn is_joining(side: Side, session: &Session) -> bool {
    side == Side::Client && session.status() == dtls::Status::Handshaking
}
