//! What cross-compiles for a target: zig as C compiler and linker, called by cargo-zigbuild, in a folder of the cache.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::files::on_path;
use crate::{cache, library, process, workspace};

/// The releases of the Python packages `ziglang` and `cargo-zigbuild`. Other versions get folders of their own.
const ZIG: &str = "0.17.1";
const ZIGBUILD: &str = "0.24.1";

/// The newest glibc that a library for Linux may need: that of Debian 10, RHEL 8 and Ubuntu 18.10.
pub(crate) const GLIBC: &str = "2.28";

/// Zig is a download of 100 MB.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(60 * 60);
const QUERY_LIMIT: Duration = Duration::from_secs(60);

/// The tools to build for one Rust target.
pub(crate) struct Toolchain {
    /// The Rust target.
    pub(crate) target: &'static str,
    tools: PathBuf,
}

impl Toolchain {
    /// Gets the tools for a target of [`super::Platform::targets`], with progress on standard error.
    ///
    /// # Errors
    /// Names the program that is missing on this machine.
    pub(crate) fn provide(target: &'static str) -> Result<Self> {
        add_rust_target(target)?;
        let name = format!("zig-{ZIG}-zigbuild-{ZIGBUILD}");
        let tools = cache::provide(&name, install_zig)?;
        Ok(Self { target, tools })
    }

    /// A cargo that builds for the target; `subcommand` is `build`, `check`, `clippy` or `test`. For `test`, add
    /// `--no-run`.
    ///
    /// Its programs and libraries are in `target/TARGET`, and its messages in JSON name them.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(zigbuild(&self.tools));
        command.current_dir(workspace::root());
        command.arg(if subcommand == "build" {
            "zigbuild"
        } else {
            subcommand
        });
        let minimum = if self.target.contains("linux-gnu") {
            format!(".{GLIBC}")
        } else {
            String::new()
        };
        command.arg("--target");
        command.arg(format!("{}{minimum}", self.target));
        command.env("CARGO", library::cargo().get_program());
        command.env("CARGO_ZIGBUILD_ZIG_PATH", zig(&self.tools));
        for variable in [
            "CARGO_ZIGBUILD_CACHE_DIR",
            "ZIG_GLOBAL_CACHE_DIR",
            "ZIG_LOCAL_CACHE_DIR",
        ] {
            command.env(variable, self.tools.with_file_name("built"));
        }
        command
    }
}

/// Has rustup install the target's standard library, if it is not there.
fn add_rust_target(target: &str) -> Result<()> {
    let mut ask = library::rustc();
    ask.args(["--print", "target-libdir", "--target", target]);
    let asked = process::run(ask, QUERY_LIMIT)?;
    let folder = asked.lines.first().filter(|_| asked.succeeded());
    let folder = folder.with_context(|| format!("rustc does not know {target}"))?;
    if Path::new(folder).is_dir() {
        return Ok(());
    }
    workspace::step(&format!("Getting Rust's standard library for {target}"));
    let mut command = Command::new("rustup");
    command.current_dir(workspace::root());
    command.args(["target", "add", target]);
    let added = process::run(command, DOWNLOAD_LIMIT).with_context(|| {
        format!("Rust's standard library for {target} is missing; install rustup, or the library by other means")
    })?;
    ensure!(
        added.succeeded(),
        "rustup target add {target} failed ({}):\n{}",
        added.end(),
        added.tail()
    );
    Ok(())
}

/// Has pip unpack zig and cargo-zigbuild into the folder.
fn install_zig(folder: &Path) -> Result<()> {
    workspace::step(&format!(
        "Getting zig {ZIG} and cargo-zigbuild {ZIGBUILD} (100 MB) into {}",
        folder.display()
    ));
    let python = ["python3", "python"].into_iter().find_map(on_path);
    let python = python.context("Python 3 is not on PATH; install it, with pip")?;
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--disable-pip-version-check"]);
    install.args(["--only-binary", ":all:", "--no-deps", "--no-cache-dir"]);
    install.arg("--target").arg(folder);
    install.arg(format!("ziglang=={ZIG}"));
    install.arg(format!("cargo-zigbuild=={ZIGBUILD}"));
    let installed = process::run(install, DOWNLOAD_LIMIT)?;
    ensure!(
        installed.succeeded(),
        "Python's pip cannot get zig; install pip if it is missing (Debian: python3-pip):\n{}",
        installed.tail()
    );
    for program in [zig(folder), zigbuild(folder)] {
        ensure!(program.is_file(), "{} is not there", program.display());
    }
    Ok(())
}

fn zig(tools: &Path) -> PathBuf {
    program(&tools.join("ziglang"), "zig")
}

fn zigbuild(tools: &Path) -> PathBuf {
    program(&tools.join("bin"), "cargo-zigbuild")
}

fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
