//! Writing a conversion into a project.

use std::fs;

use drop_in::convert::{Conversion, WriteError};
use drop_in::{Direction, Names};

use crate::folder::Folder;

const OLD: &str = "var s: DTLSServer\r\n";
const NEW: &str = "var s: OpenSSLDTLSServer\r\n";

fn conversion(project: &Folder) -> Conversion {
    Conversion::of(project.path(), &[], Direction::ToAddon, Names::NONE)
}

#[test]
fn all_files_are_written_and_nothing_is_left_beside_them() {
    let project = Folder::new(&[("a.gd", OLD), ("b.gd", OLD)]);
    let conversion = conversion(&project);
    assert_eq!(
        conversion.paths().collect::<Vec<_>>(),
        ["res://a.gd", "res://b.gd"]
    );
    conversion.write().unwrap();
    assert_eq!(project.names(""), ["a.gd", "b.gd"]);
    assert_eq!(project.read("a.gd"), NEW);
    assert_eq!(project.read("b.gd"), NEW);
}

#[test]
fn the_way_back_restores_the_texts() {
    let project = Folder::new(&[("a.gd", OLD)]);
    conversion(&project).write().unwrap();
    Conversion::of(project.path(), &[], Direction::ToEngine, Names::NONE)
        .write()
        .unwrap();
    assert_eq!(project.read("a.gd"), OLD);
}

#[test]
fn one_file_that_has_changed_stops_all() {
    let project = Folder::new(&[("a.gd", OLD), ("b.gd", OLD)]);
    let conversion = conversion(&project);
    project.write("b.gd", "newer");
    let why = conversion.write().unwrap_err();
    assert!(matches!(why, WriteError::Outdated { .. }), "{why}");
    assert!(why.to_string().contains("res://b.gd has changed"), "{why}");
    assert_eq!(project.names(""), ["a.gd", "b.gd"]);
    assert_eq!(project.read("a.gd"), OLD);
}

#[test]
fn a_read_only_file_stops_all() {
    let project = Folder::new(&[("a.gd", OLD), ("b.gd", OLD)]);
    let mut permissions = fs::metadata(project.join("b.gd")).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(project.join("b.gd"), permissions).unwrap();
    let why = conversion(&project).write().unwrap_err().to_string();
    assert!(why.contains("res://b.gd is read-only"), "{why}");
    assert_eq!(project.read("a.gd"), OLD);
    assert_eq!(project.names(""), ["a.gd", "b.gd"]);
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_its_file_is_written_once() {
    let project = Folder::new(&[("a.gd", OLD)]);
    project.link("a.gd", "b.gd");
    let conversion = conversion(&project);
    assert_eq!(conversion.paths().count(), 1);
    conversion.write().unwrap();
    let link = fs::symlink_metadata(project.join("b.gd")).unwrap();
    assert!(link.is_symlink());
    assert_eq!(project.read("a.gd"), NEW);
}

#[test]
fn the_listing_shows_each_line_and_what_is_left_as_it_is() {
    let project = Folder::new(&[("a.gd", OLD), ("b.scn", "DTLSServer")]);
    assert_eq!(
        conversion(&project).listing(),
        [
            "res://a.gd",
            "  1: - var s: DTLSServer",
            "  1: + var s: OpenSSLDTLSServer",
            "res://b.scn is left as it is: it is in binary form; save it as .tscn or .tres",
            "Lines to be changed: 1 in 1 file.",
        ]
    );
    let empty = Conversion::of(project.path(), &[], Direction::ToEngine, Names::NONE);
    assert!(empty.is_empty());
    assert_eq!(
        empty.listing(),
        ["No script to be converted uses the addon's DTLS classes."]
    );
}
