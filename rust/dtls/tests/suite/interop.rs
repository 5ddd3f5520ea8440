//! Sessions against OpenSSL's own, record for record, with every cipher suite.

use std::collections::{HashSet, VecDeque};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dtls::{CookieCheck, CookieJar, MAX_DATAGRAM, MAX_PACKET, SendError, Session, Status};
use openssl::pkey::PKey;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslStream, SslVerifyMode,
};
use openssl::x509::X509;
use testkit::To;
use testkit::certificates::{KeyKind, Leaf};

use crate::clock;
use crate::simulation::{self, CLIENT_ADDRESS, SERVER_NAME, client_context, identity, taken};

const SUITES: [(&str, KeyKind); 6] = [
    ("ECDHE-RSA-AES128-GCM-SHA256", KeyKind::Rsa2048),
    ("ECDHE-RSA-AES256-GCM-SHA384", KeyKind::Rsa2048),
    ("ECDHE-RSA-CHACHA20-POLY1305", KeyKind::Rsa2048),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", KeyKind::P256),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", KeyKind::P256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", KeyKind::P256),
];
const SIZES: [usize; 6] = [1, 16, 255, 1200, 4000, MAX_PACKET];

/// A transport in memory that keeps datagrams apart.
#[derive(Default)]
struct Datagrams {
    incoming: VecDeque<Vec<u8>>,
    outgoing: Vec<Vec<u8>>,
}

impl Read for Datagrams {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let next = self.incoming.pop_front();
        let datagram = next.ok_or(io::ErrorKind::WouldBlock)?;
        into[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.outgoing.push(datagram.to_vec());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// OpenSSL on one side, a session on the other.
struct Pair {
    theirs: SslStream<Datagrams>,
    ours: Session,
    now: Instant,
    /// What the session sent.
    sent: Vec<Vec<u8>>,
}

fn their_side(method: SslMethod, suite: &str) -> SslContextBuilder {
    let mut context = SslContext::builder(method).unwrap();
    context.set_cipher_list(suite).unwrap();
    context.set_options(SslOptions::NO_QUERY_MTU);
    context.set_verify(SslVerifyMode::NONE);
    context
}

fn stream(context: SslContextBuilder) -> SslStream<Datagrams> {
    let mut ssl = Ssl::new(&context.build()).unwrap();
    ssl.set_mtu(MAX_DATAGRAM as u32).unwrap();
    transport(ssl)
}

fn transport(ssl: Ssl) -> SslStream<Datagrams> {
    SslStream::new(ssl, Datagrams::default()).unwrap()
}

fn is_waiting(result: Result<(), openssl::ssl::Error>) -> bool {
    result.is_err_and(|error| error.code() == ErrorCode::WANT_READ)
}

impl Pair {
    fn with_their_client(suite: &str, key: KeyKind) -> Self {
        let context = their_side(SslMethod::dtls_client(), suite);
        Self::with_their_stream(stream(context), key).finish(suite)
    }

    /// Their client, whose hellos may come in several datagrams.
    fn with_their_stream(theirs: SslStream<Datagrams>, key: KeyKind) -> Self {
        let mut pair = Self::begin_with_their_client(theirs, key);
        pair.exchange();
        while pair.theirs.connect().is_err() {
            pair.exchange();
        }
        pair
    }

    /// Until the session has begun.
    fn begin_with_their_client(mut theirs: SslStream<Datagrams>, key: KeyKind) -> Self {
        let leaf = Leaf {
            key,
            ..Leaf::localhost()
        };
        let server = crate::simulation::authority().issue(&leaf).unwrap();
        let server = dtls::ServerContext::new(&identity(&server)).unwrap();
        let now = Instant::now();
        let mut jar = CookieJar::new(now).unwrap();
        let client: SocketAddr = CLIENT_ADDRESS;
        let mut ours: Option<Session> = None;
        while ours.is_none() {
            assert!(is_waiting(theirs.connect()));
            let hello = std::mem::take(&mut theirs.get_mut().outgoing);
            assert!(!hello.is_empty(), "a hello");
            for datagram in hello {
                if let Some(ours) = &mut ours {
                    ours.handle_datagram(&datagram, now);
                    continue;
                }
                match jar.verify_cookie(&datagram, client, now).unwrap() {
                    CookieCheck::Unverified(request) => {
                        let request = request.as_bytes().to_vec();
                        theirs.get_mut().incoming.push_back(request);
                    }
                    CookieCheck::Verified => {
                        ours = Some(Session::accept(&server, &datagram, now).unwrap());
                    }
                    CookieCheck::NotClientHello => {}
                }
            }
        }
        Self {
            theirs,
            ours: ours.unwrap(),
            now,
            sent: Vec::new(),
        }
    }

    fn with_their_server(suite: &str, key: KeyKind) -> Self {
        let leaf = Leaf {
            key,
            ..Leaf::localhost()
        };
        let server = crate::simulation::authority().issue(&leaf).unwrap();
        let mut context = their_side(SslMethod::dtls_server(), suite);
        let key = PKey::private_key_from_pem(&server.key_pem().unwrap()).unwrap();
        let certificate = X509::from_pem(&server.certificate_pem().unwrap()).unwrap();
        context.set_private_key(&key).unwrap();
        context.set_certificate(&certificate).unwrap();
        let now = Instant::now();
        let mut pair = Self {
            theirs: stream(context),
            ours: Session::connect(&client_context(), SERVER_NAME, now).unwrap(),
            now,
            sent: Vec::new(),
        };
        pair.exchange();
        while pair.theirs.accept().is_err() {
            pair.exchange();
        }
        pair.exchange();
        pair.finish(suite)
    }

    fn finish(self, suite: &str) -> Self {
        assert_eq!(self.ours.status(), Status::Connected);
        assert_eq!(self.ours.cipher(), suite.split(':').next());
        assert_eq!(self.ours.protocol(), "DTLSv1.2");
        self
    }

    fn exchange(&mut self) {
        for datagram in std::mem::take(&mut self.theirs.get_mut().outgoing) {
            self.ours.handle_datagram(&datagram, self.now);
        }
        let (incoming, sent) = (&mut self.theirs.get_mut().incoming, &mut self.sent);
        self.ours.drain_datagrams(|datagram| {
            incoming.push_back(datagram.to_vec());
            sent.push(datagram.to_vec());
        });
    }

    fn their_next(&mut self) -> Result<Vec<u8>, openssl::ssl::Error> {
        let mut packet = vec![0; MAX_PACKET];
        let length = self.theirs.ssl_read(&mut packet)?;
        packet.truncate(length);
        Ok(packet)
    }
}

/// Its window has left the number of the first Finished message behind.
#[test]
fn a_client_that_lost_the_last_flight_and_got_many_packets_since_takes_a_repeated_one() {
    for (suite, key) in SUITES {
        clock::set(clock::BEGINNING);
        let context = their_side(SslMethod::dtls_client(), suite);
        let mut pair = Pair::begin_with_their_client(stream(context), key);
        pair.exchange();
        assert!(is_waiting(pair.theirs.connect()));
        for datagram in std::mem::take(&mut pair.theirs.get_mut().outgoing) {
            pair.ours.handle_datagram(&datagram, pair.now);
        }
        assert_eq!(pair.ours.status(), Status::Connected);
        // The ChangeCipherSpec arrives, and the Finished message behind it does not.
        let mut last_flight = Vec::new();
        pair.ours
            .drain_datagrams(|datagram| last_flight.push(records(datagram)));
        let change = last_flight[0][0].clone();
        assert_eq!(change[0], 20);
        pair.theirs.get_mut().incoming.push_back(change);
        assert!(is_waiting(pair.theirs.connect()));
        for number in 0..90_u8 {
            pair.ours.send(&[number]).unwrap();
        }
        pair.exchange();
        assert!(is_waiting(pair.theirs.connect()));
        // The client sends its flight again.
        clock::set(clock::BEGINNING + Duration::from_millis(1500));
        assert!(is_waiting(pair.theirs.connect()));
        assert!(!pair.theirs.get_ref().outgoing.is_empty());
        pair.exchange();
        pair.theirs.connect().expect("it takes the Finished");
        assert_eq!(pair.their_next().unwrap(), [0], "{suite}");
    }
}

// openssl/tls1.h
unsafe extern "C" {
    fn SSL_CTX_set_tlsext_max_fragment_length(
        context: *mut openssl_sys::SSL_CTX,
        code: u8,
    ) -> libc::c_int;
}

/// RFC 6066 section 4.
#[test]
fn a_client_that_asks_for_small_records_gets_none_larger() {
    for (code, limit) in [(1, 512), (2, 1024), (3, 2048), (4, 4096)] {
        for (suite, key) in SUITES {
            let context = their_side(SslMethod::dtls_client(), suite);
            // SAFETY: the context is alive and has no other user.
            let set = unsafe { SSL_CTX_set_tlsext_max_fragment_length(context.as_ptr(), code) };
            assert_eq!(set, 1);
            let mut pair = Pair::begin_with_their_client(stream(context), key);
            pair.exchange();
            while pair.theirs.connect().is_err() {
                pair.exchange();
            }
            let fits = vec![7; limit];
            pair.ours.send(&fits).unwrap();
            pair.exchange();
            assert_eq!(pair.their_next().unwrap(), fits, "{suite}");
            let packet = limit + 1;
            let refused = pair.ours.send(&vec![7; packet]);
            assert_eq!(refused, Err(SendError::TooLarge { packet, limit }));
            let why = refused.unwrap_err().to_string();
            assert!(why.contains(&format!("at most {limit} bytes")), "{why}");
            pair.theirs.ssl_write(&fits).unwrap();
            pair.exchange();
            assert_eq!(taken(&mut pair.ours), [fits]);
            for record in pair.sent.iter().flat_map(|datagram| records(datagram)) {
                let overhead = if record[3..5] == [0, 1] { 24 } else { 0 };
                assert!(record.len() - 13 <= limit + overhead, "{suite}");
            }
        }
    }
}

fn pairs() -> impl Iterator<Item = Pair> {
    SUITES.into_iter().flat_map(|(suite, key)| {
        [
            Pair::with_their_client(suite, key),
            Pair::with_their_server(suite, key),
        ]
    })
}

/// A client whose CPU has no instructions for AES says so by its order.
#[test]
fn a_client_that_wants_chacha20_first_gets_it() {
    let (chacha, aes) = (SUITES[5].0, SUITES[4].0);
    for offer in [format!("{chacha}:{aes}"), format!("{aes}:{chacha}")] {
        Pair::with_their_client(&offer, KeyKind::P256);
    }
}

/// For some names one hello is whole and the other is not; with a long list both are in many pieces.
#[test]
fn their_client_connects_whatever_its_mtu_its_name_and_the_length_of_its_hello() {
    let (suite, key) = SUITES[3];
    let connect = |mtu: u32, name: &str, protocols: usize| {
        let mut context = their_side(SslMethod::dtls_client(), suite);
        if protocols > 0 {
            let list: Vec<u8> = (0..protocols / 4).flat_map(|_| *b"\x03abc").collect();
            context.set_alpn_protos(&list).unwrap();
        }
        let mut ssl = Ssl::new(&context.build()).unwrap();
        ssl.set_mtu(mtu).unwrap();
        ssl.set_hostname(name).unwrap();
        ssl.set_connect_state();
        let mut pair = Pair::with_their_stream(transport(ssl), key).finish(suite);
        pair.theirs.ssl_write(b"here").unwrap();
        pair.exchange();
        assert_eq!(taken(&mut pair.ours), [b"here"], "{mtu}, {name}");
    };
    for mtu in 256..=264 {
        for length in (1..=60).step_by(3) {
            connect(mtu, &"a".repeat(length), 0);
        }
    }
    for mtu in [256, 548, 1200] {
        for protocols in [1216, 3600] {
            connect(mtu, "localhost", protocols);
        }
    }
}

#[test]
fn packets_of_every_size_cross_with_every_suite_both_ways() {
    for mut pair in pairs() {
        for size in SIZES {
            let packet: Vec<u8> = (0..size).map(|at| at as u8).collect();
            pair.ours.send(&packet).unwrap();
            pair.theirs.ssl_write(&packet).unwrap();
            pair.exchange();
            assert_eq!(pair.their_next().unwrap(), packet);
            assert_eq!(taken(&mut pair.ours), [packet]);
        }
    }
}

/// CVE-2026-75803: an OpenSSL function took any seal for that of an empty text.
#[test]
fn a_made_up_seal_of_an_empty_packet_is_not_authentic() {
    for mut pair in pairs() {
        let overhead = match pair.ours.cipher().unwrap().contains("GCM") {
            true => 24,
            false => 16,
        };
        let last_authenticated = pair.ours.last_authenticated();
        let later = pair.now + std::time::Duration::from_secs(1);
        for (number, content_type) in (100_u8..).zip([20, 21, 22, 23]) {
            let mut record = vec![
                content_type,
                254,
                253,
                0,
                1,
                0,
                0,
                0,
                0,
                0,
                number,
                0,
                overhead,
            ];
            record.extend(vec![7; overhead.into()]);
            pair.ours.handle_datagram(&record, later);
        }
        assert_eq!(pair.ours.last_authenticated(), last_authenticated);
        assert_eq!(pair.ours.status(), Status::Connected);
        // It is authentic and counts; the forged records before it used up no sequence number.
        pair.theirs.ssl_write(b"here").unwrap();
        pair.exchange();
        assert_eq!(taken(&mut pair.ours), [b"here"]);
    }
}

#[test]
fn either_side_ends_a_session_in_order() {
    for mut pair in pairs() {
        pair.ours.send(b"last").unwrap();
        pair.ours.close();
        pair.exchange();
        assert_eq!(pair.their_next().unwrap(), b"last");
        let end = pair.their_next().unwrap_err();
        assert_eq!(end.code(), ErrorCode::ZERO_RETURN);
    }
    for mut pair in pairs() {
        pair.theirs.ssl_write(b"last").unwrap();
        pair.theirs.shutdown().unwrap();
        pair.exchange();
        assert_eq!(taken(&mut pair.ours), [b"last"]);
        assert_eq!(pair.ours.status(), Status::Closed);
        assert!(pair.theirs.shutdown().is_ok(), "close_notify was answered");
    }
}

/// What AES-GCM's secrecy stands on (RFC 5288 section 3): across the handshake's end, too.
#[test]
fn no_record_number_and_no_nonce_is_used_twice() {
    const PACKETS: usize = 300;
    for mut pair in pairs() {
        let overhead = match pair.ours.cipher().unwrap().contains("GCM") {
            true => 24,
            false => 16,
        };
        for _ in 0..PACKETS {
            pair.ours.send(b"same").unwrap();
            pair.exchange();
        }
        // All begin with a header: type, version, epoch, number, length.
        let sealed: Vec<Vec<u8>> = pair
            .sent
            .iter()
            .flat_map(|datagram| records(datagram))
            .filter(|record| record[3..5] == [0, 1])
            .collect();
        assert_eq!(sealed.len(), PACKETS + 1, "with the Finished message");
        let numbers: HashSet<&[u8]> = sealed.iter().map(|record| &record[5..11]).collect();
        assert_eq!(numbers.len(), sealed.len());
        let contents: HashSet<&[u8]> = sealed.iter().map(|record| &record[13..]).collect();
        assert_eq!(contents.len(), sealed.len());
        if overhead == 24 {
            let nonces: HashSet<&[u8]> = sealed.iter().map(|record| &record[13..21]).collect();
            assert_eq!(nonces.len(), sealed.len());
        }
        assert!(sealed[1..].iter().all(|it| it.len() == 13 + 4 + overhead));
    }
}

fn records(mut datagram: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while !datagram.is_empty() {
        let length = 13 + usize::from(u16::from_be_bytes([datagram[11], datagram[12]]));
        records.push(datagram[..length].to_vec());
        datagram = &datagram[length..];
    }
    records
}

#[test]
fn records_that_share_a_datagram_are_all_read() {
    let (suite, key) = SUITES[3];
    let mut pair = Pair::with_their_client(suite, key);
    for word in [b"one", b"two", b"six"] {
        pair.theirs.ssl_write(word).unwrap();
    }
    let all = std::mem::take(&mut pair.theirs.get_mut().outgoing).concat();
    pair.ours.handle_datagram(&all, pair.now);
    assert_eq!(taken(&mut pair.ours), [b"one", b"two", b"six"]);
    pair.ours.handle_datagram(&all, pair.now);
    assert_eq!(pair.ours.packet_count(), 0, "a replay");
}

#[test]
fn a_servers_packets_that_overtake_its_last_flight_are_kept_for_the_client() {
    for (suite, key) in SUITES {
        let leaf = Leaf {
            key,
            ..Leaf::localhost()
        };
        let server = crate::simulation::authority().issue(&leaf).unwrap();
        let mut simulation = simulation::start_with(
            &dtls::ServerContext::new(&identity(&server)).unwrap(),
            &client_context(),
            SERVER_NAME,
        );
        let second = std::time::Duration::from_secs(1);
        simulation.run(second, |simulation| {
            let server = simulation.server.session.as_ref().map(Session::status);
            server == Some(Status::Connected)
        });
        assert_eq!(simulation.client.status(), Status::Handshaking, "{suite}");
        simulation.server.session().send(b"first").unwrap();
        simulation.server.session().send(b"second").unwrap();
        let mut sent = Vec::new();
        simulation
            .server
            .session()
            .drain_datagrams(|datagram| sent.push(datagram.to_vec()));
        for datagram in sent.iter().rev() {
            simulation.inject(To::Client, datagram);
        }
        simulation.run_until_connected();
        let got = taken(&mut simulation.client);
        assert_eq!(got, [b"second".to_vec(), b"first".to_vec()]);
    }
}
