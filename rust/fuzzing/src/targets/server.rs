//! A server's session, fed datagrams.

use crate::sides::{self, Side};
use crate::steps::{Bytes, Step};

pub(crate) fn run(input: &[u8]) {
    run_input(input);
}

/// The packets that the server took.
pub(crate) fn run_input(input: &[u8]) -> Vec<Vec<u8>> {
    let mut clock = sides::begin_run();
    let mut side = Side::server(clock);
    let mut input = Bytes(input);
    if input.byte() % 2 == 1
        && let Some(Step::Datagram(hello)) = Step::read(&mut input)
    {
        // A session is made of what the jar calls verified, and that begins as a hello.
        side.handle(hello, clock);
        if !side.datagrams().is_empty() && !side.has_session() {
            side.begin_with(hello, clock);
        }
    }
    super::walk(&mut side, &mut clock, &mut input)
}
