//! Processes that do not run for a while, as when a laptop sleeps or a phone puts a game aside: `SIGSTOP`, `SIGCONT`.

use std::env;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::Context;
use crate::network::godot::{self, Classes, Server, wait_until};
use crate::process::{self, Running};

/// For how many seconds processes stop, instead of [`STOPPED`]: for 10, 40 and 90.
const SECONDS: &str = "OPENSSL_DTLS_SUSPENDED";
const STOPPED: u64 = 3;
/// Shorter than processes are stopped for, in seconds.
const SHORT_TIMEOUT: u64 = 2;
/// How long it may take until packets come again.
const LIMIT: Duration = Duration::from_secs(20);

const CONNECTED: u32 = 2;

/// A session goes on where its process was, on either side and on both.
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

/// With an `idle_timeout` a side that was stopped for longer is told of the end, and so is the other; both are connected
/// again with the objects that they have.
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
            // Told by the other side, or by itself; in between it may have tried in vain.
            Ok(matches!(since.first(), Some(0 | 3)) && since.last() == Some(&CONNECTED))
        })?;
        wait_for_echoes(&mut client)?;
    }
    end(server, client)
}

/// A handshake whose server is stopped for longer than it may take fails, and the next one, of the same objects, succeeds.
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
    // The client itself, somewhere on its way.
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

/// Stops processes of ours for so long.
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

/// Waits for two more lines about echoes, which are ten packets apart: the second is of packets sent since.
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
    // Packets that came before a close_notify cannot be answered after it.
    for name in ["twice", "altered"] {
        ensure!(stats.count(name)? == 0, "the server counts: {stats}");
    }
    Ok(())
}
