//! A client's session, fed datagrams.

use crate::sides::{self, Side};
use crate::steps::Bytes;

pub(crate) fn run(input: &[u8]) {
    talk(input);
}

/// The packets that the client took.
pub(crate) fn talk(input: &[u8]) -> Vec<Vec<u8>> {
    let mut clock = sides::begin_run();
    let mut side = Side::client(clock);
    assert!(!side.datagrams().is_empty(), "a client speaks first");
    super::walk(&mut side, &mut clock, &mut Bytes(input))
}
