//! Other DTLS implementations' programs that the tests connect to.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::files::on_path;
use crate::{godot, process};

/// OpenSSL's command-line tool, 3.0 or newer: the one on PATH, else Debian's, fetched with Godot.
pub(crate) fn openssl_cli() -> Result<PathBuf> {
    if let Some(program) = on_path("openssl") {
        let mut command = Command::new(&program);
        command.arg("version");
        let finished = process::run(command, Duration::from_secs(30))?;
        if finished.succeeded() && finished.lines.iter().any(|line| is_new_enough(line)) {
            return Ok(program);
        }
    }
    Ok(godot::programs()?.openssl)
}

/// GnuTLS' command-line tools.
pub(crate) struct GnuTls {
    /// `gnutls-cli`
    pub(crate) client: PathBuf,
    /// `gnutls-serv`
    pub(crate) server: PathBuf,
}

/// GnuTLS' tools: those on PATH, else Debian's, fetched like Godot.
///
/// # Errors
/// Names what is missing if they can be neither found nor fetched.
pub(crate) fn gnutls() -> Result<GnuTls> {
    let [client, server] = godot::GNUTLS_PROGRAMS.map(on_path);
    if let (Some(client), Some(server)) = (client, server) {
        return Ok(GnuTls { client, server });
    }
    let folder = godot::gnutls().context(
        "gnutls-cli and gnutls-serv are not on PATH and could not be fetched; install GnuTLS' tools (gnutls-bin)",
    )?;
    let [client, server] = godot::GNUTLS_PROGRAMS.map(|name| folder.join(name));
    Ok(GnuTls { client, server })
}

/// Reads `OpenSSL 3.0.19 27 Jan 2026 ...`; other libraries' tools name themselves differently.
fn is_new_enough(version: &str) -> bool {
    let major = version
        .strip_prefix("OpenSSL ")
        .and_then(|rest| rest.split('.').next());
    major
        .and_then(|major| major.parse::<u32>().ok())
        .is_some_and(|major| major >= 3)
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn versions_before_3_and_other_libraries_do_not_do() {
        assert!(is_new_enough(
            "OpenSSL 3.0.19 27 Jan 2026 (Library: OpenSSL 3.0.19)"
        ));
        assert!(is_new_enough("OpenSSL 4.0.0 1 Jan 2027"));
        assert!(!is_new_enough("OpenSSL 1.1.1w  11 Sep 2023"));
        assert!(!is_new_enough("LibreSSL 3.8.2"));
    }
}
