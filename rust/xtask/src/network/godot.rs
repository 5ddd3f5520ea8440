//! The Godot server and clients of `godot_project/links`, as processes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::memory;
use crate::process::{self, Finished, Running};
use crate::project::Headless;
use crate::workspace;

/// Frames a second of servers and clients: answers take some milliseconds, and a core stays free.
const FRAMES: u32 = 100;
/// How long a server may take to listen, and to end when it was asked to.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Whose DTLS classes a process uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Classes {
    /// The addon's.
    Ours,
    /// The engine's own.
    Engine,
}

impl Classes {
    fn setting(self) -> String {
        let name = match self {
            Self::Ours => "ours",
            Self::Engine => "engine",
        };
        format!("classes={name}")
    }
}

/// `links/NAME.tscn` with settings, in the project of the tests.
pub(crate) fn command(
    godot: &Headless,
    name: &str,
    classes: Classes,
    settings: &[String],
) -> std::process::Command {
    scene(godot, &format!("links/{name}"), FRAMES, classes, settings)
}

/// `NAME.tscn` with settings, in the project of the tests, at so many frames a second.
pub(crate) fn scene(
    godot: &Headless,
    name: &str,
    frames: u32,
    classes: Classes,
    settings: &[String],
) -> std::process::Command {
    let mut command = godot.command(&workspace::godot_project());
    command.args(["--max-fps", &frames.to_string()]);
    command.arg(format!("res://{name}.tscn"));
    command.arg("--").arg(classes.setting()).args(settings);
    command
}

/// Waits until a server listens; the result is its port.
pub(crate) fn wait_for_port(server: &mut Running) -> Result<u16> {
    let listens = |line: &str| line.starts_with("LISTENING ");
    server.wait_for("port", listens, START_LIMIT)?;
    let line = server.lines().iter().find(|line| listens(line));
    line.and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .context("the server prints no port")
}

/// `links/server.tscn`, which sends each packet back.
pub(crate) struct Server {
    running: Running,
    folder: TempDir,
    port: u16,
}

impl Server {
    /// Starts it on a free port of 127.0.0.1, and waits until it listens.
    pub(crate) fn start(godot: &Headless, classes: Classes, settings: &[String]) -> Result<Self> {
        Self::start_scene(godot, "server", classes, settings)
    }

    /// As [`Server::start`], with another scene of `links` that takes the same settings and prints the same lines.
    pub(crate) fn start_scene(
        godot: &Headless,
        name: &str,
        classes: Classes,
        settings: &[String],
    ) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("openssl-dtls-server-")
            .tempdir()?;
        let mut settings = settings.to_vec();
        settings.push(format!("folder={}", folder.path().display()));
        let mut running = process::start(command(godot, name, classes, &settings), None)?;
        let port = wait_for_port(&mut running)?;
        Ok(Self {
            running,
            folder,
            port,
        })
    }

    /// The number that the system knows it by.
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The memory that it has in use, in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        memory(self.running.id()).context("this system does not report a program's memory")
    }

    /// What it counted last; it counts each second.
    ///
    /// # Errors
    /// When it has ended, or has not counted yet.
    pub(crate) fn stats(&mut self) -> Result<Stats> {
        self.running.take_in();
        if let Some(status) = self.running.ended()? {
            bail!(
                "the server ended by itself ({status}):\n{}",
                process::tail(self.running.lines())
            );
        }
        last_stats(self.running.lines())
    }

    /// Has it end; the result is what it counted and printed.
    ///
    /// # Errors
    /// When it does not end in order.
    pub(crate) fn end(self) -> Result<(Stats, Vec<String>)> {
        std::fs::write(self.folder.path().join("quit"), "")?;
        let finished = self.running.finish(START_LIMIT)?;
        ensure_end(&finished, "END", "server")?;
        Ok((last_stats(&finished.lines)?, finished.lines))
    }
}

/// What a server has counted.
pub(crate) struct Stats(Value);

impl Stats {
    /// One count, by the name that server.gd gives it.
    pub(crate) fn count(&self, name: &str) -> Result<u64> {
        number(&self.0, name)
    }

    /// An error if a packet arrived twice or altered, or was not sent.
    pub(crate) fn ensure_clean(&self) -> Result<()> {
        for name in ["twice", "altered", "unsent"] {
            let count = self.count(name)?;
            ensure!(count == 0, "the server counts {count} packets {name}");
        }
        Ok(())
    }
}

impl std::fmt::Display for Stats {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What a server or clients printed last that they counted.
pub(crate) fn last_stats(lines: &[String]) -> Result<Stats> {
    let line = lines
        .iter()
        .rev()
        .find_map(|line| line.strip_prefix("STATS "))
        .context("nothing was counted yet")?;
    Ok(Stats(serde_json::from_str(line)?))
}

/// A count in JSON. Godot writes whole numbers as such.
fn number(value: &Value, name: &str) -> Result<u64> {
    let number = value[name].as_f64().map(|number| number.max(0.0) as u64);
    number.with_context(|| format!("{name} is missing in {value}"))
}

/// What one client of `links/client.tscn` has counted.
pub(crate) struct Told {
    value: Value,
}

impl Told {
    /// One count, by the name that client.gd gives it.
    pub(crate) fn count(&self, name: &str) -> Result<u64> {
        number(&self.value, name)
    }

    /// Whether it was connected to its end.
    pub(crate) fn was_connected(&self) -> bool {
        self.value["status"].as_f64() == Some(2.0)
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.value.fmt(formatter)
    }
}

/// Starts `links/client.tscn`.
pub(crate) fn start_clients(
    godot: &Headless,
    classes: Classes,
    settings: &[String],
) -> Result<Running> {
    process::start(command(godot, "client", classes, settings), None)
}

/// Waits for the end of `links/client.tscn`; the result is each client's report, and all lines.
pub(crate) fn finish_clients(
    clients: Running,
    limit: Duration,
) -> Result<(Vec<Told>, Vec<String>)> {
    let finished = clients.finish(limit)?;
    ensure_end(&finished, "DONE", "clients")?;
    let told = finished
        .lines
        .iter()
        .filter_map(|line| line.strip_prefix("CLIENT "))
        .map(|text| {
            Ok(Told {
                value: serde_json::from_str(text)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok((told, finished.lines))
}

/// Fails unless a process ended in order and with this line.
pub(crate) fn ensure_end(finished: &Finished, last_word: &str, who: &str) -> Result<()> {
    ensure!(
        finished.succeeded() && finished.lines.iter().any(|line| line == last_word),
        "the {who} did not run to the end ({}):\n{}",
        finished.end(),
        finished.tail()
    );
    Ok(())
}

/// Calls `is_so` again and again until it holds.
///
/// # Errors
/// Those of `is_so`, and when the time ([`process::scaled`]) is over.
pub(crate) fn wait_until(
    what: &str,
    limit: Duration,
    mut is_so: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let limit = process::scaled(limit);
    let deadline = Instant::now() + limit;
    while !is_so()? {
        ensure!(
            Instant::now() < deadline,
            "{what}: not within {} s",
            limit.as_secs()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The root that the servers' certificates are under.
pub(crate) fn trusted_root() -> Result<Vec<u8>> {
    let path: &Path = &workspace::godot_project().join("tests/pki/ca.crt");
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}
