//! The constants and enums of the ENet classes. Their values are the engine's.

use crate::constants::{Constant, EnumValue, Group, ScriptEnum};

/// A packet is sent again until it has arrived.
pub(crate) const FLAG_RELIABLE: i64 = 1;
/// A packet may overtake others.
pub(crate) const FLAG_UNSEQUENCED: i64 = 2;
/// A packet's fragments are not sent again.
pub(crate) const FLAG_UNRELIABLE_FRAGMENT: i64 = 8;

pub(crate) const EVENT_ERROR: i64 = -1;
pub(crate) const EVENT_NONE: i64 = 0;
pub(crate) const EVENT_CONNECT: i64 = 1;
pub(crate) const EVENT_DISCONNECT: i64 = 2;
pub(crate) const EVENT_RECEIVE: i64 = 3;

/// The constants of `OpenSSLENetConnection`.
pub(crate) const OF_CONNECTION: &[Group] = &[
    Group {
        name: Some("CompressionMode"),
        constants: CompressionModes::CONSTANTS,
    },
    Group {
        name: Some("EventType"),
        constants: &[
            (
                "EVENT_ERROR",
                EVENT_ERROR,
                "The host has failed, or does not exist: destroy() it and create another.",
            ),
            (
                "EVENT_NONE",
                EVENT_NONE,
                "Nothing happened within the time.",
            ),
            (
                "EVENT_CONNECT",
                EVENT_CONNECT,
                "A connection was established, by either side. The array holds its peer, and the data that the other side passed to [method connect_to_host].",
            ),
            (
                "EVENT_DISCONNECT",
                EVENT_DISCONNECT,
                "A connection ended: by the other side, by [method OpenSSLENetPacketPeer.peer_disconnect], by a time-out, or because it could not be established. The array holds the peer, which is no longer active, and the other side's data, or 0.",
            ),
            (
                "EVENT_RECEIVE",
                EVENT_RECEIVE,
                "A packet has arrived, and waits in its peer's queue. The array holds the peer and the channel.",
            ),
        ],
    },
    Group {
        name: Some("HostStatistic"),
        constants: HostStatistics::CONSTANTS,
    },
];

/// The constants of `OpenSSLENetPacketPeer`.
pub(crate) const OF_PACKET_PEER: &[Group] = &[
    Group {
        name: Some("PeerState"),
        constants: PeerStates::CONSTANTS,
    },
    Group {
        name: Some("PeerStatistic"),
        constants: PeerStatistics::CONSTANTS,
    },
    Group {
        name: None,
        constants: &[
            (
                "PACKET_LOSS_SCALE",
                65536,
                "What [constant PEER_PACKET_LOSS] is where every packet is lost.",
            ),
            (
                "PACKET_THROTTLE_SCALE",
                32,
                "What [constant PEER_PACKET_THROTTLE] is where every unreliable packet is sent.",
            ),
            (
                "FLAG_RELIABLE",
                FLAG_RELIABLE,
                "The packet is sent again until it has arrived.",
            ),
            (
                "FLAG_UNSEQUENCED",
                FLAG_UNSEQUENCED,
                "The packet may arrive before others that were sent earlier, and may be lost.",
            ),
            (
                "FLAG_UNRELIABLE_FRAGMENT",
                FLAG_UNRELIABLE_FRAGMENT,
                "The packet may be lost also if it is so large that it is sent in fragments; without this flag, such a packet is sent reliably.",
            ),
        ],
    },
];

/// `OpenSSLENetConnection.CompressionMode`
#[derive(Debug)]
pub(crate) struct CompressionModes;
pub(crate) type CompressionMode = EnumValue<CompressionModes>;

pub(crate) const COMPRESS_NONE: i64 = 0;
pub(crate) const COMPRESS_RANGE_CODER: i64 = 1;
pub(crate) const COMPRESS_FASTLZ: i64 = 2;
pub(crate) const COMPRESS_ZLIB: i64 = 3;
pub(crate) const COMPRESS_ZSTD: i64 = 4;

impl ScriptEnum for CompressionModes {
    const NAME: &'static str = "OpenSSLENetConnection.CompressionMode";

    const CONSTANTS: &'static [Constant] = &[
        (
            "COMPRESS_NONE",
            COMPRESS_NONE,
            "Packets are not compressed.",
        ),
        (
            "COMPRESS_RANGE_CODER",
            COMPRESS_RANGE_CODER,
            "ENet's own range coder, made for small packets.",
        ),
        (
            "COMPRESS_FASTLZ",
            COMPRESS_FASTLZ,
            "FastLZ: less time than zlib, larger packets.",
        ),
        (
            "COMPRESS_ZLIB",
            COMPRESS_ZLIB,
            "zlib: more time than FastLZ, smaller packets.",
        ),
        (
            "COMPRESS_ZSTD",
            COMPRESS_ZSTD,
            "Zstandard, which gains little on packets of less than 4 KB.",
        ),
    ];
}

/// `OpenSSLENetConnection.HostStatistic`
#[derive(Debug)]
pub(crate) struct HostStatistics;
pub(crate) type HostStatistic = EnumValue<HostStatistics>;

impl ScriptEnum for HostStatistics {
    const NAME: &'static str = "OpenSSLENetConnection.HostStatistic";

    const CONSTANTS: &'static [Constant] = &[
        ("HOST_TOTAL_SENT_DATA", 0, "How many bytes were sent."),
        (
            "HOST_TOTAL_SENT_PACKETS",
            1,
            "How many datagrams were sent.",
        ),
        (
            "HOST_TOTAL_RECEIVED_DATA",
            2,
            "How many bytes were received.",
        ),
        (
            "HOST_TOTAL_RECEIVED_PACKETS",
            3,
            "How many datagrams were received.",
        ),
    ];
}

/// The statistic of this number.
pub(crate) fn host_statistic(number: i64) -> Option<enet::Statistic> {
    use enet::Statistic;
    const ALL: [Statistic; 4] = [
        Statistic::SentData,
        Statistic::SentPackets,
        Statistic::ReceivedData,
        Statistic::ReceivedPackets,
    ];
    ALL.get(usize::try_from(number).ok()?).copied()
}

/// `OpenSSLENetPacketPeer.PeerState`
#[derive(Debug)]
pub(crate) struct PeerStates;
pub(crate) type PeerState = EnumValue<PeerStates>;

pub(crate) const STATE_DISCONNECTED: i64 = 0;

impl ScriptEnum for PeerStates {
    const NAME: &'static str = "OpenSSLENetPacketPeer.PeerState";

    const CONSTANTS: &'static [Constant] = &[
        (
            "STATE_DISCONNECTED",
            STATE_DISCONNECTED,
            "There is no connection.",
        ),
        ("STATE_CONNECTING", 1, "The connection was asked for."),
        (
            "STATE_ACKNOWLEDGING_CONNECT",
            2,
            "The other side has asked for a connection, and is being answered.",
        ),
        (
            "STATE_CONNECTION_PENDING",
            3,
            "The connection is about to be established.",
        ),
        (
            "STATE_CONNECTION_SUCCEEDED",
            4,
            "The connection is established, and [constant OpenSSLENetConnection.EVENT_CONNECT] was not returned yet.",
        ),
        ("STATE_CONNECTED", 5, "Packets can be sent and taken."),
        (
            "STATE_DISCONNECT_LATER",
            6,
            "The connection ends when everything that waits was sent.",
        ),
        (
            "STATE_DISCONNECTING",
            7,
            "The other side has not acknowledged yet that the connection ends.",
        ),
        (
            "STATE_ACKNOWLEDGING_DISCONNECT",
            8,
            "The other side has ended the connection, and is being answered.",
        ),
        (
            "STATE_ZOMBIE",
            9,
            "The connection has ended, and [constant OpenSSLENetConnection.EVENT_DISCONNECT] was not returned yet.",
        ),
    ];
}

/// `OpenSSLENetPacketPeer.PeerStatistic`
#[derive(Debug)]
pub(crate) struct PeerStatistics;
pub(crate) type PeerStatistic = EnumValue<PeerStatistics>;

impl ScriptEnum for PeerStatistics {
    const NAME: &'static str = "OpenSSLENetPacketPeer.PeerStatistic";

    const CONSTANTS: &'static [Constant] = &[
        (
            "PEER_PACKET_LOSS",
            0,
            "The mean loss of reliable packets, relative to [constant PACKET_LOSS_SCALE].",
        ),
        ("PEER_PACKET_LOSS_VARIANCE", 1, "The variance of that loss."),
        (
            "PEER_PACKET_LOSS_EPOCH",
            2,
            "When the loss was computed last, in milliseconds of the host's clock; every 10 seconds, if something was sent.",
        ),
        (
            "PEER_ROUND_TRIP_TIME",
            3,
            "The mean time until a reliable packet is acknowledged, in milliseconds.",
        ),
        (
            "PEER_ROUND_TRIP_TIME_VARIANCE",
            4,
            "The variance of that time, in milliseconds.",
        ),
        (
            "PEER_LAST_ROUND_TRIP_TIME",
            5,
            "That time in the throttle's last interval, in milliseconds.",
        ),
        (
            "PEER_LAST_ROUND_TRIP_TIME_VARIANCE",
            6,
            "The variance in the throttle's last interval, in milliseconds.",
        ),
        (
            "PEER_PACKET_THROTTLE",
            7,
            "How many of [constant PACKET_THROTTLE_SCALE] unreliable packets are sent.",
        ),
        (
            "PEER_PACKET_THROTTLE_LIMIT",
            8,
            "What [constant PEER_PACKET_THROTTLE] can be at most, by the bandwidth limits.",
        ),
        (
            "PEER_PACKET_THROTTLE_COUNTER",
            9,
            "The counter by which the throttle picks the packets that are not sent.",
        ),
        (
            "PEER_PACKET_THROTTLE_EPOCH",
            10,
            "When the throttle's interval began, in milliseconds of the host's clock.",
        ),
        (
            "PEER_PACKET_THROTTLE_ACCELERATION",
            11,
            "By how much the throttle rises when acknowledgements come sooner: see [method throttle_configure].",
        ),
        (
            "PEER_PACKET_THROTTLE_DECELERATION",
            12,
            "By how much the throttle falls when acknowledgements come later: see [method throttle_configure].",
        ),
        (
            "PEER_PACKET_THROTTLE_INTERVAL",
            13,
            "How long the throttle's interval is, in milliseconds: see [method throttle_configure].",
        ),
    ];
}

/// The statistic of this number.
pub(crate) fn peer_statistic(number: i64) -> Option<enet::PeerStatistic> {
    use enet::PeerStatistic;
    const ALL: [PeerStatistic; 14] = [
        PeerStatistic::PacketLoss,
        PeerStatistic::PacketLossVariance,
        PeerStatistic::PacketLossEpoch,
        PeerStatistic::RoundTripTime,
        PeerStatistic::RoundTripTimeVariance,
        PeerStatistic::LastRoundTripTime,
        PeerStatistic::LastRoundTripTimeVariance,
        PeerStatistic::PacketThrottle,
        PeerStatistic::PacketThrottleLimit,
        PeerStatistic::PacketThrottleCounter,
        PeerStatistic::PacketThrottleEpoch,
        PeerStatistic::PacketThrottleAcceleration,
        PeerStatistic::PacketThrottleDeceleration,
        PeerStatistic::PacketThrottleInterval,
    ];
    ALL.get(usize::try_from(number).ok()?).copied()
}
