//! The platforms that the addon is built for: their names, their library's name, and their Rust targets.

use std::fmt::{self, Display};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::library::PACKAGE;

pub(crate) mod build;
mod build_paths;
pub(crate) mod inspect;
pub(crate) mod toolchain;
mod universal;

/// A platform that has a library of its own.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, ValueEnum)]
pub(crate) enum Platform {
    /// Linux on x86-64.
    #[value(name = "linux-x86_64")]
    LinuxX86_64,
    /// Linux on 64-bit ARM.
    #[value(name = "linux-arm64")]
    LinuxArm64,
    /// Windows on x86-64.
    #[value(name = "windows-x86_64")]
    WindowsX86_64,
    /// macOS on both processors that it runs on, in one library.
    #[value(name = "macos")]
    Macos,
    /// Android on 64-bit ARM.
    #[value(name = "android-arm64")]
    AndroidArm64,
    /// Android on x86-64.
    #[value(name = "android-x86_64")]
    AndroidX86_64,
}

impl Platform {
    /// All of them, in the order of their names in tables.
    pub(crate) const ALL: [Self; 6] = [
        Self::LinuxX86_64,
        Self::LinuxArm64,
        Self::WindowsX86_64,
        Self::Macos,
        Self::AndroidArm64,
        Self::AndroidX86_64,
    ];

    /// The platform that this program runs on.
    pub(crate) fn host() -> Result<Self> {
        use std::env::consts::{ARCH, OS};
        Ok(match (OS, ARCH) {
            ("linux", "x86_64") => Self::LinuxX86_64,
            ("linux", "aarch64") => Self::LinuxArm64,
            ("windows", "x86_64") => Self::WindowsX86_64,
            ("macos", "x86_64" | "aarch64") => Self::Macos,
            ("android", "aarch64") => Self::AndroidArm64,
            ("android", "x86_64") => Self::AndroidX86_64,
            _ => bail!("the addon has no library for {OS} on {ARCH}"),
        })
    }

    /// Its key in the section `libraries` of the .gdextension file.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::LinuxX86_64 => "linux.x86_64",
            Self::LinuxArm64 => "linux.arm64",
            Self::WindowsX86_64 => "windows.x86_64",
            Self::Macos => "macos",
            Self::AndroidArm64 => "android.arm64",
            Self::AndroidX86_64 => "android.x86_64",
        }
    }

    /// The library's name in the addon's folder `bin`.
    pub(crate) fn file_name(self) -> String {
        let (prefix, ending) = match self {
            Self::WindowsX86_64 => ("", "dll"),
            Self::Macos => ("lib", "dylib"),
            Self::LinuxX86_64 | Self::LinuxArm64 | Self::AndroidArm64 | Self::AndroidX86_64 => {
                ("lib", "so")
            }
        };
        format!("{prefix}{PACKAGE}.{}.{ending}", self.key())
    }

    /// Whether it is built with the Android NDK.
    pub(crate) fn needs_ndk(self) -> bool {
        matches!(self, Self::AndroidArm64 | Self::AndroidX86_64)
    }

    /// The Rust targets whose libraries it is made of.
    pub(crate) fn targets(self) -> &'static [&'static str] {
        match self {
            Self::LinuxX86_64 => &["x86_64-unknown-linux-gnu"],
            Self::LinuxArm64 => &["aarch64-unknown-linux-gnu"],
            Self::WindowsX86_64 => &["x86_64-pc-windows-gnullvm"],
            Self::Macos => &["aarch64-apple-darwin", "x86_64-apple-darwin"],
            Self::AndroidArm64 => &["aarch64-linux-android"],
            Self::AndroidX86_64 => &["x86_64-linux-android"],
        }
    }
}

impl Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn the_gdextension_file_names_every_platforms_library() {
        let text = std::fs::read_to_string(workspace::addon().join("openssl_dtls.gdextension"))
            .expect("the file is there");
        for platform in Platform::ALL {
            let line = format!("{} = \"bin/{}\"", platform.key(), platform.file_name());
            assert!(
                text.lines().any(|own| own == line),
                "{line} is not in\n{text}"
            );
        }
    }

    #[test]
    fn every_platform_can_be_named_by_its_users() {
        for platform in Platform::ALL {
            let read = Platform::from_str(&platform.to_string(), false);
            assert_eq!(read, Ok(platform));
        }
        assert_eq!(Platform::ALL.len(), Platform::value_variants().len());
    }

    #[test]
    fn tests_run_on_a_platform_that_has_a_library() {
        assert!(Platform::ALL.contains(&Platform::host().unwrap()));
    }
}
