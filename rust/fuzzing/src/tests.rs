//! That the targets reach what they are for.

use std::fs;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::time::Duration;

#[cfg(unix)]
use crate::sides::{self, Side};
use crate::targets::{client, endpoint, server};
use crate::{TARGETS, seeds};

const STALE: &str =
    "the seeds are of other sessions than these: cargo run -p fuzzing --bin make_seeds";

fn seeds_of(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(target)
}

#[test]
fn captured_datagrams_still_lead_through_a_whole_session() {
    for (target, run_input) in [
        ("server", server::run_input as fn(&[u8]) -> Vec<Vec<u8>>),
        ("client", client::run_input),
    ] {
        for (name, packets) in [("whole", 3), ("doubled", 3), ("talks_and_closes", 3)] {
            let input = fs::read(seeds_of(target).join(name)).unwrap();
            let lengths: Vec<usize> = run_input(&input).iter().map(Vec::len).collect();
            assert_eq!(lengths.len(), packets, "{target}/{name}: {STALE}");
            assert_eq!(lengths, [2, 60, 1000], "{target}/{name}: {STALE}");
        }
    }
}

/// So that what the fuzzer changes of them is near a session, too.
#[test]
fn hellos_in_fragments_and_with_more_behind_them_lead_through_a_whole_session() {
    for name in [
        "second_in_fragments",
        "first_in_fragments",
        "both_in_fragments",
        "fragments_in_disorder",
        "fragments_doubled",
        "fragments_in_one_datagram",
        "records_behind_the_hello",
        "records_behind_a_fragment",
        "all_behind_the_hello",
    ] {
        let input = fs::read(seeds_of("server").join(name)).unwrap();
        let lengths: Vec<usize> = server::run_input(&input).iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 60, 1000], "{name}: {STALE}");
    }
}

#[test]
fn captured_datagrams_lead_a_server_through_a_restart_of_its_client() {
    let input = fs::read(seeds_of("server").join("restarted")).unwrap();
    let lengths: Vec<usize> = server::run_input(&input).iter().map(Vec::len).collect();
    assert_eq!(lengths, [60, 1000], "{STALE}");
}

#[test]
fn clients_connect_and_restart_at_an_endpoint_and_exchange_packets() {
    let expected = [
        ("quiet", 6),
        ("lost", 6),
        ("disturbed", 6),
        ("forged", 12),
        ("replayed", 12),
        ("injected", 6),
        ("restarted", 12),
        ("closed", 8),
    ];
    let taken = expected.map(|(name, _)| {
        let input = fs::read(seeds_of("endpoint").join(name)).unwrap();
        (name, endpoint::run_input(&input))
    });
    assert_eq!(taken, expected, "packets");
}

#[test]
fn the_seeds_of_sessions_are_what_the_program_makes() {
    let made = seeds::make().unwrap();
    for (target, name, bytes) in made.iter().filter(|(target, ..)| *target != "pem") {
        let committed = fs::read(seeds_of(target).join(name)).unwrap();
        assert!(committed == *bytes, "{target}/{name}: {STALE}");
    }
}

#[test]
fn no_seed_breaks_a_promise_and_every_target_has_some() {
    for target in TARGETS {
        let folder = fs::read_dir(seeds_of(target.name)).unwrap();
        let mut count = 0;
        for entry in folder {
            (target.run)(&fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 2, "{}", target.name);
    }
}

#[test]
fn time_is_simulated() {
    let mut clock = sides::begin_run();
    let mut client = Side::client(clock);
    assert_eq!(client.datagrams().len(), 1);
    client.handle_timeouts(clock);
    assert!(client.datagrams().is_empty());
    clock.advance(Duration::from_secs(2));
    client.handle_timeouts(clock);
    assert_eq!(client.datagrams().len(), 1, "the hello is sent again");
}

#[test]
fn every_target_has_its_fuzzer() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        let name = target.name;
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        let program = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("run(\"{name}\"")), "{name}");
    }
}
