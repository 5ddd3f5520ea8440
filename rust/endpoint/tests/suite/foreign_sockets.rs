//! Sockets that several transports and threads share, and that are called by one at a time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use endpoint::{
    Break, ForeignSocket, ForeignSockets, ForeignTransport, Place, Received, Transport,
};

/// What a socket was given and has.
#[derive(Default)]
struct Link {
    arrived: Mutex<VecDeque<Vec<u8>>>,
    sent: Mutex<Vec<Vec<u8>>>,
    is_in_use: AtomicBool,
    /// Calls that found another one under way.
    overlaps: AtomicUsize,
    /// Run in the next `send`.
    within: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    is_broken: AtomicBool,
    remote: Mutex<Option<std::net::SocketAddr>>,
}

struct Socket(Arc<Link>);

impl Socket {
    fn used<R>(&self, call: impl FnOnce() -> R) -> R {
        if self.0.is_in_use.swap(true, Ordering::SeqCst) {
            self.0.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        let result = call();
        self.0.is_in_use.store(false, Ordering::SeqCst);
        result
    }
}

impl ForeignSocket for Socket {
    fn receive(&mut self, into: &mut Vec<u8>) -> Received {
        self.used(|| match self.0.arrived.lock().unwrap().pop_front() {
            Some(datagram) => {
                *into = datagram;
                Received::Datagram
            }
            None if self.0.is_broken.load(Ordering::SeqCst) => Received::Broken(Break::Refused),
            None => Received::Nothing,
        })
    }

    fn send(&mut self, datagram: &[u8]) {
        self.used(|| {
            if let Some(within) = self.0.within.lock().unwrap().take() {
                within();
            }
            self.0.sent.lock().unwrap().push(datagram.to_vec());
        });
    }

    fn place(&self) -> Place {
        Place {
            is_connected: true,
            remote: *self.0.remote.lock().unwrap(),
            local_port: 4242,
        }
    }
}

fn transport(
    sockets: &ForeignSockets<u8, Socket>,
    link: &Arc<Link>,
) -> Arc<ForeignTransport<Socket>> {
    Arc::new(sockets.transport(1, || Socket(Arc::clone(link))))
}

fn send(transport: &ForeignTransport<Socket>, datagram: &[u8]) {
    transport.send(datagram).unwrap();
    transport.flush();
}

#[test]
fn what_a_call_within_a_call_leaves_is_sent_by_the_outer_one() {
    let (sockets, link) = (ForeignSockets::default(), Arc::new(Link::default()));
    let outer = transport(&sockets, &link);
    let inner = transport(&sockets, &link);
    link.arrived.lock().unwrap().push_back(b"arrived".to_vec());
    let within = Arc::clone(&inner);
    *link.within.lock().unwrap() = Some(Box::new(move || {
        send(&within, b"inner");
        within.fetch();
        let received = within.receive(&mut Vec::new());
        assert_eq!(received, Received::Nothing, "it stays in the socket");
    }));
    send(&outer, b"outer");
    assert_eq!(*link.sent.lock().unwrap(), [b"outer", b"inner"]);
    assert_eq!(link.overlaps.load(Ordering::SeqCst), 0);
    inner.fetch();
    assert_eq!(inner.receive(&mut Vec::new()), Received::Datagram);
}

#[test]
fn threads_call_a_socket_one_at_a_time_and_lose_nothing() {
    const THREADS: usize = 4;
    const DATAGRAMS: usize = 500;
    let (sockets, link) = (ForeignSockets::default(), Arc::new(Link::default()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let transport = transport(&sockets, &link);
            scope.spawn(move || {
                for _ in 0..DATAGRAMS {
                    send(&transport, b"datagram");
                    transport.fetch();
                }
            });
        }
    });
    assert_eq!(link.sent.lock().unwrap().len(), THREADS * DATAGRAMS);
    assert_eq!(link.overlaps.load(Ordering::SeqCst), 0);
}

#[test]
fn a_break_comes_once_and_after_the_datagrams_before_it() {
    let (sockets, link) = (ForeignSockets::default(), Arc::new(Link::default()));
    let transport = transport(&sockets, &link);
    link.arrived.lock().unwrap().push_back(b"last".to_vec());
    link.is_broken.store(true, Ordering::SeqCst);
    transport.fetch();
    let mut datagram = Vec::new();
    assert_eq!(transport.receive(&mut datagram), Received::Datagram);
    assert_eq!(datagram, b"last");
    let broken = Received::Broken(Break::Refused);
    assert_eq!(transport.receive(&mut datagram), broken);
    assert_eq!(transport.receive(&mut datagram), Received::Nothing);
}

#[test]
fn the_remote_is_known_once_a_datagram_has_come_from_it() {
    let (sockets, link) = (ForeignSockets::default(), Arc::new(Link::default()));
    let transport = transport(&sockets, &link);
    assert_eq!(transport.remote(), None);
    let remote = "192.0.2.1:4242".parse().unwrap();
    *link.remote.lock().unwrap() = Some(remote);
    link.arrived.lock().unwrap().push_back(b"first".to_vec());
    transport.fetch();
    assert_eq!(transport.remote(), Some(remote));
}

#[test]
fn a_socket_is_shared_while_it_is_in_use_and_then_forgotten() {
    let (sockets, first) = (ForeignSockets::default(), Arc::new(Link::default()));
    let one = transport(&sockets, &first);
    let second = Arc::new(Link::default());
    let other = transport(&sockets, &second);
    send(&other, b"through the first");
    assert_eq!(first.sent.lock().unwrap().len(), 1);
    drop((one, other));
    assert_eq!(Arc::strong_count(&first), 1, "the socket ended");
    send(&transport(&sockets, &second), b"through the second");
    assert_eq!(second.sent.lock().unwrap().len(), 1);
}
