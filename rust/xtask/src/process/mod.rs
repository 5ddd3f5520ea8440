//! Runs other programs, reads their output line by line, and ends them with all that they started.

use std::io::{PipeReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

mod lines;
mod tie;

use lines::Lines;
pub(crate) use tie::{become_program, raise_file_limit};

/// How long to wait for the rest of the output after a program has ended.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);
/// How often a running program's status is read.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Says by what the time limits of other programs are multiplied where they are emulated: to this program and to the
/// tests in GDScript.
pub(crate) const SLOWDOWN_VARIABLE: &str = "OPENSSL_DTLS_SLOWDOWN";

static SLOWDOWN: LazyLock<u32> = LazyLock::new(|| {
    let text = std::env::var(SLOWDOWN_VARIABLE).unwrap_or_default();
    text.parse().unwrap_or(1)
});

/// A time limit that holds for programs of this machine, as it is for those that run.
pub(crate) fn scaled(limit: Duration) -> Duration {
    limit * *SLOWDOWN
}

/// A program that runs. It is killed, with what it started, when this is dropped or when this process is killed.
///
/// Its standard output and error are one stream, so the order of their lines is the order in which they were written.
pub(crate) struct Running {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    status: Option<ExitStatus>,
    incoming: Receiver<Vec<u8>>,
    output: Lines,
}

/// The result of a program that has ended.
pub(crate) struct Finished {
    /// Everything it printed, line by line, without terminal colours.
    pub(crate) lines: Vec<String>,
    /// How it ended; `None` if it was killed at its time limit.
    pub(crate) status: Option<ExitStatus>,
}

impl Finished {
    /// Whether it ended by itself with exit code 0.
    pub(crate) fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// The last lines of what it printed, for an error message.
    pub(crate) fn tail(&self) -> String {
        tail(&self.lines)
    }

    /// How it ended, for an error message.
    pub(crate) fn end(&self) -> String {
        self.status.map_or_else(
            || "killed: out of time".to_owned(),
            |status| status.to_string(),
        )
    }
}

/// The last 15 lines, each cut to 300 characters, for an error message.
pub(crate) fn tail(lines: &[String]) -> String {
    let last = &lines[lines.len().saturating_sub(15)..];
    let short = last
        .iter()
        .map(|line| line.chars().take(300).collect::<String>());
    short.collect::<Vec<_>>().join("\n")
}

/// Starts a program that gets no input. With a label, each line is printed as `label | line` when it arrives.
pub(crate) fn start(command: Command, label: Option<&str>) -> Result<Running> {
    start_with(command, label, Stdio::null())
}

/// As [`start`], with an input that [`Running::say`] writes to and that stays open.
pub(crate) fn start_with_input(command: Command, label: Option<&str>) -> Result<Running> {
    start_with(command, label, Stdio::piped())
}

fn start_with(mut command: Command, label: Option<&str>, input: Stdio) -> Result<Running> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (reader, writer) = std::io::pipe()?;
    command
        .stdin(input)
        .stdout(writer.try_clone()?)
        .stderr(writer);
    tie::to_us(&mut command);
    let mut child = command
        .spawn()
        .with_context(|| format!("{name} could not be started"))?;
    // The command holds copies of the pipe's writing end; without them, the pipe ends with the program.
    drop(command);
    let (sender, incoming) = channel();
    let label = label.map(str::to_owned);
    thread::spawn(move || {
        let mut shown = Lines::default();
        read(reader, |bytes| {
            if let Some(label) = &label {
                shown.feed(bytes);
                shown.take().for_each(|line| println!("{label} | {line}"));
            }
            sender.send(bytes.to_vec()).is_ok()
        });
    });
    let input = child.stdin.take();
    Ok(Running {
        name,
        child,
        input,
        status: None,
        incoming,
        output: Lines::default(),
    })
}

/// Runs a program to its end without showing its output. It is killed at the time limit.
pub(crate) fn run(command: Command, limit: Duration) -> Result<Finished> {
    start(command, None)?.finish(limit)
}

impl Running {
    /// The process ID.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The whole lines that [`Running::take_in`] and the waits have seen.
    pub(crate) fn lines(&self) -> &[String] {
        self.output.whole()
    }

    /// Writes a line to the program's input.
    pub(crate) fn say(&mut self, line: &str) -> Result<()> {
        let input = self
            .input
            .as_mut()
            .context("the program was started without an input")?;
        writeln!(input, "{line}").with_context(|| format!("{} takes no input", self.name))
    }

    /// Reads what has been printed so far.
    pub(crate) fn take_in(&mut self) {
        while let Ok(bytes) = self.incoming.try_recv() {
            self.output.feed(&bytes);
        }
    }

    /// Waits for a line that `is_it` accepts, among those already read, new ones, and one that has not ended yet.
    ///
    /// # Errors
    /// When the time ([`scaled`]) is over or the output ends without such a line.
    pub(crate) fn wait_for(
        &mut self,
        what: &str,
        is_it: impl Fn(&str) -> bool,
        limit: Duration,
    ) -> Result<()> {
        let limit = scaled(limit);
        let deadline = Instant::now() + limit;
        let mut looked_at = 0;
        loop {
            let whole = self.output.whole();
            if whole[looked_at..].iter().any(|line| is_it(line)) || is_it(&self.output.begun()) {
                return Ok(());
            }
            looked_at = whole.len();
            let left = deadline.saturating_duration_since(Instant::now());
            let problem = match self.incoming.recv_timeout(left) {
                Ok(bytes) => {
                    self.output.feed(&bytes);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => format!("within {} s", limit.as_secs()),
                Err(RecvTimeoutError::Disconnected) => "before its end".to_owned(),
            };
            bail!(
                "{}: no {what} {problem}, but:\n{}",
                self.name,
                tail(self.output.whole())
            );
        }
    }

    /// Waits for the end. A program that takes longer than `limit`, [`scaled`], is killed.
    pub(crate) fn finish(self, limit: Duration) -> Result<Finished> {
        self.follow(limit, |_| {})
    }

    /// As [`Running::finish`], and calls `each` with each line when it arrives.
    pub(crate) fn follow(
        mut self,
        limit: Duration,
        mut each: impl FnMut(&str),
    ) -> Result<Finished> {
        let deadline = Instant::now() + scaled(limit);
        while self.ended()?.is_none() && Instant::now() < deadline {
            match self.incoming.recv_timeout(POLL_INTERVAL) {
                Ok(bytes) => self.feed(&bytes, &mut each),
                Err(RecvTimeoutError::Timeout) => {}
                // It closed its output and still runs.
                Err(RecvTimeoutError::Disconnected) => thread::sleep(POLL_INTERVAL),
            }
        }
        self.stop_and_follow(each)
    }

    /// Kills the program if it still runs.
    pub(crate) fn stop(self) -> Result<Finished> {
        self.stop_and_follow(|_| {})
    }

    fn stop_and_follow(mut self, mut each: impl FnMut(&str)) -> Result<Finished> {
        let status = self.ended()?;
        self.kill();
        let deadline = Instant::now() + DRAIN_LIMIT;
        while let Ok(bytes) = self
            .incoming
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.feed(&bytes, &mut each);
        }
        let output = std::mem::take(&mut self.output);
        let unterminated = output.begun();
        let mut lines: Vec<String> = output.whole().to_vec();
        if !unterminated.is_empty() {
            each(&unterminated);
            lines.push(unterminated);
        }
        Ok(Finished { lines, status })
    }

    fn feed(&mut self, bytes: &[u8], each: &mut impl FnMut(&str)) {
        let before = self.output.whole().len();
        self.output.feed(bytes);
        self.output.whole()[before..]
            .iter()
            .for_each(|line| each(line));
    }

    /// How the program ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
            if self.status.is_some() {
                // What it started and did not wait for.
                tie::kill_group(&self.child);
            }
        }
        Ok(self.status)
    }

    fn kill(&mut self) {
        // After its end, the ID may belong to another program.
        if self.status.is_none() {
            tie::kill_group(&self.child);
            let _ = self.child.kill();
            self.status = self.child.wait().ok();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read(mut reader: PipeReader, mut take: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(size) = reader.read(&mut buffer) {
        if size == 0 || !take(&buffer[..size]) {
            return;
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    /// Whether a process runs; a zombie does not.
    fn runs(id: &str) -> bool {
        let output = Command::new("ps")
            .args(["-o", "stat=", "-p", id])
            .output()
            .unwrap();
        let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        !state.is_empty() && !state.starts_with('Z')
    }

    fn ends_soon(id: &str) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while runs(id) && Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
        }
        !runs(id)
    }

    #[test]
    fn output_and_errors_are_in_the_order_they_were_written() {
        let finished = run(
            shell("for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 3"),
            Duration::from_secs(10),
        )
        .unwrap();
        assert_eq!(
            finished.lines,
            ["out 1", "err 1", "out 2", "err 2", "out 3", "err 3"]
        );
        assert_eq!(finished.status.unwrap().code(), Some(3));
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed_with_what_it_started() {
        let started = Instant::now();
        let finished = run(
            shell("sleep 60 & echo $!; wait; echo never"),
            Duration::from_millis(300),
        )
        .unwrap();
        assert!(started.elapsed() < Duration::from_secs(10));
        assert!(finished.status.is_none());
        assert_eq!(finished.lines.len(), 1);
        assert!(ends_soon(&finished.lines[0]));
    }

    #[test]
    fn waiting_for_a_line_finds_it_or_says_what_is_missing() {
        let mut running = start(shell("echo one; echo two; sleep 60"), None).unwrap();
        let limit = Duration::from_secs(10);
        running
            .wait_for("second line", |line| line.starts_with("tw"), limit)
            .unwrap();
        let missing = running.wait_for("third line", |_| false, Duration::from_millis(100));
        assert!(missing.unwrap_err().to_string().contains("no third line"));
        assert!(running.ended().unwrap().is_none());
        let id = running.child.id().to_string();
        drop(running);
        assert!(ends_soon(&id));
    }

    #[test]
    fn a_program_reads_its_input() {
        let mut running = start_with_input(Command::new("cat"), None).unwrap();
        running.say("hello").unwrap();
        running
            .wait_for("echo", |line| line == "hello", Duration::from_secs(10))
            .unwrap();
    }

    #[test]
    fn a_line_that_has_only_begun_is_found() {
        let mut running = start(shell("echo one; printf tw; sleep 60"), None).unwrap();
        let limit = Duration::from_secs(10);
        running
            .wait_for("begun line", |line| line == "tw", limit)
            .unwrap();
        assert_eq!(running.stop().unwrap().lines, ["one", "tw"]);
    }

    #[test]
    fn what_a_program_started_is_killed_after_its_end() {
        let finished = run(shell("sleep 60 & echo $!"), Duration::from_secs(10)).unwrap();
        assert!(finished.succeeded());
        assert!(ends_soon(&finished.lines[0]));
    }
}
