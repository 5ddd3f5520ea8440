//! Flights on the wire: what is sent again, in which pieces, how much of it, and to whom.

use std::time::Duration;

use dtls::{HANDSHAKE_LIMIT, Identity, ServerContext, Session, Settings, Status};
use testkit::certificates::{KeyKind, Leaf};
use testkit::{To, openssl_rng};

use crate::clock;
use crate::simulation::{
    self, SERVER_NAME, Simulation, authority, client_context, identity, server_context, taken,
};

/// A record as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    content_type: u8,
    epoch: u16,
    number: u64,
    content: Vec<u8>,
}

fn records(mut datagram: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while !datagram.is_empty() {
        let mut numbers = [0; 8];
        numbers.copy_from_slice(&datagram[3..11]);
        let numbers = u64::from_be_bytes(numbers);
        let end = 13 + usize::from(u16::from_be_bytes([datagram[11], datagram[12]]));
        records.push(Record {
            content_type: datagram[0],
            epoch: (numbers >> 48) as u16,
            number: numbers & ((1 << 48) - 1),
            content: datagram[13..end].to_vec(),
        });
        datagram = &datagram[end..];
    }
    records
}

/// What makes a datagram's pieces: all but record numbers and what follows from them.
fn pieces(datagram: &[u8]) -> Vec<(u8, u16, Vec<u8>)> {
    let piece = |record: Record| {
        let content = match record.epoch {
            0 => record.content,
            _ => vec![0; record.content.len()],
        };
        (record.content_type, record.epoch, content)
    };
    records(datagram).into_iter().map(piece).collect()
}

fn to(simulation: &Simulation, side: To) -> Vec<Vec<u8>> {
    let to_it = simulation.sent.iter().filter(|(to, _)| *to == side);
    to_it.map(|(_, datagram)| datagram.clone()).collect()
}

fn ecdsa() -> Leaf {
    Leaf {
        key: KeyKind::P256,
        ..Leaf::localhost()
    }
}

fn server(identity_of_it: &testkit::certificates::Identity) -> ServerContext {
    ServerContext::new(&identity(identity_of_it)).unwrap()
}

fn big_chain() -> ServerContext {
    server(&authority().issue_with_big_chain(&ecdsa()).unwrap())
}

fn p256() -> ServerContext {
    server(&authority().issue(&ecdsa()).unwrap())
}

/// A certificate with two intermediates.
fn two_intermediates() -> ServerContext {
    let first = authority().intermediate("First intermediate").unwrap();
    let second = first.intermediate("Second intermediate").unwrap();
    let leaf = second.issue(&Leaf::localhost()).unwrap();
    let chain = [
        leaf.certificate_pem().unwrap(),
        second.certificate_pem().unwrap(),
        first.certificate_pem().unwrap(),
    ];
    let identity = Identity::from_pem(&leaf.key_pem().unwrap(), &chain.concat(), None).unwrap();
    ServerContext::new(&identity).unwrap()
}

/// A simulation whose server has sent its flight; from then on, nothing arrives.
fn silent_after_the_servers_flight(context: ServerContext, max_datagram: usize) -> Simulation {
    let settings = Settings::default().max_datagram(max_datagram).unwrap();
    let mut simulation = simulation::start_with(
        &context.with_settings(settings),
        &client_context(),
        SERVER_NAME,
    );
    simulation.run(Duration::from_secs(1), |simulation| {
        simulation.server.session.is_some()
    });
    simulation.faults.loss = 1.0;
    simulation.drop_in_flight();
    simulation
}

/// Datagrams to the client, as often as the flight of `length` of them was sent.
fn transmissions(simulation: &Simulation, length: usize) -> Vec<Vec<Vec<u8>>> {
    // The first is the HelloVerifyRequest.
    let all = to(simulation, To::Client).split_off(1);
    all.chunks(length).map(<[_]>::to_vec).collect()
}

#[test]
fn a_flight_that_is_sent_again_has_the_same_pieces_with_new_record_numbers() {
    for size in [256, 500, 548] {
        let mut simulation = silent_after_the_servers_flight(big_chain(), size);
        let length = to(&simulation, To::Client).len() - 1;
        assert!(length > 15, "{length}");
        simulation.run(Duration::from_secs(11), |_| false);
        let all = transmissions(&simulation, length);
        assert_eq!(all.len(), 8, "{size}");
        let mut highest = None;
        for (index, again) in all.iter().enumerate() {
            let shape = |flight: &[Vec<u8>]| -> Vec<_> {
                flight.iter().map(|datagram| pieces(datagram)).collect()
            };
            assert!(shape(again) == shape(&all[0]), "{size}, number {index}");
            let numbers: Vec<u64> = again
                .iter()
                .flat_map(|datagram| records(datagram))
                .map(|record| record.number)
                .collect();
            assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
            // A copy is the same byte for byte, a retransmission numbered anew.
            if index == 0 || again != &all[index - 1] {
                assert!(highest < numbers.first().copied(), "{numbers:?}");
                highest = numbers.last().copied();
            }
        }
        let retransmissions = all.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(retransmissions, 3, "after 1, 3 and 7 seconds");
    }
}

/// The client's, which has a sealed message: it is sealed anew, for its number is part of its nonce.
#[test]
fn a_finished_message_that_is_sent_again_has_another_number_and_another_seal() {
    let mut simulation = simulation::start();
    simulation.run(Duration::from_secs(1), |simulation| {
        let server = simulation.server.session.as_ref().map(Session::status);
        server == Some(Status::Connected)
    });
    simulation.faults.loss = 1.0;
    simulation.drop_in_flight();
    // After 20 seconds without progress it begins anew.
    simulation.run(Duration::from_secs(19), |_| false);
    // The two hellos come first.
    let flights = to(&simulation, To::Server).split_off(2);
    let mut sealed: Vec<Record> = flights
        .iter()
        .flat_map(|datagram| records(datagram))
        .filter(|record| record.epoch == 1)
        .collect();
    let sent = sealed.len();
    sealed.dedup();
    assert!(sent > 2 * sealed.len() && sealed.len() >= 5, "{sent}");
    let numbers: Vec<u64> = sealed.iter().map(|record| record.number).collect();
    assert!(numbers.iter().copied().eq(0..sealed.len() as u64));
    let mut contents: Vec<_> = sealed.iter().map(|record| &record.content).collect();
    contents.sort();
    contents.dedup();
    assert_eq!(contents.len(), sealed.len());
    assert!(flights.iter().all(|it| pieces(it) == pieces(&flights[0])));
}

/// How long the wall clock is set forward or back before each of the seconds.
fn run_with_clock(steps: impl Fn(u64) -> Duration) -> Vec<(To, Vec<u8>)> {
    let mut simulation = openssl_rng::with_seed(5, simulation::start);
    openssl_rng::with_seed(6, || {
        for second in 0..40 {
            simulation.faults.loss = if second % 8 < 6 { 1.0 } else { 0.0 };
            clock::set(steps(second));
            simulation.run(Duration::from_secs(1), |_| false);
        }
    });
    assert!(
        simulation.both_connected(),
        "{:?}",
        simulation.client.failure()
    );
    simulation.sent
}

#[test]
fn a_wall_clock_that_is_set_forward_or_back_changes_nothing() {
    // Longer than OpenSSL's own timer is made to wait.
    let step = Duration::from_secs(7200);
    let base = clock::BEGINNING + 50 * step;
    let still = run_with_clock(|_| base);
    let back = run_with_clock(|second| base - step * second as u32);
    let forward = run_with_clock(|second| base + step * second as u32);
    let to_and_fro = run_with_clock(|second| base + step * (second % 2) as u32);
    let length = |sent: &[(To, Vec<u8>)]| -> Vec<_> {
        sent.iter()
            .map(|(to, it)| (*to, pieces(it).len()))
            .collect()
    };
    assert!(still.len() > 10);
    for other in [back, forward, to_and_fro] {
        assert_eq!(length(&still), length(&other));
    }
}

/// What someone can aim at an address behind which they were when the cookie came, or on whose path they are.
#[test]
fn a_silent_client_that_showed_its_cookie_is_sent_eight_flights_and_no_more() {
    for (context, most_bytes, most_datagrams) in [(p256(), 8_000, 20), (big_chain(), 90_000, 160)] {
        let mut simulation = silent_after_the_servers_flight(context, dtls::MAX_DATAGRAM);
        let cookie_hello = to(&simulation, To::Server).last().map(Vec::len);
        let flight = to(&simulation, To::Client).split_off(1);
        let flight: usize = flight.iter().map(Vec::len).sum();
        simulation.run(HANDSHAKE_LIMIT, |_| false);
        assert_eq!(simulation.server.session().status(), Status::Failed);
        let sent = to(&simulation, To::Client).split_off(1);
        let bytes: usize = sent.iter().map(Vec::len).sum();
        println!(
            "for {cookie_hello:?} bytes: {bytes} bytes in {} datagrams, of a flight of {flight}",
            sent.len()
        );
        assert!(bytes <= most_bytes && sent.len() <= most_datagrams);
        assert!(bytes > 7 * flight, "as many as are allowed");
    }
}

/// After the eighth, each is worth one flight at most, and that when its time has come.
#[test]
fn a_hello_that_is_repeated_is_answered_with_one_flight_at_most() {
    let mut simulation = silent_after_the_servers_flight(p256(), dtls::MAX_DATAGRAM);
    let hello = to(&simulation, To::Server).pop().unwrap();
    simulation.run(Duration::from_secs(20), |_| false);
    let after = |simulation: &mut Simulation, hellos: usize| {
        let before = to(simulation, To::Client).len();
        for _ in 0..hellos {
            simulation.inject(To::Server, &hello);
        }
        simulation.run(Duration::from_millis(6100), |_| false);
        // It is in smaller datagrams by now.
        let sent = to(simulation, To::Client).split_off(before);
        sent.iter()
            .filter(|it| records(it).iter().any(|it| it.content[0] == 2))
            .count()
    };
    assert_eq!(after(&mut simulation, 0), 0);
    assert_eq!(after(&mut simulation, 1), 1);
    assert_eq!(after(&mut simulation, 1000), 1);
    assert_eq!(after(&mut simulation, 0), 0);
    // Those who guess have not seen the client's random.
    let mut guessed = hello.clone();
    guessed[13 + 12 + 2 + 5] ^= 1;
    let now = simulation.now();
    simulation.server.session().handle_datagram(&guessed, now);
    assert_eq!(after(&mut simulation, 0), 0);
}

/// A path that lets no larger datagrams pass and says nothing (RFC 6347 section 4.1.1.1).
#[test]
fn a_path_of_less_than_the_largest_datagram_is_crossed() {
    for path in [548, 1000, 1151] {
        for context in [two_intermediates(), big_chain()] {
            let mut simulation = simulation::start_with(&context, &client_context(), SERVER_NAME);
            simulation.path_mtu = path;
            simulation.run_until_connected();
            let took = simulation.elapsed();
            assert!(took < Duration::from_secs(8), "{path}: {took:?}");
            let last = to(&simulation, To::Client).pop().unwrap();
            assert!(last.len() <= path);
        }
    }
}

/// As seldom as it is with both on a path that loses every fourth datagram too.
#[test]
fn a_small_path_that_loses_datagrams_is_crossed() {
    let context = two_intermediates();
    for seed in 1..=50 {
        let mut simulation = simulation::start_with(&context, &client_context(), SERVER_NAME);
        simulation.set_seed(seed);
        simulation.path_mtu = 1000;
        simulation.faults.loss = 0.25;
        simulation.run_until_connected();
    }
}

/// Of two ways to cut a message, strict receivers could never put pieces together; so there is one.
#[test]
fn a_flight_of_several_datagrams_is_cut_once() {
    for size in [548, 1000, dtls::MAX_DATAGRAM, 1500] {
        let mut simulation = silent_after_the_servers_flight(big_chain(), size);
        let length = to(&simulation, To::Client).len() - 1;
        simulation.run(Duration::from_secs(12), |_| false);
        let all = transmissions(&simulation, length);
        assert_eq!(all.len(), 8, "{size}");
        let shape = |flight: &[Vec<u8>]| -> Vec<_> { flight.iter().map(|it| pieces(it)).collect() };
        for again in &all {
            assert!(again.iter().all(|it| it.len() <= 548), "{size}");
            assert_eq!(shape(again), shape(&all[0]), "{size}");
        }
    }
}

/// A receiver has all of it or nothing, so its pieces are none of another way to cut it.
#[test]
fn a_flight_of_one_datagram_is_cut_at_the_second_retransmission() {
    let context = server(&authority().issue(&Leaf::localhost()).unwrap());
    let mut simulation = silent_after_the_servers_flight(context, dtls::MAX_DATAGRAM);
    simulation.run(Duration::from_secs(12), |_| false);
    let sent: Vec<usize> = to(&simulation, To::Client).iter().map(Vec::len).collect();
    let (large, small) = sent[1..].split_at(2);
    assert!(large.iter().all(|it| *it > 1000), "{sent:?}");
    assert!(
        !small.is_empty() && small.iter().all(|it| *it <= 548),
        "{sent:?}"
    );
}

/// The window of a client that got packets before it got the Finished message.
#[test]
fn a_last_flight_that_is_repeated_has_new_record_numbers() {
    let mut simulation = simulation::start();
    simulation.run(Duration::from_secs(1), |simulation| {
        let server = simulation.server.session.as_ref().map(Session::status);
        server == Some(Status::Connected)
    });
    simulation.drop_in_flight();
    for number in 0..200_u8 {
        simulation.server.session().send(&[number]).unwrap();
    }
    simulation.run_until_connected();
    let sent = to(&simulation, To::Client);
    let all: Vec<Record> = sent.iter().flat_map(|datagram| records(datagram)).collect();
    let of_type = |kind| -> Vec<(u16, u64)> {
        let records = all.iter().filter(|record| record.content_type == kind);
        records
            .map(|record| (record.epoch, record.number))
            .collect()
    };
    // ChangeCipherSpec, and Finished among the packets 1 to 200.
    let changes = of_type(20);
    assert_eq!(changes.len(), 2);
    assert!(changes[0].1 < changes[1].1, "{changes:?}");
    let mut finished = of_type(22);
    finished.retain(|(epoch, _)| *epoch == 1);
    assert_eq!(finished, [(1, 0), (1, 201)]);
    simulation.server.session().send(b"after it").unwrap();
    simulation.settle();
    assert_eq!(
        taken(&mut simulation.client).pop(),
        Some(b"after it".to_vec())
    );
}

/// Nothing of the settings is forgotten over the smaller size.
#[test]
fn a_size_that_is_set_below_the_smallest_path_stays() {
    let mut simulation = silent_after_the_servers_flight(server_context(), 300);
    simulation.run(Duration::from_secs(12), |_| false);
    assert!(to(&simulation, To::Client).iter().all(|it| it.len() <= 300));
}
