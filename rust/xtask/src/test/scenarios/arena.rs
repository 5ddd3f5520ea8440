//! The example `godot_project/examples/arena`: a server and three clients that play by themselves.

use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::Context;
use super::kinds;
use crate::check;
use crate::fixture::Fixture;
use crate::process::{self, Running};

const START_LIMIT: Duration = Duration::from_secs(60);
/// For the ten seconds of the game, and a connection before them.
const GAME_LIMIT: Duration = Duration::from_secs(90);
/// For the last positions and messages to arrive.
const AGREEMENT_LIMIT: Duration = Duration::from_secs(30);

const PLAYERS: [&str; 3] = ["Ada", "Bob", "Cleo"];
/// Each player shoots once a second, and speaks every other second.
const SHOTS: u64 = 30;
const MESSAGES: usize = 5;

/// A server and three clients play for ten seconds, encrypted by OpenSSL, and see the same in the end; then the server
/// ends the game for all.
pub(crate) fn players_agree(context: &Context) -> Result<()> {
    let project = Fixture::example("arena")?;
    project.import(context)?;
    let mut make = context.godot.command(project.path());
    make.args(["-s", "make_certificate.gd"]);
    kinds::run(make, &[])?;

    let port = UdpSocket::bind("0.0.0.0:0")?.local_addr()?.port();
    let command = |role: &[&str]| -> Command {
        let mut command = context.godot.command(project.path());
        command.args(["--max-fps", "60", "--"]).args(role);
        command.args(["--port", &port.to_string(), "--report"]);
        command.env("OPENSSL_DTLS_LOG", "info");
        command
    };
    let mut server = process::start_with_input(command(&["--server"]), None)?;
    let hosts = format!("Hosting on port {port}.");
    server.wait_for("port", |line| line == hosts, START_LIMIT)?;
    let mut clients = Vec::new();
    for name in PLAYERS {
        clients.push(process::start(command(&["--client", name]), None)?);
    }
    for (client, name) in clients.iter_mut().zip(PLAYERS) {
        let is_done = format!("{name} is done.");
        client.wait_for("end of the game", |line| line == is_done, GAME_LIMIT)?;
    }
    let seen = agreement(&mut server, &mut clients)?;
    ensure_played(&seen)?;

    server.say("quit")?;
    for (client, name) in clients.into_iter().zip(PLAYERS) {
        let finished = client.finish(START_LIMIT)?;
        check::ensure_no_problem(name, &finished.lines, &[])?;
        kinds::has(&finished.lines, "The server has closed the game.")?;
        ensure!(finished.succeeded(), "{name} ended with {}", finished.end());
    }
    let finished = server.finish(START_LIMIT)?;
    check::ensure_no_problem("the server", &finished.lines, &[])?;
    ensure!(finished.succeeded(), "it ended with {}", finished.end());
    runs_on_openssl(&finished.lines)
}

/// Waits until all print the same state last, and returns it.
fn agreement(server: &mut Running, clients: &mut [Running]) -> Result<Value> {
    let deadline = Instant::now() + process::scaled(AGREEMENT_LIMIT);
    loop {
        let mut states = Vec::new();
        for running in std::iter::once(&mut *server).chain(&mut *clients) {
            running.take_in();
            let mut lines = running.lines().iter().rev();
            states.push(
                lines
                    .find_map(|line| line.strip_prefix("STATE "))
                    .map(str::to_owned),
            );
        }
        let first = states[0].clone();
        if let Some(state) = first.filter(|_| states.windows(2).all(|two| two[0] == two[1])) {
            return serde_json::from_str(&state).context("the state is no JSON");
        }
        if Instant::now() > deadline {
            bail!("the server and the clients see different states: {states:#?}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Every player shot, spoke and was hit or hit somebody.
fn ensure_played(seen: &Value) -> Result<()> {
    ensure!(seen["shots"].as_u64() == Some(SHOTS), "shots: {seen}");
    let players = seen["players"].as_object().context("no players")?;
    ensure!(players.keys().eq(PLAYERS.iter()), "players: {seen}");
    let has_hit = |state: &Value| {
        state
            .as_str()
            .is_some_and(|text| !text.ends_with("score 0"))
    };
    ensure!(players.values().any(has_hit), "nobody hit: {seen}");
    for name in PLAYERS {
        let said = seen["said"][name].as_array();
        ensure!(
            said.is_some_and(|said| said.len() == MESSAGES),
            "{name} said: {seen}"
        );
    }
    Ok(())
}

/// The addon says at the start that it encrypts the game, and made a session with each client.
fn runs_on_openssl(lines: &[String]) -> Result<()> {
    let own = kinds::own_lines(lines);
    ensure!(
        own[0].starts_with("OpenSSL DTLS: 1 script with ENet over DTLS runs on OpenSSL "),
        "it said {own:?}"
    );
    let sessions = own
        .iter()
        .filter(|line| line.contains("session established: DTLSv1.2"));
    ensure!(sessions.count() == PLAYERS.len(), "it said {own:?}");
    Ok(())
}
