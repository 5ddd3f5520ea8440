//! The I/O thread of a busy port: it sends queued datagrams, and reads ahead between two polls.
//!
//! A system call for one datagram takes a microsecond or two. A game that serves a thousand clients in a tick would
//! spend milliseconds in them. Once a tick has many datagrams, this thread makes those calls while the game works on. A
//! server of a few clients never starts it. `docs/decisions` has the figures.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::error::Error;
use crate::path::Path;
use crate::port::Port;
use crate::recv_queue::Read;
use crate::send_queue::SendBatch;

/// Unparking the thread takes longer than sending a datagram, and some systems then run it in the caller's place. So a
/// datagram unparks it only after a pause. Then the thread looks for more, first after twice this interval, and then at
/// intervals from this one to [`LONGEST_BACKOFF`]: see [`next_backoff`].
const FIRST_BACKOFF: Duration = Duration::from_micros(50);

/// Up to here the thread sleeps, and a queued datagram waits. Longer waits end with the next datagram.
const LONGEST_SLEEP: Duration = Duration::from_micros(400);

/// The longest interval between two looks for datagrams that have arrived: a few in each tick.
const LONGEST_BACKOFF: Duration = Duration::from_micros(3200);

/// Looks for arrivals that bring this many of a socket keep their interval, and those that bring twice as many halve it: a
/// receive buffer of Linux's default size holds three to eight times as many.
const ENOUGH: usize = 32;

/// How many datagrams of a socket a look reads at the most. What follows it then is another one.
const MAX_LOOK: usize = 4 * ENOUGH;

/// When a look after the longest interval brings fewer of every socket, the polls read alone, until one brings much or
/// something is sent.
const FEW: usize = 16;

/// How many datagrams of one socket are read ahead between two polls: more than most receive buffers hold, and few
/// enough that a flood does not keep a poll busy.
const MAX_READ_AHEAD: usize = 1024;

/// Sends one datagram: directly while the tick has few, else through the send queue. A failure to send a queued one is
/// counted, not returned.
pub(crate) fn send(port: &Arc<Port>, path: Path, datagram: &[u8]) -> Result<(), Error> {
    let queue = port.send_queue();
    if !queue.is_busy() && (queue.count_direct_send() || !start(port)) {
        return port.socket().send_along(datagram, &path);
    }
    queue.push(path, datagram);
    port.worker().wake();
    Ok(())
}

/// Has the thread read ahead for the next ticks.
pub(crate) fn read_ahead_soon(port: &Arc<Port>) {
    if start(port) {
        port.worker().request();
    }
}

fn start(port: &Arc<Port>) -> bool {
    port.worker().start("udp-io", || {
        let port = Arc::clone(port);
        move || run(&port)
    })
}

/// Runs until the worker is stopped and everything queued is sent.
fn run(port: &Port) {
    let worker = port.worker();
    let mut batch = SendBatch::default();
    let mut backoff = FIRST_BACKOFF;
    loop {
        let is_stopping = worker.is_stopping();
        let has_sent = port.send_queue().flush(port.socket(), &mut batch);
        if is_stopping && !has_sent {
            return;
        }
        if has_sent {
            backoff = FIRST_BACKOFF;
            continue;
        }
        let is_requested = worker.take_request();
        let read = read_ahead(port);
        let has_work = || !port.send_queue().is_empty();
        if backoff == LONGEST_BACKOFF && read < FEW && !is_requested {
            worker.park(None, has_work);
            continue;
        }
        backoff = next_backoff(backoff, read);
        if backoff <= LONGEST_SLEEP {
            thread::sleep(backoff);
        } else {
            worker.park(Some(backoff), has_work);
        }
    }
}

/// When to look again after a look that brought `read` datagrams of the busiest socket.
fn next_backoff(backoff: Duration, read: usize) -> Duration {
    let next = if read >= MAX_LOOK {
        FIRST_BACKOFF
    } else if read >= 2 * ENOUGH {
        backoff / 2
    } else if read >= ENOUGH {
        backoff
    } else {
        2 * backoff
    };
    next.clamp(FIRST_BACKOFF, LONGEST_BACKOFF)
}

/// Reads what has arrived until a poll wants the batch. Returns how many datagrams it read of the busiest socket.
fn read_ahead(port: &Port) -> usize {
    let queue = port.recv_queue();
    let (sockets, limit) = port.readable();
    let limit = limit.min(MAX_READ_AHEAD);
    let mut most = 0;
    for (index, socket) in sockets {
        let Some(mut batch) = queue.lock_between_polls() else {
            break;
        };
        let before = batch.len();
        for _ in 0..MAX_LOOK {
            if queue.is_wanted() {
                break;
            }
            let Read::More = batch.read(index, socket, limit, &mut 0) else {
                break;
            };
        }
        most = most.max(batch.len() - before);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_settles_where_a_look_brings_enough() {
        for per_second in [100, 10_000, 100_000, 1_000_000] {
            let mut backoff = FIRST_BACKOFF;
            let mut read = 0;
            for _ in 0..20 {
                read = (backoff.as_secs_f64() * f64::from(per_second)) as usize;
                backoff = next_backoff(backoff, read);
            }
            let is_settled = (ENOUGH / 2..2 * ENOUGH).contains(&read);
            let is_at_end = backoff == FIRST_BACKOFF || backoff == LONGEST_BACKOFF;
            assert!(
                is_settled || is_at_end,
                "{per_second} a second: {read} in {backoff:?}"
            );
        }
    }
}
