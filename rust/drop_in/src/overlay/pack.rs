//! Writes and loads the packs of an overlay.
//!
//! A pack's name contains a hash of its contents, so that a second start uses the first one's, and several processes
//! that start at once write the same file: each writes aside and renames.

use std::fs;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::engine::Engine;
use super::error::OverlayError;
use super::staging;

/// A file of the project, `res://…`, and its text in the pack.
pub(super) type Entry<'a> = (&'a str, &'a [u8]);

/// What the names of packs begin with that a running game writes for itself and removes when it ends.
pub(super) const OF_ONE_GAME: &str = "reload-";

/// Loads the files over the project from a pack in the first of the folders where that works, and returns the folder.
pub(super) fn load<'f>(
    engine: &impl Engine,
    folders: &'f [PathBuf],
    files: &[Entry<'_>],
) -> Result<&'f Path, OverlayError> {
    let name = format!("overlay-{:016x}.pck", fingerprint(engine, files));
    let mut reasons = Vec::new();
    for folder in folders {
        let pack = folder.join(&name);
        staging::remove_left_behind(folder);
        let loaded = if pack.is_file() && engine.load_pack(&pack) {
            log::debug!(target: "drop_in", "loaded {}, which an earlier start wrote", pack.display());
            Ok(())
        } else {
            add(engine, &pack, files)
        };
        match loaded {
            Ok(()) => {
                remove_old(folder, &pack);
                return Ok(folder);
            }
            Err(why) => {
                log::debug!(target: "drop_in", "{why}");
                reasons.push(why);
            }
        }
    }
    Err(OverlayError::NoFolder(reasons))
}

/// Writes a pack and loads it over the project and over the packs loaded before it.
pub(super) fn add(
    engine: &impl Engine,
    pack: &Path,
    files: &[Entry<'_>],
) -> Result<(), OverlayError> {
    write(engine, pack, files)?;
    if engine.load_pack(pack) {
        log::debug!(target: "drop_in", "wrote and loaded {} with {} files", pack.display(), files.len());
        return Ok(());
    }
    // The next start would not be able to load it either.
    let _ = fs::remove_file(pack);
    Err(OverlayError::NotLoaded {
        pack: pack.to_owned(),
    })
}

fn write(engine: &impl Engine, pack: &Path, files: &[Entry<'_>]) -> Result<(), OverlayError> {
    let folder = pack.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| not_written(folder, error))?;
    let _lock = staging::lock_shared(folder);
    // Containers that share the folder have the same process identifiers.
    let unique = RandomState::new().hash_one(());
    let staging = folder.join(format!("{}{unique:016x}", staging::PREFIX));
    let result = stage(&staging, files).and_then(|staged| build(engine, &staging, pack, &staged));
    let _ = fs::remove_dir_all(&staging);
    result
}

/// Writes the texts where the engine's packer can read them.
fn stage<'f>(staging: &Path, files: &[Entry<'f>]) -> Result<Vec<(&'f str, PathBuf)>, OverlayError> {
    fs::create_dir_all(staging).map_err(|error| not_written(staging, error))?;
    let staged = files.iter().enumerate().map(|(number, (path, text))| {
        let staged = staging.join(number.to_string());
        fs::write(&staged, text).map_err(|error| not_written(&staged, error))?;
        Ok((*path, staged))
    });
    staged.collect()
}

fn build(
    engine: &impl Engine,
    staging: &Path,
    pack: &Path,
    files: &[(&str, PathBuf)],
) -> Result<(), OverlayError> {
    let unfinished = staging.join("pack");
    engine
        .write_pack(&unfinished, files)
        .map_err(|code| OverlayError::NotPacked {
            pack: pack.to_owned(),
            code,
        })?;
    match fs::rename(&unfinished, pack) {
        // Windows replaces no file that is open. A process that started at the same moment wrote the same pack and reads
        // from it.
        Err(_) if pack.is_file() => Ok(()),
        renamed => renamed.map_err(|error| not_written(pack, error)),
    }
}

fn not_written(path: &Path, error: std::io::Error) -> OverlayError {
    OverlayError::NotWritten {
        path: path.to_owned(),
        error,
    }
}

/// A hash of the files and of the versions that the pack is made for.
fn fingerprint(engine: &impl Engine, files: &[Entry<'_>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    engine.version().hash(&mut hasher);
    files.hash(&mut hasher);
    hasher.finish()
}

/// Removes packs of earlier starts: those of single games after a week; the others after 30 days, but for the 32
/// newest. A running game may still read from its pack, so that newer ones stay.
fn remove_old(folder: &Path, current: &Path) {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const KEPT_FOR: Duration = DAY.saturating_mul(30);
    const KEPT: usize = 32;
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut packs: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path != current && path.extension().is_some_and(|end| end == "pck"))
        .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
        .collect();
    packs.retain(|(modified, pack)| {
        let name = pack.file_name().unwrap_or_default().to_string_lossy();
        let is_left_behind = name.starts_with(OF_ONE_GAME)
            && modified
                .elapsed()
                .is_ok_and(|age| age > DAY.saturating_mul(7));
        !(is_left_behind && fs::remove_file(pack).is_ok())
    });
    packs.sort();
    let surplus = packs.len().saturating_sub(KEPT);
    for (modified, pack) in packs.drain(..surplus) {
        if modified.elapsed().is_ok_and(|age| age > KEPT_FOR) {
            let _ = fs::remove_file(pack);
        }
    }
}
