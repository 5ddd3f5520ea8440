//! Whether an export preset exports the addon.
//!
//! A preset of selected scenes or resources leaves the addon out unless its filters name it. Without the addon's
//! classes renamed scripts would not parse.

/// An export preset.
pub trait Preset {
    /// Patterns of files that are exported as well, between commas.
    fn include_filter(&self) -> String;

    /// Patterns of files that are not exported, between commas.
    fn exclude_filter(&self) -> String;

    /// Whether a path matches a pattern, as the engine's `String.matchn()`.
    fn matches(&self, path: &str, pattern: &str) -> bool;

    /// Which of the project's files it exports.
    fn selection(&self) -> Selection;

    /// The files that were selected, `res://…`.
    fn selected_files(&self) -> Vec<String>;

    /// Whether a [`Selection::Customized`] preset removes what is at that path; a folder's ends in a slash. `None` if
    /// nothing is set for that path.
    fn removes(&self, path: &str) -> Option<bool>;
}

/// Which of a project's files a preset exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All resources.
    All,
    /// The selected scenes and what they depend on.
    Scenes,
    /// The selected resources and what they depend on.
    Resources,
    /// All resources but the selected ones.
    AllButResources,
    /// What is set for each file and folder.
    Customized,
}

/// What a preset does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is exported.
    Exported,
    /// The preset exports selected files, and this one is not among them.
    NotSelected,
    /// The preset excludes it.
    Excluded,
}

/// What the preset does with the file at that path, `res://…`.
pub fn reach(preset: &impl Preset, path: &str) -> Reach {
    if any_matches(preset, &preset.exclude_filter(), path) {
        Reach::Excluded
    } else if any_matches(preset, &preset.include_filter(), path) {
        Reach::Exported
    } else {
        selected(preset, path)
    }
}

/// Whether one of the patterns matches the path with or without `res://`.
fn any_matches(preset: &impl Preset, patterns: &str, path: &str) -> bool {
    let paths = [path, path.trim_start_matches("res://")];
    patterns
        .split(',')
        .map(str::trim)
        .filter(|pattern| !pattern.is_empty())
        .any(|pattern| paths.iter().any(|path| preset.matches(path, pattern)))
}

fn selected(preset: &impl Preset, path: &str) -> Reach {
    let is_listed = || preset.selected_files().iter().any(|file| file == path);
    match preset.selection() {
        Selection::Scenes => Reach::NotSelected,
        Selection::Resources if !is_listed() => Reach::NotSelected,
        Selection::AllButResources if is_listed() => Reach::Excluded,
        Selection::Customized if is_removed(preset, path) => Reach::Excluded,
        _ => Reach::Exported,
    }
}

/// What is set for the file, or else for the innermost of its folders that anything is set for.
fn is_removed(preset: &impl Preset, path: &str) -> bool {
    let folders = path
        .match_indices('/')
        .map(|(slash, _)| &path[..=slash])
        .filter(|folder| folder.len() >= "res://".len());
    folders
        .chain([path])
        .filter_map(|place| preset.removes(place))
        .last()
        .unwrap_or(false)
}
