//! Other addons' export plugins, named in messages.

/// An export plugin that is a script.
#[derive(Clone, Debug)]
pub struct OtherPlugin {
    /// The name that the engine sorts it by.
    pub name: String,
    /// Its script, `res://…`.
    pub path: String,
    /// The script's text.
    pub source: String,
    /// Whether it has `_export_file`.
    pub exports_files: bool,
    /// Whether it has `_begin_customize_scenes`.
    pub customizes_scenes: bool,
    /// Whether it has `_begin_customize_resources`.
    pub customizes_resources: bool,
}

/// The plugins that can have added a file before the addon's plugin of that name was asked, for a sentence.
pub(super) fn that_add_files(mut plugins: Vec<OtherPlugin>, before: &str) -> String {
    plugins.retain(|other| other.exports_files && other.name.as_str() < before);
    let adds = |other: &OtherPlugin| other.source.contains("add_file");
    if plugins.iter().any(adds) {
        plugins.retain(adds);
    }
    if plugins.is_empty() {
        return "another export plugin".to_owned();
    }
    named(&plugins)
}

/// The plugins, for a sentence.
pub(super) fn named(plugins: &[OtherPlugin]) -> String {
    let names: Vec<String> = plugins
        .iter()
        .map(|other| format!("\"{}\" ({})", other.name, other.path))
        .collect();
    match names.as_slice() {
        [one] => format!("the export plugin {one}"),
        several => format!("one of the export plugins {}", several.join(", ")),
    }
}
