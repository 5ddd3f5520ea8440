//! Finds other addons' export plugins.
//!
//! The engine has no list of them for addons. But an editor plugin has to keep its export plugin, so that it can remove
//! it again: this looks through the variables of the editor plugins' scripts.

use drop_in::export::OtherPlugin;
use godot::builtin::{AnyArray, StringName, VarDictionary};
use godot::classes::{EditorExportPlugin, Engine, Node, SceneTree, Script};
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
    let mut found: Vec<Gd<EditorExportPlugin>> =
        nodes.iter_shared().flat_map(in_variables).collect();
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

/// The export plugins in the variables of an editor plugin's script, and in arrays there.
fn in_variables(editor: Gd<Node>) -> Vec<Gd<EditorExportPlugin>> {
    let is_variable = |property: &VarDictionary| {
        let usage = property.get("usage").and_then(|it| it.try_to::<i64>().ok());
        usage.is_some_and(|usage| usage & SCRIPT_VARIABLE != 0)
    };
    let properties = editor.get_property_list();
    let variables = properties.iter_shared().filter(is_variable);
    let names = variables.filter_map(|property| property.get("name"));
    let values = names.flat_map(|name| {
        let value = editor.get(&StringName::from(&name.to_string()));
        let array = value.try_to::<AnyArray>();
        array.map_or_else(|_| vec![value], |array| array.iter_shared().collect())
    });
    values.filter_map(|value| value.try_to().ok()).collect()
}
