//! What differs between systems: process groups, `exec`, the limit of open files.

use std::process::{Child, Command, ExitCode};

use anyhow::Result;

/// Puts the program into a group of its own, and has Linux kill it when the thread that starts it ends.
#[cfg(unix)]
pub(super) fn to_us(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
        let us = getpid();
        let tie = move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // This process may have ended before the signal was set.
            if getppid() == Some(us) {
                Ok(())
            } else {
                Err(std::io::ErrorKind::NotFound.into())
            }
        };
        // SAFETY: only async-signal-safe calls are allowed between fork and exec. `tie` makes two system calls, allocates
        // nothing and takes no lock.
        unsafe { command.pre_exec(tie) };
    }
}

#[cfg(not(unix))]
pub(super) fn to_us(_: &mut Command) {}

/// Kills the group that [`to_us`] made, or what is left of it.
#[cfg(unix)]
pub(super) fn kill_group(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
pub(super) fn kill_group(_: &Child) {}

/// Replaces this process with the program: input, output, signals and exit code are the program's.
#[cfg(unix)]
pub(crate) fn become_program(mut command: Command) -> Result<ExitCode> {
    use anyhow::Context;
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(error).with_context(|| format!("{} could not be started", command.get_program().display()))
}

/// Runs the program with this process's input and output, and returns its exit code.
#[cfg(not(unix))]
pub(crate) fn become_program(mut command: Command) -> Result<ExitCode> {
    let status = command.status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, Into::into))
}

/// Raises the limit of open files to the maximum: each client has a socket, and many systems allow 1,024 by default.
#[cfg(unix)]
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // Where this fails, opening a socket fails later, with an error of its own.
    let _ = setrlimit(Resource::Nofile, raised);
}

#[cfg(not(unix))]
pub(crate) fn raise_file_limit() {}
