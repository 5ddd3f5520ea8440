//! The folder that holds fetched tools, for all working trees of this user.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{files, workspace};

/// The folder `name` of the cache, which need not exist.
pub(crate) fn folder(name: &str) -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .context("there is no home folder to keep fetched tools in; set XDG_CACHE_HOME")?;
    Ok(base.join("openssl-dtls-godot").join(name))
}

/// Takes the lock, or waits for it. The system frees it when the process that holds it ends.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("{} cannot be made", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            workspace::step("Waiting for another process that is fetching the same tools");
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Ok(file)
}

/// Whether [`mark`] was called for this place; programs may contain their path, so that a moved one is not ready.
pub(crate) fn is_marked(marker: &Path, place: &Path) -> bool {
    fs::read_to_string(marker).is_ok_and(|marked| Path::new(&marked) == place)
}

/// Writes down that the place is complete.
pub(crate) fn mark(marker: &Path, place: &Path) -> Result<()> {
    let place = place
        .to_str()
        .context("the cache folder's name is not UTF-8")?;
    files::write(marker, place.as_bytes(), files::Access::Usual)
}

/// The folder `name` of the cache, filled by `make` if that has not been done.
///
/// Waits for another process that does the same. `make` gets an empty folder.
pub(crate) fn provide(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = folder(name)?;
    fill(&folder, make)?;
    Ok(folder.join(CONTENTS))
}

/// What a provided folder holds beside its lock and its marker.
const CONTENTS: &str = "root";

fn fill(folder: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (marker, contents) = (folder.join("ready"), folder.join(CONTENTS));
    if is_marked(&marker, &contents) {
        return Ok(());
    }
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let _lock = lock(&folder.join("lock"))?;
    if is_marked(&marker, &contents) {
        return Ok(());
    }
    if contents.exists() {
        fs::remove_dir_all(&contents)?;
    }
    fs::create_dir(&contents)?;
    make(&contents)?;
    mark(&marker, &contents)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_folder_is_filled_once() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("tools-1");
        fill(&folder, |contents| {
            Ok(fs::write(contents.join("tool"), "")?)
        })
        .unwrap();
        fill(&folder, |_| bail!("it is filled")).unwrap();
        assert!(folder.join(CONTENTS).join("tool").is_file());
    }

    #[test]
    fn what_an_interrupted_fetch_left_is_removed() {
        let home = tempfile::tempdir().unwrap();
        let interrupted = fill(home.path(), |contents| {
            fs::write(contents.join("half"), "")?;
            bail!("interrupted")
        });
        assert!(interrupted.is_err());
        fill(home.path(), |_| Ok(())).unwrap();
        assert!(!home.path().join(CONTENTS).join("half").exists());
    }

    #[test]
    fn a_moved_folder_is_filled_anew() {
        let home = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| home.path().join(name));
        fill(&one, |_| Ok(())).unwrap();
        fs::rename(&one, &two).unwrap();
        let mut filled = false;
        fill(&two, |_| {
            filled = true;
            Ok(())
        })
        .unwrap();
        assert!(filled);
    }

    #[test]
    fn a_lock_is_free_again_when_its_file_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = lock(&path).unwrap();
        let other = File::create(&path).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        drop(first);
        assert!(other.try_lock().is_ok());
    }
}
