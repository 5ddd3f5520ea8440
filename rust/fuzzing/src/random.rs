//! OpenSSL's random numbers in a run: the same in every run.
//!
//! Client and server draw from streams of their own, so that one side's bytes do not depend on the other's.

use std::cell::{Cell, RefCell};

use testkit::{SeededRng, openssl_rng};

/// Which side draws.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stream {
    Client = 0,
    Server = 1,
}

const STARTS: [SeededRng; 2] = [
    SeededRng::new(0x9e37_79b9_7f4a_7c15),
    SeededRng::new(0xd1b5_4a32_d192_ed03),
];

thread_local! {
    /// The streams as they were left; the current one's generator is OpenSSL's.
    static STREAMS: RefCell<[SeededRng; 2]> = const { RefCell::new(STARTS) };
    static CURRENT: Cell<Stream> = const { Cell::new(Stream::Client) };
}

/// Starts both streams from the beginning on this thread, and selects the client's.
pub(crate) fn restart() {
    STREAMS.set(STARTS);
    CURRENT.set(Stream::Client);
    let [client, _] = STARTS;
    openssl_rng::replace(Some(client));
}

/// Makes OpenSSL draw from that stream on this thread.
pub(crate) fn select(stream: Stream) {
    let before = CURRENT.replace(stream);
    if before == stream {
        return;
    }
    STREAMS.with_borrow_mut(|streams| {
        if let Some(left) = openssl_rng::replace(Some(streams[stream as usize].clone())) {
            streams[before as usize] = left;
        }
    });
}
