//! What the addon costs a project without DTLS: time and memory when it starts.

use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::fixture::Fixture;
use crate::library::Profile;
use crate::platform::build;
use crate::project::{Headless, list_the_addon};
use crate::{check, process};

/// Starts of each project, the two in turn.
const RUNS: usize = 20;
/// Scripts of 5 KB in the projects, none of which is loaded.
const SCRIPTS: [usize; 2] = [0, 1_000];
const LIMIT: Duration = Duration::from_secs(120);

/// Prints what Linux says of the process' memory and of its main thread's time, and ends.
const MAIN: &str = "\
extends Node

func _ready() -> void:
	var status := FileAccess.open(\"/proc/self/status\", FileAccess.READ)
	while status and not status.eof_reached():
		var line := status.get_line()
		if line.begins_with(\"VmRSS:\") or line.begins_with(\"RssAnon:\"):
			print(line)
	print(\"ran: \", FileAccess.open(\"/proc/self/schedstat\", FileAccess.READ).get_line())
	get_tree().quit()
";

/// One start of a project, from the process' begin to its end.
struct Start {
    milliseconds: f64,
    /// What the main thread ran until the main scene's `_ready()`, whatever else the machine did.
    processor_milliseconds: f64,
    /// All that is resident, the library's pages included.
    resident: f64,
    /// That which is of no file: heap, stacks, relocated data.
    anonymous: f64,
}

/// A name with its unit, and the value.
type Measure = (&'static str, fn(&Start) -> f64);

/// Builds the release library, and prints medians of projects with and without the addon.
pub(super) fn run() -> Result<ExitCode> {
    ensure!(
        cfg!(target_os = "linux"),
        "the memory of a process is read from Linux' /proc"
    );
    let library = build::for_this_machine(Profile::Release)?;
    let godot = Headless::new()?;
    println!(
        "library: {:.2} MB",
        fs::metadata(library)?.len() as f64 / 1e6
    );
    println!("scripts  measure            without     with    added");
    for scripts in SCRIPTS {
        let with = Fixture::of_scripts(scripts, MAIN)?;
        let without = Fixture::of_scripts(scripts, MAIN)?;
        // The engine needs no import but the list of extensions.
        list_the_addon(with.path())?;
        fs::remove_dir_all(without.path().join("addons"))?;
        let mut starts = [Vec::new(), Vec::new()];
        for _ in 0..=RUNS {
            for (project, starts) in [&without, &with].into_iter().zip(&mut starts) {
                starts.push(start(&godot, project)?);
            }
        }
        let measures: [Measure; 4] = [
            ("start to end, ms", |start| start.milliseconds),
            ("main thread, ms", |start| start.processor_milliseconds),
            ("resident, MB", |start| start.resident),
            ("anonymous, MB", |start| start.anonymous),
        ];
        for (name, measure) in measures {
            // The first start of each fills the system's caches.
            let [without, with] = starts
                .each_ref()
                .map(|starts| median(starts[1..].iter().map(measure).collect()));
            println!(
                "{scripts:>7}  {name:16}  {without:>8.1} {with:>8.1} {:>8.1}",
                with - without
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn start(godot: &Headless, project: &Fixture) -> Result<Start> {
    let begin = Instant::now();
    let finished = process::run(godot.command(project.path()), LIMIT)?;
    let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
    check::ensure_no_problem("Godot", &finished.lines, &[])?;
    ensure!(finished.succeeded(), "Godot: {}", finished.end());
    let megabytes = |name: &str| {
        let value = finished.lines.iter().find_map(|line| kilobytes(line, name));
        value
            .map(|kilobytes| kilobytes * 1024.0 / 1e6)
            .with_context(|| format!("no line {name}:\n{}", finished.tail()))
    };
    let ran = finished.lines.iter().find_map(|line| nanoseconds(line));
    let ran = ran.with_context(|| format!("no line ran:\n{}", finished.tail()))?;
    Ok(Start {
        milliseconds,
        processor_milliseconds: ran / 1e6,
        resident: megabytes("VmRSS:")?,
        anonymous: megabytes("RssAnon:")?,
    })
}

/// Reads `VmRSS:     95092 kB`.
fn kilobytes(line: &str, name: &str) -> Option<f64> {
    line.strip_prefix(name)?
        .trim()
        .strip_suffix(" kB")?
        .parse()
        .ok()
}

/// Reads `ran: 131072000 64000 12`, of which the first is the time on a processor.
fn nanoseconds(line: &str) -> Option<f64> {
    let (ran, _) = line.strip_prefix("ran: ")?.split_once(' ')?;
    ran.parse().ok()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_time_are_read_from_linux_lines() {
        assert_eq!(kilobytes("VmRSS:\t   95092 kB", "VmRSS:"), Some(95092.0));
        assert_eq!(kilobytes("RssAnon:\t 1 kB", "VmRSS:"), None);
        assert_eq!(nanoseconds("ran: 131072000 64000 12"), Some(131_072_000.0));
    }

    #[test]
    fn the_median_lies_between_the_two_in_the_middle() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 100.0]), 3.5);
        assert_eq!(median(vec![2.0, 1.0, 3.0]), 2.0);
    }
}
