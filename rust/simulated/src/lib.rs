//! A network in memory for [`endpoint`]: one server port, and clients that send to it.
//!
//! Datagrams arrive at once and in order. A [`Filter`] loses some, or takes them out to deliver them otherwise:
//! altered, repeated, under another client's address.

#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use endpoint::{Break, Received, Transport};
use testkit::To;

/// The server's address.
pub const SERVER: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    4242,
);

/// Whether the network loses a datagram between the server and the client at this address.
pub type Filter = Box<dyn FnMut(To, SocketAddr, &[u8]) -> bool + Send>;

#[derive(Default)]
struct State {
    is_listening: bool,
    /// Of each client, the route that the server has to it.
    routes: HashMap<SocketAddr, Arc<Route>>,
    pending: VecDeque<Arc<Route>>,
    at_clients: HashMap<SocketAddr, VecDeque<Vec<u8>>>,
    /// How many refusals wait for each client.
    refusals: HashMap<SocketAddr, usize>,
    filter: Option<Filter>,
    sent: [usize; 2],
}

/// The network. Clones are the same one.
#[derive(Clone, Default)]
pub struct Network(Arc<Mutex<State>>);

struct Route {
    client: SocketAddr,
    arrived: Mutex<VecDeque<Vec<u8>>>,
}

impl Network {
    /// A network whose server listens.
    pub fn new() -> Self {
        let network = Self::default();
        network.set_listening(true);
        network
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What is sent to a port that is not listened on is refused.
    pub fn set_listening(&self, is_listening: bool) {
        self.state().is_listening = is_listening;
    }

    /// Loses what this returns true for. It is called for each datagram, in place of the filter before.
    pub fn set_filter(&self, filter: impl FnMut(To, SocketAddr, &[u8]) -> bool + Send + 'static) {
        self.state().filter = Some(Box::new(filter));
    }

    /// How many bytes were sent to one end, lost ones included.
    pub fn bytes_to(&self, to: To) -> usize {
        self.state().sent[to as usize]
    }

    /// Sends a datagram to the server in a client's name.
    pub fn send_to_server(&self, client: SocketAddr, datagram: &[u8]) {
        if !self.state().is_lost(To::Server, client, datagram) {
            self.deliver(To::Server, client, datagram);
        }
    }

    /// Delivers a datagram between the server and the client at this address, past the filter.
    pub fn deliver(&self, to: To, client: SocketAddr, datagram: &[u8]) {
        let mut state = self.state();
        if to == To::Client {
            let arrived = state.at_clients.entry(client).or_default();
            return arrived.push_back(datagram.to_vec());
        }
        if !state.is_listening {
            *state.refusals.entry(client).or_default() += 1;
            return;
        }
        let route = match state.routes.get(&client) {
            Some(route) => Arc::clone(route),
            None => {
                let route = Route::new(client);
                state.routes.insert(client, Arc::clone(&route));
                state.pending.push_back(Arc::clone(&route));
                route
            }
        };
        route.arrived.lock().unwrap().push_back(datagram.to_vec());
    }

    /// A client's datagrams that it has not received.
    pub fn take_at_client(&self, client: SocketAddr) -> Vec<Vec<u8>> {
        let taken = self.state().at_clients.remove(&client);
        taken.unwrap_or_default().into()
    }

    /// The oldest new client's transport at the server.
    pub fn accept(&self) -> Option<Arc<ServerTransport>> {
        let route = self.state().pending.pop_front()?;
        let network = self.clone();
        Some(Arc::new(ServerTransport { network, route }))
    }

    /// A transport that sends from this address to the server.
    pub fn client(&self, address: SocketAddr) -> Arc<ClientTransport> {
        let network = self.clone();
        Arc::new(ClientTransport { network, address })
    }
}

impl State {
    fn is_lost(&mut self, to: To, client: SocketAddr, datagram: &[u8]) -> bool {
        self.sent[to as usize] += datagram.len();
        let filter = self.filter.as_mut();
        filter.is_some_and(|filter| filter(to, client, datagram))
    }
}

impl Route {
    fn new(client: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            client,
            arrived: Mutex::default(),
        })
    }
}

/// A transport that sends from one address to the server.
pub struct ClientTransport {
    network: Network,
    address: SocketAddr,
}

impl Transport for ClientTransport {
    fn receive(&self, into: &mut Vec<u8>) -> Received {
        let mut state = self.network.state();
        if let Some(refusals) = state.refusals.get_mut(&self.address)
            && *refusals > 0
        {
            *refusals -= 1;
            return Received::Broken(Break::Refused);
        }
        let arrived = state.at_clients.get_mut(&self.address);
        take(arrived.and_then(VecDeque::pop_front), into)
    }

    fn send(&self, datagram: &[u8]) -> Result<(), Break> {
        self.network.send_to_server(self.address, datagram);
        Ok(())
    }

    fn remote(&self) -> Option<SocketAddr> {
        Some(SERVER)
    }

    fn local_port(&self) -> u16 {
        self.address.port()
    }

    fn is_connected(&self) -> bool {
        true
    }

    fn replace(&self, _: &[u8]) -> bool {
        false
    }
}

/// A server's transport to one client; dropping it makes the network forget the client.
pub struct ServerTransport {
    network: Network,
    route: Arc<Route>,
}

impl Transport for ServerTransport {
    fn receive(&self, into: &mut Vec<u8>) -> Received {
        if !self.is_connected() {
            return Received::Broken(Break::Closed);
        }
        take(self.route.arrived.lock().unwrap().pop_front(), into)
    }

    fn send(&self, datagram: &[u8]) -> Result<(), Break> {
        let client = self.route.client;
        let is_lost = self.network.state().is_lost(To::Client, client, datagram);
        if !is_lost {
            self.network.deliver(To::Client, client, datagram);
        }
        Ok(())
    }

    fn remote(&self) -> Option<SocketAddr> {
        Some(self.route.client)
    }

    fn local_port(&self) -> u16 {
        SERVER.port()
    }

    fn is_connected(&self) -> bool {
        self.network.state().is_listening
    }

    fn is_quiet(&self) -> bool {
        self.route.arrived.lock().unwrap().is_empty() && self.is_connected()
    }

    fn replace(&self, first: &[u8]) -> bool {
        let newer = Route::new(self.route.client);
        let mut arrived = newer.arrived.lock().unwrap();
        arrived.push_back(first.to_vec());
        arrived.append(&mut self.route.arrived.lock().unwrap());
        drop(arrived);
        let mut state = self.network.state();
        state.routes.insert(self.route.client, Arc::clone(&newer));
        state.pending.push_back(newer);
        true
    }
}

impl Drop for ServerTransport {
    fn drop(&mut self) {
        let mut state = self.network.state();
        let known = state.routes.get(&self.route.client);
        if known.is_some_and(|known| Arc::ptr_eq(known, &self.route)) {
            state.routes.remove(&self.route.client);
        }
    }
}

fn take(datagram: Option<Vec<u8>>, into: &mut Vec<u8>) -> Received {
    match datagram {
        Some(datagram) => {
            *into = datagram;
            Received::Datagram
        }
        None => Received::Nothing,
    }
}
