//! Other programs: started, read line by line as they run, and never left behind.

use std::io::{BufRead, BufReader, PipeReader, Write};
use std::process::{Child, ChildStdin, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long the output of a program that has ended may still take to arrive.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long a look at a program that runs may take.
const PAUSE: Duration = Duration::from_millis(20);

/// A program that runs. It is killed, with what it started itself, when this is dropped or when we are killed.
///
/// Its standard output and error are one stream, so the order of their lines is the order in which they were written.
pub(crate) struct Running {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    status: Option<ExitStatus>,
    incoming: Receiver<String>,
    lines: Vec<String>,
}

/// What is left of a program that has ended.
pub(crate) struct Finished {
    /// Everything it printed, line by line, without terminal colours.
    pub(crate) lines: Vec<String>,
    /// How it ended; nothing if it had to be killed for taking too long.
    pub(crate) status: Option<ExitStatus>,
}

impl Finished {
    /// Whether it ended by itself and says that all is well.
    pub(crate) fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// The last lines of what it printed, for an error message.
    pub(crate) fn tail(&self) -> String {
        self.lines[self.lines.len().saturating_sub(15)..].join("\n")
    }

    /// How it ended, in words.
    pub(crate) fn end(&self) -> String {
        self.status.map_or_else(
            || "killed: out of time".to_owned(),
            |status| status.to_string(),
        )
    }
}

/// Starts a program that gets no input. With a label, each line is shown as `label | line` when it comes.
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
    tie_to_us(&mut command);
    let mut child = command
        .spawn()
        .with_context(|| format!("{name} could not be started"))?;
    // The command holds our copies of the pipe's writing end; with them gone, the pipe ends with the program.
    drop(command);
    let (sender, incoming) = channel();
    let label = label.map(str::to_owned);
    thread::spawn(move || {
        read_lines(reader, |line| {
            if let Some(label) = &label {
                println!("{label} | {line}");
            }
            sender.send(line).is_ok()
        });
    });
    let input = child.stdin.take();
    Ok(Running {
        name,
        child,
        input,
        status: None,
        incoming,
        lines: Vec::new(),
    })
}

/// Runs a program to its end and shows nothing. It is killed when the time is over.
pub(crate) fn run(command: Command, limit: Duration) -> Result<Finished> {
    start(command, None)?.finish(limit)
}

impl Running {
    /// The lines that [`Running::take_in`] and the waits have seen.
    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Writes a line to the program's input.
    pub(crate) fn say(&mut self, line: &str) -> Result<()> {
        let input = self
            .input
            .as_mut()
            .context("the program was started without an input")?;
        writeln!(input, "{line}").with_context(|| format!("{} takes no input", self.name))
    }

    /// Takes in the lines that have come; whether the program still runs or has lines to come.
    pub(crate) fn take_in(&mut self) -> bool {
        loop {
            match self.incoming.try_recv() {
                Ok(line) => self.lines.push(line),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Waits for a line that `is_it` accepts, those already seen included, and returns it.
    ///
    /// # Errors
    /// When the time is over or the output ends without such a line.
    pub(crate) fn wait_for(
        &mut self,
        what: &str,
        is_it: impl Fn(&str) -> bool,
        limit: Duration,
    ) -> Result<String> {
        let deadline = Instant::now() + limit;
        let mut looked_at = 0;
        loop {
            while let Some(line) = self.lines.get(looked_at) {
                if is_it(line) {
                    return Ok(line.clone());
                }
                looked_at += 1;
            }
            match self
                .incoming
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => self.lines.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{}: no {what} within {} s", self.name, limit.as_secs())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("{} ended without {what}", self.name)
                }
            }
        }
    }

    /// Waits for the end. A program that takes longer than `limit` is killed.
    pub(crate) fn finish(self, limit: Duration) -> Result<Finished> {
        self.follow(limit, |_| {})
    }

    /// As [`Running::finish`], and hands over each line when it comes.
    pub(crate) fn follow(
        mut self,
        limit: Duration,
        mut each: impl FnMut(&str),
    ) -> Result<Finished> {
        let deadline = Instant::now() + limit;
        while self.ended()?.is_none() && Instant::now() < deadline {
            match self.incoming.recv_timeout(PAUSE) {
                Ok(line) => {
                    each(&line);
                    self.lines.push(line);
                }
                Err(RecvTimeoutError::Timeout) => {}
                // It closed its output and still runs.
                Err(RecvTimeoutError::Disconnected) => thread::sleep(PAUSE),
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
        let deadline = Instant::now() + LAST_WORDS;
        while let Ok(line) = self
            .incoming
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            each(&line);
            self.lines.push(line);
        }
        Ok(Finished {
            lines: std::mem::take(&mut self.lines),
            status,
        })
    }

    /// How the program ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status)
    }

    fn kill(&mut self) {
        // Once its end is known, the number may belong to another program.
        if self.status.is_none() {
            kill_group(&mut self.child);
            self.status = self.child.wait().ok();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read_lines(reader: PipeReader, mut take: impl FnMut(String) -> bool) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        if !take(without_colours(text.trim_end_matches(['\r', '\n']))) {
            return;
        }
    }
}

/// Takes out the escape sequences that colour a terminal's text.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain += before;
        // Parameters are digits and signs; a byte from `@` on ends the sequence.
        let end = after.find(|c: char| ('@'..='~').contains(&c));
        rest = end.map_or("", |end| &after[end + 1..]);
    }
    plain + rest
}

#[cfg(unix)]
fn kill_group(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let killed = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .is_some_and(|group| kill_process_group(group, Signal::KILL).is_ok());
    if !killed {
        let _ = child.kill();
    }
}

#[cfg(not(unix))]
fn kill_group(child: &mut Child) {
    let _ = child.kill();
}

/// Puts the program into a group of its own, and has Linux kill it when the thread that starts it ends.
#[cfg(unix)]
fn tie_to_us(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
        let us = getpid();
        let tie = move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // We may have ended before the signal was set.
            if getppid() == Some(us) {
                Ok(())
            } else {
                Err(std::io::ErrorKind::NotFound.into())
            }
        };
        // SAFETY: between fork and exec only async-signal-safe calls are allowed; these are two plain system calls,
        // and nothing in there allocates or takes a lock.
        unsafe { command.pre_exec(tie) };
    }
}

#[cfg(not(unix))]
fn tie_to_us(_: &mut Command) {}

/// Becomes the program: its input, output, signals and exit code are ours.
#[cfg(unix)]
pub(crate) fn become_program(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(error).with_context(|| format!("{} could not be started", command.get_program().display()))
}

/// Runs the program on our input and output, and returns its exit code.
#[cfg(not(unix))]
pub(crate) fn become_program(mut command: Command) -> Result<ExitCode> {
    let status = command.status()?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, Into::into))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    /// Whether a process runs; one that has ended and waits for its parent's look does not.
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
            thread::sleep(PAUSE);
        }
        !runs(id)
    }

    #[test]
    fn output_and_errors_come_in_the_order_they_were_written() {
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
        let found = running.wait_for("second line", |line| line.starts_with("tw"), limit);
        assert_eq!(found.unwrap(), "two");
        let missing = running.wait_for("third line", |_| false, Duration::from_millis(100));
        assert!(missing.unwrap_err().to_string().contains("no third line"));
        assert!(running.ended().unwrap().is_none());
        let id = running.child.id().to_string();
        drop(running);
        assert!(ends_soon(&id));
    }

    #[test]
    fn a_program_is_talked_to() {
        let mut running = start_with_input(Command::new("cat"), None).unwrap();
        running.say("hello").unwrap();
        running
            .wait_for("echo", |line| line == "hello", Duration::from_secs(10))
            .unwrap();
    }

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(
            without_colours("\u{1b}[1;31mERROR:\u{1b}[0m bad è"),
            "ERROR: bad è"
        );
        assert_eq!(without_colours("cut \u{1b}[1;3"), "cut ");
    }
}
