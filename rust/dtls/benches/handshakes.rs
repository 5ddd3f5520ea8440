//! `cargo bench -p dtls --bench handshakes`: full handshakes, both ends in one thread, through sessions and a cookie jar
//! and through a bare libssl that exchanges the same flights.

use divan::Bencher;
use testkit::certificates::KeyKind;

use support::Simulation;
use support::bare::{Contexts, Memory};

#[allow(unreachable_pub, dead_code, reason = "shared by several benches")]
mod support;

fn main() {
    divan::main();
}

const KEYS: [KeyKind; 2] = [KeyKind::Rsa2048, KeyKind::P256];

#[divan::bench(args = KEYS, min_time = 3)]
fn session(bencher: Bencher<'_, '_>, key: KeyKind) {
    let mut simulation = Simulation::new(key);
    bencher.bench_local(|| simulation.connect());
}

#[divan::bench(args = KEYS, min_time = 3)]
fn libssl(bencher: Bencher<'_, '_>, key: KeyKind) {
    let contexts = Contexts::new(key);
    bencher.bench_local(|| {
        let (client, server) = Memory::pair();
        contexts.connect(client, server)
    });
}
