//! `cargo xtask bench`: the addon against the engine's own classes, in one Godot.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::files::{self, Access};
use crate::platform::build;
use crate::process::raise_file_limit;
use crate::project::Headless;
use crate::{certificates, check, library, process, workspace};

mod baseline;
mod multiplayer;
mod options;
mod plot;
mod row;
mod start_up;

use baseline::Baseline;
pub(crate) use options::Options;
use row::Row;

/// The last line of a benchmark that ran to its end.
const END: &str = "BENCH END";

/// Builds the release library, measures, and prints a table; fails if a sample could not be taken.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if options.start_up {
        return start_up::run();
    }
    if options.multiplayer {
        return multiplayer::run(options);
    }
    build::for_this_machine(library::Profile::Release)?;
    let mut baseline = Baseline::build()?;
    let godot = Headless::new()?;
    let project = workspace::godot_project();
    let identities = tempfile::Builder::new()
        .prefix("openssl-dtls-bench-")
        .tempdir()?;
    certificates::make_benchmark_set(identities.path())?;
    workspace::step("Importing the project");
    godot.import(&project)?;
    raise_file_limit();
    // Before and after, so that other load on the machine affects it as it affects the rest.
    baseline.measure(options.full)?;
    workspace::step("Measuring, the engine's classes and ours in turn");
    let mut command = godot.command(&project);
    command
        .args(["res://benchmarks/benchmark.tscn", "--"])
        .arg(identities.path());
    if options.full {
        command.arg("full");
    }
    let limit = Duration::from_secs(60 * if options.full { 30 } else { 10 });
    let mut rows = Vec::new();
    let finished = process::start(command, None)?.follow(limit, |line| {
        if let Some(row) = Row::read(line) {
            eprintln!("    {}", row.name);
            rows.push(row);
        }
        baseline.take(line);
    })?;
    baseline.measure(options.full)?;
    let rest = baseline.give_to(&mut rows);
    print!("{}", row::table(&rows));
    for (name, value) in rest {
        println!("libssl alone: {name}: {value:.0}");
    }
    if let Some(path) = &options.json {
        let list: Vec<_> = rows.iter().map(Row::to_json).collect();
        let text = serde_json::to_string_pretty(&list)? + "\n";
        files::write(path, text.as_bytes(), Access::Usual)?;
    }
    check::ensure_no_problem("Godot", &finished.lines, &[])?;
    ensure!(
        finished.succeeded() && finished.lines.iter().any(|line| line == END),
        "the benchmark did not run to its end ({}):\n{}",
        finished.end(),
        finished.tail()
    );
    let failed = rows.iter().find(|row| !row.is_complete());
    if let Some(row) = failed {
        bail!("{}: a sample could not be taken", row.name);
    }
    if options.plot {
        for chart in plot::draw(&rows, &workspace::charts())? {
            println!("{}", chart.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}
