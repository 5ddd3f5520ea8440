//! Writes converted files so that a failure leaves the project as it was.

use std::collections::HashSet;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::WriteError;
use crate::project::Changed;

/// Keeps one path of each file that has several through links.
pub(super) fn keep_one_path_of_each(files: &mut Vec<Changed>) {
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(real(&file.on_disk)));
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A file's new text in a file beside it, which is removed on drop unless it was renamed to its target.
struct Staged<'f> {
    file: &'f Changed,
    target: PathBuf,
    staged: PathBuf,
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.staged);
    }
}

/// Writes all files or none: first each new text beside its file, then renames them into place. If one cannot be
/// renamed, the files before it get their old texts back.
pub(super) fn write(files: &[Changed]) -> Result<(), WriteError> {
    let unique = RandomState::new().hash_one(());
    let staged: Vec<Staged<'_>> = files
        .iter()
        .map(|file| stage(file, unique))
        .collect::<Result<_, _>>()?;
    for (done, one) in staged.iter().enumerate() {
        if let Err(error) = fs::rename(&one.staged, &one.target) {
            let undone = staged[..done]
                .iter()
                .all(|one| fs::write(&one.target, &one.file.before).is_ok());
            let path = one.file.path.clone();
            return Err(if undone {
                WriteError::NotWritten { path, error }
            } else {
                WriteError::NotUndone { path, error }
            });
        }
    }
    Ok(())
}

fn stage(file: &Changed, unique: u64) -> Result<Staged<'_>, WriteError> {
    let path = || file.path.clone();
    let failed = |error| WriteError::NotWritten {
        path: path(),
        error,
    };
    let target = real(&file.on_disk);
    let metadata = fs::metadata(&target).map_err(failed)?;
    if metadata.permissions().readonly() {
        return Err(WriteError::ReadOnly { path: path() });
    }
    if fs::read(&target).map_err(failed)? != file.before.as_bytes() {
        return Err(WriteError::Outdated { path: path() });
    }
    // The engine does not list files whose names begin with a dot.
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let staged = target.with_file_name(format!(".{name}.{unique:016x}"));
    let one = Staged {
        file,
        target,
        staged,
    };
    let mut written = File::create_new(&one.staged).map_err(failed)?;
    written.write_all(file.text.as_bytes()).map_err(failed)?;
    written.sync_all().map_err(failed)?;
    fs::set_permissions(&one.staged, metadata.permissions()).map_err(failed)?;
    Ok(one)
}
