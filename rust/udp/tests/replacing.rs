//! A client that was restarted sends from its old address: it gets a new socket, and the old one stays until it is
//! closed.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use support::{OnPanic, accept, accepted, eventually, poll_until_queued, take};
use udp::{DatagramSocket, Error};

#[test]
fn the_new_socket_gets_the_first_datagram_what_is_queued_and_all_that_follows() {
    let (listener, client, old) = accepted();
    for datagram in ["hello again", "second", "third"] {
        client.send(datagram.as_bytes()).unwrap();
    }
    poll_until_queued(&listener, &old, 3);
    let first = take(&old);
    assert!(!listener.has_pending());
    assert_eq!(old.replace(&first), Ok(()));
    assert_eq!(old.has_datagrams(), Ok(false));
    client.send(b"fourth").unwrap();
    let new = accept(&listener);
    assert_eq!(new.remote(), old.remote());
    poll_until_queued(&listener, &new, 4);
    for datagram in ["hello again", "second", "third", "fourth"] {
        assert_eq!(take(&new), datagram.as_bytes());
    }
    assert_eq!(old.available(), Ok(0));
    assert!(!listener.has_pending());
}

#[test]
fn the_old_socket_stays_open_and_sends_and_closing_it_does_not_affect_the_new_one() {
    let (listener, client, old) = accepted();
    old.replace(b"hello").unwrap();
    let new = accept(&listener);
    assert!(old.is_bound() && old.is_connected() && old.is_accepted());
    assert_eq!(old.local_port(), listener.local_port());
    let mut buffer = [0; 16];
    old.send(b"old").unwrap();
    assert_eq!(client.recv(&mut buffer).unwrap(), 3);
    new.send(b"newer").unwrap();
    assert_eq!(client.recv(&mut buffer).unwrap(), 5);
    old.close();
    drop(old);
    client.send(b"still here").unwrap();
    poll_until_queued(&listener, &new, 2);
    assert_eq!(take(&new), b"hello");
    assert_eq!(take(&new), b"still here");
    assert!(!listener.has_pending());
}

#[test]
fn a_socket_is_replaced_once_and_the_new_one_may_be_replaced_too() {
    let (listener, _client, first) = accepted();
    first.replace(b"2").unwrap();
    assert_eq!(first.replace(b"again"), Err(Error::Unconfigured));
    let second = accept(&listener);
    assert_eq!(take(&second), b"2");
    second.replace(b"3").unwrap();
    let third = accept(&listener);
    assert_eq!(take(&third), b"3");
    assert_eq!(third.has_datagrams(), Ok(false));
}

#[test]
fn nothing_changes_if_no_further_socket_may_be_pending() {
    let (listener, client, old) = accepted();
    listener.set_max_pending(0);
    client.send(b"queued").unwrap();
    poll_until_queued(&listener, &old, 1);
    assert_eq!(old.replace(b"hello"), Err(Error::Busy));
    assert_eq!(listener.refused(), 1);
    assert_eq!(take(&old), b"queued");
    client.send(b"on it goes").unwrap();
    poll_until_queued(&listener, &old, 1);
    listener.set_max_pending(1);
    assert_eq!(old.replace(b"hello"), Ok(()));
    // Lowering the limit drops the new socket; the next datagram makes another.
    listener.set_max_pending(0);
    listener.set_max_pending(1);
    assert!(listener.accept().is_none());
    client.send(b"and again").unwrap();
    assert_eq!(take(&accept(&listener)), b"and again");
}

#[test]
fn stopping_the_listener_closes_replaced_sockets_too() {
    let (listener, _client, old) = accepted();
    let mut sockets = vec![old];
    for _ in 0..50 {
        sockets[sockets.len() - 1].replace(b"hello").unwrap();
        sockets.push(accept(&listener));
    }
    sockets.remove(7).close();
    listener.stop();
    for socket in &sockets {
        assert!(!socket.is_bound());
        assert_eq!(socket.has_datagrams(), Err(Error::Failed));
        assert_eq!(socket.replace(b"hello"), Err(Error::Unconfigured));
    }
    assert_eq!(
        DatagramSocket::new().replace(b"hello"),
        Err(Error::Unconfigured)
    );
}

#[test]
fn replaced_by_one_thread_while_others_poll_read_and_close() {
    /// So few in flight that the smallest buffer of a system holds them: the kernel drops none.
    const IN_FLIGHT: u32 = 50;
    let (listener, client, socket) = accepted();
    let stop = AtomicBool::new(false);
    let replacements = AtomicU32::new(0);
    let last = AtomicU32::new(0);
    let _current = std::thread::scope(|scope| {
        let _end_the_threads = OnPanic(|| stop.store(true, Ordering::Relaxed));
        scope.spawn(|| {
            let mut number = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                if number < last.load(Ordering::Relaxed) + IN_FLIGHT {
                    number += 1;
                    client.send(&number.to_be_bytes()).unwrap();
                }
                std::thread::sleep(Duration::from_micros(50));
            }
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                listener.poll().unwrap();
                std::thread::yield_now();
            }
        });
        let (closing, closed) = std::sync::mpsc::channel::<Arc<DatagramSocket>>();
        scope.spawn(move || closed.into_iter().for_each(|socket| socket.close()));
        let mut current = socket;
        eventually("many replacements", || {
            let mut datagram = Vec::new();
            if current.receive(&mut datagram).is_ok() {
                let number = u32::from_be_bytes(datagram[..].try_into().unwrap());
                // Nothing is lost, doubled or out of order from one socket to the next.
                assert_eq!(number, last.swap(number, Ordering::Relaxed) + 1);
                if number.is_multiple_of(3) {
                    last.fetch_sub(1, Ordering::Relaxed);
                    current.replace(&datagram).unwrap();
                    let next = listener.accept().unwrap();
                    // The new socket gets the same datagram first.
                    assert_eq!(take(&next), datagram);
                    last.fetch_add(1, Ordering::Relaxed);
                    closing.send(std::mem::replace(&mut current, next)).unwrap();
                    replacements.fetch_add(1, Ordering::Relaxed);
                }
            }
            replacements.load(Ordering::Relaxed) > 200
        });
        stop.store(true, Ordering::Relaxed);
        current
    });
    assert_eq!(listener.refused(), 0);
    assert!(
        !listener.has_pending(),
        "closing an old one leaves the new one accepted"
    );
}
