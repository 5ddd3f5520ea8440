//! A host: ENet, what carries its datagrams, and the ids of its peers.

mod peers;
mod set_up;

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use endpoint::HandshakePool;
use rusty_enet::{EventNoRef, HostSettings, PeerID, PeerState};
use udp::{BindAddress, DatagramSocket};

use crate::compressor::{Compressor, RangeCoding};
use crate::debug_field;
use crate::error::{ConnectError, HostError, ServiceError};
use crate::event::{Event, PeerId, Statistic};
use crate::kind::Kind;
use crate::link::address::canonical;
use crate::link::{Carrier, Link};
use crate::queued::Queued;
use crate::screen::FRAGMENT_OVERHEAD;
use crate::socket::Socket;

type Enet = rusty_enet::Host<Socket>;

/// The most channels of a peer.
const MAX_CHANNELS: usize = 255;

/// ENet's clock begins here: it takes some times of 0 for unset.
const CLOCK_START: Duration = Duration::from_secs(1);

/// How far ENet's clock goes on at a time: it takes times that are more than a day apart for reversed, and would never end a
/// peer whose packets were under way while a machine slept for that long.
const LONGEST_GAP: Duration = Duration::from_secs(3600);

/// How often sessions without a peer are looked for.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(1);

/// How long a peer whose session is gone is kept for packets that the owner has not taken.
const KEPT_FOR_PACKETS: Duration = Duration::from_secs(1);

/// How many packets are sent one by one between two services: see [`Host::flush_soon`].
const FIRST_PACKETS: u32 = 16;

/// How many packets wait to be sent together after these.
const PACKETS_TOGETHER: u32 = 64;

/// The options of a host.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to bind.
    pub bind: BindAddress,
    /// The port to bind; the system chooses one for 0.
    pub port: u16,
    /// How many peers it may have, from 1 to 4,095.
    pub peer_limit: usize,
    /// How many channels a peer may have; 0 for the most, 255.
    pub channel_limit: usize,
    /// Bytes a second that it receives; 0 for no limit.
    pub incoming_bandwidth: u32,
    /// Bytes a second that it sends; 0 for no limit.
    pub outgoing_bandwidth: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bind: BindAddress::Any,
            port: 0,
            peer_limit: 32,
            channel_limit: 0,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
        }
    }
}

/// An ENet host: it connects to others, and others connect to it.
///
/// One owner at a time. It reads no clock after it was made: time is what [`service`](Self::service) was given last.
pub struct Host {
    /// `None` once ENet has panicked.
    enet: Option<Enet>,
    bind: BindAddress,
    clock: Arc<AtomicU64>,
    started: Instant,
    swept: Instant,
    slots: Vec<Slot>,
    /// Events that ENet does not have: its peer was ended by what happened below it.
    pending: VecDeque<Event>,
    /// Peers whose session is gone, since when.
    ending: Vec<(PeerId, SocketAddr, Instant)>,
    connecting: Option<Connecting>,
    pool: Arc<HandshakePool>,
    refuses_new: bool,
    /// How often [`Host::flush_soon`] was called since the last service, and since the last flush.
    packets: u32,
    unflushed: u32,
}

/// A place for a peer.
#[derive(Default)]
struct Slot {
    generation: u32,
    /// Whether the owner knows the peer that is there.
    is_visible: bool,
    queued: Queued,
}

/// The newest peer that this host connects to.
#[derive(Clone, Copy)]
struct Connecting {
    peer: PeerId,
    address: SocketAddr,
    channels: usize,
    data: u32,
}

impl Host {
    /// A host on a UDP socket.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn new(settings: &Settings) -> Result<Self, HostError> {
        Self::check(settings)?;
        let socket = open_plain(settings.bind, settings.port)?;
        Self::on(Link::Plain(socket), settings, Instant::now())
    }

    /// A host on a carrier of the owner's; `now` is when its time begins. It has no port, and no DTLS.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn on_carrier(
        carrier: Box<dyn Carrier>,
        settings: &Settings,
        now: Instant,
    ) -> Result<Self, HostError> {
        Self::check(settings)?;
        Self::on(Link::Carrier(carrier), settings, now)
    }

    fn check(settings: &Settings) -> Result<(), HostError> {
        if !(1..=PeerID::MAX).contains(&settings.peer_limit) {
            return Err(HostError::PeerLimit);
        }
        if settings.channel_limit > MAX_CHANNELS {
            return Err(HostError::ChannelLimit);
        }
        Ok(())
    }

    fn on(link: Link, settings: &Settings, started: Instant) -> Result<Self, HostError> {
        let clock = Arc::new(AtomicU64::new(CLOCK_START.as_millis() as u64));
        let time = Arc::clone(&clock);
        let enet_settings = HostSettings {
            peer_limit: settings.peer_limit,
            channel_limit: all_if_zero(settings.channel_limit),
            incoming_bandwidth_limit: limit(settings.incoming_bandwidth),
            outgoing_bandwidth_limit: limit(settings.outgoing_bandwidth),
            time: Box::new(move || Duration::from_millis(time.load(Ordering::Relaxed))),
            seed: Some(random()),
            ..HostSettings::default()
        };
        let socket = Socket::new(link, settings.peer_limit, started);
        // The limits were checked above.
        let enet = Enet::new(socket, enet_settings).map_err(|_| HostError::PeerLimit)?;
        let slots = (0..settings.peer_limit).map(|_| Slot::default()).collect();
        Ok(Self {
            enet: Some(enet),
            bind: settings.bind,
            clock,
            started,
            swept: started,
            slots,
            pending: VecDeque::new(),
            ending: Vec::new(),
            connecting: None,
            pool: Arc::new(HandshakePool::new(|work| {
                let _ = endpoint::panics::catch("a handshake of an ENet host", work);
            })),
            refuses_new: false,
            packets: 0,
            unflushed: 0,
        })
    }

    /// The port that it is bound to.
    #[must_use]
    pub fn local_port(&self) -> u16 {
        self.socket().map_or(0, |socket| socket.link.local_port())
    }

    /// Asks the host at this address for a connection, with this many channels (0 for the most, 255) and a number that it
    /// gets. The peer is [`State::Connecting`](crate::State::Connecting) until an event says how that ended.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(
        &mut self,
        address: SocketAddr,
        channels: usize,
        data: u32,
    ) -> Result<PeerId, ConnectError> {
        let address = canonical(address);
        let channels = all_if_zero(channels).min(MAX_CHANNELS);
        let socket = self.socket().ok_or(ConnectError::Failed)?;
        match &socket.link {
            Link::Server(_) => return Err(ConnectError::IsServer),
            Link::Client(_) if !socket.screen.taken().is_empty() => {
                return Err(ConnectError::Connected);
            }
            Link::Client(_) | Link::Plain(_) | Link::Carrier(_) => {}
        }
        let connected = self.guarded(|enet| {
            let peer = enet.connect(address, channels, data);
            peer.map(|peer| peer.id().0 as u16)
        });
        let slot = connected
            .ok_or(ConnectError::Failed)?
            .map_err(|_| ConnectError::NoRoom)?;
        if let Some(socket) = self.socket_mut() {
            socket.screen.connect(slot, address, channels);
        }
        let peer = self.show(slot);
        self.connecting = Some(Connecting {
            peer,
            address,
            channels,
            data,
        });
        Ok(peer)
    }

    /// Receives and sends what is due, and returns the oldest event. It never waits. To be called until it returns `None`.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn service(&mut self, now: Instant) -> Result<Option<Event>, ServiceError> {
        if let Some(event) = self.pending.pop_front() {
            return Ok(Some(event));
        }
        self.flush_what_waits();
        self.packets = 0;
        self.advance_clock(now);
        let serviced = self.guarded(|enet| {
            enet.socket_mut().begin(now);
            let event = match enet.service() {
                Ok(event) => event.map(|event| Taken::from(event.no_ref())),
                Err(never) => match never {},
            };
            enet.socket_mut().close_refused();
            event
        });
        let event = serviced.ok_or(ServiceError::Failed)?;
        self.note_ended(now);
        let event = event.map(|event| self.note(event));
        self.end_peers(now, event.is_none());
        if now.saturating_duration_since(self.swept) >= BETWEEN_SWEEPS {
            self.swept = now;
            self.sweep(now);
        }
        Ok(event.or_else(|| self.pending.pop_front()))
    }

    /// How many datagrams the last [`service`](Self::service) has read, if it has left some that had arrived: ENet takes 256,
    /// and none after one that makes an event, such as a new peer's. Another service reads on.
    #[must_use]
    pub fn read_of_more(&self) -> Option<usize> {
        self.socket()?.read_of_more()
    }

    /// The oldest event that waits, without a look at the network.
    pub fn check_events(&mut self) -> Option<Event> {
        if let Some(event) = self.pending.pop_front() {
            return Some(event);
        }
        let event = self.guarded(|enet| {
            let event = enet.check_events();
            event.map(|event| Taken::from(event.no_ref()))
        });
        event.flatten().map(|event| self.note(event))
    }

    /// What happened to DTLS sessions since the last call, for the owner to print.
    #[must_use]
    pub fn take_endpoint_events(&mut self) -> Vec<endpoint::Event> {
        let socket = self.socket_mut();
        socket.map_or_else(Vec::new, |it| std::mem::take(&mut it.happened.events))
    }

    /// Sends what is queued, without waiting for the next [`service`](Self::service).
    pub fn flush(&mut self) {
        self.unflushed = 0;
        self.guarded(Enet::flush);
    }

    /// To be called after each packet that is not to wait for the next [`service`](Self::service). It flushes, unless there
    /// were many packets since that was last called: ENet looks at every peer when it flushes, and sends the packets of one
    /// peer together. Returns whether the owner has to flush, soon and once. What waits is sent before a peer is ended, too.
    #[must_use]
    pub fn flush_soon(&mut self) -> bool {
        self.packets = self.packets.saturating_add(1);
        self.unflushed += 1;
        if self.packets > FIRST_PACKETS && self.unflushed < PACKETS_TOGETHER {
            return true;
        }
        self.flush();
        false
    }

    /// Sends what [`flush_soon`](Self::flush_soon) has left.
    pub fn flush_what_waits(&mut self) {
        if self.unflushed > 0 {
            self.flush();
        }
    }

    /// The bytes of the largest packet that is sent in one datagram; larger ones are sent in fragments.
    #[must_use]
    pub fn largest_whole_packet(&mut self) -> usize {
        let mtu = self.guarded(|enet| enet.mtu()).unwrap_or_default();
        usize::from(mtu).saturating_sub(FRAGMENT_OVERHEAD)
    }

    /// Sets how many bytes a second it receives and sends; 0 for no limit.
    pub fn set_bandwidth_limit(&mut self, incoming: u32, outgoing: u32) {
        self.guarded(|enet| {
            // It refuses `Some(0)` alone.
            let _ = enet.set_bandwidth_limit(limit(incoming), limit(outgoing));
        });
    }

    /// Sets how many channels later peers may have; 0 for the most, 255.
    pub fn set_channel_limit(&mut self, channels: usize) {
        self.guarded(|enet| {
            let _ = enet.set_channel_limit(all_if_zero(channels).min(MAX_CHANNELS));
        });
    }

    /// How many channels a new peer may have.
    #[must_use]
    pub fn channel_limit(&self) -> usize {
        self.enet.as_ref().map_or(0, Enet::channel_limit)
    }

    /// Whether new connections are refused. As with the engine's host, it holds for a DTLS server alone: addresses without
    /// a session are not answered. Without DTLS, the owner ends new peers itself.
    pub fn refuse_new_connections(&mut self, refuses: bool) {
        self.refuses_new = refuses;
        if let Some(Link::Server(server)) = self.socket().map(|it| &it.link) {
            server.refuse_new(refuses);
        }
    }

    /// A total since this was last called for it.
    pub fn pop_statistic(&mut self, statistic: Statistic) -> u64 {
        self.flush_what_waits();
        self.socket_mut().map_or(0, |socket| socket.pop(statistic))
    }

    /// Sets what compresses datagrams, or that nothing does. Both ends of a connection need the same.
    pub fn set_compressor(&mut self, compressor: Option<Box<dyn Compressor>>) {
        self.flush_what_waits();
        if let Some(socket) = self.socket_mut() {
            socket.compressor = compressor;
        }
    }

    /// Has ENet's own range coder compress datagrams.
    pub fn use_range_coder(&mut self) {
        self.set_compressor(Some(Box::new(RangeCoding::default())));
    }

    /// Sends a datagram that is not ENet's. A host with DTLS sends none, and returns false.
    pub fn socket_send(&mut self, address: SocketAddr, datagram: &[u8]) -> bool {
        let socket = self.socket_mut();
        socket.is_some_and(|it| it.link.send_raw(canonical(address), datagram))
    }

    fn advance_clock(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.started) + CLOCK_START;
        let before = Duration::from_millis(self.clock.load(Ordering::Relaxed));
        let excess = elapsed.saturating_sub(before + LONGEST_GAP);
        self.started += excess;
        let millis = (elapsed - excess).as_millis() as u64;
        self.clock.fetch_max(millis, Ordering::Relaxed);
    }

    fn socket(&self) -> Option<&Socket> {
        self.enet.as_ref().map(Enet::socket)
    }

    fn socket_mut(&mut self) -> Option<&mut Socket> {
        self.enet.as_mut().map(Enet::socket_mut)
    }

    /// Calls ENet, and catches its panics: what it was changing cannot be used after one, so it is leaked. Its sockets are
    /// closed.
    fn guarded<R>(&mut self, call: impl FnOnce(&mut Enet) -> R) -> Option<R> {
        let enet = self.enet.as_mut()?;
        let result = endpoint::panics::catch("an ENet host", || call(enet));
        if result.is_none()
            && let Some(mut enet) = self.enet.take()
        {
            enet.socket_mut().link = Link::Plain(Arc::new(DatagramSocket::new()));
            std::mem::forget(enet);
            for slot in &mut self.slots {
                slot.is_visible = false;
                slot.generation = slot.generation.wrapping_add(1);
            }
        }
        result
    }

    /// Makes the peer at `slot` the owner's, and returns its id.
    fn show(&mut self, slot: u16) -> PeerId {
        let place = &mut self.slots[usize::from(slot)];
        place.is_visible = true;
        PeerId {
            slot,
            generation: place.generation,
        }
    }

    /// The id of the peer at `slot`.
    fn id(&self, slot: u16) -> PeerId {
        let generation = self.slots[usize::from(slot)].generation;
        PeerId { slot, generation }
    }

    fn note(&mut self, event: Taken) -> Event {
        match event {
            Taken::Connect { slot, data } => Event::Connect {
                peer: self.show(slot),
                data,
            },
            Taken::Disconnect { slot, data } => {
                let peer = self.id(slot);
                self.end(slot, true);
                Event::Disconnect { peer, data }
            }
            Taken::Receive {
                slot,
                channel,
                packet,
                kind,
            } => {
                if kind == Kind::Reliable
                    && let Some(socket) = self.socket_mut()
                {
                    socket.screen.delivered(slot, channel, packet.len());
                }
                Event::Receive {
                    peer: self.id(slot),
                    channel,
                    packet,
                    kind,
                }
            }
        }
    }

    /// The peer at `slot` is gone. Its session is closed unless another peer uses it, if `closes` says so.
    fn end(&mut self, slot: u16, closes: bool) {
        let place = &mut self.slots[usize::from(slot)];
        place.generation = place.generation.wrapping_add(1);
        place.is_visible = false;
        place.queued = Queued::default();
        if let Some(socket) = self.socket_mut()
            && let Some(address) = socket.screen.remove(slot)
            && closes
            && !socket.screen.has_address(address)
        {
            socket.link.close(address, socket.now);
        }
    }

    /// Notes the peers whose session is gone.
    fn note_ended(&mut self, now: Instant) {
        let Some(socket) = self.enet.as_mut().map(Enet::socket_mut) else {
            return;
        };
        for address in std::mem::take(&mut socket.happened.ended) {
            for slot in socket.screen.slots_of(address) {
                let generation = self.slots[usize::from(slot)].generation;
                self.ending
                    .push((PeerId { slot, generation }, address, now));
            }
        }
    }

    /// Ends the peers whose session is gone, once their packets were taken.
    fn end_peers(&mut self, now: Instant, has_taken_all: bool) {
        let is_due = |since: Instant| {
            has_taken_all || now.saturating_duration_since(since) >= KEPT_FOR_PACKETS
        };
        let due: Vec<_> = self.ending.extract_if(.., |it| is_due(it.2)).collect();
        for (peer, address, _) in due {
            let is_same = self.id(peer.slot) == peer
                && self.socket().and_then(|it| it.screen.address(peer.slot)) == Some(address);
            if is_same {
                self.give_up(peer.slot, false);
            }
        }
    }

    /// Ends the peer at `slot`, which the owner learns by an event; its session as [`end`](Self::end) does.
    fn give_up(&mut self, slot: u16, closes: bool) {
        self.guarded(|enet| enet.peer_mut(PeerID(slot.into())).reset());
        if self.slots[usize::from(slot)].is_visible {
            let peer = self.id(slot);
            self.pending.push_back(Event::Disconnect { peer, data: 0 });
        }
        self.end(slot, closes);
    }

    /// Forgets the peers that ENet ended without an event, since they never were connected, gives those up that do not
    /// acknowledge what ENet itself sends, and closes sessions that no peer uses.
    fn sweep(&mut self, now: Instant) {
        let Some(enet) = &self.enet else {
            return;
        };
        let taken = enet.socket().screen.taken();
        let is_gone =
            |slot: &u16| enet.peer(PeerID((*slot).into())).state() == PeerState::Disconnected;
        let withholds = |slot: &u16| enet.socket().screen.withholds(*slot);
        let (gone, others): (Vec<_>, Vec<_>) = taken.into_iter().partition(is_gone);
        let withholding: Vec<_> = others.into_iter().filter(withholds).collect();
        for slot in gone {
            self.end(slot, true);
        }
        for slot in withholding {
            log::debug!(target: "enet", "a peer is given up, since it does not acknowledge what ENet sends");
            self.give_up(slot, true);
        }
        if let Some(Socket { link, screen, .. }) = self.socket_mut()
            && let Link::Server(server) = link
        {
            let slots = screen.taken().into_iter();
            let used: HashSet<_> = slots.filter_map(|slot| screen.address(slot)).collect();
            server.close_unused(&used, now);
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.flush_what_waits();
    }
}

/// An event of ENet's.
enum Taken {
    Connect {
        slot: u16,
        data: u32,
    },
    Disconnect {
        slot: u16,
        data: u32,
    },
    Receive {
        slot: u16,
        channel: u8,
        packet: Box<[u8]>,
        kind: Kind,
    },
}

impl From<EventNoRef> for Taken {
    fn from(event: EventNoRef) -> Self {
        match event {
            EventNoRef::Connect { peer, data } => Self::Connect {
                slot: peer.0 as u16,
                data,
            },
            EventNoRef::Disconnect { peer, data } => Self::Disconnect {
                slot: peer.0 as u16,
                data,
            },
            EventNoRef::Receive {
                peer,
                channel_id,
                packet,
            } => {
                // `Packet::kind` says reliable of every packet.
                let flags = debug_field::number(&packet, "flags").unwrap_or_default();
                Self::Receive {
                    slot: peer.0 as u16,
                    channel: channel_id,
                    packet: packet.data().into(),
                    kind: Kind::from_flags(flags as u32),
                }
            }
        }
    }
}

/// The bytes of datagrams that wait to be read: ENet's own `ENET_HOST_RECEIVE_BUFFER_SIZE`. A DTLS server has as many for
/// each client.
pub(super) const QUEUE_BYTES: usize = 256 << 10;

fn open_plain(bind: BindAddress, port: u16) -> Result<Arc<DatagramSocket>, udp::Error> {
    let socket = DatagramSocket::new();
    socket.set_blocking(false);
    socket.set_broadcast(true)?;
    socket.bind(port, bind, QUEUE_BYTES)?;
    socket.grow_kernel_buffers(QUEUE_BYTES)?;
    Ok(Arc::new(socket))
}

fn limit(bandwidth: u32) -> Option<u32> {
    (bandwidth > 0).then_some(bandwidth)
}

fn all_if_zero(channels: usize) -> usize {
    if channels == 0 {
        MAX_CHANNELS
    } else {
        channels
    }
}

/// A number that others cannot guess, for the ids of connections.
fn random() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) as u32
}
