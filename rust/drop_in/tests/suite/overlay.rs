//! The overlay of a running project, with an engine that keeps packs as text.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use drop_in::overlay::{Engine, Overlay};
use drop_in::{Autoload, Names};

use crate::folder::Folder;

const SEPARATOR: char = '\u{1e}';

/// What the engine reads in place of the project's files.
#[derive(Default)]
struct State {
    files: BTreeMap<String, String>,
    written: usize,
    cannot_write: bool,
    cannot_load: bool,
    /// Called once, before a pack is written.
    before_writing: Option<Box<dyn FnOnce()>>,
}

#[derive(Clone, Default)]
struct FakeEngine(Rc<RefCell<State>>);

impl FakeEngine {
    fn text(&self, path: &str) -> Option<String> {
        self.0.borrow().files.get(path).cloned()
    }

    fn written(&self) -> usize {
        self.0.borrow().written
    }
}

impl Engine for FakeEngine {
    fn version(&self) -> String {
        "4.6".to_owned()
    }

    fn autoloads(&self) -> Vec<Autoload> {
        Vec::new()
    }

    fn write_pack(&self, pack: &Path, files: &[(&str, PathBuf)]) -> Result<(), String> {
        if self.0.borrow().cannot_write {
            return Err("ERR_CANT_CREATE".to_owned());
        }
        let before = self.0.borrow_mut().before_writing.take();
        before.into_iter().for_each(|before| before());
        self.0.borrow_mut().written += 1;
        let mut contents = String::new();
        for (path, on_disk) in files {
            let text = fs::read_to_string(on_disk).unwrap();
            contents += &format!("{path}{SEPARATOR}{text}{SEPARATOR}");
        }
        fs::write(pack, contents).map_err(|error| error.to_string())
    }

    fn load_pack(&self, pack: &Path) -> bool {
        let mut state = self.0.borrow_mut();
        let Ok(contents) = fs::read_to_string(pack) else {
            return false;
        };
        let mut parts = contents.split_terminator(SEPARATOR);
        while let (false, Some(path), Some(text)) = (state.cannot_load, parts.next(), parts.next())
        {
            state.files.insert(path.to_owned(), text.to_owned());
        }
        !state.cannot_load
    }
}

const OLD: &str = "var s: DTLSServer\n";
const NEW: &str = "var s: OpenSSLDTLSServer\n";

fn load(engine: &FakeEngine, project: &Folder) -> Overlay<FakeEngine> {
    let folders = [project.join(".godot/openssl_dtls")];
    let overlay = Overlay::load(engine.clone(), project.path(), Names::NONE, &folders);
    overlay.unwrap().unwrap()
}

fn packs(project: &Folder) -> Vec<String> {
    project.names(".godot/openssl_dtls")
}

#[test]
fn the_engine_reads_renamed_copies_and_the_files_stay() {
    let project = Folder::new(&[("a.gd", OLD), ("b.gd", "pass\n")]);
    let engine = FakeEngine::default();
    let overlay = load(&engine, &project);
    assert_eq!(engine.text("res://a.gd").as_deref(), Some(NEW));
    assert_eq!(engine.text("res://b.gd"), None);
    assert_eq!(project.read("a.gd"), OLD);
    assert_eq!(
        overlay.summary("OpenSSL 4"),
        "1 script with DTLS runs on OpenSSL 4 (setting openssl_dtls/drop_in)."
    );
}

#[test]
fn a_project_without_dtls_gets_no_pack() {
    let project = Folder::new(&[("a.gd", "pass\n")]);
    let folders = [project.join("packs")];
    let overlay = Overlay::load(FakeEngine::default(), project.path(), Names::NONE, &folders);
    assert!(overlay.unwrap().is_none());
    assert_eq!(project.names(""), ["a.gd"]);
}

#[test]
fn a_second_start_uses_the_first_ones_pack() {
    let project = Folder::new(&[("a.gd", OLD)]);
    let first = FakeEngine::default();
    drop(load(&first, &project));
    let second = FakeEngine::default();
    drop(load(&second, &project));
    assert_eq!((first.written(), second.written()), (1, 0));
    assert_eq!(second.text("res://a.gd").as_deref(), Some(NEW));
    assert_eq!(packs(&project).len(), 1, "no staging folder is left");
}

/// Opens a file as the engine does on Windows: others may read and write it, and not replace it.
fn open_as_the_engine(path: &Path) -> File {
    let mut options = File::options();
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, 1 | 2);
    options.read(true).open(path).unwrap()
}

#[test]
fn starts_at_the_same_moment_use_one_pack() {
    let project = Rc::new(Folder::new(&[("a.gd", OLD)]));
    let [first, second] = [(); 2].map(|()| FakeEngine::default());
    let opened = Rc::new(RefCell::new(None));
    first.0.borrow_mut().before_writing = Some(Box::new({
        let (project, second, opened) = (project.clone(), second.clone(), opened.clone());
        move || {
            drop(load(&second, &project));
            let written = packs(&project)
                .into_iter()
                .find(|name| name.ends_with(".pck"));
            let pack = project.join(".godot/openssl_dtls").join(written.unwrap());
            *opened.borrow_mut() = Some(open_as_the_engine(&pack));
        }
    }));
    drop(load(&first, &project));
    assert!(opened.borrow().is_some());
    assert_eq!((first.written(), second.written()), (1, 1));
    for engine in [first, second] {
        assert_eq!(engine.text("res://a.gd").as_deref(), Some(NEW));
    }
    assert_eq!(packs(&project).len(), 1);
}

#[test]
fn the_next_folder_is_used_where_the_first_cannot_be_written() {
    let project = Folder::new(&[("a.gd", OLD), ("file", "")]);
    let folders = [project.join("file/packs"), project.join("packs")];
    let engine = FakeEngine::default();
    let overlay = Overlay::load(engine.clone(), project.path(), Names::NONE, &folders);
    assert!(overlay.unwrap().is_some());
    assert_eq!(project.names("packs").len(), 1);
}

#[test]
fn an_error_gives_the_reason_for_each_folder() {
    let project = Folder::new(&[("a.gd", OLD), ("file", "")]);
    let folders = [project.join("file/packs"), project.join("packs")];
    let engine = FakeEngine::default();
    engine.0.borrow_mut().cannot_write = true;
    let why = Overlay::load(engine.clone(), project.path(), Names::NONE, &folders).err();
    let why = why.unwrap().to_string();
    assert!(why.contains("file/packs cannot be written ("), "{why}");
    assert!(why.contains("; "), "{why}");
    assert!(
        why.ends_with(".pck could not be packed (ERR_CANT_CREATE)"),
        "{why}"
    );
    assert!(project.names("packs").is_empty(), "nothing is left");

    engine.0.borrow_mut().cannot_write = false;
    engine.0.borrow_mut().cannot_load = true;
    let why = Overlay::load(engine, project.path(), Names::NONE, &folders[1..]).err();
    let why = why.unwrap().to_string();
    assert!(why.starts_with("the engine did not load "), "{why}");
    assert!(project.names("packs").is_empty(), "nothing is left");
}

#[cfg(unix)]
#[test]
fn a_project_with_endless_links_gets_no_pack() {
    let project = Folder::new(&[("a.gd", OLD)]);
    for link in ["one", "two", "three"] {
        project.link(".", link);
    }
    let folders = [project.join("packs")];
    let why = Overlay::load(FakeEngine::default(), project.path(), Names::NONE, &folders).err();
    assert!(matches!(
        why,
        Some(drop_in::overlay::OverlayError::EndlessLink { .. })
    ));
}

#[test]
fn a_changed_script_is_renamed_again() {
    let project = Folder::new(&[("a.gd", OLD), ("b.gd", OLD)]);
    let engine = FakeEngine::default();
    let mut overlay = load(&engine, &project);
    project.write("a.gd", "var server: DTLSServer\n");
    assert!(overlay.check().is_empty());
    assert_eq!(
        engine.text("res://a.gd").as_deref(),
        Some("var server: OpenSSLDTLSServer\n")
    );
    let written = engine.written();
    assert!(overlay.check().is_empty());
    assert_eq!(engine.written(), written, "nothing has changed since");
}

#[test]
fn a_script_that_names_no_class_any_more_is_read_as_it_is() {
    let project = Folder::new(&[("a.gd", OLD), ("b.gd", OLD)]);
    let engine = FakeEngine::default();
    let mut overlay = load(&engine, &project);
    project.write("a.gd", "var number := 1\n");
    assert!(overlay.check().is_empty());
    assert_eq!(
        engine.text("res://a.gd").as_deref(),
        Some("var number := 1\n")
    );
}

#[test]
fn a_script_outside_the_overlay_is_renamed_when_it_is_loaded() {
    let project = Folder::new(&[("a.gd", OLD)]);
    let engine = FakeEngine::default();
    let mut overlay = load(&engine, &project);
    project.write("new.gd", OLD);
    project.write("new.png", OLD);
    for other in ["res://new.png", "user://new.gd", "new.gd"] {
        assert!(overlay.before_load(other).is_empty());
        assert_eq!(engine.text("res://new.gd"), None, "{other}");
    }
    assert!(overlay.before_load("res://new.gd").is_empty());
    assert_eq!(engine.text("res://new.gd").as_deref(), Some(NEW));
}

#[test]
fn every_file_of_a_large_project_is_checked_in_turn() {
    let names: Vec<String> = (0..100).map(|number| format!("{number:03}.gd")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), OLD)).collect();
    let project = Folder::new(&files);
    let engine = FakeEngine::default();
    let mut overlay = load(&engine, &project);
    // Stamps of files that are as new as the scan are not trusted: read them once more.
    overlay.refresh();
    project.write("099.gd", "var server: DTLSServer\n");
    for _ in 0..4 {
        assert!(overlay.check().is_empty());
    }
    assert_eq!(
        engine.text("res://099.gd").as_deref(),
        Some("var server: OpenSSLDTLSServer\n")
    );
}

#[test]
fn packs_of_one_game_are_removed_when_newer_ones_replace_them_and_at_the_end() {
    let project = Folder::new(&[("a.gd", OLD)]);
    let engine = FakeEngine::default();
    let mut overlay = load(&engine, &project);
    for round in 0..3 {
        project.write("a.gd", &format!("var s{round}: DTLSServer\n"));
        assert!(overlay.refresh().is_empty());
        let own = packs(&project);
        let own = own.iter().filter(|name| name.starts_with("reload-"));
        assert_eq!(own.count(), 1);
    }
    drop(overlay);
    let left = packs(&project);
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].starts_with("overlay-"));
}

#[test]
fn a_change_that_cannot_be_loaded_is_returned_once() {
    let project = Folder::new(&[("a.gd", OLD)]);
    let engine = FakeEngine::default();
    let mut overlay = load(&engine, &project);
    engine.0.borrow_mut().cannot_load = true;
    project.write("a.gd", "var server: DTLSServer\n");
    let stale = overlay.refresh();
    assert_eq!(stale.len(), 1);
    let text = stale[0].to_string();
    assert!(
        text.starts_with(
            "res://a.gd keeps its old text while the project runs, since the new one could not be \
             laid over it: the engine did not load "
        ),
        "{text}"
    );
    assert!(overlay.refresh().is_empty());
}
