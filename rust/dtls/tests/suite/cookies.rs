//! What a server does before it knows that a client owns its address.

use std::time::Duration;

use dtls::{COOKIE_LIFETIME, CookieCheck, CookieJar, Session};
use testkit::To;

use crate::hellos::Hello;
use crate::simulation::{self, CLIENT_ADDRESS, SERVER_NAME, Simulation, client_context};

/// A client's hello with the cookie that this simulation's server gave it.
fn hello_with_cookie(simulation: &mut Simulation) -> Vec<u8> {
    let first = hello(&mut simulation.client);
    let now = simulation.now();
    let CookieCheck::Unverified(request) = simulation
        .server
        .jar
        .verify_cookie(&first, CLIENT_ADDRESS, now)
        .unwrap()
    else {
        panic!("a hello without a cookie is not verified");
    };
    assert!(request.as_bytes().len() < first.len(), "no amplification");
    simulation.client.handle_datagram(request.as_bytes(), now);
    hello(&mut simulation.client)
}

fn hello(client: &mut Session) -> Vec<u8> {
    let mut datagrams = Vec::new();
    client.drain_datagrams(|datagram| datagrams.push(datagram.to_vec()));
    assert_eq!(datagrams.len(), 1);
    datagrams.remove(0)
}

#[test]
fn a_cookie_holds_for_the_client_it_was_given_to() {
    let mut simulation = simulation::start();
    let hello = hello_with_cookie(&mut simulation);
    let now = simulation.now();
    let check = simulation
        .server
        .jar
        .verify_cookie(&hello, CLIENT_ADDRESS, now);
    assert_eq!(check, Ok(CookieCheck::Verified));
}

#[test]
fn a_cookie_does_not_hold_for_another_address_or_port() {
    let mut simulation = simulation::start();
    let hello = hello_with_cookie(&mut simulation);
    let now = simulation.now();
    let mut port = CLIENT_ADDRESS;
    port.set_port(40_001);
    let mut ip = CLIENT_ADDRESS;
    ip.set_ip([192, 0, 2, 8].into());
    for other in [port, ip] {
        let check = simulation
            .server
            .jar
            .verify_cookie(&hello, other, now)
            .unwrap();
        assert!(matches!(check, CookieCheck::Unverified(_)), "{other}");
    }
}

#[test]
fn a_cookie_does_not_hold_with_another_hello() {
    let mut simulation = simulation::start();
    let hello = hello_with_cookie(&mut simulation);
    let now = simulation.now();
    // The client's random begins behind the record's header, the message's and the version.
    for changed_at in [13 + 12 + 2, 13 + 12 + 2 + 31] {
        let mut changed = hello.clone();
        changed[changed_at] ^= 1;
        let check = simulation
            .server
            .jar
            .verify_cookie(&changed, CLIENT_ADDRESS, now)
            .unwrap();
        assert!(matches!(check, CookieCheck::Unverified(_)));
    }
}

#[test]
fn a_cookie_of_another_server_does_not_hold() {
    let hello = hello_with_cookie(&mut simulation::start());
    let mut other = simulation::start();
    let now = other.now();
    let check = other
        .server
        .jar
        .verify_cookie(&hello, CLIENT_ADDRESS, now)
        .unwrap();
    assert!(matches!(check, CookieCheck::Unverified(_)));
}

#[test]
fn a_cookie_outlives_one_change_of_the_secret_and_no_more() {
    let mut simulation = simulation::start();
    let hello = hello_with_cookie(&mut simulation);
    let mut check_after = |time: Duration| {
        let at = simulation.now() + time;
        simulation
            .server
            .jar
            .verify_cookie(&hello, CLIENT_ADDRESS, at)
            .unwrap()
    };
    assert_eq!(check_after(COOKIE_LIFETIME), CookieCheck::Verified);
    let twice = check_after(2 * COOKIE_LIFETIME);
    assert!(matches!(twice, CookieCheck::Unverified(_)));
}

#[test]
fn a_cookie_is_worth_nothing_after_a_long_silence() {
    let mut simulation = simulation::start();
    let hello = hello_with_cookie(&mut simulation);
    let later = simulation.now() + 3 * COOKIE_LIFETIME;
    let check = simulation
        .server
        .jar
        .verify_cookie(&hello, CLIENT_ADDRESS, later)
        .unwrap();
    assert!(matches!(check, CookieCheck::Unverified(_)));
}

/// Secrets change when a hello comes, so how often hellos come makes no difference to how long a cookie holds.
#[test]
fn a_cookie_holds_for_30_seconds_and_for_no_60_however_often_hellos_come() {
    let second = Duration::from_secs(1);
    for gap in [1, 7, 29, 30, 31, 45, 59, 60, 61, 89, 100] {
        for given_at in [0, 1, 15, 29, 30, 44] {
            let mut simulation = simulation::start();
            let began = simulation.now();
            let other = Hello::first().datagram();
            let check = |jar: &mut CookieJar, hello: &[u8], at: u32| {
                let check = jar.verify_cookie(hello, CLIENT_ADDRESS, began + at * second);
                check.unwrap()
            };
            let first = hello(&mut simulation.client);
            let CookieCheck::Unverified(request) =
                check(&mut simulation.server.jar, &first, given_at)
            else {
                panic!("a hello without a cookie is not verified");
            };
            let request = &mut request.as_bytes().to_vec();
            simulation.client.handle_datagram(request, began);
            let with_cookie = hello(&mut simulation.client);
            for at in given_at + 1..given_at + 130 {
                if (at - given_at) % gap == 0 {
                    check(&mut simulation.server.jar, &other, at);
                }
                let case = format!("given at {given_at}, a hello every {gap} s, at {at}");
                // Not every second, since this is a hello as well and so changes secrets.
                if at % 10 == 0 || at - given_at == 29 || at - given_at == 60 {
                    let holds = check(&mut simulation.server.jar, &with_cookie, at)
                        == CookieCheck::Verified;
                    assert!(holds || at - given_at >= 30, "{case}");
                    assert!(!holds || at - given_at < 60, "{case}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_client_hello_is_noise_wherever_it_is_cut_or_changed() {
    let mut simulation = simulation::start();
    let hello = hello_with_cookie(&mut simulation);
    let now = simulation.now();
    let mut noise: Vec<Vec<u8>> = vec![Vec::new(), vec![0; 65_507], vec![0xff; 100]];
    noise.extend((0..hello.len()).map(|length| hello[..length].to_vec()));
    // Record type, version, epoch, handshake type, message number, fragment offset.
    for at in [0, 1, 3, 13, 13 + 5, 13 + 8] {
        let mut changed = hello.clone();
        changed[at] ^= 0x40;
        noise.push(changed);
    }
    for datagram in noise {
        let check = simulation
            .server
            .jar
            .verify_cookie(&datagram, CLIENT_ADDRESS, now);
        assert_eq!(
            check,
            Ok(CookieCheck::NotClientHello),
            "{} bytes",
            datagram.len()
        );
    }
}

/// A delayed copy of the client's first hello reaches a server that has made a session by then.
#[test]
fn a_late_first_hello_does_not_disturb_the_session() {
    let mut client = Session::connect(&client_context(), SERVER_NAME, std::time::Instant::now());
    let first = hello(client.as_mut().unwrap());
    let mut simulation = simulation::start();
    simulation.run(Duration::from_secs(1), |simulation| {
        simulation.server.session.is_some()
    });
    simulation.inject(To::Server, &first);
    simulation.run_until_connected();
}
