//! `cargo xtask soak --multiplayer`: players of the multiplayer API over DTLS come, play, leave and crash, over a bad link
//! to one Godot server.
//!
//! Players and server are Godot's own multiplayer API on the addon's ENet classes. They check that reliable RPCs arrive
//! once and in order, and that each is answered before its player leaves, unless the player was disconnected; this
//! program starts and kills them, is the link between them, and measures the server's memory.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testkit::Faults;
use testkit::relay::Relay;

use super::memory::Memory;
use super::plan::Plan;
use crate::check;
use crate::network::godot::{Classes, Server, Stats, wait_until};
use crate::network::players::{LEAVE_LIMIT, Players, ensure_all_right};
use crate::process::raise_file_limit;
use crate::project::Headless;

/// Processes that have the players.
const PROCESSES: usize = 4;
/// A client that the link has not heard of for this time is gone.
const SILENCE: Duration = Duration::from_secs(30);
/// Share of players that a link may have disconnected, or not connected.
const LOST: f64 = 0.01;

/// A soak of so many minutes.
pub(crate) fn minutes(minutes: u64, seed: u64) -> Plan {
    Plan {
        clients: 100,
        ..Plan::minutes(minutes, seed)
    }
}

/// The form that the test suite runs.
pub(crate) fn short(seed: u64) -> Plan {
    Plan {
        clients: 20,
        length: Duration::from_secs(12),
        warm_up: Duration::from_secs(4),
        window: Duration::from_secs(3),
        growth: 0.05,
        seed,
    }
}

/// Runs a soak, and prints its figures.
///
/// # Errors
/// When a reliable RPC did not arrive, arrived twice or out of order and its player was not disconnected, too many players
/// were, or the server's memory has grown.
pub(crate) fn soak(godot: &Headless, plan: &Plan) -> Result<()> {
    raise_file_limit();
    let settings = [
        "encrypted=1".to_owned(),
        // Those that crashed keep their places until the server disconnects them.
        format!("players={}", 3 * plan.clients),
    ];
    let mut server = Server::start_scene(godot, "players_server", Classes::Ours, &settings)?;
    let link = Relay::start(
        SocketAddr::from((Ipv4Addr::LOCALHOST, server.port())),
        Faults {
            loss: 0.05,
            duplication: 0.01,
            reordering: 1.0,
            delay: 75..=85,
            ..Faults::default()
        },
        plan.seed,
    )?;
    let port = link.address()?.port();
    let start = |number: u64| {
        Players::start(
            godot,
            port,
            plan.clients.div_ceil(PROCESSES),
            plan.seed + number,
        )
    };
    let mut started = 0;
    let mut running = Vec::new();
    while running.len() < PROCESSES {
        started += 1;
        running.push(start(started)?);
    }
    let mut totals = Totals::default();
    let mut memory = Memory(Vec::new());
    // The oldest process is killed at each such time, and another takes its place.
    let kills = (plan.length / 2).min(Duration::from_secs(20));
    let mut next_kill = kills;
    let began = Instant::now();
    while began.elapsed() < plan.length {
        memory.0.push((began.elapsed(), server.memory()?));
        server.stats()?;
        for players in &mut running {
            players.ensure_running()?;
        }
        if began.elapsed() >= next_kill {
            next_kill += kills;
            started += 1;
            running.push(start(started)?);
            totals.add(&running.remove(0).kill()?)?;
            totals.kills += 1;
        }
        for flow in link.flows() {
            if flow.last_arrival().is_some_and(|at| at.elapsed() > SILENCE) {
                link.forget(flow.client());
            }
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    for players in &running {
        players.ask_to_end()?;
    }
    for players in running {
        totals.add(&players.end()?)?;
    }
    // Nothing is left of players that crashed, or whose last datagram was lost.
    let what = "the server disconnects all players that are gone";
    wait_until(what, LEAVE_LIMIT, || {
        let stats = server.stats()?;
        Ok(stats.count("gone")? == stats.count("joined")?)
    })?;
    let (stats, lines) = server.end()?;
    check::ensure_no_problem("the server", &lines, &[])?;
    println!("players: {totals:?}");
    println!("server: {stats}");
    println!("link: {:?}", link.all());
    totals.check()?;
    ensure_all_right(&stats, &lines)?;
    memory.check(plan)
}

/// What all players together have counted.
#[derive(Debug, Default)]
struct Totals {
    begun: u64,
    left: u64,
    crashed: u64,
    kills: u64,
    lost: u64,
    said: u64,
    answered: u64,
    announced: u64,
    moved: u64,
}

impl Totals {
    fn add(&mut self, stats: &Stats) -> Result<()> {
        for (count, name) in [
            (&mut self.begun, "begun"),
            (&mut self.left, "left"),
            (&mut self.crashed, "crashed"),
            (&mut self.lost, "lost"),
            (&mut self.said, "said"),
            (&mut self.answered, "answered"),
            (&mut self.announced, "announced"),
            (&mut self.moved, "moved"),
        ] {
            *count += stats.count(name)?;
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let may_be_lost = (self.begun as f64 * LOST).ceil() as u64;
        ensure!(
            self.lost <= may_be_lost,
            "{} of {} players were not connected, or disconnected by the server",
            self.lost,
            self.begun
        );
        for (name, count) in [
            ("left", self.left),
            ("crashed", self.crashed),
            ("were killed", self.kills),
            ("got announcements", self.announced),
            ("got moves", self.moved),
        ] {
            ensure!(count > 0, "no players {name}");
        }
        Ok(())
    }
}
