//! Bytes as what a peer and the host's owner do.

use std::time::Duration;

use crate::steps::Bytes;

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A datagram as it stands, from the address of this number.
    Raw(u8, &'a [u8]),
    /// A datagram of these commands: its header is what the host expects.
    Commands(&'a [u8]),
    /// A packet as ENet sends it.
    Packet(Packet),
    /// Time passes.
    Wait(Duration),
    /// The owner sends a packet: flags and channel, length.
    Send(u8, usize),
    /// The peer acknowledges so much of what the host has sent; 0 for all.
    Acknowledge(u8),
    /// What the host has sent is lost.
    Lose,
    /// The peer asks for a connection.
    Connect(Terms),
    /// The peer answers a host that asked for one.
    Verify(Terms),
    /// The owner calls a method, the one of this number, with this.
    Call(u8, u8),
}

/// A packet of the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet {
    /// The bits of `Kind::from_flags`.
    pub(super) flags: u8,
    pub(super) channel: u8,
    /// How many sequence numbers are left out before it, or used again.
    pub(super) skip: i8,
    pub(super) length: usize,
    /// The pieces that are lost, by the low bits of their numbers.
    pub(super) lost: u8,
}

/// What a connection is asked for, or agreed to, with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    /// Of the connection.
    pub(super) id: u8,
    pub(super) channels: u8,
    /// 0 for ENet's own.
    pub(super) mtu: usize,
    /// In units of 256 bytes, of the window and of the bandwidths.
    pub(super) window: u8,
    pub(super) bandwidth: u8,
    pub(super) sessions: u8,
}

impl Terms {
    pub(super) const USUAL: Self = Self {
        id: 1,
        channels: 4,
        mtu: 0,
        window: 255,
        bandwidth: 0,
        sessions: 255,
    };

    fn read(bytes: &mut Bytes<'_>) -> Self {
        Self {
            id: bytes.byte(),
            channels: bytes.byte(),
            mtu: bytes.number(),
            window: bytes.byte(),
            bandwidth: bytes.byte(),
            sessions: bytes.byte(),
        }
    }

    fn write(&self, into: &mut Vec<u8>) {
        into.extend([self.id, self.channels]);
        into.extend(two_bytes(self.mtu));
        into.extend([self.window, self.bandwidth, self.sessions]);
    }
}

impl<'a> Step<'a> {
    pub(super) fn read(bytes: &mut Bytes<'a>) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        Some(match bytes.byte() % 16 {
            0 | 1 => Self::Raw(bytes.byte(), bytes.string()),
            2..=4 => Self::Commands(bytes.string()),
            5..=7 => Self::Packet(Packet {
                flags: bytes.byte(),
                channel: bytes.byte(),
                skip: bytes.byte().cast_signed(),
                length: bytes.number(),
                lost: bytes.byte(),
            }),
            8 => Self::Wait(wait(bytes.byte())),
            9 => Self::Send(bytes.byte(), bytes.number()),
            10 | 11 => Self::Acknowledge(bytes.byte()),
            12 => Self::Lose,
            13 => Self::Connect(Terms::read(bytes)),
            14 => Self::Verify(Terms::read(bytes)),
            _ => Self::Call(bytes.byte(), bytes.byte()),
        })
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        let string = |into: &mut Vec<u8>, bytes: &[u8]| {
            into.extend(two_bytes(bytes.len()));
            into.extend(bytes);
        };
        match self {
            Self::Raw(from, datagram) => {
                into.extend([0, *from]);
                string(into, datagram);
            }
            Self::Commands(commands) => {
                into.push(2);
                string(into, commands);
            }
            Self::Packet(packet) => {
                into.extend([5, packet.flags, packet.channel]);
                into.push(packet.skip.cast_unsigned());
                into.extend(two_bytes(packet.length));
                into.push(packet.lost);
            }
            Self::Wait(time) => {
                let byte = (0..=u8::MAX).find(|byte| wait(*byte) >= *time);
                into.extend([8, byte.unwrap_or(u8::MAX)]);
            }
            Self::Send(how, length) => {
                into.extend([9, *how]);
                into.extend(two_bytes(*length));
            }
            Self::Acknowledge(count) => into.extend([10, *count]),
            Self::Lose => into.push(12),
            Self::Connect(terms) => {
                into.push(13);
                terms.write(into);
            }
            Self::Verify(terms) => {
                into.push(14);
                terms.write(into);
            }
            Self::Call(method, with) => into.extend([15, *method, *with]),
        }
    }
}

/// Milliseconds, then quarters of seconds; with the last, a machine has slept for longer than ENet compares times.
fn wait(byte: u8) -> Duration {
    match byte {
        0..128 => Duration::from_millis(5) * u32::from(byte),
        128..255 => Duration::from_millis(250) * u32::from(byte - 127),
        255 => Duration::from_secs(25 * 3600),
    }
}

fn two_bytes(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes()
}
