//! The class `OpenSSLENetPacketPeer`.

use std::sync::{Arc, OnceLock};

use enet::{Host, Kind, NoPeer, PeerId, SendError};
use godot::classes::{IPacketPeerExtension, PacketPeerExtension};
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;

use super::constants::{PeerState, PeerStatistic, STATE_DISCONNECTED, peer_statistic};
use super::flags;
use super::host::Peer;
use crate::ffi::catch_panic::catch_panic;
use crate::ffi::packet_ptr;
use crate::ffi::state;
use crate::is_class::is_class;
use crate::refusal::{Refusal, answer};
use crate::report::mistake;

/// The other side of a connection of an [OpenSSLENetConnection]. Mirrors the engine's [ENetPacketPeer].
///
/// It comes from [method OpenSSLENetConnection.service], [method OpenSSLENetConnection.connect_to_host] or [method OpenSSLENetMultiplayerPeer.get_peer]. It is active until its connection ends: after that, packets can be neither sent nor taken.
///
/// Engine page: https://docs.godotengine.org/en/stable/classes/class_enetpacketpeer.html
#[derive(GodotClass)]
#[class(tool, init, base = PacketPeerExtension, rename = OpenSSLENetPacketPeer)]
pub(crate) struct OpenSslEnetPacketPeer {
    base: Base<PacketPeerExtension>,
}

/// The state of an object: nothing for one that a script has made with `new()`.
#[derive(Default)]
pub(crate) struct PacketPeerState {
    peer: OnceLock<Arc<Peer>>,
}

state::stateful!(OpenSslEnetPacketPeer: PacketPeerState);

is_class!(OpenSslEnetPacketPeer mirrors "ENetPacketPeer");

const INACTIVE: &str = "the peer is not connected";

/// How large a packet can be, as the engine's class says.
pub(crate) const MAX_PACKET_SIZE: i32 = 1 << 24;

impl OpenSslEnetPacketPeer {
    /// The object of a peer.
    pub(crate) fn of(peer: Arc<Peer>) -> Gd<Self> {
        let this = Self::new_gd();
        // A new object has no peer yet.
        let _ = state::of(&this).peer.set(peer);
        this
    }
}

impl PacketPeerState {
    fn active(&self) -> Option<&Arc<Peer>> {
        self.peer.get().filter(|peer| peer.is_active())
    }

    fn with<R>(&self, call: impl FnOnce(&mut Host, PeerId) -> R) -> Option<R> {
        self.peer.get()?.with(call)
    }
}

/// Calls the peer's host, and prints it if the peer is inactive.
fn call<R>(
    this: &Gd<OpenSslEnetPacketPeer>,
    method: &str,
    call: impl FnOnce(&mut Host, PeerId) -> Result<R, NoPeer>,
) -> Option<R> {
    let result = state::of(this).with(call).and_then(Result::ok);
    if result.is_none() {
        mistake(&format!("ENetPacketPeer.{method}()"), INACTIVE);
    }
    result
}

/// Ends the peer's connection, and prints it if the peer is inactive.
fn end(
    this: &Gd<OpenSslEnetPacketPeer>,
    method: &str,
    end: impl FnOnce(&mut Host, PeerId) -> Result<(), NoPeer>,
) {
    let peer = state::of(this).active().cloned();
    if peer.and_then(|peer| peer.end(end)).is_none() {
        mistake(&format!("ENetPacketPeer.{method}()"), INACTIVE);
    }
}

#[godot_api]
impl OpenSslEnetPacketPeer {
    /// Ends the connection: asks the other side to, whose [method OpenSSLENetConnection.service] returns [param data]. When it has acknowledged that, this side's returns [constant OpenSSLENetConnection.EVENT_DISCONNECT] as well. Packets that wait are dropped.
    #[func(gd_self)]
    fn peer_disconnect(this: Gd<Self>, #[opt(default = 0)] data: i64) {
        catch_panic("ENetPacketPeer.peer_disconnect()", || {
            end(&this, "peer_disconnect", |host, peer| {
                host.disconnect(peer, data as u32)
            });
        });
    }

    /// As [method peer_disconnect], once all packets that wait were sent.
    #[func(gd_self)]
    fn peer_disconnect_later(this: Gd<Self>, #[opt(default = 0)] data: i64) {
        catch_panic("ENetPacketPeer.peer_disconnect_later()", || {
            end(&this, "peer_disconnect_later", |host, peer| {
                host.disconnect_later(peer, data as u32)
            });
        });
    }

    /// Ends the connection at once. The other side is told once, which may be lost; this side gets no event.
    #[func(gd_self)]
    fn peer_disconnect_now(this: Gd<Self>, #[opt(default = 0)] data: i64) {
        catch_panic("ENetPacketPeer.peer_disconnect_now()", || {
            end(&this, "peer_disconnect_now", |host, peer| {
                host.disconnect_now(peer, data as u32)
            });
        });
    }

    /// Sends a ping, which the other side acknowledges. ENet sends one by itself every [method ping_interval].
    #[func(gd_self)]
    fn ping(this: Gd<Self>) {
        catch_panic("ENetPacketPeer.ping()", || {
            call(&this, "ping", |host, peer| host.ping(peer));
        });
    }

    /// Sets after how many milliseconds without other reliable packets a ping is sent; 0 is the default of 500. Pings measure the round trip time, and find out that the other side is gone.
    #[func(gd_self)]
    fn ping_interval(this: Gd<Self>, ping_interval: i64) {
        catch_panic("ENetPacketPeer.ping_interval()", || {
            call(&this, "ping_interval", |host, peer| {
                host.set_ping_interval(peer, ping_interval as u32)
            });
        });
    }

    /// Ends the connection without telling the other side, which finds out by its time-out; with DTLS, the end of the session tells it. This side gets no event.
    #[func(gd_self)]
    fn reset(this: Gd<Self>) {
        catch_panic("ENetPacketPeer.reset()", || {
            end(&this, "reset", Host::reset);
        });
    }

    /// Sends a packet on a channel, when the host is serviced or flushed next. [param flags] are [constant FLAG_RELIABLE] and the others; 0 is a packet that may be lost and is never overtaken.
    ///
    /// Returns [constant OK], [constant ERR_UNCONFIGURED] if the peer is not active, [constant ERR_INVALID_PARAMETER] for a channel or flags that do not exist, [constant FAILED] if the connection is not established yet, is ending, or the packet is too large.
    #[func(gd_self)]
    fn send(this: Gd<Self>, channel: i64, packet: PackedByteArray, flags: i64) -> Error {
        answer("ENetPacketPeer.send()", || {
            let state = Arc::clone(&state::of(&this));
            let inactive = || Refusal::new(Error::ERR_UNCONFIGURED, INACTIVE);
            let channels = state.with(|host, peer| host.channels(peer));
            let channels = channels.ok_or_else(inactive)? as i64;
            // The channel after the last one is FAILED, as with the engine's class.
            if !(0..=channels).contains(&channel) {
                return Err(Refusal::parameter(format_args!(
                    "the channel must be from 0 to {}, and it is {channel}",
                    (channels - 1).max(0)
                )));
            }
            let kind = flags::kind(flags).ok_or(flags::NONE_SUCH)?;
            let peer = state.active().ok_or_else(inactive)?;
            send(peer, channel as u8, packet.as_slice(), kind)
                .map_err(|unsent| Refusal::new(Error::FAILED, unsent.why))
        })
    }

    /// Sets how the share of unreliable packets that are sent follows the round trip time. Every [param interval] milliseconds the lowest one is measured; when acknowledgements come sooner, the share grows by [param acceleration], and when they come later, it shrinks by [param deceleration], both in parts of [constant PACKET_THROTTLE_SCALE].
    #[func(gd_self)]
    fn throttle_configure(this: Gd<Self>, interval: i64, acceleration: i64, deceleration: i64) {
        catch_panic("ENetPacketPeer.throttle_configure()", || {
            call(&this, "throttle_configure", |host, peer| {
                host.configure_throttle(
                    peer,
                    interval as u32,
                    acceleration as u32,
                    deceleration as u32,
                )
            });
        });
    }

    /// Sets when the other side counts as gone: when a reliable packet is not acknowledged for [param timeout_max] milliseconds, or after [param timeout_min] milliseconds if it was sent again until the wait, which doubles each time, was [param timeout] times the first one. 0 is the default of each: 32, 5000 and 30000.
    #[func(gd_self)]
    fn set_timeout(this: Gd<Self>, timeout: i64, timeout_min: i64, timeout_max: i64) {
        const WHAT: &str = "ENetPacketPeer.set_timeout()";
        catch_panic(WHAT, || {
            if state::of(&this).active().is_none() {
                mistake(WHAT, INACTIVE);
            } else if timeout > timeout_min || timeout_min > timeout_max {
                mistake(
                    WHAT,
                    "timeout must not be more than timeout_min, nor that more than timeout_max",
                );
            } else {
                call(&this, "set_timeout", |host, peer| {
                    let [limit, min, max] = [timeout, timeout_min, timeout_max].map(|it| it as u32);
                    host.set_timeout(peer, limit, min, max)
                });
            }
        });
    }

    /// Returns the flags of the packet that [method PacketPeer.get_packet] returns next, 0 if none waits.
    #[func(gd_self)]
    fn get_packet_flags(this: Gd<Self>) -> i64 {
        let peer = state::of(&this).peer.get().cloned();
        if let Some(kind) = peer.and_then(|peer| peer.queued().1) {
            return kind.flags().into();
        }
        mistake("ENetPacketPeer.get_packet_flags()", NO_PACKET);
        0
    }

    /// Returns the other side's IP address.
    #[func(gd_self)]
    fn get_remote_address(this: Gd<Self>) -> GString {
        catch_panic("ENetPacketPeer.get_remote_address()", || {
            let address = call(&this, "get_remote_address", |host, peer| {
                Ok(host.remote_address(peer))
            });
            let ip = address.flatten().map(|address| address.ip());
            ip.map_or_else(GString::new, |ip| {
                GString::from(&udp::written_in_full(ip.to_canonical()))
            })
        })
    }

    /// Returns the other side's port.
    #[func(gd_self)]
    fn get_remote_port(this: Gd<Self>) -> i64 {
        catch_panic("ENetPacketPeer.get_remote_port()", || {
            let address = call(&this, "get_remote_port", |host, peer| {
                Ok(host.remote_address(peer))
            });
            address.flatten().map_or(0, |address| address.port().into())
        })
    }

    /// Returns a figure of the connection.
    #[func(gd_self)]
    fn get_statistic(this: Gd<Self>, statistic: PeerStatistic) -> f64 {
        const WHAT: &str = "ENetPacketPeer.get_statistic()";
        catch_panic(WHAT, || {
            let Some(which) = peer_statistic(statistic.0) else {
                mistake(WHAT, format_args!("there is no statistic {}", statistic.0));
                return 0.0;
            };
            let read = call(&this, "get_statistic", |host, peer| {
                Ok(host.statistic(peer, which))
            });
            read.unwrap_or(0.0)
        })
    }

    /// Returns where the connection stands.
    #[func(gd_self)]
    fn get_state(this: Gd<Self>) -> PeerState {
        let state = state::of(&this).with(|host, peer| host.state(peer));
        PeerState::new(state.map_or(STATE_DISCONNECTED, |state| state as i64))
    }

    /// Returns how many channels the two sides agreed on.
    #[func(gd_self)]
    fn get_channels(this: Gd<Self>) -> i64 {
        catch_panic("ENetPacketPeer.get_channels()", || {
            let channels = call(&this, "get_channels", |host, peer| Ok(host.channels(peer)));
            channels.map_or(0, |channels| channels as i64)
        })
    }

    /// Returns whether the peer can be used: its connection has not ended, and its [OpenSSLENetConnection] was not destroyed.
    #[func(gd_self)]
    fn is_active(this: Gd<Self>) -> bool {
        state::of(&this).active().is_some()
    }
}

const NO_PACKET: &str = "no packet waits";

/// Why a packet is not sent.
pub(crate) struct Unsent {
    pub(crate) why: String,
    pub(crate) cause: Cause,
}

/// Who can be the cause of a packet that is not sent.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Cause {
    /// The script.
    Script,
    /// The other side: it acknowledges nothing, or has ended the connection.
    Remote,
    /// A client that has fewer channels than the server; at a client, the script, which knows how many the server has.
    FewerChannels,
}

impl From<String> for Unsent {
    fn from(why: String) -> Self {
        let cause = Cause::Script;
        Self { why, cause }
    }
}

/// Sends a packet; the error says why it is not sent.
pub(crate) fn send(peer: &Peer, channel: u8, packet: &[u8], kind: Kind) -> Result<(), Unsent> {
    let sent = peer.with(|host, id| {
        let sent = host.send(id, channel, packet, kind);
        sent.map_err(|error| (error, host.channels(id), host.channel_limit()))
    });
    let (why, cause) = match sent {
        Some(Ok(())) => return Ok(()),
        None => (INACTIVE.to_owned(), Cause::Remote),
        Some(Err((SendError::NoChannel, channels, limit))) => {
            let why = format!("channel {channel} cannot be used, the connection has {channels}");
            match usize::from(channel) < limit {
                true => (why, Cause::FewerChannels),
                false => (why, Cause::Script),
            }
        }
        Some(Err((error @ SendError::TooLarge, ..))) => (error.to_string(), Cause::Script),
        Some(Err((error, ..))) => (error.to_string(), Cause::Remote),
    };
    Err(Unsent { why, cause })
}

#[godot_api]
impl IPacketPeerExtension for OpenSslEnetPacketPeer {
    fn get_available_packet_count(&self) -> i32 {
        let peer = state::of_value(self).peer.get().cloned();
        let count = peer.map_or(0, |peer| peer.queued().0);
        i32::try_from(count).unwrap_or(i32::MAX)
    }

    fn get_max_packet_size(&self) -> i32 {
        MAX_PACKET_SIZE
    }

    #[func(gd_self)]
    unsafe fn get_packet_rawptr(
        this: Gd<Self>,
        buffer: RawPtr<*mut RawPtr<*const u8>>,
        buffer_size: RawPtr<*mut i32>,
    ) -> Error {
        const WHAT: &str = "ENetPacketPeer.get_packet()";
        catch_panic(WHAT, || {
            let taken = match state::of(&this).active().map(|peer| peer.take()) {
                Some(Some(packet)) => Ok(packet.bytes),
                Some(None) => Err((Error::ERR_UNAVAILABLE, NO_PACKET)),
                None => Err((Error::ERR_UNCONFIGURED, INACTIVE)),
            };
            let taken = taken.map_err(|(code, why)| {
                mistake(WHAT, why);
                code
            });
            // SAFETY: the engine passes two valid out pointers to this virtual method.
            unsafe { packet_ptr::give(taken, buffer, buffer_size) }
        })
    }

    #[func(gd_self)]
    unsafe fn put_packet_rawptr(this: Gd<Self>, buffer: RawPtr<*const u8>, size: i32) -> Error {
        const WHAT: &str = "ENetPacketPeer.put_packet()";
        answer(WHAT, || {
            let state = Arc::clone(&state::of(&this));
            let peer = state
                .active()
                .ok_or_else(|| Refusal::new(Error::ERR_UNCONFIGURED, INACTIVE))?;
            // SAFETY: the engine passes `size` readable bytes to this virtual method; to send them prints nothing, so
            // that no script can change them meanwhile.
            let packet = unsafe { packet_ptr::borrow(buffer, size) };
            send(peer, 0, packet, Kind::Reliable)
                .map_err(|unsent| Refusal::new(Error::FAILED, unsent.why))
        })
    }
}
