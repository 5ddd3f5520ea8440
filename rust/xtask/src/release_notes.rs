//! `cargo xtask release-notes TAG`: what CHANGELOG.md says of this version, for the text of its release.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::workspace;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Prints the section of this version.
///
/// # Errors
/// When the tag is not this version's, or CHANGELOG.md has no section for it.
pub(crate) fn run(tag: &str) -> Result<ExitCode> {
    ensure!(
        tag == format!("v{VERSION}"),
        "the tag is {tag}, but Cargo.toml has version {VERSION}, whose tag is v{VERSION}"
    );
    let changelog = fs::read_to_string(workspace::root().join("CHANGELOG.md"))?;
    let section = section(&changelog, VERSION);
    println!(
        "{}",
        section.with_context(|| format!(
            "CHANGELOG.md has no section \"## {VERSION} - DATE\" with text in it"
        ))?
    );
    Ok(ExitCode::SUCCESS)
}

/// The text below `## VERSION - DATE`, up to the next heading of that level.
fn section<'t>(changelog: &'t str, version: &str) -> Option<&'t str> {
    let heading = format!("\n## {version} - ");
    let (_, rest) = changelog.split_once(&heading)?;
    let text = &rest[rest.find('\n')?..];
    let text = text.split("\n## ").next()?.trim();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-12-01\n\n### Added\n- One.\n\n\
                             ## 0.1.10 - 2026-11-01\n## 0.1.1 - 2026-10-01\n- Two.\n";

    #[test]
    fn the_section_of_a_version_ends_where_the_next_begins() {
        assert_eq!(section(CHANGELOG, "0.2.0"), Some("### Added\n- One."));
        assert_eq!(section(CHANGELOG, "0.1.1"), Some("- Two."));
    }

    #[test]
    fn a_version_without_text_has_no_section() {
        for version in ["0.1.10", "0.1", "0.3.0", "Unreleased"] {
            assert_eq!(section(CHANGELOG, version), None, "{version}");
        }
    }

    #[test]
    fn another_versions_tag_is_refused() {
        for tag in ["v0.0.0", VERSION, "main"] {
            let error = run(tag).expect_err(tag).to_string();
            assert!(error.contains(VERSION), "{error}");
        }
    }
}
