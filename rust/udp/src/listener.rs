//! A port that many remotes send to, with a [`DatagramSocket`] for each of them: the engine's `UDPServer`.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::MAX_DATAGRAMS_PER_POLL;
use crate::bind_address::BindAddress;
use crate::datagram_socket::DatagramSocket;
use crate::error::Error;
use crate::io_thread;
use crate::lock::lock;
use crate::port::{KernelBuffers, Port};
use crate::recv_queue::{BATCH, Read, RecvBatch};
use crate::table::{Round, Table};

/// How often one round reads the port at most ([`Listener::poll_round`]): with the default limit of pending sockets, 64
/// new ones in a frame. The bound is for what follows: a DTLS handshake takes a server about a millisecond.
const READS_PER_ROUND: usize = 4;

/// A poll of so many datagrams has the I/O thread read ahead.
const BUSY_POLL: usize = 64;

/// How long [`Listener::stop`] waits at most for other threads that use the port.
const LONGEST_USE: Duration = Duration::from_millis(500);

/// Listens on one port and delivers datagrams by their sender, as the engine's `UDPServer` does.
///
/// Dropping it stops it.
pub struct Listener {
    /// Held while polling and while stopping.
    polling: Mutex<()>,
    table: Arc<Mutex<Table>>,
}

impl Listener {
    /// A listener that is not listening yet.
    #[must_use]
    pub fn new() -> Listener {
        Listener {
            polling: Mutex::new(()),
            table: Arc::new(Mutex::new(Table::new())),
        }
    }

    /// Opens the port: `UDPServer.listen`. The system chooses one for port 0.
    ///
    /// # Errors
    /// [`Error::AlreadyInUse`]: already listening. [`Error::CantCreate`]: no socket. [`Error::Unavailable`]: the
    /// address or port cannot be bound, in most cases because another socket has it. (The engine's listeners take a
    /// port from each other on Linux and macOS: they set `SO_REUSEADDR`.)
    pub fn listen(&self, port: u16, address: BindAddress) -> Result<(), Error> {
        let mut table = lock(&self.table);
        if table.port().is_some() {
            return Err(Error::AlreadyInUse);
        }
        let port = Port::listen(address, port, table.kernel_buffers)?;
        table.open(port);
        Ok(())
    }

    /// Sets the size of the kernel's receive buffers for the next [`Listener::listen`], in bytes: what each socket asks
    /// for (`SO_RCVBUF`), and the total that is wanted, as the system reports it. 4 MB and 8 MB unless set. Linux
    /// reports twice what it grants.
    ///
    /// The kernel drops what arrives while a buffer is full, so the total has to hold what all clients send in the
    /// longest tick. Where one socket is granted too little, as on Linux by default, a listener with more than 64
    /// clients opens up to 32 sockets on its port, each for some of the clients. Each client's datagrams stay in order;
    /// the order in which two new clients become pending is then undefined.
    pub fn set_kernel_buffer(&self, each: usize, in_all: usize) {
        lock(&self.table).kernel_buffers = KernelBuffers {
            each: Some(each),
            in_all,
        };
    }

    /// Sets how many bytes may be queued for a socket that becomes pending from now on:
    /// [`DEFAULT_INBOX_BYTES`](crate::DEFAULT_INBOX_BYTES) unless set. What arrives beyond that is dropped.
    pub fn set_inbox_bytes(&self, bytes: usize) {
        lock(&self.table).inbox_bytes = bytes;
    }

    /// Reads what has arrived and delivers it, at most [`crate::MAX_DATAGRAMS_PER_POLL`] datagrams: `UDPServer.poll`.
    ///
    /// A new sender becomes pending, or is refused while [`Listener::max_pending`] others are.
    ///
    /// # Errors
    /// [`Error::Unconfigured`]: not listening. [`Error::Failed`]: the socket keeps failing. A single error, such as the
    /// reset that Windows reports when a client has closed its socket, does not end the poll (the engine returns
    /// `FAILED` and leaves the rest in the kernel).
    pub fn poll(&self) -> Result<(), Error> {
        self.read(WhenFull::Refuse)
    }

    fn read(&self, when_full: WhenFull) -> Result<(), Error> {
        let _polling = lock(&self.polling);
        let (port, clients) = {
            let table = lock(&self.table);
            let port = table.port().cloned().ok_or(Error::Unconfigured)?;
            (port, table.clients())
        };
        port.send_queue().begin_tick();
        let mut batch = port.recv_queue().lock();
        if port.grow_for(clients) {
            batch.begin_transition();
        }
        let result = self.read_and_deliver(&port, &mut batch, when_full);
        let count = batch.end_poll();
        drop(batch);
        if count >= BUSY_POLL {
            io_thread::read_ahead_soon(&port);
        }
        result
    }

    /// Delivers what was read ahead, then reads and delivers the rest.
    fn read_and_deliver(
        &self,
        port: &Arc<Port>,
        batch: &mut RecvBatch,
        when_full: WhenFull,
    ) -> Result<(), Error> {
        if self.deliver(port, batch, when_full) == Delivered::UntilFull {
            return Ok(());
        }
        let mut errors = 0;
        let (sockets, mut limit) = port.readable();
        if batch.is_in_transition() {
            // More than a buffer holds that is too small: what arrived before the port grew is read to its end.
            limit = MAX_DATAGRAMS_PER_POLL;
        }
        for (index, socket) in sockets {
            let mut read = Read::More;
            while matches!(read, Read::More) {
                for _ in 0..when_full.batch() {
                    read = batch.read(index, socket, limit, &mut errors);
                    if !matches!(read, Read::More) {
                        break;
                    }
                }
                if self.deliver(port, batch, when_full) == Delivered::UntilFull {
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

    /// Delivers what was read to its routes.
    fn deliver(&self, port: &Arc<Port>, batch: &mut RecvBatch, when_full: WhenFull) -> Delivered {
        while !batch.is_empty() {
            let mut table = lock(&self.table);
            let oldest = batch.oldest(when_full.batch());
            let count = oldest.len();
            table.deliver(port, oldest);
            batch.advance(count);
            if when_full == WhenFull::Stop && table.is_full() {
                return Delivered::UntilFull;
            }
        }
        Delivered::All
    }

    /// One step of the documented loop `while server.is_connection_available(): take_connection()`: polls, and returns
    /// whether a socket is pending.
    ///
    /// The documented scripts never call `poll()`, so this has to. But a loop that polled at each step would not end
    /// while datagrams of new addresses keep arriving. So steps form rounds. A step begins a round, and polls, if there
    /// is none or if the round's `tick` (the frame counter) is another; the result `false` ends the round. Within a
    /// round the port is read up to four times, each time only while there is room for another pending socket, so that
    /// many clients that arrive at once are not refused; the last time to the end. A `while` loop accepts what that
    /// brought; an `if` once a frame polls in each frame.
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
                // Accepted sockets receive even if the script leaves others pending.
                if round.reads_left == 0 || table.has_pending() {
                    WhenFull::Refuse
                } else {
                    WhenFull::Stop
                }
            });
            (round, when_full)
        };
        if let Some(when_full) = when_full {
            // What arrived before a failure is delivered, and `poll` reports the failure.
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

    /// Whether a socket is pending, without polling: the engine's `UDPServer.is_connection_available`.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        lock(&self.table).has_pending()
    }

    /// Accepts the oldest pending socket, which is connected to its remote: `UDPServer.take_connection`. `None` if none
    /// is pending.
    ///
    /// When it is closed, or its last `Arc` is dropped, the listener removes its address: a later datagram from there
    /// makes a new socket pending.
    #[must_use]
    pub fn accept(&self) -> Option<Arc<DatagramSocket>> {
        let route = lock(&self.table).take_oldest_pending()?;
        let table = Arc::downgrade(&self.table);
        Some(Arc::new(DatagramSocket::accepted(route, table)))
    }

    /// Appends the tokens of the accepted sockets that received datagrams since the last call, in order of the first of
    /// those, each once. Idle sockets cost nothing.
    ///
    /// [`DatagramSocket::set_token`] sets the token. A socket that was closed since is left out; one whose datagrams
    /// were taken since is not. The list is bounded by the number of sockets, whether or not it is taken.
    pub fn take_ready(&self, tokens: &mut Vec<u64>) {
        lock(&self.table).take_ready(tokens);
    }

    /// Whether the port is open: `UDPServer.is_listening`.
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

    /// How many sockets may be pending; 0 refuses all new senders: `UDPServer.max_pending_connections`.
    ///
    /// If more are pending now, the oldest `max_pending` stay and the newer ones are dropped. (The engine's loop has
    /// its condition inverted: lowering the limit drops none, raising it drops all.)
    pub fn set_max_pending(&self, max_pending: usize) {
        lock(&self.table).set_max_pending(max_pending);
    }

    /// See [`Listener::set_max_pending`]; 16 unless set.
    #[must_use]
    pub fn max_pending(&self) -> usize {
        lock(&self.table).max_pending()
    }

    /// How many datagrams and pending sockets were dropped because of [`Listener::set_max_pending`], since the listener
    /// was created.
    #[must_use]
    pub fn refused(&self) -> u64 {
        lock(&self.table).refused()
    }

    /// How many datagrams of [`DatagramSocket::send_deferred`] were dropped because the system did not take them in
    /// time, since [`Listener::listen`].
    #[must_use]
    pub fn unsent(&self) -> u64 {
        lock(&self.table)
            .port()
            .map_or(0, |port| port.send_queue().dropped())
    }

    /// Closes the port: `UDPServer.stop`. Accepted sockets are unbound, unconnected and empty from here on.
    ///
    /// What [`DatagramSocket::send_deferred`] has queued is sent first. The port is free when this returns: it waits,
    /// up to half a second, until other threads have ended a poll, a send, or a [`DatagramSocket::wait`], which ends
    /// within about 20 milliseconds.
    pub fn stop(&self) {
        let _polling = lock(&self.polling);
        let Some(port) = lock(&self.table).port().cloned() else {
            return;
        };
        let number = port.socket().local_port();
        port.worker().stop();
        lock(&self.table).close();
        let open = port.open();
        drop(port);
        // No thread can obtain the port from the table or a route any more. Those that have it drop it soon.
        let start = Instant::now();
        while open.strong_count() > 0 && start.elapsed() < LONGEST_USE {
            std::thread::sleep(Duration::from_micros(200));
        }
        log::debug!(target: "udp", "stopped listening on port {number}");
    }
}

/// What reading does when no further socket may be pending.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WhenFull {
    /// Leaves the rest for the next time.
    Stop,
    /// Goes on for the known senders, and refuses the new.
    Refuse,
}

impl WhenFull {
    /// How many datagrams are read and delivered in one step.
    fn batch(self) -> usize {
        match self {
            WhenFull::Stop => 1,
            WhenFull::Refuse => BATCH,
        }
    }
}

/// How much was delivered.
#[derive(PartialEq, Eq)]
enum Delivered {
    All,
    /// Until no further socket may be pending.
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
