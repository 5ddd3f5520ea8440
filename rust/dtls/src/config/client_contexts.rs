//! Client contexts that many connections share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::context::ClientContext;
use crate::config::error::ConfigError;
use crate::config::trust::{Roots, Verification};

/// How many contexts are kept.
const KEPT: usize = 16;

/// How a client verifies servers, with the certificates that it trusts as PEM text. Clients for which this is equal can
/// share a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// [`Verification::Full`] against these certificates.
    Full(String),
    /// [`Verification::Full`] against the roots that the caller has by default.
    Default,
    /// [`Verification::DangerousAnyName`] against these certificates.
    DangerousAnyName(String),
    /// [`Verification::DangerousNone`].
    DangerousNone,
}

/// The client contexts used last: to make one costs milliseconds, and callers tend to make their options anew for each
/// connection.
#[derive(Default)]
pub struct ClientContexts(Mutex<Vec<(Trust, ClientContext)>>);

impl ClientContexts {
    /// No contexts.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The context for clients that trust this, if it was [kept](Self::keep).
    pub fn find(&self, trust: &Trust) -> Option<ClientContext> {
        let mut known = self.lock();
        let at = known.iter().position(|(it, _)| it == trust)?;
        known[..=at].rotate_right(1);
        Some(known[0].1.clone())
    }

    /// Makes a context and keeps it, in place of the one that was not used for longest if there are 16. Nothing is locked
    /// while `default` gives the roots for [`Trust::Default`].
    ///
    /// # Errors
    /// Those of `default`, of [`Roots::from_pem`] and of [`ClientContext::new`].
    pub fn make<E: From<ConfigError>>(
        &self,
        trust: Trust,
        default: impl FnOnce() -> Result<Roots, E>,
    ) -> Result<ClientContext, E> {
        let verification = match &trust {
            Trust::Full(pem) => Verification::Full(Roots::from_pem(pem.as_bytes())?),
            Trust::Default => Verification::Full(default()?),
            Trust::DangerousAnyName(pem) => {
                Verification::DangerousAnyName(Roots::from_pem(pem.as_bytes())?)
            }
            Trust::DangerousNone => Verification::DangerousNone,
        };
        let context = ClientContext::new(verification)?;
        let mut known = self.lock();
        known.truncate(KEPT - 1);
        known.insert(0, (trust, context.clone()));
        Ok(context)
    }

    /// Drops every context.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Trust, ClientContext)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_same(one: &ClientContext, other: &ClientContext) -> bool {
        use foreign_types::ForeignType;
        one.ssl.as_ptr() == other.ssl.as_ptr()
    }

    fn any_name(certificate: &str) -> Trust {
        Trust::DangerousAnyName(certificate.to_owned())
    }

    #[test]
    fn equal_trust_shares_a_context_and_the_least_used_is_dropped() {
        let contexts = ClientContexts::new();
        let no_default = || Err(ConfigError::NoHello);
        let authority = testkit::certificates::Authority::new("Test root").unwrap();
        let pem = String::from_utf8(authority.certificate_pem().unwrap()).unwrap();
        let made = contexts.make(Trust::DangerousNone, no_default).unwrap();
        let found = contexts.find(&Trust::DangerousNone).unwrap();
        assert!(is_same(&made, &found));
        assert!(contexts.find(&any_name(&pem)).is_none());
        let trusts: Vec<Trust> = (0..KEPT)
            .map(|number| any_name(&format!("{number}\n{pem}")))
            .collect();
        for trust in &trusts {
            assert!(contexts.find(&Trust::DangerousNone).is_some(), "in use");
            let made = contexts.make(trust.clone(), no_default).unwrap();
            assert!(is_same(&made, &contexts.find(trust).unwrap()));
        }
        assert!(contexts.find(&trusts[0]).is_none(), "not used for longest");
        assert!(contexts.find(&trusts[1]).is_some());
        contexts.clear();
        assert!(contexts.find(&Trust::DangerousNone).is_none());
    }

    #[test]
    fn what_cannot_be_made_is_not_kept() {
        let contexts = ClientContexts::new();
        let no_default = || Err(ConfigError::NoHello);
        let error = contexts.make(Trust::Default, no_default).err();
        assert_eq!(error, Some(ConfigError::NoHello));
        assert!(contexts.find(&Trust::Default).is_none());
        let trust = Trust::Full("no certificate".to_owned());
        let error = contexts.make(trust.clone(), no_default).err();
        assert!(matches!(error, Some(ConfigError::RootsUnreadable(_))));
        assert!(contexts.find(&trust).is_none());
    }
}
