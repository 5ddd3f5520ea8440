//! Finds other addons' export plugins.
//!
//! The engine has no list of them for addons. But an editor plugin has to keep its export plugin, so that it can remove
//! it again: this looks through the variables of the editor plugins' scripts.

use drop_in::export::OtherPlugin;
use godot::builtin::{AnyArray, Array, StringName, VarDictionary, Variant};
use godot::classes::{EditorExportPlugin, EditorPlugin, Engine, SceneTree, Script};
use godot::obj::{Gd, Singleton};

/// `PROPERTY_USAGE_SCRIPT_VARIABLE` of the engine.
const SCRIPT_VARIABLE: i64 = 1 << 12;

/// The export plugins that are scripts, sorted by name.
pub(super) fn find() -> Vec<OtherPlugin> {
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
    found.sort_by_key(Gd::instance_id);
    found.dedup_by_key(|plugin| plugin.instance_id());
    let mut plugins: Vec<OtherPlugin> = found.into_iter().filter_map(described).collect();
    plugins.sort_by(|one, other| one.name.cmp(&other.name));
    plugins
}

fn described(mut plugin: Gd<EditorExportPlugin>) -> Option<OtherPlugin> {
    let script = plugin.get_script()?.try_cast::<Script>().ok()?;
    let name = if plugin.has_method("_get_name") {
        plugin.call("_get_name", &[]).to_string()
    } else {
        String::new()
    };
    Some(OtherPlugin {
        name,
        path: script.get_path().to_string(),
        source: script.get_source_code().to_string(),
        exports_files: plugin.has_method("_export_file"),
        customizes_scenes: plugin.has_method("_begin_customize_scenes"),
        customizes_resources: plugin.has_method("_begin_customize_resources"),
    })
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
