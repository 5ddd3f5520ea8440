//! Contexts for sessions, from options of either class.

use std::sync::{Mutex, PoisonError};

use dtls::{ClientContext, ConfigError, Identity, Roots, ServerContext, Verification};
use godot::builtin::Variant;
use godot::classes::{TlsOptions, X509Certificate};
use godot::obj::Gd;
use once_cell::sync::Lazy;

use super::options::{Options, Unusable};
use super::pem::{self, Credential};
use super::roots;
use crate::report;
use crate::tls_options::OpenSslTlsOptions;

/// What a client needs to verify its server.
pub(crate) struct ClientSide {
    pub(crate) context: ClientContext,
    /// The name that the certificate must be for, where it is not the host connected to.
    pub(crate) name_override: Option<String>,
}

/// Reads options of either class.
fn read(value: &Variant) -> Option<Options> {
    if let Ok(ours) = value.try_to::<Gd<OpenSslTlsOptions>>() {
        return Some(ours.bind().credentials());
    }
    let engine = value.try_to::<Gd<TlsOptions>>().ok()?;
    Some(Options {
        is_server: engine.is_server(),
        is_unsafe: engine.is_unsafe_client(),
        common_name: engine.get_common_name_override().to_string(),
        trusted: engine.get_trusted_ca_chain().map(Credential::Object),
        key: engine.get_private_key().map(Credential::Object),
        certificate: engine.get_own_certificate().map(Credential::Object),
        password: String::new(),
    })
}

/// Makes a context of a server's options.
pub(crate) fn server(options: &Variant) -> Result<ServerContext, Unusable> {
    let options = read(options)
        .filter(|options| options.is_server)
        .ok_or_else(|| {
            Unusable::parameter(
                "it takes a server's options, from TLSOptions.server(key, certificate)",
            )
        })?;
    let key = options.key.ok_or_else(|| {
        Unusable::parameter(
            "the options hold no private key: check that load() found the key's file",
        )
    })?;
    let certificate = options.certificate.ok_or_else(|| {
        Unusable::parameter(
            "the options hold no certificate: check that load() found the certificate's file",
        )
    })?;
    let key = match pem::of_key(&key) {
        pem::Key::Private(pem) => pem,
        pem::Key::PublicOnly => {
            let why = "the options hold a public key where the private key is needed";
            return Err(Unusable::parameter(why));
        }
        pem::Key::Empty => {
            let why = "the private key is empty: its file is missing, broken, or encrypted";
            return Err(Unusable::parameter(why));
        }
    };
    let certificates = whole_chain(&certificate, "the certificate")?;
    let password = (!options.password.is_empty()).then_some(options.password.as_str());
    let make = || {
        let identity = Identity::from_pem(key.as_bytes(), certificates.as_bytes(), password)?;
        Ok((ServerContext::new(&identity)?, identity.missing_issuer()))
    };
    let (context, missing) = make().map_err(|error: ConfigError| Unusable::parameter(error))?;
    report::made_context("server");
    if let Some(issuer) = missing {
        hint_at_issuer(&certificates, &issuer);
    }
    Ok(context)
}

/// Prints, once for a certificate, that a part of its chain may be missing.
fn hint_at_issuer(certificates: &str, issuer: &str) {
    static SAID: Lazy<Mutex<Vec<String>>> = Lazy::new(Mutex::default);
    const REMEMBERED: usize = 16;
    {
        let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() == REMEMBERED || said.iter().any(|before| before == certificates) {
            return;
        }
        said.push(certificates.to_owned());
    }
    report::warning(
        "DTLSServer.setup()",
        format_args!(
            "the certificate's issuer ({issuer}) is not in the chain behind it: clients that trust only a root \
             above it refuse the server. If the issuer is an intermediate authority, append its certificate \
             (Let's Encrypt: fullchain.pem in place of cert.pem); if clients trust the issuer itself, nothing \
             is missing"
        ),
    );
}

/// A certificate object's PEM; an error if it holds more certificates than it gives.
fn whole_chain(certificate: &Credential<X509Certificate>, what: &str) -> Result<String, Unusable> {
    let pem::Certificates { pem, missing } = pem::of_certificate(certificate);
    if missing > 0 {
        return Err(Unusable::parameter(format_args!(
            "{what} has {missing} more behind it that the engine's X509Certificate does not give out: \
             get it from load(\"res://…\"), or give its PEM text to OpenSSLTLSOptions"
        )));
    }
    if pem.is_empty() {
        return Err(Unusable::parameter(format_args!(
            "{what} is empty: its file is missing or broken"
        )));
    }
    Ok(pem)
}

/// Makes a context of a client's options.
pub(crate) fn client(options: &Variant) -> Result<ClientSide, Unusable> {
    let options = read(options)
        .filter(|options| !options.is_server)
        .ok_or_else(|| {
            Unusable::parameter("it takes a client's options, from TLSOptions.client() or TLSOptions.client_unsafe()")
        })?;
    let trusted = options
        .trusted
        .map(|chain| whole_chain(&chain, "the trusted chain"))
        .transpose()?;
    let kind = match (options.is_unsafe, trusted) {
        (true, None) => Kind::DangerousNone,
        (true, Some(pem)) => Kind::DangerousAnyName(pem),
        (false, trusted) => Kind::Full(trusted),
    };
    Ok(ClientSide {
        context: context(kind)?,
        name_override: Some(options.common_name).filter(|name| !name.is_empty()),
    })
}

/// A client that verifies nothing.
pub(crate) fn unverified_client() -> Result<ClientSide, Unusable> {
    Ok(ClientSide {
        context: context(Kind::DangerousNone)?,
        name_override: None,
    })
}

/// A client that verifies everything against the system's authorities.
pub(crate) fn verified_client() -> Result<ClientSide, Unusable> {
    Ok(ClientSide {
        context: context(Kind::Full(None))?,
        name_override: None,
    })
}

/// What tells one client context from another; the certificates as PEM.
#[derive(Clone, PartialEq, Eq)]
enum Kind {
    DangerousNone,
    DangerousAnyName(String),
    Full(Option<String>),
}

/// The client contexts made last, newest first: making one costs milliseconds, and scripts tend to
/// make their options anew for each connection.
static CONTEXTS: Lazy<Mutex<Vec<(Kind, ClientContext)>>> = Lazy::new(Mutex::default);
const CONTEXTS_KEPT: usize = 16;

fn context(kind: Kind) -> Result<ClientContext, Unusable> {
    if let Some(known) = known_context(&kind) {
        return Ok(known);
    }
    // Made while nothing is locked: the engine, which is asked for the system's certificates, may
    // print, and a script's logger may connect.
    let from_pem = |pem: &String| Roots::from_pem(pem.as_bytes()).map_err(Unusable::parameter);
    let verification = match &kind {
        Kind::DangerousNone => Verification::DangerousNone,
        Kind::DangerousAnyName(pem) => Verification::DangerousAnyName(from_pem(pem)?),
        Kind::Full(Some(pem)) => Verification::Full(from_pem(pem)?),
        Kind::Full(None) => Verification::Full(roots::default()?),
    };
    let context = ClientContext::new(verification).map_err(Unusable::parameter)?;
    report::made_context("client");
    let mut contexts = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    contexts.truncate(CONTEXTS_KEPT - 1);
    contexts.insert(0, (kind, context.clone()));
    Ok(context)
}

fn known_context(kind: &Kind) -> Option<ClientContext> {
    let mut contexts = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    let at = contexts.iter().position(|(known, _)| known == kind)?;
    contexts[..=at].rotate_right(1);
    Some(contexts[0].1.clone())
}

/// Forgets every context, while OpenSSL can still free them.
pub(crate) fn forget_all() {
    CONTEXTS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clear();
}
