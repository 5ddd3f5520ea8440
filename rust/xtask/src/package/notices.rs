//! The licences of what is compiled into the library: OpenSSL's, Rust's, and those of all crates
//! (docs/decisions/notices.md).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::library::{self, cargo};
use crate::platform::Platform;

/// The package with OpenSSL's sources, a build dependency.
const OPENSSL: &str = "openssl-src";

/// Beginnings of the names of files that hold a licence, in capitals.
const LICENCE_FILES: &[&str] = &[
    "LICENSE",
    "LICENCE",
    "COPYING",
    "COPYRIGHT",
    "NOTICE",
    "UNLICENSE",
];

const RULE: &str =
    "================================================================================";

/// One text with everything in the libraries of these platforms, each licence once; `others` are works that are no
/// crates, each with the file of its licence.
pub(crate) fn collect(
    platforms: &[Platform],
    others: &BTreeSet<(&'static str, PathBuf)>,
) -> Result<String> {
    let metadata = metadata(platforms)?;
    let mut text = "OpenSSL DTLS for Godot contains the following works of others.\n".to_owned();
    let openssl = package(&metadata, OPENSSL)?;
    let licence = openssl.folder.join("openssl/LICENSE.txt");
    let version = openssl.version.rsplit('+').next().unwrap_or_default();
    section(
        &mut text,
        &[format!("OpenSSL {version} (https://openssl-library.org)")],
        &read(&licence)?,
    );
    section(
        &mut text,
        &["Rust's standard library (https://github.com/rust-lang/rust)".to_owned()],
        "MIT OR Apache-2.0: the Apache License 2.0 is printed above, the MIT license is\n\n\
         Copyright (c) The Rust Project Contributors\n\n\
         Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated \
         documentation files (the \"Software\"), to deal in the Software without restriction, including without limitation \
         the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to \
         permit persons to whom the Software is furnished to do so, subject to the following conditions:\n\n\
         The above copyright notice and this permission notice shall be included in all copies or substantial portions of \
         the Software.\n\n\
         THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO \
         THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE \
         AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, \
         TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE \
         SOFTWARE.",
    );
    for (work, licence) in others {
        section(&mut text, &[(*work).to_owned()], &read(licence)?);
    }
    let mut by_licence: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for crate_ in used_crates(&metadata)? {
        for licence in crate_.licences()? {
            by_licence.entry(licence).or_default().push(crate_.line());
        }
    }
    for (licence, crates) in by_licence {
        section(&mut text, &crates, &licence);
    }
    Ok(text)
}

fn section(text: &mut String, works: &[String], licence: &str) {
    *text += &format!(
        "\n{RULE}\n{}\n{RULE}\n\n{}\n",
        works.join("\n"),
        licence.trim()
    );
}

/// A package that the library is made of.
struct Package {
    name: String,
    version: String,
    /// As an SPDX expression.
    expression: String,
    /// Where its source is.
    source: String,
    folder: PathBuf,
}

impl Package {
    fn read(value: &Value) -> Result<Self> {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let manifest = text("manifest_path");
        let folder = Path::new(&manifest)
            .parent()
            .context("cargo named a package without a folder")?;
        Ok(Self {
            name: text("name"),
            version: text("version"),
            expression: text("license"),
            source: text("repository"),
            folder: folder.to_path_buf(),
        })
    }

    fn line(&self) -> String {
        let Self {
            name,
            version,
            expression,
            source,
            ..
        } = self;
        let separator = if source.is_empty() { "" } else { ", " };
        format!("{name} {version} ({expression}){separator}{source}")
    }

    /// The texts of its licence files; if there are none, the notice that its licence requires.
    fn licences(&self) -> Result<BTreeSet<String>> {
        let mut texts = BTreeSet::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = name.to_uppercase();
            if path.is_file() && LICENCE_FILES.iter().any(|start| name.starts_with(start)) {
                texts.insert(read(&path)?);
            }
        }
        if texts.is_empty() {
            ensure!(
                self.expression == "MPL-2.0",
                "{} {} has no licence file",
                self.name,
                self.version
            );
            texts.insert(
                "This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0: \
                 https://mozilla.org/MPL/2.0/. The source code is at the addresses above."
                    .to_owned(),
            );
        }
        Ok(texts)
    }
}

/// `cargo metadata` for the platforms' targets.
fn metadata(platforms: &[Platform]) -> Result<Value> {
    let mut arguments = vec!["metadata", "--format-version=1"];
    for target in platforms.iter().flat_map(|platform| platform.targets()) {
        arguments.extend(["--filter-platform", target]);
    }
    let json = cargo_output(&arguments)?;
    serde_json::from_slice(&json).context("cargo metadata gave no JSON")
}

/// Cargo's standard output; its errors are shown.
fn cargo_output(arguments: &[&str]) -> Result<Vec<u8>> {
    let mut command = cargo();
    command.args(arguments).stderr(Stdio::inherit());
    let output = command.output().context("cargo could not be started")?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(output.stdout)
}

/// The published package of that name; one of the workspace may stand in for it (rust/openssl-src).
fn package(metadata: &Value, name: &str) -> Result<Package> {
    let packages = metadata["packages"].as_array().context("no packages")?;
    let found = packages
        .iter()
        .find(|package| package["name"] == name && !package["source"].is_null());
    Package::read(found.with_context(|| format!("{name} is not among the packages"))?)
}

/// The crates from elsewhere that the addon depends on, at any distance; not those that only build or test it.
fn used_crates(metadata: &Value) -> Result<Vec<Package>> {
    let array = |value: &'static str, of: &Value| -> Result<Vec<Value>> {
        let array = of[value].as_array();
        array.cloned().with_context(|| format!("no {value}"))
    };
    let mut packages = BTreeMap::new();
    for package in array("packages", metadata)? {
        packages.insert(
            package["id"].as_str().unwrap_or_default().to_owned(),
            package,
        );
    }
    let mut dependencies = BTreeMap::new();
    for node in array("nodes", &metadata["resolve"])? {
        let normal: Vec<String> = array("deps", &node)?
            .iter()
            .filter(|edge| {
                let kinds = edge["dep_kinds"].as_array();
                kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
            })
            .filter_map(|edge| edge["pkg"].as_str().map(str::to_owned))
            .collect();
        dependencies.insert(node["id"].as_str().unwrap_or_default().to_owned(), normal);
    }
    let addon = packages
        .iter()
        .find(|(_, package)| package["name"] == library::PACKAGE);
    let (addon, _) = addon.context("the addon is not among the packages")?;
    let mut seen = BTreeSet::new();
    let mut open = vec![addon];
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            open.extend(dependencies.get(id).into_iter().flatten());
        }
    }
    let mut used = Vec::new();
    for id in seen {
        let package = &packages[id];
        if !package["source"].is_null() {
            used.push(Package::read(package)?);
        }
    }
    if used.is_empty() {
        bail!("cargo metadata names no crates of the addon's");
    }
    used.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(used)
}

fn read(path: &Path) -> Result<String> {
    let text =
        fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(text.replace("\r\n", "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_in_the_library_is_named_and_what_only_builds_it_is_not() {
        let text = collect(&[Platform::LinuxX86_64], &BTreeSet::new())
            .expect("the notices can be collected");
        for part in [
            "\nOpenSSL 4.",
            "Apache License",
            "\ngodot-core 0.",
            "Mozilla Public License",
            "\nsocket2 0.",
            "Rust's standard library",
        ] {
            assert!(text.contains(part), "{part}");
        }
        for part in ["\nproptest ", "\nanyhow ", "\nzip "] {
            assert!(!text.contains(part), "{part}");
        }
    }

    #[test]
    fn the_crates_of_every_platform_are_named() {
        let linux = collect(&[Platform::LinuxX86_64], &BTreeSet::new()).unwrap();
        let windows = collect(
            &[Platform::LinuxX86_64, Platform::WindowsX86_64],
            &BTreeSet::new(),
        )
        .unwrap();
        assert!(!linux.contains("\nwindows-sys "));
        assert!(windows.contains("\nwindows-sys "));
    }
}
