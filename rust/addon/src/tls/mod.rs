//! From options, keys and certificates as scripts have them to the contexts of `dtls`.

pub(crate) mod contexts;
pub(crate) mod options;
pub(crate) mod pem;
mod roots;
