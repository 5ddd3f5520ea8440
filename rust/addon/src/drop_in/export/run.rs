//! One export, from its begin to its end: which texts are renamed, and whether they arrived.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use godot::builtin::GString;
use godot::classes::editor_export_platform::ExportMessageType;
use godot::classes::editor_export_preset::ScriptExportMode;
use godot::classes::{EditorExportPlatform, EditorExportPreset, Os};
use godot::obj::{EngineEnum, Gd, Singleton};

use super::finished::{Content, Finished};
use super::reach::{self, Reach};
use super::{library, others};
use crate::drop_in::{project, settings};

/// Where in the engine's order of export plugins one of the addon's is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Before all others: records that a file is exported.
    First,
    /// Right before the engine's own plugin for scripts, after which nobody is asked for a script that
    /// is exported as binary tokens.
    Scripts,
    /// After all others, for everything else.
    Last,
}

impl Place {
    pub(super) const ALL: [Self; 3] = [Self::First, Self::Scripts, Self::Last];

    /// The engine compares names by code points; its own plugin for scripts is called "GDScript".
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::First => "\u{1} OpenSSL DTLS, first",
            Self::Scripts => "GDScrips\u{10ffff} OpenSSL DTLS, before GDScript",
            Self::Last => "\u{10ffff} OpenSSL DTLS, last",
        }
    }
}

struct Run {
    /// Where the engine writes the game, as it was named to it.
    path: String,
    /// Whether scripts are exported as binary tokens.
    binary_scripts: bool,
    /// The texts that are renamed, by path.
    renamed: HashMap<String, String>,
    /// Those of them that this preset exports, but for those that a plugin before [`Place::First`] took.
    offered: BTreeSet<String>,
    /// Those of them that the addon put into the game.
    done: BTreeSet<String>,
}

impl Run {
    /// Where the addon puts in the renamed text of that file.
    fn place(&self, path: &str) -> Place {
        if self.binary_scripts && path.ends_with(".gd") {
            Place::Scripts
        } else {
            Place::Last
        }
    }
}

/// What is exported, and for what.
pub(super) struct Target {
    pub(super) preset: Gd<EditorExportPreset>,
    pub(super) platform: Gd<EditorExportPlatform>,
}

impl Target {
    fn os_name(&self) -> String {
        self.platform.get_os_name().to_string()
    }

    /// Shows a line in the editor's export dialog, and prints it.
    fn say(&self, kind: ExportMessageType, text: &str) {
        let mut platform = self.platform.clone();
        platform.add_message(kind, "OpenSSL DTLS", text);
    }
}

/// The engine exports one game at a time.
static RUN: Mutex<Option<Run>> = Mutex::new(None);
static FAILED: AtomicBool = AtomicBool::new(false);

fn current() -> MutexGuard<'static, Option<Run>> {
    RUN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an export of the command line has failed here. An export plugin's error message does not
/// change the engine's own result.
pub(crate) fn has_failed() -> bool {
    let is_export = |argument: &GString| argument.to_string().starts_with("--export-");
    FAILED.load(Ordering::Relaxed)
        && Os::singleton()
            .get_cmdline_args()
            .as_slice()
            .iter()
            .any(is_export)
}

/// Decides what is renamed, and says in one line why nothing is where something could be.
pub(super) fn begin(target: &Target, features: &[GString], path: &str) {
    *current() = None;
    let renamed = renamed(target, features, path);
    if !renamed.is_empty() {
        *current() = Some(Run {
            path: path.to_owned(),
            binary_scripts: target.preset.get_script_export_mode() != ScriptExportMode::TEXT.ord(),
            renamed,
            offered: BTreeSet::new(),
            done: BTreeSet::new(),
        });
    }
}

fn renamed(target: &Target, features: &[GString], path: &str) -> HashMap<String, String> {
    let none = HashMap::new();
    let Some(addon) = reach::addon() else {
        return none;
    };
    let changed = match project::folder() {
        Some(root) if settings::drop_in_for(features) => project::renamed(&root).changed,
        _ => Vec::new(),
    };
    let what = if changed.is_empty() {
        "the exported game lacks the addon's classes"
    } else {
        "the exported scripts stay on the engine's own DTLS classes"
    };
    let warn =
        |why: String| target.say(ExportMessageType::WARNING, &format!("{what}, since {why}."));

    let reach = reach::of(&target.preset, &addon);
    // A pack of selected files is loaded by a game that has the addon.
    let is_left_out = match reach {
        Reach::Exported => false,
        Reach::NotSelected => !is_pack(target, path),
        Reach::Excluded => true,
    };
    let lacking = library::lacking(&addon, features);
    match lacking {
        _ if is_left_out => {
            if !changed.is_empty() {
                warn(format!(
                    "its preset leaves out {addon}; add *.gdextension to the preset's filter of further resources"
                ));
            }
            none
        }
        Some(lacking) => {
            // Scripts that name the addon's own classes need the library, too.
            if !changed.is_empty() || lacking.is_a_file() && reach == Reach::Exported {
                warn(lacking.describe(&target.os_name()));
            }
            none
        }
        None => changed
            .into_iter()
            .map(|file| (file.path, file.text))
            .collect(),
    }
}

/// Whether the engine writes a pack alone, and not a game. On macOS, a game can be a `.zip`, too.
fn is_pack(target: &Target, path: &str) -> bool {
    path.ends_with(".pck") || path.ends_with(".zip") && target.os_name() != "macOS"
}

/// The renamed text of a file, if it is to be handed out at this place.
pub(super) fn offer(place: Place, path: &str) -> Option<String> {
    let mut run = current();
    let run = run.as_mut()?;
    let text = run.renamed.get(path)?;
    if place == Place::First {
        run.offered.insert(path.to_owned());
        return None;
    }
    if place != run.place(path) {
        return None;
    }
    run.done.insert(path.to_owned());
    Some(text.clone())
}

/// Makes the export fail if another plugin put a text with the engine's names into the game.
pub(super) fn end(target: &Target) {
    let Some(run) = current().take() else {
        return;
    };
    warn_of_customizers(target, &run);
    let mut taken: Vec<&String> = run
        .renamed
        .keys()
        .filter(|path| !run.done.contains(*path))
        .collect();
    if taken.is_empty() {
        return;
    }
    taken.sort();
    let file = written_to(target, &run.path);
    let Ok(metadata) = fs::metadata(&file) else {
        // The engine wrote nothing, and says itself why.
        return;
    };
    let finished = Finished::open(&file);
    let half: Vec<(&str, Content)> = taken
        .into_iter()
        .map(|path| (path.as_str(), content(finished.as_ref(), &run, path)))
        .filter(|(path, content)| match content {
            Content::Absent | Content::Renamed => false,
            Content::Engine => true,
            // The preset may leave out what the addon was not asked for.
            Content::Unknown => run.offered.contains(*path),
        })
        .collect();
    if half.is_empty() {
        return;
    }
    for place in [Place::Scripts, Place::Last] {
        let files: Vec<&(&str, Content)> = half
            .iter()
            .filter(|(path, _)| run.place(path) == place)
            .collect();
        if !files.is_empty() {
            let text = complaint(&others::that_add_files(place.name()), &files);
            target.say(ExportMessageType::ERROR, &text);
        }
    }
    FAILED.store(true, Ordering::Relaxed);
    // An incomplete game must not be shipped. A folder (.app) may hold files of the user's: it stays.
    if metadata.is_file() {
        let _ = fs::remove_file(&file);
    }
}

fn content(finished: Option<&Finished>, run: &Run, path: &str) -> Content {
    finished.map_or(Content::Unknown, |finished| {
        finished.content(path, &run.renamed[path])
    })
}

fn complaint(plugins: &str, files: &[&(&str, Content)]) -> String {
    const SHOWN: usize = 10;
    let mut list: Vec<&str> = files.iter().take(SHOWN).map(|(path, _)| *path).collect();
    let more = format!("and {} more", files.len().saturating_sub(SHOWN));
    if files.len() > SHOWN {
        list.push(&more);
    }
    let list = list.join(", ");
    let all_unknown = files
        .iter()
        .all(|(_, content)| *content == Content::Unknown);
    let found = if all_unknown {
        "and whether its text names the engine's DTLS classes cannot be read"
    } else {
        "and its text names the engine's DTLS classes"
    };
    format!(
        "the export fails, because {plugins} put its own text of {list} into the game before the names were \
         replaced, {found}. Let that plugin leave the file alone, write the names into the scripts (Project > Tools > \
         Use OpenSSL DTLS names), or turn off openssl_dtls/drop_in for a feature of this preset."
    )
}

/// A scene whose own script is renamed is handed out as a whole, so that no plugin customizes it.
fn warn_of_customizers(target: &Target, run: &Run) {
    for (extension, method) in [
        (".tscn", "_begin_customize_scenes"),
        (".tres", "_begin_customize_resources"),
    ] {
        let files: Vec<&str> = run
            .done
            .iter()
            .map(String::as_str)
            .filter(|path| path.ends_with(extension))
            .collect();
        if files.is_empty() {
            continue;
        }
        if let Some(plugins) = others::that_have(method) {
            let text = format!(
                "{plugins} was not asked to customize {}, since a script inside is renamed; save that script as a \
                 file of its own if it should be.",
                files.join(", ")
            );
            target.say(ExportMessageType::WARNING, &text);
        }
    }
}

/// The file that holds the game's resources.
fn written_to(target: &Target, path: &str) -> PathBuf {
    let path = Path::new(path);
    let is_embedded = target.preset.get("binary_format/embed_pck").booleanize();
    let beside = path.with_extension("pck");
    let is_pc = matches!(target.os_name().as_str(), "Linux" | "Windows");
    if is_pc && !is_embedded && path.extension().is_none_or(|end| end != "zip") {
        beside
    } else {
        path.to_path_buf()
    }
}
