//! The UDP peers that scripts pass to DTLS classes, as transports of a connection.

use std::sync::{Arc, Weak};

use endpoint::Transport;
use godot::builtin::Variant;
use godot::classes::PacketPeerUdp;
use godot::obj::Gd;

use crate::ffi::{engine_peer, state};
use crate::packet_peer_udp::OpenSslPacketPeerUdp;

/// A UDP peer of either class.
pub(crate) struct UdpTransport {
    pub(crate) transport: Arc<dyn Transport>,
    /// The server that has accepted it, if it is one of ours.
    pub(crate) listener: Option<Weak<udp::Listener>>,
    /// What `connect_to_host` was given: a name, for one of ours.
    pub(crate) host: String,
}

impl UdpTransport {
    /// `None` for null and everything else that is no UDP peer. To be called while no connection is locked.
    pub(crate) fn from_variant(peer: &Variant) -> Option<Self> {
        if let Ok(ours) = peer.try_to::<Gd<OpenSslPacketPeerUdp>>() {
            let state = state::of(&ours);
            return Some(Self {
                transport: Arc::clone(state.socket()) as _,
                listener: state.listener(),
                host: state.host(),
            });
        }
        let engines = peer.try_to::<Gd<PacketPeerUdp>>().ok()?;
        let transport = engine_peer::transport(engines);
        let remote = transport.remote();
        Some(Self {
            transport: Arc::new(transport),
            listener: None,
            host: remote.map(|it| it.ip().to_string()).unwrap_or_default(),
        })
    }
}
