//! What an authenticated client sends, and what it leaves out.

use std::time::{Duration, Instant};

use enet::{Kind, MAX_PACKET, MAX_QUEUED, MAX_WAITING_PACKETS, SendError};
use testkit::SeededRng;
use testkit::enet::{CHANNELS, Commands, FRAGMENT};

use crate::game::{Game, PEERS};
use crate::raw::Raw;

const MB: isize = 1 << 20;
/// What may be held beside: a thread keeps up to 2 MB of buffers for the next packets.
const SPARE: isize = 3 * MB;
/// ENet's bound of the bytes of packets that wait.
const MAX_WAITING_BYTES: isize = 32 * MB;

/// A game, and a hostile client that is a peer of its server.
fn game() -> (Game, Raw) {
    let mut game = Game::new();
    let raw = Raw::peer(&mut game.server, &mut game.clock);
    assert_eq!(game.other_peers().len(), 1);
    (game, raw)
}

#[test]
fn random_datagrams() {
    let (mut game, mut raw) = game();
    let mut rng = SeededRng::new(7);
    let held = game.play(200, |_, _| {
        for _ in 0..25 {
            let length = rng.index(200);
            raw.send_raw(&rng.bytes(length));
            raw.send(&Commands::random(&mut rng));
        }
        raw.forget_received();
    });
    assert!(held < 8 * MB, "{held}");
    assert!(game.others > 0, "no packet was among them");
    assert_eq!(game.other_peers().len(), 1);
    game.end();
}

#[test]
fn connects_with_ever_other_ids() {
    let (mut game, mut raw) = game();
    let mut id = 0;
    let held = game.play(200, |game, _| {
        for _ in 0..50 {
            id += 1;
            raw.send_unconnected(&Commands::connect(id, 0));
        }
        raw.forget_received();
        assert!(game.server.host.peers().count() < PEERS / 2);
    });
    assert!(held < SPARE, "{held}");
    // Others find a place.
    Raw::peer(&mut game.server, &mut game.clock);
    game.end();
}

#[test]
fn fragments_of_packets_that_are_never_completed_on_all_channels() {
    let (mut game, mut raw) = game();
    for (total, limit) in [
        // The first alone takes all that there is.
        (MAX_PACKET, MAX_WAITING_BYTES + MAX_PACKET.cast_signed()),
        (MAX_PACKET - 1, 2 * MAX_WAITING_BYTES),
        (100_000, MAX_WAITING_BYTES + 100_000),
        (FRAGMENT + 1, MAX_WAITING_BYTES),
    ] {
        let mut start = 0;
        let held = game.play(200, |_, tick| {
            for number in 0..8 {
                let channel = ((tick * 8 + number) % u32::from(CHANNELS)) as u8;
                start += u16::from(channel == 0);
                raw.send(&Commands::default().last_fragment(channel, start, total));
                raw.send(&Commands::default().last_unreliable_fragment(channel, 0, start, total));
            }
            raw.forget_received();
        });
        assert!(held < limit + SPARE, "{held} of {total}");
        assert_eq!(game.others, 0);
        // Its end frees all.
        raw.close();
        game.play(20, |_, _| {});
        let left = game.held();
        assert!(left < SPARE, "{left} of {total}");
        raw = Raw::peer(&mut game.server, &mut game.clock);
    }
    game.end();
}

#[test]
fn reliable_packets_with_a_gap_before_them() {
    let (mut game, mut raw) = game();
    let packet = [0; 30];
    let mut next = 0_u32;
    let held = game.play(200, |_, _| {
        for _ in 0..8 {
            let commands = Commands::full(|commands, _| {
                let channel = (next % u32::from(CHANNELS)) as u8;
                let number = 2 + (next / u32::from(CHANNELS)) as u16;
                next += 1;
                commands.reliable(channel, number, &packet)
            });
            raw.send(&commands);
        }
        raw.forget_received();
    });
    assert!(next as usize > 3 * MAX_WAITING_PACKETS);
    let most = MAX_WAITING_PACKETS * (packet.len() + 300);
    assert!(held < most.cast_signed(), "{held}");
    assert_eq!(game.others, 0);
    game.end();
}

#[test]
fn repetitions_of_the_oldest_packet_that_waits() {
    for command in [
        (|commands: Commands, number| commands.reliable(0, number, b""))
            as fn(Commands, u16) -> Commands,
        |commands, number| commands.unreliable(0, number, 0, b""),
        |commands, number| commands.last_fragment(0, number, FRAGMENT + 1),
    ] {
        let (mut game, mut raw) = game();
        let mut next = 2;
        game.play(500, |_, _| {
            let commands = Commands::full(|commands, _| {
                next += 1;
                command(commands, next)
            });
            raw.send(&commands);
            raw.forget_received();
        });
        let mut shortest = |number: u16| {
            let times = (0..10).map(|_| {
                for _ in 0..64 {
                    raw.send(&Commands::full(|commands, _| command(commands, number)));
                }
                let start = Instant::now();
                game.play(1, |_, _| {});
                start.elapsed()
            });
            times.min().unwrap()
        };
        // The newest one is found at once.
        let (newest, oldest) = (shortest(next), shortest(3));
        assert!(oldest < 10 * newest, "{newest:?}, {oldest:?}");
        game.end();
    }
}

#[test]
fn empty_packets() {
    let (mut game, mut raw) = game();
    let (mut number, mut group) = (0_u16, 0_u16);
    let held = game.play(200, |_, _| {
        for _ in 0..16 {
            raw.send(&Commands::full(|commands, _| {
                number += 1;
                commands.reliable(0, number, b"")
            }));
            raw.send(&Commands::full(|commands, at| {
                commands.unreliable(1, 0, number + at, b"")
            }));
            raw.send(&Commands::full(|commands, _| {
                group = group.wrapping_add(1);
                commands.unsequenced(2, group, b"")
            }));
        }
        number %= 40_000;
        raw.forget_received();
    });
    assert!(game.others > 30_000, "{} were taken", game.others);
    assert!(held < 8 * MB, "{held}");
    game.end();
}

#[test]
fn a_peer_that_acknowledges_nothing_of_what_is_broadcast() {
    let (mut game, raw) = game();
    let peer = game.other_peers()[0];
    let began = game.clock.0;
    let mut gone_after = None;
    let held = game.play(2500, |game, tick| {
        if tick % 10 == 0 {
            game.server.host.broadcast(0, &[0; 1000], Kind::Reliable);
        }
        if gone_after.is_none() && !game.other_peers().contains(&peer) {
            gone_after = Some(game.clock.0 - began);
        }
    });
    let gone_after = gone_after.expect("the peer is gone");
    assert!(gone_after >= Duration::from_secs(5), "{gone_after:?}");
    assert!(held < SPARE, "{held}");
    drop(raw);
    game.end();
    assert!(game.held() < SPARE, "{}", game.held());
}

#[test]
fn a_peer_that_acknowledges_what_was_not_sent() {
    let (mut game, mut raw) = game();
    let peer = game.other_peers()[0];
    let packet = vec![0; 100_000];
    let mut is_full = false;
    // Without acknowledgements it would be gone after five seconds; any keep it.
    let held = game.play(1500, |game, _| {
        for _ in 0..20 {
            let sent = game.server.host.send(peer, 0, &packet, Kind::Reliable);
            is_full |= sent == Err(SendError::QueueFull);
        }
        for _ in 0..10 {
            raw.send(&Commands::full(|commands, at| {
                commands.acknowledge(9, at, 0)
            }));
        }
        raw.forget_received();
    });
    assert!(is_full);
    assert_eq!(game.other_peers(), [peer]);
    assert!(held < MAX_QUEUED.cast_signed() + SPARE, "{held}");
    raw.close();
    game.end();
    assert!(game.held() < SPARE, "{}", game.held());
}

#[test]
fn a_peer_that_acknowledges_all_but_what_enet_itself_sends() {
    let (mut game, mut raw) = game();
    let peer = game.other_peers()[0];
    let mut pings = 0;
    let held = game.play(800, |game, _| {
        for _ in 0..20 {
            pings += i32::from(game.server.host.ping(peer).is_ok());
        }
        // They keep it.
        raw.send(&Commands::full(|commands, at| {
            commands.acknowledge(9, at, 0)
        }));
        raw.forget_received();
    });
    assert!(held < SPARE + MB, "{held}");
    assert_eq!(game.other_peers(), []);
    assert!((4096..10_000).contains(&pings), "{pings}");
    assert!(raw.is_closed());
    game.end();
    assert!(game.held() < SPARE, "{}", game.held());
}

#[test]
fn pings_and_settings_without_end() {
    let (mut game, mut raw) = game();
    let mut rng = SeededRng::new(9);
    let held = game.play(300, |_, _| {
        for _ in 0..10 {
            raw.send(&Commands::full(|commands, at| commands.ping(at)));
            raw.send(&Commands::full(|commands, at| {
                let [incoming, outgoing] = [(); 2].map(|()| rng.below(1 << 32) as u32);
                commands.bandwidth_limit(at, incoming, outgoing)
            }));
            raw.send(&Commands::full(|commands, at| {
                let fields = [(); 3].map(|()| rng.below(1 << 32) as u32);
                commands.configure_throttle(at, fields)
            }));
        }
        raw.forget_received();
    });
    assert!(held < SPARE + MB, "{held}");
    game.end();
    assert!(game.held() < SPARE, "{}", game.held());
}

#[test]
fn disconnects_and_connects_in_a_loop() {
    let (mut game, mut raw) = game();
    let mut connected = 0;
    let held = game.play(600, |game, tick| {
        raw.poll();
        if raw.is_peer() {
            connected += 1;
            // Each second one says nothing.
            match tick % 2 {
                0 => raw.send(&Commands::default().disconnect()),
                _ => raw.close(),
            }
            raw = Raw::begin(&game.server, &game.clock);
        } else if raw.is_connected() && tick % 3 == 0 {
            raw.send_unconnected(&Commands::connect(tick, 0));
        }
        assert!(game.other_peers().len() < PEERS / 2);
    });
    assert!(connected > 40, "{connected}");
    assert!(held < SPARE, "{held}");
    game.play(100, |_, _| raw.poll());
    raw.close();
    game.end();
    assert_eq!((game.other_peers().len(), game.other_sessions()), (0, 0));
    assert!(game.held() < SPARE, "{}", game.held());
}
