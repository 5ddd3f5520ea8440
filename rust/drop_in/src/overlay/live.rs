//! The overlay of a running project: loaded at the start, and brought up to date when files change.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::engine::Engine;
use super::error::{OverlayError, StaleText};
use super::pack::{self, Entry};
use super::summary::summary;
use crate::names::{Direction, Names};
use crate::project::{Changed, Extent, Renamed, Scripts, endless_link, rename};

/// Tells whether a file has changed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok()?,
            length: metadata.len(),
        })
    }
}

/// A file that is in the overlay.
struct Overlaid {
    path: String,
    on_disk: PathBuf,
    /// Of the file when its text in the overlay was made, or older.
    stamp: Option<Stamp>,
    /// Of the text in the overlay.
    hash: u64,
}

impl Overlaid {
    fn has_changed(&self) -> bool {
        self.stamp != Stamp::of(&self.on_disk)
    }
}

/// The packs that this process wrote. They are removed when it ends.
struct OwnPacks {
    folder: PathBuf,
    unique: u64,
    count: u32,
    /// With the paths that the engine reads from them.
    packs: Vec<(PathBuf, Vec<String>)>,
}

impl Drop for OwnPacks {
    fn drop(&mut self) {
        for (pack, _) in &self.packs {
            let _ = fs::remove_file(pack);
        }
    }
}

impl OwnPacks {
    fn add(&mut self, engine: &impl Engine, entries: &[Entry<'_>]) -> Result<(), OverlayError> {
        let prefix = pack::OF_ONE_GAME;
        let name = format!("{prefix}{:016x}-{}.pck", self.unique, self.count);
        self.count += 1;
        let pack = self.folder.join(name);
        pack::add(engine, &pack, entries)?;
        let paths: Vec<String> = entries.iter().map(|(path, _)| (*path).to_owned()).collect();
        for (_, older) in &mut self.packs {
            older.retain(|path| !paths.contains(path));
        }
        // The engine no longer reads packs all of whose files are in newer ones.
        self.packs
            .retain(|(pack, paths)| !(paths.is_empty() && fs::remove_file(pack).is_ok()));
        self.packs.push((pack, paths));
        Ok(())
    }
}

/// Renamed copies that the engine reads in place of a project's files.
pub struct Overlay<E> {
    engine: E,
    root: PathBuf,
    always: Names,
    scripts: Scripts,
    encrypted: Names,
    changes_folders: Option<String>,
    overlaid: Vec<Overlaid>,
    /// The index in `overlaid` at which the next check begins.
    next: usize,
    checked_at: Instant,
    /// From before the project was read last.
    scanned_at: SystemTime,
    /// Files outside the overlay that were newer than the last scan and have been scanned since.
    scanned: HashMap<String, Option<Stamp>>,
    packs: OwnPacks,
}

impl<E: Engine> Overlay<E> {
    /// Reads the project in the folder `root` and loads renamed copies over it, from a pack in the first of `folders`
    /// where that works. The names in `always` are renamed also where the project does not use DTLS. `None` if there is
    /// nothing to rename. On an error the project is as it was.
    pub fn load(
        engine: E,
        root: &Path,
        always: Names,
        folders: &[PathBuf],
    ) -> Result<Option<Self>, OverlayError> {
        let scanned_at = SystemTime::now();
        let renamed = read(&engine, root, always);
        let changed = renamed.changed;
        if changed.is_empty() {
            return Ok(None);
        }
        if let Some(link) = endless_link(root) {
            return Err(OverlayError::EndlessLink { link });
        }
        let entries: Vec<Entry<'_>> = changed
            .iter()
            .map(|file| (file.path.as_str(), file.text.as_bytes()))
            .collect();
        let folder = pack::load(&engine, folders, &entries)?;
        let overlaid = changed.iter().map(|file| Overlaid {
            path: file.path.clone(),
            on_disk: file.on_disk.clone(),
            stamp: Stamp::of(&file.on_disk).filter(|stamp| stamp.modified < scanned_at),
            hash: hash_of(file.text.as_bytes()),
        });
        Ok(Some(Self {
            engine,
            root: root.to_owned(),
            always,
            scripts: count_once(&changed),
            encrypted: renamed.encrypted,
            changes_folders: renamed.changes_folders,
            overlaid: overlaid.collect(),
            next: 0,
            checked_at: Instant::now(),
            scanned_at,
            scanned: HashMap::new(),
            packs: OwnPacks {
                folder: folder.to_owned(),
                unique: RandomState::new().hash_one(()),
                count: 0,
                packs: Vec::new(),
            },
        }))
    }

    /// One line for users: how many scripts run on OpenSSL, whose version is given.
    pub fn summary(&self, openssl_version: &str) -> String {
        summary(self.scripts, self.encrypted, openssl_version)
    }

    /// A script that seems to change folders under `res://`, which fails while a pack is loaded.
    pub fn changes_folders(&self) -> Option<&str> {
        self.changes_folders.as_deref()
    }

    /// Checks whether files have changed, 32 of them in turn, so that one call is fast in large projects too; then
    /// calls [`refresh`](Self::refresh). To be called in each frame.
    pub fn check(&mut self) -> Vec<StaleText> {
        const MAX_FILES: usize = 32;
        self.checked_at = Instant::now();
        let count = self.overlaid.len();
        let has_changed = (0..count.min(MAX_FILES))
            .map(|ahead| &self.overlaid[(self.next + ahead) % count])
            .any(Overlaid::has_changed);
        self.next = (self.next + MAX_FILES) % count.max(1);
        if has_changed {
            self.refresh()
        } else {
            Vec::new()
        }
    }

    /// [`check`](Self::check), if the last one was 100 ms ago.
    pub fn check_sometimes(&mut self) -> Vec<StaleText> {
        const INTERVAL: Duration = Duration::from_millis(100);
        if self.checked_at.elapsed() >= INTERVAL {
            self.check()
        } else {
            Vec::new()
        }
    }

    /// To be called before the engine loads a file, since that file or one that it depends on may have changed. Does
    /// nothing for files of other projects and for files that cannot hold scripts.
    pub fn before_load(&mut self, path: &str) -> Vec<StaleText> {
        let may_hold_scripts = [".gd", ".tscn", ".tres"]
            .iter()
            .any(|end| path.ends_with(end));
        if !may_hold_scripts || !path.starts_with("res://") {
            return Vec::new();
        }
        let has_changed = match self.overlaid.iter().find(|file| file.path == path) {
            Some(file) => file.has_changed(),
            None => self.is_newer_than_scan(path),
        };
        if has_changed {
            self.refresh()
        } else {
            self.check_sometimes()
        }
    }

    /// Whether a file outside the overlay was written after the project was read.
    fn is_newer_than_scan(&mut self, path: &str) -> bool {
        let on_disk = self.root.join(path.trim_start_matches("res://"));
        let stamp = Stamp::of(&on_disk);
        if stamp.is_none_or(|stamp| stamp.modified < self.scanned_at)
            || self.scanned.get(path) == Some(&stamp)
        {
            return false;
        }
        self.scanned.insert(path.to_owned(), stamp);
        true
    }

    /// Reads the project again and loads what has changed over it. Returns the files for which that failed.
    ///
    /// A file may be read while another program writes it, so this repeats until none has changed, 10 times at most.
    pub fn refresh(&mut self) -> Vec<StaleText> {
        const MAX_ROUNDS: usize = 10;
        let mut stale = Vec::new();
        for _ in 0..MAX_ROUNDS {
            stale.extend(self.refresh_once());
            if !self.overlaid.iter().any(Overlaid::has_changed) {
                break;
            }
        }
        stale
    }

    fn refresh_once(&mut self) -> Option<StaleText> {
        self.scanned_at = SystemTime::now();
        for file in &mut self.overlaid {
            file.stamp = Stamp::of(&file.on_disk);
        }
        let new = self.new_texts();
        if new.is_empty() {
            return None;
        }
        let entries: Vec<Entry<'_>> = new
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_slice()))
            .collect();
        let why = self.packs.add(&self.engine, &entries).err()?;
        let path = new[0].0.clone();
        Some(StaleText { path, why })
    }

    /// The texts that differ from those in the overlay, by path.
    fn new_texts(&mut self) -> Vec<(String, Vec<u8>)> {
        let renamed = read(&self.engine, &self.root, self.always);
        let mut texts: HashMap<String, (PathBuf, Vec<u8>)> = renamed
            .changed
            .into_iter()
            .map(|file| (file.path, (file.on_disk, file.text.into_bytes())))
            .collect();
        let mut new = Vec::new();
        for file in &mut self.overlaid {
            // A file that no longer names a class stays in the overlay, with its text on disk.
            let text = match texts.remove(&file.path) {
                Some((_, text)) => text,
                None => match fs::read(&file.on_disk) {
                    Ok(text) => text,
                    Err(_) => continue,
                },
            };
            let hash = hash_of(&text);
            if hash != file.hash {
                file.hash = hash;
                new.push((file.path.clone(), text));
            }
        }
        for (path, (on_disk, text)) in texts {
            self.overlaid.push(Overlaid {
                path: path.clone(),
                // The next check reads it once more: it may have changed since.
                stamp: None,
                on_disk,
                hash: hash_of(&text),
            });
            new.push((path, text));
        }
        new
    }
}

fn read(engine: &impl Engine, root: &Path, always: Names) -> Renamed {
    let autoloads = engine.autoloads();
    rename(root, &autoloads, Direction::ToAddon, always, Extent::Quick)
}

/// Counts the scripts of each file once, even if links give it several paths.
fn count_once(changed: &[Changed]) -> Scripts {
    let mut counted = HashSet::new();
    changed
        .iter()
        .filter(|file| {
            let real = fs::canonicalize(&file.on_disk).unwrap_or_else(|_| file.on_disk.clone());
            counted.insert(real)
        })
        .map(|file| file.scripts)
        .sum()
}

fn hash_of(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
