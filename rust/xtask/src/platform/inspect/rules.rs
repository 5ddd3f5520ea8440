//! What the library of each platform may export and need.

use super::super::{Platform, toolchain};
use super::facts::{Facts, Format, Processor, Signature, Version};

/// What Godot calls, and nothing else is visible: another OpenSSL in the process must not meet ours.
const ENTRY: &str = "openssl_dtls_init";

/// The size of a page on devices with Android 15 and newer.
const ANDROID_PAGE: u64 = 16 * 1024;

/// The libraries that are part of each system.
const LINUX: &[&str] = &[
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
];
const ANDROID: &[&str] = &["libc.so", "libdl.so", "liblog.so", "libm.so"];
const WINDOWS: &[&str] = &[
    "advapi32.dll",
    "bcrypt.dll",
    "bcryptprimitives.dll",
    "crypt32.dll",
    "iphlpapi.dll",
    "kernel32.dll",
    "msvcrt.dll",
    "ntdll.dll",
    "user32.dll",
    "userenv.dll",
    "ws2_32.dll",
];
/// The C library of Windows 10 and newer, in parts.
const WINDOWS_SETS: &str = "api-ms-win-";
/// Rust's standard library links libiconv, though nothing here calls it.
const MACOS: &[&str] = &["/usr/lib/libSystem.B.dylib", "/usr/lib/libiconv.2.dylib"];

pub(super) fn problems(platform: Platform, parts: &[Facts]) -> Vec<String> {
    let (format, processors, libraries) = match platform {
        Platform::LinuxX86_64 => (Format::Elf, &[Processor::X86_64][..], LINUX),
        Platform::LinuxArm64 => (Format::Elf, &[Processor::Arm64][..], LINUX),
        Platform::WindowsX86_64 => (Format::Pe, &[Processor::X86_64][..], WINDOWS),
        Platform::Macos => (
            Format::MachO,
            &[Processor::X86_64, Processor::Arm64][..],
            MACOS,
        ),
        Platform::AndroidArm64 => (Format::Elf, &[Processor::Arm64][..], ANDROID),
        Platform::AndroidX86_64 => (Format::Elf, &[Processor::X86_64][..], ANDROID),
    };
    let mut problems = Vec::new();
    let mut found: Vec<Processor> = parts.iter().map(|part| part.processor).collect();
    found.sort();
    if found != processors || parts.iter().any(|part| part.format != format) {
        problems.push(format!("it is for {found:?}, not for {platform}"));
    }
    for part in parts {
        let mut add = |problem: String| problems.push(format!("{problem} ({:?})", part.processor));
        if part
            .exports
            .iter()
            .map(|name| name.trim_start_matches('_'))
            .ne([ENTRY])
        {
            let some = part.exports.iter().take(5).cloned().collect::<Vec<_>>();
            let count = part.exports.len();
            add(format!(
                "it exports {count} names, not {ENTRY} alone: {}",
                some.join(", ")
            ));
        }
        for library in &part.libraries {
            let is_set = format == Format::Pe && library.starts_with(WINDOWS_SETS);
            if !libraries.contains(&&**library) && !is_set {
                add(format!(
                    "it needs {library}, which is no part of the system"
                ));
            }
        }
        match platform {
            Platform::LinuxX86_64 | Platform::LinuxArm64 => {
                let newest = version(toolchain::GLIBC);
                if let Some(glibc) = part.glibc.filter(|glibc| *glibc > newest) {
                    add(format!(
                        "it needs glibc {}, not {}",
                        text(glibc),
                        toolchain::GLIBC
                    ));
                }
            }
            Platform::AndroidArm64 | Platform::AndroidX86_64 => {
                if part
                    .alignment
                    .is_none_or(|alignment| alignment < ANDROID_PAGE)
                {
                    let found = part.alignment;
                    add(format!(
                        "its segments are aligned to {found:?}, not {ANDROID_PAGE}"
                    ));
                }
            }
            Platform::Macos => {
                let allowed = minimum_macos(part.processor);
                if part.macos.is_none_or(|needed| needed > allowed) {
                    let needed = part.macos.map_or("an unknown version".to_owned(), text);
                    add(format!("it needs macOS {needed}, not {}", text(allowed)));
                }
                match part.signature {
                    Signature::Valid => {}
                    Signature::Missing => add("it is not signed".to_owned()),
                    Signature::Invalid => add("its signature is not valid".to_owned()),
                }
            }
            Platform::WindowsX86_64 => {}
        }
    }
    problems
}

/// What the parts need, for people.
pub(super) fn needs(parts: &[Facts]) -> String {
    let part = |part: &Facts| match part.format {
        Format::Elf => match part.glibc {
            Some(glibc) => format!("glibc {}", text(glibc)),
            None => "Android 5.0".to_owned(),
        },
        Format::Pe
            if part
                .libraries
                .iter()
                .any(|name| name.starts_with(WINDOWS_SETS)) =>
        {
            "Windows 10".to_owned()
        }
        Format::Pe => "Windows".to_owned(),
        Format::MachO => {
            let version = part.macos.map(text).unwrap_or_default();
            format!("macOS {version} on {:?}", part.processor)
        }
    };
    parts.iter().map(part).collect::<Vec<_>>().join(", ")
}

fn minimum_macos(processor: Processor) -> Version {
    version(toolchain::minimum_macos(match processor {
        Processor::Arm64 => "aarch64",
        Processor::X86_64 => "x86_64",
    }))
}

/// Reads `2.28`.
fn version(text: &str) -> Version {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

fn text((major, minor): Version) -> String {
    format!("{major}.{minor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part that may be given to users.
    fn good(platform: Platform, processor: Processor) -> Facts {
        let mut facts = Facts::new(Format::Elf, processor);
        facts.exports = vec![ENTRY.to_owned()];
        let library = match platform {
            Platform::LinuxX86_64 | Platform::LinuxArm64 => {
                facts.glibc = Some((2, 28));
                facts.alignment = Some(4096);
                "libc.so.6"
            }
            Platform::AndroidArm64 | Platform::AndroidX86_64 => {
                facts.alignment = Some(ANDROID_PAGE);
                "libc.so"
            }
            Platform::WindowsX86_64 => {
                facts.format = Format::Pe;
                "api-ms-win-crt-heap-l1-1-0.dll"
            }
            Platform::Macos => {
                facts.format = Format::MachO;
                facts.exports = vec![format!("_{ENTRY}")];
                facts.macos = Some(minimum_macos(processor));
                facts.signature = Signature::Valid;
                "/usr/lib/libSystem.B.dylib"
            }
        };
        facts.libraries.insert(library.to_owned());
        facts
    }

    fn parts(platform: Platform) -> Vec<Facts> {
        let processors: &[Processor] = match platform {
            Platform::LinuxX86_64 | Platform::WindowsX86_64 | Platform::AndroidX86_64 => {
                &[Processor::X86_64]
            }
            Platform::LinuxArm64 | Platform::AndroidArm64 => &[Processor::Arm64],
            Platform::Macos => &[Processor::Arm64, Processor::X86_64],
        };
        let part = |processor: &Processor| good(platform, *processor);
        processors.iter().map(part).collect()
    }

    /// The problems of a library whose first part is changed.
    fn changed(platform: Platform, change: impl FnOnce(&mut Facts)) -> Vec<String> {
        let mut parts = parts(platform);
        change(&mut parts[0]);
        problems(platform, &parts)
    }

    #[test]
    fn a_library_that_needs_only_its_system_may_be_given_to_users() {
        for platform in Platform::ALL {
            assert!(changed(platform, |_| {}).is_empty(), "{platform}");
        }
    }

    #[test]
    fn on_every_platform_the_entry_is_the_only_name_to_be_seen() {
        for platform in Platform::ALL {
            let more = changed(platform, |part| part.exports.push("SSL_new".to_owned()));
            assert_eq!(more.len(), 1, "{platform}");
            assert!(more[0].contains("exports 2 names"), "{}", more[0]);
            let none = changed(platform, |part| part.exports.clear());
            assert!(none[0].contains("exports 0 names"), "{}", none[0]);
        }
    }

    #[test]
    fn a_library_that_is_no_part_of_the_system_is_named() {
        for (platform, library) in [
            (Platform::LinuxX86_64, "libssl.so.3"),
            (Platform::LinuxArm64, "libgcc_s.so.1"),
            (Platform::WindowsX86_64, "libwinpthread-1.dll"),
            (Platform::WindowsX86_64, "libgcc_s_seh-1.dll"),
            (Platform::WindowsX86_64, "vcruntime140.dll"),
            (Platform::Macos, "/opt/homebrew/lib/libssl.3.dylib"),
            (Platform::AndroidArm64, "libc++_shared.so"),
            (Platform::AndroidX86_64, "libc.so.6"),
        ] {
            let found = changed(platform, |part| {
                part.libraries.insert(library.to_owned());
            });
            assert_eq!(found.len(), 1, "{platform}: {found:?}");
            assert!(
                found[0].contains(&format!("needs {library},")),
                "{}",
                found[0]
            );
        }
    }

    #[test]
    fn a_newer_glibc_is_refused() {
        for platform in [Platform::LinuxX86_64, Platform::LinuxArm64] {
            let found = changed(platform, |part| part.glibc = Some((2, 34)));
            assert_eq!(found.len(), 1);
            assert!(
                found[0].contains("needs glibc 2.34, not 2.28"),
                "{}",
                found[0]
            );
        }
    }

    #[test]
    fn android_needs_segments_at_pages_of_16_kb() {
        for alignment in [None, Some(4096)] {
            let found = changed(Platform::AndroidArm64, |part| part.alignment = alignment);
            assert_eq!(found.len(), 1);
            assert!(found[0].contains("not 16384"), "{}", found[0]);
        }
    }

    #[test]
    fn macos_needs_both_processors_an_old_minimum_and_valid_signatures() {
        let one = problems(Platform::Macos, &parts(Platform::Macos)[..1]);
        assert!(
            one[0].contains("it is for [Arm64], not for macos"),
            "{}",
            one[0]
        );
        for version in [None, Some((12, 0))] {
            let found = changed(Platform::Macos, |part| part.macos = version);
            assert_eq!(found.len(), 1);
            assert!(found[0].ends_with("not 11.0 (Arm64)"), "{}", found[0]);
        }
        for signature in [Signature::Missing, Signature::Invalid] {
            let found = changed(Platform::Macos, |part| part.signature = signature);
            assert_eq!(found.len(), 1, "{found:?}");
        }
    }

    #[test]
    fn another_platforms_library_is_refused() {
        for platform in Platform::ALL {
            for other in Platform::ALL {
                let is_own = problems(platform, &parts(other)).is_empty();
                assert_eq!(is_own, platform == other, "{other} as {platform}");
            }
        }
    }
}
