//! ENet's datagrams: a header, and commands, some of them with a packet or a fragment of one.

use std::ops::Range;

/// The peer that a datagram names which asks for a connection.
pub(crate) const UNCONNECTED: u16 = 0xfff;
/// The channel of commands that are ENet's own.
pub(crate) const OWN_CHANNEL: u8 = 0xff;
/// The largest packet: ENet's limit, for sending and for receiving.
pub const MAX_PACKET: usize = 32 << 20;
/// The largest datagram.
pub(crate) const DATAGRAM: usize = rusty_enet::MTU_MAX;
/// How many commands a datagram of ENet's has at the most.
pub(crate) const COMMANDS: usize = 32;

/// The flag of a command that is to be acknowledged.
const TO_ACKNOWLEDGE: u8 = 0x80;
const SENT_TIME: u16 = 0x8000;
pub(crate) const COMPRESSED: u16 = 0x4000;

/// The size of each command's fixed part, by its number; 0 for no command.
const SIZES: [usize; 13] = [0, 8, 48, 44, 8, 4, 6, 8, 24, 8, 12, 16, 24];

/// A datagram's header.
pub(crate) struct Header {
    /// The receiver's number of the sender.
    pub(crate) peer: u16,
    pub(crate) is_compressed: bool,
    /// Whether it says when the datagram was sent.
    pub(crate) has_time: bool,
    pub(crate) size: usize,
}

impl Header {
    /// The header of a datagram; `None` if it is not complete.
    pub(crate) fn read(datagram: &[u8]) -> Option<Self> {
        let first = u16_at(datagram, 0)?;
        let size = match first & SENT_TIME {
            0 => 2,
            _ => 4,
        };
        (datagram.len() >= size).then_some(Self {
            peer: first & UNCONNECTED,
            is_compressed: first & COMPRESSED != 0,
            has_time: first & SENT_TIME != 0,
            size,
        })
    }
}

/// A command of a datagram.
pub(crate) struct Command {
    pub(crate) channel: u8,
    /// Its reliable sequence number.
    pub(crate) number: u16,
    /// Whether it is to be acknowledged.
    pub(crate) is_reliable: bool,
    pub(crate) body: Body,
    /// Where it stands among the commands, its packet or fragment included.
    pub(crate) range: Range<usize>,
}

pub(crate) enum Body {
    Connect {
        /// The sender's number of the receiver.
        peer: u16,
    },
    VerifyConnect {
        peer: u16,
        mtu: u32,
        channels: u32,
        /// Where the number of channels stands, after the datagram's header.
        channels_at: usize,
    },
    Acknowledge {
        /// The number of the command that it acknowledges.
        number: u16,
    },
    Reliable,
    Unreliable {
        /// Its number among those that follow the same reliable packet.
        number: u16,
    },
    Fragment(Fragment),
    Other,
}

/// A piece of a packet.
pub(crate) struct Fragment {
    pub(crate) is_reliable: bool,
    /// The sequence number of the first piece; of an unreliable packet, its own.
    pub(crate) start: u16,
    length: usize,
    pub(crate) count: u32,
    pub(crate) number: u32,
    pub(crate) total: u32,
    offset: u32,
}

impl Fragment {
    /// Whether it is one of the pieces that a packet has which is cut into ones of `size` bytes.
    pub(crate) fn tiles(&self, size: usize) -> bool {
        let (total, offset, number) = (
            self.total as usize,
            self.offset as usize,
            self.number as usize,
        );
        size > 0
            && total > size
            && self.count as usize == total.div_ceil(size)
            && number < self.count as usize
            && offset == number * size
            && self.length == size.min(total - offset)
    }
}

/// The commands of a datagram, its header left out. An item that is `None` is one that is not complete, or one too many,
/// and the last.
pub(crate) fn commands(datagram: &[u8]) -> impl Iterator<Item = Option<Command>> {
    let mut at = 0;
    let mut left = COMMANDS;
    std::iter::from_fn(move || {
        if at >= datagram.len() {
            return None;
        }
        let command = left.checked_sub(1).and_then(|it| {
            left = it;
            command(datagram, at)
        });
        let Some((command, size)) = command else {
            at = datagram.len();
            return Some(None);
        };
        at += size;
        Some(Some(command))
    })
}

fn command(datagram: &[u8], at: usize) -> Option<(Command, usize)> {
    let bytes = datagram.get(at..)?;
    let kind = bytes.first()? & 0xf;
    let size = *SIZES.get(usize::from(kind)).filter(|size| **size > 0)?;
    let fixed = bytes.get(..size)?;
    let data_length = |offset| u16_at(fixed, offset).map(usize::from);
    let (body, data) = match kind {
        1 => {
            let number = u16_at(fixed, 4)?;
            (Body::Acknowledge { number }, 0)
        }
        2 => (
            Body::Connect {
                peer: u16_at(fixed, 4)?,
            },
            0,
        ),
        3 => {
            let body = Body::VerifyConnect {
                peer: u16_at(fixed, 4)?,
                mtu: u32_at(fixed, 8)?,
                channels: u32_at(fixed, 16)?,
                channels_at: at + 16,
            };
            (body, 0)
        }
        6 => (Body::Reliable, data_length(4)?),
        7 => {
            let number = u16_at(fixed, 4)?;
            (Body::Unreliable { number }, data_length(6)?)
        }
        9 => (Body::Other, data_length(6)?),
        8 | 12 => {
            let length = data_length(6)?;
            let fragment = Fragment {
                is_reliable: kind == 8,
                start: u16_at(fixed, 4)?,
                length,
                count: u32_at(fixed, 8)?,
                number: u32_at(fixed, 12)?,
                total: u32_at(fixed, 16)?,
                offset: u32_at(fixed, 20)?,
            };
            (Body::Fragment(fragment), length)
        }
        _ => (Body::Other, 0),
    };
    let command = Command {
        channel: fixed[1],
        number: u16_at(fixed, 2)?,
        is_reliable: fixed[0] & TO_ACKNOWLEDGE != 0,
        body,
        range: at..at + size + data,
    };
    (bytes.len() >= size + data).then_some((command, size + data))
}

/// The header of a datagram without its time, for commands that are not compressed.
pub(crate) fn plain_head(datagram: &[u8]) -> [u8; 2] {
    let first = u16_at(datagram, 0).unwrap_or(UNCONNECTED);
    (first & !(SENT_TIME | COMPRESSED)).to_be_bytes()
}

/// A datagram that ends the connection which the sender's `peer` asks for, with this number.
pub(crate) fn refusal(peer: u16, data: u32) -> [u8; 10] {
    const DISCONNECT_UNSEQUENCED: u8 = 4 | 0x40;
    let mut datagram = [0; 10];
    datagram[..2].copy_from_slice(&(peer & UNCONNECTED).to_be_bytes());
    datagram[2] = DISCONNECT_UNSEQUENCED;
    datagram[3] = 0xff;
    datagram[6..].copy_from_slice(&data.to_be_bytes());
    datagram
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
