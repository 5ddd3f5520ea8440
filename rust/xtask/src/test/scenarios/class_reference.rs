//! The class reference, as the editor shows it.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Context;
use crate::fixture::Fixture;
use crate::process;
use crate::project::list_the_addon;

/// The classes, each with a text from its description.
const CLASSES: [(&str, &str); 9] = [
    ("OpenSSLDropIn", "Line numbers stay the same"),
    ("OpenSSLDTLSServer", "RFC 6347 section 4.2.1"),
    ("OpenSSLPacketPeerDTLS", "Packets can be sent and taken."),
    (
        "OpenSSLUDPServer",
        "How many clients may wait for take_connection()",
    ),
    ("OpenSSLPacketPeerUDP", "Joins a multicast group"),
    ("OpenSSLTLSOptions", "An encrypted key must be given"),
    ("OpenSSLENetMultiplayerPeer", "Adds a peer to a mesh"),
    ("OpenSSLENetConnection", "Zstandard, which gains little"),
    ("OpenSSLENetPacketPeer", "Every interval milliseconds"),
];

/// How the names of the classes' constants begin.
const PREFIXES: [&str; 8] = [
    "STATUS_",
    "COMPRESS_",
    "EVENT_",
    "HOST_TOTAL_",
    "STATE_",
    "PEER_",
    "PACKET_",
    "FLAG_",
];

/// Every class, method, property and constant has a description.
pub(crate) fn is_complete(context: &Context) -> Result<()> {
    let project = Fixture::named("class_reference")?;
    list_the_addon(project.path())?;
    // The first time, the editor generates the reference of its own classes and leaves out those of extensions.
    read(context, &project)?;
    let lines = read(context, &project)?;
    for (class, description) in CLASSES {
        let prefix = format!("{class}| ");
        let page: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.strip_prefix(&prefix))
            .collect();
        ensure!(!page.is_empty(), "{class} has no page");
        for line in &page {
            ensure!(
                !line.contains("There is currently no description"),
                "something in {class} has no description:\n{}",
                page.join("\n")
            );
        }
        ensure!(
            page.iter().any(|line| line.contains(description)),
            "{class} does not say \"{description}\":\n{}",
            page.join("\n")
        );
        for (at, line) in page.iter().enumerate() {
            let described = page.get(at + 1).is_some_and(|next| !next.trim().is_empty());
            let is_constant = line.contains(" = ") && PREFIXES.iter().any(|it| line.contains(it));
            ensure!(
                !is_constant || described,
                "{line} has no description:\n{}",
                page.join("\n")
            );
        }
    }
    Ok(())
}

fn read(context: &Context, project: &Fixture) -> Result<Vec<String>> {
    let mut command = context.godot.command(project.path());
    command.arg("--editor");
    let finished = process::run(command, Duration::from_secs(90))?;
    ensure!(
        finished.succeeded(),
        "the editor: {}\n{}",
        finished.end(),
        finished.tail()
    );
    Ok(finished.lines)
}
