//! Transports that run code of the owner's, which may call the connection, or drop it: the engine's UDP peers print, and a
//! script's logger runs then.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use endpoint::{
    Break, ForeignSocket, ForeignSockets, Place, Received, SharedConnection, Status, Transport,
};
use simulated::ClientTransport;

use crate::simulation::{HOST, Simulation, client_address, client_context, packets};

type Call = Box<dyn FnMut() + Send>;

type Owner = Arc<Mutex<Option<Call>>>;

/// A socket that calls its owner whenever it is used.
struct Socket {
    inner: Arc<ClientTransport>,
    owner: Owner,
}

impl Socket {
    /// Not within itself, as the engine's loggers.
    fn call_owner(&self) {
        let call = self.owner.lock().unwrap().take();
        if let Some(mut call) = call {
            call();
            self.owner.lock().unwrap().get_or_insert(call);
        }
    }
}

impl ForeignSocket for Socket {
    fn receive(&mut self, into: &mut Vec<u8>) -> Received {
        self.call_owner();
        self.inner.receive(into)
    }

    fn send(&mut self, datagram: &[u8]) {
        self.call_owner();
        let _ = self.inner.send(datagram);
    }

    fn place(&self) -> Place {
        Place {
            is_connected: true,
            remote: self.inner.remote(),
            local_port: self.inner.local_port(),
        }
    }
}

fn set_call(owner: &Owner, call: impl FnMut() + Send + 'static) {
    *owner.lock().unwrap() = Some(Box::new(call));
}

fn deferred_client(simulation: &Simulation) -> (Owner, Arc<SharedConnection>) {
    let owner = Owner::default();
    let transport = ForeignSockets::default().transport(1, || Socket {
        inner: simulation.network.client(client_address(1)),
        owner: Arc::clone(&owner),
    });
    let connection = Arc::new(SharedConnection::default());
    let begun = connection.connect(Arc::new(transport), &client_context(), HOST, simulation.now);
    begun.unwrap();
    (owner, connection)
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
    let (owner, connection) = deferred_client(&simulation);
    let now = simulation.now;
    let inner = Arc::downgrade(&connection);
    let may_send = Arc::new(AtomicBool::new(false));
    let sends = Arc::clone(&may_send);
    set_call(&owner, move || {
        // None while the connection is dropped, which flushes the transport too.
        let Some(connection) = inner.upgrade() else {
            return;
        };
        connection.poll(now);
        let _ = connection.cipher();
        // Once: each packet that the call sends is a reason for the next call.
        if sends.swap(false, Ordering::Relaxed) {
            let _ = connection.send(b"from within");
        }
    });
    connect(&mut simulation, &connection);
    assert_eq!(connection.status(), Status::Connected);
    may_send.store(true, Ordering::Relaxed);
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
    let (owner, connection) = deferred_client(&simulation);
    connect(&mut simulation, &connection);
    let (_, served) = simulation.served.last().cloned().unwrap();
    let held = Arc::new(Mutex::new(Some(Arc::clone(&connection))));
    let taken = Arc::clone(&held);
    set_call(&owner, move || drop(taken.lock().unwrap().take()));
    // As a method of the owner's does, this call keeps a reference of its own.
    connection.send(b"packet").unwrap();
    assert!(held.lock().unwrap().is_none());
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
struct DeferredServer(Arc<simulated::ServerTransport>);

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
