//! Reads the files of a project that can be renamed.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::for_each_file;
use crate::dir_access::changes_project_folders;
use crate::mentions::{mentions, mentions_dtls, mentions_toward};
use crate::names::{Direction, Names};

/// The kinds of files that hold scripts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A `.gd`.
    Script,
    /// A `.tscn` or `.tres`, which can have built-in scripts.
    Scene,
    /// A `.scn` or `.res`. Built-in scripts in it are not renamed.
    Binary,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "gd" => Some(Self::Script),
            "tscn" | "tres" => Some(Self::Scene),
            "scn" | "res" => Some(Self::Binary),
            _ => None,
        }
    }
}

/// A file that holds scripts.
pub(crate) struct File {
    pub(crate) on_disk: PathBuf,
    /// `res://…`
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl File {
    /// The script's `uid://…`, from the `.uid` file beside it.
    pub(crate) fn uid(&self) -> Option<String> {
        let mut beside = self.on_disk.clone().into_os_string();
        beside.push(".uid");
        let text = fs::read_to_string(beside).ok()?;
        Some(text.trim().to_owned())
    }
}

/// Which files are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Without binary files and scenes over 16 MiB, which would delay a start or an export.
    Quick,
    /// All.
    Everything,
}

/// A project's files that contain one of the names or methods that are looked for, in comments too.
pub(crate) struct Project {
    pub(crate) files: Vec<File>,
    /// Whether one of those occurs that renaming depends on, see [`plan`](crate::plan()).
    pub(crate) can_change: bool,
    /// Files that contain one of the names and cannot be renamed: `res://…` and why.
    pub(crate) unreadable: Vec<(String, &'static str)>,
    /// The first script that seems to change folders under `res://`.
    pub(crate) changes_folders: Option<String>,
    /// Scripts that contain none of those.
    others: Vec<(PathBuf, String)>,
}

impl Project {
    /// Adds the scripts that contain none of those.
    pub(crate) fn read_all(&mut self) {
        for (on_disk, path) in std::mem::take(&mut self.others) {
            if let Ok(text) = fs::read_to_string(&on_disk) {
                self.files.push(File {
                    on_disk,
                    path,
                    kind: Kind::Script,
                    text,
                });
            }
        }
    }
}

/// Reads the project's files with scripts, except the addon's own.
pub(crate) fn read(root: &Path, direction: Direction, always: Names, extent: Extent) -> Project {
    /// Larger scenes hold meshes and images as text.
    const MAX_QUICK_SCENE: u64 = 16 << 20;
    const OWN_FOLDER: &str = "res://addons/openssl_dtls/";
    let mut project = Project {
        files: Vec::new(),
        can_change: false,
        unreadable: Vec::new(),
        changes_folders: None,
        others: Vec::new(),
    };
    for_each_file(root, &mut |on_disk, path| {
        let Some(kind) = Kind::of(&on_disk) else {
            return;
        };
        let Ok(metadata) = fs::metadata(&on_disk) else {
            return;
        };
        // Reading from a pipe would block.
        if !metadata.is_file() || path.starts_with(OWN_FOLDER) {
            return;
        }
        let is_large = kind != Kind::Script && metadata.len() > MAX_QUICK_SCENE;
        if extent == Extent::Quick && (is_large || kind == Kind::Binary) {
            log::trace!(target: "drop_in", "{path} is not read: it is binary or large");
            return;
        }
        let Ok(bytes) = fs::read(&on_disk) else {
            return;
        };
        if kind == Kind::Script && std::str::from_utf8(&bytes).is_ok_and(changes_project_folders) {
            let first = project.changes_folders.take();
            project.changes_folders = first.filter(|first| *first < path).or(Some(path.clone()));
        }
        if !mentions_toward(&bytes, direction) {
            if kind == Kind::Script {
                project.others.push((on_disk, path));
            }
            return;
        }
        if kind == Kind::Binary {
            let why = "it is in binary form; save it as .tscn or .tres";
            log::debug!(target: "drop_in", "{path} cannot be renamed: {why}");
            return project.unreadable.push((path, why));
        }
        project.can_change |=
            direction == Direction::ToEngine || mentions_dtls(&bytes) || mentions(&bytes, always);
        match String::from_utf8(bytes) {
            Ok(text) => project.files.push(File {
                on_disk,
                path,
                kind,
                text,
            }),
            Err(_) => project.unreadable.push((path, "it is not UTF-8")),
        }
    });
    // The order in which a folder is listed varies, the order in a pack must not.
    project
        .files
        .sort_by(|one, other| one.path.cmp(&other.path));
    log::debug!(
        target: "drop_in",
        "scanned {}: {} files contain the names, {} scripts do not",
        root.display(),
        project.files.len(),
        project.others.len(),
    );
    project
}
