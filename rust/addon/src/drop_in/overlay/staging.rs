//! Folders in which packs are made: those that a killed start has left behind are removed by a later one.
//!
//! Several processes can make packs at once, and process identifiers do not tell whether the one that made a folder still
//! runs: containers that share the folder have the same ones. So whoever makes a pack holds a shared lock on the
//! folder around, which ends with the process, and who removes what is left takes the lock for itself.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What the names of such folders begin with.
pub(super) const PREFIX: &str = "staging-";

/// Where locks do not work (a folder cannot be opened on Windows, some network file systems have none), a folder this
/// old is taken for left behind. To make a pack takes less than a second.
const CERTAINLY_OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps other processes from removing folders in which packs are made, for as long as the result is kept. Nothing
/// where locks do not work.
pub(super) fn mark_in_use(folder: &Path) -> Option<File> {
    let opened = File::open(folder).ok()?;
    // Who removes what is left holds it for a moment.
    opened.lock_shared().ok()?;
    Some(opened)
}

/// Removes what is left of starts that were killed while they made a pack. Does nothing while another process makes one:
/// a later start does it then.
pub(super) fn remove_left_behind(folder: &Path) {
    let opened = File::open(folder);
    let oldest = match opened.as_ref().map(File::try_lock) {
        Ok(Ok(())) => Duration::ZERO,
        Ok(Err(fs::TryLockError::WouldBlock)) => return,
        Ok(Err(fs::TryLockError::Error(_))) | Err(_) => CERTAINLY_OLD,
    };
    let now = SystemTime::now();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_staging = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let is_old = oldest.is_zero()
            || modified.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age >= oldest));
        if is_staging && is_old {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn folders_left_behind_go_unless_someone_makes_a_pack() {
        let folder =
            std::env::temp_dir().join(format!("openssl-dtls-staging-{}", std::process::id()));
        let left = folder.join("staging-0123");
        fs::create_dir_all(&left).unwrap();
        fs::write(left.join("0"), "").unwrap();
        fs::write(folder.join("overlay-1.pck"), "").unwrap();

        let in_use = mark_in_use(&folder);
        assert!(in_use.is_some());
        remove_left_behind(&folder);
        assert!(left.exists());

        drop(in_use);
        remove_left_behind(&folder);
        assert!(!left.exists());
        assert!(folder.join("overlay-1.pck").exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
