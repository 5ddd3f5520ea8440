//! Blocking until a socket is ready, in short slices, so that the caller can check whether it was closed meanwhile.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use rustix::fd::AsFd;

use crate::error::Error;

/// The longest that one call blocks.
const SLICE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// Waits for something to read. `Ok(false)` if there is nothing after a slice.
///
/// # Errors
/// [`Error::Failed`]: the socket has a pending error (the next read returns it).
pub(crate) fn readable(socket: impl AsFd) -> Result<bool, Error> {
    let ready = wait(socket, PollFlags::IN)?;
    if ready.intersects(PollFlags::ERR | PollFlags::NVAL) {
        return Err(Error::Failed);
    }
    Ok(!ready.is_empty())
}

/// Waits for room in the send buffer, at most one slice. The next send shows whether there is any.
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
