//! `cargo xtask flood`: first hellos from many addresses against the documented server, while its players measure.
//!
//! The server is `godot_project/documented/server_node.gd`, unchanged but for its port. The hellos come from
//! sockets bound to addresses in all of 127.0.0.0/8 (Linux), each with another address and port, and none is repeated
//! with its cookie. Players are connected meanwhile, and each of their packets must be answered.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use testkit::SeededRng;

use crate::environment::{Context, prepare};
use crate::fixture::Fixture;
use crate::network::client::{Client, Trust};
use crate::network::godot::wait_until;
use crate::network::ports::{self, dropped_by_the_system};
use crate::network::{self, memory};
use crate::process::{self, Running};
use crate::{check, library, workspace};

/// Where a ClientHello's record has its random number: behind the headers of record (13 bytes) and message (12), and
/// the version (RFC 6347 section 4.2.2).
const RANDOM: std::ops::Range<usize> = 27..59;
/// Unanswered hellos at a time: fewer than fit into the system's buffer beside the players' packets, so that none of
/// those is lost before the server could have read it.
const WINDOW: usize = 64;
/// How many senders' sockets are open at a time where hellos are sent at a fixed rate.
const SOCKETS: usize = 256;
/// After this time a hello counts as lost; a sender's socket is closed when its last hello was answered or lost.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);
/// Milliseconds between two packets of a player.
const PACKET_INTERVAL_MSEC: u64 = 50;
/// How long a player waits for answers after its last packet.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// How big a flood is.
pub(crate) struct Plan {
    /// First hellos in all.
    pub(crate) hellos: u64,
    /// Addresses that they come from.
    pub(crate) addresses: u64,
    /// Connected clients.
    pub(crate) players: usize,
    /// Hellos a second, answered or not; nothing for as many as the server answers.
    pub(crate) rate: Option<u64>,
    /// For how long they play before the flood begins.
    pub(crate) before: Duration,
    /// By how many bytes the server's memory may have grown.
    pub(crate) growth: u64,
    /// Chooses the hellos' random numbers.
    pub(crate) seed: u64,
}

impl Plan {
    fn full(seed: u64) -> Self {
        Self {
            hellos: 1_000_000,
            addresses: 100_000,
            players: 20,
            rate: None,
            before: Duration::from_secs(20),
            growth: 1_000_000,
            seed,
        }
    }

    /// The form that the test suite runs.
    pub(crate) fn short(seed: u64) -> Self {
        Self {
            hellos: 30_000,
            addresses: 3_000,
            before: Duration::from_secs(5),
            ..Self::full(seed)
        }
    }
}

/// `cargo xtask flood [--hellos N] [--addresses N] [--rate N]`.
pub(crate) fn run(hellos: u64, addresses: u64, rate: Option<u64>) -> Result<ExitCode> {
    let plan = Plan {
        hellos,
        addresses,
        rate,
        ..Plan::full(network::fresh_seed())
    };
    let context = prepare(library::Profile::Release)?;
    workspace::step(&format!(
        "{} first hellos from {} addresses",
        plan.hellos, plan.addresses
    ));
    flood(&context, &plan)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs a flood, and prints its figures.
///
/// # Errors
/// When a player's packet is not answered, an answer to a hello is larger than it, or the server's memory has grown.
pub(crate) fn flood(context: &Context, plan: &Plan) -> Result<()> {
    let port = UdpSocket::bind("0.0.0.0:0")?.local_addr()?.port();
    let project = Fixture::documented(port, port)?;
    project.import(context)?;
    let mut command = context.godot.command(project.path());
    command.arg("res://documented/server.tscn");
    let mut server = process::start(command, None)?;
    ports::wait_until_open(port, || still_runs(&mut server))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let trust = Trust::in_root(&std::fs::read(project.path().join("cert.crt"))?)?;

    let hello = first_hello(&trust)?;
    let mut players = Players::join(&trust, address, plan.players)?;
    // A first flood allocates what is needed once, such as room for the most pending peers; that is not measured.
    let first = Plan {
        hellos: 2_000,
        addresses: 200,
        rate: None,
        ..*plan
    };
    send_hellos(&hello, address, &first, &AtomicBool::new(true))?;

    let calm = players.play(|elapsed| elapsed >= plan.before)?;
    let memory_before = memory(server.id());
    let go_on = AtomicBool::new(true);
    let began = Instant::now();
    let (storm, answers) = std::thread::scope(|scope| {
        let flood = scope.spawn(|| send_hellos(&hello, address, plan, &go_on));
        let storm = players.play(|_| flood.is_finished());
        go_on.store(false, Ordering::Relaxed);
        let answers = flood
            .join()
            .unwrap_or_else(|_| bail!("the flood broke off"));
        (storm, answers)
    });
    let (storm, answers) = (storm?, answers?);
    let time = began.elapsed();
    let memory_after = memory(server.id());
    let dropped = dropped_by_the_system(port);

    println!(
        "{} hellos from {} addresses in {:.1} s ({:.0} a second), {} answered; largest answer {} bytes, smallest hello {}",
        answers.sent,
        answers.addresses,
        time.as_secs_f64(),
        answers.sent as f64 / time.as_secs_f64(),
        answers.answered,
        answers.largest,
        hello.len()
    );
    println!("players before: {calm}");
    println!("players during: {storm}");
    if let (Some(before), Some(after)) = (memory_before, memory_after) {
        println!(
            "server's memory: {:.2} MB before, {:.2} MB after",
            before as f64 / 1e6,
            after as f64 / 1e6
        );
    }
    println!("dropped by the system before the server: {dropped:?}");

    ensure!(answers.sent == plan.hellos, "not all hellos were sent");
    // Hellos beyond the most pending peers of a frame are dropped, and so are those that are sent faster than the server
    // reads.
    ensure!(
        plan.rate.is_some() || 2 * answers.answered > answers.sent,
        "less than half of the hellos were answered"
    );
    ensure!(
        answers.largest <= hello.len(),
        "a hello of {1} bytes has an answer of {0}",
        answers.largest,
        hello.len()
    );
    for phase in [&calm, &storm] {
        ensure!(
            phase.sent - phase.answered() <= dropped.unwrap_or(0),
            "players' packets were lost: {phase}"
        );
    }
    if let (Some(before), Some(after)) = (memory_before, memory_after) {
        ensure!(
            after <= before + plan.growth,
            "the server's memory grew by {} bytes",
            after - before
        );
    }
    let finished = server.stop()?;
    check::ensure_no_problem("the server", &finished.lines, &[])?;
    let prefix = "Ricevuto messaggio da un cliente: ";
    let printed = finished
        .lines
        .iter()
        .filter(|line| line.starts_with(prefix))
        .count() as u64;
    let sent = calm.sent + storm.sent;
    ensure!(
        printed <= sent && sent - printed <= dropped.unwrap_or(0),
        "players sent {sent} packets, the server printed {printed}"
    );
    let others = finished.lines.len() as u64 - printed;
    let usual = 10 + plan.players as u64;
    ensure!(
        others <= usual + answers.sent / 1_000,
        "the server printed {others} lines beside the players' own:\n{}",
        finished.tail()
    );
    Ok(())
}

fn still_runs(server: &mut Running) -> Result<()> {
    server.take_in();
    ensure!(
        server.ended()?.is_none(),
        "the server ended early:\n{}",
        process::tail(server.lines())
    );
    Ok(())
}

/// A client's first datagram.
fn first_hello(trust: &Trust) -> Result<Vec<u8>> {
    let listener = UdpSocket::bind("127.0.0.1:0")?;
    listener.set_read_timeout(Some(Duration::from_secs(10)))?;
    let _client = Client::begin(trust, listener.local_addr()?)?;
    let mut hello = vec![0; 2_000];
    let size = listener.recv(&mut hello)?;
    hello.truncate(size);
    ensure!(size > RANDOM.end, "a hello of {size} bytes");
    Ok(hello)
}

/// The server's answers to hellos.
#[derive(Default)]
struct Answers {
    sent: u64,
    addresses: u64,
    answered: u64,
    largest: usize,
}

/// One address that hellos come from.
struct Sender {
    socket: UdpSocket,
    unanswered: usize,
    last: Instant,
}

/// Sends first hellos from so many addresses, one after the other.
fn send_hellos(
    hello: &[u8],
    server: SocketAddr,
    plan: &Plan,
    go_on: &AtomicBool,
) -> Result<Answers> {
    let (hellos, addresses) = (plan.hellos, plan.addresses);
    let mut rng = SeededRng::from_seeds(&[plan.seed, 2]);
    let mut hello = hello.to_vec();
    let mut answers = Answers::default();
    let mut open: VecDeque<Sender> = VecDeque::new();
    let mut buffer = [0; 2_000];
    let began = Instant::now();
    while go_on.load(Ordering::Relaxed) && (answers.sent < hellos || !open.is_empty()) {
        open.retain_mut(|sender| {
            while let Ok(size) = sender.socket.recv(&mut buffer) {
                sender.unanswered = sender.unanswered.saturating_sub(1);
                answers.answered += 1;
                answers.largest = answers.largest.max(size);
            }
            sender.unanswered > 0 && sender.last.elapsed() < ANSWER_LIMIT
        });
        let mut room = match plan.rate {
            Some(rate) => {
                let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
                due.saturating_sub(answers.sent) as usize
            }
            None => {
                let unanswered: usize = open.iter().map(|sender| sender.unanswered).sum();
                WINDOW.saturating_sub(unanswered)
            }
        };
        while room > 0 && answers.sent < hellos {
            let socket = sender_socket(answers.addresses)?;
            socket.set_nonblocking(true)?;
            socket.connect(server)?;
            // All hellos are spread over all addresses.
            let share = (hellos * (answers.addresses + 1) / addresses).saturating_sub(answers.sent);
            let count = share.min(hellos - answers.sent);
            for _ in 0..count {
                hello[RANDOM].copy_from_slice(&rng.bytes(RANDOM.len()));
                let _ = socket.send(&hello);
            }
            answers.addresses += 1;
            answers.sent += count;
            room = room.saturating_sub(count as usize);
            open.push_back(Sender {
                socket,
                unanswered: count as usize,
                last: Instant::now(),
            });
            if open.len() > SOCKETS {
                open.pop_front();
            }
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    Ok(answers)
}

/// A socket that sends from an address of its own, where all of 127.0.0.0/8 is this machine's; elsewhere from a port of
/// its own.
fn sender_socket(number: u64) -> Result<UdpSocket> {
    let host = (number % 0x00ff_fffe) as u32 + 2;
    let own = Ipv4Addr::from(0x7f00_0000 | host);
    for address in [own, Ipv4Addr::LOCALHOST] {
        if let Ok(socket) = UdpSocket::bind((IpAddr::V4(address), 0)) {
            return Ok(socket);
        }
    }
    bail!("no socket for a sender's address")
}

/// Connected clients that send and time the answers.
struct Players(Vec<Player>);

struct Player {
    client: Client,
    next: Instant,
    /// When the unanswered packets were sent.
    waiting: VecDeque<Instant>,
}

/// What players saw for a time.
#[derive(Default)]
struct Phase {
    sent: u64,
    /// How long answers took, ascending.
    latencies: Vec<Duration>,
}

impl Phase {
    fn answered(&self) -> u64 {
        self.latencies.len() as u64
    }

    fn percentile(&self, share: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies
            .get(last * share / 100)
            .copied()
            .unwrap_or_default()
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} packets sent, {} answered; round trip {:.2?} (median), {:.2?} (95 %), {:.2?} (99 %), {:.2?} (longest)",
            self.sent,
            self.answered(),
            self.percentile(50),
            self.percentile(95),
            self.percentile(99),
            self.percentile(100)
        )
    }
}

impl Players {
    fn join(trust: &Trust, server: SocketAddr, count: usize) -> Result<Self> {
        let mut players = Vec::new();
        for _ in 0..count {
            let mut client = Client::begin(trust, server)?;
            wait_until("a player's handshake", Duration::from_secs(30), || {
                client.poll(|_| {});
                Ok(client.status() == endpoint::Status::Connected)
            })?;
            players.push(Player {
                client,
                next: Instant::now(),
                waiting: VecDeque::new(),
            });
        }
        Ok(Self(players))
    }

    /// Lets all send until `is_over` says so, then waits for the last answers.
    ///
    /// The documented server's answers are all alike; on a loopback they come in order.
    fn play(&mut self, is_over: impl Fn(Duration) -> bool) -> Result<Phase> {
        let began = Instant::now();
        let mut phase = Phase::default();
        let mut ended: Option<Instant> = None;
        for player in &mut self.0 {
            player.waiting.clear();
        }
        loop {
            let now = Instant::now();
            if ended.is_none() && is_over(began.elapsed()) {
                ended = Some(now);
            }
            for player in &mut self.0 {
                let waiting = &mut player.waiting;
                player.client.poll(|_| {
                    if let Some(sent) = waiting.pop_front() {
                        phase.latencies.push(sent.elapsed());
                    }
                });
                ensure!(
                    player.client.status() == endpoint::Status::Connected,
                    "a player lost its session: {}",
                    player.client.failure()
                );
                if ended.is_none() && now >= player.next {
                    player.next = now + Duration::from_millis(PACKET_INTERVAL_MSEC);
                    player.waiting.push_back(Instant::now());
                    player.client.send(format!("{}", phase.sent).as_bytes())?;
                    phase.sent += 1;
                }
            }
            if let Some(ended) = ended
                && (phase.answered() == phase.sent || ended.elapsed() > LAST_ANSWERS)
            {
                phase.latencies.sort();
                return Ok(phase);
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}
