//! What the fuzzers call: one function for each part that reads bytes of others.
//!
//! Each accepts any bytes, runs the part on them, and asserts the part's guarantees. The fuzzers in `fuzz/` and the short
//! fuzz in the tests (`short_fuzz`) call the same functions. Time is simulated and OpenSSL's random numbers are ours here, so the
//! same bytes do the same thing each time and a captured handshake can be replayed: never link this into a product.

mod credentials;
mod held;
pub mod mutate;
mod packets;
mod random;
pub mod seeds;
mod sides;
mod steps;
mod targets;
#[cfg(test)]
mod tests;

/// A part under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Also the name of its fuzzer and of its folder of seeds.
    pub name: &'static str,
    /// Runs the part on these bytes; panics if a guarantee is broken.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "hello",
        run: targets::hello::run,
    },
    Target {
        name: "server",
        run: targets::server::run,
    },
    Target {
        name: "client",
        run: targets::client::run,
    },
    Target {
        name: "network",
        run: targets::network::run,
    },
    Target {
        name: "endpoint",
        run: targets::endpoint::run,
    },
    Target {
        name: "enet",
        run: targets::enet::run,
    },
    Target {
        name: "renamer",
        run: targets::renamer::run,
    },
    Target {
        name: "pem",
        run: targets::pem::run,
    },
];

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}

/// Runs the target of that name on these bytes.
///
/// # Panics
/// If there is no such target, or if a guarantee is broken.
pub fn run(name: &str, input: &[u8]) {
    let target = target(name).expect("a target of that name");
    (target.run)(input);
}
