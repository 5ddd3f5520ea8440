//! A server and a client that are connected.

use std::time::Duration;

use enet::{PeerId, State};

use crate::hosts::{Clock, Node};

pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Pair {
    pub(crate) clock: Clock,
    pub(crate) connected_after: Duration,
    pub(crate) server: Node,
    pub(crate) client: Node,
    /// The client, as the server's peer.
    pub(crate) at_server: PeerId,
    /// The server, as the client's peer.
    pub(crate) at_client: PeerId,
}

impl Pair {
    pub(crate) fn plain() -> Self {
        Self::connect(Node::new(4), Node::new(1))
    }

    pub(crate) fn dtls() -> Self {
        Self::connect(Node::server(4), Node::client())
    }

    pub(crate) fn connect(mut server: Node, mut client: Node) -> Self {
        let mut clock = Clock::new();
        let start = clock.0;
        let at_client = client.host.connect(server.address(), 8, 77).unwrap();
        assert_eq!(client.host.state(at_client), State::Connecting);
        let is_connected = clock.run(SOON, [&mut server, &mut client], |nodes| {
            nodes.iter().all(|node| node.connected().is_some())
        });
        assert!(is_connected, "{:?} {:?}", server.lines, client.lines);
        let at_server = server.connected().unwrap();
        Self {
            connected_after: clock.0 - start,
            clock,
            server,
            client,
            at_server,
            at_client,
        }
    }

    pub(crate) fn both() -> [fn() -> Self; 2] {
        [Self::plain, Self::dtls]
    }

    pub(crate) fn run(&mut self, done: impl FnMut(&mut [&mut Node; 2]) -> bool) -> bool {
        let nodes = [&mut self.server, &mut self.client];
        self.clock.run(SOON, nodes, done)
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.clock.pass(time, [&mut self.server, &mut self.client]);
    }
}
