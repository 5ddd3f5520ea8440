//! Reads the project's scripts, as far as they matter here.

use std::fs;
use std::path::{Path, PathBuf};

use drop_in::Direction;
use godot::classes::ProjectSettings;
use godot::obj::Singleton;

use super::walk;

/// The folder of a project that lies open on disk; `None` for an exported game.
pub(crate) fn project_folder() -> Option<PathBuf> {
    let folder = ProjectSettings::singleton()
        .globalize_path("res://")
        .to_string();
    let folder = PathBuf::from(folder);
    let has_project = |name: &str| folder.join(name).is_file();
    // In a game that is one pack, the path is empty: the folder that it is started in is not its.
    if !folder.is_absolute() {
        return None;
    }
    (has_project("project.godot") || has_project("project.binary")).then_some(folder)
}

/// What a file with scripts in it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A `.gd`.
    Script,
    /// A `.tscn` or `.tres`, which may have scripts built in.
    Scene,
    /// A `.scn` or `.res`, which may have scripts built in that are not renamed.
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

/// A file with scripts in it.
pub(crate) struct File {
    pub(crate) on_disk: PathBuf,
    /// `res://…`
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl File {
    /// The script's `uid://…`, which the engine keeps in a file beside it.
    pub(crate) fn uid(&self) -> Option<String> {
        let mut beside = self.on_disk.clone().into_os_string();
        beside.push(".uid");
        let text = fs::read_to_string(beside).ok()?;
        Some(text.trim().to_owned())
    }
}

/// Which files are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What a start or an export can wait for.
    Quick,
    /// All.
    Everything,
}

/// The project's scripts that mention one of the names to be changed, be it in a comment.
pub(crate) struct Project {
    pub(crate) files: Vec<File>,
    /// Whether a name is mentioned without which nothing is renamed.
    pub(crate) can_change: bool,
    /// Files that mention one of the names and cannot be renamed: `res://…` and why.
    pub(crate) unreadable: Vec<(String, &'static str)>,
    /// The first script that looks as if it changed folders under `res://`.
    pub(crate) changes_folders: Option<String>,
    /// Scripts that mention none of them.
    others: Vec<(PathBuf, String)>,
}

impl Project {
    /// Adds the scripts that mention none of the classes.
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

/// Reads every script of the project, the addon's own excepted; files that are not text are not scripts.
pub(crate) fn read(root: &Path, direction: Direction, extent: Extent) -> Project {
    /// Scenes of this size hold meshes and pictures as text; reading them would cost start-up time.
    const LARGEST_SCENE: u64 = 16 << 20;
    const OWN_FOLDER: &str = "res://addons/openssl_dtls/";
    let mut project = Project {
        files: Vec::new(),
        can_change: false,
        unreadable: Vec::new(),
        changes_folders: None,
        others: Vec::new(),
    };
    walk::files(root, &mut |on_disk, path| {
        let Some(kind) = Kind::of(&on_disk) else {
            return;
        };
        let Ok(metadata) = fs::metadata(&on_disk) else {
            return;
        };
        // To read from a pipe would wait for someone to write.
        if !metadata.is_file() || path.starts_with(OWN_FOLDER) {
            return;
        }
        let is_large = kind != Kind::Script && metadata.len() > LARGEST_SCENE;
        if extent == Extent::Quick && (is_large || kind == Kind::Binary) {
            return;
        }
        let Ok(bytes) = fs::read(&on_disk) else {
            return;
        };
        if kind == Kind::Script
            && std::str::from_utf8(&bytes).is_ok_and(drop_in::changes_project_folders)
        {
            let first = project.changes_folders.take();
            project.changes_folders = first.filter(|first| *first < path).or(Some(path.clone()));
        }
        if !drop_in::mentions_toward(&bytes, direction) {
            if kind == Kind::Script {
                project.others.push((on_disk, path));
            }
            return;
        }
        if kind == Kind::Binary {
            let why = "it is in binary form; save it as .tscn or .tres";
            return project.unreadable.push((path, why));
        }
        project.can_change |= direction == Direction::ToEngine || drop_in::mentions_dtls(&bytes);
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
    // The order in which a folder is listed varies; the pack's contents must not.
    project
        .files
        .sort_by(|one, other| one.path.cmp(&other.path));
    project
}

/// Whether the project has C# scripts: the engine keeps their project file in the project's folder.
pub(crate) fn has_csharp(root: &Path) -> bool {
    let Ok(entries) = fs::read_dir(root) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.path().extension().is_some_and(|end| end == "csproj"))
}
