//! The line that is printed when an overlay was loaded.

use crate::names::Names;
use crate::project::Scripts;

/// How many scripts run on OpenSSL, for users. `encrypted` are the names that are renamed because the project uses DTLS
/// with them.
pub(super) fn summary(scripts: Scripts, encrypted: Names, openssl_version: &str) -> String {
    let (enet, plain_enet) = if encrypted.contains(Names::ENET) {
        (scripts.with_enet, 0)
    } else {
        (0, scripts.with_enet)
    };
    let mut parts = Vec::new();
    let on_openssl = match (scripts.with_dtls, enet) {
        (0, 0) => None,
        (dtls, 0) => Some(run(dtls, "with DTLS")),
        (0, enet) => Some(run(enet, "with ENet over DTLS")),
        (dtls, enet) => Some(format!(
            "{} with DTLS and {enet} with ENet over DTLS run",
            counted(dtls)
        )),
    };
    parts.extend(on_openssl.map(|scripts| format!("{scripts} on {openssl_version}")));
    match scripts.with_udp {
        0 => {}
        1 => parts.push("1 more script uses its UDP classes".to_owned()),
        count => parts.push(format!("{count} more scripts use its UDP classes")),
    }
    let mut settings = "setting openssl_dtls/drop_in";
    if plain_enet > 0 {
        let scripts = run(plain_enet, "with ENet");
        parts.push(format!("{scripts} on the addon's classes, without DTLS"));
        settings = "settings openssl_dtls/drop_in, openssl_dtls/drop_in_plain_enet";
    }
    format!("{} ({settings}).", parts.join("; "))
}

fn run(count: usize, with: &str) -> String {
    let verb = if count == 1 { "runs" } else { "run" };
    format!("{} {with} {verb}", counted(count))
}

fn counted(count: usize) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} script{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(with_dtls: usize, with_udp: usize, with_enet: usize, encrypted: Names) -> String {
        let scripts = Scripts {
            with_dtls,
            with_udp,
            with_enet,
        };
        summary(scripts, encrypted, "OpenSSL 4")
    }

    #[test]
    fn scripts_are_counted_by_what_they_use() {
        let dtls = Names::DTLS.union(Names::UDP);
        assert_eq!(
            line(1, 0, 0, dtls),
            "1 script with DTLS runs on OpenSSL 4 (setting openssl_dtls/drop_in)."
        );
        assert_eq!(
            line(2, 1, 0, dtls),
            "2 scripts with DTLS run on OpenSSL 4; 1 more script uses its UDP classes (setting openssl_dtls/drop_in)."
        );
        assert_eq!(
            line(0, 0, 1, Names::ENET),
            "1 script with ENet over DTLS runs on OpenSSL 4 (setting openssl_dtls/drop_in)."
        );
        assert_eq!(
            line(1, 2, 3, Names::ALL),
            "1 script with DTLS and 3 with ENet over DTLS run on OpenSSL 4; 2 more scripts use its UDP classes (setting openssl_dtls/drop_in)."
        );
    }

    #[test]
    fn enet_without_dtls_is_not_said_to_run_on_openssl() {
        let settings = "(settings openssl_dtls/drop_in, openssl_dtls/drop_in_plain_enet).";
        assert_eq!(
            line(0, 0, 2, Names::NONE),
            format!("2 scripts with ENet run on the addon's classes, without DTLS {settings}")
        );
        assert_eq!(
            line(1, 0, 1, Names::DTLS.union(Names::UDP)),
            format!(
                "1 script with DTLS runs on OpenSSL 4; 1 script with ENet runs on the addon's classes, without DTLS {settings}"
            )
        );
    }
}
