//! The documented server and client as two processes, and the lines that they must print.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::check;
use crate::network::ports;
use crate::process::{self, Running};
use crate::project::Headless;

/// The port that the documented scripts name.
pub(crate) const DOCUMENTED_PORT: u16 = 4242;

/// How long the two may take to print all of them.
const LIMIT: Duration = Duration::from_secs(60);

const SERVER_LINES: &[&str] = &[
    "Peer connesso!",
    "Ricevuto messaggio da un cliente: La risposta è... 42!",
];
const CLIENT_LINES: &[&str] = &["Connected: Ciao cliente DTLS"];

/// What to run, and how it ends.
pub(crate) struct DocumentedPair<'a> {
    /// Runs the server.
    pub(crate) server: &'a Headless,
    /// Runs the client.
    pub(crate) client: &'a Headless,
    /// The project with the two scenes.
    pub(crate) project: &'a Path,
    /// The port that the server listens on.
    pub(crate) port: u16,
    /// How both end.
    pub(crate) ending: Ending,
}

/// How the two processes end.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Ending {
    /// Stopped as soon as all lines are there: quick.
    Stopped,
    /// By themselves after about this many seconds, so that what they leak is seen too.
    AfterSeconds(u32),
}

/// A session as the addon reports it when the environment has `OPENSSL_DTLS_LOG=1`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Session {
    /// The negotiated protocol, `DTLSv1.2`.
    pub(crate) protocol: String,
    /// The negotiated cipher, by OpenSSL's name.
    pub(crate) cipher: String,
    /// The linked library, `OpenSSL 4.0.3 29 Sep 2026`.
    pub(crate) library: String,
}

/// What both ends reported.
pub(crate) struct Sessions {
    /// The server's first session.
    pub(crate) server: Session,
    /// The client's.
    pub(crate) client: Session,
}

impl Session {
    /// Reads `OpenSSL DTLS: session established: PROTOCOL, CIPHER, LIBRARY, peer ADDRESS`.
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line
            .strip_prefix("OpenSSL DTLS: session established: ")?
            .split(", ");
        let mut next = || parts.next().map(str::to_owned);
        Some(Self {
            protocol: next()?,
            cipher: next()?,
            library: next()?,
        })
    }

    fn check(&self) -> Result<()> {
        if self.protocol != "DTLSv1.2" {
            bail!("the session's protocol is {}, not DTLSv1.2", self.protocol);
        }
        if self.cipher.is_empty() {
            bail!("the session names no cipher");
        }
        if !self.library.starts_with("OpenSSL 4.") {
            bail!("the session ran on {}, not on OpenSSL 4", self.library);
        }
        Ok(())
    }
}

impl DocumentedPair<'_> {
    /// Runs both, shows what they print, and checks it.
    ///
    /// # Errors
    /// When a line is missing, an error line appears, or a process ends early.
    pub(crate) fn run(&self) -> Result<Sessions> {
        ports::require_free(self.port)?;
        let mut server = PairProcess::start(self, self.server, "server", SERVER_LINES)?;
        ports::wait_until_open(self.port, || server.read_output())?;
        let mut client = PairProcess::start(self, self.client, "client", CLIENT_LINES)?;

        let limit = process::scaled(LIMIT);
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            server.read_output()?;
            client.read_output()?;
            if server.is_done() && client.is_done() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // The other side's missing lines often explain this side's.
        let missing = [server.missing(), client.missing()].concat();
        if !missing.is_empty() {
            bail!(
                "not seen within {} s:\n  {}",
                limit.as_secs(),
                missing.join("\n  ")
            );
        }
        let sessions = Sessions {
            server: server.session()?.clone(),
            client: client.session()?.clone(),
        };
        sessions.server.check().context("server")?;
        sessions.client.check().context("client")?;
        client.end(self.ending)?;
        server.end(self.ending)?;
        Ok(sessions)
    }
}

/// One of the two processes.
struct PairProcess {
    label: &'static str,
    expected: &'static [&'static str],
    running: Running,
    session: Option<Session>,
}

impl PairProcess {
    fn start(
        pair: &DocumentedPair<'_>,
        godot: &Headless,
        label: &'static str,
        expected: &'static [&'static str],
    ) -> Result<Self> {
        let mut command = godot.command(pair.project);
        command.env("OPENSSL_DTLS_LOG", "1");
        if let Ending::AfterSeconds(seconds) = pair.ending {
            let seconds = process::scaled(Duration::from_secs(seconds.into())).as_secs();
            let frames = seconds * 60;
            command.args(["--max-fps", "60", "--quit-after", &frames.to_string()]);
        }
        command.arg(format!("res://documented/{label}.tscn"));
        let running = process::start(command, Some(label))?;
        Ok(Self {
            label,
            expected,
            running,
            session: None,
        })
    }

    /// Reads what it printed; an error if that, or its end, means that the rest will not come.
    fn read_output(&mut self) -> Result<()> {
        self.running.take_in();
        let ended = self.running.ended()?;
        if ended.is_some() {
            self.running.take_in();
        }
        let lines = self.running.lines();
        let problems = check::problems(lines, &[]);
        if !problems.is_empty() {
            bail!(
                "the {} printed an error:\n{}",
                self.label,
                problems.join("\n")
            );
        }
        self.session = lines.iter().find_map(|line| Session::parse(line));
        if let Some(status) = ended
            && !(self.is_done() && status.success())
        {
            bail!(
                "the {} ended early ({status}), before:\n  {}",
                self.label,
                self.missing().join("\n  ")
            );
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.missing().is_empty()
    }

    fn missing(&self) -> Vec<String> {
        let lines = self.running.lines();
        let unseen = self
            .expected
            .iter()
            .filter(|text| !lines.iter().any(|line| line == *text));
        let mut missing: Vec<String> = unseen
            .map(|text| format!("{}: {text}", self.label))
            .collect();
        if self.session.is_none() {
            missing.push(format!(
                "{}: OpenSSL DTLS: session established: ...",
                self.label
            ));
        }
        missing
    }

    fn session(&self) -> Result<&Session> {
        self.session
            .as_ref()
            .with_context(|| format!("the {} reported no session", self.label))
    }

    fn end(self, ending: Ending) -> Result<()> {
        let Ending::AfterSeconds(_) = ending else {
            self.running.stop()?;
            return Ok(());
        };
        let finished = self.running.finish(LIMIT)?;
        let problems = check::problems(&finished.lines, &[]);
        if !problems.is_empty() {
            bail!(
                "the {} printed an error at its end:\n{}",
                self.label,
                problems.join("\n")
            );
        }
        if !finished.succeeded() {
            bail!("the {} did not end well: {}", self.label, finished.end());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addons_report_is_read() {
        let line = "OpenSSL DTLS: session established: DTLSv1.2, ECDHE-RSA-AES256-GCM-SHA384, OpenSSL 4.0.3 29 Sep 2026, peer 127.0.0.1:4242";
        let session = Session::parse(line).unwrap();
        assert_eq!(session.cipher, "ECDHE-RSA-AES256-GCM-SHA384");
        assert_eq!(session.library, "OpenSSL 4.0.3 29 Sep 2026");
        session.check().unwrap();
        assert_eq!(
            Session::parse("OpenSSL DTLS: 2 scripts run on OpenSSL (drop-in)"),
            None
        );
        let other = Session {
            protocol: "DTLSv1".into(),
            ..session
        };
        assert!(other.check().is_err());
    }
}
