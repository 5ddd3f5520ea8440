//! What a server holds for clients that showed a cookie and finish nothing.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use dtls::{CookieJar, ServerContext, Session, Status};
use testkit::certificates::{KeyKind, Leaf};
use testkit::forged::{cut, handshake_message, plain_record};

use crate::HELD;
use crate::hellos::Hello;
use crate::simulation::{authority, identity};

/// A first datagram, and what follows it.
type Datagrams = (Vec<u8>, Vec<Vec<u8>>);

/// So many bytes of ten messages that are as long as OpenSSL buffers them ahead of their turn (CVE-2026-95690), and of
/// one that a server waits for.
fn beginnings(bytes: usize) -> Vec<u8> {
    let fragment = vec![7; bytes];
    let long = (2..12).flat_map(|number| {
        let kind = if number == 2 { 16 } else { 11 };
        let beginning = handshake_message(kind, 102_400, number, 0, &fragment);
        plain_record(22, number.into(), &beginning)
    });
    long.chain(plain_record(
        22,
        20,
        &handshake_message(16, 256, 2, 0, &[7; 4]),
    ))
    .collect()
}

/// Sealed records of the next epoch, more than are kept anywhere (CVE-2026-54874).
fn sealed() -> Vec<u8> {
    (0..120_u8)
        .flat_map(|number| {
            let mut record = vec![22, 254, 253, 0, 1, 0, 0, 0, 0, 0, number, 0, 200];
            record.extend([number; 200]);
            record
        })
        .collect()
}

/// A key exchange on X25519 and ChangeCipherSpec, after which OpenSSL is shown sealed records: as many as are kept, and
/// one that is longer than OpenSSL's buffer. Before that the same in plain text.
fn key_exchange() -> Vec<Vec<u8>> {
    const TOO_LONG: u16 = 18_000;
    let sealed = |content_type, length: u16| {
        let mut record = vec![content_type, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0];
        record.extend(length.to_be_bytes());
        record.extend(vec![7; length.into()]);
        record
    };
    let key = [&[32, 9][..], &[0; 31]].concat();
    let part = handshake_message(16, key.len(), 2, 1, &key[1..]);
    let mut all = vec![
        plain_record(22, 1, &part.repeat(usize::from(TOO_LONG) / part.len())),
        plain_record(22, 2, &handshake_message(16, key.len(), 2, 0, &key)),
        plain_record(20, 3, &[1]),
        sealed(22, TOO_LONG),
    ];
    all.extend((0..12).map(|_| sealed(23, 100)));
    all
}

/// Hellos with a list that is as long as it can be, each in another place.
fn longest_hellos() -> Vec<Hello> {
    let list = |bytes: usize| {
        let entries: Vec<u8> = (0..bytes / 2)
            .flat_map(|entry| (0x4000 + entry as u16).to_be_bytes())
            .collect();
        let mut list = (entries.len() as u16).to_be_bytes().to_vec();
        list.extend(entries);
        list
    };
    const LONG: usize = 3_900;
    let mut suites = Hello::first();
    suites.suites.extend(&list(LONG)[2..]);
    let mut protocols = Hello::first();
    let names: Vec<u8> = (0..LONG / 2).flat_map(|_| [1, b'x']).collect();
    let mut content = (names.len() as u16).to_be_bytes().to_vec();
    content.extend(names);
    protocols.extend(16, &content);
    let mut padding = Hello::first();
    padding.extend(21, &[0; LONG]);
    let with_long = |kind: u16| {
        let mut hello = Hello::first();
        hello.extensions.clear();
        for (other, content) in [(10, vec![0, 4, 0, 29, 0, 23]), (13, vec![0, 4, 4, 3, 8, 4])] {
            let mut content = content;
            if other == kind {
                content.extend(&list(LONG)[2..]);
                let length = content.len() as u16 - 2;
                content[..2].copy_from_slice(&length.to_be_bytes());
            }
            hello.extend(other, &content);
        }
        hello
    };
    vec![
        Hello::first(),
        suites,
        protocols,
        padding,
        with_long(10),
        with_long(13),
    ]
}

/// What to send, by name; the first is an ordinary hello.
fn attacks(jar: &mut CookieJar, now: Instant) -> Vec<(String, Datagrams)> {
    let mut attacks = Vec::new();
    for (which, hello) in longest_hellos().into_iter().enumerate() {
        let alone = hello.with_cookie(jar, now).datagram();
        attacks.push((format!("hello {which}"), (alone.clone(), Vec::new())));
        for bytes in [4, 600] {
            let more = vec![beginnings(bytes), sealed()];
            let all = [&alone, &beginnings(bytes)[..], &sealed()].concat();
            let name = format!("hello {which}, beginnings of {bytes} bytes");
            attacks.push((name, (all, more.clone())));
            let mut fragments = cut(&alone, 1000);
            let first = [fragments.remove(0), beginnings(bytes), sealed()].concat();
            fragments.pop();
            fragments.extend(more);
            let name = format!("most of hello {which}, beginnings of {bytes} bytes");
            attacks.push((name, (first, fragments)));
        }
        let name = format!("hello {which}, key exchange");
        attacks.push((name, (alone, key_exchange())));
    }
    attacks
}

/// A server's session that took all of it, and has sent its answers.
fn begin(server: &ServerContext, (hello, more): &Datagrams, now: Instant) -> Session {
    let mut session = Session::accept(server, hello, now).unwrap();
    session.drain_datagrams(|_| {});
    for datagram in more {
        session.handle_datagram(datagram, now);
        session.drain_datagrams(|_| {});
    }
    assert_eq!(session.status(), Status::Handshaking);
    session
}

/// Bytes of this program in memory, as Linux counts them; elsewhere 0, and with AddressSanitizer, which adds its own.
fn resident() -> usize {
    if std::env::var_os("ASAN_OPTIONS").is_some() {
        return 0;
    }
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split_whitespace().nth(1)?.parse().ok());
    pages.unwrap_or(0) * 4096
}

/// How many handshakes a server has at once, unless it is set (`max_handshakes`).
const MOST: usize = 1024;

/// OpenSSL 4.0.3 allocates 65,246 bytes for each session that waits, 21,848 of them for messages and 15,336 for records
/// of another epoch, of which most are never written to.
pub(crate) fn handshakes_hold_little() {
    let now = Instant::now();
    let mut jar = CookieJar::new(now).unwrap();
    for (key, is_first) in [(KeyKind::P256, true), (KeyKind::Rsa2048, false)] {
        let leaf = Leaf {
            key,
            ..Leaf::localhost()
        };
        let server = authority().issue(&leaf).unwrap();
        let server = ServerContext::new(&identity(&server)).unwrap();
        let mut all = Vec::new();
        for (name, datagrams) in attacks(&mut jar, now) {
            // What OpenSSL and this thread make once, and keep.
            drop(begin(&server, &datagrams, now));
            let before = HELD.load(Relaxed);
            let session = begin(&server, &datagrams, now);
            let held = HELD.load(Relaxed) - before;
            drop(session);
            println!("{key:?}, {name}: {held} bytes");
            all.push((held, datagrams));
        }
        let ordinary = all[0].0;
        let (worst, datagrams) = all.into_iter().max_by_key(|(held, _)| *held).unwrap();
        assert!(ordinary < 70_000, "{ordinary} bytes");
        assert!(
            worst < ordinary + 7_000,
            "{worst} bytes, {ordinary} without attack"
        );

        let before = (HELD.load(Relaxed), resident());
        let sessions: Vec<Session> = (0..MOST).map(|_| begin(&server, &datagrams, now)).collect();
        let held = HELD.load(Relaxed) - before.0;
        let resident = resident().saturating_sub(before.1);
        println!("{key:?}: {MOST} of the worst: {held} bytes, {resident} resident");
        assert!(held < 76 << 20, "{held} bytes");
        // The second time, memory that was given back is resident before.
        assert!(
            !is_first || resident < 76_000_000,
            "{resident} bytes are resident"
        );
        drop(sessions);
    }
}
