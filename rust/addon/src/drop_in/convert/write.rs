//! Writes converted files so that a failure leaves the project as it was.

use std::collections::HashSet;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::drop_in::project::Changed;

/// Leaves out further paths of a file that has several, through links.
pub(super) fn keep_one_path_of_each(files: &mut Vec<Changed>) {
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(real(&file.on_disk)));
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A new text beside the file whose place it takes; removed unless that happens.
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

/// Writes all files, or none and the reason: first each new text beside its file, then all take their places. Where one
/// cannot, those that have taken theirs get their old texts back.
pub(super) fn all(files: &[Changed]) -> Result<(), String> {
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
            let rest = if undone {
                "nothing was changed"
            } else {
                "and some files that were converted already could not be changed back"
            };
            return Err(format!(
                "{} cannot be written ({error}); {rest}",
                one.file.path
            ));
        }
    }
    Ok(())
}

fn stage(file: &Changed, unique: u64) -> Result<Staged<'_>, String> {
    let cannot = |error: std::io::Error| {
        format!(
            "{} cannot be written ({error}); nothing was changed",
            file.path
        )
    };
    let target = real(&file.on_disk);
    let metadata = fs::metadata(&target).map_err(cannot)?;
    if metadata.permissions().readonly() {
        return Err(format!("{} is read-only; nothing was changed", file.path));
    }
    if fs::read(&target).map_err(cannot)? != file.before.as_bytes() {
        return Err(format!(
            "{} has changed in the meantime; nothing was changed, try again",
            file.path
        ));
    }
    // The engine does not list files whose names begin with a dot.
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let staged = target.with_file_name(format!(".{name}.{unique:016x}"));
    let one = Staged {
        file,
        target,
        staged,
    };
    let mut written = File::create_new(&one.staged).map_err(cannot)?;
    written.write_all(file.text.as_bytes()).map_err(cannot)?;
    written.sync_all().map_err(cannot)?;
    fs::set_permissions(&one.staged, metadata.permissions()).map_err(cannot)?;
    Ok(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drop_in::project::Scripts;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!(
            "openssl-dtls-convert-{name}-{}",
            std::process::id()
        ));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn changed(on_disk: PathBuf, before: &str, text: &str) -> Changed {
        Changed {
            path: format!("res://{}", on_disk.file_name().unwrap().to_string_lossy()),
            on_disk,
            before: before.to_owned(),
            text: text.to_owned(),
            scripts: Scripts::default(),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn all_files_are_written_and_nothing_is_left_beside_them() {
        let folder = folder("all");
        let files = ["a", "b"].map(|name| {
            fs::write(folder.join(name), "old\r\n").unwrap();
            changed(folder.join(name), "old\r\n", "new\r\n")
        });
        all(&files).unwrap();
        assert_eq!(names(&folder), ["a", "b"]);
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"new\r\n");
        assert_eq!(fs::read(folder.join("b")).unwrap(), b"new\r\n");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn one_file_that_has_changed_stops_all() {
        let folder = folder("changed");
        fs::write(folder.join("a"), "old").unwrap();
        fs::write(folder.join("b"), "newer").unwrap();
        let files = ["a", "b"].map(|name| changed(folder.join(name), "old", "new"));
        let why = all(&files).unwrap_err();
        assert!(why.contains("res://b has changed"), "{why}");
        assert_eq!(names(&folder), ["a", "b"]);
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"old");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_read_only_file_stops_all() {
        let folder = folder("read-only");
        for name in ["a", "b"] {
            fs::write(folder.join(name), "old").unwrap();
        }
        let mut permissions = fs::metadata(folder.join("b")).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(folder.join("b"), permissions).unwrap();
        let files = ["a", "b"].map(|name| changed(folder.join(name), "old", "new"));
        let why = all(&files).unwrap_err();
        assert!(why.contains("res://b is read-only"), "{why}");
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"old");
        assert_eq!(names(&folder), ["a", "b"]);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_its_file_is_written_once() {
        let folder = folder("link");
        fs::write(folder.join("a"), "old").unwrap();
        std::os::unix::fs::symlink("a", folder.join("b")).unwrap();
        let mut files = ["b", "a"]
            .map(|name| changed(folder.join(name), "old", "new"))
            .into();
        keep_one_path_of_each(&mut files);
        assert_eq!(files.len(), 1);
        all(&files).unwrap();
        assert!(fs::symlink_metadata(folder.join("b")).unwrap().is_symlink());
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"new");
        fs::remove_dir_all(&folder).unwrap();
    }
}
