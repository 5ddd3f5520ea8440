//! Keeps paths of the building machine out of the library: they are private, and differ between machines.
//!
//! Rust puts the path of a source file wherever a panic or a printed error can name it, and OpenSSL the folder that
//! it would be installed to.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::workspace;

/// Where OpenSSL looks for modules, which it is built without. The default is a folder of the build.
const FOLDERS: &str = "MODULESDIR=/usr/local/lib/ossl-modules";

/// The same on Windows, and the folder of its configuration file, whose default is a folder of the build there, too.
/// Every user can make folders at the root of a drive, so the path is one that no drive can have.
const WINDOWS_FOLDERS: &str = "MODULESDIR=?:/none OPENSSLDIR=?:/none";

/// Sets up a build for a Rust target to replace this machine's paths with other names, and gives rustc `flags` besides.
pub(super) fn keep_out(command: &mut Command, target: &str, flags: Vec<OsString>) {
    let mut flags = [rust_flags(), flags].concat();
    flags.extend(renamed().into_iter().map(|(path, name)| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(path);
        flag.push("=");
        flag.push(name);
        flag
    }));
    command.env(
        "CARGO_ENCODED_RUSTFLAGS",
        flags.join(&OsString::from("\u{1f}")),
    );
    // openssl-src has no option for it. GNU make reads this variable beside cargo's MAKEFLAGS.
    let own = std::env::var("GNUMAKEFLAGS").unwrap_or_default();
    let folders = if target.contains("windows") {
        WINDOWS_FOLDERS
    } else {
        FOLDERS
    };
    command.env("GNUMAKEFLAGS", format!("{own} {folders}"));
}

/// The flags that cargo would use.
fn rust_flags() -> Vec<OsString> {
    let list = |text: String, separator: &[char]| {
        let flags = text.split(separator).filter(|flag| !flag.is_empty());
        flags.map(OsString::from).collect()
    };
    match std::env::var("CARGO_ENCODED_RUSTFLAGS") {
        Ok(encoded) => list(encoded, &['\u{1f}']),
        Err(_) => list(
            std::env::var("RUSTFLAGS").unwrap_or_default(),
            &[' ', '\n', '\t'],
        ),
    }
}

/// This machine's paths, each with its name in the library; the last match applies.
fn renamed() -> Vec<(PathBuf, &'static str)> {
    let mut renamed: Vec<_> = home().map(|home| (home, "home")).into_iter().collect();
    renamed.push((workspace::root(), "openssl_dtls"));
    renamed.extend(target().map(|target| (target, "target")));
    let cargo = cargo_home();
    if let Some(cargo) = cargo {
        let registries = fs::read_dir(cargo.join("registry").join("src"));
        let registries = registries.into_iter().flatten().flatten();
        renamed.push((cargo, "cargo"));
        renamed.extend(registries.map(|registry| (registry.path(), "crates")));
    }
    renamed
}

fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.components().count() > 1)
}

fn cargo_home() -> Option<PathBuf> {
    let set = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    set.or_else(|| Some(home()?.join(".cargo")))
}

fn target() -> Option<PathBuf> {
    let set = std::env::var_os("CARGO_TARGET_DIR")?;
    std::path::absolute(set).ok()
}

/// The paths of this machine that a library names, and those below `folders`.
pub(super) fn found_in(library: &[u8], folders: &[PathBuf]) -> Vec<String> {
    let mut paths: Vec<_> = renamed().into_iter().map(|(path, _)| path).collect();
    paths.extend_from_slice(folders);
    named_in(library, &paths)
}

/// The texts of a program that begin with one of these paths, each once.
fn named_in(program: &[u8], paths: &[PathBuf]) -> Vec<String> {
    let is_text = |byte: &u8| (b' '..=b'~').contains(byte);
    let mut found: Vec<String> = Vec::new();
    for path in paths {
        let path = format!("{}{}", path.display(), std::path::MAIN_SEPARATOR);
        for (at, window) in program.windows(path.len()).enumerate() {
            if window == path.as_bytes() {
                let text = program[at..]
                    .iter()
                    .take(200)
                    .take_while(|byte| is_text(byte));
                found.push(String::from_utf8_lossy(&text.copied().collect::<Vec<_>>()).into());
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_path_is_found_in_a_program_and_a_longer_name_is_not() {
        let program = b"\x00\x01/home/me/.cargo/a.rs\x00/home/meadow/b.rs\x00\xff/home/me/c\x07";
        let paths = [PathBuf::from("/home/me")];
        assert_eq!(
            named_in(program, &paths),
            ["/home/me/.cargo/a.rs", "/home/me/c"]
        );
        assert!(named_in(b"crates/godot-core/src/private.rs", &paths).is_empty());
    }

    #[test]
    fn the_workspace_and_the_registry_get_other_names() {
        let mut command = Command::new("cargo");
        keep_out(
            &mut command,
            "x86_64-unknown-linux-gnu",
            vec!["-Copt".into()],
        );
        let flags = command
            .get_envs()
            .find_map(|(name, value)| (name == "CARGO_ENCODED_RUSTFLAGS").then_some(value?))
            .and_then(|value| value.to_str())
            .expect("the flags are set");
        let root = workspace::root();
        assert!(flags.contains(&format!(
            "--remap-path-prefix={}=openssl_dtls",
            root.display()
        )));
        assert!(flags.contains("=crates"), "{flags}");
        assert!(flags.contains("-Copt"), "{flags}");
    }
}
