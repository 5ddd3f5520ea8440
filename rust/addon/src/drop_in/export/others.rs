//! Other addons' export plugins, as far as they can be found.
//!
//! The engine lists them to nobody. An editor plugin has to keep its export plugin, though, to take
//! it away again: it is looked for among the variables of the editor plugins' scripts.

use godot::builtin::{AnyArray, Array, StringName, VarDictionary, Variant};
use godot::classes::{EditorExportPlugin, EditorPlugin, Engine, SceneTree, Script};
use godot::obj::{Gd, Singleton};

/// `PROPERTY_USAGE_SCRIPT_VARIABLE` of the engine.
const SCRIPT_VARIABLE: i64 = 1 << 12;

/// An export plugin that is a script.
struct Other {
    plugin: Gd<EditorExportPlugin>,
    /// What the engine sorts it by.
    name: String,
    path: String,
    source: String,
}

impl Other {
    fn new(plugin: Gd<EditorExportPlugin>) -> Option<Self> {
        let mut plugin = plugin;
        let script = plugin.get_script()?.try_cast::<Script>().ok()?;
        let name = if plugin.has_method("_get_name") {
            plugin.call("_get_name", &[]).to_string()
        } else {
            String::new()
        };
        Some(Self {
            name,
            path: script.get_path().to_string(),
            source: script.get_source_code().to_string(),
            plugin,
        })
    }

    fn has(&self, method: &str) -> bool {
        self.plugin.has_method(method)
    }
}

/// Names, for a sentence, the plugins that can have put a file into the game before the addon's
/// plugin of that name was asked.
pub(super) fn that_add_files(before: &str) -> String {
    let mut found: Vec<Other> = all()
        .into_iter()
        .filter(|other| other.has("_export_file") && other.name.as_str() < before)
        .collect();
    if found.iter().any(|other| other.source.contains("add_file")) {
        found.retain(|other| other.source.contains("add_file"));
    }
    if found.is_empty() {
        return "another export plugin".to_owned();
    }
    named(&found)
}

/// Names, for a sentence, the plugins that have that method.
pub(super) fn that_have(method: &str) -> Option<String> {
    let found: Vec<Other> = all().into_iter().filter(|it| it.has(method)).collect();
    (!found.is_empty()).then(|| named(&found))
}

fn named(plugins: &[Other]) -> String {
    let names: Vec<String> = plugins
        .iter()
        .map(|other| format!("\"{}\" ({})", other.name, other.path))
        .collect();
    match names.as_slice() {
        [one] => format!("the export plugin {one}"),
        several => format!("one of the export plugins {}", several.join(", ")),
    }
}

fn all() -> Vec<Other> {
    let Some(root) = Engine::singleton()
        .get_main_loop()
        .and_then(|main_loop| main_loop.try_cast::<SceneTree>().ok())
        .and_then(|tree| tree.get_root())
    else {
        return Vec::new();
    };
    let nodes = root
        .find_children_ex("*")
        .type_("EditorPlugin")
        .owned(false)
        .done();
    let mut found: Vec<Gd<EditorExportPlugin>> = Vec::new();
    for node in nodes.iter_shared() {
        if let Ok(editor) = node.try_cast::<EditorPlugin>() {
            find_in_variables(&editor, &mut found);
        }
    }
    let mut others: Vec<Other> = found.into_iter().filter_map(Other::new).collect();
    others.sort_by(|one, other| one.name.cmp(&other.name));
    others.dedup_by_key(|other| other.plugin.instance_id());
    others
}

fn find_in_variables(editor: &Gd<EditorPlugin>, found: &mut Vec<Gd<EditorExportPlugin>>) {
    let properties: Array<VarDictionary> = editor.get_property_list();
    for property in properties.iter_shared() {
        let usage = property.get("usage").and_then(|it| it.try_to::<i64>().ok());
        let is_variable = usage.is_some_and(|usage| usage & SCRIPT_VARIABLE != 0);
        if !is_variable {
            continue;
        }
        let Some(name) = property.get("name") else {
            continue;
        };
        find_in_value(&editor.get(&StringName::from(&name.to_string())), found);
    }
}

fn find_in_value(value: &Variant, found: &mut Vec<Gd<EditorExportPlugin>>) {
    if let Ok(plugin) = value.try_to::<Gd<EditorExportPlugin>>() {
        found.push(plugin);
    } else if let Ok(array) = value.try_to::<AnyArray>() {
        for value in array.iter_shared() {
            if let Ok(plugin) = value.try_to::<Gd<EditorExportPlugin>>() {
                found.push(plugin);
            }
        }
    }
}
