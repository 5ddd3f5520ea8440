//! Sessions that speak no ENet.

use std::time::Duration;

use testkit::enet::Commands;

use crate::game::Game;
use crate::raw::Raw;

/// How many sessions a server keeps that have no peer.
const MAX_WITHOUT_PEER: usize = 256;
/// Ticks in a second.
const SECOND: u32 = 200;

#[test]
fn sessions_without_a_peer_are_bounded_and_end() {
    let mut game = Game::new();
    let mut all: Vec<Raw> = Vec::new();
    begin(&mut game, &mut all, 150);
    // They are looked for once a second.
    game.play(2 * SECOND, |_, _| {});
    begin(&mut game, &mut all, MAX_WITHOUT_PEER + 100);
    game.play(2 * SECOND, |_, _| {});
    assert_eq!(game.other_sessions(), MAX_WITHOUT_PEER);
    for raw in &mut all {
        raw.poll();
    }
    // The oldest ones were closed, and say so.
    let closed = |raws: &[Raw]| raws.iter().filter(|it| it.is_closed()).count();
    let (older, newer) = all.split_at(150);
    assert_eq!((closed(older), closed(newer)), (100, 0));
    // What they send that is no connect does not keep them.
    game.play(11 * SECOND, |_, tick| {
        if tick % 50 == 0 {
            for raw in &all {
                raw.send(&Commands::default().ping(1));
            }
        }
    });
    assert_eq!(game.other_sessions(), 0);
    assert_eq!(game.other_peers(), []);
    drop(all);
    game.end();
}

/// Makes sessions until there are so many.
fn begin(game: &mut Game, all: &mut Vec<Raw>, count: usize) {
    // Handshakes take the system's time, and must not take all that sessions have.
    let tick = std::mem::replace(&mut game.tick, Duration::from_micros(200));
    loop {
        let is_unfinished = |raw: &&mut Raw| !raw.is_connected() && !raw.is_closed();
        let unfinished = all.iter_mut().filter(is_unfinished);
        let unfinished = unfinished.map(|raw| raw.poll()).count();
        if all.len() < count && unfinished < 20 {
            all.push(Raw::begin(&game.server, &game.clock));
        } else if unfinished == 0 {
            break;
        }
        let held = game.play(1, |_, _| {});
        assert!(held < 8 << 20, "{held}");
    }
    game.tick = tick;
}
