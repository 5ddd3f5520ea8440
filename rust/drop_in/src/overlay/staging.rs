//! The folders in which packs are written.
//!
//! A process that is killed leaves such a folder behind, and a later start removes it. Several processes can write
//! packs at once, and process identifiers do not tell which folder is in use: containers that share a disk have the
//! same ones. So a process that writes a pack holds a shared lock on the surrounding folder, which ends with the
//! process, and a process that removes what is left behind takes the exclusive lock.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What the folders' names begin with.
pub(super) const PREFIX: &str = "staging-";

/// The age at which a folder is removed where locks do not work: folders cannot be opened on Windows, and some network
/// file systems have no locks. Writing a pack takes less than a second.
const MAX_AGE_WITHOUT_LOCKS: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps other processes from removing folders while the returned file is open. `None` where locks do not work.
pub(super) fn lock_shared(folder: &Path) -> Option<File> {
    let opened = File::open(folder).ok()?;
    // Waits while another process removes folders, which is short.
    opened.lock_shared().ok()?;
    Some(opened)
}

/// Removes what killed processes left behind. Does nothing while another process writes a pack; a later start does it
/// then.
pub(super) fn remove_left_behind(folder: &Path) {
    let opened = File::open(folder);
    let min_age = match opened.as_ref().map(File::try_lock) {
        Ok(Ok(())) => Duration::ZERO,
        Ok(Err(fs::TryLockError::WouldBlock)) => return,
        Ok(Err(fs::TryLockError::Error(_))) | Err(_) => MAX_AGE_WITHOUT_LOCKS,
    };
    let now = SystemTime::now();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_staging = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let is_old = min_age.is_zero()
            || modified.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age >= min_age));
        if is_staging && is_old {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn folders_left_behind_are_removed_unless_a_pack_is_being_written() {
        let folder = std::env::temp_dir().join(format!("drop_in-staging-{}", std::process::id()));
        let left = folder.join("staging-0123");
        fs::create_dir_all(&left).unwrap();
        fs::write(left.join("0"), "").unwrap();
        fs::write(folder.join("overlay-1.pck"), "").unwrap();

        let in_use = lock_shared(&folder);
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
