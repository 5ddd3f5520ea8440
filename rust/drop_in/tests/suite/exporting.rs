//! What an export renames, and how it checks the game.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use drop_in::export::{
    Begun, Editor, Export, Exports, Finish, Lacking, Message, OtherPlugin, Place, Reach, ReadZip,
    Run, begin, network_denied,
};
use drop_in::project::{Changed, Extent, rename};
use drop_in::{Direction, Names};

use crate::folder::Folder;

const ADDON: &str = "res://addons/openssl_dtls/openssl_dtls.gdextension";
const OLD: &str = "var s: DTLSServer\n";
const NEW: &str = "var s: OpenSSLDTLSServer\n";

/// An editor with one other export plugin, and with zips that [`zip`] writes.
struct FakeEditor;

impl Editor for FakeEditor {
    fn other_plugins(&self) -> Vec<OtherPlugin> {
        vec![OtherPlugin {
            name: "A replacer".to_owned(),
            path: "res://addons/other/replacer.gd".to_owned(),
            source: "add_file(path, text, false)".to_owned(),
            exports_files: true,
            customizes_scenes: true,
            customizes_resources: false,
        }]
    }

    fn open_zip(&self, path: &Path) -> Option<ReadZip> {
        let text = fs::read_to_string(path).ok()?;
        let mut parts = text.strip_prefix("zip\0")?.split_terminator('\0');
        let mut files = BTreeMap::new();
        while let (Some(name), Some(text)) = (parts.next(), parts.next()) {
            files.insert(name.to_owned(), text.as_bytes().to_vec());
        }
        Some(Box::new(move |name| files.get(name).cloned()))
    }

    fn decompress_zstd(&self, _: &[u8], _: usize) -> Option<Vec<u8>> {
        None
    }
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let entries: String = files.iter().map(|(n, t)| format!("{n}\0{t}\0")).collect();
    format!("zip\0{entries}").into_bytes()
}

/// A `.pck` of the given format with those files.
fn pck(format: u32, files: &[(&str, &str)]) -> Vec<u8> {
    let entry_size = |name: &str| 4 + name.len() + 8 + 8 + 16 + 4;
    let header = if format == 3 { 40 } else { 32 + 64 };
    let directory: usize = 4 + files.iter().map(|(n, _)| entry_size(n)).sum::<usize>();
    let base = (header + directory) as u64;
    let mut bytes = b"GDPC".to_vec();
    for number in [format, 4, 6, 0, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(base.to_le_bytes());
    if format == 3 {
        bytes.extend((header as u64).to_le_bytes());
    } else {
        bytes.extend([0; 64]);
    }
    assert_eq!(bytes.len(), header);
    bytes.extend((files.len() as u32).to_le_bytes());
    let mut offset = 0;
    for (name, text) in files {
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend((offset as u64).to_le_bytes());
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend([0; 16]);
        bytes.extend(0_u32.to_le_bytes());
        offset += text.len();
    }
    for (_, text) in files {
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// The pack at the end of a program.
fn embedded(pack: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x7fELF, a program".to_vec();
    bytes.extend(pack);
    bytes.extend((pack.len() as u64).to_le_bytes());
    bytes.extend(b"GDPC");
    bytes
}

fn export(path: &Path) -> Export {
    Export {
        path: path.to_string_lossy().into_owned(),
        os_name: "Linux".to_owned(),
        binary_scripts: false,
        embeds_pack: false,
    }
}

fn changed(files: &[(&str, &str)]) -> Vec<Changed> {
    let project = Folder::new(files);
    rename(
        project.path(),
        &[],
        Direction::ToAddon,
        Names::NONE,
        Extent::Quick,
    )
    .changed
}

fn warning(begun: &Begun) -> Option<&str> {
    match begun.warning.as_ref()? {
        Message::Warning(text) => Some(text),
        Message::Error(text) => panic!("an error: {text}"),
    }
}

#[test]
fn an_export_without_the_addon_renames_nothing_and_warns() {
    let begin_with =
        |path: &str, reach, changed| begin(export(Path::new(path)), ADDON, reach, None, changed);
    let begun = begin_with("game", Reach::Excluded, changed(&[("a.gd", OLD)]));
    assert!(begun.run.is_none());
    assert_eq!(
        warning(&begun),
        Some(
            "the exported scripts stay on the engine's own classes, since its preset leaves out \
             res://addons/openssl_dtls/openssl_dtls.gdextension; add *.gdextension to the preset's filter of further \
             resources."
        )
    );
    let begun = begin_with("game", Reach::Excluded, Vec::new());
    assert!(begun.run.is_none() && begun.warning.is_none());

    let begun = begin_with("game", Reach::NotSelected, changed(&[("a.gd", OLD)]));
    assert!(begun.run.is_none() && begun.warning.is_some());
    // The game that loads such a pack has the addon.
    let begun = begin_with("dlc.pck", Reach::NotSelected, changed(&[("a.gd", OLD)]));
    assert!(begun.run.is_some() && begun.warning.is_none());
}

#[test]
fn an_export_without_a_library_renames_nothing_and_warns() {
    let entry = Lacking::Entry {
        architectures: vec!["rv64".to_owned()],
    };
    let file = Lacking::File {
        path: "res://bin/x.dll".to_owned(),
    };
    let begin_with = |lacking, changed| {
        begin(
            export(Path::new("game")),
            ADDON,
            Reach::Exported,
            Some(lacking),
            changed,
        )
    };
    let begun = begin_with(&entry, changed(&[("a.gd", OLD)]));
    assert!(begun.run.is_none());
    assert_eq!(
        warning(&begun),
        Some(
            "the exported scripts stay on the engine's own classes, since the addon has no library for Linux on \
             rv64."
        )
    );
    assert_eq!(warning(&begin_with(&entry, Vec::new())), None);
    assert_eq!(
        warning(&begin_with(&file, Vec::new())),
        Some(
            "the exported game lacks the addon's classes, since the addon's library for Linux is missing, \
             res://bin/x.dll; copy it from the addon's release."
        )
    );
}

#[test]
fn each_file_is_renamed_at_one_place() {
    let scene = "[sub_resource type=\"GDScript\" id=\"1\"]\nscript/source = \"var u: UDPServer\"\n";
    let files = [("a.gd", OLD), ("b.tscn", scene)];
    for (binary_scripts, place_of_scripts) in [(true, Place::Scripts), (false, Place::Last)] {
        let export = Export {
            binary_scripts,
            ..export(Path::new("game"))
        };
        let begun = begin(export, ADDON, Reach::Exported, None, changed(&files));
        let mut run = begun.run.unwrap();
        for place in Place::ALL {
            let script = run.offer(place, "res://a.gd");
            assert_eq!(script.is_some(), place == place_of_scripts);
            assert!(script.is_none_or(|text| text == NEW));
            let scene = run.offer(place, "res://b.tscn");
            assert_eq!(scene.is_some(), place == Place::Last);
            assert_eq!(run.offer(place, "res://other.gd"), None);
        }
    }
}

#[test]
fn the_engine_sorts_the_addons_plugins_around_its_own() {
    let [first, scripts, last] = Place::ALL.map(Place::name);
    let mut names = ["GDScript", last, "A plugin", scripts, "Z plugin", first];
    names.sort_unstable();
    assert_eq!(
        names,
        [first, "A plugin", scripts, "GDScript", "Z plugin", last]
    );
}

/// An export of `a.gd`, which the engine asked the first plugin for and another plugin replaced.
fn replaced(export: Export) -> Run {
    let begun = begin(
        export,
        ADDON,
        Reach::Exported,
        None,
        changed(&[("a.gd", OLD)]),
    );
    let mut run = begun.run.unwrap();
    assert_eq!(run.offer(Place::First, "res://a.gd"), None);
    run
}

#[track_caller]
fn fails(finish: &Finish, found: &str) {
    let [Message::Error(text)] = finish.messages.as_slice() else {
        panic!("not one error: {finish:?}");
    };
    let begin = "the export fails, because the export plugin \"A replacer\" (res://addons/other/replacer.gd) put its \
                 own text of res://a.gd into the game before the names were replaced, ";
    assert!(text.starts_with(begin), "{text}");
    assert!(text.contains(found), "{text}");
    assert!(finish.has_failed);
}

const ENGINE_NAMES: &str = "and its text names the engine's classes.";
const UNREADABLE: &str = "and whether its text names the engine's classes cannot be read.";

#[test]
fn a_game_with_the_engines_names_fails_the_export_and_is_removed() {
    let games = Folder::new(&[]);
    for format in [2, 3] {
        for name in ["a.gd", "res://a.gd"] {
            let pack = games.join("game.pck");
            fs::write(&pack, pck(format, &[("b.gd", "pass"), (name, OLD)])).unwrap();
            let finish = replaced(export(&games.join("game"))).finish(&FakeEditor);
            fails(&finish, ENGINE_NAMES);
            assert!(!pack.exists());
        }
    }
    let game = games.join("embedded");
    fs::write(&game, embedded(&pck(3, &[("a.gd", OLD)]))).unwrap();
    let embeds_pack = Export {
        embeds_pack: true,
        ..export(&game)
    };
    fails(&replaced(embeds_pack).finish(&FakeEditor), ENGINE_NAMES);
    assert!(!game.exists());

    for name in ["a.gd", "assets/a.gd"] {
        let game = games.join("game.zip");
        fs::write(&game, zip(&[(name, OLD)])).unwrap();
        let finish = replaced(export(&game)).finish(&FakeEditor);
        fails(&finish, ENGINE_NAMES);
    }
}

#[test]
fn a_failed_export_is_remembered_and_ends_once() {
    static EXPORTS: Exports = Exports::new();
    let games = Folder::new(&[]);
    let path = games.join("game.zip");
    fs::write(&path, zip(&[("a.gd", OLD)])).unwrap();
    let files = changed(&[("a.gd", OLD)]);
    let begun = begin(export(&path), ADDON, Reach::Exported, None, files);
    assert_eq!(EXPORTS.offer(Place::First, "res://a.gd"), None);
    assert_eq!(EXPORTS.start(begun), None);
    assert_eq!(EXPORTS.offer(Place::First, "res://a.gd"), None);
    let messages = EXPORTS.finish(&FakeEditor);
    assert!(matches!(messages.as_slice(), [Message::Error(_)]));
    assert!(EXPORTS.has_failed());
    assert_eq!(EXPORTS.finish(&FakeEditor), []);
    assert!(EXPORTS.has_failed());
}

#[test]
fn a_game_without_the_engines_names_is_kept() {
    let games = Folder::new(&[]);
    let pack = games.join("game.pck");
    let remap = "[remap]\n\npath=\"res://hidden/a.gd\"\n";
    for files in [
        &[][..],
        &[("a.gd", NEW)],
        &[("a.gd", "pass\n")],
        &[("a.gd", OLD), ("a.gd.remap", remap), ("hidden/a.gd", NEW)],
    ] {
        fs::write(&pack, pck(3, files)).unwrap();
        let finish = replaced(export(&games.join("game"))).finish(&FakeEditor);
        assert_eq!(finish, Finish::default(), "{files:?}");
        assert!(pack.exists());
    }
}

#[test]
fn a_remapped_text_is_checked() {
    let games = Folder::new(&[]);
    let remap = "[remap]\n\npath=\"res://hidden/a.gd\"\n";
    let files = [("a.gd.remap", remap), ("hidden/a.gd", OLD)];
    fs::write(games.join("game.pck"), pck(2, &files)).unwrap();
    let finish = replaced(export(&games.join("game"))).finish(&FakeEditor);
    fails(&finish, ENGINE_NAMES);
}

#[test]
fn a_text_that_cannot_be_read_fails_the_export_if_the_preset_exports_it() {
    let games = Folder::new(&[]);
    let write = || fs::write(games.join("game.pck"), "not a pack").unwrap();
    write();
    let finish = replaced(export(&games.join("game"))).finish(&FakeEditor);
    fails(&finish, UNREADABLE);

    write();
    let export = export(&games.join("game"));
    let changed = changed(&[("a.gd", OLD)]);
    let run = begin(export, ADDON, Reach::Exported, None, changed).run;
    assert_eq!(run.unwrap().finish(&FakeEditor), Finish::default());
}

#[test]
fn an_export_that_wrote_nothing_does_not_fail_twice() {
    let games = Folder::new(&[]);
    let finish = replaced(export(&games.join("game"))).finish(&FakeEditor);
    assert_eq!(finish, Finish::default());
}

#[test]
fn a_plugin_that_could_not_customize_a_scene_is_named() {
    let scene =
        "[sub_resource type=\"GDScript\" id=\"1\"]\nscript/source = \"var s: DTLSServer\"\n";
    let export = export(Path::new("game"));
    let changed = changed(&[("b.tscn", scene)]);
    let mut run = begin(export, ADDON, Reach::Exported, None, changed)
        .run
        .unwrap();
    assert!(run.offer(Place::Last, "res://b.tscn").is_some());
    let finish = run.finish(&FakeEditor);
    assert_eq!(
        finish.messages,
        [Message::Warning(
            "the export plugin \"A replacer\" (res://addons/other/replacer.gd) was not asked to customize \
             res://b.tscn, since a script inside is renamed; save that script as a file of its own if it should be."
                .to_owned()
        )]
    );
    assert!(!finish.has_failed);
}

#[test]
fn a_preset_that_denies_the_network_is_named() {
    const SANDBOX: &str = "codesign/entitlements/app_sandbox/enabled";
    const CLIENT: &str = "codesign/entitlements/app_sandbox/network_client";
    const SERVER: &str = "codesign/entitlements/app_sandbox/network_server";
    for (os_name, options, denied) in [
        ("Android", &[][..], Some("permissions/internet")),
        ("Android", &["permissions/internet"], None),
        ("macOS", &[], None),
        ("macOS", &[SANDBOX], Some("App Sandbox")),
        ("macOS", &[SANDBOX, CLIENT], None),
        ("macOS", &[SANDBOX, SERVER], None),
        ("Linux", &[], None),
        ("Windows", &[SANDBOX], None),
    ] {
        let found = network_denied(os_name, &|option| options.contains(&option));
        match (found, denied) {
            (None, None) => {}
            (Some(Message::Warning(text)), Some(part)) => assert!(text.contains(part), "{text}"),
            (found, _) => panic!("{os_name} with {options:?}: {found:?}"),
        }
    }
}
