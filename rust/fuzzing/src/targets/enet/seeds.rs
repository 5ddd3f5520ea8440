//! What honest peers do, and what hostile ones did.

use super::steps::{Packet, Step, Terms};
use super::{BARE, CLIENT, COMPRESSED, LIMITED};

use std::time::Duration;

const KINDS: [u8; 5] = [1, 0, 2, 8, 10];

/// Each with its name.
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("plain", talk(0)),
        ("compressed", talk(COMPRESSED)),
        ("client", talk(CLIENT)),
        ("limited", talk(LIMITED | COMPRESSED | CLIENT)),
        ("gaps", gaps()),
        ("handshake", handshake()),
        ("client_handshake", client_handshake()),
        ("commands", commands()),
        ("disorder", disorder()),
        ("reconnects", reconnects()),
        ("never_answered", never_answered()),
        ("no_time", write(0, &[Step::Raw(0, NO_TIME)])),
        ("slept", write(CLIENT, &[Step::Send(1, 30), A_DAY])),
    ]
}

fn write(flags: u8, steps: &[Step<'_>]) -> Vec<u8> {
    let mut bytes = vec![flags];
    for step in steps {
        step.write(&mut bytes);
    }
    bytes
}

fn packet(flags: u8, channel: u8, length: usize) -> Step<'static> {
    Step::Packet(Packet {
        flags,
        channel,
        skip: 0,
        length,
        lost: 0,
    })
}

const A_SECOND: Step<'_> = Step::Wait(Duration::from_secs(1));

const A_DAY: Step<'_> = Step::Wait(Duration::from_secs(25 * 3600));

/// Packets of each kind, both ways.
fn talk(flags: u8) -> Vec<u8> {
    let mut steps = Vec::new();
    for (channel, kind) in (0_u8..4).zip(KINDS) {
        for length in [0, 30, 1500] {
            steps.push(packet(kind, channel, length));
            steps.push(Step::Send(channel << 4 | kind, length / 10));
        }
        steps.extend([Step::Acknowledge(0), Step::Wait(Duration::from_millis(20))]);
    }
    steps.extend([A_SECOND, Step::Acknowledge(0), A_SECOND, Step::Call(9, 1)]);
    steps.extend([Step::Acknowledge(0), Step::Acknowledge(0), A_SECOND]);
    write(flags, &steps)
}

/// A peer that would get a packet completed by two fragments of a byte each: ENet counts fragments, not bytes.
fn gaps() -> Vec<u8> {
    let datagrams = [0_u32, 1].map(|number| {
        let mut commands = vec![0x08, 0, 0, 1, 0, 1, 0, 1];
        for field in [2, number, 1_000_000, number] {
            commands.extend(u32::to_be_bytes(field));
        }
        commands.push(b'x');
        commands
    });
    write(0, &datagrams.each_ref().map(|it| Step::Commands(it)))
}

fn handshake() -> Vec<u8> {
    let terms = Terms {
        id: 9,
        mtu: 576,
        bandwidth: 40,
        ..Terms::USUAL
    };
    let steps = [
        Step::Connect(terms),
        Step::Lose,
        A_SECOND,
        Step::Acknowledge(1),
        packet(1, 1, 2000),
        Step::Call(8, 3),
        Step::Acknowledge(0),
    ];
    write(BARE, &steps)
}

fn client_handshake() -> Vec<u8> {
    let terms = Terms {
        channels: 2,
        mtu: 600,
        window: 16,
        sessions: 1,
        ..Terms::USUAL
    };
    let steps = [
        A_SECOND,
        Step::Verify(terms),
        packet(1, 1, 2000),
        Step::Send(0x11, 9000),
        Step::Acknowledge(0),
        Step::Call(11, 3),
        Step::Call(5, 3),
        Step::Verify(terms),
    ];
    write(BARE | CLIENT, &steps)
}

/// A server that acknowledges a connect, and says no more.
fn never_answered() -> Vec<u8> {
    write(BARE | CLIENT, &[Step::Acknowledge(0), A_SECOND])
}

/// A disconnect that is to be acknowledged, in a datagram that does not say when it was sent.
const NO_TIME: &[u8] = &[0, 0, 0x84, 0xff, 0, 1, 0, 0, 0, 0];

/// One datagram with commands of many kinds, and one that disconnects.
fn commands() -> Vec<u8> {
    let many = [
        &[0x85, 0xff, 0, 1][..],
        &[0x8a, 0xff, 0, 2, 0, 0, 40, 0, 0, 0, 40, 0],
        &[0x8b, 0xff, 0, 3, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 3],
        &[0x86, 0, 0, 1, 0, 2, 5, 5],
        &[0x07, 0, 0, 1, 0, 1, 0, 1, 5],
        &[0x49, 1, 0, 0, 0, 1, 0, 1, 5],
        &[0x01, 0xff, 0, 1, 0, 1, 0, 0],
    ]
    .concat();
    let steps = [
        Step::Commands(&many),
        Step::Raw(0, &[0x80, 0, 0, 9, 0x85, 0xff, 0, 9]),
        Step::Raw(1, &[0x80, 0, 0, 9, 0x85, 0xff, 0, 9]),
        Step::Call(16, 0x72),
        Step::Commands(&[0x84, 0xff, 0, 4, 0, 0, 0, 6]),
        A_SECOND,
    ];
    write(0, &steps)
}

/// Packets that overtake others, come twice, or lack pieces.
fn disorder() -> Vec<u8> {
    let mut steps = Vec::new();
    for (at, kind) in (0_u8..).zip(KINDS) {
        for (skip, lost) in [(1, 0), (-2, 2), (-1, 1), (100, 0), (-100, 0)] {
            steps.push(Step::Packet(Packet {
                flags: kind,
                channel: at & 3,
                skip,
                length: 1500,
                lost,
            }));
        }
    }
    write(0, &steps)
}

fn reconnects() -> Vec<u8> {
    let again = |id| Step::Connect(Terms { id, ..Terms::USUAL });
    let steps = [
        Step::Send(1, 5000),
        again(2),
        Step::Acknowledge(0),
        packet(1, 0, 10),
        again(3),
        Step::Call(12, 0),
        again(4),
        Step::Acknowledge(0),
        Step::Call(10, 0),
        Step::Wait(Duration::from_secs(25)),
        Step::Acknowledge(0),
    ];
    write(0, &steps)
}
