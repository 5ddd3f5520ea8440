//! A script's logger drops an object while one of its methods prints.
//!
//! The addon's debug build then makes freed memory inaccessible: OPENSSL_DTLS_GUARD_MEMORY, see the crate
//! `guarded_memory`. A use of freed memory ends the process.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Context, kinds};
use crate::fixture::Fixture;
use crate::{check, process};

/// Each script of the fixture, which texts its errors may have, and how many objects it drops.
const SCRIPTS: &[(&str, &[&str], usize)] = &[
    ("concurrent_handshakes.gd", &[], 12),
    ("engine_peer.gd", &[], 1),
    (
        "invalid_arguments.gd",
        &[
            "PacketPeerDTLS",
            "DTLSServer",
            "UDPServer",
            "PacketPeerUDP",
            "err != OK",
        ],
        18,
    ),
];

/// No method uses memory that was freed while it printed.
pub(crate) fn run(context: &Context) -> Result<()> {
    if !context.godot.version().has_script_loggers() {
        println!("This engine has no script loggers.");
        return Ok(());
    }
    let project = Fixture::named("freed_while_printing")?;
    project.import(context)?;
    for (script, allowed, count) in SCRIPTS {
        let mut command = context.godot.command(project.path());
        command.args(["-s", &format!("res://{script}")]);
        command.env("OPENSSL_DTLS_GUARD_MEMORY", "1");
        command.env("OPENSSL_DTLS_LOG", "1");
        let finished = process::run(command, Duration::from_secs(60))?;
        check::ensure_no_problem(script, &finished.lines, allowed)?;
        ensure!(
            finished.succeeded(),
            "{script} ended with {}:\n{}",
            finished.end(),
            finished.tail()
        );
        kinds::has(&finished.lines, &format!("freed: {count}"))?;
    }
    Ok(())
}
