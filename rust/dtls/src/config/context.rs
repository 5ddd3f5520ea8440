//! What many sessions share: one OpenSSL context for each set of options, made once.

use openssl::error::ErrorStack;
use openssl::ssl::{SslContext, SslContextBuilder, SslMethod, SslVerifyMode};

use crate::config::error::{ConfigError, forget_earlier_errors, reason};
use crate::config::identity::Identity;
use crate::config::padded_serial;
use crate::config::policy;
use crate::config::self_test as trial;
use crate::config::settings::Settings;
use crate::config::trust::Verification;

/// A server's side: its key and certificate, ready for any number of sessions.
#[derive(Clone)]
pub struct ServerContext {
    pub(crate) ssl: SslContext,
    pub(crate) settings: Settings,
}

impl ServerContext {
    /// Makes a context from a key and certificate, and tries them in a handshake in memory; this
    /// costs milliseconds, a session from it does not.
    ///
    /// # Errors
    /// [`ConfigError::Refused`] if OpenSSL does not take the key or certificate,
    /// [`ConfigError::NoClientCanConnect`] if it takes them and cannot use them,
    /// [`ConfigError::OpenSsl`] otherwise.
    pub fn new(identity: &Identity) -> Result<Self, ConfigError> {
        let mut context = builder(SslMethod::dtls_server())?;
        present(&mut context, identity).map_err(|stack| ConfigError::Refused(reason(&stack)))?;
        // Sessions begin with a hello whose cookie a `CookieJar` has checked already.
        context.set_cookie_verify_cb(|_, _| true);
        let made = Self {
            ssl: context.build(),
            settings: Settings::default(),
        };
        trial::handshake(&made)?;
        Ok(made)
    }

    /// The same context, for sessions that keep to these settings; keys and certificates are shared
    /// with the one it is made of.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }
}

/// A client's side: whom it trusts, ready for any number of sessions.
#[derive(Clone)]
pub struct ClientContext {
    pub(crate) ssl: SslContext,
    pub(crate) verification: Verification,
    pub(crate) settings: Settings,
}

impl ClientContext {
    /// Makes a context that verifies servers as told.
    ///
    /// # Errors
    /// [`ConfigError::OpenSsl`] if OpenSSL cannot make one.
    pub fn new(verification: Verification) -> Result<Self, ConfigError> {
        let mut context = builder(SslMethod::dtls_client())?;
        let groups = context.set_groups_list(policy::CLIENT_GROUPS);
        groups.map_err(|stack| ConfigError::openssl(&stack))?;
        padded_serial::replace_in_handshakes(&mut context);
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

    /// The same context, for sessions that keep to these settings; roots are shared with the one it
    /// is made of.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }
}

fn builder(method: SslMethod) -> Result<SslContextBuilder, ConfigError> {
    forget_earlier_errors();
    let build = || {
        let mut context = SslContext::builder(method)?;
        policy::apply(&mut context)?;
        Ok(context)
    };
    build().map_err(|stack: ErrorStack| ConfigError::openssl(&stack))
}

fn present(context: &mut SslContextBuilder, identity: &Identity) -> Result<(), ErrorStack> {
    context.set_certificate(&identity.certificate)?;
    context.set_private_key(&identity.key)?;
    for intermediate in &identity.intermediates {
        context.add_extra_chain_cert(intermediate.clone())?;
    }
    context.check_private_key()
}
