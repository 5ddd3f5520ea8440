//! Handshakes that have to begin anew: servers that forget, forged datagrams, clients that were
//! started again.

use std::time::Duration;

use dtls::{CookieCheck, CookieJar, Failure, HANDSHAKE_LIMIT, RESTART_SILENCE, Session, Status};
use testkit::forged::{cut, plain_record};
use testkit::{Faults, To};

use crate::simulation::{
    self, CLIENT_ADDRESS, SERVER_NAME, Simulation, client_context, server_context, taken,
};

const SOON: Duration = Duration::from_secs(3);

/// The server forgets its secret between the cookie and the hello that brings it.
#[test]
fn a_server_that_is_started_anew_before_it_knows_the_client_is_reached() {
    let mut simulation = simulation::start();
    simulation.run(Duration::from_secs(1), |simulation| {
        simulation.sent.len() == 3
    });
    simulation.server.jar = CookieJar::new(simulation.now()).unwrap();
    let time = simulation.connect(HANDSHAKE_LIMIT).unwrap();
    assert!(time < SOON, "{time:?}");
}

/// As above, but the server had made a session, which is lost with it.
#[test]
fn a_server_that_is_started_anew_in_the_midst_of_a_handshake_is_reached() {
    let mut simulation = simulation::start();
    simulation.run(Duration::from_secs(1), |simulation| {
        simulation.server.session.is_some()
    });
    simulation.drop_in_flight();
    simulation.server.session = None;
    simulation.server.jar = CookieJar::new(simulation.now()).unwrap();
    let time = simulation.connect(HANDSHAKE_LIMIT).unwrap();
    assert!(time < 2 * SOON, "{time:?}");
}

#[test]
fn a_forged_cookie_delays_a_handshake_and_does_not_end_it() {
    let mut simulation = simulation::start();
    let mut message = vec![3, 0, 0, 35, 0, 0, 0, 0, 0, 0, 0, 35, 254, 255, 32];
    message.extend([7; 32]);
    simulation.inject(To::Client, &plain_record(22, 0, &message));
    let time = simulation.connect(HANDSHAKE_LIMIT).unwrap();
    assert!(time < SOON, "{time:?}");
}

/// A server's flight, well formed and in the right place, but of another session.
fn foreign_flight() -> Vec<u8> {
    let other = simulation::connected();
    let mut flights = other.sent.iter().filter(|(to, _)| *to == To::Client);
    flights.nth(1).expect("the server's flight").1.clone()
}

fn begin_with_a_foreign_flight(simulation: &mut Simulation) {
    simulation.run(Duration::from_secs(1), |simulation| {
        simulation.sent.len() == 3
    });
    simulation.inject(To::Client, &foreign_flight());
    simulation.connect(HANDSHAKE_LIMIT).unwrap();
}

#[test]
fn a_forged_flight_costs_one_attempt_and_does_not_end_the_handshake() {
    let mut simulation = simulation::start();
    begin_with_a_foreign_flight(&mut simulation);
    assert!(simulation.elapsed() < SOON, "{:?}", simulation.elapsed());
}

/// As OpenSSL's own server does: its next flight has numbers that the last attempt's had.
#[test]
fn a_server_that_numbers_every_flight_alike_is_reached_in_a_second_attempt() {
    let mut simulation = simulation::start();
    simulation.server.numbers_from_one = true;
    begin_with_a_foreign_flight(&mut simulation);
    assert!(
        simulation.elapsed() < 3 * SOON,
        "{:?}",
        simulation.elapsed()
    );
}

/// A server that has nothing else to say sends its alert again with every hello.
#[test]
fn an_alert_that_comes_with_every_attempt_is_believed() {
    let mut simulation = simulation::start();
    simulation.faults.loss = 1.0;
    for _ in 0..20 {
        simulation.inject(To::Client, &plain_record(21, 1 << 40, &[2, 40]));
        simulation.run(Duration::from_millis(500), |_| false);
    }
    let failure = simulation.client.failure();
    assert!(matches!(failure, Some(Failure::Alert(_))), "{failure:?}");
}

#[test]
fn a_client_that_is_started_again_is_told_from_its_own_late_hellos() {
    let mut simulation = simulation::connected();
    let own: Vec<Vec<u8>> = simulation
        .sent
        .iter()
        .map(|(_, datagram)| datagram.clone())
        .collect();
    for datagram in &own {
        assert!(!simulation.server.session().is_new_client_hello(datagram));
        assert!(!simulation.client.is_new_client_hello(datagram));
    }
    let now = simulation.now();
    let mut again = Session::connect(&client_context(), SERVER_NAME, now).unwrap();
    let mut hello = Vec::new();
    again.drain_datagrams(|datagram| hello = datagram.to_vec());
    assert!(simulation.server.session().is_new_client_hello(&hello));
    assert!(!simulation.client.is_new_client_hello(&hello));
}

/// A restarted client outside of the simulation, on the same address as the one that is connected.
struct RestartedClient {
    session: Session,
    /// Its hello with a cookie that holds.
    hello: Vec<u8>,
}

impl RestartedClient {
    /// Someone who reads what is sent to the client's address, and can send from it.
    fn new(simulation: &mut Simulation) -> Self {
        let now = simulation.now();
        let mut session = Session::connect(&client_context(), SERVER_NAME, now).unwrap();
        let hello = last_datagram(&mut session);
        let check = simulation
            .server
            .jar
            .verify_cookie(&hello, CLIENT_ADDRESS, now)
            .unwrap();
        let CookieCheck::Unverified(request) = check else {
            panic!("a first hello has no cookie: {check:?}");
        };
        session.handle_datagram(request.as_bytes(), now);
        let hello = last_datagram(&mut session);
        Self { session, hello }
    }
}

fn last_datagram(session: &mut Session) -> Vec<u8> {
    let mut last = Vec::new();
    session.drain_datagrams(|datagram| last = datagram.to_vec());
    last
}

/// How many datagrams of a handshake the server has sent since so many were sent in all.
fn flights_since(simulation: &Simulation, begin: usize) -> usize {
    let is_flight = |(to, datagram): &&(To, Vec<u8>)| *to == To::Client && datagram[0] == 22;
    simulation.sent[begin..].iter().filter(is_flight).count()
}

/// The client says something, and the server answers.
fn exchange_packet(simulation: &mut Simulation, text: &[u8]) {
    simulation.client.send(text).unwrap();
    simulation.settle();
    assert_eq!(taken(simulation.server.session()), [text]);
    simulation.server.session().send(text).unwrap();
    simulation.settle();
    assert_eq!(taken(&mut simulation.client), [text]);
}

/// A client's process ends without a goodbye, and another one begins on its address.
fn start_client_again(simulation: &mut Simulation) {
    simulation.client.session =
        Session::connect(&client_context(), SERVER_NAME, simulation.now()).unwrap();
}

#[test]
fn a_hello_without_a_cookie_changes_nothing_for_an_established_session() {
    let mut simulation = simulation::connected();
    let now = simulation.now();
    let mut other = Session::connect(&client_context(), SERVER_NAME, now).unwrap();
    let hello = last_datagram(&mut other);
    let check = simulation
        .server
        .jar
        .verify_cookie(&hello, CLIENT_ADDRESS, now)
        .unwrap();
    assert!(matches!(check, CookieCheck::Unverified(_)));
    simulation.inject(To::Server, &hello);
    simulation.settle();
    assert_eq!(
        simulation.server.session().timeout(),
        None,
        "nothing is under way"
    );
    exchange_packet(&mut simulation, b"still me");
}

/// The sender of the hello sees what is sent to the client and sends from its address.
#[test]
fn a_hello_with_a_cookie_that_is_not_the_clients_is_not_answered_while_the_client_speaks() {
    let mut simulation = simulation::connected();
    let begin = simulation.sent.len();
    for round in 0..20_u8 {
        let restarted = RestartedClient::new(&mut simulation);
        simulation.inject(To::Server, &restarted.hello);
        simulation.run(Duration::from_millis(500), |_| false);
        simulation.client.send(&[round]).unwrap();
        simulation.run(Duration::from_millis(500), |_| false);
        assert_eq!(taken(simulation.server.session()), [[round]]);
    }
    assert_eq!(flights_since(&simulation, begin), 0);
    assert_eq!(
        simulation.server.session().timeout(),
        None,
        "the restart is dropped"
    );
    assert_eq!(simulation.server.restarts, 0);
}

#[test]
fn a_handshake_beside_the_session_of_a_silent_client_ends_when_the_client_speaks() {
    let mut simulation = simulation::connected();
    let begin = simulation.sent.len();
    let restarted = RestartedClient::new(&mut simulation);
    simulation.inject(To::Server, &restarted.hello);
    simulation.run(RESTART_SILENCE - Duration::from_millis(1), |_| false);
    assert_eq!(flights_since(&simulation, begin), 0, "not answered yet");
    simulation.run(Duration::from_secs(8), |_| false);
    assert!(
        flights_since(&simulation, begin) > 0,
        "answered after the silence"
    );
    assert!(simulation.server.session().is_restarting());
    assert_eq!(simulation.server.session().status(), Status::Connected);
    assert_eq!(
        simulation.client.status(),
        Status::Connected,
        "it ignores the flights"
    );
    exchange_packet(&mut simulation, b"I was only thinking");
    assert!(
        !simulation.server.session().is_restarting(),
        "the restart is dropped"
    );
    assert_eq!(simulation.server.session().timeout(), None);

    // What the restarted client sends now belongs to no handshake.
    let RestartedClient { mut session, hello } = restarted;
    let now = simulation.now();
    for (_, datagram) in &simulation.sent[begin..] {
        session.handle_datagram(datagram, now);
    }
    let mut flight = Vec::new();
    session.drain_datagrams(|datagram| flight.push(datagram.to_vec()));
    assert_eq!(session.status(), Status::Handshaking);
    for datagram in flight.iter().filter(|datagram| **datagram != hello) {
        simulation.inject(To::Server, datagram);
    }
    exchange_packet(&mut simulation, b"as before");
    assert_eq!(simulation.server.restarts, 0);
}

#[test]
fn a_handshake_beside_a_session_that_is_never_finished_is_given_up_and_the_session_stays() {
    let mut simulation = simulation::connected();
    let restarted = RestartedClient::new(&mut simulation);
    simulation.inject(To::Server, &restarted.hello);
    simulation.run(RESTART_SILENCE + SOON, |_| false);
    assert!(simulation.server.session().is_restarting());
    simulation.run(HANDSHAKE_LIMIT, |_| false);
    assert!(!simulation.server.session().is_restarting());
    assert_eq!(simulation.server.session().timeout(), None);
    exchange_packet(&mut simulation, b"still here");
}

#[test]
fn hellos_that_differ_begin_one_handshake_a_second_and_start_no_new_wait() {
    let mut simulation = simulation::connected();
    let begin = simulation.sent.len();
    let mut hellos = Vec::new();
    for _ in 0..100 {
        let restarted = RestartedClient::new(&mut simulation);
        simulation.inject(To::Server, &restarted.hello);
        hellos.push(restarted.hello);
        simulation.run(Duration::from_millis(100), |_| false);
    }
    let server_hellos = simulation.sent[begin..].iter().filter(|(to, datagram)| {
        *to == To::Client && datagram[0] == 22 && datagram.get(13) == Some(&2)
    });
    // From the second second on, one a second; each is repeated at the most once in its second.
    let count = server_hellos.count();
    assert!((8..=16).contains(&count), "{count}");
    exchange_packet(&mut simulation, b"still me");
}

#[test]
fn a_client_that_is_started_again_is_connected_within_three_seconds_while_the_server_sends() {
    let mut simulation = simulation::connected();
    simulation.client.send(b"last words").unwrap();
    simulation.settle();
    start_client_again(&mut simulation);
    let begin = simulation.elapsed();
    while simulation.server.restarts == 0 && simulation.elapsed() - begin < SOON {
        // Of the old session, which the client cannot open.
        simulation.server.session().send(&[7; 200]).unwrap();
        simulation.run(Duration::from_millis(50), |simulation| {
            simulation.server.restarts > 0
        });
    }
    assert_eq!(simulation.server.restarts, 1);
    simulation.run(
        SOON - (simulation.elapsed() - begin),
        Simulation::both_connected,
    );
    assert!(
        simulation.both_connected(),
        "{:?}",
        simulation.client.failure()
    );
    assert!(
        simulation.elapsed() - begin < SOON,
        "{:?}",
        simulation.elapsed() - begin
    );
    exchange_packet(&mut simulation, b"me again");
    // And once more, at once.
    start_client_again(&mut simulation);
    simulation.run(SOON, |simulation| {
        simulation.server.restarts == 2 && simulation.both_connected()
    });
    exchange_packet(&mut simulation, b"and again");
}

/// Its hello comes in pieces, of which those behind the first have no cookie.
#[test]
fn a_client_that_is_started_again_and_cuts_its_hello_is_connected_within_three_seconds() {
    let mut simulation = simulation::connected();
    let begin = simulation.elapsed();
    start_client_again(&mut simulation);
    let now = simulation.now();
    let mut restarted = RestartedClient::new(&mut simulation);
    let pieces = cut(&restarted.hello, 80);
    assert!(pieces.len() > 1);
    for piece in &pieces {
        simulation.inject(To::Server, piece);
    }
    // The client in the simulation is silent.
    simulation.client.close();
    let sent = simulation.sent.len();
    simulation.run(RESTART_SILENCE, |_| false);
    simulation.run(Duration::from_millis(1), |_| false);
    for round in [sent, sent + 1] {
        for (_, datagram) in &simulation.sent[round..] {
            restarted.session.handle_datagram(datagram, now);
        }
        restarted
            .session
            .drain_datagrams(|datagram| simulation.inject(To::Server, datagram));
        simulation.run(Duration::from_millis(100), |_| false);
    }
    assert_eq!(simulation.server.restarts, 1);
    assert!(
        simulation.elapsed() - begin < SOON,
        "{:?}",
        simulation.elapsed() - begin
    );
}

#[test]
fn a_client_that_is_started_again_on_a_bad_network_gets_in() {
    for seed in 0..20 {
        let mut simulation = simulation::connected();
        simulation.set_seed(seed);
        simulation.faults = Faults {
            loss: 0.2,
            duplication: 0.1,
            reordering: 0.2,
            corruption: 0.001,
            ..Faults::default()
        };
        start_client_again(&mut simulation);
        simulation.run(HANDSHAKE_LIMIT, |simulation| {
            simulation.server.restarts > 0 && simulation.both_connected()
        });
        assert!(
            simulation.both_connected(),
            "seed {seed}: {:?}",
            simulation.client.failure()
        );
        assert!(simulation.server.restarts > 0, "seed {seed}");
        simulation.faults = Faults::default();
        simulation.settle();
        exchange_packet(&mut simulation, b"hello again");
    }
}

/// A client that began twice, and whose first attempt's hello comes late: its cookie still holds.
#[test]
fn a_late_hello_of_an_earlier_attempt_ends_no_session() {
    let mut simulation = simulation::start();
    let late = RestartedClient::new(&mut simulation);
    simulation.run_until_connected();
    let begin = simulation.sent.len();
    for copy in 0..2 {
        simulation.inject(To::Server, &late.hello);
        simulation.run(Duration::from_secs(1), |_| false);
        exchange_packet(&mut simulation, &[copy]);
    }
    assert_eq!(flights_since(&simulation, begin), 0);
    assert_eq!(simulation.server.restarts, 0);
}

/// Datagrams of the client's former life that arrive once the new handshake is finished do not undo it.
#[test]
fn a_finished_restart_is_not_dropped_for_a_late_record_of_the_old_session() {
    let mut simulation = simulation::connected();
    let mut late = Vec::new();
    simulation.client.send(b"late").unwrap();
    simulation
        .client
        .drain_datagrams(|datagram| late = datagram.to_vec());
    let now = simulation.now();
    let mut restarted = RestartedClient::new(&mut simulation);
    let mut old = simulation.server.session.take().unwrap();
    old.offer_restart(&restarted.hello, now);
    assert!(!old.restart_is_due(now + RESTART_SILENCE - Duration::from_millis(1)));
    let now = now + RESTART_SILENCE;
    assert_eq!(old.timeout(), Some(now));
    assert!(old.restart_is_due(now));
    old.accept_restart(&server_context(), now).unwrap();
    assert!(!old.restart_is_due(now));
    for _ in 0..3 {
        old.drain_datagrams(|it| restarted.session.handle_datagram(it, now));
        let mut answers = Vec::new();
        restarted
            .session
            .drain_datagrams(|datagram| answers.push(datagram.to_vec()));
        for answer in answers {
            old.handle_datagram(&answer, now);
        }
    }
    assert!(old.is_restarted());
    old.handle_datagram(&late, now);
    let mut new = old.take_restarted().expect("the new session");
    assert_eq!(new.status(), Status::Connected);
    assert_eq!(restarted.session.status(), Status::Connected);
    restarted.session.send(b"me").unwrap();
    let packet = last_datagram(&mut restarted.session);
    new.handle_datagram(&packet, now);
    assert_eq!(taken(&mut new), [b"me"]);
    assert!(old.take_restarted().is_none());
    assert_eq!(old.status(), Status::Connected, "its owner drops it");
}
