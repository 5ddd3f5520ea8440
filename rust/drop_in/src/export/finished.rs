//! Reads the game that an export wrote: what became of a renamed file.

use std::path::Path;

use super::editor::{Editor, ReadZip};
use super::pck::{Content, Pack};
use super::tokens;
use crate::names::Names;
use crate::scene::Scene;
use crate::script::Script;

/// What an exported game has of a renamed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing: it was not exported.
    Absent,
    /// A text that names none of the engine's classes, except those that the file keeps.
    Renamed,
    /// A text that names the engine's classes.
    Engine,
    /// A form that cannot be read.
    Unknown,
}

/// The files of an exported game.
pub(super) struct Finished<'e> {
    files: Files,
    editor: &'e dyn Editor,
}

enum Files {
    Pack(Pack),
    Zip(ReadZip),
}

impl<'e> Finished<'e> {
    /// `None` if the file is neither a pack nor a `.zip`.
    pub(super) fn open(path: &Path, editor: &'e dyn Editor) -> Option<Self> {
        let files = match Pack::open(path) {
            Ok(pack) => Files::Pack(pack),
            Err(_) => Files::Zip(editor.open_zip(path)?),
        };
        Some(Self { files, editor })
    }

    /// What the game has of the file at `res://…`, for which the addon has the text `renamed`.
    pub(super) fn find(&self, path: &str, renamed: &str) -> Found {
        let kept = uses(path, renamed);
        let as_text = match self.read(path) {
            Content::None => None,
            Content::Unreadable => return Found::Unknown,
            Content::Bytes(bytes) => Some(self.judge(path, &bytes, kept)),
        };
        let remapped = match self.read(&format!("{path}.remap")) {
            Content::None => None,
            Content::Unreadable => return Found::Unknown,
            Content::Bytes(bytes) => Some(self.remapped(&bytes, kept)),
        };
        // The engine follows a remap first.
        remapped.or(as_text).unwrap_or(Found::Absent)
    }

    /// Reads `path="res://…"` of a `.remap` file, and the file at that path.
    fn remapped(&self, remap: &[u8], kept: Names) -> Found {
        let text = String::from_utf8_lossy(remap);
        let target = text
            .lines()
            .find_map(|line| line.strip_prefix("path=\"")?.strip_suffix('"'));
        let Some(target) = target else {
            return Found::Unknown;
        };
        match self.read(target) {
            Content::Bytes(bytes) => self.judge(target, &bytes, kept),
            Content::None => Found::Absent,
            Content::Unreadable => Found::Unknown,
        }
    }

    fn read(&self, path: &str) -> Content {
        let name = path.strip_prefix("res://").unwrap_or(path);
        match &self.files {
            Files::Pack(pack) => pack.read(name),
            // An .apk has the game's files in a folder.
            Files::Zip(read) => read(name)
                .or_else(|| read(&format!("assets/{name}")))
                .map_or(Content::None, Content::Bytes),
        }
    }

    fn judge(&self, path: &str, bytes: &[u8], kept: Names) -> Found {
        let names = match path.rsplit_once('.').map(|(_, end)| end) {
            Some("gd" | "tscn" | "tres") => {
                std::str::from_utf8(bytes).ok().map(|text| uses(path, text))
            }
            Some("gdc") => tokens::names_in(bytes, self.editor),
            _ => None,
        };
        match names {
            None => Found::Unknown,
            Some(names) if names.without(kept).is_empty() => Found::Renamed,
            Some(_) => Found::Engine,
        }
    }
}

/// The engine's classes that a script, or those built into a scene, name.
fn uses(path: &str, text: &str) -> Names {
    if path.ends_with(".gd") {
        return Script::scan(text).uses();
    }
    let scene = Scene::scan(text);
    let scripts = scene.scripts().iter();
    scripts.fold(Names::NONE, |all, built_in| {
        all.union(built_in.script.uses())
    })
}
