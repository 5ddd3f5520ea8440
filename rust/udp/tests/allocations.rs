//! The cost of a datagram and of an idle socket, counted instead of timed: nothing is allocated for a datagram, and an
//! idle socket holds little memory.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::UdpSocket;

use support::{accept, accepted, listener, plain_socket, poll_until_queued, take};
use udp::{DEFAULT_INBOX_BYTES, DatagramSocket, Listener};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: all calls are forwarded to the system's allocator. The counters are thread-locals without a destructor, so
// their use neither allocates nor fails.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        HELD.set(HELD.get() + layout.size() as isize);
        // SAFETY: the caller upholds the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as isize);
        // SAFETY: the caller upholds the same contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_in(body: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    body();
    ALLOCATIONS.get() - before
}

/// Echoes three datagrams at a time, and takes the ready tokens.
fn allocations_of_echoes(
    listener: &Listener,
    client: &UdpSocket,
    socket: &DatagramSocket,
) -> usize {
    socket.set_token(Some(1)).unwrap();
    let mut datagram = Vec::new();
    let mut ready = Vec::new();
    let mut buffer = [0; 2048];
    let mut echo = || {
        for _ in 0..3 {
            client.send(&[5; 1200]).unwrap();
        }
        poll_until_queued(listener, socket, 3);
        listener.take_ready(&mut ready);
        assert_eq!(ready, [1]);
        ready.clear();
        while socket.receive(&mut datagram).is_ok() {
            socket.send(&datagram).unwrap();
            assert_eq!(client.recv(&mut buffer).unwrap(), 1200);
        }
    };
    echo();
    allocations_in(|| (0..200).for_each(|_| echo()))
}

#[test]
fn a_datagram_through_a_listener_and_back_allocates_nothing() {
    let (listener, client, socket) = accepted();
    assert_eq!(allocations_of_echoes(&listener, &client, &socket), 0);
}

#[test]
fn a_datagram_through_one_of_many_sockets_of_a_port_allocates_nothing() {
    let listener = Listener::new();
    listener.set_kernel_buffer(4096, 8 << 20);
    listener.listen(0, support::ON_V4).unwrap();
    // Up to 64 clients there is one socket.
    let mut crowd: Vec<_> = (0..70)
        .map(|_| {
            let client = plain_socket();
            client
                .connect((support::V4, listener.local_port()))
                .unwrap();
            client.send(b"hello").unwrap();
            let socket = accept(&listener);
            take(&socket);
            (client, socket)
        })
        .collect();
    let (client, socket) = crowd.swap_remove(0);
    assert_eq!(allocations_of_echoes(&listener, &client, &socket), 0);
}

#[test]
fn a_datagram_through_a_socket_of_its_own_allocates_nothing() {
    let socket = DatagramSocket::new();
    let other = plain_socket();
    socket
        .connect(support::V4, other.local_addr().unwrap().port())
        .unwrap();
    let mut datagram = Vec::new();
    let mut buffer = [0; 2048];
    let mut echo = || {
        socket.send(&[6; 1200]).unwrap();
        let (length, from) = other.recv_from(&mut buffer).unwrap();
        other.send_to(&buffer[..length], from).unwrap();
        support::wait_until_available(&socket, 1);
        assert_eq!(
            socket.receive(&mut datagram).unwrap().port(),
            other.local_addr().unwrap().port()
        );
    };
    echo();
    let count = allocations_in(|| (0..200).for_each(|_| echo()));
    assert_eq!(count, 0);
}

#[test]
fn an_idle_socket_holds_little_memory_even_after_a_burst() {
    const PEERS: usize = 500;
    let (listener, address) = listener();
    listener.set_max_pending(PEERS);
    let clients: Vec<_> = (0..PEERS).map(|_| plain_socket()).collect();
    let before = HELD.get();
    let mut sockets = Vec::new();
    for client in &clients {
        client.send_to(b"hello", address).unwrap();
        let socket = accept(&listener);
        take(&socket);
        sockets.push(socket);
    }
    let each = (HELD.get() - before) / PEERS as isize;
    assert!(each < 1024, "{each} bytes for an idle accepted socket");
    for client in &clients {
        client.send_to(&[1; 60_000], address).unwrap();
        listener.poll().unwrap();
    }
    for socket in &sockets {
        poll_until_queued(&listener, socket, 1);
        socket.receive(&mut Vec::new()).unwrap();
    }
    let each = (HELD.get() - before) / PEERS as isize;
    assert!(each < 1024, "{each} bytes after a burst");
    drop(sockets);
    let left = HELD.get() - before;
    assert!(left < 100_000, "{left} bytes left when all are gone");
}

#[test]
fn a_bound_socket_allocates_no_buffer_before_it_needs_one() {
    let before = HELD.get();
    let socket = DatagramSocket::new();
    socket
        .bind(0, support::ON_V4, DEFAULT_INBOX_BYTES * 16)
        .unwrap();
    assert!(HELD.get() - before < 1024);
}
