//! Numbers that `rusty_enet` shows only in the `Debug` output of its types.

use std::fmt::{self, Debug, Write};

/// The number that the `Debug` output of `value` has for the field `name`, as `name: 12`.
pub(crate) fn number(value: &dyn Debug, name: &str) -> Option<u64> {
    let mut finder = Finder {
        name,
        stage: Stage::Before,
        digits: String::new(),
    };
    // It ends with an error once the number is complete: the rest is not formatted.
    let _ = write!(finder, "{value:?}");
    finder.digits.parse().ok()
}

#[derive(PartialEq, Eq)]
enum Stage {
    Before,
    AfterName,
    InNumber,
}

/// Takes what `fmt::DebugStruct` writes: a field's name, a colon and the value are separate calls.
struct Finder<'a> {
    name: &'a str,
    stage: Stage,
    digits: String,
}

impl Write for Finder<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        match self.stage {
            Stage::Before if piece == self.name => self.stage = Stage::AfterName,
            Stage::Before => {}
            Stage::AfterName if piece == ": " => self.stage = Stage::InNumber,
            Stage::AfterName => self.stage = Stage::Before,
            Stage::InNumber if piece.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.digits.push_str(piece);
            }
            Stage::InNumber => return Err(fmt::Error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rusty_enet::{Packet, PacketKind};

    use super::*;

    #[test]
    fn a_packets_flags_are_found() {
        for (kind, flags) in [
            (PacketKind::Reliable, 1),
            (PacketKind::Unreliable { sequenced: true }, 0),
            (PacketKind::Unreliable { sequenced: false }, 2),
            (PacketKind::AlwaysUnreliable { sequenced: true }, 8),
        ] {
            let packet = Packet::new(vec![7_u8; 12], kind);
            // The bit for memory of the caller's is set for packets that were made here.
            const NO_ALLOCATE: u64 = 4;
            let found = number(&packet, "flags").unwrap();
            assert_eq!(found & !NO_ALLOCATE, flags, "{packet:?}");
            assert_eq!(number(&packet, "dataLength"), Some(12));
            assert_eq!(number(&packet, "no such field"), None);
        }
    }
}
