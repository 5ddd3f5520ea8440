//! A socket that many remotes send to, each of which becomes a peer: the engine's `UDPServer`.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::MAX_DATAGRAMS_PER_POLL;
use crate::address::BindAddress;
use crate::datagram_socket::DatagramSocket;
use crate::error::Error;
use crate::lock::lock;
use crate::port::{KernelBuffers, Port};
use crate::recv_queue::{BATCH, Read, RecvBatch};
use crate::table::{Round, Table};

/// How often one round reads the socket at the most ([`Listener::poll_round`]): with the default limit of pending peers,
/// 64 new ones in a frame. What it takes to serve that many is what bounds it: a handshake costs a server about a
/// millisecond.
const READS_PER_ROUND: usize = 4;

/// A poll of so many datagrams has the port's courier read ahead from then on, if it does not yet, having much to send.
const BUSY_POLL: usize = 64;

/// How long [`Listener::stop`] waits at the most for threads that use the port.
const LONGEST_USE: Duration = Duration::from_millis(500);

/// Listens on one port and sorts what arrives by sender, as the engine's `UDPServer` does.
///
/// Dropping it stops it.
pub struct Listener {
    /// One thread at a time polls, and who stops the listener waits for it.
    polling: Mutex<()>,
    table: Arc<Mutex<Table>>,
}

impl Listener {
    /// A listener that is not listening yet.
    #[must_use]
    pub fn new() -> Listener {
        Listener {
            polling: Mutex::new(()),
            table: Table::new(),
        }
    }

    /// Opens the socket: `UDPServer.listen`. Port 0 lets the system choose.
    ///
    /// # Errors
    /// [`Error::AlreadyInUse`]: already listening. [`Error::CantCreate`]: no socket. [`Error::Unavailable`]: the
    /// address or port cannot be bound, in most cases because another socket has it, of this process or any other. (The
    /// engine's listeners take a port from each other on Linux and macOS: they set `SO_REUSEADDR`.)
    pub fn listen(&self, port: u16, address: BindAddress) -> Result<(), Error> {
        let mut table = lock(&self.table);
        if table.port().is_some() {
            return Err(Error::AlreadyInUse);
        }
        let port = Port::listen(address, port, table.kernel_buffers)?;
        table.open(port);
        Ok(())
    }

    /// How large the kernel's receive buffer is to be when the next [`Listener::listen`] opens the port, in bytes: what is
    /// asked for a socket (`SO_RCVBUF`), and what there is to be in all, as the system reports it; 4 MB and 8 MB unless
    /// set. Linux reports twice what it gives.
    ///
    /// What comes while the buffer is full is lost, so it has to hold what all clients send in the longest tick. Where the
    /// system gives one socket too little, as Linux does by default, a listener with more than 64 clients has up to 32
    /// sockets on its port, each for some of the clients. Each client's datagrams stay in order; which of two new clients
    /// is pending first is then no longer certain.
    pub fn set_kernel_buffer(&self, each: usize, in_all: usize) {
        lock(&self.table).kernel_buffers = KernelBuffers {
            each: Some(each),
            in_all,
        };
    }

    /// Reads what has arrived and hands it to the peers, at most [`crate::MAX_DATAGRAMS_PER_POLL`] datagrams: `UDPServer.poll`.
    ///
    /// A sender that is new becomes pending, or is refused while [`Listener::max_pending`] others are.
    ///
    /// # Errors
    /// [`Error::Unconfigured`]: not listening. [`Error::Failed`]: the socket keeps failing. A single error, such as
    /// the reset that Windows reports when a client is gone, does not end the poll (the engine returns `FAILED` and
    /// leaves the rest for later).
    pub fn poll(&self) -> Result<(), Error> {
        self.read(WhenFull::Refuse)
    }

    fn read(&self, when_full: WhenFull) -> Result<(), Error> {
        let _turn = lock(&self.polling);
        let (port, clients) = {
            let table = lock(&self.table);
            let port = table.port().cloned().ok_or(Error::Unconfigured)?;
            (port, table.clients())
        };
        port.send_queue().begin_tick();
        let mut batch = port.recv_queue().turn();
        if port.grow_for(clients) {
            batch.begin_transition();
        }
        let result = self.read_and_sort(&port, &mut batch, when_full);
        let count = batch.end_poll();
        drop(batch);
        if count >= BUSY_POLL {
            port.io_thread().call(&port);
        }
        result
    }

    /// Sorts what was read ahead, and then what else there is.
    fn read_and_sort(
        &self,
        port: &Arc<Port>,
        batch: &mut RecvBatch,
        when_full: WhenFull,
    ) -> Result<(), Error> {
        if self.sort(port, batch, when_full) == Sorted::UntilFull {
            return Ok(());
        }
        let step = when_full.batch();
        let mut errors = 0;
        let (sockets, mut most) = port.readable();
        if batch.is_in_transition() {
            // More than a buffer that is too small holds: what came before the port got more sockets is read to its end.
            most = MAX_DATAGRAMS_PER_POLL;
        }
        for (index, socket) in sockets {
            let mut read = Read::Some;
            while matches!(read, Read::Some) {
                for _ in 0..step {
                    read = batch.read(index, socket, most, &mut errors);
                    if !matches!(read, Read::Some) {
                        break;
                    }
                }
                if self.sort(port, batch, when_full) == Sorted::UntilFull {
                    return Ok(());
                }
            }
            if matches!(read, Read::Failed) {
                return Err(Error::Failed);
            }
        }
        batch.end_transition();
        Ok(())
    }

    /// Hands what was read to the peers.
    fn sort(&self, port: &Arc<Port>, batch: &mut RecvBatch, when_full: WhenFull) -> Sorted {
        while !batch.is_empty() {
            let mut table = lock(&self.table);
            let oldest = batch.oldest(when_full.batch());
            let count = oldest.len();
            table.deliver(port, oldest);
            batch.forget(count);
            if when_full == WhenFull::Stop && table.is_full() {
                return Sorted::UntilFull;
            }
        }
        Sorted::All
    }

    /// One step of the documented loop `while server.is_connection_available(): take_connection()`: whether a peer is
    /// pending, polling by itself.
    ///
    /// The documented scripts never call `poll()`, so asking has to poll; yet a loop that polled at every step would
    /// not end as long as new addresses keep coming. So steps form rounds: a step begins one, and polls, if none is in
    /// progress or if `tick` (the frame counter) is not that of the round in progress, and the answer `false` ends it.
    /// Within a round the socket is read a few times, each time as far as there is room among the pending, so that many
    /// clients that come at once are not refused; the last time to its end. A `while` loop hands out what that brought;
    /// an `if` once a frame polls in every frame.
    ///
    /// Returns false while not listening.
    pub fn poll_round(&self, tick: u64) -> bool {
        let (mut round, when_full) = {
            let table = lock(&self.table);
            let round = table.round().filter(|round| round.tick == tick);
            let begins = round.is_none();
            let mut round = round.unwrap_or(Round {
                tick,
                reads_left: READS_PER_ROUND,
            });
            let reads = begins || !table.has_pending() && round.reads_left > 0;
            let when_full = reads.then(|| {
                round.reads_left -= 1;
                // A script that leaves peers pending must not keep the others from being served.
                if round.reads_left == 0 || table.has_pending() {
                    WhenFull::Refuse
                } else {
                    WhenFull::Stop
                }
            });
            (round, when_full)
        };
        if let Some(when_full) = when_full {
            // What arrived before a failure counts, and `poll` itself reports it to those who ask.
            let _ = self.read(when_full);
            if when_full == WhenFull::Refuse || !lock(&self.table).is_full() {
                round.reads_left = 0;
            }
        }
        let mut table = lock(&self.table);
        let pending = table.has_pending();
        table.set_round(pending.then_some(round));
        pending
    }

    /// Whether a peer is pending, without polling: the engine's `UDPServer.is_connection_available`.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        lock(&self.table).has_pending()
    }

    /// The oldest pending peer, connected to its remote: `UDPServer.take_connection`. `None` if none is pending.
    ///
    /// When the last `Arc` of it is dropped, or when it is closed, the listener forgets its address; a later datagram
    /// from there makes a new pending peer.
    #[must_use]
    pub fn accept(&self) -> Option<Arc<DatagramSocket>> {
        let route = lock(&self.table).take_oldest_pending()?;
        Some(Arc::new(DatagramSocket::accepted(route)))
    }

    /// Appends the tokens of the peers that datagrams came for since they were last taken here, in the order in which the
    /// first of those came, each peer once. It costs what there is to hand out and nothing for the peers that are idle.
    ///
    /// Peers are named with [`DatagramSocket::set_token`]. A peer that was closed meanwhile is left out, and one that has read its
    /// datagrams meanwhile is not. At most one entry a peer is kept, whether or not anybody takes them.
    pub fn take_ready(&self, tokens: &mut Vec<u64>) {
        lock(&self.table).take_ready(tokens);
    }

    /// Whether the socket is open: `UDPServer.is_listening`.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        lock(&self.table).port().is_some()
    }

    /// The port listened on, 0 while not listening: `UDPServer.get_local_port`.
    #[must_use]
    pub fn local_port(&self) -> u16 {
        lock(&self.table)
            .port()
            .map_or(0, |port| port.socket().local_port())
    }

    /// How many peers may be pending; 0 refuses every new one: `UDPServer.max_pending_connections`.
    ///
    /// If more are pending now, the oldest `max_pending` stay and the newer ones are dropped. (The engine's loop has
    /// its condition the wrong way round: lowering the limit drops none, raising it drops all.)
    pub fn set_max_pending(&self, max_pending: usize) {
        lock(&self.table).set_max_pending(max_pending);
    }

    /// See [`Listener::set_max_pending`]; 16 unless set.
    #[must_use]
    pub fn max_pending(&self) -> usize {
        lock(&self.table).max_pending()
    }

    /// How many datagrams or pending peers were refused for want of room among the pending, since the listener was made.
    #[must_use]
    pub fn refused(&self) -> u64 {
        lock(&self.table).refused()
    }

    /// How many datagrams of [`DatagramSocket::send_deferred`] were lost because the system did not take them in time, since listening
    /// began.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        lock(&self.table)
            .port()
            .map_or(0, |port| port.send_queue().dropped())
    }

    /// Closes the socket: `UDPServer.stop`. Peers that were accepted are unbound, unconnected and empty from here on.
    ///
    /// What [`DatagramSocket::send_deferred`] was given is sent first. The port is free when this returns: a poll in progress on another
    /// thread is let finish, and so is a send, or a [`DatagramSocket::wait`], which ends within 20 milliseconds or so.
    pub fn stop(&self) {
        let _turn = lock(&self.polling);
        let Some(port) = lock(&self.table).port().cloned() else {
            return;
        };
        port.io_thread().finish();
        lock(&self.table).close();
        let in_use = Arc::downgrade(&port);
        drop(port);
        // Nobody gets hold of it any more; who has it lets go soon.
        let start = Instant::now();
        while in_use.strong_count() > 0 && start.elapsed() < LONGEST_USE {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// What reading does when no further peer may be pending.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WhenFull {
    /// Leaves the rest to the next time.
    Stop,
    /// Reads on for those that are known, and refuses the new.
    Refuse,
}

impl WhenFull {
    /// How many datagrams are read and sorted in one go.
    fn batch(self) -> usize {
        match self {
            WhenFull::Stop => 1,
            WhenFull::Refuse => BATCH,
        }
    }
}

/// How far sorting went.
#[derive(PartialEq, Eq)]
enum Sorted {
    All,
    /// Until no further peer may be pending.
    UntilFull,
}

impl Default for Listener {
    fn default() -> Listener {
        Listener::new()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}
