//! Datagrams that a hostile network may send: nothing of them is worth anything.

use super::proxy::LARGEST;
use super::random::Random;

const HEADER: usize = 13;
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const DTLS_1_0: [u8; 2] = [254, 255];
const DTLS_1_2: [u8; 2] = [254, 253];
/// The largest record that a peer may send (RFC 5246 section 6.2.3).
const LARGEST_RECORD: usize = (1 << 14) + 2048;
/// `close_notify`, `unexpected_message`, `bad_record_mac`, `handshake_failure`, `decrypt_error`, `no_renegotiation`
/// (RFC 5246 section 7.2), and one that nobody knows.
const ALERTS: &[u8] = &[0, 10, 20, 40, 51, 100, 255];

/// What an attacker has overheard.
pub(crate) struct Overheard {
    /// What went this way in this session.
    pub(crate) same_way: Vec<Vec<u8>>,
    /// What went the other way.
    pub(crate) other_way: Vec<Vec<u8>>,
    /// What went either way in other sessions.
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
pub(crate) fn any(random: &mut Random, overheard: &Overheard, size: Size) -> Vec<u8> {
    let kinds = if size == Size::Any { 18 } else { 15 };
    match random.below(kinds) {
        0 => Vec::new(),
        1 => some_bytes(random, 1_500),
        2 => {
            let mut cut = pick(random, &overheard.same_way);
            let length = random.below(cut.len() as u64 + 1) as usize;
            cut.truncate(length);
            cut
        }
        // A record of any type.
        3 => {
            let (kind, epoch) = (random.next() as u8, random.below(4) as u16);
            let contents = some_bytes(random, 1_200);
            record(random, kind, epoch, &contents)
        }
        // A length that is not the contents'.
        4 => {
            let (kind, epoch) = (20 + random.below(4) as u8, random.below(2) as u16);
            let contents = some_bytes(random, 100);
            let mut wrong = record(random, kind, epoch, &contents);
            wrong[HEADER - 2..HEADER].copy_from_slice(&(random.next() as u16).to_be_bytes());
            wrong
        }
        // An alert in plain text.
        5 => {
            let alert = alert(random);
            record(random, ALERT, 0, &alert)
        }
        // An alert that claims to be encrypted, and is not.
        6 => {
            let mut alert = alert(random);
            if random.chance(0.5) {
                alert.extend(random.bytes(24));
            }
            let epoch = 1 + random.below(2) as u16;
            record(random, ALERT, epoch, &alert)
        }
        7 => pick(random, &overheard.same_way),
        8 => pick(random, &overheard.others),
        // Another epoch.
        9 => {
            let mut record = pick(random, &overheard.same_way);
            if record.len() > HEADER {
                record[4] = random.below(4) as u8;
            }
            record
        }
        // One bit.
        10 => {
            let mut record = pick(random, &overheard.same_way);
            if let Some(last) = (8 * record.len() as u64).checked_sub(1) {
                let bit = random.within(0..=last);
                record[(bit / 8) as usize] ^= 1 << (bit % 8);
            }
            record
        }
        11 => pick(random, &overheard.other_way),
        12 => record(random, CHANGE_CIPHER_SPEC, 0, &[1]),
        // A handshake message of any type.
        13 => {
            let body = some_bytes(random, 200);
            let length = (body.len() as u32).to_be_bytes();
            let mut message = vec![random.below(25) as u8, length[1], length[2], length[3]];
            message.extend([0, random.below(8) as u8, 0, 0, 0]);
            message.extend(&length[1..]);
            message.extend(body);
            let epoch = random.below(3) as u16;
            record(random, HANDSHAKE, epoch, &message)
        }
        // Two records in one datagram.
        14 => {
            let mut both = pick(random, &overheard.same_way);
            let alert = alert(random);
            both.extend(record(random, ALERT, 0, &alert));
            both
        }
        15 => random.bytes(LARGEST),
        16 => {
            let contents = random.bytes(LARGEST_RECORD);
            record(random, APPLICATION_DATA, 1, &contents)
        }
        // As many small records as fit.
        _ => {
            let mut many = Vec::with_capacity(LARGEST);
            let kind = *random.pick(&[ALERT, HANDSHAKE, APPLICATION_DATA]);
            let epoch = random.below(3) as u16;
            while many.len() + HEADER + 26 <= LARGEST {
                many.extend(record(random, kind, epoch, &[0; 26]));
            }
            many
        }
    }
}

fn record(random: &mut Random, kind: u8, epoch: u16, contents: &[u8]) -> Vec<u8> {
    let mut record = vec![kind];
    record.extend(random.pick(&[DTLS_1_2, DTLS_1_2, DTLS_1_0]));
    record.extend(epoch.to_be_bytes());
    // Mostly a number that could come next.
    let number = if random.chance(0.9) {
        random.below(2_000)
    } else {
        random.next()
    };
    record.extend(&number.to_be_bytes()[2..]);
    record.extend((contents.len() as u16).to_be_bytes());
    record.extend(contents);
    record
}

fn alert(random: &mut Random) -> Vec<u8> {
    vec![1 + random.below(2) as u8, *random.pick(ALERTS)]
}

fn some_bytes(random: &mut Random, most: u64) -> Vec<u8> {
    let count = random.within(1..=most) as usize;
    random.bytes(count)
}

/// One of the datagrams; some bytes if there is none.
fn pick(random: &mut Random, datagrams: &[Vec<u8>]) -> Vec<u8> {
    if datagrams.is_empty() {
        some_bytes(random, 100)
    } else {
        random.pick(datagrams).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_of_every_size_comes() {
        let mut random = Random::new(3);
        let overheard = Overheard {
            same_way: vec![random.bytes(200)],
            other_way: vec![Vec::new()],
            others: Vec::new(),
        };
        let mut sizes = |size| -> Vec<usize> {
            (0..500)
                .map(|_| any(&mut random, &overheard, size).len())
                .collect()
        };
        let usual = sizes(Size::Usual);
        assert!(usual.contains(&0) && usual.iter().all(|size| *size <= 1_500));
        assert!(sizes(Size::Any).contains(&LARGEST));
    }
}
