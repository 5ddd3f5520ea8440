//! Transports that run code of the owner's, which may call the connection, or drop it: the engine's UDP peers print, and a
//! script's logger runs then.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use endpoint::{Break, Received, SharedConnection, Status, Transport};

use crate::network::ClientTransport;
use crate::simulation::{HOST, Simulation, client_address, client_context, packets};

type Call = Box<dyn FnMut() + Send>;

/// A transport that moves datagrams in `fetch` and `flush` alone, and makes a call in both.
struct Deferred {
    inner: Arc<ClientTransport>,
    arrived: Mutex<Vec<Vec<u8>>>,
    outgoing: Mutex<Vec<Vec<u8>>>,
    call: Mutex<Option<Call>>,
}

impl Deferred {
    fn new(inner: Arc<ClientTransport>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            arrived: Mutex::default(),
            outgoing: Mutex::default(),
            call: Mutex::default(),
        })
    }

    fn set_call(&self, call: impl FnMut() + Send + 'static) {
        *self.call.lock().unwrap() = Some(Box::new(call));
    }

    /// Not within itself, as the engine's loggers.
    fn call_owner(&self) {
        let call = self.call.lock().unwrap().take();
        if let Some(mut call) = call {
            call();
            self.call.lock().unwrap().get_or_insert(call);
        }
    }
}

impl Transport for Deferred {
    fn receive(&self, into: &mut Vec<u8>) -> Received {
        let mut arrived = self.arrived.lock().unwrap();
        if arrived.is_empty() {
            return Received::Nothing;
        }
        *into = arrived.remove(0);
        Received::Datagram
    }

    fn send(&self, datagram: &[u8]) -> Result<(), Break> {
        self.outgoing.lock().unwrap().push(datagram.to_vec());
        Ok(())
    }

    fn remote(&self) -> Option<SocketAddr> {
        self.inner.remote()
    }

    fn local_port(&self) -> u16 {
        self.inner.local_port()
    }

    fn is_connected(&self) -> bool {
        true
    }

    fn replace(&self, _: &[u8]) -> bool {
        true
    }

    fn is_deferred(&self) -> bool {
        true
    }

    fn fetch(&self) {
        self.call_owner();
        let mut datagram = Vec::new();
        while self.inner.receive(&mut datagram) == Received::Datagram {
            self.arrived.lock().unwrap().push(datagram.clone());
        }
    }

    fn flush(&self) {
        let outgoing = std::mem::take(&mut *self.outgoing.lock().unwrap());
        for datagram in outgoing {
            self.call_owner();
            let _ = self.inner.send(&datagram);
        }
    }
}

fn deferred_client(simulation: &Simulation) -> (Arc<Deferred>, Arc<SharedConnection>) {
    let transport = Deferred::new(simulation.network.client(client_address(1)));
    let connection = Arc::new(SharedConnection::default());
    let begun = connection.connect(
        Arc::clone(&transport) as _,
        &client_context(),
        HOST,
        simulation.now,
    );
    begun.unwrap();
    (transport, connection)
}

fn connect(simulation: &mut Simulation, connection: &Arc<SharedConnection>) {
    for _ in 0..10 {
        simulation.pass(Duration::from_millis(20), &mut []);
        connection.poll(simulation.now);
    }
}

#[test]
fn the_owner_can_call_the_connection_while_its_transport_works() {
    let mut simulation = Simulation::new();
    let (transport, connection) = deferred_client(&simulation);
    let now = simulation.now;
    let inner = Arc::downgrade(&connection);
    transport.set_call(move || {
        // None while the connection is dropped, which flushes the transport too.
        let Some(connection) = inner.upgrade() else {
            return;
        };
        connection.poll(now);
        let _ = connection.cipher();
        let _ = connection.send(b"from within");
    });
    connect(&mut simulation, &connection);
    assert_eq!(connection.status(), Status::Connected);
    connection.send(b"packet").unwrap();
    simulation.poll_server();
    let (_, served) = simulation.served.last().unwrap();
    let received = packets(served, simulation.now);
    assert!(received.contains(&b"packet".to_vec()));
    assert!(received.contains(&b"from within".to_vec()));
}

#[test]
fn the_owner_can_drop_the_connection_while_its_transport_works() {
    let mut simulation = Simulation::new();
    let (transport, connection) = deferred_client(&simulation);
    connect(&mut simulation, &connection);
    let (_, served) = simulation.served.last().cloned().unwrap();
    let owner = Arc::new(Mutex::new(Some(Arc::clone(&connection))));
    let taken = Arc::clone(&owner);
    transport.set_call(move || drop(taken.lock().unwrap().take()));
    // As a method of the owner's does, this call keeps a reference of its own.
    connection.send(b"packet").unwrap();
    assert!(owner.lock().unwrap().is_none());
    drop(connection);
    simulation.poll_server();
    assert_eq!(packets(&served, simulation.now), [b"packet"]);
    served.poll(Instant::now());
    assert_eq!(
        served.status(),
        Status::Disconnected,
        "its close_notify was sent"
    );
}

#[test]
fn a_deferred_transport_of_a_server_connects_too() {
    let simulation = Simulation::new();
    // A client over the plain network, whose server's end is deferred.
    let mut client = simulation.client(client_address(1));
    let mut served = Arc::new(SharedConnection::default());
    for _ in 0..10 {
        if let Some(transport) = simulation.network.accept() {
            served = Arc::default();
            let transport = Arc::new(DeferredServer(transport));
            let events = simulation
                .server
                .accept(&served, 1, transport, None, simulation.now);
            assert_eq!(events, []);
        }
        let polled = simulation
            .server
            .registry()
            .poll(simulation.now, |token| token);
        drop(polled);
        client.events.extend(client.connection.poll(simulation.now));
    }
    assert_eq!(client.connection.status(), Status::Connected);
    assert_eq!(served.status(), Status::Connected);
}

/// The server's end, which sends in `flush` alone.
struct DeferredServer(Arc<crate::network::ServerTransport>);

impl Transport for DeferredServer {
    fn receive(&self, into: &mut Vec<u8>) -> Received {
        self.0.receive(into)
    }

    fn send(&self, datagram: &[u8]) -> Result<(), Break> {
        self.0.send(datagram)
    }

    fn remote(&self) -> Option<SocketAddr> {
        self.0.remote()
    }

    fn local_port(&self) -> u16 {
        self.0.local_port()
    }

    fn is_connected(&self) -> bool {
        self.0.is_connected()
    }

    fn replace(&self, first: &[u8]) -> bool {
        self.0.replace(first)
    }

    fn is_deferred(&self) -> bool {
        true
    }
}
