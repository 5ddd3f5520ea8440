//! How often a session answers a peer's requests, and how it ends at the limits of its key.

use std::time::Instant;

use testkit::certificates::{Authority, Leaf};

use crate::record::protection::EPOCH;
use crate::record::queue::Queue;
use crate::record::record_layer::MOST_ANSWERS;
use crate::wire_format::handshake_type::{CLIENT_HELLO, FINISHED, HELLO_REQUEST};
use crate::wire_format::{RecordHeader, content_type, version};
use crate::{
    ClientContext, CookieCheck, CookieJar, Failure, Identity, SendError, ServerContext, Session,
    Status, Verification,
};

/// Carries what one side sends to the other; returns how many datagrams and bytes.
fn carry(from: &mut Session, to: &mut Session, now: Instant) -> (usize, usize) {
    let (mut count, mut bytes) = (0, 0);
    from.drain_datagrams(|datagram| {
        count += 1;
        bytes += datagram.len();
        to.handle_datagram(datagram, now);
    });
    (count, bytes)
}

fn connected(now: Instant) -> (Session, Session) {
    let server = Authority::new("Root").and_then(|it| it.issue(&Leaf::localhost()));
    let server = server.unwrap();
    let (key, chain) = (server.key_pem().unwrap(), server.chain_pem().unwrap());
    let server = ServerContext::new(&Identity::from_pem(&key, &chain, None).unwrap()).unwrap();
    let client = ClientContext::new(Verification::DangerousNone).unwrap();
    let mut client = Session::connect(&client, "", now).unwrap();
    let mut jar = CookieJar::new(now).unwrap();
    let mut server = loop {
        let mut hello = Vec::new();
        client.drain_datagrams(|datagram| hello = datagram.to_vec());
        let address = "192.0.2.7:40000".parse().unwrap();
        match jar.verify_cookie(&hello, address, now).unwrap() {
            CookieCheck::Unverified(request) => {
                client.handle_datagram(request.as_bytes(), now);
            }
            CookieCheck::Verified => break Session::accept(&server, &hello, now).unwrap(),
            CookieCheck::NotClientHello => panic!("the datagram is a hello"),
        }
    };
    for _ in 0..2 {
        carry(&mut server, &mut client, now);
        carry(&mut client, &mut server, now);
    }
    (client, server)
}

/// One datagram with `count` sealed handshake messages of one byte.
fn asking(session: &mut Session, message: u8, count: usize) -> Vec<u8> {
    let layer = session.record_layer_of_test();
    let mut records = Queue::default();
    for _ in 0..count {
        let sealed = layer.seal(content_type::HANDSHAKE, &[message], &mut records);
        sealed.unwrap();
    }
    records.iter().flatten().copied().collect()
}

/// Before there was a bound, 1,723 of them in a datagram were answered with 5,166 datagrams.
#[test]
fn a_datagram_with_many_requests_gets_one_answer_and_all_of_them_a_few() {
    let now = Instant::now();
    for message in [FINISHED, CLIENT_HELLO, HELLO_REQUEST] {
        let (mut client, mut server) = connected(now);
        let mut all = (0, 0);
        for _ in 0..200 {
            let datagram = asking(&mut client, message, 1000);
            server.handle_datagram(&datagram, now);
            let (count, bytes) = carry(&mut server, &mut client, now);
            // The last flight is one datagram.
            assert!(count <= 1, "{count} datagrams");
            assert!(bytes < datagram.len() / 50, "{bytes} bytes");
            all = (all.0 + count, all.1 + bytes);
        }
        assert!(all.0 > 0, "the first ones are answered");
        assert!(all.0 <= MOST_ANSWERS && all.1 < 3_000, "{all:?}");
        client.send(b"still here").unwrap();
        carry(&mut client, &mut server, now);
        let got = server.next_packet(<[u8]>::to_vec);
        assert_eq!(got.as_deref(), Some(&b"still here"[..]));
    }
}

#[test]
fn a_session_whose_key_sealed_all_that_it_may_is_closed_and_has_a_failure() {
    let now = Instant::now();
    let (mut client, mut server) = connected(now);
    // Two packets of one block, of which each counts as three.
    client
        .record_layer_of_test()
        .sealer_of_test()
        .used()
        .leave_to_seal(7);
    client.send(b"one").unwrap();
    client.send(b"two").unwrap();
    let third = client.send(b"three");
    if client
        .cipher()
        .is_some_and(|name| name.contains("CHACHA20"))
    {
        return assert_eq!(third, Ok(()));
    }
    assert_eq!(third, Err(SendError::Failed));
    assert_eq!(client.status(), Status::Failed);
    let failure = client.failure().unwrap();
    assert_eq!(failure, &Failure::KeyUsedUp);
    assert!(failure.to_string().contains("connect again"), "{failure}");
    carry(&mut client, &mut server, now);
    for packet in [b"one", b"two"] {
        let got = server.next_packet(<[u8]>::to_vec);
        assert_eq!(got.as_deref(), Some(&packet[..]));
    }
    assert_eq!(server.status(), Status::Closed);
}

#[test]
fn a_session_that_received_too_many_forgeries_is_closed_and_has_a_failure() {
    let now = Instant::now();
    let (mut client, mut server) = connected(now);
    server
        .record_layer_of_test()
        .opener_of_test()
        .used()
        .leave_to_reject(2);
    let forged = |number| {
        let header = RecordHeader {
            content_type: content_type::APPLICATION_DATA,
            version: version::DTLS_1_2,
            epoch: EPOCH,
            sequence_number: number,
            length: 60,
        };
        [&header.to_bytes()[..], &[7; 60]].concat()
    };
    // Records of numbers that were received and of other epochs are not opened.
    let mut of_another_epoch = forged(50);
    of_another_epoch[4] = 2;
    for datagram in [forged(0), of_another_epoch, forged(70)] {
        server.handle_datagram(&datagram, now);
        assert_eq!(server.status(), Status::Connected);
    }
    // An authentic record is delivered and does not count.
    client.send(b"last").unwrap();
    carry(&mut client, &mut server, now);
    server.handle_datagram(&forged(71), now);
    let got = server.next_packet(<[u8]>::to_vec);
    assert_eq!(got.as_deref(), Some(&b"last"[..]));
    assert_eq!(server.status(), Status::Failed);
    let failure = server.failure().unwrap();
    assert_eq!(failure, &Failure::TooManyForgeries);
    assert!(failure.to_string().contains("connect again"), "{failure}");
    carry(&mut server, &mut client, now);
    assert_eq!(client.status(), Status::Closed);
}
