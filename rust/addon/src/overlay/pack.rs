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
use crate::project::Changed;

/// Lays the files over the project; on an error the project is as it was.
pub(crate) fn load(root: &Path, files: &[Changed]) -> Result<(), String> {
    let name = format!("overlay-{:016x}.pck", fingerprint(files));
    let mut reasons = Vec::new();
    for folder in folders(root) {
        let pack = folder.join(&name);
        staging::remove_left_behind(&folder);
        match try_folder(&pack, files) {
            Ok(()) => {
                remove_old(&folder, &pack);
                return Ok(());
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

fn try_folder(pack: &Path, files: &[Changed]) -> Result<(), String> {
    if pack.is_file() && load_pack(pack) {
        return Ok(());
    }
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

fn write(pack: &Path, files: &[Changed]) -> Result<(), String> {
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
fn stage(staging: &Path, files: &[Changed]) -> Result<(), String> {
    fs::create_dir_all(staging).map_err(|error| cannot_write(staging, &error))?;
    for (number, file) in files.iter().enumerate() {
        let staged = staging.join(number.to_string());
        fs::write(&staged, &file.text).map_err(|error| cannot_write(&staged, &error))?;
    }
    Ok(())
}

fn build(staging: &Path, pack: &Path, files: &[Changed]) -> Result<(), String> {
    let unfinished = staging.join("pack");
    let mut packer = PckPacker::new_gd();
    let mut done = packer.pck_start(&*unfinished.to_string_lossy());
    for (number, file) in files.iter().enumerate() {
        if done == Error::OK {
            let staged = staging.join(number.to_string());
            done = packer.add_file(file.path.as_str(), &*staged.to_string_lossy());
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
fn fingerprint(files: &[Changed]) -> u64 {
    let mut hasher = DefaultHasher::new();
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    let engine = Engine::singleton().get_version_info();
    engine
        .get("string")
        .map(|version| version.to_string())
        .hash(&mut hasher);
    for file in files {
        file.path.hash(&mut hasher);
        file.text.hash(&mut hasher);
    }
    hasher.finish()
}

/// Removes packs that no start has made for long. A running game may still read from its own, so
/// the ones of late stay, whoever made them.
fn remove_old(folder: &Path, current: &Path) {
    const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
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
    packs.sort();
    let surplus = packs.len().saturating_sub(KEPT);
    for (modified, pack) in packs.drain(..surplus) {
        if modified.elapsed().is_ok_and(|age| age > KEPT_FOR) {
            let _ = fs::remove_file(pack);
        }
    }
}
