//! How a client verifies the server's certificate: the name that it must be for, and the reason if it is not accepted.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use openssl::ssl::{Ssl, SslVerifyMode};
use openssl::x509::X509VerifyResult;
use openssl::x509::verify::X509CheckFlags;

use crate::config::certificate_names::is_for_written_address;
use crate::config::error::ConfigError;
use crate::failure::certificate::{CertificateFailure, is_address_mismatch};

/// The certificate that OpenSSL's verification did not accept. Shared with the callback, which lives in the `SSL`.
#[derive(Clone, Default)]
pub(crate) struct Rejected(Arc<Mutex<Option<CertificateFailure>>>);

impl Rejected {
    /// Takes the first failure since the last call.
    pub(crate) fn take(&self) -> Option<CertificateFailure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn record(&self, failure: impl FnOnce() -> CertificateFailure) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(failure);
    }
}

/// Requires the server's certificate to be for this host name or IP address (RFC 6125).
pub(crate) fn expect_name(ssl: &mut Ssl, name: &str) -> Result<(), ConfigError> {
    if name.is_empty() {
        return Err(ConfigError::NameMissing);
    }
    if name.contains('\0') {
        return Err(ConfigError::NameInvalid(name.escape_debug().to_string()));
    }
    let param = ssl.param_mut();
    param.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
    let set = match name.parse::<IpAddr>() {
        Ok(ip) => param.set_ip(ip),
        Err(_) => param.set_host(name).and_then(|()| ssl.set_hostname(name)),
    };
    set.map_err(|_| ConfigError::NameInvalid(name.escape_debug().to_string()))
}

/// Makes OpenSSL's verification record the certificate that it does not accept, and accept an address that the
/// certificate has as text.
pub(crate) fn record_rejection(ssl: &mut Ssl, rejected: &Rejected, expected_name: Option<String>) {
    let rejected = rejected.clone();
    let address: Option<IpAddr> = expected_name.as_ref().and_then(|name| name.parse().ok());
    ssl.set_verify_callback(SslVerifyMode::PEER, move |accepted, context| {
        if accepted {
            return true;
        }
        // OpenSSL calls this once for each error and stops at the first that is not accepted. The rest of the
        // verification, signatures and dates included, comes after this error and still counts.
        if is_address_mismatch(context.error())
            && context.error_depth() == 0
            && address.is_some_and(|address| is_for_written_address(context, address))
        {
            context.set_error(X509VerifyResult::OK);
            return true;
        }
        rejected.record(|| CertificateFailure::new(context, expected_name.clone()));
        false
    });
}
