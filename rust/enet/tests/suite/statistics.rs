//! The engine's statistics.

use std::time::Duration;

use enet::{Kind, PeerStatistic, Statistic};

use crate::pair::Pair;

#[test]
fn a_peers_statistics_are_those_of_enet() {
    let mut pair = Pair::plain();
    pair.pass(Duration::from_secs(8));
    let host = &pair.client.host;
    let statistic = |which| host.statistic(pair.at_client, which);
    assert_eq!(statistic(PeerStatistic::PacketThrottle), 32.0);
    assert_eq!(statistic(PeerStatistic::PacketThrottleLimit), 32.0);
    assert_eq!(statistic(PeerStatistic::PacketThrottleInterval), 5000.0);
    assert_eq!(statistic(PeerStatistic::PacketThrottleAcceleration), 2.0);
    assert_eq!(statistic(PeerStatistic::PacketThrottleDeceleration), 2.0);
    assert!(statistic(PeerStatistic::PacketThrottleEpoch) > 0.0);
    assert!((1.0..100.0).contains(&statistic(PeerStatistic::RoundTripTime)));
    assert!((1.0..500.0).contains(&statistic(PeerStatistic::LastRoundTripTime)));
    assert!(statistic(PeerStatistic::LastRoundTripTimeVariance) >= 1.0);
    assert!(statistic(PeerStatistic::RoundTripTimeVariance) < 300.0);
    assert!(statistic(PeerStatistic::PacketLossEpoch) > 0.0);
    assert_eq!(statistic(PeerStatistic::PacketLoss), 0.0);
    assert_eq!(statistic(PeerStatistic::PacketLossVariance), 0.0);
    assert_eq!(statistic(PeerStatistic::PacketThrottleCounter), 0.0);
    pair.client
        .host
        .configure_throttle(pair.at_client, 100, 3, 4)
        .unwrap();
    let interval = PeerStatistic::PacketThrottleInterval;
    assert_eq!(pair.client.host.statistic(pair.at_client, interval), 100.0);
    pair.client.host.reset(pair.at_client).unwrap();
    assert_eq!(pair.client.host.statistic(pair.at_client, interval), 0.0);
}

#[test]
fn totals_are_counted_since_they_were_asked_for() {
    for make in Pair::both() {
        let mut pair = make();
        pair.pass(Duration::from_millis(200));
        for statistic in [
            Statistic::SentData,
            Statistic::SentPackets,
            Statistic::ReceivedData,
            Statistic::ReceivedPackets,
        ] {
            assert!(pair.server.host.pop_statistic(statistic) > 0);
            assert_eq!(pair.server.host.pop_statistic(statistic), 0);
            pair.client.host.pop_statistic(statistic);
        }
        pair.client
            .host
            .send(pair.at_client, 0, &[1; 500], Kind::Unsequenced)
            .unwrap();
        pair.client.host.flush();
        assert_eq!(pair.client.host.pop_statistic(Statistic::SentPackets), 1);
        assert_eq!(
            pair.client.host.pop_statistic(Statistic::SentData),
            2 + 8 + 500
        );
        assert!(pair.run(|[server, _]| !server.take_packets().is_empty()));
        assert_eq!(
            pair.server.host.pop_statistic(Statistic::ReceivedData),
            2 + 8 + 500
        );
    }
}

#[test]
fn packets_are_whole_up_to_the_size_that_the_host_says() {
    for (mut pair, whole) in [(Pair::plain(), 1364), (Pair::dtls(), 1135)] {
        assert_eq!(pair.server.host.largest_whole_packet(), whole);
        for (size, datagrams) in [(whole, 1), (whole + 1, 2)] {
            let host = &mut pair.server.host;
            host.flush();
            host.pop_statistic(Statistic::SentPackets);
            let packet = vec![0; size];
            host.send(pair.at_server, 0, &packet, Kind::UnreliableFragment)
                .unwrap();
            host.flush();
            assert_eq!(host.pop_statistic(Statistic::SentPackets), datagrams);
        }
    }
}
