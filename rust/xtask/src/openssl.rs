//! `cargo xtask openssl`: prints which OpenSSL is compiled in, and whether there is a newer one.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{library, process, workspace};

/// The crate with OpenSSL's sources, whose version ends in theirs: `400.0.2+4.0.3`.
const CRATE: &str = "openssl-src";
const QUERY_LIMIT: Duration = Duration::from_secs(60);
const OUTDATED: u8 = 1;
const UNKNOWN: u8 = 3;

/// Prints the OpenSSL of Cargo.lock, those in the libraries that are built, and the newest in the registry. The exit code
/// is 0 if Cargo.lock has the newest, 1 if not, 3 if the registry cannot be reached.
pub(crate) fn run() -> Result<ExitCode> {
    let lock = std::fs::read_to_string(workspace::root().join("Cargo.lock"))?;
    let locked = locked(&lock).context("Cargo.lock has no openssl-src of the registry")?;
    println!(
        "Cargo.lock: OpenSSL {} ({CRATE} {})",
        locked.openssl, locked.text
    );
    report_libraries(&workspace::addon().join("bin"))?;

    let newest = match newest() {
        Ok(newest) => newest,
        Err(error) => {
            println!("registry:   NOT CHECKED, it cannot be reached ({error:#})");
            return Ok(ExitCode::from(UNKNOWN));
        }
    };
    println!(
        "registry:   OpenSSL {} ({CRATE} {})",
        newest.openssl, newest.text
    );
    if newest.number <= locked.number {
        println!("OpenSSL is as new as the registry has it.");
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "There is a newer one: {}, then cargo xtask test and a new package (docs/security.md).",
        if newest.number[0] == locked.number[0] {
            format!("cargo update -p {CRATE}@{}", locked.text)
        } else {
            format!(
                "set {CRATE} to {} in rust/openssl-src/Cargo.toml",
                newest.text
            )
        }
    );
    Ok(ExitCode::from(OUTDATED))
}

/// A version of the crate.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    text: String,
    number: [u32; 3],
    openssl: String,
}

impl Version {
    /// Reads `400.0.2+4.0.3`; versions without an OpenSSL are of other crates.
    fn read(text: &str) -> Option<Self> {
        let (number, openssl) = text.split_once('+')?;
        let mut parts = number.split('.').map(str::parse);
        let mut next = || parts.next()?.ok();
        let number = [next()?, next()?, next()?];
        parts.next().is_none().then(|| Self {
            text: text.to_owned(),
            number,
            openssl: openssl.to_owned(),
        })
    }
}

/// The version that a lock file names. Our own crate of the same name has no OpenSSL in its version.
fn locked(lock: &str) -> Option<Version> {
    let name = format!("name = \"{CRATE}\"");
    lock.split("[[package]]")
        .filter(|package| package.lines().any(|line| line == name))
        .filter_map(|package| {
            let mut lines = package.lines();
            lines.find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
        })
        .find_map(Version::read)
}

/// The newest version in the registry, from `cargo info`.
fn newest() -> Result<Version> {
    // Outside of the workspace: inside, cargo would describe rust/openssl-src.
    let elsewhere = tempfile::tempdir()?;
    let mut command: Command = library::cargo();
    command.current_dir(elsewhere.path()).args(["info", CRATE]);
    let finished = process::run(command, QUERY_LIMIT)?;
    if !finished.succeeded() {
        bail!("{}", finished.tail().trim().replace('\n', "; "));
    }
    latest(&finished.lines).context("cargo info prints no version")
}

/// Reads the line `version: 300.6.1+3.6.3 (latest 400.0.2+4.0.3)` or `version: 400.0.2+4.0.3`.
fn latest(lines: &[String]) -> Option<Version> {
    let line = lines
        .iter()
        .find_map(|line| line.strip_prefix("version: "))?;
    let newest = line
        .split_once("(latest ")
        .map_or(line, |(_, latest)| latest);
    Version::read(newest.split([' ', ')']).next()?)
}

fn report_libraries(folder: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        if let Some(version) = path.is_file().then(|| std::fs::read(&path)).transpose()?
            && let Some(version) = inside(&version)
        {
            let name = path.file_name().unwrap_or_default().display();
            println!("built:      {version} in {name}");
        }
    }
    Ok(())
}

/// OpenSSL's version text in a library that it is linked into: `OpenSSL 4.0.3 29 Sep 2026`.
fn inside(library: &[u8]) -> Option<&str> {
    const NAME: &[u8] = b"OpenSSL ";
    let mut rest = library;
    while let Some(at) = rest.windows(NAME.len()).position(|bytes| bytes == NAME) {
        let text = &rest[at..];
        let end = text
            .iter()
            .take(64)
            .position(|byte| !(b' '..=b'~').contains(byte));
        let words = std::str::from_utf8(&text[..end.unwrap_or(0)]).unwrap_or_default();
        let is_version = |word: &str| {
            word.split('.').count() == 3 && word.starts_with(|c: char| c.is_ascii_digit())
        };
        if words.split(' ').count() == 5 && words.split(' ').nth(1).is_some_and(is_version) {
            return Some(words);
        }
        rest = &text[NAME.len()..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_files_version_is_that_of_the_sources_and_not_of_our_own_crate() {
        let lock = "[[package]]\nname = \"openssl\"\nversion = \"0.10.82\"\n\n[[package]]\nname = \"openssl-src\"\nversion = \"300.99.0\"\n\n[[package]]\nname = \"openssl-src\"\nversion = \"400.0.2+4.0.3\"\nsource = \"registry\"\n";
        let version = locked(lock).unwrap();
        assert_eq!(version.number, [400, 0, 2]);
        assert_eq!(version.openssl, "4.0.3");
        assert_eq!(locked(&lock.replace("400.0.2+4.0.3", "400.0.2")), None);
    }

    #[test]
    fn versions_are_compared_by_number() {
        let number = |text| Version::read(text).unwrap().number;
        assert!(number("400.0.10+4.0.11") > number("400.0.2+4.0.3"));
        assert!(number("400.1.0+4.1.0") > number("400.0.10+4.0.11"));
        assert!(number("300.6.9+3.6.12") < number("400.0.2+4.0.3"));
        for text in ["400.0+4.0.3", "400.0.2.1+4", "a.0.0+4", ""] {
            assert_eq!(Version::read(text), None, "{text}");
        }
    }

    #[test]
    fn both_forms_of_cargo_infos_version_are_read() {
        for line in [
            "version: 400.0.3+4.0.4",
            "version: 300.6.1+3.6.3 (latest 400.0.3+4.0.4)",
        ] {
            let lines = ["openssl-src", line, "license: MIT"].map(str::to_owned);
            assert_eq!(latest(&lines), Version::read("400.0.3+4.0.4"));
        }
        assert_eq!(
            latest(&["version: 300.99.0 (from ./rust/openssl-src)".to_owned()]),
            None
        );
    }

    #[test]
    fn the_version_is_found_in_a_library() {
        let library = b"\x7fELF OpenSSL reports: \0OpenSSL DTLS: \0OpenSSL 4.0.3 29 Sep 2026\0more";
        assert_eq!(inside(library), Some("OpenSSL 4.0.3 29 Sep 2026"));
        assert_eq!(inside(b"OpenSSL"), None);
        assert_eq!(inside(b"OpenSSL 4.0.3 29 Sep 2026"), None);
    }
}
