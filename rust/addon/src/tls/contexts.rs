//! Contexts for sessions, from options of either class.

use std::sync::{Mutex, PoisonError};

use dtls::pem_text::Chain;
use dtls::{ClientContext, ClientContexts, Identity, Roots, ServerContext, Trust};
use godot::builtin::Variant;
use godot::classes::{Os, ProjectSettings, TlsOptions, X509Certificate};
use godot::global::{Error, godot_warn};
use godot::obj::{Gd, Singleton};
use once_cell::sync::OnceCell;

use super::credential::{Credential, pem_of_file};
use super::options::Options;
use crate::refusal::Refusal;
use crate::report;
use crate::tls_options::OpenSslTlsOptions;

static CLIENT_CONTEXTS: ClientContexts = ClientContexts::new();

/// Reads options of either class.
fn read(value: &Variant) -> Option<Options> {
    if let Ok(ours) = value.try_to::<Gd<OpenSslTlsOptions>>() {
        return Some(ours.bind().options.clone());
    }
    let engine = value.try_to::<Gd<TlsOptions>>().ok()?;
    Some(Options {
        is_server: engine.is_server(),
        is_unsafe: engine.is_unsafe_client(),
        common_name: engine.get_common_name_override(),
        trusted: engine.get_trusted_ca_chain().map(Credential::Object),
        key: engine.get_private_key().map(Credential::Object),
        certificate: engine.get_own_certificate().map(Credential::Object),
        password: String::new(),
    })
}

/// Makes a context of a server's options, for the method `caller`.
pub(crate) fn server(caller: &str, options: &Variant) -> Result<ServerContext, Refusal> {
    let options = read(options)
        .filter(|options| options.is_server)
        .ok_or("it takes a server's options, from TLSOptions.server(key, certificate)")?;
    let key = options
        .key
        .ok_or("the options hold no private key: check that load() found the key's file")?;
    let certificate = options
        .certificate
        .ok_or("the options hold no certificate: check that load() found the certificate's file")?;
    let key = key.pem()?;
    let certificates = whole_chain(&certificate, "the certificate")?;
    let password = Some(options.password.as_str()).filter(|it| !it.is_empty());
    let identity = Identity::from_pem(key.as_bytes(), certificates.as_bytes(), password)?;
    let context = ServerContext::new(&identity)?;
    report::info(|| "context made for a server".to_owned());
    if let Some(issuer) = identity.missing_issuer() {
        hint_at_issuer(caller, certificates, &issuer);
    }
    Ok(context)
}

/// Prints, once for a certificate, that a part of its chain may be missing.
fn hint_at_issuer(caller: &str, certificates: String, issuer: &str) {
    static HINTED: Mutex<Vec<String>> = Mutex::new(Vec::new());
    const REMEMBERED: usize = 16;
    {
        let mut hinted = HINTED.lock().unwrap_or_else(PoisonError::into_inner);
        if hinted.len() == REMEMBERED || hinted.contains(&certificates) {
            return;
        }
        hinted.push(certificates);
    }
    godot_warn!(
        "{caller}: the certificate's issuer ({issuer}) is not in the chain behind it: clients that trust only a \
         root above it refuse the server. If the issuer is an intermediate authority, append its certificate (Let's \
         Encrypt: fullchain.pem in place of cert.pem); if clients trust the issuer itself, nothing is missing."
    );
}

/// A certificate object's PEM; an error if it holds more certificates than it gives.
fn whole_chain(certificate: &Credential<X509Certificate>, what: &str) -> Result<String, Refusal> {
    match certificate.pem() {
        Chain { pem, missing: 0 } if pem.is_empty() => Err(Refusal::parameter(format_args!(
            "{what} is empty: its file is missing or broken"
        ))),
        Chain { pem, missing: 0 } => Ok(pem),
        Chain { missing, .. } => Err(Refusal::parameter(format_args!(
            "{what} has {missing} more behind it that the engine's X509Certificate does not give out: \
             get it from load(\"res://…\"), or give its PEM text to OpenSSLTLSOptions"
        ))),
    }
}

/// Makes a context of a client's options; null verifies everything against the default authorities. With it comes the
/// name that the certificate must be for, where that is not the host connected to.
pub(crate) fn client(options: &Variant) -> Result<(ClientContext, Option<String>), Refusal> {
    if options.is_nil() {
        return Ok((of_trust(Trust::Default)?, None));
    }
    let options = read(options).filter(|options| !options.is_server).ok_or(
        "it takes a client's options, from TLSOptions.client() or TLSOptions.client_unsafe()",
    )?;
    let trusted = options.trusted;
    let trusted = trusted.map(|chain| whole_chain(&chain, "the trusted chain"));
    let trust = match (options.is_unsafe, trusted.transpose()?) {
        (true, None) => Trust::DangerousNone,
        (true, Some(pem)) => Trust::DangerousAnyName(pem),
        (false, None) => Trust::Default,
        (false, Some(pem)) => Trust::Full(pem),
    };
    let name = options.common_name.to_string();
    Ok((of_trust(trust)?, Some(name).filter(|name| !name.is_empty())))
}

/// The context of clients that trust this, made at the first call.
pub(crate) fn of_trust(trust: Trust) -> Result<ClientContext, Refusal> {
    if let Some(known) = CLIENT_CONTEXTS.find(&trust) {
        return Ok(known);
    }
    let context = CLIENT_CONTEXTS.make(trust, default_roots)?;
    report::info(|| "context made for a client".to_owned());
    Ok(context)
}

/// The engine's project setting for a certificate bundle, which replaces the system's.
const OVERRIDE: &str = "network/tls/certificate_bundle_override";

/// The authorities that are trusted where the options name none: the project's bundle, else the system's, else
/// Mozilla's as of the addon's build; read and parsed once.
fn default_roots() -> Result<Roots, Refusal> {
    static DEFAULT: OnceCell<Roots> = OnceCell::new();
    DEFAULT.get_or_try_init(load_roots).cloned()
}

fn load_roots() -> Result<Roots, Refusal> {
    let settings = ProjectSettings::singleton();
    let path = settings.get_setting(OVERRIDE).to_string();
    let roots = if path.is_empty() {
        let system = Os::singleton().get_system_ca_certificates().to_string();
        Roots::from_bundle(system.as_bytes()).or_else(|_| Roots::mozilla())
    } else {
        let bundle = pem_of_file(&path.as_str().into()).unwrap_or_default();
        Roots::from_bundle(bundle.as_bytes())
    };
    roots.map_err(|error| {
        let why = format_args!(
            "no server can be verified: {error}; the project setting {OVERRIDE} is \"{path}\", and \
             the certificates to trust can also be given to TLSOptions.client()"
        );
        Refusal::new(Error::ERR_UNCONFIGURED, why)
    })
}

/// Forgets every context, while OpenSSL can still free them.
pub(crate) fn forget_all() {
    CLIENT_CONTEXTS.clear();
}
