//! `--multiplayer`: one server process with many clients in another, on the engine's ENet and on ours.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::options::Options;
use super::plot;
use crate::environment::prepare;
use crate::files::{self, Access};
use crate::library::Profile;
use crate::network::godot::{Classes, scene, wait_for_port};
use crate::process::{self, Finished, raise_file_limit};
use crate::project::Headless;
use crate::{check, workspace};

/// Frames a second of the server, as games have them, and of the clients.
const SERVER_FRAMES: u32 = 60;
const CLIENT_FRAMES: u32 = 100;
/// Packets a second of each client, and to each client.
const PACKETS: f64 = 20.0;
/// How many clients join at once.
const AT_ONCE: u16 = 100;
/// For joining, and for all else but the measurement.
const LIMIT: Duration = Duration::from_secs(60);

/// A kind of server: its name, its classes, and whether it is encrypted. The clients are always ours, so that all
/// servers have the same load.
type Kind = (&'static str, Classes, bool);

const KINDS: [Kind; 3] = [
    ("engine, plain", Classes::Engine, false),
    ("addon, plain", Classes::Ours, false),
    ("addon, encrypted", Classes::Ours, true),
];

/// One thing measured of all kinds.
struct Row {
    name: String,
    unit: &'static str,
    values: [f64; KINDS.len()],
}

/// What the two processes counted.
struct Sample {
    server: Value,
    clients: Value,
    seconds: f64,
    peers: f64,
}

/// Measures, and prints a table; fails if a server lost a client, or a process printed an error.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    ensure!(
        cfg!(target_os = "linux"),
        "times and memory of a process are read from Linux' /proc"
    );
    let context = prepare(Profile::Release)?;
    raise_file_limit();
    let mut rows = Vec::new();
    let mut costs = KINDS.map(|(name, ..)| (name, Vec::new()));
    for &peers in &options.peers {
        workspace::step(&format!("Measuring servers with {peers} clients"));
        let mut samples = Vec::new();
        for kind in KINDS {
            let sample = measure(&context.godot, kind, peers, options.seconds);
            samples.push(sample.with_context(|| format!("{}, {peers} clients", kind.0))?);
        }
        let of_peers = rows_of(peers, &samples)?;
        for ((_, points), cost) in costs.iter_mut().zip(of_peers[0].values) {
            points.push((peers.into(), cost));
        }
        rows.extend(of_peers);
    }
    print!("{}", table(&rows));
    if let Some(path) = &options.json {
        let list: Vec<_> = rows.iter().map(Row::to_json).collect();
        let text = serde_json::to_string_pretty(&list)? + "\n";
        files::write(path, text.as_bytes(), Access::Usual)?;
    }
    if options.plot {
        let chart = plot::draw_multiplayer(costs, &workspace::charts())?;
        println!("{}", chart.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(godot: &Headless, kind: Kind, peers: u16, seconds: u64) -> Result<Sample> {
    let (_, classes, is_encrypted) = kind;
    let mut settings = vec![
        format!("encrypted={}", u8::from(is_encrypted)),
        format!("clients={peers}"),
        format!("seconds={seconds}"),
    ];
    let name = "benchmarks/multiplayer_server";
    let server = scene(godot, name, SERVER_FRAMES, classes, &settings);
    let mut server = process::start(server, None)?;
    settings.push(format!("port={}", wait_for_port(&mut server)?));
    let name = "benchmarks/multiplayer_clients";
    let clients = scene(godot, name, CLIENT_FRAMES, Classes::Ours, &settings);
    let limit = LIMIT + Duration::from_secs(seconds);
    let clients = process::start(clients, None)?.finish(limit)?;
    let clients = read(&clients, "CLIENTS ").map_err(|error| {
        server.take_in();
        error.context(process::tail(server.lines()))
    })?;
    Ok(Sample {
        server: read(&server.finish(LIMIT)?, "SERVER ")?,
        clients,
        seconds: seconds as f64,
        peers: peers.into(),
    })
}

/// The line of results of a process that ran to its end without a problem.
fn read(finished: &Finished, mark: &str) -> Result<Value> {
    check::ensure_no_problem(mark.trim_end(), &finished.lines, &[])?;
    let line = finished
        .lines
        .iter()
        .find_map(|line| line.strip_prefix(mark));
    let line = line.filter(|_| finished.succeeded());
    let line = line.with_context(|| format!("{}\n{}", finished.end(), finished.tail()))?;
    Ok(serde_json::from_str(line)?)
}

/// The rows of all kinds with so many peers; the cost of a packet is the first.
fn rows_of(peers: u16, samples: &[Sample]) -> Result<Vec<Row>> {
    let row = |name: String, unit, value: &dyn Fn(&Sample) -> Option<f64>| -> Result<Row> {
        let mut values = [0.0; KINDS.len()];
        for (to, sample) in values.iter_mut().zip(samples) {
            let text = || format!("{name}: {} {}", sample.server, sample.clients);
            *to = value(sample).with_context(text)?;
        }
        Ok(Row { name, unit, values })
    };
    let mut rows = vec![
        row(
            format!("processor time per packet, {peers} peers"),
            "µs",
            &Sample::cost,
        )?,
        row(format!("frame, {peers} peers, median"), "ms", &|sample| {
            Some(sample.server["frame_median_usec"].as_f64()? / 1e3)
        })?,
        row(
            format!("frame, {peers} peers, 99th percentile"),
            "ms",
            &|sample| Some(sample.server["frame_99_usec"].as_f64()? / 1e3),
        )?,
        row(
            format!("sent by {peers} peers, of 20 packets a second"),
            "%",
            &|sample| Some(sample.share(sample.clients["sent"].as_f64()? / sample.peers)),
        )?,
        row(
            format!("arrived from the slowest of {peers} peers"),
            "%",
            &|sample| Some(sample.share(sample.server["fewest"].as_f64()?)),
        )?,
        row(
            format!("arrived at the slowest of {peers} peers"),
            "%",
            &|sample| Some(sample.share(sample.clients["fewest"].as_f64()?)),
        )?,
    ];
    // With fewer, the process' other memory hides it.
    if peers >= AT_ONCE {
        rows.push(row(
            format!("memory of a peer, {peers} peers"),
            "KB",
            &|sample| Some(sample.server["kilobytes"].as_f64()? * 1.024 / sample.peers),
        )?);
        rows.push(row(
            format!("{AT_ONCE} join at once, of {peers}"),
            "ms",
            &|sample| sample.clients["joined_msec"].as_f64(),
        )?);
    }
    Ok(rows)
}

impl Sample {
    /// Microseconds of all of the server's threads for each packet that it received or sent.
    fn cost(&self) -> Option<f64> {
        let packets = self.server["received"].as_f64()? + self.server["sent"].as_f64()?;
        Some(self.server["processor_usec"].as_f64()? / packets)
    }

    /// A number of one peer's packets, as a percentage of those that it sends or is sent in that time.
    fn share(&self, packets: f64) -> f64 {
        100.0 * packets / (PACKETS * self.seconds)
    }
}

impl Row {
    /// What ours encrypted is, in units of the engine's plain.
    fn ratio(&self) -> f64 {
        self.values[2] / self.values[0]
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "unit": self.unit,
            "engine_plain": self.values[0],
            "addon_plain": self.values[1],
            "addon_encrypted": self.values[2],
            "ratio": self.ratio(),
        })
    }
}

/// All rows, as docs/performance.md has them.
fn table(rows: &[Row]) -> String {
    let names = KINDS.map(|(name, ..)| name).join(" | ");
    let mut text = format!("| | {names} | encrypted / engine |\n| --- | --- | --- | --- | --- |\n");
    for row in rows {
        let values = row
            .values
            .map(|value| format!("{} {}", super::row::short(value), row.unit))
            .join(" | ");
        text += &format!("| {} | {values} | {:.2} |\n", row.name, row.ratio());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(processor_usec: f64) -> Sample {
        Sample {
            server: json!({
                "processor_usec": processor_usec, "received": 2_000, "sent": 2_000, "fewest": 190,
                "frame_median_usec": 500, "frame_99_usec": 1_500, "kilobytes": 1_000,
            }),
            clients: json!({ "joined_msec": 40, "sent": 20_000, "received": 2_000, "fewest": 200 }),
            seconds: 10.0,
            peers: 100.0,
        }
    }

    #[test]
    fn rows_have_a_value_of_each_kind() {
        let samples = [8_000.0, 4_000.0, 12_000.0].map(sample);
        let rows = rows_of(100, &samples).unwrap();
        assert_eq!(rows[0].values, [2.0, 1.0, 3.0]);
        let table = table(&rows);
        for line in [
            "| processor time per packet, 100 peers | 2.00 µs | 1.00 µs | 3.00 µs | 1.50 |",
            "| frame, 100 peers, 99th percentile | 1.50 ms | 1.50 ms | 1.50 ms | 1.00 |",
            "| arrived from the slowest of 100 peers | 95.0 % | 95.0 % | 95.0 % | 1.00 |",
            "| memory of a peer, 100 peers | 10.2 KB | 10.2 KB | 10.2 KB | 1.00 |",
        ] {
            assert!(table.contains(line), "{line} in\n{table}");
        }
        assert!(rows_of(10, &samples).unwrap().len() < rows.len());
    }

    #[test]
    fn a_count_that_is_missing_is_an_error() {
        let mut samples = [1.0, 1.0, 1.0].map(sample);
        samples[1].server = json!({});
        assert!(rows_of(10, &samples).is_err());
    }
}
