//! dimpl joins the pieces of a handshake message by their exact places: a flight that is sent again in other pieces
//! than the first time does not fit together with what has arrived (RFC 6347 section 4.2.2 asks for the same pieces).

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, DtlsCertificate, Output};
use dtls::{ClientContext, Identity, Roots, ServerContext, Session, Settings, Verification};
use interop::{End, Faults, Network};
use testkit::certificates::{Authority, KeyKind, Leaf};

use crate::clock;
use crate::ours;

const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;
const LIMIT: Duration = Duration::from_secs(60);
const LOSS: Faults = Faults {
    lost: 25,
    doubled: 0,
    delayed: 0,
};
const PACKETS: u64 = 20;

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("Test root").unwrap());
/// dimpl verifies no chain and knows no RSA; the server's certificates fill several datagrams.
static SERVER: LazyLock<testkit::certificates::Identity> = LazyLock::new(|| {
    let intermediate = AUTHORITY.padded_intermediate("Test intermediate", 700);
    intermediate.unwrap().issue(&leaf()).unwrap()
});
/// What dimpl shows as a server: it sends no intermediates.
static THEIRS: LazyLock<testkit::certificates::Identity> =
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

/// dimpl as an end of a network.
struct Theirs {
    dtls: Dtls,
    now: Instant,
    timeout: Option<Instant>,
    datagrams: Vec<Vec<u8>>,
    packets: Vec<Vec<u8>>,
    is_connected: bool,
    failure: Option<String>,
}

impl Theirs {
    fn new(
        identity: &testkit::certificates::Identity,
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
        let mut theirs = Self {
            dtls,
            now,
            timeout: None,
            datagrams: Vec::new(),
            packets: Vec::new(),
            is_connected: false,
            failure: None,
        };
        theirs.handle_timeout(now);
        theirs
    }

    /// Takes everything that it has to say.
    fn poll(&mut self) {
        let mut buffer = vec![0; 16_384];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => self.datagrams.push(datagram.to_vec()),
                Output::Timeout(at) => {
                    // Far ahead where nothing is due.
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

    fn note<T>(&mut self, result: Result<T, dimpl::Error>) {
        if let Err(error) = result {
            self.failure.get_or_insert(format!("dimpl: {error}"));
        }
        if self.failure.is_none() {
            self.poll();
        }
    }
}

impl End for Theirs {
    fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        self.now = now;
        if self.failure.is_none() {
            let result = self.dtls.handle_packet(datagram);
            self.note(result);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if self.failure.is_none() {
            let result = self.dtls.handle_timeout(now);
            self.note(result);
        }
    }

    fn timeout(&self) -> Option<Instant> {
        self.timeout.filter(|_| self.failure.is_none())
    }

    fn datagrams(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.datagrams)
    }

    fn is_connected(&self) -> bool {
        self.is_connected && self.failure.is_none()
    }

    fn failure(&self) -> Option<String> {
        self.failure.clone()
    }

    fn send(&mut self, packet: &[u8]) {
        let result = self.dtls.send_application_data(packet);
        self.note(result);
    }

    fn packets(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.packets)
    }
}

fn set_clock(since: Duration) {
    clock::set(clock::BEGINNING + since);
}

/// Datagrams of 300 to 1,200 bytes at most, drawn from the seed.
fn mtu(seed: u64) -> usize {
    300 + (seed * 7919 % 901) as usize
}

fn our_client(seed: u64, now: Instant) -> ours::Client {
    let roots = Roots::from_pem(&AUTHORITY.certificate_pem().unwrap()).unwrap();
    let settings = Settings::default().max_datagram(mtu(seed)).unwrap();
    let context = ClientContext::new(Verification::Full(roots))
        .unwrap()
        .with_settings(settings);
    ours::Client(Session::connect(&context, "localhost", now).unwrap())
}

fn our_server(seed: u64, now: Instant) -> ours::Server {
    let key = SERVER.key_pem().unwrap();
    let chain = SERVER.chain_pem().unwrap();
    let settings = Settings::default().max_datagram(mtu(seed)).unwrap();
    let context = ServerContext::new(&Identity::from_pem(&key, &chain, None).unwrap())
        .unwrap()
        .with_settings(settings);
    ours::Server::new(context, now)
}

/// Packets arrive as they were sent or not at all; gives how many arrived.
fn exchange(network: &mut Network<'_>) -> usize {
    let mut arrived = 0;
    for number in 0..PACKETS {
        let packet =
            |from: usize| vec![(number as usize * 2 + from) as u8; 40 + number as usize * 10];
        for from in 0..2 {
            network.end(from).send(&packet(from));
        }
        network.run(Duration::from_millis(100), |_| false);
        for from in 0..2 {
            let got = network.end(1 - from).packets();
            assert!(
                got.iter().all(|got| *got == packet(from)),
                "packet {number}"
            );
            arrived += got.len();
        }
    }
    arrived
}

/// Runs every seed, and says of each that failed why.
fn check(connect: impl Fn(u64, Instant) -> Result<(Duration, usize), String>) {
    let (mut failures, mut slowest, mut arrived) = (Vec::new(), Duration::ZERO, 0);
    for seed in SEEDS {
        clock::set(clock::BEGINNING);
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
        let mut client = Theirs::new(&THEIRS, true, 1150, seed, now);
        let mut server = our_server(seed, now);
        let ends: [&mut dyn End; 2] = [&mut client, &mut server];
        let mut network = Network::new(ends, LOSS, seed, now, set_clock);
        let time = network.connect(LIMIT)?;
        Ok((time, exchange(&mut network)))
    });
}

#[test]
fn our_client_connects_to_dimpls_server_over_a_bad_link() {
    check(|seed, now| {
        let mut client = our_client(seed, now);
        let mut server = Theirs::new(&THEIRS, false, mtu(seed), seed, now);
        let ends: [&mut dyn End; 2] = [&mut client, &mut server];
        let mut network = Network::new(ends, LOSS, seed, now, set_clock);
        let time = network.connect(LIMIT)?;
        Ok((time, exchange(&mut network)))
    });
}
