//! ClientHellos in fragments (RFC 6347 sections 4.2.1 and 4.2.3): either of a client's two, in any order, doubled.

use std::time::Duration;

use dtls::{CookieCheck, ServerContext, Session, Settings, Status};
use testkit::certificates::{KeyKind, Leaf};
use testkit::forged::{cut, handshake_message, plain_record};
use testkit::{SeededRng, To};

use crate::hellos::Hello;
use crate::simulation::{
    self, CLIENT_ADDRESS, SERVER_NAME, Simulation, authority, client_context, identity,
    server_context, taken,
};

/// The number of a hello's message; `None` for other datagrams.
fn hello_number(datagram: &[u8]) -> Option<u8> {
    let is_hello = datagram[0] == 22 && datagram[3..5] == [0, 0] && datagram[13] == 1;
    is_hello.then(|| datagram[18])
}

type Pieces = Vec<Vec<u8>>;

/// Orders in which the pieces of a hello arrive.
const ORDERS: [fn(Pieces) -> Pieces; 5] = [
    |pieces| pieces,
    |pieces| pieces.into_iter().rev().collect(),
    |pieces| pieces.into_iter().flat_map(|it| [it.clone(), it]).collect(),
    |pieces| [pieces.clone(), pieces].concat(),
    |mut pieces| {
        pieces.rotate_left(1);
        pieces
    },
];

#[test]
fn a_client_connects_whichever_of_its_hellos_is_cut_and_in_whatever_order_it_arrives() {
    const WHOLE: usize = 2000;
    for first in [WHOLE, 150, 70, 40] {
        for second in [WHOLE, 150, 100, 70] {
            for (which, order) in ORDERS.into_iter().enumerate() {
                let mut simulation = simulation::start();
                simulation.client.reshape =
                    Some(Box::new(move |datagram| match hello_number(&datagram) {
                        Some(0) => order(cut(&datagram, first)),
                        Some(_) => order(cut(&datagram, second)),
                        None => vec![datagram],
                    }));
                simulation.run(Duration::from_secs(3), Simulation::both_connected);
                assert!(
                    simulation.both_connected(),
                    "pieces of {first} and {second}, order {which}"
                );
            }
        }
    }
}

/// RFC 6347 section 4.2.8.
#[test]
fn a_client_that_was_started_again_gets_in_whatever_becomes_of_its_hellos() {
    for size in [70, 150] {
        for (which, order) in ORDERS.into_iter().enumerate() {
            let mut simulation = simulation::connected();
            simulation.client.reshape =
                Some(Box::new(move |datagram| match hello_number(&datagram) {
                    Some(_) => order(cut(&datagram, size)),
                    None => vec![datagram],
                }));
            let now = simulation.now();
            simulation.client.session =
                Session::connect(&client_context(), SERVER_NAME, now).unwrap();
            simulation.run(Duration::from_secs(5), |simulation| {
                simulation.client.status() == Status::Connected
            });
            let case = format!("pieces of {size}, order {which}");
            assert_eq!(simulation.client.status(), Status::Connected, "{case}");
            simulation.client.send(b"again").unwrap();
            simulation.settle();
            assert_eq!(taken(simulation.server.session()), [b"again"], "{case}");
        }
    }
}

/// Each time it is sent, a hello is cut elsewhere, and some pieces are lost.
#[test]
fn a_client_connects_whose_hello_is_cut_at_other_places_each_time() {
    for seed in 1..=50 {
        let mut simulation = simulation::start();
        let mut rng = SeededRng::from_seeds(&[seed, 1]);
        simulation.client.reshape = Some(Box::new(move |datagram| match hello_number(&datagram) {
            Some(_) => {
                let mut pieces = cut(&datagram, rng.within(70..=269) as usize);
                pieces.retain(|_| rng.chance(0.75));
                pieces
            }
            None => vec![datagram],
        }));
        simulation.run(Duration::from_secs(60), Simulation::both_connected);
        assert!(simulation.both_connected(), "seed {seed}");
    }
}

#[test]
fn fragments_without_the_whole_cookie_are_neither_answered_nor_kept() {
    let mut simulation = simulation::start();
    let now = simulation.now();
    let mut first = Hello::first();
    first.session_id = vec![7; 32];
    let hello = first
        .with_cookie(&mut simulation.server.jar, now)
        .datagram();
    // Version, random, session identifier and cookie with their lengths.
    let least = 2 + 32 + 33 + 33;
    let mut pieces = cut(&hello, least);
    let verified = simulation
        .server
        .jar
        .verify_cookie(&pieces[0], CLIENT_ADDRESS, now);
    assert_eq!(verified, Ok(CookieCheck::Verified));
    pieces.remove(0);
    pieces.extend(cut(&hello, least - 1));
    // The first hello's first fragment holds the length of its cookie, which is none.
    pieces.extend(cut(&first.datagram(), 2 + 32 + 33));
    for piece in pieces {
        let check = simulation
            .server
            .jar
            .verify_cookie(&piece, CLIENT_ADDRESS, now);
        assert_eq!(
            check,
            Ok(CookieCheck::NotClientHello),
            "{} bytes",
            piece.len()
        );
    }
}

/// Whether a server answers once it has the last of these, the first of which begins a session.
fn is_answered(pieces: Vec<Vec<u8>>) -> bool {
    let now = simulation::start().now();
    let mut pieces = pieces.into_iter();
    let hello = pieces.next().unwrap();
    let mut session = Session::accept(&server_context(), &hello, now).unwrap();
    for piece in pieces {
        assert!(!session.has_datagrams());
        session.handle_datagram(&piece, now);
    }
    session.has_datagrams()
}

#[test]
fn a_hello_larger_than_a_datagram_is_taken_from_the_start() {
    for key_share in [1216, 2 * 1216, 3500] {
        let mut simulation = simulation::start();
        let now = simulation.now();
        let mut first = Hello::first();
        first.extend(51, &vec![7; key_share]);
        for size in [100, 229, 500, 1100] {
            let pieces = cut(&first.datagram(), size);
            let checks = pieces.iter().map(|piece| {
                simulation
                    .server
                    .jar
                    .verify_cookie(piece, CLIENT_ADDRESS, now)
                    .unwrap()
            });
            let answers = checks.filter(|check| *check != CookieCheck::NotClientHello);
            assert_eq!(answers.count(), 1, "of {} pieces", pieces.len());
            let second = first
                .with_cookie(&mut simulation.server.jar, now)
                .datagram();
            let pieces = cut(&second, size);
            let check = simulation
                .server
                .jar
                .verify_cookie(&pieces[0], CLIENT_ADDRESS, now);
            assert_eq!(check, Ok(CookieCheck::Verified));
            assert!(is_answered(pieces), "{key_share} bytes in pieces of {size}");
        }
    }
}

/// What follows the first fragment in its datagram counts.
#[test]
fn a_hello_in_fragments_that_share_a_datagram_is_taken() {
    let mut simulation = simulation::start();
    let now = simulation.now();
    let hello = Hello::first()
        .with_cookie(&mut simulation.server.jar, now)
        .datagram();
    assert!(is_answered(vec![cut(&hello, 70).concat()]));
}

/// Not only once its last fragment has come.
#[test]
fn a_hello_in_fragments_is_told_from_another_clients() {
    let mut simulation = simulation::start();
    let now = simulation.now();
    let hello = Hello::first()
        .with_cookie(&mut simulation.server.jar, now)
        .datagram();
    let pieces = cut(&hello, 70);
    let mut session = Session::accept(&server_context(), &pieces[0], now).unwrap();
    let mut other = pieces[0].clone();
    other[25 + 2] ^= 1;
    for piece in &pieces {
        assert!(!session.is_new_client_hello(&pieces[0]));
        assert!(session.is_new_client_hello(&other));
        session.handle_datagram(piece, now);
    }
    assert!(session.has_datagrams());
    assert!(!session.is_new_client_hello(&hello) && session.is_new_client_hello(&other));
}

#[test]
fn a_hello_longer_than_4_kilobytes_is_noise() {
    let mut simulation = simulation::start();
    let now = simulation.now();
    for (length, expected) in [(4096, true), (4097, false), (0xff_ffff, false)] {
        let hello = Hello::first().datagram();
        let beginning = handshake_message(1, length, 0, 0, &hello[25..]);
        let check = simulation.server.jar.verify_cookie(
            &plain_record(22, 0, &beginning),
            CLIENT_ADDRESS,
            now,
        );
        assert_eq!(
            check != Ok(CookieCheck::NotClientHello),
            expected,
            "{length}"
        );
    }
}

/// Not every server takes fragments of a hello.
#[test]
fn our_own_hello_is_one_datagram_for_any_name_and_any_limit() {
    for length in (2..=63).chain([100, 200, 253]) {
        let is_dot = |at: usize| length > 63 && at % 50 == 40;
        let name: String = (0..length)
            .map(|at| if is_dot(at) { '.' } else { 'a' })
            .collect();
        let leaf = Leaf {
            common_name: None,
            dns: vec![name.clone()],
            key: KeyKind::P256,
            ..Leaf::localhost()
        };
        let server = authority().issue(&leaf).unwrap();
        let server = ServerContext::new(&identity(&server)).unwrap();
        let settings = Settings::default().max_datagram(256).unwrap();
        let mut simulation = simulation::start_with(
            &server.with_settings(settings),
            &client_context().with_settings(settings),
            &name,
        );
        simulation.run_until_connected();
        let hellos = simulation
            .sent
            .iter()
            .filter(|(to, datagram)| *to == To::Server && hello_number(datagram).is_some());
        let lengths: Vec<usize> = hellos.map(|(_, datagram)| datagram.len()).collect();
        assert_eq!(lengths.len(), 2, "{lengths:?}");
        assert!(lengths[1] <= 230 + length, "{lengths:?}");
        let others = simulation
            .sent
            .iter()
            .filter(|(_, it)| hello_number(it).is_none());
        assert!(others.map(|(_, datagram)| datagram.len()).max() <= Some(256));
    }
}
