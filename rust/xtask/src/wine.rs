//! Runs programs for Windows by Wine: Debian's, unpacked into the cache, with a Windows of its own for each run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::godot::apt::{self, Architecture};
use crate::godot::patch;
use crate::platform::toolchain::cargo_variable;
use crate::{cache, files, process, workspace};

/// Debian's stable release; the next one has no Wine at present, and the one before has none with
/// `bcryptprimitives.dll`, which Rust's standard library needs.
const RELEASE: &str = "trixie";

/// Raise this when other packages are needed or they are prepared differently.
const LAYOUT: u32 = 1;

/// Wine, what it needs to run programs without windows and sound, and patchelf with what that needs.
const PACKAGES: &[&str] = &[
    "libc6",
    "libgcc-s1",
    "liblzma5",
    "libstdc++6",
    "libunwind8",
    "libwine",
    "libz-mingw-w64",
    "patchelf",
    "wine64",
];

/// Wine's programs, as seen from `usr/bin`.
const PROGRAMS: &[&str] = &["../lib/wine/wine64", "../lib/wine/wineserver64"];

/// For making a Windows, and for ending one.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// A running Windows, which ends when this is dropped.
pub(crate) struct Wine {
    root: PathBuf,
    /// Wine's `WINEPREFIX`: the drive `C:` and the registry.
    prefix: TempDir,
}

impl Wine {
    /// Gets Wine if it is not there, with progress on standard error, and gives it an empty drive `C:`.
    pub(crate) fn start() -> Result<Self> {
        let root = cache::provide(&format!("wine-{RELEASE}-{LAYOUT}"), install)?;
        let prefix = tempfile::Builder::new()
            .prefix("openssl-dtls-wine-")
            .tempdir()?;
        copy_prefix(&root.join(PREFIX), prefix.path())?;
        Ok(Self { root, prefix })
    }

    /// A call of the program; arguments can be added.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = wine(&self.root, self.prefix.path());
        command.arg(program);
        command
    }

    /// Has a cargo that tests for this target run the programs here.
    pub(crate) fn run_for_cargo(&self, cargo: &mut Command, target: &str) {
        let wine = wine(&self.root, self.prefix.path());
        cargo.env(cargo_variable(target, "RUNNER"), wine.get_program());
        for (variable, value) in wine.get_envs() {
            match value {
                Some(value) => cargo.env(variable, value),
                None => cargo.env_remove(variable),
            };
        }
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        end(&self.root, self.prefix.path());
    }
}

/// Ends all programs of a Windows, waits for their end, and removes what Debian's Wine leaves in the folder for temporary
/// files: the prefix has a file with its name.
fn end(root: &Path, prefix: &Path) {
    let mut command = Command::new(root.join(TREE).join("usr/lib/wine/wineserver64"));
    command.env("WINEPREFIX", prefix).args(["--kill", "--wait"]);
    let _ = process::run(command, LIMIT);
    if let Ok(name) = fs::read_to_string(prefix.join("wineserver"))
        && name.starts_with("wine-")
    {
        let _ = fs::remove_dir_all(Path::new("/tmp").join(name.trim()));
    }
}

/// Where the packages are unpacked.
const TREE: &str = "tree";
/// The Windows that each run gets a copy of.
const PREFIX: &str = "prefix";

fn wine(root: &Path, prefix: &Path) -> Command {
    let mut command = Command::new(root.join(TREE).join("usr/lib/wine/wine64"));
    command
        .env("WINEPREFIX", prefix)
        .env("WINEDEBUG", "-all")
        // No browser, no .NET, no entries in the desktop's menus.
        .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
        .env_remove("WINEARCH")
        .env_remove("WINESERVER")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    command
}

/// Unpacks Wine into the folder, and makes the Windows that runs get a copy of.
fn install(folder: &Path) -> Result<()> {
    apt::check_system()?;
    workspace::step(&format!(
        "Getting Wine from Debian {RELEASE} into {}",
        folder.display()
    ));
    let downloads = folder.join("apt");
    let packages = apt::download_alone_of(RELEASE, &downloads, PACKAGES, Architecture::Own)?;
    let tree = folder.join(TREE);
    fs::create_dir(&tree)?;
    apt::unpack(&packages, &tree)?;
    fs::remove_dir_all(downloads)?;

    workspace::step("Preparing Wine");
    // It cannot be used without the 32-bit Wine, and would be copied into each Windows.
    fs::remove_dir_all(tree.join("usr/lib/x86_64-linux-gnu/wine/i386-windows"))?;
    patch::make_independent(&tree, PROGRAMS)?;
    patch::verify_libraries(&tree, PROGRAMS)?;
    // A script with absolute paths.
    link("wineserver64", &tree.join("usr/lib/wine/wineserver"))?;
    // The server looks for `../../share/wine/wine/nls`.
    link(".", &tree.join("usr/share/wine/wine"))?;

    let prefix = folder.join(PREFIX);
    // Debian's user32.dll imports it.
    files::copy(
        &tree.join("usr/x86_64-w64-mingw32/lib/zlib1.dll"),
        &prefix.join("drive_c/windows/system32/zlib1.dll"),
    )?;
    let mut command = wine(folder, &prefix);
    command.args(["wineboot", "--init"]);
    let booted = process::run(command, LIMIT)?;
    ensure!(
        booted.succeeded(),
        "Wine does not start ({}):\n{}",
        booted.end(),
        booted.tail()
    );
    // The server writes the registry when it ends.
    end(folder, &prefix);
    ensure!(
        prefix.join("system.reg").is_file(),
        "Wine has made no registry in {}",
        prefix.display()
    );
    Ok(())
}

/// Makes a Windows that has a registry and users' folders of its own, and shares the 800 MB of the folder `windows`, in
/// which no test writes.
fn copy_prefix(from: &Path, to: &Path) -> Result<()> {
    for name in ["system.reg", "user.reg", "userdef.reg", ".update-timestamp"] {
        fs::copy(from.join(name), to.join(name)).with_context(|| format!("Wine's {name}"))?;
    }
    for user in fs::read_dir(from.join("drive_c/users"))? {
        let temporary = Path::new("drive_c/users")
            .join(user?.file_name())
            .join("AppData/Local/Temp");
        fs::create_dir_all(to.join(temporary))?;
    }
    link(from.join("drive_c/windows"), &to.join("drive_c/windows"))?;
    fs::create_dir(to.join("dosdevices"))?;
    link("../drive_c", &to.join("dosdevices/c:"))?;
    link("/", &to.join("dosdevices/z:"))
}

#[cfg(unix)]
fn link(target: impl AsRef<Path>, link: &Path) -> Result<()> {
    if link.symlink_metadata().is_ok() {
        fs::remove_file(link)?;
    }
    std::os::unix::fs::symlink(target, link)
        .with_context(|| format!("{} cannot be made", link.display()))
}
