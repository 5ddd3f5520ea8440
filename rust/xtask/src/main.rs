//! The project's own commands: `cargo xtask COMMAND`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

mod bench;
mod cache;
mod certificates;
mod check;
mod check_windows;
mod demo;
mod deny;
mod documented_pair;
mod emulation;
mod environment;
mod files;
mod fixture;
mod flood;
mod godot;
mod library;
mod network;
mod openssl;
mod package;
mod platform;
mod process;
mod project;
mod release_notes;
mod sanitize;
mod soak;
mod test;
mod tools;
mod wine;
mod workspace;

/// Builds, runs and tests OpenSSL DTLS for Godot.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "GODOT4_BIN names a Godot 4.4 or newer, too; --godot comes first."
)]
struct Cli {
    /// Use this Godot, 4.4 or newer, and not the one that is found
    #[arg(long, global = true, value_name = "PROGRAM")]
    godot: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Build the addon into addons/openssl_dtls/bin
    Build(BuildOptions),
    /// Run Godot in this folder: the one on PATH, or Debian's, fetched on first use
    #[command(disable_help_flag = true)]
    Godot {
        /// Godot's arguments
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "-- ARGUMENTS"
        )]
        arguments: Vec<OsString>,
    },
    /// Build the addon and run the documented server and client on it
    Demo(BuildOptions),
    /// Run the Rust tests, a short fuzz, the GDScript tests and the scenarios
    Test {
        /// Run only what has one of these texts in its name
        filters: Vec<String>,
        /// Run what can be run of another platform, in an emulator
        #[arg(long)]
        platform: Option<test::Emulated>,
    },
    /// Measure the addon against the engine's own classes
    Bench(bench::Options),
    /// Connect, talk and disconnect 200 clients at a time over a bad link; look for leaks
    Soak {
        /// How long
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
        minutes: u64,
        /// Repeat the random choices of an earlier run
        #[arg(long)]
        seed: Option<u64>,
        /// Have 100 players of the multiplayer API come, play, leave and crash instead
        #[arg(long)]
        multiplayer: bool,
    },
    /// Send first ClientHellos from many addresses to a server with connected clients (Linux)
    Flood {
        /// ClientHellos in all
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
        hellos: u64,
        /// Addresses that send them
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
        addresses: u64,
        /// ClientHellos a second, answered or not; without it, as many as the server answers
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        rate: Option<u64>,
    },
    /// Run the Rust tests with AddressSanitizer and LeakSanitizer (Linux)
    Sanitize,
    /// Check the licences, sources and known vulnerabilities of the crates we depend on
    Deny,
    /// Print what CHANGELOG.md says of this version
    ReleaseNotes {
        /// The release's tag, which must be this version's
        tag: String,
    },
    /// Type-check the crates below Godot for Windows
    CheckWindows,
    /// Print which OpenSSL is compiled in, and whether the registry has a newer one
    Openssl,
    /// Pack the addon as users get it into dist/
    Package(package::Options),
}

#[derive(clap::Args)]
struct BuildOptions {
    /// Optimize as for users
    #[arg(long)]
    release: bool,
}

impl BuildOptions {
    fn profile(&self) -> library::Profile {
        if self.release {
            library::Profile::Release
        } else {
            library::Profile::Debug
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let Some(command) = cli.command else {
        println!("{}", Cli::command().render_help());
        return ExitCode::SUCCESS;
    };
    let chosen = cli.godot.as_deref().map_or(Ok(()), godot::choose);
    chosen.and_then(|()| run(command)).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Build(options) => {
            println!(
                "{}",
                platform::build::for_this_machine(options.profile())?.display()
            );
            Ok(ExitCode::SUCCESS)
        }
        Command::Godot { arguments } => {
            let mut command = std::process::Command::new(godot::obtain()?.program);
            command.args(arguments);
            process::become_program(command)
        }
        Command::Demo(options) => demo::run(options.profile()),
        Command::Test { filters, platform } => match platform {
            None => test::run(&filters),
            Some(platform) => platform.run(&filters),
        },
        Command::Bench(options) => bench::run(&options),
        Command::Soak {
            minutes,
            seed,
            multiplayer,
        } => soak::run(minutes, seed, multiplayer),
        Command::Flood {
            hellos,
            addresses,
            rate,
        } => flood::run(hellos, addresses, rate),
        Command::Sanitize => sanitize::run(),
        Command::Deny => deny::run(),
        Command::ReleaseNotes { tag } => release_notes::run(&tag),
        Command::CheckWindows => check_windows::run(),
        Command::Openssl => openssl::run(),
        Command::Package(options) => package::run(&options),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Platform;

    fn read(line: &str) -> Option<Command> {
        let words = std::iter::once("xtask").chain(line.split(' '));
        Cli::try_parse_from(words).ok()?.command
    }

    #[test]
    fn everything_after_the_dashes_is_godots() {
        for (line, expected) in [
            ("godot -- --headless --quit", "--headless --quit"),
            ("godot -- --path a -- b", "--path a -- b"),
            ("godot --headless -- b", "--headless -- b"),
            ("godot --help", "--help"),
            ("godot -- --help", "--help"),
        ] {
            let Some(Command::Godot { arguments }) = read(line) else {
                panic!("not read: {line}");
            };
            assert_eq!(arguments.join(" ".as_ref()), expected, "{line}");
        }
    }

    #[test]
    fn a_godot_is_named_before_or_after_the_command() {
        for line in ["test --godot /g typed", "--godot /g test typed"] {
            let words = std::iter::once("xtask").chain(line.split(' '));
            let cli = Cli::try_parse_from(words).expect(line);
            assert_eq!(cli.godot, Some(PathBuf::from("/g")), "{line}");
            assert!(
                matches!(cli.command, Some(Command::Test { filters, .. }) if filters == ["typed"])
            );
        }
    }

    #[test]
    fn options_are_read_in_any_order() {
        assert!(matches!(
            read("soak --seed 7 --minutes 2"),
            Some(Command::Soak {
                minutes: 2,
                seed: Some(7),
                multiplayer: false
            })
        ));
        assert!(matches!(
            read("flood --rate 3"),
            Some(Command::Flood {
                hellos: 1_000_000,
                addresses: 100_000,
                rate: Some(3)
            })
        ));
    }

    #[test]
    fn platforms_are_chosen_by_name() {
        let Some(Command::Package(options)) = read("package --only linux-arm64,macos") else {
            panic!("not read");
        };
        assert_eq!(options.only, [Platform::LinuxArm64, Platform::Macos]);
        let Some(Command::Test { filters, platform }) = read("test dtls --platform linux-arm64")
        else {
            panic!("not read");
        };
        assert_eq!(filters, ["dtls"]);
        assert_eq!(platform, Some(test::Emulated::LinuxArm64));
    }

    #[test]
    fn what_no_command_takes_is_refused() {
        for line in [
            "frobnicate",
            "build --fast",
            "bench --json",
            "bench --peers 10",
            "bench --multiplayer --peers 0",
            "soak --minutes",
            "soak --minutes x",
            "soak 2",
            "flood --hellos 0",
            "test --godot",
            "package --fast",
            "package --only amiga",
            "package --only",
            "package --all --only macos",
            "test --platform macos",
        ] {
            assert!(read(line).is_none(), "{line}");
        }
    }
}
