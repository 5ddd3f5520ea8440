//! Sessions against dimpl over a simulated network that loses datagrams.
//!
//! dimpl joins the fragments of a handshake message only at their exact offsets: it cannot join those of a flight that is
//! retransmitted in other fragments than the first time (RFC 6347 section 4.2.2 asks for the same ones).

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, DtlsCertificate, Output};
use dtls::{ClientContext, Identity, Roots, ServerContext, Settings, Verification};
use testkit::certificates::{self, Authority, KeyKind, Leaf};
use testkit::simulation::{End, Simulation};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;
const LIMIT: Duration = Duration::from_secs(60);
const LOSS: f64 = 0.25;
const PACKETS: u64 = 20;

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("Test root").unwrap());
/// dimpl verifies no chain and knows no RSA; the server's certificates fill several datagrams.
static SERVER: LazyLock<certificates::Identity> = LazyLock::new(|| {
    let intermediate = AUTHORITY.padded_intermediate("Test intermediate", 700);
    intermediate.unwrap().issue(&leaf()).unwrap()
});
/// What dimpl sends as a server: it sends no intermediates.
static DIMPL: LazyLock<certificates::Identity> =
    LazyLock::new(|| AUTHORITY.issue(&leaf()).unwrap());

/// Large for its many names: dimpl cannot read an extension under the arc for examples.
fn leaf() -> Leaf {
    let mut leaf = Leaf {
        key: KeyKind::P256,
        ..Leaf::localhost()
    };
    let names = (0..30).map(|number| format!("server-{number}.example.org"));
    leaf.dns.extend(names);
    leaf
}

/// dimpl as an end of a simulation.
struct DimplEnd {
    dtls: Dtls,
    now: Instant,
    timeout: Option<Instant>,
    datagrams: Vec<Vec<u8>>,
    packets: Vec<Vec<u8>>,
    is_connected: bool,
    failure: Option<String>,
}

impl DimplEnd {
    fn new(
        identity: &certificates::Identity,
        is_client: bool,
        mtu: usize,
        seed: u64,
        now: Instant,
    ) -> Self {
        let config = Config::builder()
            .mtu(mtu)
            .require_client_certificate(false)
            // As long as ours, and with as many attempts as a link like this one may take.
            .flight_start_rto(Duration::from_millis(400))
            .flight_retries(20)
            .handshake_timeout(LIMIT)
            .dangerously_set_rng_seed(seed)
            .build()
            .unwrap();
        let certificate = DtlsCertificate {
            certificate: identity.certificate().to_der().unwrap(),
            private_key: identity.key().private_key_to_der().unwrap(),
        };
        let mut dtls = Dtls::new_12(Arc::new(config), certificate, now);
        dtls.set_active(is_client);
        let mut end = Self {
            dtls,
            now,
            timeout: None,
            datagrams: Vec::new(),
            packets: Vec::new(),
            is_connected: false,
            failure: None,
        };
        end.handle_timeout(now);
        end
    }

    /// Takes all of its output.
    fn poll(&mut self) {
        let mut buffer = vec![0; 16_384];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => self.datagrams.push(datagram.to_vec()),
                Output::Timeout(at) => {
                    // Far in the future when nothing is due.
                    self.timeout = Some(at).filter(|&at| at > self.now);
                    return;
                }
                Output::Connected => self.is_connected = true,
                Output::ApplicationData(packet) => self.packets.push(packet.to_vec()),
                Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                _ => {}
            }
        }
    }

    fn record<T>(&mut self, result: Result<T, dimpl::Error>) {
        if let Err(error) = result {
            self.failure.get_or_insert(format!("dimpl: {error}"));
        }
        if self.failure.is_none() {
            self.poll();
        }
    }
}

impl End for DimplEnd {
    fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        self.now = now;
        if self.failure.is_none() {
            let result = self.dtls.handle_packet(datagram);
            self.record(result);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if self.failure.is_none() {
            let result = self.dtls.handle_timeout(now);
            self.record(result);
        }
    }

    fn timeout(&self) -> Option<Instant> {
        self.timeout.filter(|_| self.failure.is_none())
    }

    fn take_datagrams(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.datagrams)
    }

    fn is_connected(&self) -> bool {
        self.is_connected && self.failure.is_none()
    }

    fn state(&self) -> String {
        match &self.failure {
            Some(failure) => failure.clone(),
            None => format!("dimpl: connected: {}", self.is_connected),
        }
    }

    fn send(&mut self, packet: &[u8]) {
        let result = self.dtls.send_application_data(packet);
        self.record(result);
    }

    fn take_packets(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.packets)
    }
}

/// Datagrams of 300 to 1,200 bytes at most, drawn from the seed.
fn mtu(seed: u64) -> usize {
    300 + (seed * 7919 % 901) as usize
}

fn our_client(seed: u64, now: Instant) -> interop::Client {
    let roots = Roots::from_pem(&AUTHORITY.certificate_pem().unwrap()).unwrap();
    let settings = Settings::default().max_datagram(mtu(seed)).unwrap();
    let context = ClientContext::new(Verification::Full(roots))
        .unwrap()
        .with_settings(settings);
    interop::Client::new(&context, "localhost", now)
}

fn our_server(seed: u64, now: Instant) -> interop::Server {
    let key = SERVER.key_pem().unwrap();
    let chain = SERVER.chain_pem().unwrap();
    let settings = Settings::default().max_datagram(mtu(seed)).unwrap();
    let context = ServerContext::new(&Identity::from_pem(&key, &chain, None).unwrap())
        .unwrap()
        .with_settings(settings);
    interop::Server::new(context, now)
}

/// Connects both and sends packets both ways, which arrive unaltered or not at all; gives the time of the handshake and how
/// many packets arrived.
fn connect_and_exchange<C: End, S: End>(
    client: C,
    server: S,
    seed: u64,
    now: Instant,
) -> Result<(Duration, usize), String> {
    let mut simulation = Simulation::new(client, server, now);
    simulation.set_seed(seed);
    simulation.faults.loss = LOSS;
    let time = simulation.connect(LIMIT)?;
    let mut arrived = 0;
    for number in 0..PACKETS {
        let packet =
            |from: usize| vec![(number as usize * 2 + from) as u8; 40 + number as usize * 10];
        simulation.client.send(&packet(0));
        simulation.server.send(&packet(1));
        simulation.run(Duration::from_millis(100), |_| false);
        for (from, got) in [
            (0, simulation.server.take_packets()),
            (1, simulation.client.take_packets()),
        ] {
            let is_unaltered = got.iter().all(|got| *got == packet(from));
            assert!(is_unaltered, "packet {number}");
            arrived += got.len();
        }
    }
    Ok((time, arrived))
}

/// Runs every seed; a failure names the seeds that failed, and why.
fn check(connect: impl Fn(u64, Instant) -> Result<(Duration, usize), String>) {
    let (mut failures, mut slowest, mut arrived) = (Vec::new(), Duration::ZERO, 0);
    for seed in SEEDS {
        match connect(seed, Instant::now()) {
            Ok((time, packets)) => {
                slowest = slowest.max(time);
                arrived += packets;
            }
            Err(why) => failures.push(format!("seed {seed}: {why}")),
        }
    }
    println!("the slowest handshake took {slowest:?}; {arrived} packets arrived");
    assert!(
        failures.is_empty(),
        "{} of {} handshakes failed:\n{}",
        failures.len(),
        SEEDS.count(),
        failures.join("\n")
    );
    // Three of four, or so.
    let sent = SEEDS.count() * PACKETS as usize * 2;
    assert!(arrived * 3 > sent * 2, "{arrived} of {sent} packets");
}

#[test]
fn dimpls_client_connects_to_our_server_over_a_bad_link() {
    check(|seed, now| {
        let client = DimplEnd::new(&DIMPL, true, 1150, seed, now);
        connect_and_exchange(client, our_server(seed, now), seed, now)
    });
}

#[test]
fn our_client_connects_to_dimpls_server_over_a_bad_link() {
    check(|seed, now| {
        let server = DimplEnd::new(&DIMPL, false, mtu(seed), seed, now);
        connect_and_exchange(our_client(seed, now), server, seed, now)
    });
}
