//! Which files of a folder the engine sees as the project's, whatever links are among its folders.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of the project on its way to be listed.
struct Folder {
    on_disk: PathBuf,
    /// `res://…/`, with the slash at the end.
    path: String,
    /// The folder itself, with all links in its path resolved.
    real: PathBuf,
    depth: u32,
}

/// Calls `visit` with each file, on disk and as `res://…`, that the engine sees as the project's: not those in folders
/// whose name begins with a dot, in folders with a `.gdignore`, and in projects inside the project.
///
/// Folders that are links are followed, as the engine does, so a file can have several paths. A folder that is linked
/// to itself or to one around it has infinitely many: shorter paths come first, and each folder is listed
/// [`MOST_PATHS`] times at most.
pub(super) fn files(root: &Path, visit: &mut dyn FnMut(PathBuf, String)) {
    /// Paths by which the same folder is listed.
    const MOST_PATHS: u32 = 16;
    /// The depth at which paths become too long for most file systems.
    const DEEPEST: u32 = 128;
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
        if *times > MOST_PATHS {
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
            if folder.depth == DEEPEST
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

/// A folder that is linked to itself or to one around it, where listing the project without regard to that, as
/// `load_resource_pack()` does, would take too long.
///
/// The engine lists every folder, those that it hides from the project included, and each link to a folder around it
/// once more, until the system refuses to follow more links in one path: about 40 times for one such link, but 2^40
/// times for two.
pub(crate) fn endless_link(root: &Path) -> Option<PathBuf> {
    /// Entries below such links that the engine lists in less than a second.
    const MOST_ENTRIES: u32 = 100_000;
    /// A folder to be listed.
    struct Folder {
        on_disk: PathBuf,
        /// It and those around it, with links resolved; not needed below a link that was found.
        around: Vec<PathBuf>,
        /// The link to a folder around it that it is below.
        link: Option<PathBuf>,
    }
    let resolved = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut entries_below = 0;
    let mut folders = vec![Folder {
        on_disk: root.to_owned(),
        around: vec![resolved(root)],
        link: None,
    }];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder.on_disk) else {
            continue;
        };
        for entry in entries.flatten() {
            if folder.link.is_some() {
                entries_below += 1;
                if entries_below > MOST_ENTRIES {
                    return folder.link;
                }
            }
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let on_disk = entry.path();
            if !(kind.is_dir() || kind.is_symlink() && on_disk.is_dir()) {
                continue;
            }
            let mut around = folder.around.clone();
            let mut link = folder.link.clone();
            if link.is_none() && kind.is_symlink() {
                let real = resolved(&on_disk);
                link = around.contains(&real).then(|| on_disk.clone());
                around.push(real);
            } else if link.is_none() {
                around.extend(
                    folder
                        .around
                        .last()
                        .map(|real| real.join(entry.file_name())),
                );
            }
            folders.push(Folder {
                on_disk,
                around,
                link,
            });
        }
    }
    None
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder that goes when this goes.
    struct Project(PathBuf);

    impl Project {
        fn new(name: &str, files: &[&str], links: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir()
                .join(format!("openssl-dtls-walk-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&root);
            for file in files {
                let file = root.join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, "").unwrap();
            }
            for (target, link) in links {
                let link = root.join(link);
                fs::create_dir_all(link.parent().unwrap()).unwrap();
                symlink(target, link).unwrap();
            }
            Self(root)
        }

        fn files(&self) -> Vec<String> {
            let mut found = Vec::new();
            files(&self.0, &mut |_, path| found.push(path));
            found.sort();
            found
        }
    }

    impl Drop for Project {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn hidden_and_ignored_folders_and_projects_inside_are_not_the_project() {
        let project = Project::new(
            "hidden",
            &[
                "a.gd",
                "b/c.gd",
                ".git/d.gd",
                "b/.hidden/e.gd",
                "f/.gdignore",
                "f/g/h.gd",
                "i/project.godot",
                "i/j.gd",
            ],
            &[],
        );
        assert_eq!(project.files(), ["res://a.gd", "res://b/c.gd"]);
        assert_eq!(endless_link(&project.0), None);
    }

    #[test]
    fn a_linked_folder_is_listed_by_each_of_its_paths() {
        let project = Project::new("linked", &["a/b.gd"], &[("a", "c"), ("../a", "d/e")]);
        assert_eq!(
            project.files(),
            ["res://a/b.gd", "res://c/b.gd", "res://d/e/b.gd"]
        );
        assert_eq!(endless_link(&project.0), None);
    }

    #[test]
    fn folders_linked_to_themselves_are_listed_a_bounded_number_of_times() {
        let project = Project::new(
            "circle",
            &["main.gd", "a/b.gd"],
            &[(".", "one"), ("..", "a/two"), (".", "a/three")],
        );
        let files = project.files();
        assert!(files.contains(&"res://one/main.gd".to_owned()));
        assert!(files.contains(&"res://a/two/a/b.gd".to_owned()));
        assert!(files.len() <= 32, "{files:?}");
        assert!(endless_link(&project.0).is_some());
    }

    #[test]
    fn one_link_to_the_project_itself_is_no_reason_to_give_up() {
        let project = Project::new("single", &["main.gd", "a/b.gd"], &[("..", "a/up")]);
        assert_eq!(endless_link(&project.0), None);
    }

    #[test]
    fn a_link_to_a_folder_around_the_project_is_followed() {
        let project = Project::new(
            "around",
            &["src/x.gd", "demo/a.gd"],
            &[("../..", "demo/addons/it")],
        );
        let mut found = Vec::new();
        files(&project.0.join("demo"), &mut |_, path| found.push(path));
        assert!(
            found.contains(&"res://addons/it/src/x.gd".to_owned()),
            "{found:?}"
        );
    }
}
