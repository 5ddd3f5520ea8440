//! Seeds: captured connections between two sessions of our own, and texts.

use std::time::Duration;

use anyhow::{Result, ensure};
use dtls::{RESTART_SILENCE, Status};
use testkit::certificates::{self, Authority, KeyKind, Leaf};
use testkit::{To, forged};

use crate::credentials::{CERTIFICATE, KEY};
use crate::steps::Step;
use crate::targets::network::{Network, event};
use crate::targets::{endpoint, enet, pem, renamer};

/// A seed: the target's name, its own, and its bytes.
pub type Seed = (&'static str, String, Vec<u8>);

/// The fixed server's private key and certificate, anew: all seeds of sessions change with them.
///
/// # Errors
/// If OpenSSL cannot make them.
pub fn make_fixtures() -> Result<[(&'static str, Vec<u8>); 2]> {
    let leaf = Leaf {
        not_before_days: -365,
        not_after_days: 36_500,
        key: KeyKind::P256,
        ..Leaf::localhost()
    };
    let identity = Authority::new("Fuzzing root")?.issue(&leaf)?;
    Ok([
        ("throw_away_key.pem", identity.key_pem()?),
        ("certificate.pem", identity.certificate_pem()?),
    ])
}

/// Every seed, of every target.
///
/// # Errors
/// If a connection is not made, or OpenSSL makes no certificates.
pub fn make() -> Result<Vec<Seed>> {
    let mut seeds = Vec::new();
    connections(&mut seeds)?;
    networks(&mut seeds);
    endpoints(&mut seeds);
    for (name, bytes) in enet::seeds() {
        seeds.push(("enet", name.to_owned(), bytes));
    }
    texts(&mut seeds);
    credentials(&mut seeds)?;
    Ok(seeds)
}

/// What a network that changes nothing carries: a handshake, packets both ways, and the end.
fn capture() -> Result<Vec<(To, Vec<u8>)>> {
    let mut network = Network::new();
    network.settle();
    let connected = Some(Status::Connected);
    ensure!(network.client.status() == connected && network.server.status() == connected);
    for length in [2, 60, 1000] {
        network.send(To::Server, length);
        network.send(To::Client, length);
        network.settle();
    }
    ensure!(network.take(To::Client) == 3 && network.take(To::Server) == 3);
    network.client.close();
    network.wait(Duration::ZERO);
    network.settle();
    ensure!(network.server.status() == Some(Status::Closed));
    Ok(network.history)
}

/// A server's datagrams from a client that is restarted after its first packet and then sends another one.
fn capture_restart() -> Result<Vec<u8>> {
    let silence = RESTART_SILENCE;
    let mut network = Network::new();
    network.settle();
    network.send(To::Server, 60);
    network.start_client_again();
    network.settle();
    let before = network.history.len();
    network.wait(silence);
    network.settle();
    let connected = Some(Status::Connected);
    ensure!(network.client.status() == connected && network.server.status() == connected);
    network.send(To::Server, 1000);
    network.settle();
    ensure!(network.take(To::Server) == 1);

    let mut bytes = vec![0];
    for (at, (to, datagram)) in network.history.iter().enumerate() {
        if at == before {
            Step::Take.write(&mut bytes);
            Step::Wait(silence).write(&mut bytes);
        }
        if *to == To::Server {
            Step::Datagram(datagram).write(&mut bytes);
        }
    }
    Step::Take.write(&mut bytes);
    Ok(bytes)
}

fn connections(seeds: &mut Vec<Seed>) -> Result<()> {
    seeds.push(("server", "restarted".to_owned(), capture_restart()?));
    let history = capture()?;
    let [hello, second]: [&[u8]; 2] = {
        let mut of_client = history.iter().filter(|(to, _)| *to == To::Server);
        let mut next = || of_client.next().map_or(&[][..], |(_, datagram)| datagram);
        [next(), next()]
    };
    seeds.push(("hello", "first".to_owned(), hello.to_vec()));
    seeds.push(("hello", "second".to_owned(), second.to_vec()));
    for (name, whole) in [("first", hello), ("second", second)] {
        let fragments = cut(whole, 100);
        seeds.push(("hello", format!("{name}_fragment"), fragments[0].clone()));
        seeds.push(("hello", format!("{name}_rest"), fragments[1].clone()));
    }
    hellos(seeds, &history);

    for (name, to) in [("server", To::Server), ("client", To::Client)] {
        let received: Vec<&[u8]> = history
            .iter()
            .filter(|(side, _)| *side == to)
            .map(|(_, datagram)| &**datagram)
            .collect();
        let write = |steps: &[Step<'_>]| {
            let mut bytes = if to == To::Server {
                vec![0]
            } else {
                Vec::new()
            };
            steps.iter().for_each(|step| step.write(&mut bytes));
            bytes
        };
        let all: Vec<Step<'_>> = received.iter().map(|bytes| Step::Datagram(bytes)).collect();
        let mut whole = write(&all);
        Step::Take.write(&mut whole);
        seeds.push((name, "whole".to_owned(), whole));
        for count in 1..received.len() {
            seeds.push((name, format!("first_{count}"), write(&all[..count])));
        }
        let doubled: Vec<Step<'_>> = received
            .iter()
            .flat_map(|bytes| [Step::Datagram(bytes), Step::Datagram(bytes), Step::Take])
            .collect();
        seeds.push((name, "doubled".to_owned(), write(&doubled)));
        let late: Vec<Step<'_>> = received
            .iter()
            .flat_map(|bytes| [Step::Wait(Duration::from_secs(2)), Step::Datagram(bytes)])
            .collect();
        seeds.push((name, "late".to_owned(), write(&late)));
        let last = received.len() - 1;
        let mut exchanges = write(&all[..last]);
        for step in [Step::Send(100), Step::Send(16_384), Step::Take, Step::Close] {
            step.write(&mut exchanges);
        }
        seeds.push((name, "talks_and_closes".to_owned(), exchanges));
    }
    let mut unasked = vec![1];
    Step::Datagram(hello).write(&mut unasked);
    for (_, datagram) in history.iter().filter(|(to, _)| *to == To::Server).skip(1) {
        Step::Datagram(datagram).write(&mut unasked);
    }
    seeds.push(("server", "begun_with_the_first_hello".to_owned(), unasked));
    Ok(())
}

/// Cuts a datagram with one whole message; all fragments have its record number, so that the datagrams captured after it
/// keep theirs.
fn cut(datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
    let numbers = std::iter::repeat(forged::record_number(datagram));
    forged::cut_with_numbers(datagram, size, numbers)
}

/// So many records that each begin a message of 102,400 bytes.
fn beginnings(count: u8) -> Vec<u8> {
    let records = (0..count).flat_map(|which| {
        let mut record = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9 + which, 0, 16];
        record.extend([11, 1, 0x90, 0, 0, 2 + which, 0, 0, 0, 0, 0, 4, 7, 7, 7, 7]);
        record
    });
    records.collect()
}

/// Servers' connections with hellos in fragments, and with more behind them.
fn hellos(seeds: &mut Vec<Seed>, history: &[(To, Vec<u8>)]) {
    let of_client: Vec<Vec<u8>> = history
        .iter()
        .filter(|(to, _)| *to == To::Server)
        .map(|(_, datagram)| datagram.clone())
        .collect();
    let [first, second, rest @ ..] = &of_client[..] else {
        return;
    };
    let mut push = |name: &str, hellos: Vec<Vec<u8>>| {
        let mut bytes = vec![0];
        for datagram in hellos.iter().chain(rest) {
            Step::Datagram(datagram).write(&mut bytes);
        }
        Step::Take.write(&mut bytes);
        seeds.push(("server", name.to_owned(), bytes));
    };
    let (firsts, seconds) = (cut(first, 120), cut(second, 120));
    let all = |parts: [&[Vec<u8>]; 2]| parts.concat();
    push("second_in_fragments", all([&of_client[..1], &seconds]));
    push("first_in_fragments", all([&firsts, &of_client[1..2]]));
    push("both_in_fragments", all([&firsts, &seconds]));
    let reversed: Vec<Vec<u8>> = seconds.iter().rev().cloned().collect();
    push("fragments_in_disorder", all([&reversed, &seconds]));
    let doubled: Vec<Vec<u8>> = [&seconds[..], &seconds].concat();
    push("fragments_doubled", all([&firsts, &doubled]));
    push(
        "fragments_in_one_datagram",
        vec![first.clone(), seconds.concat()],
    );
    let greedy = [&second[..], &beginnings(10)].concat();
    push("records_behind_the_hello", vec![first.clone(), greedy]);
    let greedy = [&seconds[0][..], &beginnings(10)].concat();
    push(
        "records_behind_a_fragment",
        vec![first.clone(), greedy, seconds[1..].concat()],
    );
    let joined = [&second[..], &rest.concat()].concat();
    push("all_behind_the_hello", vec![first.clone(), joined]);
}

fn networks(seeds: &mut Vec<Seed>) {
    use event::{
        CLOSE, CUT, DELAY, DOUBLE, DROP, FLIP, JOIN, REFLECT, REPLAY, SEND, SETTLE, START_AGAIN,
        TAKE, WAIT,
    };
    let exchange = [SEND, 0, 0, 50, SEND, 1, 4, 0, SETTLE, TAKE, 0, TAKE, 1];
    let mut push = |name: &str, before: &[u8], after: &[u8]| {
        let input = [before, &[SETTLE], &exchange, after].concat();
        seeds.push(("network", name.to_owned(), input));
    };
    push("quiet", &[], &[]);
    push(
        "closed_by_the_client",
        &[],
        &[CLOSE, 0, SETTLE, SEND, 1, 0, 9],
    );
    push(
        "closed_by_the_server",
        &[],
        &[CLOSE, 1, SETTLE, SEND, 0, 0, 9],
    );
    push("lost_hellos", &[DROP, WAIT, 11, DROP, WAIT, 21], &[]);
    push(
        "lost_flight",
        &[0, 0, 0, DROP, DROP, WAIT, 11, DROP, WAIT, 21],
        &[],
    );
    push("doubled", &[DOUBLE; 8], &[]);
    push("delayed", &[0, 0, 0, DELAY, 0, 0, DELAY, 0, 0], &[]);
    // The server's last flight is lost; the client's next records arrive in one datagram.
    let lost = [0, 0, 0, 0, 0, DROP, WAIT, 11, WAIT, 21, WAIT, 41];
    push(
        "asked_again",
        &[&lost[..], &[JOIN, JOIN, JOIN]].concat(),
        &[],
    );
    push("joined", &[0, 0, 0, JOIN, JOIN, JOIN], &[]);
    push(
        "replayed",
        &[],
        &[
            REPLAY, 0, REPLAY, 3, REPLAY, 6, REPLAY, 9, SETTLE, TAKE, 0, TAKE, 1,
        ],
    );
    push(
        "reflected",
        &[],
        &[REFLECT, 1, REFLECT, 3, REFLECT, 7, SETTLE],
    );
    push("changed_hello", &[FLIP, 0, 200, WAIT, 11], &[]);
    push("changed_flight", &[0, 0, 0, FLIP, 1, 77, WAIT, 11], &[]);
    push("cut_flight", &[0, 0, 0, CUT, 0, 90, WAIT, 11], &[]);
    push(
        "restarted",
        &[],
        &[
            START_AGAIN,
            SETTLE,
            WAIT,
            21,
            SETTLE,
            SEND,
            1,
            0,
            9,
            SETTLE,
            TAKE,
            1,
        ],
    );
    let mut burst = Vec::new();
    for _ in 0..40 {
        burst.extend([SEND, 1, 16, 0, 0]);
    }
    push("burst", &[], &burst);
    push(
        "changed_packet",
        &[],
        &[
            SEND, 0, 0, 30, FLIP, 0, 130, SEND, 1, 0, 30, CUT, 0, 20, TAKE, 0, TAKE, 1,
        ],
    );
}

/// A server and clients: each connects and sends two packets, of which it gets one back.
fn endpoints(seeds: &mut Vec<Seed>) {
    use endpoint::event::{
        ANSWER, CLOSE, CLOSE_SERVED, CONNECT, CUT, DELAY, DOUBLE, DROP, FLIP, FORGE, INJECT,
        REPLAY, SEND, SETTLE, TAKE, WAIT,
    };
    let exchange = |client| [SEND, client, 0, 50, ANSWER, client, 4, 0, SETTLE, TAKE];
    let mut push = |name: &str, parts: &[&[u8]]| {
        seeds.push(("endpoint", name.to_owned(), parts.concat()));
    };
    let connect = [CONNECT, 0, CONNECT, 1, CONNECT, 2];
    let all = [exchange(0), exchange(1), exchange(2)].concat();
    let connected = [&connect[..], &[SETTLE], &all].concat();
    push("quiet", &[&connected]);
    push(
        "lost",
        &[&connect, &[DROP, WAIT, 11, 0, DROP, WAIT, 21, SETTLE], &all],
    );
    push(
        "disturbed",
        &[
            &connect,
            &[
                DOUBLE, FLIP, 1, 77, CUT, 0, 90, DELAY, WAIT, 11, SETTLE, WAIT, 21, SETTLE, WAIT,
                41, SETTLE,
            ],
            &all,
        ],
    );
    // The second client's datagrams come from the first one's address, too, and the server's go to the wrong client.
    let forged = [
        FORGE, 1, 1, 0, FORGE, 4, 1, 0, FORGE, 7, 0, 0, FORGE, 20, 1, 0,
    ];
    push("forged", &[&connected, &forged, &all]);
    push(
        "replayed",
        &[&connected, &[REPLAY, 0, REPLAY, 4, REPLAY, 20], &all],
    );
    push(
        "injected",
        &[&connect, &[INJECT, 1, 2, 0, 3, 22, 254, 253, SETTLE], &all],
    );
    push(
        "restarted",
        &[&connected, &[CONNECT, 1, SETTLE, WAIT, 21, SETTLE], &all],
    );
    push(
        "closed",
        &[&connected, &[CLOSE, 0, CLOSE_SERVED, 1, SETTLE], &all],
    );
}

/// Scripts that use the names in every place that the renamer knows.
fn texts(seeds: &mut Vec<Seed>) {
    const SERVER: &str = "extends Node\n\nvar server := UDPServer.new()\nvar dtls := DTLSServer.new() # a DTLSServer\nvar peers: Array[PacketPeerDTLS] = []\n\nfunc _ready():\n\tserver.listen(4242)\n\tdtls.setup(TlsOptions.server(load(\"key.key\"), load(\"UDPServer.crt\")))\n\nfunc _process(_delta):\n\twhile server.is_connection_available():\n\t\tvar peer: PacketPeerUDP = server.take_connection()\n\t\tvar secure := dtls.take_connection(peer)\n\t\tif secure is PacketPeerDTLS and secure.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:\n\t\t\tpeers.append(secure as PacketPeerDTLS)\n";
    const OWN_NAMES: &str = "class_name UDPServer extends \"base.gd\"\nconst TlsOptions = preload(\"tls_options.gd\")\nenum { PacketPeerUDP, B = 2 }\nsignal DTLSServer(a, b)\nclass Inner extends TlsOptions:\n\tvar UDPServer = 1\n\tfunc f(PacketPeerDTLS: int = 3) -> void:\n\t\tmatch PacketPeerDTLS:\n\t\t\tvar UDPServer when UDPServer > 1: pass\n";
    const STRINGS: &str = "var a = \"DTLSServer\" + 'UDPServer' + \"\"\"\nDTLSServer\n\"\"\" + r\"\\DTLSServer\" # DTLSServer\nvar b = $DTLSServer/UDPServer + %PacketPeerUDP.x + $\"UDPServer/x\"\nvar c = { UDPServer = 1, \"x\": UDPServer, UDPServer: 2 }\nvar d = a.DTLSServer % UDPServer if UDPServer else &\"UDPServer\" + ^\"DTLSServer\"\nvar e = func(x: UDPServer = UDPServer.new()) -> UDPServer: return x\nvar f = x \\\n\tas DTLSServer\r\n";
    const SCENE: &str = "[gd_scene load_steps=2 format=3 uid=\"uid://a\"]\n\n[sub_resource type=\"GDScript\" id=\"1\"]\nscript/source = \"extends Node\nvar a := DTLSServer.new() # \\\"UDPServer\\\" \\u0044TLSServer\nvar b = \\\"\\\\n\\\" + UDPServer\n\"\n\n[node name=\"UDPServer\" type=\"Node\"]\nscript = SubResource(\"1\")\nvalues = [1, 2.5, {\"a\": &\"b\"}, Vector2(1, 2), null]\n; a comment\n";
    const RESOURCE: &str = "[gd_resource type=\"GDScript\" format=3]\n\n[resource]\nscript/source = \"class_name A\nconst UDPServer = preload(\\\"res://b.gd\\\")\nvar x: DTLSServer\n\"\n";
    let project = [SERVER, OWN_NAMES, STRINGS].join(&renamer::BETWEEN.to_string());
    for (name, text) in [
        ("server", SERVER),
        ("own_names", OWN_NAMES),
        ("strings", STRINGS),
        ("scene", SCENE),
        ("resource", RESOURCE),
        ("project", &project),
    ] {
        seeds.push(("renamer", name.to_owned(), text.as_bytes().to_vec()));
    }
}

fn credentials(seeds: &mut Vec<Seed>) -> Result<()> {
    let mut push = |name: &str, key: &[u8], certificates: &[u8]| {
        let input = [key, &[pem::BETWEEN], certificates].concat();
        seeds.push(("pem", name.to_owned(), input));
    };
    push("fixtures", KEY.as_bytes(), CERTIFICATE.as_bytes());
    let authority = Authority::new("Fuzzing root")?.intermediate("Intermediate")?;
    for (name, key) in [
        ("rsa", KeyKind::Rsa2048),
        ("p384", KeyKind::P384),
        ("ed25519", KeyKind::Ed25519),
    ] {
        let leaf = Leaf {
            key,
            ..Leaf::localhost()
        };
        let identity = authority.issue(&leaf)?;
        push(name, &identity.key_pem()?, &identity.chain_pem()?);
    }
    let padded = certificates::Identity::self_signed(&Leaf {
        key: KeyKind::P256,
        has_padded_serial: true,
        ..Leaf::localhost()
    })?;
    push("padded", &padded.key_pem()?, &padded.chain_pem()?);
    let encrypted = identity_with_password(&authority)?;
    push("encrypted", &encrypted, CERTIFICATE.as_bytes());
    push("mismatch", KEY.as_bytes(), &authority.certificate_pem()?);
    Ok(())
}

fn identity_with_password(authority: &Authority) -> Result<Vec<u8>> {
    Ok(authority
        .issue(&Leaf::localhost())?
        .encrypted_key_pem("password")?)
}
