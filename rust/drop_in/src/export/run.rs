//! One export, from its begin to its end: which texts are renamed, and whether they are in the game.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use super::editor::Editor;
use super::finished::{Finished, Found};
use super::library::Lacking;
use super::other_plugins::{OtherPlugin, named, that_add_files};
use super::place::Place;
use super::preset::Reach;
use crate::project::Changed;

/// What the engine says of an export when it begins.
#[derive(Clone, Debug)]
pub struct Export {
    /// Where the engine writes the game.
    pub path: String,
    /// The engine's name of the platform.
    pub os_name: String,
    /// Whether scripts are exported as binary tokens.
    pub binary_scripts: bool,
    /// Whether the pack is part of the program.
    pub embeds_pack: bool,
}

/// A line for the editor's export dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The export goes on.
    Warning(String),
    /// The export fails.
    Error(String),
}

/// What an export begins with.
#[derive(Debug, Default)]
pub struct Begun {
    /// `None` if nothing is renamed.
    pub run: Option<Run>,
    /// Why nothing is renamed where something could be.
    pub warning: Option<Message>,
}

/// What an export ends with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Finish {
    /// Lines for the editor's export dialog.
    pub messages: Vec<Message>,
    /// Whether the export must fail. The game's file is removed then.
    pub has_failed: bool,
}

/// An export that renames files.
#[derive(Debug)]
pub struct Run {
    export: Export,
    /// The renamed texts, by path.
    renamed: HashMap<String, String>,
    /// Those of them that this preset exports, except for those that a plugin before [`Place::First`] replaced.
    offered: BTreeSet<String>,
    /// Those of them that the addon added to the game.
    added: BTreeSet<String>,
}

/// Decides what an export renames.
///
/// `addon` is the path of the addon's `.gdextension` file, `reach` what the preset does with it, and `lacking` what the
/// addon lacks for this export. `changed` is empty if the setting is off for the export's features.
pub fn begin(
    export: Export,
    addon: &str,
    reach: Reach,
    lacking: Option<&Lacking>,
    changed: Vec<Changed>,
) -> Begun {
    let why = why_not(&export, addon, reach, lacking, &changed);
    if let Some(why) = why {
        let what = if changed.is_empty() {
            "the exported game lacks the addon's classes"
        } else {
            "the exported scripts stay on the engine's own classes"
        };
        return Begun {
            run: None,
            warning: Some(Message::Warning(format!("{what}, since {why}."))),
        };
    }
    if changed.is_empty() || is_left_out(&export, reach) || lacking.is_some() {
        log::debug!(target: "drop_in", "nothing is renamed in the export of {}", export.path);
        return Begun {
            run: None,
            warning: None,
        };
    }
    log::debug!(target: "drop_in", "{} files are renamed in the export of {}", changed.len(), export.path);
    let renamed = changed
        .into_iter()
        .map(|file| (file.path, file.text))
        .collect();
    Begun {
        run: Some(Run {
            export,
            renamed,
            offered: BTreeSet::new(),
            added: BTreeSet::new(),
        }),
        warning: None,
    }
}

/// Why nothing can be renamed, if that is worth a warning.
fn why_not(
    export: &Export,
    addon: &str,
    reach: Reach,
    lacking: Option<&Lacking>,
    changed: &[Changed],
) -> Option<String> {
    if is_left_out(export, reach) {
        return (!changed.is_empty()).then(|| {
            format!(
                "its preset leaves out {addon}; add *.gdextension to the preset's filter of further resources"
            )
        });
    }
    let lacking = lacking?;
    // Scripts that name the addon's own classes need the library, too.
    let is_needed = !changed.is_empty() || lacking.is_a_file() && reach == Reach::Exported;
    is_needed.then(|| lacking.describe(&export.os_name))
}

fn is_left_out(export: &Export, reach: Reach) -> bool {
    match reach {
        Reach::Exported => false,
        // A pack of selected files is loaded by a game that has the addon.
        Reach::NotSelected => !is_pack(export),
        Reach::Excluded => true,
    }
}

/// Whether the engine writes a pack only, and not a game. On macOS, a game can be a `.zip`, too.
fn is_pack(export: &Export) -> bool {
    let path = &export.path;
    path.ends_with(".pck") || path.ends_with(".zip") && export.os_name != "macOS"
}

impl Run {
    /// The renamed text of the file at `res://…`, if the addon's plugin at that place adds it to the game. To be called
    /// for each file that the engine asks that plugin for.
    pub fn offer(&mut self, place: Place, path: &str) -> Option<String> {
        let text = self.renamed.get(path)?;
        if place == Place::First {
            self.offered.insert(path.to_owned());
            return None;
        }
        if place != self.place(path) {
            return None;
        }
        log::debug!(target: "drop_in", "{path} is renamed in the game");
        self.added.insert(path.to_owned());
        Some(text.clone())
    }

    /// Checks the game. The export fails if another plugin added a text with the engine's names; the game's file is
    /// removed then.
    pub fn finish(self, editor: &dyn Editor) -> Finish {
        let mut finish = Finish {
            messages: self.warnings_of_customizers(editor),
            has_failed: false,
        };
        let mut replaced: Vec<&String> = self
            .renamed
            .keys()
            .filter(|path| !self.added.contains(*path))
            .collect();
        if replaced.is_empty() {
            return finish;
        }
        replaced.sort();
        let file = self.export.written_to();
        let Ok(metadata) = fs::metadata(&file) else {
            // The engine wrote nothing, and prints the reason itself.
            return finish;
        };
        let finished = Finished::open(&file, editor);
        let find = |path: &str| {
            finished
                .as_ref()
                .map_or(Found::Unknown, |game| game.find(path, &self.renamed[path]))
        };
        let wrong: Vec<(&str, Found)> = replaced
            .into_iter()
            .map(|path| (path.as_str(), find(path)))
            .filter(|(path, found)| match found {
                Found::Absent | Found::Renamed => false,
                Found::Engine => true,
                // The preset may not export a file that the engine did not ask for.
                Found::Unknown => self.offered.contains(*path),
            })
            .collect();
        if wrong.is_empty() {
            return finish;
        }
        for place in [Place::Scripts, Place::Last] {
            let files: Vec<&(&str, Found)> = wrong
                .iter()
                .filter(|(path, _)| self.place(path) == place)
                .collect();
            if !files.is_empty() {
                let plugins = that_add_files(editor.other_plugins(), place.name());
                let text = complaint(&plugins, &files);
                finish.messages.push(Message::Error(text));
            }
        }
        finish.has_failed = true;
        // An incomplete game must not be shipped. A folder (.app) can contain the user's files: it stays.
        if metadata.is_file() {
            let _ = fs::remove_file(&file);
        }
        finish
    }

    /// The place at which the addon adds that file.
    fn place(&self, path: &str) -> Place {
        if self.export.binary_scripts && path.ends_with(".gd") {
            Place::Scripts
        } else {
            Place::Last
        }
    }

    /// The addon adds a scene with a renamed script as a whole, so that no plugin customizes it.
    fn warnings_of_customizers(&self, editor: &dyn Editor) -> Vec<Message> {
        type Customizes = fn(&OtherPlugin) -> bool;
        let kinds: [(&str, Customizes); 2] = [
            (".tscn", |other| other.customizes_scenes),
            (".tres", |other| other.customizes_resources),
        ];
        let mut warnings = Vec::new();
        for (extension, customizes) in kinds {
            let files: Vec<&str> = self
                .added
                .iter()
                .map(String::as_str)
                .filter(|path| path.ends_with(extension))
                .collect();
            if files.is_empty() {
                continue;
            }
            let mut plugins = editor.other_plugins();
            plugins.retain(customizes);
            if !plugins.is_empty() {
                warnings.push(Message::Warning(format!(
                    "{} was not asked to customize {}, since a script inside is renamed; save that script as a \
                     file of its own if it should be.",
                    named(&plugins),
                    files.join(", ")
                )));
            }
        }
        warnings
    }
}

impl Export {
    /// The file that holds the game's resources.
    fn written_to(&self) -> PathBuf {
        let path = Path::new(&self.path);
        let is_pc = matches!(self.os_name.as_str(), "Linux" | "Windows");
        if is_pc && !self.embeds_pack && path.extension().is_none_or(|end| end != "zip") {
            path.with_extension("pck")
        } else {
            path.to_path_buf()
        }
    }
}

fn complaint(plugins: &str, files: &[&(&str, Found)]) -> String {
    const SHOWN: usize = 10;
    let mut list: Vec<&str> = files.iter().take(SHOWN).map(|(path, _)| *path).collect();
    let more = format!("and {} more", files.len().saturating_sub(SHOWN));
    if files.len() > SHOWN {
        list.push(&more);
    }
    let list = list.join(", ");
    let all_unknown = files.iter().all(|(_, found)| *found == Found::Unknown);
    let found = if all_unknown {
        "and whether its text names the engine's classes cannot be read"
    } else {
        "and its text names the engine's classes"
    };
    format!(
        "the export fails, because {plugins} put its own text of {list} into the game before the names were \
         replaced, {found}. Let that plugin leave the file alone, write the names into the scripts (Project > Tools > \
         Use OpenSSL DTLS names), or turn off openssl_dtls/drop_in for a feature of this preset."
    )
}
