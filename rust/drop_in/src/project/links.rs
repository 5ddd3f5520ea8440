//! Links that make the engine list a project without end.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns a link to a folder that contains the link, if listing the project as `load_resource_pack()` does would take
/// too long.
///
/// `load_resource_pack()` lists every folder, also those that are not the project's, and follows each such link until
/// the system refuses to follow more links in one path: about 40 times for one link, but 2^40 times for two.
pub fn endless_link(root: &Path) -> Option<PathBuf> {
    /// The engine lists as many entries below such links in less than a second.
    const MAX_ENTRIES: u32 = 100_000;
    /// A folder that is still to be listed.
    struct Folder {
        on_disk: PathBuf,
        /// It and the folders that contain it, with links resolved; incomplete below `link`.
        ancestors: Vec<PathBuf>,
        /// The link to a folder that contains the link, if this folder is below one.
        link: Option<PathBuf>,
    }
    let resolved = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut entries_below = 0;
    let mut folders = vec![Folder {
        on_disk: root.to_owned(),
        ancestors: vec![resolved(root)],
        link: None,
    }];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder.on_disk) else {
            continue;
        };
        for entry in entries.flatten() {
            if folder.link.is_some() {
                entries_below += 1;
                if entries_below > MAX_ENTRIES {
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
            let mut ancestors = folder.ancestors.clone();
            let mut link = folder.link.clone();
            if link.is_none() && kind.is_symlink() {
                let real = resolved(&on_disk);
                link = ancestors.contains(&real).then(|| on_disk.clone());
                ancestors.push(real);
            } else if link.is_none() {
                ancestors.extend(
                    folder
                        .ancestors
                        .last()
                        .map(|real| real.join(entry.file_name())),
                );
            }
            folders.push(Folder {
                on_disk,
                ancestors,
                link,
            });
        }
    }
    None
}
