//! The project's own commands: `cargo xtask COMMAND`.

use std::process::ExitCode;

use anyhow::{Result, bail};

mod bench;
mod certificates;
mod check;
mod demo;
mod deny;
mod files;
mod flood;
mod godot;
mod library;
mod network;
mod openssl;
mod package;
mod process;
mod project;
mod sanitize;
mod soak;
mod talk;
mod tap;
mod test;
mod tools;
mod workspace;

struct Command {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<ExitCode>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "build",
        arguments: "[--release]",
        about: "build the addon into addons/openssl_dtls/bin",
        run: build,
    },
    Command {
        name: "godot",
        arguments: "-- ARGUMENTS",
        about: "run the Godot that was found, or fetched, in this folder",
        run: run_godot,
    },
    Command {
        name: "demo",
        arguments: "[--release]",
        about: "from nothing to the documented server and client talking over OpenSSL",
        run: demo::run,
    },
    Command {
        name: "test",
        arguments: "[FILTER]",
        about: "Rust tests, a short fuzz, GDScript tests and scenarios; FILTER is part of a name",
        run: test::run,
    },
    Command {
        name: "bench",
        arguments: "[--json FILE] [--full] [--plot]",
        about: "measure the addon against the engine's own classes; --plot draws docs/charts",
        run: bench::run,
    },
    Command {
        name: "soak",
        arguments: "[--minutes N] [--seed S]",
        about: "an hour of clients that come, talk, go and crash, over a bad link",
        run: soak::run,
    },
    Command {
        name: "flood",
        arguments: "[--hellos N] [--addresses N] [--rate N]",
        about: "a million first hellos against the documented server and its players",
        run: flood::run,
    },
    Command {
        name: "sanitize",
        arguments: "",
        about: "the Rust tests with AddressSanitizer and LeakSanitizer (Linux)",
        run: sanitize::run,
    },
    Command {
        name: "deny",
        arguments: "",
        about: "check licences, sources and known holes of the crates we depend on",
        run: deny::run,
    },
    Command {
        name: "openssl",
        arguments: "",
        about: "tell which OpenSSL is compiled in, and whether the registry has a newer one",
        run: openssl::run,
    },
    Command {
        name: "package",
        arguments: "",
        about: "pack the addon as users get it into dist/",
        run: package::run,
    },
];

/// The exit code for a command line that cannot be understood.
const USAGE_ERROR: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    };
    if matches!(name.as_str(), "help" | "-h" | "--help") {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprint!("unknown command `{name}`\n\n{}", usage());
        return ExitCode::from(USAGE_ERROR);
    };
    match (command.run)(rest) {
        Ok(code) => code,
        Err(error) if error.is::<WrongArguments>() => {
            eprint!("{error}\n\n{}", usage());
            ExitCode::from(USAGE_ERROR)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    let width = COMMANDS
        .iter()
        .map(|command| command.name.len() + 1 + command.arguments.len())
        .max()
        .unwrap_or(0);
    let mut text = "Usage: cargo xtask COMMAND\n\n".to_owned();
    for command in COMMANDS {
        let call = format!("{} {}", command.name, command.arguments);
        text += &format!("  {call:width$}  {}\n", command.about);
    }
    text += "\nGODOT4_BIN names a Godot 4.4 or newer to use instead of the one on PATH.\n";
    text
}

/// A command was given arguments that it does not take.
#[derive(Debug)]
struct WrongArguments(String);

impl std::fmt::Display for WrongArguments {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for WrongArguments {}

/// Reads the arguments of a command whose only one is `--release`.
fn profile(arguments: &[String]) -> Result<library::Profile> {
    match arguments {
        [] => Ok(library::Profile::Debug),
        [only] if only == "--release" => Ok(library::Profile::Release),
        [first, ..] => bail!(WrongArguments(format!("unknown argument `{first}`"))),
    }
}

fn build(arguments: &[String]) -> Result<ExitCode> {
    let library = library::build(profile(arguments)?)?;
    println!("{}", library.display());
    Ok(ExitCode::SUCCESS)
}

fn run_godot(arguments: &[String]) -> Result<ExitCode> {
    let arguments = match arguments {
        [first, rest @ ..] if first == "--" => rest,
        all => all,
    };
    let godot = godot::obtain()?;
    let mut command = std::process::Command::new(&godot.program);
    command.args(arguments);
    process::become_program(command)
}
