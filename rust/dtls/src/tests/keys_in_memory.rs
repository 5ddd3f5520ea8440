//! Keys of a session that has ended: the process searches its own memory for them.

use std::fs::File;
use std::hint::black_box;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::thread;
use std::time::Instant;

use crate::{
    ClientContext, CookieCheck, CookieJar, Identity, ServerContext, Session, Status, Verification,
};

use crate::record::secret::Secret;

/// The bytes that are searched for are stored masked, so that they are not found where they are stored.
const MASK: u8 = 0x5a;

struct Needle {
    what: &'static str,
    masked: Vec<u8>,
}

impl Needle {
    fn new(what: &'static str, bytes: &[u8]) -> Self {
        let masked = bytes.iter().map(|byte| byte ^ MASK).collect();
        Self { what, masked }
    }

    fn count_in(&self, memory: &[u8]) -> usize {
        let first = self.masked[0] ^ MASK;
        let is_here = |place: &[u8]| {
            place[0] == first
                && place
                    .iter()
                    .zip(&self.masked)
                    .all(|(byte, masked)| byte ^ MASK == *masked)
        };
        memory
            .windows(self.masked.len())
            .filter(|it| is_here(it))
            .count()
    }
}

/// How often each needle is in the process's writable memory.
fn found(needles: &[Needle]) -> Vec<(&'static str, usize)> {
    const OVERLAP: usize = 64;
    let mut buffer = vec![0u8; 1 << 20];
    let buffers = buffer.as_ptr().addr()..buffer.as_ptr().addr() + buffer.len();
    let mut maps = String::new();
    File::open("/proc/self/maps")
        .and_then(|mut maps_file| maps_file.read_to_string(&mut maps))
        .unwrap();
    let memory = File::open("/proc/self/mem").unwrap();
    let mut counts = vec![0; needles.len()];
    for line in maps.lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let at = |text: &str| usize::from_str_radix(text, 16).unwrap();
        let (mut start, end) = (at(start), at(end));
        if !rest.starts_with("rw") || rest.ends_with("[vvar]") {
            continue;
        }
        while start < end {
            let stop = match () {
                // This buffer has what was read: it would be found a second time.
                () if buffers.contains(&start) => {
                    start = buffers.end;
                    continue;
                }
                () if start < buffers.start => end.min(buffers.start),
                () => end,
            };
            let length = (stop - start).min(buffer.len());
            let part = &mut buffer[..length];
            if memory.read_exact_at(part, start as u64).is_ok() {
                for (needle, count) in needles.iter().zip(&mut counts) {
                    *count += needle.count_in(part);
                }
            }
            // A needle that crosses two parts is found in the second; one within the overlap is counted twice.
            start += match length {
                _ if start + length == stop => length,
                _ => length - OVERLAP,
            };
        }
    }
    needles.iter().map(|it| it.what).zip(counts).collect()
}

fn keys(session: &mut Session) -> Vec<Needle> {
    let (own, others) = session.record_layer_of_test().keys_of_test();
    vec![
        Needle::new("own key", own.key),
        Needle::new("the other side's key", others.key),
    ]
}

/// A client and a server that are connected, and the master secret that they agreed on.
fn connected() -> (Session, Session, Needle) {
    let authority = testkit::certificates::Authority::new("Test root").unwrap();
    let server = authority
        .issue(&testkit::certificates::Leaf::localhost())
        .unwrap();
    let (key, chain) = (server.key_pem().unwrap(), server.chain_pem().unwrap());
    let identity = Identity::from_pem(&key, &chain, None).unwrap();
    let context = ServerContext::new(&identity).unwrap();
    let now = Instant::now();
    let mut jar = CookieJar::new(now).unwrap();
    let client_context = ClientContext::new(Verification::DangerousNone).unwrap();
    let mut client = Session::connect(&client_context, "localhost", now).unwrap();
    let mut server: Option<Session> = None;
    let mut master = None;
    for _ in 0..20 {
        let mut to_server = Vec::new();
        client.drain_datagrams(|datagram| to_server.push(datagram.to_vec()));
        for datagram in to_server {
            match &mut server {
                Some(server) => server.handle_datagram(&datagram, now),
                None => {
                    match jar.verify_cookie(&datagram, "192.0.2.7:40000".parse().unwrap(), now) {
                        Ok(CookieCheck::Unverified(request)) => {
                            client.handle_datagram(request.as_bytes(), now);
                        }
                        Ok(CookieCheck::Verified) => {
                            server = Session::accept(&context, &datagram, now).ok();
                        }
                        _ => {}
                    }
                }
            }
        }
        let mut to_client = Vec::new();
        if let Some(server) = &mut server {
            server.drain_datagrams(|datagram| to_client.push(datagram.to_vec()));
        }
        for datagram in to_client {
            client.handle_datagram(&datagram, now);
            let mut secret = Secret::<48>::empty();
            let session = client.ssl_of_test().and_then(|ssl| ssl.session());
            if session.is_some_and(|it| it.master_key(&mut *secret) == secret.len()) {
                master = Some(Needle::new("master secret", &*secret));
            }
        }
        if client.status() == Status::Connected
            && let Some(server) = server.take_if(|it| it.status() == Status::Connected)
        {
            return (client, server, master.expect("the master secret was seen"));
        }
    }
    panic!("they did not connect");
}

fn send_packet(from: &mut Session, to: &mut Session) {
    let now = Instant::now();
    from.send(b"a packet").unwrap();
    let mut sent = Vec::new();
    from.drain_datagrams(|datagram| sent.push(datagram.to_vec()));
    for datagram in sent {
        to.handle_datagram(&datagram, now);
    }
    assert_eq!(
        to.next_packet(<[u8]>::to_vec).as_deref(),
        Some(&b"a packet"[..])
    );
}

/// Runs `body` so deep in the stack that later calls do not overwrite what it leaves there.
#[inline(never)]
fn far_below<R>(body: impl FnOnce() -> R) -> R {
    let space = [0u8; 256 << 10];
    black_box(&space);
    let result = body();
    black_box(&space);
    result
}

#[test]
fn a_session_that_is_dropped_leaves_no_key_in_memory() {
    let needles = far_below(|| {
        let (client, server, master) = connected();
        // The sessions are moved, as their owners do.
        let (mut client, mut server) = black_box((Box::new(client), Box::new(server)));
        send_packet(&mut client, &mut server);
        send_packet(&mut server, &mut client);
        let mut needles = keys(&mut client);
        needles.push(master);
        let alive = found(&needles);
        assert!(
            alive[0].1 > 0 && alive[1].1 > 0,
            "the keys of a live session are found: {alive:?}"
        );
        client.close();
        needles
    });
    let left: Vec<_> = found(&needles)
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect();
    assert!(left.is_empty(), "left in memory: {left:?}");
}

#[test]
fn a_thread_that_calls_forget_keys_keeps_no_key_in_its_contexts() {
    let (mut client, mut server, _) = connected();
    send_packet(&mut client, &mut server);
    let needles = keys(&mut client);
    let (work, waiting) = std::sync::mpsc::channel::<(Session, Session)>();
    let (done, worked) = std::sync::mpsc::channel();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let (mut client, mut server) = waiting.recv().unwrap();
        send_packet(&mut client, &mut server);
        send_packet(&mut server, &mut client);
        crate::forget_keys();
        done.send((client, server)).unwrap();
        // The thread waits, as one of a pool does.
        let _ = stopped.recv();
    });
    work.send((client, server)).unwrap();
    drop(worked.recv().unwrap());
    let left: Vec<_> = found(&needles)
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect();
    drop(stop);
    thread.join().unwrap();
    assert!(left.is_empty(), "left in memory: {left:?}");
}
