//! `cargo xtask soak`: many clients connect, exchange packets, close or crash, and connect again, over a bad link to one
//! Godot server.
//!
//! Every packet is accounted for: what the clients sent is what the server got and what the link lost or altered, and
//! the same on the way back. The server's memory at the end is compared with that after the first ten minutes.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use testkit::relay::{Relay, Traffic};
use testkit::{Faults, SeededRng};

use crate::environment::prepare;
use crate::network;
use crate::network::client::{Client, Trust};
use crate::network::godot::{self, Classes, Server};
use crate::network::ports::dropped_by_the_system;
use crate::process::raise_file_limit;
use crate::project::Headless;
use crate::{check, library, workspace};

use active_client::ActiveClient;
use memory::Memory;
pub(crate) use plan::Plan;

mod active_client;
mod memory;
pub(crate) mod multiplayer;
mod plan;

/// Seconds after which the server drops a silent client: longer than a client's handshake takes when the server's last
/// flight is lost, and lost again when it is repeated after 1, 3, 7 and 13 seconds.
const IDLE_LIMIT: u64 = 20;
/// How often all clients get their turn.
const TICK: Duration = Duration::from_millis(5);
/// How long a client may take to connect. With the link's losses, the third retransmission is rare.
const CONNECT_LIMIT: Duration = Duration::from_secs(58);
/// How long a client waits for packets in flight before it closes.
const SETTLE_LIMIT: Duration = Duration::from_secs(8);
/// How long the address of a client that has ended is kept from others, as address translations do: until the server has
/// forgotten it, even if its close_notify was lost.
const ADDRESS_HOLD: Duration = Duration::from_secs(IDLE_LIMIT + 3);
/// Milliseconds between two packets of a client.
const PACKET_INTERVAL: std::ops::RangeInclusive<u64> = 100..=300;
/// Milliseconds for which a client exchanges packets, and for which it is not connected.
const ACTIVE_TIME: std::ops::RangeInclusive<u64> = 1_000..=12_000;
const AWAY_TIME: std::ops::RangeInclusive<u64> = 0..=2_000;
/// Share of clients that crash instead of closing.
const CRASHES: f64 = 0.3;

/// `cargo xtask soak [--minutes N] [--seed S] [--multiplayer]`.
pub(crate) fn run(minutes: u64, seed: Option<u64>, is_multiplayer: bool) -> Result<ExitCode> {
    let context = prepare(library::Profile::Release)?;
    let seed = seed.unwrap_or_else(network::fresh_seed);
    workspace::step(&format!("Soaking for {minutes} minutes, seed {seed}"));
    let soaked = if is_multiplayer {
        multiplayer::soak(&context.godot, &multiplayer::minutes(minutes, seed))
    } else {
        soak(&context.godot, &Plan::minutes(minutes, seed))
    };
    soaked.with_context(|| format!("with the seed {seed}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs a soak, and prints its figures.
///
/// # Errors
/// When a client was refused or lost its session, a packet arrived twice or altered, one is not accounted for, or the
/// server's memory has grown.
pub(crate) fn soak(godot: &Headless, plan: &Plan) -> Result<()> {
    // Each client has two sockets here, its own and the link's, and keeps them for a while after it has ended.
    raise_file_limit();
    let server = Server::start(godot, Classes::Ours, &[format!("idle_limit={IDLE_LIMIT}")])?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
    let link = Relay::start(
        address,
        Faults {
            loss: 0.05,
            duplication: 0.02,
            reordering: 0.05,
            corruption: 0.01,
            delay: 5..=60,
        },
        plan.seed,
    )?;
    let mut clients = Clients {
        entrance: link.address()?,
        trust: Trust::in_root(&godot::trusted_root()?)?,
        rng: SeededRng::from_seeds(&[plan.seed, 1]),
        link,
        slots: Vec::new(),
        ended: Vec::new(),
        totals: Totals::default(),
    };
    let memory = clients.run(server, plan)?;
    memory.check(plan)
}

/// All clients.
struct Clients {
    entrance: SocketAddr,
    trust: Trust,
    rng: SeededRng,
    link: Relay,
    slots: Vec<Slot>,
    /// Clients that have closed or crashed, and when.
    ended: Vec<(Box<ActiveClient>, Instant)>,
    totals: Totals,
}

/// What all clients together have seen.
#[derive(Debug, Default)]
struct Totals {
    sessions: u64,
    closes: u64,
    crashes: u64,
    sent: u64,
    received: u64,
    /// Arrived at clients that had crashed.
    unread: u64,
    /// Were not answered, and were dropped by the system.
    missing: u64,
    slowest_handshake: Duration,
}

/// A place for one client after the other.
enum Slot {
    Away {
        until: Instant,
    },
    Connecting(Box<Client>),
    Active {
        active: Box<ActiveClient>,
        until: Instant,
        next: Instant,
    },
    /// Has sent its last packet.
    Settling {
        active: Box<ActiveClient>,
        since: Instant,
    },
}

impl Clients {
    fn run(&mut self, mut server: Server, plan: &Plan) -> Result<Memory> {
        let began = Instant::now();
        let mut memory = Memory(Vec::new());
        // They do not all begin at once.
        self.slots = (0..plan.clients)
            .map(|_| Slot::Away {
                until: began + Duration::from_millis(self.rng.within(AWAY_TIME)),
            })
            .collect();
        let mut next_sample = began;
        let mut next_report = began + Duration::from_secs(60);
        loop {
            let now = Instant::now();
            let is_over = now >= began + plan.length;
            let is_empty = |slot: &Slot| matches!(slot, Slot::Away { .. });
            if is_over && self.ended.is_empty() && self.slots.iter().all(is_empty) {
                break;
            }
            let slots = std::mem::take(&mut self.slots);
            for slot in slots {
                let slot = self.step(slot, is_over)?;
                self.slots.push(slot);
            }
            self.reap()?;
            if now >= next_sample {
                next_sample = now + Duration::from_secs(1);
                memory.0.push((began.elapsed(), server.memory()?));
            }
            if now >= next_report {
                next_report = now + Duration::from_secs(60);
                eprintln!(
                    "    {} min: {} sessions, {} packets, {:.2} MB",
                    began.elapsed().as_secs() / 60,
                    self.totals.sessions,
                    self.totals.sent,
                    server.memory()? as f64 / 1e6
                );
                server.stats()?;
            }
            std::thread::sleep(TICK.saturating_sub(now.elapsed()));
        }
        self.reconcile(server)?;
        Ok(memory)
    }

    fn step(&mut self, slot: Slot, is_over: bool) -> Result<Slot> {
        let now = Instant::now();
        Ok(match slot {
            Slot::Away { until } if now >= until && !is_over => {
                Slot::Connecting(Box::new(Client::begin(&self.trust, self.entrance)?))
            }
            Slot::Away { until } => Slot::Away { until },
            Slot::Connecting(client) => self.connect(client)?,
            Slot::Active {
                mut active,
                until,
                mut next,
            } => {
                active.receive()?;
                if is_over || now >= until {
                    if active.crashes && !is_over {
                        return Ok(self.leave(active));
                    }
                    active.crashes = false;
                    return Ok(Slot::Settling { active, since: now });
                }
                if now >= next {
                    next = now + Duration::from_millis(self.rng.within(PACKET_INTERVAL));
                    active.send(&mut self.rng)?;
                }
                Slot::Active {
                    active,
                    until,
                    next,
                }
            }
            Slot::Settling { mut active, since } => {
                active.receive()?;
                if active.is_settled() || self.is_excused(&mut active, since)? {
                    active.client.close();
                    return Ok(self.leave(active));
                }
                Slot::Settling { active, since }
            }
        })
    }

    /// A client has ended, and another takes its place some time later.
    fn leave(&mut self, active: Box<ActiveClient>) -> Slot {
        let now = Instant::now();
        self.ended.push((active, now));
        Slot::Away {
            until: now + Duration::from_millis(self.rng.within(AWAY_TIME)),
        }
    }

    /// Counts and forgets clients that ended long enough ago.
    fn reap(&mut self) -> Result<()> {
        for (mut active, since) in std::mem::take(&mut self.ended) {
            let is_over = since.elapsed() >= ADDRESS_HOLD
                && (active.is_answered() || self.is_excused(&mut active, since)?);
            if is_over {
                self.totals.add(&active);
                self.link.forget(active.client.address()?);
            } else {
                self.ended.push((active, since));
            }
        }
        Ok(())
    }

    /// Whether a client need not wait any longer though packets are missing, because the system dropped as many at full
    /// buffers, as it does on a busy machine.
    ///
    /// # Errors
    /// When the time is over, and the system has dropped less than is missing.
    fn is_excused(&mut self, active: &mut ActiveClient, since: Instant) -> Result<bool> {
        if active.excused || since.elapsed() < SETTLE_LIMIT {
            return Ok(active.excused);
        }
        active.excused = true;
        self.totals.missing += active.missing();
        let ports = [self.entrance.port(), self.link.server().port()];
        let dropped: u64 = ports.into_iter().filter_map(dropped_by_the_system).sum();
        ensure!(
            self.totals.missing <= dropped,
            "a client's packets are not accounted for: it sent {} and got {}, the link saw {:?}; {} are missing in all, of which the system dropped {dropped}",
            active.sent,
            active.received,
            active.flow.data(),
            self.totals.missing,
        );
        Ok(true)
    }

    fn connect(&mut self, mut client: Box<Client>) -> Result<Slot> {
        client.poll(|_| {});
        match client.status() {
            endpoint::Status::Handshaking => {
                let time = client.began().elapsed();
                ensure!(
                    time < CONNECT_LIMIT,
                    "a client was not connected within {time:?}:{}",
                    self.trace(&client)
                );
                Ok(Slot::Connecting(client))
            }
            endpoint::Status::Connected => {
                let now = Instant::now();
                let flow = self
                    .link
                    .flow(client.address()?)
                    .context("the link does not know a client")?;
                let handshake = client.began().elapsed();
                self.totals.slowest_handshake = self.totals.slowest_handshake.max(handshake);
                self.totals.sessions += 1;
                Ok(Slot::Active {
                    active: Box::new(ActiveClient {
                        client: *client,
                        flow,
                        number: self.totals.sessions as u32,
                        sent: 0,
                        received: 0,
                        seen: HashSet::new(),
                        crashes: self.rng.chance(CRASHES),
                        excused: false,
                    }),
                    until: now + Duration::from_millis(self.rng.within(ACTIVE_TIME)),
                    next: now,
                })
            }
            _ => bail!(
                "a client was refused: {}{}",
                client.failure(),
                self.trace(&client)
            ),
        }
    }

    /// What passed between a client and the server.
    fn trace(&self, client: &Client) -> String {
        let flow = client.address().ok().and_then(|own| self.link.flow(own));
        flow.map_or_else(String::new, |flow| network::trace(&flow))
    }

    /// Accounts for every packet.
    fn reconcile(&mut self, server: Server) -> Result<()> {
        // Datagrams to the relay and to the server that did not fit into the system's buffers.
        let before_link = dropped_by_the_system(self.entrance.port()).unwrap_or(0);
        let before_server = dropped_by_the_system(server.port()).unwrap_or(0);
        let data = self.link.data();
        let (stats, lines) = server.end()?;
        println!("clients: {:?}", self.totals);
        println!("link, packets: {data:?}");
        println!("server: {stats}");
        println!(
            "dropped by the system: {before_link} before the link, {before_server} before the server"
        );
        stats.ensure_clean()?;
        check::ensure_no_problem("the server", &lines, &[])?;
        let Traffic {
            to_server,
            to_client,
        } = data;
        let arrived = stats.count("received")?;
        ensure!(
            (to_server.arrived..=to_server.arrived + before_link).contains(&self.totals.sent),
            "of the clients' packets, some did not reach the link"
        );
        ensure!(
            (arrived..=arrived + before_server).contains(&to_server.passed()),
            "of the packets that the link let pass, some did not reach the server"
        );
        ensure!(
            stats.count("sent")? == to_client.arrived,
            "of the server's packets, some did not reach the link"
        );
        ensure!(
            to_client.passed() == self.totals.received + self.totals.unread,
            "of the packets that the link let pass, some did not reach the clients"
        );
        let (taken, connected) = (stats.count("taken")?, stats.count("connected")?);
        ensure!(
            connected == self.totals.sessions,
            "the server knows {connected} sessions of {taken} that began, the clients {}",
            self.totals.sessions
        );
        Ok(())
    }
}

impl Totals {
    fn add(&mut self, active: &ActiveClient) {
        self.sent += active.sent;
        self.received += active.received;
        if active.crashes {
            self.crashes += 1;
        } else {
            self.closes += 1;
        }
        self.unread += active.flow.data().to_client.passed() - active.received;
    }
}
