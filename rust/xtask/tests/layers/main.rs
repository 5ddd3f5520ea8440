//! The layers of the workspace: which crate may depend on which, and no cycles between the files of a crate.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

mod modules;

use modules::Modules;

/// The crates from the lowest layer up, each with the crates of this workspace that it may be linked with.
const LAYERS: &[(&str, &[&str])] = &[
    ("openssl-src", &[]),
    ("drop_in", &[]),
    ("dtls", &[]),
    ("udp", &[]),
    ("endpoint", &["dtls", "udp"]),
    ("enet", &["dtls", "endpoint", "udp"]),
    ("guarded_memory", &[]),
    (
        "openssl_dtls",
        &[
            "drop_in",
            "dtls",
            "endpoint",
            "enet",
            "guarded_memory",
            "udp",
        ],
    ),
    ("testkit", &[]),
    ("simulated", &["endpoint", "testkit"]),
    (
        "fuzzing",
        &[
            "drop_in",
            "dtls",
            "endpoint",
            "enet",
            "simulated",
            "testkit",
            "udp",
        ],
    ),
    ("interop", &["dtls", "testkit"]),
    ("xtask", &["dtls", "endpoint", "testkit", "udp"]),
];

/// What the tests of any crate may use besides.
const FOR_TESTS: &[&str] = &["simulated", "testkit"];

/// Crates from elsewhere that belong to one layer, with the crates that may be linked with them.
const OWNED: &[(&str, &[&str])] = &[
    ("godot", &["openssl_dtls"]),
    // The fuzzer's peer compresses its datagrams.
    ("rusty_enet", &["enet", "fuzzing"]),
    ("socket2", &["udp"]),
];

fn workspace() -> Vec<Value> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--no-deps", "--format-version=1", "--offline"]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let metadata: Value = serde_json::from_slice(&output.expect("cargo runs").stdout).unwrap();
    metadata["packages"].as_array().expect("packages").clone()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn crates_depend_on_lower_layers_only() {
    let packages = workspace();
    let names: BTreeSet<&str> = packages
        .iter()
        .map(|package| text(package, "name"))
        .collect();
    let mut wrong = Vec::new();
    for package in &packages {
        let name = text(package, "name");
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
            wrong.push(format!("{name} has no place in LAYERS"));
            continue;
        };
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let on = text(dependency, "name");
            let is_for_tests = dependency["kind"] == "dev";
            // The package openssl-src depends on the published one of the same name.
            let is_ours = names.contains(on) && dependency["source"].is_null();
            let is_allowed = if is_ours {
                allowed.contains(&on)
                    || is_for_tests && (FOR_TESTS.contains(&on) || name == "interop")
            } else {
                let owned = OWNED.iter().find(|(owned, _)| *owned == on);
                is_for_tests || owned.is_none_or(|(_, by)| by.contains(&name))
            };
            if !is_allowed {
                wrong.push(format!("{name} may not depend on {on}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn layers_point_down() {
    for (at, (name, allowed)) in LAYERS.iter().enumerate() {
        let lower: Vec<&str> = LAYERS[..at].iter().map(|(lower, _)| *lower).collect();
        for on in *allowed {
            assert!(lower.contains(on), "{name} stands below {on}");
        }
    }
}

#[test]
fn the_files_of_a_crate_depend_on_each_other_in_one_direction() {
    let mut cycles = String::new();
    for package in workspace() {
        let name = text(&package, "name");
        let manifest = Path::new(text(&package, "manifest_path"));
        let found = Modules::read(&manifest.with_file_name("src")).cycles();
        if !found.is_empty() {
            cycles += &format!("{name}:\n  {}\n", found.join("\n  "));
        }
    }
    assert!(cycles.is_empty(), "cycles between files:\n{cycles}");
}
