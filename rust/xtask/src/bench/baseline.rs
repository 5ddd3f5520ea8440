//! The baseline: the same work done by libssl and UDP sockets alone, measured by rust/dtls/benches/baseline.rs in the
//! same run. For polls, the time of an empty call, measured by benchmark.gd.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::row::{Row, median};
use crate::{library, process, workspace};

const MARK: &str = "BASELINE ";
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// The program that measures it, and the samples by row.
pub(super) struct Baseline {
    program: PathBuf,
    samples: HashMap<String, Vec<Value>>,
}

impl Baseline {
    /// Builds the program in release mode.
    pub(super) fn build() -> Result<Self> {
        workspace::step("Building the baseline");
        let mut command = library::cargo();
        command.args([
            "bench",
            "--no-run",
            "--package",
            "dtls",
            "--bench",
            "baseline",
        ]);
        let mut program = None;
        library::follow_build(command, |message| {
            program = executable(message).or(program.take());
        })
        .context("the baseline")?;
        Ok(Self {
            program: program.context("cargo built the baseline, but named no program")?,
            samples: HashMap::new(),
        })
    }

    /// Takes samples, in addition to those taken before.
    pub(super) fn measure(&mut self, full: bool) -> Result<()> {
        workspace::step("Measuring libssl and UDP sockets alone");
        let mut command = Command::new(&self.program);
        if full {
            command.arg("full");
        }
        let finished = process::run(command, LIMIT)?;
        ensure!(
            finished.succeeded(),
            "the baseline could not be measured ({}):\n{}",
            finished.end(),
            finished.tail()
        );
        for line in &finished.lines {
            self.take(line);
        }
        Ok(())
    }

    /// Takes samples from a line, if it has any.
    pub(super) fn take(&mut self, line: &str) {
        if let Some((name, samples)) = read(line) {
            self.samples.entry(name).or_default().extend(samples);
        }
    }

    /// Sets each row's baseline; returns the names and values that belong to no row.
    pub(super) fn give_to(self, rows: &mut [Row]) -> Vec<(String, f64)> {
        let mut rest = Vec::new();
        for (name, samples) in self.samples {
            let baseline = median(&Value::Array(samples));
            match rows.iter_mut().find(|row| row.name == name) {
                Some(row) => row.baseline = baseline,
                None => rest.extend(baseline.map(|baseline| (name, baseline))),
            }
        }
        rest.sort_by(|(one, _), (other, _)| one.cmp(other));
        rest
    }
}

fn executable(message: &Value) -> Option<PathBuf> {
    let is_it = message["reason"] == "compiler-artifact" && message["target"]["name"] == "baseline";
    is_it.then(|| message["executable"].as_str().map(PathBuf::from))?
}

fn read(line: &str) -> Option<(String, Vec<Value>)> {
    let value: Value = serde_json::from_str(line.strip_prefix(MARK)?).ok()?;
    let name = value["name"].as_str()?.to_owned();
    Some((name, value["samples"].as_array()?.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_get_the_median_of_all_samples_of_their_name() {
        let line = r#"BASELINE {"name":"echo of 64 bytes","samples":[3.5, 1.0, 2.0]}"#;
        let (name, samples) = read(line).unwrap();
        let baseline = Baseline {
            program: PathBuf::new(),
            samples: HashMap::from([(name, samples)]),
        };
        let row = |name: &str| {
            let line = format!(
                r#"BENCH {{"name":"{name}","unit":"us","more_is_better":false,"ours":[3],"stock":[9]}}"#
            );
            Row::read(&line).unwrap()
        };
        let mut rows = [row("echo of 64 bytes"), row("memory")];
        assert!(baseline.give_to(&mut rows).is_empty());
        assert_eq!(rows[0].baseline, Some(2.0));
        assert_eq!(rows[1].baseline, None);
        assert!(read("running 0 tests").is_none());
    }

    #[test]
    fn what_belongs_to_no_row_is_returned() {
        let mut baseline = Baseline {
            program: PathBuf::new(),
            samples: HashMap::new(),
        };
        for line in [r#"BASELINE {"name":"sockets","samples":[3.0]}"#, "noise"] {
            baseline.take(line);
        }
        assert_eq!(baseline.give_to(&mut []), [("sockets".to_owned(), 3.0)]);
    }
}
