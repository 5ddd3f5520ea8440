//! `cargo xtask package`: the addon as users get it, `dist/openssl_dtls-VERSION.zip`.
//!
//! The same sources give the same bytes at any time and place: names are sorted, and times are fixed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::files::{self, Access};
use crate::platform::build::Library;
use crate::platform::toolchain::NDK;
use crate::platform::{Platform, build, inspect};
use crate::workspace;

mod gdextension;
mod notices;

/// The addon's path in the archive, which is unpacked into a project's folder.
const FOLDER: &str = "addons/openssl_dtls";

/// The files of `addons/openssl_dtls` that are packed as they are.
const OWN_FILES: &[&str] = &[
    "LICENSE",
    "README.md",
    "convert.gd",
    "icon/.gdignore",
    "icon/icon.svg",
];

/// What tells Godot where the libraries are.
const EXTENSION: &str = "openssl_dtls.gdextension";

/// What the package holds beside the addon's own files.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build and pack the libraries of all platforms
    #[arg(long, conflicts_with = "only")]
    pub(crate) all: bool,
    /// Build and pack the libraries of these platforms
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub(crate) only: Vec<Platform>,
    /// Pack the libraries in this folder, which other packages brought, and build none
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["all", "only"])]
    libraries: Option<PathBuf>,
}

impl Options {
    /// The platforms to build, and those that cannot be built here.
    fn platforms(&self) -> Result<(Vec<Platform>, Vec<Platform>)> {
        let mut platforms = self.only.clone();
        if self.all {
            let has_ndk = std::env::var_os(NDK).is_some_and(|home| !home.is_empty());
            return Ok(Platform::ALL
                .into_iter()
                .partition(|platform| has_ndk || !platform.needs_ndk()));
        }
        if platforms.is_empty() {
            platforms.push(Platform::host()?);
        }
        platforms.sort();
        platforms.dedup();
        Ok((platforms, Vec::new()))
    }
}

/// Packs the addon into `dist`.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let (platforms, left_out) = options.platforms()?;
    for platform in &left_out {
        workspace::step(&format!(
            "Without {platform}: {NDK} does not name an Android NDK"
        ));
    }
    let libraries = match &options.libraries {
        Some(folder) => read_libraries(folder)?,
        None => build_libraries(&platforms)?,
    };
    let archive = make(&workspace::root().join("dist"), &libraries)?;
    println!("{:<16} {:>9}  needs", "platform", "bytes");
    for Library {
        platform, bytes, ..
    } in &libraries
    {
        let needs = inspect::needs(bytes)?;
        println!("{:<16} {:>9}  {needs}", platform.to_string(), bytes.len());
    }
    for platform in left_out {
        println!(
            "{:<16} {:>9}  left out, {NDK} is not set",
            platform.to_string(),
            "-"
        );
    }
    println!("{}", archive.display());
    Ok(ExitCode::SUCCESS)
}

fn build_libraries(platforms: &[Platform]) -> Result<Vec<Library>> {
    let platforms = platforms.iter();
    platforms
        .map(|platform| build::release(*platform))
        .collect()
}

/// The libraries in a folder by their names, each checked as one that is built here.
fn read_libraries(folder: &Path) -> Result<Vec<Library>> {
    let mut libraries = Vec::new();
    let entries = fs::read_dir(folder);
    for entry in entries.with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        let mut platforms = Platform::ALL.into_iter();
        let platform = platforms
            .find(|platform| path.file_name() == Some(platform.file_name().as_ref()))
            .with_context(|| format!("{} is no platform's library", path.display()))?;
        let bytes = fs::read(&path)?;
        let problems = inspect::problems(platform, &bytes)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        ensure!(
            problems.is_empty(),
            "{} cannot be given to users:\n{}",
            path.display(),
            problems.join("\n")
        );
        libraries.push(Library::new(platform, bytes)?);
    }
    ensure!(!libraries.is_empty(), "{} is empty", folder.display());
    libraries.sort_by_key(|library| library.platform);
    Ok(libraries)
}

/// Packs the addon with these libraries; the result is the archive's path.
pub(crate) fn make(folder: &Path, libraries: &[Library]) -> Result<PathBuf> {
    workspace::step("Packing");
    let platforms: Vec<Platform> = libraries.iter().map(|library| library.platform).collect();
    let licences: BTreeSet<_> = libraries
        .iter()
        .flat_map(|it| it.licences.clone())
        .collect();
    let mut contents = vec![(
        "THIRD_PARTY.txt".to_owned(),
        notices::collect(&platforms, &licences)?.into_bytes(),
    )];
    for library in libraries {
        let name = format!("bin/{}", library.platform.file_name());
        contents.push((name, library.bytes.clone()));
    }
    let read = |name: &str| {
        let path = workspace::addon().join(name);
        fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))
    };
    for name in OWN_FILES {
        contents.push(((*name).to_owned(), read(name)?));
    }
    let extension = String::from_utf8(read(EXTENSION)?)?;
    let extension = gdextension::for_package(&extension, &platforms)?;
    contents.push((EXTENSION.to_owned(), extension.into_bytes()));
    contents.sort();
    let archive = folder.join(format!("openssl_dtls-{}.zip", env!("CARGO_PKG_VERSION")));
    files::write(&archive, &pack(&contents)?, Access::Usual)?;
    Ok(archive)
}

fn pack(contents: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in contents {
        ensure!(!bytes.is_empty(), "{name} is empty");
        let mode = if name.starts_with("bin/") {
            0o755
        } else {
            0o644
        };
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .unix_permissions(mode);
        writer.start_file(format!("{FOLDER}/{name}"), options)?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libraries_that_users_may_get_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let error = || format!("{:#}", read_libraries(folder.path()).unwrap_err());
        assert!(error().ends_with("is empty"));
        let library = folder.path().join(Platform::WindowsX86_64.file_name());
        fs::write(&library, "MZ and no more").unwrap();
        assert!(
            error().contains("openssl_dtls.windows.x86_64.dll"),
            "{}",
            error()
        );
        fs::rename(&library, folder.path().join("notes.txt")).unwrap();
        assert!(error().ends_with("notes.txt is no platform's library"));
    }
}
