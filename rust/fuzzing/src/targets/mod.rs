pub(crate) mod client;
pub(crate) mod endpoint;
pub(crate) mod enet;
pub(crate) mod hello;
pub(crate) mod network;
pub(crate) mod pem;
pub(crate) mod renamer;
pub(crate) mod server;

use std::time::Duration;

use testkit::Clock;

use crate::sides::Side;
use crate::steps::{Bytes, Step};

/// Steps beyond this many only take time.
const MOST_STEPS: usize = 400;

/// Lets one side go through the steps; returns what it took.
fn walk(side: &mut Side, clock: &mut Clock, input: &mut Bytes<'_>) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    for _ in 0..MOST_STEPS {
        let Some(step) = Step::read(input) else {
            break;
        };
        match step {
            Step::Datagram(datagram) => side.handle(datagram, *clock),
            Step::Wait(by) => {
                clock.advance(by);
                side.handle_timeouts(*clock);
            }
            Step::Send(length) => {
                side.send(&vec![b'x'; length]);
            }
            Step::Take => taken.extend(std::iter::from_fn(|| side.next_packet())),
            Step::Close => side.close(),
        }
        side.datagrams();
    }
    // Every handshake has ended by then.
    clock.advance(Duration::from_secs(61));
    side.handle_timeouts(*clock);
    assert_ne!(side.status(), Some(dtls::Status::Handshaking));
    taken
}
