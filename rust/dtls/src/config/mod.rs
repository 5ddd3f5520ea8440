//! Contexts: key, certificates, trust, and the settings of sessions.

pub(crate) mod certificate_names;
pub(crate) mod client_contexts;
pub(crate) mod context;
pub(crate) mod error;
pub(crate) mod identity;
pub(crate) mod padded_serial;
pub(crate) mod pem;
pub mod pem_text;
pub(crate) mod policy;
pub(crate) mod self_test;
pub(crate) mod settings;
pub(crate) mod trust;
