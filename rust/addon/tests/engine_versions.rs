//! The engine's interface from Godot 4.4 on, as each version publishes it in `extension_api.json`.
//!
//! `godot_project/tests/test_api.gd` compares the addon's classes with those of the engine that it runs on. Here the
//! engine's classes are compared with those of its other versions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The classes that the addon has counterparts of, and their base.
const MIRRORED: &[&str] = &[
    "DTLSServer",
    "PacketPeer",
    "PacketPeerDTLS",
    "PacketPeerUDP",
    "TLSOptions",
    "UDPServer",
];

/// The classes whose methods the addon calls, beside those.
const CALLED: &[&str] = &[
    "AcceptDialog",
    "ConfigFile",
    "ConfirmationDialog",
    "CryptoKey",
    "DisplayServer",
    "EditorDebuggerPlugin",
    "EditorDebuggerSession",
    "EditorExportPlatform",
    "EditorExportPlugin",
    "EditorExportPreset",
    "EditorInterface",
    "EditorPlugin",
    "Engine",
    "EngineDebugger",
    "FileAccess",
    "GDExtensionManager",
    "IP",
    "OS",
    "PCKPacker",
    "PacketPeerExtension",
    "ProjectSettings",
    "Resource",
    "ResourceLoader",
    "SceneTree",
    "Script",
    "TextEdit",
    "X509Certificate",
    "ZIPReader",
];

/// One version's classes by name.
struct Api {
    version: &'static str,
    classes: BTreeMap<String, Value>,
}

impl Api {
    fn read(version: &'static str, json: &str) -> Self {
        let api: Value = serde_json::from_str(json).expect("the crate has valid JSON");
        let classes = api["classes"].as_array().expect("it lists classes");
        Self {
            version,
            classes: classes
                .iter()
                .map(|class| (text(&class["name"]), class.clone()))
                .collect(),
        }
    }

    /// The class and those that it inherits from.
    fn ancestry(&self, class: &str) -> Vec<&Value> {
        let first = self.classes.get(class);
        std::iter::successors(first, |class| self.classes.get(&text(&class["inherits"]))).collect()
    }

    /// Whether an extension finds the method as another version declares it: by its name, and by a hash of its
    /// arguments and its result.
    fn has(&self, class: &str, method: &Value) -> bool {
        self.ancestry(class)
            .into_iter()
            .flat_map(|class| list(&class["methods"]))
            .any(|own| {
                let compatible =
                    list(&own["hash_compatibility"]).any(|hash| *hash == method["hash"]);
                own["name"] == method["name"] && (own["hash"] == method["hash"] || compatible)
            })
    }
}

/// The oldest version that the addon runs on first.
fn versions() -> Vec<Api> {
    use gdextension_api::{version_4_4, version_4_5, version_4_6, version_4_7};
    vec![
        Api::read("4.4", &version_4_4::load_extension_api_json()),
        Api::read("4.5", &version_4_5::load_extension_api_json()),
        Api::read("4.6", &version_4_6::load_extension_api_json()),
        Api::read("4.7", &version_4_7::load_extension_api_json()),
    ]
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A class without its documentation.
fn interface(class: &Value) -> Value {
    match class {
        Value::Object(entries) => entries
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "description" | "brief_description"))
            .map(|(key, value)| (key.clone(), interface(value)))
            .collect(),
        Value::Array(values) => values.iter().map(interface).collect(),
        other => other.clone(),
    }
}

#[test]
fn the_mirrored_classes_are_the_same_in_all_versions() {
    let versions = versions();
    for class in MIRRORED {
        let oldest = interface(&versions[0].classes[*class]);
        assert!(list(&oldest["methods"]).count() >= 2, "{class}");
        for api in &versions[1..] {
            let newer = interface(&api.classes[*class]);
            assert_eq!(newer, oldest, "{class} of Godot {}", api.version);
        }
    }
}

#[test]
fn methods_that_the_addon_may_call_are_in_all_versions() {
    let versions = versions();
    let mut missing = BTreeSet::new();
    let mut found = 0;
    for class in MIRRORED.iter().chain(CALLED) {
        let ancestry = versions[0].ancestry(class);
        assert!(!ancestry.is_empty(), "Godot 4.4 has no {class}");
        // Those of Object and Node are used by all scripts there are.
        let own = ancestry
            .into_iter()
            .filter(|class| !matches!(text(&class["name"]).as_str(), "Node" | "Object"));
        for method in own.flat_map(|class| list(&class["methods"])) {
            for api in &versions[1..] {
                found += usize::from(api.has(class, method));
                if !api.has(class, method) {
                    missing.insert(format!("Godot {}: {class}.{}", api.version, method["name"]));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(found > 1_000, "{found}");
}
