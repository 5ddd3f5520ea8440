//! The one server's key and certificate, the same in every run: `fuzz/fixtures`, valid for a hundred years.

use std::sync::LazyLock;

use dtls::{ClientContext, Identity, Roots, ServerContext, Verification};

pub(crate) const SERVER_NAME: &str = "localhost";

/// Worth nothing: everyone has it.
pub(crate) const KEY: &str = include_str!("../../../fuzz/fixtures/throw_away_key.pem");
pub(crate) const CERTIFICATE: &str = include_str!("../../../fuzz/fixtures/certificate.pem");

static SERVER: LazyLock<ServerContext> = LazyLock::new(|| {
    let identity = Identity::from_pem(KEY.as_bytes(), CERTIFICATE.as_bytes(), None);
    ServerContext::new(&identity.expect("the fixtures are in order")).expect("OpenSSL takes them")
});

static CLIENT: LazyLock<ClientContext> = LazyLock::new(|| {
    let roots = Roots::from_pem(CERTIFICATE.as_bytes()).expect("the fixture is in order");
    ClientContext::new(Verification::Full(roots)).expect("OpenSSL takes it")
});

pub(crate) fn server_context() -> &'static ServerContext {
    &SERVER
}

pub(crate) fn client_context() -> &'static ClientContext {
    &CLIENT
}
