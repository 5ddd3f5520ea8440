//! Everything may be called from several threads: nothing deadlocks, each sender's order is kept, and no socket
//! receives the datagrams of another.

mod support;

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::{ON_V4, OnPanic, V4, eventually, listener, plain_socket};
use udp::{DEFAULT_INBOX_BYTES, DatagramSocket, Error, Listener};

const TIME: Duration = Duration::from_millis(1500);

/// Sends rising numbers, and reads echoes. Uses a new address for each 500 datagrams, and keeps the old ones, so that
/// no other client gets them.
fn client(port: u16, name: u8, stop: &AtomicBool) {
    let mut sockets = vec![plain_socket()];
    let mut number = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        let socket = &sockets[sockets.len() - 1];
        number += 1;
        let mut datagram = vec![name; 5 + (number as usize * 7) % 900];
        datagram[1..5].copy_from_slice(&number.to_be_bytes());
        let _ = socket.send_to(&datagram, (V4, port));
        socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 2048];
        while let Ok(length) = socket.recv(&mut buffer) {
            assert!(buffer[..length].iter().all(|&byte| byte == name));
        }
        if number.is_multiple_of(500) {
            sockets.push(plain_socket());
        }
        std::thread::yield_now();
    }
}

/// Checks that a socket's datagrams are of one client and in order, and echoes them.
struct Follower {
    socket: Arc<DatagramSocket>,
    name: Option<u8>,
    last: u32,
}

impl Follower {
    fn read(&mut self, received: &AtomicU64) {
        let mut datagram = Vec::new();
        while self.socket.receive(&mut datagram).is_ok() {
            let name = *self.name.get_or_insert(datagram[0]);
            assert_eq!(datagram[0], name, "another client's datagram");
            assert!(datagram[5..].iter().all(|&byte| byte == name), "mixed up");
            let number = u32::from_be_bytes(datagram[1..5].try_into().unwrap());
            assert!(number > self.last, "out of order");
            self.last = number;
            let _ = self.socket.send(&[name; 20]);
            received.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn two_threads_poll_a_listener_while_others_read_close_and_drop_its_sockets() {
    let (listener, address) = listener();
    let stop = AtomicBool::new(false);
    let received = AtomicU64::new(0);
    let followers = Mutex::new(Vec::<Follower>::new());
    let closed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let _end_the_threads = OnPanic(|| stop.store(true, Ordering::Relaxed));
        for name in 0..4 {
            let stop = &stop;
            scope.spawn(move || client(address.port(), name, stop));
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    listener.poll().unwrap();
                    while let Some(socket) = listener.accept() {
                        let follower = Follower {
                            socket,
                            name: None,
                            last: 0,
                        };
                        followers.lock().unwrap().push(follower);
                    }
                    std::thread::yield_now();
                }
            });
        }
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for follower in followers.lock().unwrap().iter_mut() {
                    follower.read(&received);
                }
                std::thread::yield_now();
            }
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(3));
                let taken = followers.lock().unwrap().pop();
                if let Some(follower) = taken {
                    // One thread sends while another closes.
                    std::thread::scope(|inner| {
                        inner.spawn(|| follower.socket.send(b""));
                        inner.spawn(|| follower.socket.close());
                        let _ = follower.socket.available();
                    });
                    closed.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        std::thread::sleep(TIME);
        eventually("datagrams received and sockets closed", || {
            received.load(Ordering::Relaxed) > 100 && closed.load(Ordering::Relaxed) > 10
        });
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn stopping_and_listening_again_under_load_leaves_no_socket_of_the_old_port_open() {
    let listener = Listener::new();
    listener.listen(0, ON_V4).unwrap();
    let port = listener.local_port();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end_the_threads = OnPanic(|| stop.store(true, Ordering::Relaxed));
        for name in 0..2 {
            let stop = &stop;
            scope.spawn(move || client(port, name, stop));
        }
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                match listener.poll() {
                    Ok(()) | Err(Error::Unconfigured) => (),
                    Err(error) => panic!("{error}"),
                }
            }
        });
        let start = Instant::now();
        let mut restarts = 0;
        while start.elapsed() < TIME || restarts <= 10 {
            let sockets: Vec<Arc<DatagramSocket>> =
                std::iter::from_fn(|| listener.accept()).collect();
            for socket in &sockets {
                let _ = socket.send(b"");
            }
            listener.stop();
            for socket in &sockets {
                assert!(!socket.is_bound());
                assert_eq!(socket.available(), Err(Error::Failed));
            }
            listener.listen(port, ON_V4).unwrap();
            restarts += 1;
            drop(sockets);
            std::thread::sleep(Duration::from_millis(2));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn one_socket_is_used_by_several_threads_at_once() {
    let socket = DatagramSocket::new();
    socket.bind(0, ON_V4, DEFAULT_INBOX_BYTES).unwrap();
    let echo = plain_socket();
    let echo_port = echo.local_addr().unwrap().port();
    socket.set_destination(V4, echo_port).unwrap();
    let stop = AtomicBool::new(false);
    let received = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let _end_the_threads = OnPanic(|| {
            stop.store(true, Ordering::Relaxed);
            socket.close();
        });
        scope.spawn(|| {
            let echo: &UdpSocket = &echo;
            echo.set_read_timeout(Some(Duration::from_millis(50)))
                .unwrap();
            let mut buffer = [0; 2048];
            while !stop.load(Ordering::Relaxed) {
                if let Ok((length, from)) = echo.recv_from(&mut buffer) {
                    let _ = echo.send_to(&buffer[..length], from);
                }
            }
        });
        for name in 0..2_u8 {
            let (socket, stop) = (&socket, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    socket.send(&[name; 300]).unwrap();
                    std::thread::sleep(Duration::from_micros(200));
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                let mut datagram = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    match socket.wait() {
                        Ok(()) | Err(Error::Unconfigured) => (),
                        Err(error) => panic!("{error}"),
                    }
                    while socket.receive(&mut datagram).is_ok() {
                        assert_eq!(datagram, [datagram[0]; 300]);
                        received.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        std::thread::sleep(TIME / 2);
        eventually("echoes", || received.load(Ordering::Relaxed) > 100);
        stop.store(true, Ordering::Relaxed);
        // Closing ends the waits that no datagram ends.
        std::thread::sleep(Duration::from_millis(50));
        socket.close();
    });
}
