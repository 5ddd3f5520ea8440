//! A client's session, fed datagrams.

use crate::sides::{self, Side};
use crate::steps::Bytes;

pub(crate) fn run(input: &[u8]) {
    run_input(input);
}

/// The packets that the client took.
pub(crate) fn run_input(input: &[u8]) -> Vec<Vec<u8>> {
    let mut clock = sides::begin_run();
    let mut side = Side::client(clock);
    assert!(!side.datagrams().is_empty(), "a client sends first");
    super::walk(&mut side, &mut clock, &mut Bytes(input))
}
