//! From options, keys and certificates as scripts have them to the contexts of `dtls`.

pub(crate) mod contexts;
pub(crate) mod credential;
pub(crate) mod options;
