//! An attacker on the link who sends any datagram to either end, with the other end's address.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use testkit::relay::{Flow, Relay};
use testkit::{Faults, SeededRng, To};

use super::Context;
use crate::check;
use crate::network::garbage::{self, Overheard, Size};
use crate::network::godot::{self, Classes, Server, Told, wait_until};
use crate::network::ports::dropped_by_the_system;
use crate::network::{memory, with_seed};
use crate::process::Running;

const CLIENTS: usize = 4;
/// Milliseconds between two packets of a client.
const EVERY: u64 = 20;
/// How many datagrams each end of each way gets at a time: together they fit into the server's buffer.
const AT_ONCE: usize = 8;
const LIMIT: Duration = Duration::from_secs(60);
/// By how many bytes a process may grow: queues fill up, and have their bounds.
const GROWTH: u64 = 8_000_000;
/// For how long both ends are attacked, with and without established sessions.
const ATTACK_TIME: Duration = Duration::from_secs(5);

/// Established sessions survive any datagram: none of their packets is lost, altered, or arrives twice.
pub(crate) fn established(context: &Context) -> Result<()> {
    with_seed(|seed| {
        let mut link = HostileLink::open(context, seed)?;
        // Packets of usual size leave room in all queues; then all must arrive.
        let told = link.established(context, Size::Usual)?;
        let lost: u64 = link.lost(&told)?;
        let dropped = link.dropped_by_the_system();
        ensure!(
            lost <= dropped,
            "{lost} packets were lost, of which the system dropped {dropped}"
        );
        // Huge ones fill queues, which then drop datagrams; the sessions stay.
        link.established(context, Size::Any)?;
        link.close()
    })
}

/// Handshakes end whatever arrives during them, and new ones succeed as soon as the attack is over.
pub(crate) fn handshakes(context: &Context) -> Result<()> {
    with_seed(|seed| {
        let mut link = HostileLink::open(context, seed)?;
        link.handshakes(context)?;
        link.close()
    })
}

/// A server, the relay in front of it, and the attacker on the relay.
struct HostileLink {
    server: Server,
    relay: Relay,
    rng: SeededRng,
    /// Datagrams captured in sessions that have ended.
    past: Vec<Vec<u8>>,
    sent: u64,
    began: Instant,
}

impl HostileLink {
    fn open(context: &Context, seed: u64) -> Result<Self> {
        let server = Server::start(&context.godot, Classes::Ours, &["idle_limit=20".to_owned()])?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
        Ok(Self {
            server,
            relay: Relay::start(address, Faults::default(), 0)?,
            rng: SeededRng::new(seed),
            past: Vec::new(),
            sent: 0,
            began: Instant::now(),
        })
    }

    fn start_clients(&self, context: &Context, more: &[String]) -> Result<Running> {
        let mut settings = vec![
            format!("port={}", self.relay.address()?.port()),
            format!("clients={CLIENTS}"),
            format!("every={EVERY}"),
        ];
        settings.extend_from_slice(more);
        godot::start_clients(&context.godot, Classes::Ours, &settings)
    }

    /// Attacks clients that exchange packets; all must stay connected.
    fn established(&mut self, context: &Context, size: Size) -> Result<Vec<Told>> {
        self.forget_all();
        let seconds = ATTACK_TIME.as_secs() + 3;
        let clients =
            self.start_clients(context, &[format!("packets={}", 1_000 * seconds / EVERY)])?;
        wait_until("four clients that exchange packets", LIMIT, || {
            let flows = self.relay.flows();
            let is_active = |flow: &Arc<Flow>| flow.data().to_client.arrived > 5;
            Ok(flows.len() == CLIENTS && flows.iter().all(is_active))
        })?;
        let before = (self.server.memory()?, memory(clients.id()).unwrap_or(0));
        let sent = self.sent;
        let end = Instant::now() + ATTACK_TIME;
        while Instant::now() < end {
            let marks = self.marks();
            for flow in self.relay.flows() {
                self.attack_flow(&flow, AT_ONCE, AT_ONCE, size);
            }
            self.attack_server(size)?;
            // Until each end has read what arrived, so that no queue overflows.
            let limit = Instant::now() + Duration::from_secs(1);
            while size == Size::Usual && !self.are_past(&marks) && Instant::now() < limit {
                std::thread::sleep(Duration::from_millis(2));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let after = (self.server.memory()?, memory(clients.id()).unwrap_or(0));
        let (told, lines) = godot::finish_clients(clients, LIMIT)?;
        println!(
            "{} datagrams sent; server {:.2} to {:.2} MB, clients {:.2} to {:.2} MB; {} of {} packets lost",
            self.sent - sent,
            before.0 as f64 / 1e6,
            after.0 as f64 / 1e6,
            before.1 as f64 / 1e6,
            after.1 as f64 / 1e6,
            self.lost(&told)?,
            told.iter()
                .map(|told| told.count("sent").unwrap_or(0))
                .sum::<u64>(),
        );
        check::ensure_no_problem("a client", &lines, &[])?;
        ensure!(told.len() == CLIENTS, "{} clients told", told.len());
        for client in &told {
            ensure_clean(client)?;
            ensure!(
                client.count("attempts")? == 1
                    && 2 * client.count("received")? > client.count("sent")?,
                "a client was cut off: {client}"
            );
        }
        for (who, before, after) in [
            ("server", before.0, after.0),
            ("clients", before.1, after.1),
        ] {
            ensure!(
                after <= before + GROWTH,
                "the memory of the {who} grew from {before} to {after} bytes"
            );
        }
        Ok(told)
    }

    /// Attacks clients that are connecting, slowly; after the attack, all must connect and exchange packets.
    fn handshakes(&mut self, context: &Context) -> Result<()> {
        self.relay.set_faults(Faults {
            reordering: 1.0,
            delay: 300..=600,
            ..Faults::default()
        });
        let clients = self.start_clients(
            context,
            &[
                "packets=20".to_owned(),
                "attempts=1000".to_owned(),
                // A client whose handshake was derailed would wait for a minute.
                "handshake_limit=10".to_owned(),
            ],
        )?;
        wait_until("a client's first hello", LIMIT, || {
            Ok(!self.relay.flows().is_empty())
        })?;
        let before = self.server.memory()?;
        let end = Instant::now() + ATTACK_TIME;
        // Until the first packet of a session passes.
        let mut during_handshakes = 0;
        while Instant::now() < end {
            if self.relay.data().both().arrived == 0 {
                during_handshakes = self.sent;
            }
            // A client that begins again is a new flow; the last flows are those of the running attempts.
            let mut flows = self.relay.flows();
            for flow in flows.split_off(flows.len().saturating_sub(CLIENTS)) {
                // Not so much that no handshake gets beyond its first flight.
                let to_server = self.rng.index(3);
                let to_client = usize::from(self.rng.chance(0.05));
                self.attack_flow(&flow, to_server, to_client, Size::Any);
            }
            self.attack_server(Size::Any)?;
            std::thread::sleep(Duration::from_millis(10));
        }
        let after = self.server.memory()?;
        self.relay.set_faults(Faults::default());
        let (told, lines) = godot::finish_clients(clients, LIMIT)?;
        ensure!(told.len() == CLIENTS, "{} clients told", told.len());
        let stats = self.server.stats()?;
        let mut attempts = 0;
        for client in &told {
            ensure_clean(client)?;
            attempts += client.count("attempts")?;
        }
        ensure!(
            during_handshakes > 200,
            "{during_handshakes} datagrams were sent before a session was there: {stats}"
        );
        println!(
            "{} datagrams sent; {during_handshakes} of them before the first session; {attempts} handshakes begun by {CLIENTS} clients; server {:.2} to {:.2} MB",
            self.sent,
            before as f64 / 1e6,
            after as f64 / 1e6
        );
        ensure!(
            after <= before + GROWTH,
            "the server's memory grew from {before} to {after} bytes"
        );
        // One error for each handshake that failed, of up to four lines (what, where, and the script's place).
        let most = 20 + 6 * attempts as usize;
        ensure!(
            lines.len() <= most,
            "the clients printed {} lines:\n{}",
            lines.len(),
            lines[lines.len().saturating_sub(20)..].join("\n")
        );
        check::ensure_no_problem("a client", &lines, &["PacketPeerDTLS: "])
    }

    fn attack_flow(&mut self, flow: &Flow, to_server: usize, to_client: usize, size: Size) {
        let (up, down) = (flow.payloads(To::Server), flow.payloads(To::Client));
        for (way, count, same_way, other_way) in [
            (To::Server, to_server, &up, &down),
            (To::Client, to_client, &down, &up),
        ] {
            let overheard = Overheard {
                same_way: same_way.clone(),
                other_way: other_way.clone(),
                others: self.past.clone(),
            };
            for _ in 0..count {
                let datagram = garbage::any(&mut self.rng, &overheard, size);
                self.relay.inject(flow, way, &datagram);
                self.sent += 1;
            }
        }
        // For attacks on other and later sessions.
        let captured = if self.rng.chance(0.5) { up } else { down };
        if let Some(datagram) = captured.last() {
            if self.past.len() == 100 {
                let place = self.rng.index(100);
                self.past.swap_remove(place);
            }
            self.past.push(datagram.clone());
        }
    }

    /// Attacks the server from unknown addresses.
    fn attack_server(&mut self, size: Size) -> Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let overheard = Overheard {
            same_way: self.past.clone(),
            other_way: Vec::new(),
            others: self.past.clone(),
        };
        for _ in 0..AT_ONCE {
            let datagram = garbage::any(&mut self.rng, &overheard, size);
            // A datagram that the system does not send needs no replacement.
            let _ = socket.send_to(&datagram, self.relay.server());
            self.sent += 1;
        }
        Ok(())
    }

    /// How many packets each end of each way has sent.
    fn marks(&self) -> Vec<(u64, u64)> {
        let sent = |flow: &Arc<Flow>| {
            let data = flow.data();
            (data.to_server.arrived, data.to_client.arrived)
        };
        self.relay.flows().iter().map(sent).collect()
    }

    /// Whether each end has sent at least two more; the first may have been in flight already.
    fn are_past(&self, marks: &[(u64, u64)]) -> bool {
        let now = self.marks();
        let mut both = now.iter().zip(marks);
        both.all(|(now, mark)| now.0 >= mark.0 + 2 && now.1 >= mark.1 + 2)
    }

    fn lost(&self, told: &[Told]) -> Result<u64> {
        let mut lost = 0;
        for client in told {
            lost += client
                .count("sent")?
                .saturating_sub(client.count("received")?);
        }
        Ok(lost)
    }

    fn dropped_by_the_system(&self) -> u64 {
        let servers = dropped_by_the_system(self.relay.server().port()).unwrap_or(0);
        let entrances = self
            .relay
            .address()
            .ok()
            .and_then(|address| dropped_by_the_system(address.port()));
        servers + entrances.unwrap_or(0)
    }

    fn forget_all(&mut self) {
        for flow in self.relay.flows() {
            self.relay.forget(flow.client());
        }
    }

    fn close(self) -> Result<()> {
        let seconds = self.began.elapsed().as_secs();
        let (stats, lines) = self.server.end()?;
        println!("server: {stats}");
        stats.ensure_clean()?;
        check::ensure_no_problem("the server", &lines, &[])?;
        let warnings = lines.iter().filter(|line| line.contains("WARNING")).count() as u64;
        // The addon prints five in ten seconds at the most.
        let most = 5 * (seconds / 10 + 2);
        let others = lines
            .iter()
            .filter(|line| !line.starts_with("STATS "))
            .count() as u64;
        ensure!(
            warnings <= most && others <= 20 + 6 * most,
            "the server printed {warnings} warnings and {others} lines in {seconds} s:\n{}",
            lines[lines.len().saturating_sub(40)..].join("\n")
        );
        Ok(())
    }
}

fn ensure_clean(client: &Told) -> Result<()> {
    ensure!(
        client.was_connected(),
        "a client was not connected: {client}"
    );
    for fault in ["twice", "altered"] {
        ensure!(client.count(fault)? == 0, "packets {fault}: {client}");
    }
    client.count("sent").map(drop).context("a client's count")
}
