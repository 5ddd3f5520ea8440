//! What cross-compiles for a target: zig as C compiler and linker, in a folder of the cache; for macOS the linker that
//! comes with Rust; for Android the NDK.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::files::{self, Access, on_path};
use crate::{cache, library, process, workspace};

/// The releases of the Python packages `ziglang` and `cargo-zigbuild`. Other versions get folders of their own.
const ZIG: &str = "0.17.1";
const ZIGBUILD: &str = "0.24.1";

/// The newest glibc that a library for Linux may need: that of Debian 10, RHEL 8 and Ubuntu 18.10.
pub(crate) const GLIBC: &str = "2.28";
/// The oldest Android that a library may need to run: 5.0, Rust's own minimum.
const ANDROID_API: u32 = 21;
/// Where the Android NDK is.
pub(crate) const NDK: &str = "ANDROID_NDK_HOME";

/// Zig is a download of 100 MB.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(60 * 60);
const QUERY_LIMIT: Duration = Duration::from_secs(60);

/// The tools to build for one Rust target.
pub(crate) struct Toolchain {
    /// The Rust target.
    pub(crate) target: &'static str,
    tools: Tools,
}

enum Tools {
    /// Zig compiles and links.
    Zig(Zig),
    /// Zig compiles, and Rust's own LLD links: zig's linker exports every symbol, and does not sign for x86-64.
    ZigAndLld(Zig),
    /// The folder of the NDK's programs.
    Ndk(PathBuf),
    /// Apple's own tools, on a Mac.
    Xcode,
}

impl Toolchain {
    /// Gets the tools for a target of [`super::Platform::targets`], with progress on standard error.
    ///
    /// # Errors
    /// Names the program that is missing on this machine.
    pub(crate) fn provide(target: &'static str) -> Result<Self> {
        let tools = if target.contains("android") {
            Tools::Ndk(ndk()?)
        } else if !target.contains("apple") {
            Tools::Zig(Zig::provide()?)
        } else if cfg!(target_os = "macos") {
            Tools::Xcode
        } else {
            Tools::ZigAndLld(Zig::provide()?)
        };
        add_rust_target(target)?;
        Ok(Self { target, tools })
    }

    /// A cargo that builds for the target; `subcommand` is `build`, `check`, `clippy` or `test`. For `test`, add
    /// `--no-run`.
    ///
    /// Its programs and libraries are in `target/TARGET`, and its messages in JSON name them.
    ///
    /// # Errors
    /// When a file of the cache cannot be written.
    pub(crate) fn cargo(&self, subcommand: &str) -> Result<Command> {
        let mut command = library::cargo();
        command.args([subcommand, "--target", self.target]);
        match &self.tools {
            Tools::Zig(zig) => {
                zig.compile_c(&mut command, self.target)?;
                let linker = zig.linker(self.target)?;
                command.env(cargo_variable(self.target, "LINKER"), linker);
            }
            Tools::ZigAndLld(zig) => {
                zig.compile_c(&mut command, self.target)?;
                zig.set_sdk(&mut command)?;
                command.env(cargo_variable(self.target, "LINKER"), "rust-lld");
            }
            Tools::Ndk(programs) => {
                let name = format!("{}{ANDROID_API}-clang", self.target);
                let clang = programs.join(name);
                command.env(cargo_variable(self.target, "LINKER"), &clang);
                command.env(variable("CC", self.target), clang);
                for (tool, name) in [("AR", "llvm-ar"), ("RANLIB", "llvm-ranlib")] {
                    command.env(variable(tool, self.target), programs.join(name));
                }
            }
            Tools::Xcode => {}
        }
        if self.target.contains("apple") {
            command.env("MACOSX_DEPLOYMENT_TARGET", minimum_macos(self.target));
        }
        Ok(command)
    }

    /// Further flags for rustc.
    pub(crate) fn rust_flags(&self) -> Vec<OsString> {
        match &self.tools {
            Tools::ZigAndLld(zig) => vec![
                "-Clinker-flavor=ld64.lld".into(),
                // For both processors; macOS loads nothing unsigned on ARM.
                "-Clink-arg=-adhoc_codesign".into(),
                // Else it is the path where the library was linked.
                "-Clink-arg=-install_name".into(),
                format!("-Clink-arg=@rpath/{}", super::Platform::Macos.file_name()).into(),
                prefixed("-Lnative=", &zig.sdk()),
            ],
            // Devices with pages of 16 KB exist since Android 15.
            Tools::Ndk(_) => vec!["-Clink-arg=-Wl,-z,max-page-size=16384".into()],
            Tools::Zig(_) | Tools::Xcode => Vec::new(),
        }
    }

    /// The folders of this machine whose paths a built library must not name.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        match &self.tools {
            Tools::Zig(zig) | Tools::ZigAndLld(zig) => {
                vec![zig.folder.clone(), zig.wrappers()]
            }
            Tools::Ndk(programs) => vec![programs.clone()],
            Tools::Xcode => Vec::new(),
        }
    }
}

/// The licences of the parts of zig that its linker puts into a library for the target, each with the name of the work.
///
/// # Errors
/// When zig, which has the texts, cannot be had.
pub(crate) fn licences(target: &str) -> Result<Vec<(&'static str, PathBuf)>> {
    // Other linkers bring nothing of their own.
    if target.contains("android") || target.contains("apple") {
        return Ok(Vec::new());
    }
    let zig = Zig::provide()?;
    let library = zig.folder.join("ziglang/lib");
    let mut licences = vec![
        (
            "LLVM's libunwind (https://libunwind.llvm.org)",
            library.join("libunwind/LICENSE.TXT"),
        ),
        (
            "Zig's compiler runtime (https://ziglang.org)",
            zig.folder.join("ziglang/LICENSE"),
        ),
    ];
    if target.contains("windows") {
        licences.push((
            "MinGW-w64's runtime (https://www.mingw-w64.org)",
            library.join("libc/mingw/COPYING"),
        ));
    }
    Ok(licences)
}

/// The oldest macOS that a library needs: Godot's own minimum.
pub(crate) fn minimum_macos(target: &str) -> &'static str {
    if target.starts_with("aarch64") {
        "11.0"
    } else {
        "10.13"
    }
}

struct Zig {
    folder: PathBuf,
}

impl Zig {
    fn provide() -> Result<Self> {
        let name = format!("zig-{ZIG}-zigbuild-{ZIGBUILD}");
        let folder = cache::provide(&name, install_zig)?;
        Ok(Self { folder })
    }

    fn zig(&self) -> PathBuf {
        program(&self.folder.join("ziglang"), "zig")
    }

    fn zigbuild(&self) -> PathBuf {
        program(&self.folder.join("bin"), "cargo-zigbuild")
    }

    /// The C compilers for each target, by which OpenSSL names its compiler.
    fn wrappers(&self) -> PathBuf {
        self.folder.with_file_name("compilers")
    }

    /// What the linker needs to know of macOS' libraries.
    fn sdk(&self) -> PathBuf {
        self.folder.with_file_name("macos")
    }

    /// A linker for rustc: zig, called by cargo-zigbuild, which leaves out the arguments that zig does not know.
    ///
    /// It also leaves out the list of a Windows library's exports where that is an option and no file; without the list,
    /// all names are exported.
    fn linker(&self, target: &str) -> Result<PathBuf> {
        let script = format!(
            "#!/bin/sh\nfor argument do\n  shift\n  case $argument in\n    \
             -Wl,*/list.def) set -- \"$@\" \"${{argument#-Wl,}}\" ;;\n    \
             *) set -- \"$@\" \"$argument\" ;;\n  esac\ndone\n\
             exec '{}' zig cc -- -target {} -fno-sanitize=all \"$@\"\n",
            self.zigbuild().display(),
            zig_target(target)
        );
        let linker = self.wrappers().join(format!("zig-link-{target}"));
        files::write(&linker, script.as_bytes(), Access::Program)?;
        Ok(linker)
    }

    /// Has C code compiled by zig.
    ///
    /// OpenSSL keeps its compiler's name in the library, so that is one on PATH, not a path of this machine.
    fn compile_c(&self, command: &mut Command, target: &str) -> Result<()> {
        let name = format!("zig-cc-{target}");
        // Rust's name of the target means nothing to zig. Without the other option, its debug mode's checks are compiled in.
        let compile = format!(
            "for argument do\n  shift\n  case $argument in\n    --target=*) ;;\n    \
             *) set -- \"$@\" \"$argument\" ;;\n  esac\ndone\n\
             exec '{}' cc -target {} -fno-sanitize=all \"$@\"",
            self.zig().display(),
            zig_target(target)
        );
        let call = |tool| format!("exec '{}' {tool} \"$@\"", self.zig().display());
        for (name, script) in [
            (&*name, compile),
            ("zig-ar", call("ar")),
            ("zig-ranlib", call("ranlib")),
        ] {
            let script = format!("#!/bin/sh\n{script}\n");
            files::write(
                &self.wrappers().join(name),
                script.as_bytes(),
                Access::Program,
            )?;
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.wrappers()]
            .into_iter()
            .chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders)?);
        command.env(variable("CC", target), name);
        command.env(variable("AR", target), "zig-ar");
        command.env(variable("RANLIB", target), "zig-ranlib");
        command.env("CARGO_ZIGBUILD_ZIG_PATH", self.zig());
        for variable in [
            "CARGO_ZIGBUILD_CACHE_DIR",
            "ZIG_GLOBAL_CACHE_DIR",
            "ZIG_LOCAL_CACHE_DIR",
        ] {
            command.env(variable, self.folder.with_file_name("built"));
        }
        Ok(())
    }

    /// Gives the linker zig's description of macOS' libSystem, under all the names that it is linked by.
    fn set_sdk(&self, command: &mut Command) -> Result<()> {
        let darwin = self.folder.join("ziglang/lib/libc/darwin");
        let system = fs::read_to_string(darwin.join("libSystem.tbd"))
            .with_context(|| format!("{} has no libSystem.tbd", darwin.display()))?;
        // It names the processors that macOS itself is compiled for, one of which LLD does not know.
        let system = system
            .replace("arm64e-", "arm64-")
            .replace("arm64e.x1-", "arm64e-");
        for name in ["System", "c", "m"] {
            let stub = self.sdk().join(format!("lib{name}.tbd"));
            files::write(&stub, system.as_bytes(), Access::Usual)?;
        }
        // Rust's standard library asks for it and uses nothing of it.
        let iconv = "--- !tapi-tbd\ntbd-version: 4\ntargets: [ x86_64-macos, arm64-macos ]\n\
                     install-name: '/usr/lib/libiconv.2.dylib'\n...\n";
        files::write(
            &self.sdk().join("libiconv.tbd"),
            iconv.as_bytes(),
            Access::Usual,
        )?;
        command.env("SDKROOT", self.sdk());
        Ok(())
    }
}

/// Zig's name of a Rust target.
fn zig_target(target: &str) -> String {
    let processor = target.split('-').next().unwrap_or_default();
    if target.contains("windows") {
        format!("{processor}-windows-gnu")
    } else if target.contains("apple") {
        format!("{processor}-macos.{}", minimum_macos(target))
    } else {
        format!("{processor}-linux-gnu.{GLIBC}")
    }
}

/// The name of a tool's setting for a target, as the crate cc reads it: `CC_x86_64_apple_darwin`.
pub(crate) fn variable(tool: &str, target: &str) -> String {
    format!("{tool}_{}", target.replace('-', "_"))
}

/// As cargo reads them: `CARGO_TARGET_X86_64_APPLE_DARWIN_LINKER`.
pub(crate) fn cargo_variable(target: &str, setting: &str) -> String {
    let target = target.replace('-', "_").to_uppercase();
    format!("CARGO_TARGET_{target}_{setting}")
}

fn prefixed(prefix: &str, path: &Path) -> OsString {
    let mut flag = OsString::from(prefix);
    flag.push(path);
    flag
}

/// The folder of the NDK's programs.
fn ndk() -> Result<PathBuf> {
    let home = std::env::var_os(NDK).filter(|home| !home.is_empty());
    let home = home.with_context(|| format!("{NDK} does not name an Android NDK"))?;
    let hosts = Path::new(&home).join("toolchains/llvm/prebuilt");
    let host = fs::read_dir(&hosts)
        .ok()
        .and_then(|mut hosts| hosts.next())
        .with_context(|| {
            format!(
                "{NDK} names no Android NDK: there is no {}",
                hosts.display()
            )
        })?;
    Ok(host?.path().join("bin"))
}

/// Has rustup install the target's standard library, if it is not there.
///
/// # Errors
/// When it is missing and rustup cannot get it.
pub(crate) fn add_rust_target(target: &str) -> Result<()> {
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
        format!("Rust's standard library for {target} is missing; install rustup, which can get it")
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
    let python = python.context("zig comes from Python's pip; install Python 3 with pip")?;
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
    Ok(())
}

fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Platform;

    #[test]
    fn each_target_has_a_name_of_zigs() {
        let targets = Platform::ALL.iter().flat_map(|platform| platform.targets());
        let named: Vec<String> = targets
            .filter(|target| !target.contains("android"))
            .map(|target| zig_target(target))
            .collect();
        assert_eq!(
            named,
            [
                "x86_64-linux-gnu.2.28",
                "aarch64-linux-gnu.2.28",
                "x86_64-windows-gnu",
                "aarch64-macos.11.0",
                "x86_64-macos.10.13",
            ]
        );
    }

    #[test]
    fn a_targets_settings_have_the_names_that_cc_and_cargo_read() {
        let target = "x86_64-apple-darwin";
        assert_eq!(variable("CC", target), "CC_x86_64_apple_darwin");
        let linker = cargo_variable(target, "LINKER");
        assert_eq!(linker, "CARGO_TARGET_X86_64_APPLE_DARWIN_LINKER");
    }
}
