use super::*;

#[test]
fn an_honest_peers_packets_all_arrive() {
    for (name, seed) in &seeds()[..4] {
        let mut packets = run_input(seed);
        packets.sort_unstable();
        let expected: Vec<usize> = [0, 30, 1500].into_iter().flat_map(|it| [it; 4]).collect();
        assert_eq!(packets, expected, "{name}");
    }
}

#[test]
fn no_packet_is_completed_that_has_gaps() {
    let (_, gaps) = seeds().into_iter().find(|it| it.0 == "gaps").unwrap();
    assert_eq!(run_input(&gaps), [0; 0]);
}
