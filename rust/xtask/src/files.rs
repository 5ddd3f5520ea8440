//! Files and folders: written whole or not at all, copied, and programs found on PATH.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The permissions of a written file.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Access {
    /// Readable by all (mode 0644).
    Usual,
    /// The owner alone (mode 0600).
    OwnerOnly,
    /// A program that all may run (mode 0755).
    Program,
}

/// Writes beside `path` and renames into place: a reader sees the old file or the new one.
pub(crate) fn write(path: &Path, contents: &[u8], access: Access) -> Result<()> {
    place(path, access, |file| file.write_all(contents))
}

/// Copies beside `to` and renames into place: a process that has the old file open or mapped keeps it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut source =
        fs::File::open(from).with_context(|| format!("{} cannot be read", from.display()))?;
    place(to, Access::Usual, |file| {
        std::io::copy(&mut source, file).map(drop)
    })
}

fn place(
    path: &Path,
    access: Access,
    fill: impl FnOnce(&mut fs::File) -> std::io::Result<()>,
) -> Result<()> {
    let attempt = || -> Result<()> {
        let folder = path.parent().context("it has no folder")?;
        fs::create_dir_all(folder)?;
        // Private by default: a key is never readable by other users.
        let mut file = tempfile::Builder::new()
            .prefix(".writing-")
            .tempfile_in(folder)?;
        fill(file.as_file_mut())?;
        match access {
            Access::Usual => set_mode(file.as_file(), 0o644)?,
            Access::Program => set_mode(file.as_file(), 0o755)?,
            Access::OwnerOnly => {}
        }
        file.persist(path)?;
        Ok(())
    };
    attempt().with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(unix)]
fn set_mode(file: &fs::File, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &fs::File, _: u32) -> std::io::Result<()> {
    Ok(())
}

/// Copies a folder with everything in it; symbolic links are followed.
///
/// Names that `skip` accepts are left out, at any depth.
pub(crate) fn copy_folder(from: &Path, to: &Path, skip: &dyn Fn(&str) -> bool) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{} cannot be made", to.display()))?;
    let entries =
        fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if skip(&name.to_string_lossy()) {
            continue;
        }
        let source = entry.path();
        let target = to.join(&name);
        if fs::metadata(&source)?.is_dir() {
            copy_folder(&source, &target, skip)?;
        } else {
            fs::copy(&source, &target)
                .with_context(|| format!("{} cannot be copied", source.display()))?;
        }
    }
    Ok(())
}

/// The program of that name in the folders of PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(&file))
        .find(|program| is_program(program))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}
