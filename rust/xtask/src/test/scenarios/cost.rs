//! How much later a project starts with the drop-in.
//!
//! The limits are far above what a release build needs, so that a debug build passes on a busy machine. They find
//! quadratic time, not small regressions.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::drop_in::turn_off;
use super::{Context, kinds};
use crate::fixture::Fixture;

/// 10 MB in all.
const SCRIPTS: usize = 2000;
const ADDED_WITHOUT_DTLS: Duration = Duration::from_millis(1_500);
const ADDED_WITH_DTLS: Duration = Duration::from_millis(3_000);

/// A project of 2,000 scripts starts nearly as fast as without the drop-in, with DTLS in none or 50 of them.
pub(crate) fn start_up(context: &Context) -> Result<()> {
    let without = project(0)?;
    let with = project(50)?;
    for project in [&without, &with] {
        // An import would take a minute, and the engine needs only the list of extensions.
        let data = project.path().join(".godot");
        fs::create_dir_all(&data)?;
        fs::write(
            data.join("extension_list.cfg"),
            "res://addons/openssl_dtls/openssl_dtls.gdextension\n",
        )?;
    }
    let without_dtls = fastest(context, &without)?;
    let first = started(context, &with)?;
    let with_dtls = fastest(context, &with)?;
    turn_off(without.path())?;
    let off = fastest(context, &without)?;
    println!(
        "start-up: {off:?} with the drop-in off, {without_dtls:?} without DTLS, {first:?} and then {with_dtls:?} with DTLS in 50 scripts"
    );
    ensure!(
        without_dtls < off + ADDED_WITHOUT_DTLS,
        "{without_dtls:?} instead of {off:?}"
    );
    for time in [first, with_dtls] {
        ensure!(time < off + ADDED_WITH_DTLS, "{time:?} instead of {off:?}");
    }
    Ok(())
}

fn fastest(context: &Context, project: &Fixture) -> Result<Duration> {
    let times: Vec<Duration> = (0..5)
        .map(|_| started(context, project))
        .collect::<Result<_>>()?;
    Ok(times.into_iter().min().unwrap_or_default())
}

fn started(context: &Context, project: &Fixture) -> Result<Duration> {
    let start = Instant::now();
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    let time = start.elapsed();
    kinds::has(&finished.lines, "up")?;
    Ok(time)
}

/// A project of many scripts, some of which use DTLS.
fn project(users: usize) -> Result<Fixture> {
    let project = Fixture::of_scripts(
        SCRIPTS,
        "extends Node\nfunc _ready() -> void:\n\tprint(\"up\")\n\tget_tree().quit()\n",
    )?;
    for number in (0..SCRIPTS).step_by(SCRIPTS / 50).take(users) {
        let folder = project.path().join(format!("part_{}", number / 50));
        let mut script = fs::OpenOptions::new()
            .append(true)
            .open(folder.join(format!("script_{number}.gd")))?;
        script.write_all(b"\n\nvar dtls := PacketPeerDTLS.new()\nvar udp: PacketPeerUDP\n")?;
    }
    Ok(project)
}
