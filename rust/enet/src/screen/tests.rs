//! Datagrams of one peer, checked.

use super::*;

const MTU: u32 = 128;
const SIZE: usize = MTU as usize - FRAGMENT_OVERHEAD;

fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 1))
}

/// A screen with a peer at slot 0 that connected, and one more slot.
fn screen() -> Screen {
    let mut screen = Screen::new(2, Instant::now());
    screen.note_sent(peer(), &verify_connect(0, 8));
    assert_eq!(screen.channels(0), 8);
    screen
}

fn verify_connect(slot: u16, channels: u32) -> Vec<u8> {
    let mut datagram = vec![0x80, 7, 0, 0, 0x83, 0xff, 0, 1];
    datagram.extend(slot.to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(MTU.to_be_bytes());
    datagram.extend(0_u32.to_be_bytes());
    datagram.extend(channels.to_be_bytes());
    datagram.resize(4 + 44, 0);
    datagram
}

fn connect() -> Vec<u8> {
    let mut datagram = vec![0x0f, 0xff, 0x82, 0xff, 0, 1, 0, 9];
    datagram.resize(2 + 48, 0);
    datagram
}

fn check(screen: &mut Screen, commands: &[Vec<u8>]) -> Verdict {
    let mut datagram = vec![0x80, 0, 0, 0];
    datagram.extend(commands.iter().flatten());
    screen.check(peer(), &mut datagram)
}

fn reliable(channel: u8, number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    vec![0x86, channel, high, low, 0, 0]
}

fn fragment(length: usize, count: u32, number: u32, total: u32, offset: u32) -> Vec<u8> {
    let mut command = vec![0x88, 0, 0, 1, 0, 1];
    command.extend((length as u16).to_be_bytes());
    for field in [count, number, total, offset] {
        command.extend(field.to_be_bytes());
    }
    command.resize(command.len() + length, 7);
    command
}

#[test]
fn fragments_must_tile_their_packet() {
    let size = SIZE as u32;
    let total = 2 * size + 10;
    for piece in [
        fragment(SIZE, 3, 0, total, 0),
        fragment(SIZE, 3, 1, total, size),
        fragment(10, 3, 2, total, 2 * size),
    ] {
        assert_eq!(check(&mut screen(), &[piece]), Verdict::Pass);
    }
    for (what, piece) in [
        ("overlaps", fragment(SIZE, 3, 1, total, 0)),
        ("is short", fragment(1, 3, 0, total, 0)),
        ("is empty", fragment(0, 3, 2, total, 2 * size)),
        ("has a smaller last one", fragment(9, 3, 2, total, 2 * size)),
        ("is of too few", fragment(SIZE, 2, 0, total, 0)),
        ("is of too many", fragment(SIZE, 4, 0, total, 0)),
        ("is behind the last", fragment(10, 3, 3, total, 3 * size)),
        ("is all of it", fragment(10, 1, 0, 10, 0)),
        ("is of none", fragment(10, 0, 0, total, 0)),
        (
            "overflows",
            fragment(10, u32::MAX, u32::MAX - 1, u32::MAX, u32::MAX - 9),
        ),
    ] {
        assert_eq!(check(&mut screen(), &[piece]), Verdict::Drop, "{what}");
    }
}

#[test]
fn a_datagram_that_is_not_complete_is_dropped() {
    let mut screen = screen();
    for datagram in [
        &[][..],
        &[0],
        // The flag for a time, and no time. ENet computes a length from it.
        &[0x80, 0],
        &[0xc0, 0, 1],
        &[0, 0, 0x06, 0, 0, 1, 0, 1],
        &[0, 0, 0x06, 0, 0],
        &[0, 0, 0],
        &[0, 0, 0x0d, 0, 0, 0],
    ] {
        let verdict = screen.check(peer(), &mut datagram.to_vec());
        assert_eq!(verdict, Verdict::Drop, "{datagram:?}");
    }
    let ping = vec![0x85, 0xff, 0, 1];
    assert_eq!(check(&mut screen, &vec![ping.clone(); 32]), Verdict::Pass);
    assert_eq!(check(&mut screen, &vec![ping; 33]), Verdict::Drop);
    assert_eq!(check(&mut screen, &[]), Verdict::Pass);
}

#[test]
fn what_is_to_be_acknowledged_says_when_it_was_sent() {
    let mut screen = screen();
    let [disconnect, unsequenced] = [0x84, 0x44].map(|it| [0, 0, it, 0xff, 0, 1, 0, 0, 0, 0]);
    let mut check = |datagram: &[u8]| screen.check(peer(), &mut datagram.to_vec());
    assert_eq!(check(&disconnect), Verdict::Drop);
    assert_eq!(check(&unsequenced), Verdict::Pass);
    let with_time = [&[0x80, 0, 0, 0][..], &disconnect[2..]].concat();
    assert_eq!(check(&with_time), Verdict::Pass);
}

#[test]
fn a_connect_is_not_acknowledged_before_it_is_answered() {
    let acknowledge = vec![0x01, 0xff, 0, 1, 0, 1, 0, 0];
    let mut screen = Screen::new(1, Instant::now());
    screen.connect(0, peer(), 8);
    let acknowledges = [acknowledge];
    assert_eq!(check(&mut screen, &acknowledges), Verdict::Drop);
    assert_eq!(
        screen.check(peer(), &mut verify_connect(0, 8)[..]),
        Verdict::Drop
    );
    let mut answer = verify_connect(0, 8);
    answer[1] = 0;
    assert_eq!(screen.check(peer(), &mut answer), Verdict::Pass);
    assert_eq!(check(&mut screen, &acknowledges), Verdict::Pass);
}

#[test]
fn others_cannot_send_in_a_peers_name() {
    let mut screen = screen();
    let other = SocketAddr::from(([192, 0, 2, 2], 1));
    let mut datagram = vec![0, 0, 0x05, 0xff, 0, 1];
    assert_eq!(screen.check(peer(), &mut datagram), Verdict::Pass);
    assert_eq!(screen.check(other, &mut datagram), Verdict::Drop);
    datagram[1] = 1;
    assert_eq!(screen.check(peer(), &mut datagram), Verdict::Drop);
    assert_eq!(screen.remove(0), Some(peer()));
    datagram[1] = 0;
    assert_eq!(screen.check(peer(), &mut datagram), Verdict::Drop);
}

#[test]
fn a_full_host_refuses_others_and_answers_its_peers_again() {
    let mut screen = screen();
    let other = SocketAddr::from(([192, 0, 2, 2], 1));
    let third = SocketAddr::from(([192, 0, 2, 3], 1));
    screen.begin(Instant::now());
    assert_eq!(screen.check(other, &mut connect()), Verdict::Pass);
    screen.note_sent(other, &verify_connect(1, 1));
    assert_eq!(
        screen.check(third, &mut connect()),
        Verdict::Refuse { peer: 9 }
    );
    assert_eq!(screen.check(other, &mut connect()), Verdict::Pass);
    assert_eq!(screen.check(peer(), &mut connect()), Verdict::Pass);
    let mut two = connect();
    two.extend([0x85, 0xff, 0, 1]);
    assert_eq!(screen.check(peer(), &mut two), Verdict::Drop);
    screen.remove(1);
    assert_eq!(screen.check(third, &mut connect()), Verdict::Pass);
}

#[test]
fn a_session_has_two_peers_at_most() {
    let mut screen = Screen::new(4, Instant::now());
    screen.begin(Instant::now());
    for _ in 0..3 {
        assert_eq!(screen.check(peer(), &mut connect()), Verdict::Pass);
    }
    screen.bound_sessions();
    screen.begin(Instant::now());
    for verdict in [Verdict::Pass, Verdict::Pass, Verdict::Drop] {
        assert_eq!(screen.check(peer(), &mut connect()), verdict);
    }
    screen.note_sent(peer(), &verify_connect(0, 1));
    screen.note_sent(peer(), &verify_connect(1, 1));
    screen.begin(Instant::now());
    assert_eq!(screen.check(peer(), &mut connect()), Verdict::Drop);
    let other = SocketAddr::from(([192, 0, 2, 2], 1));
    assert_eq!(screen.check(other, &mut connect()), Verdict::Pass);
    screen.remove(0);
    assert_eq!(screen.check(peer(), &mut connect()), Verdict::Pass);
}

#[test]
fn empty_packets_that_wait_are_bounded_and_the_next_one_still_passes() {
    let mut screen = screen();
    let mut passed = 0;
    for number in 2..20_000_u16 {
        passed += usize::from(check(&mut screen, &[reliable(0, number)]) == Verdict::Pass);
    }
    assert_eq!(passed, MAX_WAITING_PACKETS);
    assert_eq!(check(&mut screen, &[reliable(1, 2)]), Verdict::Drop);
    assert_eq!(
        check(&mut screen, &[reliable(0, 2)]),
        Verdict::Pass,
        "ENet has it"
    );
    assert_eq!(
        check(&mut screen, &[reliable(0, 1)]),
        Verdict::Pass,
        "the next one"
    );
    assert_eq!(check(&mut screen, &[reliable(0, 19_999)]), Verdict::Drop);
    for _ in 0..=MAX_WAITING_PACKETS {
        screen.delivered(0, 0, 0);
    }
    assert_eq!(screen.slot(0).unwrap().waiting.packets, 0);
    assert_eq!(check(&mut screen, &[reliable(1, 2)]), Verdict::Pass);
}

#[test]
fn a_packet_of_fragments_counts_as_many_numbers() {
    let mut screen = screen();
    assert_eq!(check(&mut screen, &[reliable(0, 4)]), Verdict::Pass);
    screen.delivered(0, 0, 2 * SIZE + 10);
    let waiting = &screen.slot(0).unwrap().waiting;
    assert_eq!((waiting.delivered[&0], waiting.packets), (3, 1));
}

#[test]
fn fewer_channels_in_an_answer_are_noted_and_hidden_from_enet() {
    let mut screen = Screen::new(1, Instant::now());
    screen.connect(0, peer(), 8);
    let mut answer = verify_connect(3, 2);
    answer[1] = 0;
    assert_eq!(screen.check(peer(), &mut answer), Verdict::Pass);
    assert_eq!(screen.channels(0), 2);
    assert_eq!(answer[4 + 16..][..4], 8_u32.to_be_bytes());
    // Another one does not change the size of the pieces any more.
    answer[4 + 8..][..4].copy_from_slice(&600_u32.to_be_bytes());
    answer[4 + 16..][..4].copy_from_slice(&1_u32.to_be_bytes());
    assert_eq!(screen.check(peer(), &mut answer), Verdict::Pass);
    assert_eq!(screen.slot(0).unwrap().fragment, SIZE);
    assert_eq!(answer[4 + 16..][..4], 8_u32.to_be_bytes());
}
