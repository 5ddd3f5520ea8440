//! `cargo xtask test`: Rust tests, a short fuzz, GDScript suites and scenarios, and one sum of them all.

use std::process::ExitCode;

use anyhow::Result;

use crate::environment::prepare;
use crate::{library, workspace};

mod emulated;
mod in_godot;
mod linux_arm64;
mod programs;
mod rust;
mod scenarios;
mod selection;
mod short_fuzz;
mod suites;
mod tally;
mod windows;

use selection::selects;
use tally::Tally;

/// A platform whose tests run in an emulator on Linux.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Emulated {
    /// Windows on x86-64, by Wine
    Windows,
    /// Linux on 64-bit ARM, by QEMU
    LinuxArm64,
}

impl Emulated {
    /// Runs those of its tests whose names contain one of the filters, or all.
    pub(crate) fn run(self, filters: &[String]) -> Result<ExitCode> {
        match self {
            Self::Windows => windows::run(filters),
            Self::LinuxArm64 => linux_arm64::run(filters),
        }
    }
}

/// Runs the tests whose names contain one of the filters, or all.
pub(crate) fn run(filters: &[String]) -> Result<ExitCode> {
    let is_selected = |name: &str| selects(filters, name);
    let mut tally = Tally::default();
    workspace::step("Rust tests");
    if let Err(error) = rust::run(filters, &mut tally) {
        tally.fail(format!("{error:#}"));
    }
    let targets = short_fuzz::TARGETS.iter().copied();
    let targets = targets.filter(|target| is_selected(&format!("fuzz_{target}")));
    if let Err(error) = short_fuzz::run(&targets.collect::<Vec<_>>(), &mut tally) {
        tally.fail(format!("short fuzz: {error:#}"));
    }

    let mut suites = suites::all()?;
    suites.retain(|suite| is_selected(&suite.name));
    let mut scenarios = scenarios::ALL.to_vec();
    scenarios.retain(|(name, _)| is_selected(name));
    if !suites.is_empty() || !scenarios.is_empty() {
        match prepare(library::Profile::Debug) {
            Ok(context) => in_godot::run(&context, &suites, &scenarios, &mut tally)?,
            Err(error) => tally.fail(format!("tests in Godot could not be started: {error:#}")),
        }
    }

    tally.print();
    Ok(tally.exit_code())
}
