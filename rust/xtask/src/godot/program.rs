//! A Godot program: its version, and the folders that it writes to.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;

/// The oldest Godot that the addon runs on.
pub(crate) const OLDEST: (u32, u32) = (4, 4);

/// A Godot that can run the addon.
#[derive(Clone)]
pub(crate) struct Godot {
    /// The editor build's program; it also runs projects.
    pub(crate) program: PathBuf,
    /// Its version, 4.4 or newer.
    pub(crate) version: Version,
}

/// The variables that say where Godot keeps settings, `user://` and caches on Linux, set to folders below `base`.
pub(crate) fn private_folders(base: &Path) -> [(&'static str, PathBuf); 3] {
    [
        ("XDG_CONFIG_HOME", base.join("config")),
        ("XDG_DATA_HOME", base.join("data")),
        ("XDG_CACHE_HOME", base.join("cache")),
    ]
}

/// A version such as `4.6.3.stable.official.7d41c59c4`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
    text: String,
}

impl Version {
    /// Runs `program --version`.
    ///
    /// # Errors
    /// When the program fails, or prints no version of Godot.
    pub(crate) fn of(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("--version");
        let finished = process::run(command, Duration::from_secs(30))?;
        if !finished.succeeded() {
            bail!(
                "{} --version: {}\n{}",
                program.display(),
                finished.end(),
                finished.tail()
            );
        }
        Self::parse(&finished.lines)
            .with_context(|| format!("{} does not print a version of Godot", program.display()))
    }

    /// Reads what `godot --version` printed; other lines may stand around it.
    pub(crate) fn parse(output: &[String]) -> Option<Self> {
        output.iter().find_map(|line| {
            let text = line.trim();
            let mut parts = text.split('.');
            let major = parts.next()?.parse().ok()?;
            let minor = parts.next()?.parse().ok()?;
            // Other programs print numbers alone.
            let is_status =
                |part: &str| part.starts_with(|first: char| first.is_ascii_alphabetic());
            if !parts.any(is_status) {
                return None;
            }
            Some(Self {
                major,
                minor,
                text: text.to_owned(),
            })
        })
    }

    /// Whether scripts can read printed lines with a `Logger`.
    pub(crate) fn has_script_loggers(&self) -> bool {
        self.minor >= 5
    }

    /// Whether the addon runs on it.
    pub(crate) fn is_new_enough(&self) -> bool {
        self.major == OLDEST.0 && self.minor >= OLDEST.1
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Version> {
        Version::parse(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn versions_are_read_and_compared() {
        for (text, new_enough) in [
            ("4.6.3.stable.debian4.6.3+ds-2", true),
            ("4.4.stable.official.4c311cbee", true),
            ("4.10.1.stable", true),
            ("4.3.stable.official", false),
            ("3.6.stable.official", false),
            ("5.0.dev", false),
        ] {
            let version = parse(text).expect(text);
            assert_eq!(version.is_new_enough(), new_enough, "{text}");
            assert_eq!(version.to_string(), text);
        }
    }

    #[test]
    fn noise_around_the_version_is_skipped() {
        assert_eq!(
            parse("a warning\n4.5.stable\n").expect("found").to_string(),
            "4.5.stable"
        );
        assert_eq!(parse("command not found"), None);
        assert_eq!(parse("4.9.0"), None);
    }
}
