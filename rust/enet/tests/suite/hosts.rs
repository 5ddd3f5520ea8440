//! Hosts, their keys, and the time.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use dtls::{ClientContext, Identity, Roots, ServerContext, Verification};
use enet::{Event, Host, PeerId, Settings};
use testkit::certificates::{Authority, Leaf};
use udp::BindAddress;

pub(crate) const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How much time passes between two services.
const TICK: Duration = Duration::from_millis(5);
/// What a datagram may take on the loopback, in real time.
const DELIVERY: Duration = Duration::from_micros(100);

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("Test root").unwrap());

fn server_with(leaf: &Leaf) -> ServerContext {
    let identity = AUTHORITY.issue(leaf).unwrap();
    let (key, chain) = (identity.key_pem().unwrap(), identity.chain_pem().unwrap());
    ServerContext::new(&Identity::from_pem(&key, &chain, None).unwrap()).unwrap()
}

static SERVER: LazyLock<ServerContext> = LazyLock::new(|| server_with(&Leaf::localhost()));
static CLIENT: LazyLock<ClientContext> = LazyLock::new(|| {
    let roots = Roots::from_pem(&AUTHORITY.certificate_pem().unwrap()).unwrap();
    ClientContext::new(Verification::Full(roots)).unwrap()
});

pub(crate) fn server_context() -> ServerContext {
    SERVER.clone()
}

pub(crate) fn client_context() -> ClientContext {
    CLIENT.clone()
}

pub(crate) fn settings(peers: usize) -> Settings {
    Settings {
        bind: BindAddress::Ip(LOCALHOST),
        peer_limit: peers,
        ..Settings::default()
    }
}

/// A host with its events.
pub(crate) struct Node {
    pub(crate) host: Host,
    pub(crate) events: Vec<Event>,
    pub(crate) lines: Vec<String>,
}

impl Node {
    pub(crate) fn new(peers: usize) -> Self {
        Self {
            host: Host::new(&settings(peers)).unwrap(),
            events: Vec::new(),
            lines: Vec::new(),
        }
    }

    pub(crate) fn server(peers: usize) -> Self {
        Self::server_at(0, peers)
    }

    /// A server on a port; the system chooses one for 0.
    pub(crate) fn server_at(port: u16, peers: usize) -> Self {
        let mut node = Self::new(peers);
        node.host = Host::new(&Settings {
            port,
            ..settings(peers)
        })
        .unwrap();
        let set_up = node
            .host
            .set_up_dtls_server(server_context(), Instant::now());
        set_up.unwrap();
        node
    }

    pub(crate) fn client() -> Self {
        let mut node = Self::new(1);
        let set_up = node.host.set_up_dtls_client(client_context(), "localhost");
        set_up.unwrap();
        node
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(LOCALHOST, self.host.local_port())
    }

    pub(crate) fn service(&mut self, now: Instant) {
        while let Some(event) = self.host.service(now).unwrap() {
            self.events.push(event);
        }
        let events = self.host.take_endpoint_events();
        self.lines.extend(events.iter().map(ToString::to_string));
    }

    /// The packets that have arrived, and forgets them.
    pub(crate) fn take_packets(&mut self) -> Vec<(PeerId, u8, Vec<u8>)> {
        let is_packet = |event: &mut Event| matches!(event, Event::Receive { .. });
        let taken = self.events.extract_if(.., is_packet);
        let packets = taken.filter_map(|event| match event {
            Event::Receive {
                peer,
                channel,
                packet,
                ..
            } => Some((peer, channel, packet.into())),
            _ => None,
        });
        packets.collect()
    }

    pub(crate) fn connected(&self) -> Option<PeerId> {
        self.events.iter().find_map(|event| match event {
            Event::Connect { peer, .. } => Some(*peer),
            _ => None,
        })
    }

    pub(crate) fn disconnected(&self) -> Option<(PeerId, u32)> {
        self.events.iter().find_map(|event| match event {
            Event::Disconnect { peer, data } => Some((*peer, *data)),
            _ => None,
        })
    }
}

/// The time of a test.
pub(crate) struct Clock(pub(crate) Instant);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    /// Services the hosts until `done` says so, for so much time at the most; returns whether it did.
    pub(crate) fn run<const N: usize>(
        &mut self,
        limit: Duration,
        nodes: [&mut Node; N],
        mut done: impl FnMut(&mut [&mut Node; N]) -> bool,
    ) -> bool {
        let mut nodes = nodes;
        let end = self.0 + limit;
        loop {
            for node in &mut nodes {
                node.service(self.0);
            }
            if done(&mut nodes) {
                return true;
            }
            if self.0 >= end {
                return false;
            }
            self.0 += TICK;
            std::thread::sleep(DELIVERY);
        }
    }

    /// Services the hosts for so much time.
    pub(crate) fn pass<const N: usize>(&mut self, time: Duration, nodes: [&mut Node; N]) {
        self.run(time, nodes, |_| false);
    }
}
