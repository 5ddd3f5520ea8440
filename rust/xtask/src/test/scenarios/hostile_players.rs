//! Hostile clients of a server of the multiplayer API.
//!
//! They make ENet's datagrams by hand and send them through DTLS. None of their packets is ever complete: what the engine's
//! SceneMultiplayer prints for one that it cannot read is not bounded (docs/limits.md).

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testkit::SeededRng;
use testkit::enet::{Answer, CHANNELS, Commands, FRAGMENT, UNCONNECTED};

use super::Context;
use crate::check;
use crate::network::client::{Client, Trust};
use crate::network::godot::{self, Classes, Server, wait_until};
use crate::network::players::{LEAVE_LIMIT, Players, ensure_all_right};
use crate::network::with_seed;
use crate::process;

const ATTACK_TIME: Duration = Duration::from_secs(10);
const PLAYERS: usize = 2;
/// RPCs of the players that are to be answered before the attack begins.
const WARM_UP: u64 = 20;
/// By how many bytes the server's resident memory may grow: three clients have packets that wait.
const GROWTH: u64 = 32 << 20;
/// Lines that the server may print in all, what it counts left out: in 10 seconds five warnings of four lines, and a few.
const LINES: usize = 80;
/// The largest packet.
const LARGEST: usize = 32 << 20;

/// Two players' calls arrive once and in order while hostile clients send what they can.
pub(crate) fn calls_arrive(context: &Context) -> Result<()> {
    with_seed(|seed| attack(context, seed))
}

fn attack(context: &Context, seed: u64) -> Result<()> {
    let settings = ["encrypted=1".to_owned(), "players=20".to_owned()];
    let mut server =
        Server::start_scene(&context.godot, "players_server", Classes::Ours, &settings)?;
    let mut players = Players::start(&context.godot, server.port(), PLAYERS, seed)?;
    wait_until("players whose calls are answered", LEAVE_LIMIT, || {
        Ok(server.stats()?.count("said")? >= WARM_UP)
    })?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
    let trust = Trust::in_root(&godot::trusted_root()?)?;
    let before = server.memory()?;
    let mut most = before;
    let mut all = Vec::new();
    for kind in [
        Kind::Sender,
        Kind::Sender,
        Kind::Sender,
        Kind::Silent,
        Kind::Reconnecting,
        Kind::Reconnecting,
        Kind::WithoutPeer,
    ] {
        all.push(Hostile::new(
            kind,
            &trust,
            address,
            seed + all.len() as u64,
        )?);
    }
    let end = Instant::now() + ATTACK_TIME;
    let mut next_look = Instant::now();
    while Instant::now() < end {
        for hostile in &mut all {
            hostile.act(&trust, address)?;
        }
        if Instant::now() >= next_look {
            next_look += Duration::from_millis(500);
            players.ensure_running()?;
            server.stats()?;
            most = most.max(server.memory()?);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let sent: u64 = all.iter().map(|it| it.sent).sum();
    let joined: u64 = all.iter().map(|it| it.joined).sum();
    for mut hostile in all {
        hostile.client.close();
    }
    players.ask_to_end()?;
    let told = players.end()?;
    wait_until(
        "the server disconnects all that are gone",
        LEAVE_LIMIT,
        || {
            let stats = server.stats()?;
            Ok(stats.count("gone")? == stats.count("joined")?)
        },
    )?;
    let (stats, lines) = server.end()?;
    let counts = lines.iter().filter(|line| line.starts_with("STATS "));
    let printed = lines.len() - counts.count();
    println!(
        "{sent} datagrams sent, {joined} times a peer; server: {printed} lines, {:.2} MB, then {:.2} MB at the most",
        before as f64 / 1e6,
        most as f64 / 1e6
    );
    println!("players: {told}");
    println!("server: {stats}");
    check::ensure_no_problem("the server", &lines, &[])?;
    ensure_all_right(&stats, &lines)?;
    ensure!(
        told.count("lost")? == 0,
        "a player was disconnected: {told}"
    );
    for count in ["answered", "announced", "moved"] {
        ensure!(told.count(count)? > WARM_UP, "{count}: {told}");
    }
    ensure!(
        sent > 1_000 && joined > 10,
        "{sent} datagrams, {joined} times a peer"
    );
    ensure!(
        most <= before + GROWTH,
        "the server's memory grew from {before} to {most} bytes"
    );
    ensure!(
        printed <= LINES,
        "the server printed {printed} lines:\n{}",
        process::tail(&lines)
    );
    Ok(())
}

/// What a hostile client does.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Sends packets that are never complete, repeats them, and acknowledges what was not sent.
    Sender,
    /// Acknowledges nothing, and has one channel alone: no RPC can be sent to it in another.
    Silent,
    /// Connects and goes, with a word or without.
    Reconnecting,
    /// Makes sessions and speaks no ENet in them.
    WithoutPeer,
}

struct Hostile {
    kind: Kind,
    client: Client,
    rng: SeededRng,
    /// To whom its datagrams go.
    to: u16,
    /// When it asked for a connection.
    asked: Option<Instant>,
    next: u32,
    sent: u64,
    joined: u64,
}

impl Hostile {
    fn new(kind: Kind, trust: &Trust, server: SocketAddr, seed: u64) -> Result<Self> {
        Ok(Self {
            kind,
            client: Client::begin(trust, server)?,
            rng: SeededRng::new(seed),
            to: UNCONNECTED,
            asked: None,
            next: 0,
            sent: 0,
            joined: 0,
        })
    }

    fn act(&mut self, trust: &Trust, server: SocketAddr) -> Result<()> {
        let mut answer = None;
        self.client.poll(|datagram| {
            answer = answer.take().or_else(|| Answer::read(datagram));
        });
        match self.client.status() {
            endpoint::Status::Handshaking => return Ok(()),
            endpoint::Status::Connected => {}
            _ => return self.begin_anew(trust, server),
        }
        if let Some(answer) = answer.filter(|_| self.to == UNCONNECTED) {
            self.to = answer.to;
            self.joined += 1;
            self.send(&answer.acknowledged());
        }
        let is_peer = self.to != UNCONNECTED;
        match self.kind {
            Kind::WithoutPeer => {
                self.send(&Commands::default().ping(1));
                if self.client.began().elapsed() > Duration::from_millis(200) {
                    self.begin_anew(trust, server)?;
                }
            }
            _ if !is_peer => self.ask(),
            Kind::Sender => self.send_all(),
            Kind::Silent => {}
            Kind::Reconnecting => {
                if self.rng.chance(0.5) {
                    self.send(&Commands::default().disconnect());
                }
                self.client.close();
            }
        }
        Ok(())
    }

    /// Leaves its session as it is, as one that crashed.
    fn begin_anew(&mut self, trust: &Trust, server: SocketAddr) -> Result<()> {
        self.client = Client::begin(trust, server)?;
        self.to = UNCONNECTED;
        self.asked = None;
        Ok(())
    }

    /// Asks for a connection, as ENet does again after half a second.
    fn ask(&mut self) {
        let is_asked = |at: Instant| at.elapsed() < Duration::from_millis(500);
        if !self.asked.is_some_and(is_asked) {
            self.asked = Some(Instant::now());
            // The id of a player.
            let player = 2 + self.rng.below(1 << 30) as u32;
            let id = self.rng.below(1 << 32) as u32;
            self.send(&match self.kind {
                Kind::Silent => Commands::connect_with(1, id, player),
                _ => Commands::connect(id, player),
            });
        }
    }

    fn send_all(&mut self) {
        let next = self.next;
        self.next += 1;
        let channel = (next % u32::from(CHANNELS)) as u8;
        let number = 2 + (next % 500 * 32) as u16;
        let total = [LARGEST, 100_000, FRAGMENT + 1][next as usize % 3];
        let fields = [(); 3].map(|()| self.rng.below(1 << 32) as u32);
        for commands in [
            Commands::default().last_fragment(channel, 40, total),
            Commands::default().last_unreliable_fragment(channel, 0, number, total),
            // Each waits for the first.
            Commands::full(|commands, at| commands.reliable(channel, number + at, b"gap")),
            Commands::full(|commands, _| commands.reliable(channel, 2, b"gap")),
            Commands::full(|commands, at| commands.unreliable(3, number + at, at, b"gap")),
            Commands::full(|commands, at| commands.ping(at)),
            Commands::full(|commands, at| commands.bandwidth_limit(at, fields[0], fields[1])),
            Commands::full(|commands, at| commands.configure_throttle(at, fields)),
            Commands::full(|commands, at| commands.acknowledge(9, at, 0)),
        ] {
            self.send(&commands);
        }
    }

    fn send(&mut self, commands: &Commands) {
        // What is refused needs no replacement.
        let _ = self.client.send(&commands.datagram(self.to));
        self.sent += 1;
    }
}
