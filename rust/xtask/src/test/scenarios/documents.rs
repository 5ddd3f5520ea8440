//! What the documents point at exists: relative links, their anchors, and paths of this repository.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

use super::Context;
use crate::workspace;

/// Every Markdown file at the top, in docs and in the addon names only what exists.
pub(crate) fn name_what_exists(_: &Context) -> Result<()> {
    let root = workspace::root();
    let mut missing = Vec::new();
    for folder in ["", "docs", "docs/decisions", "addons/openssl_dtls"] {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten() {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "md") {
                let text = fs::read_to_string(&path)?;
                let prose: String = text.split("```").step_by(2).collect();
                let links = prose
                    .split("](")
                    .skip(1)
                    .filter_map(|at| at.split(')').next());
                let broken = links.filter(|link| !link.contains("://") && !resolves(&path, link));
                let quoted = prose.split('`').skip(1).step_by(2);
                let absent = quoted.filter(|text| is_path(text) && !root.join(text).exists());
                missing.extend(
                    broken
                        .chain(absent)
                        .map(|it| format!("{}: {it}", path.display())),
                );
            }
        }
    }
    ensure!(missing.is_empty(), "{}", missing.join("\n"));
    Ok(())
}

/// Whether a link's file exists and has the heading that its anchor names.
fn resolves(document: &Path, link: &str) -> bool {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = document.with_file_name(file);
    let target = if file.is_empty() { document } else { &target };
    let text = fs::read_to_string(target).unwrap_or_default();
    let mut headings = text.lines().filter(|line| line.starts_with('#'));
    target.exists() && (anchor.is_empty() || headings.any(|line| slug(line) == anchor))
}

/// The anchor that a heading gets.
fn slug(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.replace(|c: char| !c.is_alphanumeric() && !" -_".contains(c), "");
    kept.replace(' ', "-")
}

/// Whether a text between backticks is a path of this repository, without wildcards and placeholders.
fn is_path(text: &str) -> bool {
    let folders = ["rust/", "docs/", "godot_project/", "fuzz/", ".ci/"];
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_./-".contains(c);
    folders.iter().any(|it| text.starts_with(it)) && text.chars().all(is_plain)
}
