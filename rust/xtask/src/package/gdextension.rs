//! The .gdextension file of a package: the one for development, with the package's platforms alone.

use anyhow::{Result, ensure};

use crate::platform::Platform;

const RELOADABLE: &str = "reloadable = true";

/// The file for a package of these platforms. Users do not rebuild the library, so it is not watched for changes.
pub(super) fn for_package(development: &str, platforms: &[Platform]) -> Result<String> {
    let line =
        |platform: &Platform| format!("{} = \"bin/{}\"", platform.key(), platform.file_name());
    ensure!(
        development.lines().any(|own| own == RELOADABLE),
        "openssl_dtls.gdextension has no line {RELOADABLE}"
    );
    for platform in platforms {
        let line = line(platform);
        ensure!(
            development.lines().any(|own| own == line),
            "openssl_dtls.gdextension has no line {line}"
        );
    }
    let left_out = Platform::ALL.iter().filter(|it| !platforms.contains(it));
    let left_out: Vec<String> = left_out.map(line).collect();
    let lines = development
        .lines()
        .filter(|own| !left_out.iter().any(|line| line == own));
    let lines = lines.map(|own| {
        if own == RELOADABLE {
            "reloadable = false"
        } else {
            own
        }
    });
    Ok(lines.flat_map(|line| [line, "\n"]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    fn development() -> String {
        std::fs::read_to_string(workspace::addon().join("openssl_dtls.gdextension")).unwrap()
    }

    #[test]
    fn a_package_names_its_platforms_and_is_not_reloaded() {
        let text = for_package(&development(), &[Platform::LinuxArm64, Platform::Macos]).unwrap();
        assert!(text.contains("\nreloadable = false\n"), "{text}");
        assert!(!text.contains("reloadable = true"), "{text}");
        let (_, libraries) = text.split_once("[libraries]").unwrap();
        let named: Vec<&str> = libraries.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(
            named,
            [
                "linux.arm64 = \"bin/libopenssl_dtls.linux.arm64.so\"",
                "macos = \"bin/libopenssl_dtls.macos.dylib\"",
            ]
        );
    }

    #[test]
    fn a_platform_that_the_file_does_not_know_is_refused() {
        let text = development().replace("macos = ", "macos.arm64 = ");
        let error = for_package(&text, &[Platform::Macos]).unwrap_err();
        assert!(error.to_string().contains("macos = "), "{error}");
    }
}
