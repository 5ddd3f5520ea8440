//! `cargo xtask package`: the addon as users get it, `dist/openssl_dtls-VERSION.zip`.
//!
//! The same sources give the same bytes at any time and place: names are sorted, and times are fixed.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::files::{self, Access};
use crate::library::{self, Profile};
use crate::platform::Platform;
use crate::workspace;

mod notices;

/// The addon's path in the archive, which is unpacked into a project's folder.
const FOLDER: &str = "addons/openssl_dtls";

/// The files of `addons/openssl_dtls` that are packed as they are.
const OWN_FILES: &[&str] = &[
    "LICENSE",
    "README.md",
    "convert.gd",
    "openssl_dtls.gdextension",
];

/// What the package holds beside the addon's own files.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build and pack the libraries of all platforms
    #[arg(long, conflicts_with = "only")]
    pub(crate) all: bool,
    /// Build and pack the libraries of these platforms
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub(crate) only: Vec<Platform>,
}

/// Packs the addon into `dist`.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    ensure!(
        !options.all && options.only.is_empty(),
        "other platforms are not there yet"
    );
    let archive = make(&workspace::root().join("dist"))?;
    println!("{}", archive.display());
    Ok(ExitCode::SUCCESS)
}

/// Builds the library for this machine and packs the addon; the result is the archive's path.
pub(crate) fn make(folder: &Path) -> Result<PathBuf> {
    workspace::step("Building the addon (release)");
    let library = library::compile(Profile::Release)?;
    workspace::step("Packing");
    let mut contents = vec![
        (
            format!("bin/{}", Platform::host()?.file_name()),
            fs::read(&library).with_context(|| format!("{} cannot be read", library.display()))?,
        ),
        (
            "THIRD_PARTY.txt".to_owned(),
            notices::collect()?.into_bytes(),
        ),
    ];
    for name in OWN_FILES {
        let path = workspace::addon().join(name);
        let bytes =
            fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        contents.push(((*name).to_owned(), bytes));
    }
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
