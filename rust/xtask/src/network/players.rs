//! Players of the multiplayer API in `godot_project/links`, as a process.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::godot::{Classes, Stats, command, ensure_end, last_stats};
use crate::check;
use crate::process::{self, Running};
use crate::project::Headless;

/// How long the last players may take to leave, and the server to disconnect those that crashed.
pub(crate) const LEAVE_LIMIT: Duration = Duration::from_secs(60);

/// A process of `links/players.tscn`.
pub(crate) struct Players {
    running: Running,
    folder: TempDir,
}

impl Players {
    /// Starts so many players, for a server at a port of this machine.
    pub(crate) fn start(godot: &Headless, port: u16, players: usize, seed: u64) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("openssl-dtls-players-")
            .tempdir()?;
        let settings = [
            "encrypted=1".to_owned(),
            format!("folder={}", folder.path().display()),
            format!("port={port}"),
            format!("players={players}"),
            format!("seed={seed}"),
        ];
        let command = command(godot, "players", Classes::Ours, &settings);
        Ok(Self {
            running: process::start(command, None)?,
            folder,
        })
    }

    /// Fails if the process has ended.
    pub(crate) fn ensure_running(&mut self) -> Result<()> {
        self.running.take_in();
        let ended = self.running.ended()?;
        ensure!(
            ended.is_none(),
            "players ended by themselves:\n{}",
            process::tail(self.running.lines())
        );
        Ok(())
    }

    /// Kills the process; the result is what it counted last.
    pub(crate) fn kill(self) -> Result<Stats> {
        let lines = self.running.stop()?.lines;
        let stats = last_stats(&lines)?;
        ensure_all_right(&stats, &lines)?;
        Ok(stats)
    }

    /// Has all players leave.
    pub(crate) fn ask_to_end(&self) -> Result<()> {
        let path = self.folder.path().join("quit");
        std::fs::write(&path, "").with_context(|| path.display().to_string())
    }

    /// Waits for the end that was asked for; the result is what it counted.
    pub(crate) fn end(self) -> Result<Stats> {
        let finished = self.running.finish(LEAVE_LIMIT)?;
        ensure_end(&finished, "END", "players")?;
        check::ensure_no_problem("players", &finished.lines, &[])?;
        let stats = last_stats(&finished.lines)?;
        ensure_all_right(&stats, &finished.lines)?;
        Ok(stats)
    }
}

/// Fails if a process counts an RPC that did not arrive, or arrived twice or out of order.
pub(crate) fn ensure_all_right(stats: &Stats, lines: &[String]) -> Result<()> {
    let wrong = lines.iter().find(|line| line.starts_with("WRONG: "));
    ensure!(
        stats.count("wrong")? == 0,
        "{stats}, first: {}",
        wrong.map_or("", |line| line)
    );
    Ok(())
}
