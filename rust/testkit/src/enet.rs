//! ENet's datagrams, made by hand: what hostile clients and servers send in tests.
//!
//! Each has the command's fields as they stand in ENet's `protocol.h`; numbers are sequence numbers.

use crate::SeededRng;

/// As many channels as there are.
pub const CHANNELS: u8 = 255;
/// ENet's MTU with DTLS.
const MTU: u32 = 1163;
/// What a fragment of a packet holds, all but the last.
pub const FRAGMENT: usize = MTU as usize - 28;
/// The receiver's number in a datagram that asks for a connection.
pub const UNCONNECTED: u16 = 0xfff;
/// The flag of a header with a time.
const SENT_TIME: u16 = 0x8000;

const ACKNOWLEDGE: u8 = 1;
const CONNECT: u8 = 2;
const VERIFY_CONNECT: u8 = 3;
const DISCONNECT: u8 = 4;
const PING: u8 = 5;
const RELIABLE: u8 = 6;
const UNRELIABLE: u8 = 7;
const FRAGMENT_OF_RELIABLE: u8 = 8;
const UNSEQUENCED: u8 = 9;
const BANDWIDTH_LIMIT: u8 = 10;
const THROTTLE_CONFIGURE: u8 = 11;
const FRAGMENT_OF_UNRELIABLE: u8 = 12;
/// A command with it is to be acknowledged.
const TO_ACKNOWLEDGE: u8 = 0x80;

/// The commands of one datagram.
#[derive(Clone, Default)]
pub struct Commands(Vec<u8>);

impl Commands {
    /// 32 commands, the most that a datagram can have.
    pub fn full(mut command: impl FnMut(Self, u16) -> Self) -> Self {
        (0..32).fold(Self::default(), |commands, number| {
            command(commands, number)
        })
    }

    /// The datagram, for a peer that has this number at its receiver.
    pub fn datagram(&self, to: u16) -> Vec<u8> {
        let mut datagram = (to | SENT_TIME).to_be_bytes().to_vec();
        datagram.extend([0, 0]);
        datagram.extend(&self.0);
        datagram
    }

    /// One to 32 complete commands with random fields, of every kind but those that begin and end a connection.
    pub fn random(rng: &mut SeededRng) -> Self {
        const KINDS: [(u8, usize); 9] = [
            (ACKNOWLEDGE, 8),
            (PING, 4),
            (RELIABLE, 6),
            (UNRELIABLE, 8),
            (FRAGMENT_OF_RELIABLE, 24),
            (UNSEQUENCED, 8),
            (BANDWIDTH_LIMIT, 12),
            (THROTTLE_CONFIGURE, 16),
            (FRAGMENT_OF_UNRELIABLE, 24),
        ];
        let mut all = Self::default();
        for _ in 0..=rng.index(32) {
            let (kind, size) = *rng.pick(&KINDS);
            let mut command = rng.bytes(size);
            command[0] = command[0] & 0xf0 | kind;
            let length_at = match kind {
                RELIABLE => Some(4),
                UNRELIABLE | UNSEQUENCED | FRAGMENT_OF_RELIABLE | FRAGMENT_OF_UNRELIABLE => Some(6),
                _ => None,
            };
            if let Some(at) = length_at {
                let length = rng.index(20);
                command[at..at + 2].copy_from_slice(&(length as u16).to_be_bytes());
                command.extend(rng.bytes(length));
            }
            all.0.extend(command);
        }
        all
    }

    fn command(mut self, command: u8, channel: u8, number: u16) -> Self {
        self.0.extend([command, channel]);
        self.0.extend(number.to_be_bytes());
        self
    }

    fn short(mut self, field: u16) -> Self {
        self.0.extend(field.to_be_bytes());
        self
    }

    fn long(mut self, fields: &[u32]) -> Self {
        let bytes = fields.iter().flat_map(|field| field.to_be_bytes());
        self.0.extend(bytes);
        self
    }

    fn data(mut self, data: &[u8]) -> Self {
        self.0.extend(data);
        self
    }

    /// Asks for a connection with this id, with a number for the owner of the host, and all channels.
    pub fn connect(id: u32, data: u32) -> Self {
        Self::connect_with(CHANNELS, id, data)
    }

    /// As [`connect`](Self::connect), with so many channels.
    pub fn connect_with(channels: u8, id: u32, data: u32) -> Self {
        let begin = Self::default().command(CONNECT | TO_ACKNOWLEDGE, 0xff, 1);
        let begin = begin.short(0).short(0xffff);
        // MTU, window, channels, two bandwidths, and three numbers of the throttle.
        let fields = [1392, 65_536, u32::from(channels), 0, 0, 5000, 2, 2];
        begin.long(&fields).long(&[id, data])
    }

    /// Answers a connect: with this many channels, and this MTU.
    pub fn verify_connect(channels: u32, mtu: u32, connect: &Connect) -> Self {
        let begin = Self::default().command(VERIFY_CONNECT | TO_ACKNOWLEDGE, 0xff, 1);
        let begin = begin.short(0).short(0).long(&[mtu, 65_536, channels, 0, 0]);
        begin.data(&connect.throttle).data(&connect.id)
    }

    /// Acknowledges a command that was sent at `sent_time`.
    pub fn acknowledge(self, channel: u8, number: u16, sent_time: u16) -> Self {
        let begin = self.command(ACKNOWLEDGE, channel, number);
        begin.short(number).short(sent_time)
    }

    /// Ends the connection.
    pub fn disconnect(self) -> Self {
        self.command(DISCONNECT | TO_ACKNOWLEDGE, 0xff, 2)
            .long(&[7])
    }

    /// Asks for an acknowledgement.
    pub fn ping(self, number: u16) -> Self {
        self.command(PING | TO_ACKNOWLEDGE, 0xff, number)
    }

    /// A reliable packet.
    pub fn reliable(self, channel: u8, number: u16, data: &[u8]) -> Self {
        let begin = self.command(RELIABLE | TO_ACKNOWLEDGE, channel, number);
        begin.short(data.len() as u16).data(data)
    }

    /// An unreliable packet after the reliable one with that number.
    pub fn unreliable(self, channel: u8, after: u16, number: u16, data: &[u8]) -> Self {
        let begin = self.command(UNRELIABLE, channel, after).short(number);
        begin.short(data.len() as u16).data(data)
    }

    /// An unreliable packet of which the order does not matter.
    pub fn unsequenced(self, channel: u8, group: u16, data: &[u8]) -> Self {
        let begin = self.command(UNSEQUENCED | 0x40, channel, 0).short(group);
        begin.short(data.len() as u16).data(data)
    }

    /// The last fragment of a reliable packet of `total` bytes that begins with that number.
    pub fn last_fragment(self, channel: u8, start: u16, total: usize) -> Self {
        let command = FRAGMENT_OF_RELIABLE | TO_ACKNOWLEDGE;
        self.command(command, channel, start).piece(start, total)
    }

    /// The last fragment of an unreliable packet of `total` bytes.
    pub fn last_unreliable_fragment(
        self,
        channel: u8,
        after: u16,
        start: u16,
        total: usize,
    ) -> Self {
        self.command(FRAGMENT_OF_UNRELIABLE, channel, after)
            .piece(start, total)
    }

    fn piece(self, start: u16, total: usize) -> Self {
        let count = total.div_ceil(FRAGMENT);
        let offset = (count - 1) * FRAGMENT;
        let fields = [count, count - 1, total, offset].map(|it| it as u32);
        let begin = self.short(start).short((total - offset) as u16);
        begin.long(&fields).data(&vec![0; total - offset])
    }

    /// Says how many bytes a second the sender takes and sends.
    pub fn bandwidth_limit(self, number: u16, incoming: u32, outgoing: u32) -> Self {
        self.command(BANDWIDTH_LIMIT | TO_ACKNOWLEDGE, 0xff, number)
            .long(&[incoming, outgoing])
    }

    /// Sets the throttle of unreliable packets: interval, acceleration and deceleration.
    pub fn configure_throttle(self, number: u16, fields: [u32; 3]) -> Self {
        self.command(THROTTLE_CONFIGURE | TO_ACKNOWLEDGE, 0xff, number)
            .long(&fields)
    }
}

/// What a connect has that its answer repeats.
#[derive(Clone)]
pub struct Connect {
    throttle: [u8; 12],
    id: [u8; 4],
}

impl Connect {
    /// Reads a datagram that asks for a connection.
    pub fn read(datagram: &[u8]) -> Option<Self> {
        let command = datagram.get(4..52)?;
        (command[0] == CONNECT | TO_ACKNOWLEDGE).then_some(())?;
        Some(Self {
            throttle: *command[28..].first_chunk()?,
            id: *command[40..].first_chunk()?,
        })
    }
}

/// A server's answer to a connect.
pub struct Answer {
    /// To whom the client's datagrams go from here on: the server's number of it, and of the connection.
    pub to: u16,
    sent_time: u16,
}

impl Answer {
    /// Reads a datagram that answers a connect.
    pub fn read(datagram: &[u8]) -> Option<Self> {
        let sent_time = u16::from_be_bytes(*datagram.get(2..)?.first_chunk()?);
        let command = datagram.get(4..12)?;
        (command[0] == VERIFY_CONNECT | TO_ACKNOWLEDGE).then(|| Self {
            to: u16::from_be_bytes([command[4], command[5]]) | u16::from(command[7]) << 12,
            sent_time,
        })
    }

    /// What makes the client a peer.
    pub fn acknowledged(&self) -> Commands {
        Commands::default().acknowledge(0xff, 1, self.sent_time)
    }
}
