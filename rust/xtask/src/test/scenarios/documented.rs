//! The documented scripts: they are unchanged, they run, and what they send is DTLS.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::{Context as _, Result, ensure};
use openssl::sha::sha256;
use testkit::To;
use testkit::relay::Relay;

use super::Context;
use crate::documented_pair::{DOCUMENTED_PORT, DocumentedPair, Ending};
use crate::fixture::Fixture;
use crate::network::records::{self, Record};
use crate::workspace;

/// SHA-256 of the scripts as they were documented.
const PINNED: &[(&str, &str)] = &[
    (
        "server_node.gd",
        "ff1a73c0957c510b497c4c126ad04ef778c9e1e45d4fb58bb554223d2fde69de",
    ),
    (
        "client_node.gd",
        "c9fe8f2ca1ac748997f905e3a49ecc3320f8c731f1e72c477c35e5aa7c73274e",
    ),
];

/// The default budget for a datagram, in bytes of UDP payload.
const LARGEST_DATAGRAM: usize = 1_200;

/// Long enough for a handshake with a lost datagram.
const ENDING: Ending = Ending::AfterSeconds(5);

/// The scripts equal the documented ones byte for byte.
pub(crate) fn equals_shared(_: &Context) -> Result<()> {
    let ours = workspace::godot_project().join("documented");
    let shared = workspace::root().join("../shared/documented");
    for (name, pinned) in PINNED {
        let script = fs::read(ours.join(name)).with_context(|| format!("{name} cannot be read"))?;
        let digest: String = sha256(&script)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        ensure!(
            digest == *pinned,
            "{name} was changed: its SHA-256 is {digest}"
        );
        if shared.is_dir() {
            let original = fs::read(shared.join(name))?;
            ensure!(
                script == original,
                "{name} differs from the one in {}",
                shared.display()
            );
        }
    }
    Ok(())
}

/// They exchange their messages over OpenSSL, and both processes end without an error or a leak.
pub(crate) fn runs(context: &Context) -> Result<()> {
    let pair = DocumentedPair {
        server: &context.godot,
        client: &context.godot,
        project: &workspace::godot_project(),
        port: DOCUMENTED_PORT,
        ending: ENDING,
    };
    pair.run().map(drop)
}

/// They send DTLS 1.2 after a cookie exchange, encrypted, in datagrams within the budget.
pub(crate) fn on_the_wire(context: &Context) -> Result<()> {
    let port = UdpSocket::bind("0.0.0.0:0")?.local_addr()?.port();
    let relay = Relay::capture(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let project = Fixture::documented(port, relay.address()?.port())?;
    project.import(context)?;
    let pair = DocumentedPair {
        server: &context.godot,
        client: &context.godot,
        project: project.path(),
        port,
        ending: ENDING,
    };
    pair.run()?;

    let flows = relay.flows();
    let mut passed: Vec<(To, Record)> = Vec::new();
    for datagram in flows.iter().flat_map(|flow| flow.captured()) {
        let size = datagram.bytes.len();
        ensure!(size <= LARGEST_DATAGRAM, "a datagram has {size} bytes");
        for secret in ["La risposta", "Ciao cliente"] {
            let readable = datagram
                .bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            ensure!(!readable, "`{secret}` is readable on the wire");
        }
        let found = records::parse(&datagram.bytes).with_context(|| {
            format!(
                "a datagram of {size} bytes to the {:?} is not DTLS",
                datagram.to
            )
        })?;
        passed.extend(found.into_iter().map(|record| (datagram.to, record)));
    }
    let hello = Some(records::CLIENT_HELLO);
    let request = Some(records::HELLO_VERIFY_REQUEST);
    for (receiver, first) in [(To::Server, hello), (To::Client, request)] {
        let record = passed.iter().find(|(to, _)| *to == receiver);
        ensure!(
            record.is_some_and(|(_, record)| record.handshake == first),
            "to the {receiver:?}: the first record is not of handshake type {first:?}: {record:?}"
        );
    }
    for (to, record) in &passed {
        let may_be_older = record.handshake == hello || record.handshake == request;
        let version_is_right = record.version == records::DTLS_1_2
            || may_be_older && record.version == records::DTLS_1_0;
        ensure!(version_is_right, "to the {to:?}: not DTLS 1.2: {record:?}");
        let is_data = record.content_type == records::APPLICATION_DATA;
        ensure!(
            !is_data || record.epoch > 0,
            "to the {to:?}: data before encryption: {record:?}"
        );
    }
    for receiver in [To::Server, To::Client] {
        let data = passed.iter().any(|(to, record)| {
            *to == receiver && record.content_type == records::APPLICATION_DATA
        });
        ensure!(data, "no data went to the {receiver:?}");
    }
    Ok(())
}
