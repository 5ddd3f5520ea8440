//! A client's session, fed datagrams.

use crate::sides::{Side, Time};
use crate::steps::Bytes;

pub(crate) fn run(input: &[u8]) {
    talk(input);
}

/// The packets that the client took.
pub(crate) fn talk(input: &[u8]) -> Vec<Vec<u8>> {
    let mut time = Time::begin();
    let mut side = Side::client(time);
    assert!(!side.datagrams().is_empty(), "a client speaks first");
    super::walk(&mut side, &mut time, &mut Bytes(input))
}
