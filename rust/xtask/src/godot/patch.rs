//! Makes unpacked programs start without an installation, with their own C library.
//!
//! If the unpacked loader started Godot, Godot would see the loader as its own program, and an exported game would look
//! for its data beside the loader. So the paths of the loader and the libraries are written into each program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::program::{Version, private_folders};
use crate::process::{self, Finished};

const LIMIT: Duration = Duration::from_secs(120);

/// Gives the programs in `usr/bin` an absolute loader and library path inside `root`.
pub(crate) fn make_independent(root: &Path, programs: &[&str]) -> Result<()> {
    let system = System::in_tree(root)?;
    let path = system.library_path();
    // A library's own path would replace the program's for the libraries that it needs.
    for library in system.libraries()? {
        if !system
            .patchelf(&["--print-rpath"], &library)?
            .lines
            .concat()
            .is_empty()
        {
            system.patchelf(&["--remove-rpath"], &library)?;
        }
    }
    let loader = system
        .loader
        .to_str()
        .context("the cache folder's name is not UTF-8")?;
    for program in programs {
        // An RPATH, not a RUNPATH: it must apply to the libraries' dependencies too.
        system.patchelf(
            &[
                "--set-interpreter",
                loader,
                "--force-rpath",
                "--set-rpath",
                &path,
            ],
            &root.join("usr/bin").join(program),
        )?;
    }
    Ok(())
}

/// Checks that the programs use libraries from inside `root` alone.
pub(crate) fn verify_libraries(root: &Path, programs: &[&str]) -> Result<()> {
    let system = System::in_tree(root)?;
    for program in programs {
        let program = root.join("usr/bin").join(program);
        let mut command = Command::new(&system.loader);
        command.arg("--list").arg(&program);
        let finished = succeed(command)?;
        if let Some(line) = finished.lines.iter().find(|line| is_foreign(line, root)) {
            bail!(
                "{} uses a library from outside: {}",
                program.display(),
                line.trim()
            );
        }
    }
    Ok(())
}

/// Checks that the programs use libraries from inside `root` alone, and that Godot runs.
pub(crate) fn verify(root: &Path, programs: &[&str]) -> Result<()> {
    verify_libraries(root, programs)?;
    let godot = root.join("usr/bin/godot");
    Version::of(&godot)?;
    let project = tempfile::tempdir()?;
    fs::write(project.path().join("project.godot"), "config_version=5\n")?;
    let script = "extends SceneTree\nfunc _init():\n\tprint(OS.get_executable_path())\n\tquit()\n";
    fs::write(project.path().join("main.gd"), script)?;
    let mut command = Command::new(&godot);
    command
        .args(["--headless", "--script", "main.gd", "--path"])
        .arg(project.path());
    for (variable, folder) in private_folders(project.path()) {
        command.env(variable, folder);
    }
    let finished = succeed(command)?;
    let godot = godot.to_string_lossy();
    if !finished.lines.iter().any(|line| *line == godot) {
        bail!("Godot does not report its own path:\n{}", finished.tail());
    }
    Ok(())
}

/// Whether a line of the loader's list names a library that is missing or lies outside of `root`.
fn is_foreign(line: &str, root: &Path) -> bool {
    line.split_once("=> ")
        .is_some_and(|(_, place)| !Path::new(place.trim()).starts_with(root))
}

/// The loader and the libraries of an unpacked tree.
struct System {
    root: PathBuf,
    loader: PathBuf,
    folder: PathBuf,
}

impl System {
    fn in_tree(root: &Path) -> Result<Self> {
        for entry in fs::read_dir(root.join("usr/lib"))? {
            let folder = entry?.path();
            if !folder.is_dir() {
                continue;
            }
            for file in fs::read_dir(&folder)? {
                let file = file?;
                let name = file.file_name();
                if name.to_string_lossy().starts_with("ld-linux") {
                    return Ok(Self {
                        root: root.to_path_buf(),
                        loader: file.path(),
                        folder,
                    });
                }
            }
        }
        bail!("there is no loader in {}", root.display())
    }

    /// The libraries' folder, and the one folder down where libpulse keeps what it shares.
    fn library_path(&self) -> String {
        [self.folder.clone(), self.folder.join("pulseaudio")]
            .iter()
            .filter(|folder| folder.is_dir())
            .map(|folder| folder.to_string_lossy())
            .collect::<Vec<_>>()
            .join(":")
    }

    /// The shared libraries, without the links that lead to them.
    fn libraries(&self) -> Result<Vec<PathBuf>> {
        let mut libraries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let is_library = entry.file_name().to_string_lossy().contains(".so");
            if is_library && entry.file_type()?.is_file() && entry.path() != self.loader {
                libraries.push(entry.path());
            }
        }
        Ok(libraries)
    }

    /// Runs the tree's patchelf, which still names the system's loader, on a file.
    fn patchelf(&self, arguments: &[&str], file: &Path) -> Result<Finished> {
        let mut command = Command::new(&self.loader);
        command.arg("--library-path").arg(self.library_path());
        command
            .arg(self.root.join("usr/bin/patchelf"))
            .args(arguments)
            .arg(file);
        succeed(command)
    }
}

fn succeed(command: Command) -> Result<Finished> {
    let call = format!("{command:?}");
    let finished = process::run(command, LIMIT)?;
    if !finished.succeeded() {
        bail!("{call}: {}\n{}", finished.end(), finished.tail());
    }
    Ok(finished)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_from_elsewhere_and_missing_ones_are_foreign() {
        let root = Path::new("/cache/root");
        assert!(!is_foreign(
            "\tlibc.so.6 => /cache/root/usr/lib/x/libc.so.6 (0x00007)",
            root
        ));
        assert!(!is_foreign("\tlinux-vdso.so.1 (0x00007)", root));
        assert!(is_foreign(
            "\tlibm.so.6 => /lib/x/libm.so.6 (0x00007)",
            root
        ));
        assert!(is_foreign("\tlibz.so.1 => not found", root));
    }
}
