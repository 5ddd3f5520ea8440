//! Processes that are suspended for a while, as when a laptop sleeps: `SIGSTOP`, `SIGCONT`.

use std::env;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::Context;
use crate::network::godot::{self, Classes, Server, wait_until};
use crate::process::{self, Running};

/// For how many seconds processes are suspended, instead of [`STOPPED`]; tried with 10, 40 and 90.
const SECONDS: &str = "OPENSSL_DTLS_SUSPENDED";
const STOPPED: u64 = 3;
/// Seconds; shorter than the suspension.
const SHORT_TIMEOUT: u64 = 2;
/// Within this time packets must arrive again.
const LIMIT: Duration = Duration::from_secs(20);

const CONNECTED: u32 = 2;

/// A session continues after a suspension of either side, and of both.
pub(crate) fn sessions_go_on(context: &Context) -> Result<()> {
    let server = Server::start(&context.godot, Classes::Ours, &[])?;
    let mut client = start_client(context, server.port(), &[])?;
    wait_for_echoes(&mut client)?;
    for stopped in [
        &[client.id()][..],
        &[server.id()],
        &[client.id(), server.id()],
    ] {
        suspend(stopped, stopped_time())?;
        wait_for_echoes(&mut client)?;
    }
    let statuses = statuses(&client);
    ensure!(statuses == [1, CONNECTED], "the client's: {statuses:?}");
    end(server, client)
}

/// With an `idle_timeout` that is shorter than the suspension, both sides see the session's end and connect again with
/// the same objects.
pub(crate) fn ended_sessions_say_so(context: &Context) -> Result<()> {
    let idle = format!("idle={SHORT_TIMEOUT}");
    let server = Server::start(&context.godot, Classes::Ours, std::slice::from_ref(&idle))?;
    let mut client = start_client(context, server.port(), &[idle])?;
    wait_for_echoes(&mut client)?;
    for stopped in [client.id(), server.id()] {
        let before = statuses(&client).len();
        suspend(&[stopped], stopped_time())?;
        wait_until("the client to see the end", LIMIT, || {
            client.take_in();
            let since = &statuses(&client)[before..];
            // By a close_notify or its own timeout; failed handshakes may follow.
            Ok(matches!(since.first(), Some(0 | 3)) && since.last() == Some(&CONNECTED))
        })?;
        wait_for_echoes(&mut client)?;
    }
    end(server, client)
}

/// A handshake fails if its server is suspended for longer than its timeout; the next one of the same objects succeeds.
pub(crate) fn handshakes_are_made_again(context: &Context) -> Result<()> {
    let server = Server::start(&context.godot, Classes::Ours, &[])?;
    signal("-STOP", server.id())?;
    let settings = [format!("handshake={SHORT_TIMEOUT}")];
    let mut client = start_client(context, server.port(), &settings)?;
    let begins = |line: &str| line.starts_with("STATUS 1");
    client.wait_for("handshake", begins, LIMIT)?;
    std::thread::sleep(stopped_time());
    signal("-CONT", server.id())?;
    wait_for_echoes(&mut client)?;
    let seen = statuses(&client);
    ensure!(
        seen.starts_with(&[1, 3]) && seen.ends_with(&[1, CONNECTED]),
        "the client's statuses: {seen:?}"
    );
    // The client, during its handshake.
    let mut client = start_client(context, server.port(), &settings)?;
    client.wait_for("handshake", begins, LIMIT)?;
    suspend(&[client.id()], stopped_time())?;
    wait_for_echoes(&mut client)?;
    end(server, client)
}

fn start_client(context: &Context, port: u16, settings: &[String]) -> Result<Running> {
    let mut settings = settings.to_vec();
    settings.push(format!("port={port}"));
    let command = godot::command(&context.godot, "steady", Classes::Ours, &settings);
    process::start(command, None)
}

fn stopped_time() -> Duration {
    let seconds = env::var(SECONDS).ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(STOPPED))
}

/// Suspends processes for `time`.
fn suspend(ids: &[u32], time: Duration) -> Result<()> {
    for &id in ids {
        signal("-STOP", id)?;
    }
    std::thread::sleep(time);
    for &id in ids {
        signal("-CONT", id)?;
    }
    Ok(())
}

fn signal(name: &str, id: u32) -> Result<()> {
    let status = Command::new("kill").args([name, &id.to_string()]).status();
    ensure!(
        status.context("kill cannot be run")?.success(),
        "kill {name} {id}"
    );
    Ok(())
}

/// Waits for two more lines about echoes, which are ten packets apart: the second reports packets sent since the call.
fn wait_for_echoes(client: &mut Running) -> Result<()> {
    client.take_in();
    let count = |client: &Running| {
        let lines = client.lines().iter();
        lines.filter(|line| line.starts_with("ECHO ")).count()
    };
    let before = count(client);
    let start = Instant::now();
    let result = wait_until("packets to come back", LIMIT, || {
        client.take_in();
        Ok(count(client) >= before + 2)
    });
    result.with_context(|| process::tail(client.lines()))?;
    println!(
        "packets come back, {} ms later",
        start.elapsed().as_millis()
    );
    Ok(())
}

fn statuses(client: &Running) -> Vec<u32> {
    let lines = client.lines().iter();
    lines
        .filter_map(|line| line.strip_prefix("STATUS ")?.parse().ok())
        .collect()
}

fn end(server: Server, client: Running) -> Result<()> {
    let finished = client.stop()?;
    ensure!(
        !finished
            .lines
            .iter()
            .any(|line| line == "ALTERED" || line.starts_with("REFUSED")),
        "the client said:\n{}",
        finished.tail()
    );
    let (stats, _) = server.end()?;
    // Packets that arrived before a close_notify cannot be answered after it.
    for name in ["twice", "altered"] {
        ensure!(stats.count(name)? == 0, "the server counts: {stats}");
    }
    Ok(())
}
