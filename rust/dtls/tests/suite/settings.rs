//! The settings of a handshake, and the times that a session returns.

use std::time::Duration;

use dtls::{ConfigError, Failure, Settings, Status};
use testkit::To;
use testkit::forged::plain_record;

use crate::simulation::{self, SERVER_NAME, Simulation, client_context, server_context};

fn simulation(of_client: Settings, of_server: Settings) -> Simulation {
    let server = server_context().with_settings(of_server);
    let client = client_context().with_settings(of_client);
    simulation::start_with(&server, &client, SERVER_NAME)
}

#[test]
fn values_outside_of_their_range_are_refused_with_the_range_in_the_message() {
    let default = Settings::default();
    for (refused, words) in [
        (
            default.first_retransmission(Duration::ZERO),
            ["0ns", "50ms to 60s"],
        ),
        (
            default.first_retransmission(Duration::MAX),
            ["first retransmission", "60s"],
        ),
        (
            default.handshake_limit(Duration::from_millis(999)),
            ["999ms", "1s to 3600s"],
        ),
        (
            default.handshake_limit(Duration::MAX),
            ["limit of a handshake", "3600s"],
        ),
        (default.max_datagram(255), ["255", "256 to 1500"]),
        (
            default.max_datagram(usize::MAX),
            ["largest handshake datagram", "1500"],
        ),
    ] {
        let Err(error @ ConfigError::OutOfRange { .. }) = refused else {
            panic!("{refused:?} is out of range");
        };
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}

#[test]
fn every_allowed_value_at_its_bounds_makes_a_session() {
    let (first, limit, size) = (
        Settings::FIRST_RETRANSMISSION,
        Settings::HANDSHAKE_LIMIT,
        Settings::MAX_DATAGRAM,
    );
    for first in [*first.start(), *first.end()] {
        for limit in [*limit.start(), *limit.end()] {
            for size in [*size.start(), *size.end()] {
                let settings = Settings::default()
                    .first_retransmission(first)
                    .and_then(|settings| settings.handshake_limit(limit))
                    .and_then(|settings| settings.max_datagram(size))
                    .unwrap();
                let mut simulation = simulation(settings, settings);
                simulation.run_until_connected();
            }
        }
    }
}

#[test]
fn the_first_retransmission_comes_when_it_is_set_to() {
    let settings = Settings::default()
        .first_retransmission(Duration::from_millis(250))
        .unwrap();
    let mut simulation = simulation(settings, settings);
    simulation.faults.loss = 1.0;
    for (time, sent) in [(249, 1), (251, 2), (749, 2), (751, 3)] {
        let left = Duration::from_millis(time) - simulation.elapsed();
        simulation.run(left, |_| false);
        assert_eq!(simulation.sent.len(), sent, "after {time} ms");
    }
}

/// Both sides give up, say after how long, and ask for no further call.
#[test]
fn a_handshake_ends_at_its_limit_on_both_sides() {
    for seconds in [1, 5, 200] {
        let limit = Duration::from_secs(seconds);
        let settings = Settings::default().handshake_limit(limit).unwrap();
        let mut simulation = simulation(settings, settings);
        simulation.run(Duration::from_millis(500), |simulation| {
            simulation.server.session.is_some()
        });
        let begun = simulation.elapsed();
        simulation.faults.loss = 1.0;
        simulation.drop_in_flight();
        simulation.run(limit - begun - Duration::from_millis(1), |_| false);
        assert_eq!(simulation.client.status(), Status::Handshaking);
        simulation.run(begun + Duration::from_millis(2), |_| false);
        for session in [
            &simulation.client,
            simulation.server.session.as_ref().unwrap(),
        ] {
            assert_eq!(session.status(), Status::Failed);
            let failure = session.failure().unwrap();
            assert_eq!(failure, &Failure::TimedOut(limit));
            assert!(
                failure
                    .to_string()
                    .contains(&format!("within {seconds} seconds"))
            );
            assert_eq!(session.timeout(), None);
        }
    }
}

#[test]
fn flights_are_cut_for_the_datagram_that_is_set() {
    for size in [256, 257, 500, 1152, 1500] {
        let settings = Settings::default().max_datagram(size).unwrap();
        let mut simulation = simulation(settings, settings);
        simulation.run_until_connected();
        let largest = |to| {
            let sent = simulation.sent.iter().filter(|(whom, _)| *whom == to);
            sent.map(|(_, datagram)| datagram.len()).max().unwrap()
        };
        assert!(largest(To::Server) <= size && largest(To::Client) <= size);
        // The server's flight has more than 1,000 bytes, so that it fills the smaller ones.
        assert!(
            size > 500 || largest(To::Client) > size - 30,
            "{}",
            largest(To::Client)
        );
    }
}

#[test]
fn last_authenticated_is_the_time_of_the_last_authentic_record_and_forgeries_do_not_change_it() {
    let mut simulation = simulation::start();
    assert_eq!(simulation.client.last_authenticated(), None);
    simulation.run_until_connected();
    // The server has the client's last flight, the client the server's one latency later.
    let (client, server) = (
        simulation.client.last_authenticated(),
        simulation.server.session().last_authenticated(),
    );
    assert_eq!(client, Some(simulation.now()));
    assert!(server.is_some() && server < client);

    simulation.run(Duration::from_secs(10), |_| false);
    for datagram in [&[][..], &[23; 13], &plain_record(21, 9, &[2, 0])] {
        simulation.inject(To::Server, datagram);
        simulation.inject(To::Client, datagram);
    }
    let replayed: Vec<_> = simulation.sent.clone();
    for (to, datagram) in &replayed {
        simulation.inject(*to, datagram);
    }
    simulation.settle();
    assert_eq!(simulation.client.last_authenticated(), client);
    assert_eq!(simulation.server.session().last_authenticated(), server);

    simulation.client.send(b"here I am").unwrap();
    simulation.run(Duration::from_millis(20), |_| false);
    assert_eq!(
        simulation.server.session().last_authenticated(),
        Some(simulation.now())
    );
    assert_eq!(simulation.client.last_authenticated(), client);
    simulation.server.session().close();
    simulation.run(Duration::from_millis(20), |_| false);
    assert_eq!(
        simulation.client.last_authenticated(),
        Some(simulation.now())
    );
}
