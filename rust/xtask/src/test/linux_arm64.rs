//! `cargo xtask test --platform linux-arm64`: the tests, for Linux on 64-bit ARM, under QEMU.
//!
//! The Rust tests of the layers below Godot, and Debian's Godot for that processor with the library for it. This
//! machine's Godot imports the project, and is the other side of two documented pairs.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;

use super::emulated::{self, LeftOut};
use super::scenarios::{self, Scenario};
use super::selection::selects;
use super::tally::Tally;
use super::{in_godot, programs, suites};
use crate::documented_pair::{DOCUMENTED_PORT, DocumentedPair, Ending};
use crate::environment::{Context, prepare};
use crate::platform::Platform;
use crate::platform::toolchain::Toolchain;
use crate::project::Headless;
use crate::{emulation, files, godot, library, workspace};

const PLATFORM: Platform = Platform::LinuxArm64;

/// The layers below Godot.
const PACKAGES: &[&str] = &["drop_in", "dtls", "endpoint", "enet", "udp"];

/// The variable that says on how many networks handshakes are simulated, and its value here: 1,000 take more than a
/// quarter of an hour emulated.
const NETWORKS: (&str, &str) = ("DTLS_SEEDS", "100");

/// Why scenarios are not run, and which.
const LEFT_OUT: LeftOut = &[
    (
        "it runs no Godot",
        &[
            "documented_pair_equals_shared",
            "documents_name_what_exists",
        ],
    ),
    (
        "it runs the editor, which takes minutes to start emulated",
        &[
            "a_package_works_in_an_empty_project",
            "scripts_saved_in_the_editor_are_reloaded",
            "the_class_reference_is_complete",
            "the_editor_converts_a_project",
            "the_editor_reloads_the_addon",
            "the_first_headless_import_ends_in_order",
        ],
    ),
    (
        "it exports by the editor, for x86-64",
        &[
            "exported_downloadable_content_runs_on_openssl",
            "exported_games_run_on_openssl",
            "exported_packs_run_on_openssl",
            "exported_patches_run_on_openssl",
            "exports_are_not_stale_after_an_edit",
            "exports_fail_rather_than_ship_half",
            "exports_look_for_the_platforms_library",
            "exports_say_what_is_not_customized",
            "exports_without_a_library",
            "exports_without_the_addon",
            "exports_without_the_drop_in",
            "exports_work_beside_other_export_plugins",
        ],
    ),
    (
        "it measures time or a load, which is QEMU's here",
        &[
            "a_path_that_swallows_large_datagrams_is_crossed",
            "a_soak_leaves_nothing_behind",
            "drop_in_costs_little_at_start",
            "players_calls_arrive_once_and_in_order",
            "players_do_not_notice_a_flood_of_hellos",
        ],
    ),
];

/// Runs those whose names contain one of the filters, or all.
pub(super) fn run(filters: &[String]) -> Result<ExitCode> {
    let toolchain = emulated::toolchain(PLATFORM)?;
    let tree = godot::arm64::tree()?;
    if !emulation::is_entered() {
        return emulation::enter(&godot::arm64::qemu()?, &tree);
    }

    let is_selected = |name: &str| selects(filters, name);
    let mut tally = Tally::default();
    workspace::step(&format!("Rust tests for {PLATFORM}"));
    if let Err(error) = run_rust(&toolchain, filters, &is_selected, &mut tally) {
        tally.fail(format!("{error:#}"));
    }
    let mut suites = suites::all()?;
    suites.retain(|suite| is_selected(&suite.name));
    let mut scenarios = scenarios::ALL.to_vec();
    scenarios.retain(|(name, _)| is_selected(name));
    let pairs = PAIRS.iter().filter(|pair| is_selected(pair.name));
    let pairs: Vec<_> = pairs.collect();
    if !suites.is_empty() || !scenarios.is_empty() || !pairs.is_empty() {
        match prepare_godot(&toolchain, &tree) {
            Ok((own, emulated)) => {
                for pair in pairs {
                    tally.record(pair.name, pair.run(&own.godot, &emulated.godot));
                }
                for (name, reason) in leave_out(&mut scenarios) {
                    tally.leave_out(name, reason);
                }
                in_godot::run(&emulated, &suites, &scenarios, &mut tally)?;
            }
            Err(error) => tally.fail(format!("tests in Godot could not be started: {error:#}")),
        }
    }
    tally.print();
    Ok(tally.exit_code())
}

fn run_rust(
    toolchain: &Toolchain,
    filters: &[String],
    is_selected: &dyn Fn(&str) -> bool,
    tally: &mut Tally,
) -> Result<()> {
    let built = programs::build(toolchain.cargo("test")?, PACKAGES)?;
    let (variable, networks) = NETWORKS;
    workspace::step(&format!("Simulating {networks} networks instead of 1,000"));
    // The kernel starts QEMU.
    let call = |program: &Path| {
        let mut command = Command::new(program);
        command.env(variable, networks);
        command
    };
    programs::run(&built, &call, is_selected, tally)?;
    emulated::run_examples(toolchain.cargo("test")?, PACKAGES, filters, tally)
}

/// Builds the library for both processors, and imports the project; the result has this machine's Godot and the
/// emulated one.
fn prepare_godot(toolchain: &Toolchain, tree: &Path) -> Result<(Context, Context)> {
    workspace::step(&format!("Building the addon for {PLATFORM}"));
    let built = library::compile_with(toolchain.cargo("build")?)?;
    let placed = workspace::addon().join("bin").join(PLATFORM.file_name());
    files::copy(&built, &placed)?;
    let own = prepare(library::Profile::Debug)?;
    let emulated = own.godot.emulated(godot::arm64::godot(tree)?)?;
    Ok((own, Context { godot: emulated }))
}

/// The documented pair on two processors.
struct MixedPair {
    name: &'static str,
    server_is_emulated: bool,
}

const PAIRS: &[MixedPair] = &[
    MixedPair {
        name: "the_documented_server_on_arm64_talks_to_this_machine",
        server_is_emulated: true,
    },
    MixedPair {
        name: "the_documented_client_on_arm64_talks_to_this_machine",
        server_is_emulated: false,
    },
];

impl MixedPair {
    fn run(&self, own: &Headless, emulated: &Headless) -> Result<()> {
        let (server, client) = if self.server_is_emulated {
            (emulated, own)
        } else {
            (own, emulated)
        };
        let pair = DocumentedPair {
            server,
            client,
            project: &workspace::godot_project(),
            port: DOCUMENTED_PORT,
            // The two take different times to start, so that neither ends by itself in time for the other.
            ending: Ending::Stopped,
        };
        pair.run().map(drop)
    }
}

/// Removes the scenarios that are not run; the result is their names and the reasons.
fn leave_out(scenarios: &mut Vec<(&str, Scenario)>) -> Vec<(&'static str, &'static str)> {
    let mut removed = Vec::new();
    for (reason, names) in LEFT_OUT {
        for name in *names {
            let before = scenarios.len();
            scenarios.retain(|(own, _)| own != name);
            if scenarios.len() < before {
                removed.push((*name, *reason));
            }
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_removed_once_and_exists() {
        let mut scenarios = scenarios::ALL.to_vec();
        let removed = leave_out(&mut scenarios);
        let named: usize = LEFT_OUT.iter().map(|(_, names)| names.len()).sum();
        assert_eq!(removed.len(), named);
        assert_eq!(scenarios.len() + named, scenarios::ALL.len());
        assert!(leave_out(&mut scenarios).is_empty());
    }
}
