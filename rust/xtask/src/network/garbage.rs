//! Invalid datagrams of every kind that a hostile network may send.

use testkit::SeededRng;
use testkit::relay::MAX_UDP_PAYLOAD;

const HEADER: usize = 13;
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const DTLS_1_0: [u8; 2] = [254, 255];
const DTLS_1_2: [u8; 2] = [254, 253];
/// The largest record that a peer may send (RFC 5246 section 6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2048;
/// `close_notify`, `unexpected_message`, `bad_record_mac`, `handshake_failure`, `decrypt_error`, `no_renegotiation`
/// (RFC 5246 section 7.2), and an unknown one.
const ALERTS: &[u8] = &[0, 10, 20, 40, 51, 100, 255];

/// Datagrams that an attacker has captured.
pub(crate) struct Overheard {
    /// Of this session, in the direction of the attack.
    pub(crate) same_way: Vec<Vec<u8>>,
    /// Of this session, in the other direction.
    pub(crate) other_way: Vec<Vec<u8>>,
    /// Of other sessions, in both directions.
    pub(crate) others: Vec<Vec<u8>>,
}

/// How large garbage may be.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Size {
    /// As what games send.
    Usual,
    /// Up to what a datagram can hold.
    Any,
}

/// Any datagram.
pub(crate) fn any(rng: &mut SeededRng, overheard: &Overheard, size: Size) -> Vec<u8> {
    let kinds = if size == Size::Any { 18 } else { 15 };
    match rng.below(kinds) {
        0 => Vec::new(),
        1 => some_bytes(rng, 1_500),
        2 => {
            let mut cut = pick(rng, &overheard.same_way);
            let length = rng.index(cut.len() + 1);
            cut.truncate(length);
            cut
        }
        // A record of any type.
        3 => {
            let (kind, epoch) = (rng.next_u64() as u8, rng.below(4) as u16);
            let contents = some_bytes(rng, 1_200);
            record(rng, kind, epoch, &contents)
        }
        // A length that is not the contents'.
        4 => {
            let (kind, epoch) = (20 + rng.below(4) as u8, rng.below(2) as u16);
            let contents = some_bytes(rng, 100);
            let mut wrong = record(rng, kind, epoch, &contents);
            wrong[HEADER - 2..HEADER].copy_from_slice(&(rng.next_u64() as u16).to_be_bytes());
            wrong
        }
        // An alert in plain text.
        5 => {
            let alert = alert(rng);
            record(rng, ALERT, 0, &alert)
        }
        // An alert that claims to be encrypted, and is not.
        6 => {
            let mut alert = alert(rng);
            if rng.chance(0.5) {
                alert.extend(rng.bytes(24));
            }
            let epoch = 1 + rng.below(2) as u16;
            record(rng, ALERT, epoch, &alert)
        }
        7 => pick(rng, &overheard.same_way),
        8 => pick(rng, &overheard.others),
        // Another epoch.
        9 => {
            let mut record = pick(rng, &overheard.same_way);
            if record.len() > HEADER {
                record[4] = rng.below(4) as u8;
            }
            record
        }
        // One bit.
        10 => {
            let mut record = pick(rng, &overheard.same_way);
            rng.flip_bit(&mut record);
            record
        }
        11 => pick(rng, &overheard.other_way),
        12 => record(rng, CHANGE_CIPHER_SPEC, 0, &[1]),
        // A handshake message of any type.
        13 => {
            let body = some_bytes(rng, 200);
            let length = (body.len() as u32).to_be_bytes();
            let mut message = vec![rng.below(25) as u8, length[1], length[2], length[3]];
            message.extend([0, rng.below(8) as u8, 0, 0, 0]);
            message.extend(&length[1..]);
            message.extend(body);
            let epoch = rng.below(3) as u16;
            record(rng, HANDSHAKE, epoch, &message)
        }
        // Two records in one datagram.
        14 => {
            let mut both = pick(rng, &overheard.same_way);
            let alert = alert(rng);
            both.extend(record(rng, ALERT, 0, &alert));
            both
        }
        15 => rng.bytes(MAX_UDP_PAYLOAD),
        16 => {
            let contents = rng.bytes(MAX_RECORD);
            record(rng, APPLICATION_DATA, 1, &contents)
        }
        // As many small records as fit.
        _ => {
            let mut many = Vec::with_capacity(MAX_UDP_PAYLOAD);
            let kind = *rng.pick(&[ALERT, HANDSHAKE, APPLICATION_DATA]);
            let epoch = rng.below(3) as u16;
            while many.len() + HEADER + 26 <= MAX_UDP_PAYLOAD {
                many.extend(record(rng, kind, epoch, &[0; 26]));
            }
            many
        }
    }
}

fn record(rng: &mut SeededRng, kind: u8, epoch: u16, contents: &[u8]) -> Vec<u8> {
    let mut record = vec![kind];
    record.extend(rng.pick(&[DTLS_1_2, DTLS_1_2, DTLS_1_0]));
    record.extend(epoch.to_be_bytes());
    // Mostly a number that a receiver may expect.
    let number = if rng.chance(0.9) {
        rng.below(2_000)
    } else {
        rng.next_u64()
    };
    record.extend(&number.to_be_bytes()[2..]);
    record.extend((contents.len() as u16).to_be_bytes());
    record.extend(contents);
    record
}

fn alert(rng: &mut SeededRng) -> Vec<u8> {
    vec![1 + rng.below(2) as u8, *rng.pick(ALERTS)]
}

fn some_bytes(rng: &mut SeededRng, most: u64) -> Vec<u8> {
    let count = rng.within(1..=most) as usize;
    rng.bytes(count)
}

/// One of the datagrams; some bytes if there is none.
fn pick(rng: &mut SeededRng, datagrams: &[Vec<u8>]) -> Vec<u8> {
    if datagrams.is_empty() {
        some_bytes(rng, 100)
    } else {
        rng.pick(datagrams).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_has_every_size() {
        let mut rng = SeededRng::new(3);
        let overheard = Overheard {
            same_way: vec![rng.bytes(200)],
            other_way: vec![Vec::new()],
            others: Vec::new(),
        };
        let mut sizes = |size| -> Vec<usize> {
            (0..500)
                .map(|_| any(&mut rng, &overheard, size).len())
                .collect()
        };
        let usual = sizes(Size::Usual);
        assert!(usual.contains(&0) && usual.iter().all(|size| *size <= 1_500));
        assert!(sizes(Size::Any).contains(&MAX_UDP_PAYLOAD));
    }
}
