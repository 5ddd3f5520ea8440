//! Bytes as a list of things to do, for any bytes at all.

use std::time::Duration;

/// Reads numbers and strings from the front; what is not there is zero or empty.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub(crate) fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    pub(crate) fn string(&mut self) -> &'a [u8] {
        let length = self.number();
        self.take(length)
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// What happens to one side of a session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Datagram(&'a [u8]),
    Wait(Duration),
    Send(usize),
    Take,
    Close,
}

impl<'a> Step<'a> {
    pub(crate) fn read(bytes: &mut Bytes<'a>) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        Some(match bytes.byte() % 8 {
            0..=3 => Self::Datagram(bytes.string()),
            4 => Self::Wait(Duration::from_millis(100) * u32::from(bytes.byte())),
            5 => Self::Send(bytes.number()),
            6 => Self::Take,
            _ => Self::Close,
        })
    }

    pub(crate) fn write(&self, into: &mut Vec<u8>) {
        let number = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
        match self {
            Self::Datagram(datagram) => {
                into.push(0);
                into.extend(number(datagram.len()));
                into.extend(*datagram);
            }
            Self::Wait(time) => {
                into.push(4);
                into.push(u8::try_from(time.as_millis() / 100).unwrap_or(u8::MAX));
            }
            Self::Send(length) => {
                into.push(5);
                into.extend(number(*length));
            }
            Self::Take => into.push(6),
            Self::Close => into.push(7),
        }
    }
}
