//! What `cargo xtask bench` measures, and what it writes.

use std::path::PathBuf;

/// What to measure, and what to write.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Also write the rows to a file
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Measure more sizes and more peers
    #[arg(long)]
    pub(super) full: bool,
    /// Also draw docs/charts
    #[arg(long)]
    pub(super) plot: bool,
    /// Measure what the addon costs a project without DTLS when it starts, and nothing else (Linux)
    #[arg(long, conflicts_with_all = ["json", "full", "plot"])]
    pub(super) start_up: bool,
    /// Measure servers of the multiplayer API with many clients, and nothing else (Linux)
    #[arg(long, conflicts_with_all = ["full", "start_up"])]
    pub(super) multiplayer: bool,
    /// How many clients the servers of --multiplayer have, one number after the other
    #[arg(long, requires = "multiplayer", value_delimiter = ',', default_values_t = [10, 100, 500],
        value_parser = clap::value_parser!(u16).range(1..=4_000))]
    pub(super) peers: Vec<u16>,
    /// For how long --multiplayer measures each server
    #[arg(long, requires = "multiplayer", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) seconds: u64,
}
