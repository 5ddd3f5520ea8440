//! Makes a resource pack of the renamed files and loads it over the project.
//!
//! A pack's name is made of what is in it, so that a second start finds the first one's, and
//! several processes that start at once do not disturb each other: each writes aside and renames.

use std::fs;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use godot::builtin::Variant;
use godot::classes::{Engine, Os, PckPacker, ProjectSettings};
use godot::global::Error;
use godot::obj::{NewGd, Singleton};

use super::staging;

/// A file of the project, `res://…`, and what it says in the pack.
pub(super) type Entry<'a> = (&'a str, &'a [u8]);

/// Lays the files over the project and returns the folder of the pack; on an error the project is as it was.
pub(super) fn load(root: &Path, files: &[Entry<'_>]) -> Result<PathBuf, String> {
    let name = format!("overlay-{:016x}.pck", fingerprint(files));
    let mut reasons = Vec::new();
    for folder in folders(root) {
        let pack = folder.join(&name);
        staging::remove_left_behind(&folder);
        match try_folder(&pack, files) {
            Ok(()) => {
                remove_old(&folder, &pack);
                return Ok(folder);
            }
            Err(why) => reasons.push(why),
        }
    }
    Err(reasons.join("; "))
}

/// Where packs may lie, best first.
fn folders(root: &Path) -> [PathBuf; 2] {
    const HIDDEN: &str = "application/config/use_hidden_project_data_directory";
    let hidden = ProjectSettings::singleton()
        .get_setting_ex(HIDDEN)
        .default_value(&Variant::from(true))
        .done()
        .booleanize();
    let data = root.join(if hidden { ".godot" } else { "godot" });
    let user = PathBuf::from(Os::singleton().get_user_data_dir().to_string());
    [data, user].map(|folder| folder.join("openssl_dtls"))
}

fn try_folder(pack: &Path, files: &[Entry<'_>]) -> Result<(), String> {
    if pack.is_file() && load_pack(pack) {
        return Ok(());
    }
    add(pack, files)
}

/// Makes a pack and lays it over the project, and over packs that were loaded before.
pub(super) fn add(pack: &Path, files: &[Entry<'_>]) -> Result<(), String> {
    write(pack, files)?;
    if load_pack(pack) {
        return Ok(());
    }
    // Nobody is helped by a pack that cannot be read.
    let _ = fs::remove_file(pack);
    Err(format!("the engine did not load {}", pack.display()))
}

fn load_pack(pack: &Path) -> bool {
    ProjectSettings::singleton().load_resource_pack(&*pack.to_string_lossy())
}

fn write(pack: &Path, files: &[Entry<'_>]) -> Result<(), String> {
    let folder = pack.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    let _in_use = staging::mark_in_use(folder);
    // A process identifier would not do: containers that share the folder have the same ones.
    let unique = RandomState::new().hash_one(());
    let staging = folder.join(format!("{}{unique:016x}", staging::PREFIX));
    let result = stage(&staging, files).and_then(|()| build(&staging, pack, files));
    let _ = fs::remove_dir_all(&staging);
    result
}

/// Writes the files, numbered, where the packer can read them.
fn stage(staging: &Path, files: &[Entry<'_>]) -> Result<(), String> {
    fs::create_dir_all(staging).map_err(|error| cannot_write(staging, &error))?;
    for (number, (_, text)) in files.iter().enumerate() {
        let staged = staging.join(number.to_string());
        fs::write(&staged, text).map_err(|error| cannot_write(&staged, &error))?;
    }
    Ok(())
}

fn build(staging: &Path, pack: &Path, files: &[Entry<'_>]) -> Result<(), String> {
    let unfinished = staging.join("pack");
    let mut packer = PckPacker::new_gd();
    let mut done = packer.pck_start(&*unfinished.to_string_lossy());
    for (number, (path, _)) in files.iter().enumerate() {
        if done == Error::OK {
            let staged = staging.join(number.to_string());
            done = packer.add_file(*path, &*staged.to_string_lossy());
        }
    }
    if done == Error::OK {
        done = packer.flush();
    }
    drop(packer);
    if done != Error::OK {
        return Err(format!("{} could not be packed ({done:?})", pack.display()));
    }
    fs::rename(&unfinished, pack).map_err(|error| cannot_write(pack, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("{} cannot be written ({error})", path.display())
}

/// What the pack is made of, in short: the files, and what wrote them.
fn fingerprint(files: &[Entry<'_>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    let engine = Engine::singleton().get_version_info();
    engine
        .get("string")
        .map(|version| version.to_string())
        .hash(&mut hasher);
    files.hash(&mut hasher);
    hasher.finish()
}

/// What the names of packs begin with that a running game makes for itself and removes when it ends.
pub(super) const OF_ONE_GAME: &str = "reload-";

/// Removes packs that no start has made for long. A running game may still read from its own, so
/// the ones of late stay, whoever made them.
fn remove_old(folder: &Path, current: &Path) {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const KEPT_FOR: Duration = DAY.saturating_mul(30);
    const KEPT: usize = 32;
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut packs: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path != current && path.extension().is_some_and(|end| end == "pck"))
        .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
        .collect();
    packs.retain(|(modified, pack)| {
        let name = pack.file_name().unwrap_or_default().to_string_lossy();
        let is_left_behind = name.starts_with(OF_ONE_GAME)
            && modified
                .elapsed()
                .is_ok_and(|age| age > DAY.saturating_mul(7));
        !(is_left_behind && fs::remove_file(pack).is_ok())
    });
    packs.sort();
    let surplus = packs.len().saturating_sub(KEPT);
    for (modified, pack) in packs.drain(..surplus) {
        if modified.elapsed().is_ok_and(|age| age > KEPT_FOR) {
            let _ = fs::remove_file(pack);
        }
    }
}
