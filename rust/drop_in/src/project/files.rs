//! The files that the engine counts as a project's.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of the project that is still to be listed.
struct Folder {
    on_disk: PathBuf,
    /// `res://…/`, with the slash.
    path: String,
    /// `on_disk` with links resolved.
    real: PathBuf,
    depth: u32,
}

/// Calls `visit` with each file of the project in the folder `root`: its path on disk, and its `res://…` path.
///
/// Like the engine, leaves out folders whose names begin with a dot, folders with a `.gdignore`, and projects inside
/// the project; and follows links to folders, so that a file can have several paths. A link to a folder that contains
/// the link would give infinitely many: shorter paths come first, and each folder is listed 16 times at most.
pub fn for_each_file(root: &Path, visit: &mut dyn FnMut(PathBuf, String)) {
    /// How many paths of the same folder are listed.
    const MAX_PATHS: u32 = 16;
    /// At more levels, paths are too long for most file systems.
    const MAX_DEPTH: u32 = 128;
    let mut listed: HashMap<PathBuf, u32> = HashMap::new();
    let mut folders = VecDeque::from([Folder {
        on_disk: root.to_owned(),
        path: "res://".to_owned(),
        real: fs::canonicalize(root).unwrap_or_else(|_| root.to_owned()),
        depth: 0,
    }]);
    while let Some(folder) = folders.pop_front() {
        let times = listed.entry(folder.real.clone()).or_default();
        *times += 1;
        if *times > MAX_PATHS {
            continue;
        }
        let Ok(entries) = fs::read_dir(&folder.on_disk) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with('.') {
                continue;
            }
            let on_disk = entry.path();
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let path = format!("{}{name}", folder.path);
            if !(kind.is_dir() || kind.is_symlink() && on_disk.is_dir()) {
                visit(on_disk, path);
                continue;
            }
            if folder.depth == MAX_DEPTH
                || on_disk.join(".gdignore").exists()
                || on_disk.join("project.godot").exists()
            {
                continue;
            }
            let real = if kind.is_symlink() {
                fs::canonicalize(&on_disk).unwrap_or_else(|_| on_disk.clone())
            } else {
                folder.real.join(name)
            };
            folders.push_back(Folder {
                on_disk,
                path: path + "/",
                real,
                depth: folder.depth + 1,
            });
        }
    }
}
