//! OpenSSL's contexts, shared by many sessions: one for each set of options.

use openssl::error::ErrorStack;
use openssl::ssl::{SslContext, SslContextBuilder, SslVerifyMode};

use crate::config::error::ConfigError;
use crate::config::identity::Identity;
use crate::config::settings::Settings;
use crate::config::trust::Verification;
use crate::config::{policy, self_test};
use crate::openssl_error::reason;

/// The options of a server's sessions: its key, its certificate and its settings.
#[derive(Clone)]
pub struct ServerContext {
    pub(crate) ssl: SslContext,
    pub(crate) settings: Settings,
}

impl ServerContext {
    /// Makes a context from a key and certificate, and tests them in a handshake in memory. This costs milliseconds;
    /// make one context for all sessions of a server.
    ///
    /// # Errors
    /// [`ConfigError::Refused`] if OpenSSL does not take the key or certificate,
    /// [`ConfigError::NoClientCanConnect`] if it takes them and cannot use them,
    /// [`ConfigError::OpenSsl`] otherwise.
    pub fn new(identity: &Identity) -> Result<Self, ConfigError> {
        let mut context = policy::server_builder()?;
        present(&mut context, identity).map_err(|stack| ConfigError::Refused(reason(&stack)))?;
        // Sessions begin with a hello whose cookie a `CookieJar` has verified.
        context.set_cookie_verify_cb(|_, _| true);
        let ssl = context.build();
        self_test::handshake(&ssl)?;
        Ok(Self {
            ssl,
            settings: Settings::default(),
        })
    }

    /// The same context with other settings. Both share the key and the certificates.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }
}

/// The options of a client's sessions: the roots that it trusts and its settings.
#[derive(Clone)]
pub struct ClientContext {
    pub(crate) ssl: SslContext,
    pub(crate) verification: Verification,
    pub(crate) settings: Settings,
}

impl ClientContext {
    /// Makes a context that verifies servers in this way.
    ///
    /// # Errors
    /// [`ConfigError::OpenSsl`] if OpenSSL cannot make one.
    pub fn new(verification: Verification) -> Result<Self, ConfigError> {
        let mut context = policy::client_builder()?;
        match &verification {
            Verification::Full(roots) | Verification::DangerousAnyName(roots) => {
                let store = roots.to_store();
                context.set_cert_store(store.map_err(|stack| ConfigError::openssl(&stack))?);
                context.set_verify(SslVerifyMode::PEER);
            }
            Verification::DangerousNone => context.set_verify(SslVerifyMode::NONE),
        }
        Ok(Self {
            ssl: context.build(),
            verification,
            settings: Settings::default(),
        })
    }

    /// The same context with other settings. Both share the roots.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }
}

fn present(context: &mut SslContextBuilder, identity: &Identity) -> Result<(), ErrorStack> {
    context.set_certificate(&identity.certificate)?;
    context.set_private_key(&identity.key)?;
    for intermediate in &identity.intermediates {
        context.add_extra_chain_cert(intermediate.clone())?;
    }
    context.check_private_key()
}
