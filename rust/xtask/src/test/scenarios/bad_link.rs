//! Handshakes and packets between Godot processes over a link that loses, doubles, reorders and alters datagrams.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use testkit::Faults;
use testkit::relay::Relay;

use super::Context;
use crate::check;
use crate::network::godot::{self, Classes, Server, Stats, Told};
use crate::network::{trace, with_seed};
use crate::process::Running;

/// Servers' and clients' classes; all pairs run at once.
const PAIRS: &[(Classes, Classes)] = &[
    (Classes::Ours, Classes::Ours),
    (Classes::Ours, Classes::Engine),
    (Classes::Engine, Classes::Ours),
];
const CLIENTS: u64 = 8;
const PACKETS: u64 = 100;
/// Milliseconds between two packets of a client.
const EVERY: u64 = 30;
/// Enough for a handshake that loses most of its flights once or twice.
const LIMIT: Duration = Duration::from_secs(90);

/// What the engine's server prints for a datagram that arrives after its client's close_notify, since it is no hello
/// (MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE), and for a ClientHello that arrives again after the handshake
/// (MBEDTLS_ERR_SSL_CLIENT_RECONNECT).
const ENGINE_PRINTS: &[&str] = &[
    "TLS handshake error: -30464",
    "returned -0x7700",
    "returned -0x6780",
];

/// A server, the link in front of it, and its clients.
struct Pair {
    name: String,
    server: Server,
    link: Relay,
    clients: Running,
    /// What the server may print.
    allowed: &'static [&'static str],
}

/// All handshakes complete; packets arrive unaltered and once, or not at all.
pub(crate) fn survives(context: &Context) -> Result<()> {
    with_seed(|seed| {
        // Each pair has another link.
        let pairs: Vec<Pair> = (seed..)
            .zip(PAIRS)
            .map(|(seed, (server, clients))| start(context, seed, *server, *clients))
            .collect::<Result<_>>()?;
        for pair in pairs {
            let name = pair.name.clone();
            finish(pair).context(name)?;
        }
        Ok(())
    })
}

fn start(context: &Context, seed: u64, server: Classes, clients: Classes) -> Result<Pair> {
    let name = format!("server {server:?}, clients {clients:?}");
    let settings = [format!("seed={seed}")];
    let running = Server::start(&context.godot, server, &settings).context(name.clone())?;
    let faults = Faults {
        loss: 0.10,
        duplication: 0.05,
        reordering: 0.20,
        corruption: 0.03,
        delay: 5..=100,
    };
    let link = Relay::start(
        SocketAddr::from((Ipv4Addr::LOCALHOST, running.port())),
        faults,
        seed,
    )?;
    let settings = [
        format!("seed={seed}"),
        format!("port={}", link.address()?.port()),
        format!("clients={CLIENTS}"),
        format!("packets={PACKETS}"),
        format!("every={EVERY}"),
    ];
    Ok(Pair {
        name,
        server: running,
        link,
        allowed: match server {
            Classes::Ours => &[],
            Classes::Engine => ENGINE_PRINTS,
        },
        clients: godot::start_clients(&context.godot, clients, &settings)?,
    })
}

fn finish(pair: Pair) -> Result<()> {
    let (told, lines) = godot::finish_clients(pair.clients, LIMIT)?;
    let (stats, server_lines) = pair.server.end()?;
    check(&told, &stats, &pair.name, &pair.link)
        .and_then(|()| check::ensure_no_problem("a client", &lines, &[]))
        .and_then(|()| check::ensure_no_problem("the server", &server_lines, pair.allowed))
        .inspect_err(|_| {
            // Each client's datagrams, without those between handshake and end.
            for flow in pair.link.flows() {
                println!("{}, client {}:{}", pair.name, flow.client(), trace(&flow));
            }
        })
}

fn check(told: &[Told], stats: &Stats, name: &str, link: &Relay) -> Result<()> {
    ensure!(
        told.len() as u64 == CLIENTS,
        "{} clients told of themselves",
        told.len()
    );
    let mut handshakes = Vec::new();
    let mut received = 0;
    for client in told {
        ensure!(
            client.was_connected(),
            "a client was not connected: {client}"
        );
        for fault in ["twice", "altered"] {
            ensure!(client.count(fault)? == 0, "packets {fault}: {client}");
        }
        ensure!(client.count("sent")? == PACKETS, "not all sent: {client}");
        handshakes.push(client.count("handshake_msec")?);
        received += client.count("received")?;
    }
    stats.ensure_clean()?;
    // The engine's server does not always send its last flight again. Our client then begins another handshake after
    // 20 s; at its hello the server ends the session that it had connected (MBEDTLS_ERR_SSL_CLIENT_RECONNECT).
    let failed = stats.count("failed")?;
    ensure!(
        stats.count("connected")? == CLIENTS + failed
            && (failed == 0 || name.starts_with("server Engine")),
        "sessions: {stats}"
    );

    // What the link forwarded arrived, and nothing else.
    let data = link.data();
    let to_server = stats.count("received")?;
    println!(
        "{}: handshakes {handshakes:?} ms; packets to the server: {} sent, {} lost, {} altered, {to_server} came; back: {} sent, {} lost, {} altered, {received} came; {} delayed, {} doubled",
        name,
        data.to_server.arrived,
        data.to_server.lost,
        data.to_server.corrupted,
        data.to_client.arrived,
        data.to_client.lost,
        data.to_client.corrupted,
        data.both().delayed,
        data.both().doubled,
    );
    ensure!(
        data.to_server.arrived == CLIENTS * PACKETS && data.to_client.arrived == to_server,
        "the link saw {data:?}, the server counts {stats}"
    );
    ensure!(
        to_server <= data.to_server.passed() && received <= data.to_client.passed(),
        "more came than the link let pass: {data:?}, {to_server} and {received}"
    );
    // On a busy machine datagrams wait until the kernel's or the engine's queues are full; the engine's classes take one
    // in each poll.
    let most = if name.contains("Engine") { 7 } else { 9 };
    ensure!(
        10 * to_server >= most * data.to_server.passed()
            && 10 * received >= most * data.to_client.passed(),
        "less came than the link let pass: {data:?}, {to_server} and {received}"
    );
    let both = data.both();
    let faults = [both.lost, both.corrupted, both.doubled, both.delayed];
    ensure!(
        faults.iter().all(|count| *count > 0),
        "the link was not bad enough: {both:?}"
    );
    Ok(())
}
