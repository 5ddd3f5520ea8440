//! The simulation with ends that need no library: each sends until the other has answered.

use std::time::{Duration, Instant};

use testkit::simulation::{End, Simulation};
use testkit::{Faults, To};

const RETRY: Duration = Duration::from_secs(1);

/// Sends `hello` every second until a datagram arrives, and answers each `hello` once.
struct Toy {
    retry_at: Option<Instant>,
    outgoing: Vec<Vec<u8>>,
    incoming: Vec<Vec<u8>>,
}

impl Toy {
    fn client(now: Instant) -> Self {
        Self {
            retry_at: Some(now),
            ..Self::server()
        }
    }

    fn server() -> Self {
        Self {
            retry_at: None,
            outgoing: Vec::new(),
            incoming: Vec::new(),
        }
    }
}

impl End for Toy {
    fn handle_datagram(&mut self, datagram: &[u8], _: Instant) {
        self.retry_at = None;
        if datagram == b"hello" {
            self.outgoing.push(b"answer".to_vec());
        }
        self.incoming.push(datagram.to_vec());
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.outgoing.push(b"hello".to_vec());
            self.retry_at = Some(now + RETRY);
        }
    }

    fn timeout(&self) -> Option<Instant> {
        self.retry_at
    }

    fn take_datagrams(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.outgoing)
    }

    fn is_connected(&self) -> bool {
        !self.incoming.is_empty()
    }

    fn state(&self) -> String {
        format!("with {} datagrams", self.incoming.len())
    }

    fn send(&mut self, packet: &[u8]) {
        self.outgoing.push(packet.to_vec());
    }

    fn take_packets(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.incoming)
    }
}

fn simulation() -> Simulation<Toy, Toy> {
    let now = Instant::now();
    Simulation::new(Toy::client(now), Toy::server(), now)
}

#[test]
fn a_datagram_takes_the_latency_and_time_outs_come_when_they_are_due() {
    let mut simulation = simulation();
    let time = simulation.connect(Duration::from_secs(5)).unwrap();
    assert_eq!(time, Duration::from_millis(40), "there and back");
    let sent: Vec<To> = simulation.sent.iter().map(|(to, _)| *to).collect();
    assert_eq!(sent, [To::Server, To::Client]);
    simulation.run(Duration::from_secs(9), |_| false);
    assert_eq!(simulation.elapsed(), Duration::from_millis(9_040));
}

#[test]
fn what_is_lost_is_counted_as_sent_and_does_not_arrive() {
    let mut simulation = simulation();
    simulation.faults.loss = 1.0;
    let states = simulation
        .connect(Duration::from_millis(3_500))
        .unwrap_err();
    assert_eq!(states, "client with 0 datagrams; server with 0 datagrams");
    assert_eq!(simulation.sent.len(), 4, "one each second");
    simulation.faults.loss = 0.0;
    simulation.path_mtu = 4;
    simulation.run(Duration::from_secs(2), |_| false);
    assert!(!simulation.server.is_connected(), "larger than the path");
    simulation.path_mtu = 5;
    simulation.run(Duration::from_secs(2), |_| false);
    assert!(simulation.server.is_connected() && !simulation.client.is_connected());
}

/// Numbers sent by a connected client over a network with these faults, as they arrive.
fn arrivals(faults: Faults, seed: u64) -> Vec<Vec<u8>> {
    let mut simulation = simulation();
    simulation.run_until_connected();
    simulation.server.take_packets();
    simulation.set_seed(seed);
    simulation.faults = faults;
    for number in 0..100_u8 {
        simulation.client.send(&[number]);
        simulation.run(Duration::from_millis(1), |_| false);
    }
    simulation.settle();
    simulation.server.take_packets()
}

#[test]
fn faults_change_what_arrives_and_a_seed_repeats_them() {
    let numbers: Vec<Vec<u8>> = (0..100).map(|number| vec![number]).collect();
    assert_eq!(arrivals(Faults::default(), 1), numbers);
    let faults = Faults {
        loss: 0.2,
        duplication: 0.2,
        reordering: 0.2,
        corruption: 0.2,
        ..Faults::default()
    };
    let first = arrivals(faults.clone(), 1);
    assert_eq!(first, arrivals(faults.clone(), 1));
    assert_ne!(first, arrivals(faults, 2));
    assert!(!first.is_sorted());
    let mut distinct = first.clone();
    distinct.sort();
    distinct.dedup();
    assert!(distinct.len() < first.len(), "some arrive twice");
    assert!(distinct.len() < 100, "some are lost");
    assert!(first.iter().any(|it| it[0] >= 128), "a bit is inverted");
}

#[test]
fn datagrams_in_flight_can_be_injected_changed_and_dropped() {
    let mut simulation = simulation();
    simulation.run_until_connected();
    simulation.server.take_packets();
    simulation.client.send(b"a");
    simulation.change_in_flight(|to, datagram| {
        assert_eq!(to, To::Server);
        datagram[0] = b'b';
    });
    simulation.inject(To::Server, b"first");
    simulation.settle();
    assert_eq!(simulation.server.take_packets(), [&b"first"[..], b"b"]);
    simulation.client.send(b"c");
    simulation.drop_in_flight();
    simulation.settle();
    assert!(simulation.server.take_packets().is_empty());
}
