//! The files of a project on disk.

use drop_in::project::{
    Extent, Renamed, Scripts, endless_link, for_each_file, has_csharp, is_project, rename,
};
use drop_in::{Autoload, Direction, Names};

use crate::folder::Folder;

fn files(folder: &Folder) -> Vec<String> {
    let mut found = Vec::new();
    for_each_file(folder.path(), &mut |_, path| found.push(path));
    found.sort();
    found
}

fn renamed(folder: &Folder, direction: Direction, extent: Extent) -> Renamed {
    rename(folder.path(), &[], direction, Names::NONE, extent)
}

fn changed(folder: &Folder) -> Vec<(String, String)> {
    let renamed = renamed(folder, Direction::ToAddon, Extent::Quick);
    let changed = renamed.changed.into_iter();
    changed.map(|file| (file.path, file.text)).collect()
}

#[test]
fn hidden_and_ignored_folders_and_projects_inside_are_not_the_project() {
    let project = Folder::new(&[
        ("a.gd", ""),
        ("b/c.gd", ""),
        (".git/d.gd", ""),
        ("b/.hidden/e.gd", ""),
        ("f/.gdignore", ""),
        ("f/g/h.gd", ""),
        ("i/project.godot", ""),
        ("i/j.gd", ""),
    ]);
    assert_eq!(files(&project), ["res://a.gd", "res://b/c.gd"]);
    assert_eq!(endless_link(project.path()), None);
}

#[cfg(unix)]
#[test]
fn a_linked_folder_is_listed_by_each_of_its_paths() {
    let project = Folder::new(&[("a/b.gd", "")]);
    project.link("a", "c");
    project.link("../a", "d/e");
    assert_eq!(
        files(&project),
        ["res://a/b.gd", "res://c/b.gd", "res://d/e/b.gd"]
    );
    assert_eq!(endless_link(project.path()), None);
}

#[cfg(unix)]
#[test]
fn folders_linked_to_themselves_are_listed_a_bounded_number_of_times() {
    let project = Folder::new(&[("main.gd", ""), ("a/b.gd", "")]);
    project.link(".", "one");
    project.link("..", "a/two");
    project.link(".", "a/three");
    let files = files(&project);
    assert!(files.contains(&"res://one/main.gd".to_owned()));
    assert!(files.contains(&"res://a/two/a/b.gd".to_owned()));
    assert!(files.len() <= 32, "{files:?}");
    assert!(endless_link(project.path()).is_some());
}

#[cfg(unix)]
#[test]
fn one_link_to_the_project_itself_is_not_endless() {
    let project = Folder::new(&[("main.gd", ""), ("a/b.gd", "")]);
    project.link("..", "a/up");
    assert_eq!(endless_link(project.path()), None);
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_that_contains_the_project_is_followed() {
    let folder = Folder::new(&[("src/x.gd", ""), ("demo/a.gd", "")]);
    folder.link("../..", "demo/addons/it");
    let mut found = Vec::new();
    for_each_file(&folder.join("demo"), &mut |_, path| found.push(path));
    assert!(
        found.contains(&"res://addons/it/src/x.gd".to_owned()),
        "{found:?}"
    );
}

#[test]
fn scripts_and_scenes_are_renamed_together_and_the_addons_own_are_not() {
    let scene = "[sub_resource type=\"GDScript\" id=\"1\"]\nscript/source = \"var u: UDPServer\"\n";
    let project = Folder::new(&[
        ("main.gd", "var s: DTLSServer\n"),
        ("scene.tscn", scene),
        ("notes.txt", "DTLSServer"),
        ("addons/openssl_dtls/convert.gd", "var s: DTLSServer\n"),
    ]);
    let expected = [
        ("res://main.gd", "var s: OpenSSLDTLSServer\n".to_owned()),
        (
            "res://scene.tscn",
            scene.replace("UDPServer", "OpenSSLUDPServer"),
        ),
    ]
    .map(|(path, text)| (path.to_owned(), text));
    assert_eq!(changed(&project), expected);
    let renamed = renamed(&project, Direction::ToAddon, Extent::Quick);
    let scripts: Scripts = renamed.changed.iter().map(|file| file.scripts).sum();
    assert_eq!((scripts.with_dtls, scripts.with_udp), (1, 1));
}

#[test]
fn a_call_that_turns_on_dtls_renames_enet_in_all_files() {
    let setup = "func f():\n\tmultiplayer.multiplayer_peer.host.dtls_server_setup(o)\n";
    let project = Folder::new(&[
        ("lobby.gd", "var p := ENetMultiplayerPeer.new()\n"),
        ("both.gd", "var s: DTLSServer\nvar p: ENetConnection\n"),
        ("setup.gd", setup),
    ]);
    let expected = [
        (
            "res://both.gd",
            "var s: OpenSSLDTLSServer\nvar p: OpenSSLENetConnection\n",
        ),
        (
            "res://lobby.gd",
            "var p := OpenSSLENetMultiplayerPeer.new()\n",
        ),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()));
    assert_eq!(changed(&project), expected);
    let renamed = renamed(&project, Direction::ToAddon, Extent::Quick);
    assert_eq!(renamed.encrypted, Names::ALL);
    let scripts: Scripts = renamed.changed.iter().map(|file| file.scripts).sum();
    let counts = (scripts.with_dtls, scripts.with_udp, scripts.with_enet);
    assert_eq!(counts, (1, 0, 2));
}

#[test]
fn enet_without_dtls_is_renamed_only_if_that_is_asked_for() {
    let project = Folder::new(&[("lobby.gd", "var p: ENetMultiplayerPeer\nvar u: UDPServer\n")]);
    assert!(changed(&project).is_empty());
    let always = |names| {
        rename(
            project.path(),
            &[],
            Direction::ToAddon,
            names,
            Extent::Quick,
        )
    };
    let renamed = always(Names::ENET);
    assert_eq!(
        renamed.changed[0].text,
        "var p: OpenSSLENetMultiplayerPeer\nvar u: UDPServer\n"
    );
    assert_eq!(renamed.encrypted, Names::NONE);
}

#[test]
fn a_project_without_dtls_is_left_alone() {
    let project = Folder::new(&[("main.gd", "var s: UDPServer\n")]);
    assert!(changed(&project).is_empty());
}

#[test]
fn a_declared_name_is_inherited_through_a_script_that_contains_no_name() {
    let project = Folder::new(&[
        ("base.gd", "class DTLSServer:\n\tpass\n"),
        ("middle.gd", "extends \"base.gd\"\n"),
        ("top.gd", "extends \"uid://middle\"\nvar s: DTLSServer\n"),
        ("middle.gd.uid", "uid://middle\n"),
        ("other.gd", "var s: DTLSServer\n"),
    ]);
    let paths: Vec<String> = changed(&project)
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(paths, ["res://other.gd"]);
}

#[test]
fn an_autoload_keeps_its_name() {
    let project = Folder::new(&[("main.gd", "var s: DTLSServer = UDPServer.new()\n")]);
    let autoloads = [Autoload {
        name: "UDPServer".into(),
        path: "res://udp.gd".into(),
    }];
    let renamed = rename(
        project.path(),
        &autoloads,
        Direction::ToAddon,
        Names::NONE,
        Extent::Quick,
    );
    assert_eq!(
        renamed.changed[0].text,
        "var s: OpenSSLDTLSServer = UDPServer.new()\n"
    );
}

#[test]
fn files_that_cannot_be_renamed_are_listed_with_the_reason() {
    let project = Folder::new(&[
        ("main.gd", "var s: DTLSServer\n"),
        ("scene.scn", "DTLSServer"),
    ]);
    std::fs::write(project.join("latin.gd"), b"# \xe9 DTLSServer\n").unwrap();
    let mut unreadable = renamed(&project, Direction::ToAddon, Extent::Everything).unreadable;
    unreadable.sort();
    assert_eq!(
        unreadable,
        [
            ("res://latin.gd".to_owned(), "it is not UTF-8"),
            (
                "res://scene.scn".to_owned(),
                "it is in binary form; save it as .tscn or .tres"
            ),
        ]
    );
    let quick = renamed(&project, Direction::ToAddon, Extent::Quick).unreadable;
    assert_eq!(quick.len(), 1, "a start does not read binary files");
}

#[test]
fn the_first_script_that_changes_project_folders_is_found() {
    let changes = "func f():\n\tDirAccess.make_dir_absolute(\"res://levels\")\n";
    let project = Folder::new(&[
        ("main.gd", "var s: DTLSServer\n"),
        ("c.gd", changes),
        ("b.gd", changes),
    ]);
    let renamed = renamed(&project, Direction::ToAddon, Extent::Quick);
    assert_eq!(renamed.changes_folders.as_deref(), Some("res://b.gd"));
}

#[test]
fn a_project_is_told_by_its_settings_file_and_csharp_by_its_project_file() {
    let project = Folder::new(&[("project.godot", ""), ("game.csproj", "")]);
    assert!(is_project(project.path()) && has_csharp(project.path()));
    let game = Folder::new(&[("game.pck", "")]);
    assert!(!is_project(game.path()) && !has_csharp(game.path()));
}
