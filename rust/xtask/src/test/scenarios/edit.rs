//! Edits of a project's files.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// Replaces a text that the file has to contain.
pub(super) fn replace(file: &Path, from: &str, to: &str) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    ensure!(text.contains(from), "{} has no {from}", file.display());
    Ok(fs::write(file, text.replace(from, to))?)
}

/// Adds a text to the end of the file.
pub(super) fn append(file: &Path, text: &str) -> Result<()> {
    let before = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(fs::write(file, before + text)?)
}
