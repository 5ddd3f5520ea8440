//! Blocking until a socket is ready, in slices, so that a waiter notices when the socket is closed under it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use rustix::fd::AsFd;

use crate::error::Error;

/// The longest that one wait blocks before its caller looks again whether there is still something to wait for.
const SLICE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// Whether there is something to read; `Ok(false)` after a slice without.
///
/// # Errors
/// [`Error::Failed`]: an error is waiting on the socket (the next read reports it).
pub(crate) fn readable(socket: impl AsFd) -> Result<bool, Error> {
    let ready = wait(socket, PollFlags::IN)?;
    if ready.intersects(PollFlags::ERR | PollFlags::NVAL) {
        return Err(Error::Failed);
    }
    Ok(!ready.is_empty())
}

/// Waits for room in the send buffer, at most one slice. What happened is for the next send to find out.
pub(crate) fn writable(socket: impl AsFd) -> Result<(), Error> {
    wait(socket, PollFlags::OUT).map(|_| ())
}

fn wait(socket: impl AsFd, interest: PollFlags) -> Result<PollFlags, Error> {
    let mut sockets = [PollFd::new(&socket, interest)];
    match poll(&mut sockets, Some(&SLICE)) {
        Ok(_) => Ok(sockets[0].revents()),
        Err(Errno::INTR) => Ok(PollFlags::empty()),
        Err(_) => Err(Error::Failed),
    }
}
