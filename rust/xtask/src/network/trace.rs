//! A client's datagrams in words, for the messages of failed scenarios.

use std::fmt::Write;

use testkit::To;
use testkit::relay::Flow;

use super::records;

/// One line for each captured datagram: its time, its records as TYPE/EPOCH/NUMBER(HANDSHAKE TYPE), and its fate.
pub(crate) fn trace(flow: &Flow) -> String {
    let captured = flow.captured();
    let mut text = String::new();
    let Some(first) = captured.first() else {
        return text;
    };
    for datagram in &captured {
        let after = datagram.at.duration_since(first.at).as_secs_f64();
        let receiver = match datagram.to {
            To::Server => "server",
            To::Client => "client",
        };
        let _ = write!(text, "\n{after:9.3} s to the {receiver}:");
        match records::parse(&datagram.bytes) {
            Some(records) => {
                for record in records {
                    let (kind, epoch, number) =
                        (record.content_type, record.epoch, record.sequence);
                    let _ = write!(text, " {kind}/{epoch}/{number}");
                    if let Some(message) = record.handshake {
                        let _ = write!(text, "({message})");
                    }
                }
            }
            None => text += " no records",
        }
        for (count, word) in [
            (datagram.fate.lost, "lost"),
            (datagram.fate.corrupted, "altered"),
            (datagram.fate.doubled, "doubled"),
            (datagram.fate.delayed, "delayed"),
        ] {
            if count > 0 {
                let _ = write!(text, ", {word}");
            }
        }
    }
    text
}
