//! What the crate logs: ports, new addresses and drops, without payload; nothing for a datagram that is delivered.

mod support;

use std::sync::Mutex;

use log::{LevelFilter, Log, Metadata, Record};
use support::{V4, accept, eventually, listener, plain_socket, poll_until_queued, take};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collector;

impl Log for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "udp"
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{}: {}", record.level(), record.args());
            LINES.lock().unwrap().push(line);
        }
    }

    fn flush(&self) {}
}

fn take_lines() -> Vec<String> {
    std::mem::take(&mut *LINES.lock().unwrap())
}

#[test]
fn ports_new_addresses_and_drops_are_logged_and_delivered_datagrams_are_not() {
    log::set_logger(&Collector).unwrap();
    log::set_max_level(LevelFilter::Trace);

    let (listener, address) = listener();
    let port = address.port();
    let lines = take_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let start = format!("DEBUG: listening on port {port} ");
    assert!(lines[0].starts_with(&start), "{lines:?}");

    let client = plain_socket();
    client.connect(address).unwrap();
    client.send(b"hello").unwrap();
    let socket = accept(&listener);
    let from = client.local_addr().unwrap();
    let expected = [format!("TRACE: new remote address {from}")];
    assert_eq!(take_lines(), expected);

    assert_eq!(take(&socket), b"hello");
    client.send(b"delivered").unwrap();
    poll_until_queued(&listener, &socket, 1);
    assert_eq!(take(&socket), b"delivered");
    socket.send(b"and sent").unwrap();
    socket.send_deferred(b"and sent").unwrap();
    assert_eq!(take_lines(), [""; 0]);

    listener.set_max_pending(0);
    let refused = plain_socket();
    refused.send_to(b"hello", (V4, port)).unwrap();
    eventually("a refused datagram", || {
        listener.poll().unwrap();
        listener.refused() > 0
    });
    let from = refused.local_addr().unwrap();
    let expected = [format!("TRACE: refused {from}: 0 sockets are pending")];
    assert_eq!(take_lines(), expected);

    for _ in 0..2 {
        client.send(&[0; 40_000]).unwrap();
    }
    eventually("a dropped datagram", || {
        listener.poll().unwrap();
        socket.dropped() > 0
    });
    let from = client.local_addr().unwrap();
    let expected = [format!(
        "TRACE: dropped a datagram of {from}: its queue is full"
    )];
    assert_eq!(take_lines(), expected);

    listener.stop();
    let expected = [format!("DEBUG: stopped listening on port {port}")];
    assert_eq!(take_lines(), expected);
}
