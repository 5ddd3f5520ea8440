//! The packets of a peer that ENet holds until older ones have arrived: how many there are, and how long ENet searches
//! them.

use std::collections::HashMap;

use crate::wire::{Body, Command};

/// How many packets of a peer may wait for older ones. ENet sends at most 64 KB of reliable packets ahead.
pub const MAX_WAITING_PACKETS: usize = 16_384;

/// How many packets that wait ENet may look at for one peer in a period, and those of one datagram more: some 0.5 to 2 ms.
/// ENet finds a packet's place among those of its channel from the newest one on, so that a peer which has sent 16,384 and
/// repeats the oldest would keep it busy, 2 ms with each datagram of 200 bytes.
const SEARCHED: usize = 1 << 17;

/// The packets that wait, of one peer.
#[derive(Default)]
pub(super) struct Waiting {
    /// Of each channel, the number of the newest reliable packet, or fragment, that was taken from ENet.
    pub(super) delivered: HashMap<u8, u16>,
    /// By channel and reliable sequence number.
    ahead: HashMap<(u8, u16), Ahead>,
    /// ENet's lists, by channel and whether the packets are reliable.
    lists: HashMap<(u8, bool), List>,
    pub(super) packets: usize,
    /// How many packets were looked at, less what the periods since have allowed.
    searched: usize,
    period: u64,
}

#[derive(Default)]
struct Ahead {
    has_reliable: bool,
    unreliable: usize,
}

#[derive(Default)]
struct List {
    length: usize,
    newest: Order,
}

/// The reliable sequence number of a packet, and the unreliable one.
type Order = (u16, u16);

pub(super) enum Place {
    /// It takes no further memory: ENet has it, drops it, or delivers it at once.
    Known,
    /// It is the one that others wait for.
    Next,
    /// It may wait.
    Ahead,
}

/// A packet, or one whose fragment this is.
struct Packet {
    channel: u8,
    order: Order,
    is_reliable: bool,
    /// How far it is ahead of the newest reliable packet that was taken.
    distance: u16,
}

impl Packet {
    /// ENet drops it, and looks at no other for that.
    fn is_behind(&self) -> bool {
        self.distance > i16::MAX.cast_unsigned()
    }

    fn key(&self) -> (u8, u16) {
        (self.channel, self.order.0)
    }

    fn list(&self) -> (u8, bool) {
        (self.channel, self.is_reliable)
    }
}

impl Waiting {
    /// Datagrams that arrive in this period follow.
    pub(super) fn begin(&mut self, period: u64) {
        let passed = usize::try_from(period.saturating_sub(self.period)).unwrap_or(usize::MAX);
        self.period = period;
        self.searched = self
            .searched
            .saturating_sub(passed.saturating_mul(SEARCHED));
    }

    pub(super) fn is_unused(&self) -> bool {
        self.delivered.is_empty() && self.ahead.is_empty()
    }

    pub(super) fn has_room_for(&self, more: usize) -> bool {
        self.packets + more <= MAX_WAITING_PACKETS
    }

    fn packet(&self, command: &Command) -> Option<Packet> {
        let (order, is_reliable) = match &command.body {
            Body::Reliable => ((command.number, 0), true),
            Body::Fragment(piece) if piece.is_reliable => ((piece.start, 0), true),
            Body::Fragment(piece) => ((command.number, piece.start), false),
            Body::Unreliable { number } => ((command.number, *number), false),
            _ => return None,
        };
        let channel = command.channel;
        let delivered = self.delivered.get(&channel).copied().unwrap_or(0);
        Some(Packet {
            channel,
            order,
            is_reliable,
            distance: order.0.wrapping_sub(delivered),
        })
    }

    pub(super) fn place_of(&self, command: &Command) -> Place {
        self.packet(command)
            .map_or(Place::Known, |packet| self.place(&packet))
    }

    fn place(&self, packet: &Packet) -> Place {
        if packet.distance == 0 || packet.is_behind() {
            return Place::Known;
        }
        let known = self.ahead.get(&packet.key());
        match packet.is_reliable {
            true if known.is_some_and(|it| it.has_reliable) => Place::Known,
            true if packet.distance == 1 => Place::Next,
            _ => Place::Ahead,
        }
    }

    /// How many packets ENet looks at, at the most, for this one's place. No two have the same numbers.
    pub(super) fn searched_for(&self, command: &Command) -> usize {
        let Some(packet) = self.packet(command).filter(|it| !it.is_behind()) else {
            return 0;
        };
        match self.lists.get(&packet.list()) {
            Some(list) if is_newer(list.newest, packet.order) => {
                let (newest, order) = (list.newest, packet.order);
                let between = match newest.0.wrapping_sub(order.0) {
                    0 => newest.1 - order.1,
                    reliable if packet.is_reliable => reliable,
                    _ => u16::MAX,
                };
                list.length.min(between.into())
            }
            _ => 0,
        }
    }

    /// Whether ENet may look at so many packets for a datagram in this period. If it may look at any, it may at these.
    pub(super) fn may_search(&self, packets: usize) -> bool {
        packets == 0 || self.searched < SEARCHED
    }

    /// ENet looks at so many packets.
    pub(super) fn search(&mut self, packets: usize) {
        self.searched += packets;
    }

    pub(super) fn note(&mut self, command: &Command) {
        let Some(packet) = self.packet(command) else {
            return;
        };
        if matches!(self.place(&packet), Place::Known) {
            return;
        }
        let entry = self.ahead.entry(packet.key()).or_default();
        match packet.is_reliable {
            true => entry.has_reliable = true,
            false => entry.unreliable += 1,
        }
        self.packets += 1;
        let list = self.lists.entry(packet.list()).or_default();
        if list.length == 0 || is_newer(packet.order, list.newest) {
            list.newest = packet.order;
        }
        list.length += 1;
    }

    /// A reliable packet of so many fragments was taken from ENet.
    pub(super) fn delivered(&mut self, channel: u8, fragments: usize) {
        let delivered = self.delivered.entry(channel).or_default();
        let mut gone = [0, 0];
        for _ in 0..fragments {
            *delivered = delivered.wrapping_add(1);
            if let Some(ahead) = self.ahead.remove(&(channel, *delivered)) {
                gone[1] += usize::from(ahead.has_reliable);
                gone[0] += ahead.unreliable;
            }
        }
        for (is_reliable, gone) in [(false, gone[0]), (true, gone[1])] {
            self.packets -= gone;
            if let Some(list) = self.lists.get_mut(&(channel, is_reliable)) {
                list.length -= gone;
            }
        }
    }
}

/// Whether a packet is newer than another. Unreliable numbers begin anew after each reliable packet.
fn is_newer(packet: Order, other: Order) -> bool {
    match packet.0.wrapping_sub(other.0).cast_signed() {
        0 => packet.1 > other.1,
        ahead => ahead > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reliable(number: u16) -> Command {
        Command {
            channel: 3,
            number,
            is_reliable: true,
            body: Body::Reliable,
            range: 0..0,
        }
    }

    fn unreliable(after: u16, number: u16) -> Command {
        Command {
            channel: 3,
            number: after,
            is_reliable: false,
            body: Body::Unreliable { number },
            range: 0..0,
        }
    }

    fn wait_for(waiting: &mut Waiting, commands: impl Iterator<Item = Command>) {
        for command in commands {
            assert_eq!(waiting.searched_for(&command), 0);
            waiting.note(&command);
        }
    }

    #[test]
    fn a_packet_that_is_the_newest_one_is_placed_without_a_search() {
        let mut waiting = Waiting::default();
        // The numbers begin anew after the greatest one.
        waiting.delivered(3, 65_530);
        wait_for(
            &mut waiting,
            (0..1000_u16).map(|it| reliable(it.wrapping_sub(4))),
        );
        wait_for(&mut waiting, (1..1000).map(|it| unreliable(5, it)));
        // The next reliable one: the unreliable numbers begin anew.
        wait_for(&mut waiting, (0..1000).map(|it| unreliable(6, it)));
        assert_eq!(waiting.searched_for(&reliable(995)), 0, "the newest again");
        assert_eq!(waiting.searched_for(&unreliable(6, 999)), 0);
        assert_eq!(waiting.searched_for(&reliable(994)), 1);
        assert_eq!(waiting.searched_for(&reliable(65_531)), 1000);
        assert_eq!(waiting.searched_for(&unreliable(6, 998)), 1);
        assert_eq!(waiting.searched_for(&unreliable(5, 1001)), 1999);
        assert_eq!(waiting.searched_for(&reliable(65_529)), 0, "dropped unseen");
        let elsewhere = Command {
            channel: 4,
            ..reliable(1)
        };
        assert_eq!(waiting.searched_for(&elsewhere), 0);
    }

    #[test]
    fn packets_that_were_taken_are_not_searched() {
        let mut waiting = Waiting::default();
        wait_for(&mut waiting, (2..=100).map(reliable));
        wait_for(&mut waiting, (0..10).map(|it| unreliable(50, it)));
        waiting.delivered(3, 60);
        assert_eq!(waiting.searched_for(&reliable(61)), 39);
        assert_eq!(waiting.searched_for(&unreliable(60, 1)), 0);
        waiting.delivered(3, 40);
        assert_eq!(waiting.packets, 0);
        wait_for(&mut waiting, (102..=110).map(reliable));
    }

    #[test]
    fn what_is_searched_in_a_period_is_bounded() {
        let mut waiting = Waiting::default();
        waiting.search(SEARCHED - 1);
        assert!(waiting.may_search(SEARCHED), "one datagram's more");
        waiting.search(SEARCHED);
        assert!(!waiting.may_search(1));
        assert!(waiting.may_search(0), "packets in order always pass");
        waiting.begin(1);
        assert!(waiting.may_search(1), "less than a period's is left");
        waiting.search(1);
        assert!(!waiting.may_search(1));
        waiting.begin(3);
        assert!(waiting.may_search(1));
    }
}
