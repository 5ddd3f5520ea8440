//! Keys, certificates and trusted roots, as options give them.

use dtls::{ClientContext, Identity, Roots, ServerContext, Verification};

use crate::random::{self, Stream};

/// Stands between a key and its certificates.
pub(crate) const BETWEEN: u8 = 0x1e;

pub(crate) fn run(input: &[u8]) {
    random::restart();
    random::select(Stream::Server);
    let mut halves = input.splitn(2, |&byte| byte == BETWEEN);
    let key = halves.next().unwrap_or_default();
    let certificates = halves.next().unwrap_or(key);
    match Identity::from_pem(key, certificates, None) {
        Ok(identity) => drop(ServerContext::new(&identity)),
        Err(error) => assert_is_a_line(&error.to_string()),
    }
    let roots = [
        Roots::from_pem(certificates),
        Roots::from_bundle(certificates),
        Roots::from_der([certificates]),
    ];
    for roots in roots {
        match roots {
            Ok(roots) => drop(ClientContext::new(Verification::Full(roots))),
            Err(error) => assert_is_a_line(&error.to_string()),
        }
    }
}

/// What is wrong is shown to people.
fn assert_is_a_line(reason: &str) {
    assert!(!reason.is_empty() && reason.len() < 2000, "{reason}");
}
