//! Handshakes and packets on networks that lose nearly every third datagram, one network for each
//! seed.
//!
//! `DTLS_SEEDS=20000` runs so many seeds instead of 1,000; `DTLS_SEED=17` runs that one alone.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use dtls::{ClientContext, HANDSHAKE_LIMIT, Identity, ServerContext, Settings};
use testkit::certificates::{KeyKind, Leaf};
use testkit::{Faults, SeededRng, To, openssl_rng};

use crate::clock;
use crate::simulation::{self, SERVER_NAME, Simulation, authority, client_context, taken};

const SEEDS: u64 = 1000;

/// Keys and certificates as PEM, from 500 bytes to a chain of 10,000, made once and the same in
/// every run.
static SERVERS: LazyLock<Vec<(Vec<u8>, Vec<u8>)>> = LazyLock::new(|| {
    let ecdsa = Leaf {
        key: KeyKind::P256,
        ..Leaf::localhost()
    };
    let make = || {
        let intermediate = authority().intermediate("Test intermediate").unwrap();
        [
            authority().issue(&ecdsa),
            authority().issue(&Leaf::localhost()),
            intermediate.issue(&ecdsa),
            authority().issue_with_big_chain(&ecdsa),
            authority().issue_with_big_chain(&Leaf::localhost()),
        ]
    };
    let pem = |identity: testkit::certificates::Result<testkit::certificates::Identity>| {
        let identity = identity.unwrap();
        (identity.key_pem().unwrap(), identity.chain_pem().unwrap())
    };
    // All in one place, so that no thread's earlier work shows in them.
    let _ = authority();
    clock::set(clock::BEGINNING);
    openssl_rng::with_seed(2, make)
        .into_iter()
        .map(pem)
        .collect()
});
static CLIENT: LazyLock<ClientContext> = LazyLock::new(client_context);

/// What is made once is made before the first seed, with randomness of its own: the certificates, and
/// what OpenSSL draws when it is first used.
static READY: LazyLock<()> = LazyLock::new(|| {
    openssl_rng::with_seed(3, || {
        for which in 0..5 {
            simulation::start_with(&server(which), &CLIENT, SERVER_NAME).run_until_connected();
        }
    });
});

/// Read anew each time: a key in use remembers what hides its work from onlookers.
fn server(which: u64) -> ServerContext {
    let (key, chain) = &SERVERS[which as usize % SERVERS.len()];
    ServerContext::new(&Identity::from_pem(key, chain, None).unwrap()).unwrap()
}

/// A network, two settings and a certificate, all drawn from the seed.
fn simulation(seed: u64) -> Simulation {
    // Other numbers than those of the network and of OpenSSL.
    let mut rng = SeededRng::from_seeds(&[seed, 1]);
    let mut settings = || {
        let mtu = rng.within(256..=1500) as usize;
        Settings::default().max_datagram(mtu).unwrap()
    };
    let (of_client, of_server) = (settings(), settings());
    let server = server(rng.next_u64());
    let mut simulation = simulation::start_with(
        &server.with_settings(of_server),
        &CLIENT.clone().with_settings(of_client),
        SERVER_NAME,
    );
    simulation.set_seed(SeededRng::from_seeds(&[seed, 2]).next_u64());
    let mut percent = |end| rng.below(end) as f64 / 100.0;
    simulation.faults = Faults {
        loss: 0.3,
        duplication: percent(30),
        reordering: percent(60),
        // 10 per mille at most.
        corruption: percent(11) / 10.0,
        ..Faults::default()
    };
    simulation
}

const PACKETS: u64 = 40;

/// What one side sends as its packet of that number.
fn packet(from: To, number: u64) -> Vec<u8> {
    let length = 9 + number.wrapping_mul(997) % 1200;
    let mut packet = vec![from as u8];
    packet.extend(number.to_be_bytes());
    packet.extend((9..length).map(|at| (at ^ number) as u8));
    packet
}

/// Packets arrive as they were sent or not at all, none twice.
fn exchange(simulation: &mut Simulation) -> Result<u64, String> {
    let mut arrived = [[0; PACKETS as usize]; 2];
    for number in 0..PACKETS {
        let sent = (
            simulation.client.send(&packet(To::Client, number)),
            simulation
                .server
                .session()
                .send(&packet(To::Server, number)),
        );
        if sent != (Ok(()), Ok(())) {
            return Err(format!("packet {number}: {sent:?}"));
        }
        simulation.run(Duration::from_millis(16), |_| false);
        if number + 1 == PACKETS {
            simulation.settle();
        }
        let packets = [
            (To::Server, taken(&mut simulation.client)),
            (To::Client, taken(simulation.server.session())),
        ];
        for (from, packets) in packets {
            for got in packets {
                let number = got.get(1..9).map(|bytes| {
                    bytes
                        .iter()
                        .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
                });
                let expected =
                    number.filter(|&number| number < PACKETS && got == packet(from, number));
                let number = expected.ok_or_else(|| format!("altered: {got:?}"))?;
                arrived[from as usize][number as usize] += 1;
            }
        }
    }
    let counts = arrived.iter().flatten();
    match counts.clone().any(|&times: &u64| times > 1) {
        true => Err("a packet arrived twice".to_owned()),
        false => Ok(counts.sum()),
    }
}

/// Runs every seed on all processors; gives what each one gave, in order.
fn for_each_seed<T: Send>(seeds: Range<u64>, run: impl Fn(u64) -> T + Sync) -> Vec<(u64, T)> {
    let next = AtomicU64::new(seeds.start);
    let all = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let result = run(seed);
                    all.lock().unwrap().push((seed, result));
                }
            });
        }
    });
    let mut all = all.into_inner().unwrap();
    all.sort_by_key(|&(seed, _)| seed);
    all
}

fn seeds() -> Range<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    match number("DTLS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + number("DTLS_SEEDS").unwrap_or(SEEDS),
    }
}

#[test]
fn every_handshake_completes_and_packets_arrive_unaltered_once_or_not_at_all() {
    LazyLock::force(&READY);
    let results = for_each_seed(seeds(), |seed| {
        openssl_rng::with_seed(seed, || {
            let mut simulation = simulation(seed);
            let time = simulation.connect(HANDSHAKE_LIMIT)?;
            Ok((time, exchange(&mut simulation)?))
        })
    });
    let of: Vec<&Result<(Duration, u64), String>> =
        results.iter().map(|(_, result)| result).collect();
    let mut times: Vec<Duration> = of
        .iter()
        .flat_map(|result| result.as_ref().map(|(time, _)| *time))
        .collect();
    let arrived: u64 = of
        .iter()
        .flat_map(|result| result.as_ref().map(|(_, arrived)| *arrived))
        .sum();
    times.sort();
    let at = |share: f64| {
        times
            .get((share * times.len() as f64) as usize)
            .or(times.last())
    };
    println!(
        "{} of {} seeds; median {:?}, 99 % {:?}, 99.9 % {:?}, longest {:?}; {arrived} packets arrived",
        times.len(),
        results.len(),
        at(0.5),
        at(0.99),
        at(0.999),
        times.last(),
    );
    let failed: Vec<String> = results
        .iter()
        .filter_map(|(seed, result)| Some(format!("DTLS_SEED={seed}: {}", result.as_ref().err()?)))
        .collect();
    assert!(
        failed.is_empty(),
        "{} failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// Otherwise a seed that is printed would be of no use.
#[test]
fn a_seed_gives_the_same_datagrams_every_time() {
    LazyLock::force(&READY);
    let run = |seed| {
        openssl_rng::with_seed(seed, || {
            let mut simulation = simulation(seed);
            simulation.connect(HANDSHAKE_LIMIT).unwrap();
            exchange(&mut simulation).unwrap();
            simulation.sent
        })
    };
    for seed in 1..=10 {
        assert!(run(seed) == run(seed), "seed {seed}");
    }
    assert!(run(1) != run(2));
}
