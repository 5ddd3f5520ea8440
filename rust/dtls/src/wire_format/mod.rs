//! Records and messages as they are on the wire.

pub(crate) mod hello;
pub(crate) mod reader;
pub(crate) mod record;
