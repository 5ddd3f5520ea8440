//! A client, a server, and a network between them whose events the input lists.

use std::collections::VecDeque;
use std::time::Duration;

use dtls::Status;
use testkit::{Clock, To};

use crate::packets::Ledger;
use crate::sides::{self, Side};
use crate::steps::Bytes;

/// Events beyond this many only take time.
const MOST_EVENTS: usize = 300;
/// Datagrams that a network carries at once and remembers.
const MOST_DATAGRAMS: usize = 200;

/// The receiver that a byte of the input names.
fn receiver(byte: u8) -> To {
    if byte & 1 == 0 {
        To::Client
    } else {
        To::Server
    }
}

/// One event in eight bytes at most; all others carry the datagram that is under way longest.
pub(crate) mod event {
    pub(crate) const DROP: u8 = 16;
    pub(crate) const DOUBLE: u8 = 17;
    pub(crate) const FLIP: u8 = 18;
    pub(crate) const CUT: u8 = 19;
    pub(crate) const DELAY: u8 = 20;
    pub(crate) const REPLAY: u8 = 21;
    pub(crate) const REFLECT: u8 = 22;
    pub(crate) const INJECT: u8 = 23;
    pub(crate) const WAIT: u8 = 24;
    pub(crate) const SEND: u8 = 25;
    pub(crate) const TAKE: u8 = 26;
    pub(crate) const CLOSE: u8 = 27;
    pub(crate) const JOIN: u8 = 28;
    pub(crate) const SETTLE: u8 = 29;
    pub(crate) const OVERWRITE: u8 = 30;
    pub(crate) const START_AGAIN: u8 = 31;
    pub(crate) const COUNT: u8 = 32;
}

pub(crate) struct Network {
    pub(crate) client: Side,
    pub(crate) server: Side,
    pub(crate) clock: Clock,
    pub(crate) under_way: VecDeque<(To, Vec<u8>)>,
    /// Every datagram that arrived, as it was sent.
    pub(crate) history: Vec<(To, Vec<u8>)>,
    to_client: Ledger,
    to_server: Ledger,
}

impl Network {
    pub(crate) fn new() -> Self {
        let clock = sides::begin_run();
        let mut network = Self {
            client: Side::client(clock),
            server: Side::server(clock),
            clock,
            under_way: VecDeque::new(),
            history: Vec::new(),
            to_client: Ledger::default(),
            to_server: Ledger::default(),
        };
        network.collect();
        network
    }

    fn side(&mut self, to: To) -> &mut Side {
        match to {
            To::Client => &mut self.client,
            To::Server => &mut self.server,
        }
    }

    fn collect(&mut self) {
        for (from, to) in [(To::Client, To::Server), (To::Server, To::Client)] {
            let datagrams = self.side(from).datagrams();
            let room = MOST_DATAGRAMS.saturating_sub(self.under_way.len());
            self.under_way.extend(
                datagrams
                    .into_iter()
                    .take(room)
                    .map(|datagram| (to, datagram)),
            );
        }
    }

    fn deliver(&mut self, to: To, datagram: &[u8]) {
        let clock = self.clock;
        self.side(to).handle(datagram, clock);
        self.collect();
    }

    /// Carries the oldest datagram; whether there was one.
    pub(crate) fn carry(&mut self) -> bool {
        let Some((to, datagram)) = self.under_way.pop_front() else {
            return false;
        };
        self.deliver(to, &datagram);
        if self.history.len() < MOST_DATAGRAMS {
            self.history.push((to, datagram));
        }
        true
    }

    pub(crate) fn settle(&mut self) {
        for _ in 0..MOST_DATAGRAMS {
            if !self.carry() {
                return;
            }
        }
    }

    pub(crate) fn wait(&mut self, by: Duration) {
        self.clock.advance(by);
        let clock = self.clock;
        self.client.handle_timeouts(clock);
        self.server.handle_timeouts(clock);
        self.collect();
    }

    /// The client's program ends without a close_notify, and another one begins at its address.
    pub(crate) fn start_client_again(&mut self) {
        self.client = Side::client(self.clock);
        self.collect();
    }

    pub(crate) fn send(&mut self, to: To, length: usize) {
        let ledger = match to {
            To::Client => &self.to_client,
            To::Server => &self.to_server,
        };
        let packet = ledger.next(length);
        if self.side(to.other()).send(&packet) {
            let ledger = match to {
                To::Client => &mut self.to_client,
                To::Server => &mut self.to_server,
            };
            ledger.sent(&packet);
        }
        self.collect();
    }

    /// Takes every packet that waits; each must be one that was sent.
    pub(crate) fn take(&mut self, at: To) -> usize {
        let mut count = 0;
        while let Some(packet) = self.side(at).next_packet() {
            match at {
                To::Client => self.to_client.arrived(&packet),
                To::Server => self.to_server.arrived(&packet),
            }
            count += 1;
        }
        count
    }

    fn act(&mut self, input: &mut Bytes<'_>) {
        match input.byte() % event::COUNT {
            event::DROP => drop(self.under_way.pop_front()),
            event::DOUBLE => {
                if let Some((to, datagram)) = self.under_way.front().cloned() {
                    self.carry();
                    self.deliver(to, &datagram);
                }
            }
            event::FLIP => {
                let bit = input.number();
                self.change_next(|datagram| {
                    let bit = bit % (datagram.len() * 8);
                    datagram[bit / 8] ^= 1 << (bit % 8);
                });
            }
            event::OVERWRITE => {
                let at = input.number();
                let byte = input.byte();
                self.change_next(|datagram| {
                    let at = at % datagram.len();
                    datagram[at] = byte;
                });
            }
            event::CUT => {
                let length = input.number();
                self.change_next(|datagram| datagram.truncate(length % datagram.len()));
            }
            event::DELAY => {
                if let Some(next) = self.under_way.pop_front() {
                    self.under_way.push_back(next);
                }
            }
            event::REPLAY => {
                if let Some((to, datagram)) = self.remembered(input.byte()) {
                    self.deliver(to, &datagram);
                }
            }
            event::REFLECT => {
                if let Some((to, datagram)) = self.remembered(input.byte()) {
                    self.deliver(to.other(), &datagram);
                }
            }
            event::INJECT => {
                let to = receiver(input.byte());
                let datagram = input.string();
                self.deliver(to, datagram);
            }
            event::WAIT => self.wait(Duration::from_millis(100) * u32::from(input.byte())),
            event::SEND => {
                let to = receiver(input.byte());
                let length = input.number();
                self.send(to, length);
            }
            event::TAKE => {
                let at = receiver(input.byte());
                self.take(at);
            }
            event::CLOSE => {
                let at = receiver(input.byte());
                self.side(at).close();
                self.collect();
            }
            event::JOIN => {
                if let Some((to, mut datagram)) = self.under_way.pop_front() {
                    let next = self.under_way.pop_front_if(|(other, _)| *other == to);
                    datagram.extend(next.into_iter().flat_map(|(_, next)| next));
                    self.deliver(to, &datagram);
                }
            }
            event::SETTLE => self.settle(),
            event::START_AGAIN => self.start_client_again(),
            _ => {
                self.carry();
            }
        }
    }

    fn remembered(&self, place: u8) -> Option<(To, Vec<u8>)> {
        let count = self.history.len().max(1);
        self.history.get(usize::from(place) % count).cloned()
    }

    /// Delivers the oldest datagram in another form.
    fn change_next(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some((to, mut datagram)) = self.under_way.pop_front() {
            if !datagram.is_empty() {
                change(&mut datagram);
            }
            self.deliver(to, &datagram);
        }
    }
}

pub(crate) fn run(input: &[u8]) {
    let mut network = Network::new();
    let mut input = Bytes(input);
    for _ in 0..MOST_EVENTS {
        if input.is_empty() {
            break;
        }
        network.act(&mut input);
    }
    network.settle();
    network.take(To::Client);
    network.take(To::Server);
    network.wait(Duration::from_secs(61));
    for status in [network.client.status(), network.server.status()] {
        assert_ne!(status, Some(Status::Handshaking), "a handshake has an end");
    }
}
