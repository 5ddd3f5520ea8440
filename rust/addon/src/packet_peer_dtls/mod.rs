//! The class `OpenSSLPacketPeerDTLS`.

use std::sync::Arc;
use std::time::Instant;

use dtls::Trust;
use endpoint::{
    ConnectError, Receive, SendError, SharedConnection, TimeoutError, Timeouts, packet_memory,
};
use godot::classes::{IPacketPeerExtension, PacketPeerExtension};
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;

use crate::ffi::catch_panic::catch_panic;
use crate::ffi::optional::Optional;
use crate::ffi::packet_ptr;
use crate::ffi::state;
use crate::is_class::is_class;
use crate::refusal::{Refusal, answer, refuse};
use crate::report::{self, mistake};
use crate::tls::contexts;
use crate::transports::UdpTransport;

pub(crate) mod hot;

/// An encrypted UDP connection: a client's, or one client of a server's. Mirrors the engine's [PacketPeerDTLS], on OpenSSL.
///
/// Call [method poll] each frame; every packet that has arrived by then can be taken at once.
///
/// Engine page: https://docs.godotengine.org/en/stable/classes/class_packetpeerdtls.html
#[derive(GodotClass)]
#[class(tool, init, base = PacketPeerExtension, rename = OpenSSLPacketPeerDTLS)]
pub(crate) struct OpenSslPacketPeerDtls {
    base: Base<PacketPeerExtension>,

    /// How long a handshake may take, in seconds, from 1 to 3,600; after that the connection ends in [constant OpenSSLPacketPeerDTLS.STATUS_ERROR]. Holds for handshakes that begin after it was set.
    #[var(get = get_handshake_timeout, set = set_handshake_timeout, hint = RANGE, hint_string = "1,3600,0.1,suffix:s", usage_flags = [DEFAULT])]
    handshake_timeout: PhantomVar<f64>,

    /// How long the messages of a handshake wait for an answer before they are sent again, in seconds, from 0.05 to 60; twice as long each time after that (RFC 6347 section 4.2.4.1). A shorter time makes up for losses sooner, but must be longer than an answer takes. Holds for handshakes that begin after it was set.
    #[var(get = get_retransmission_timeout, set = set_retransmission_timeout, hint = RANGE, hint_string = "0.05,60,0.05,suffix:s", usage_flags = [DEFAULT])]
    retransmission_timeout: PhantomVar<f64>,

    /// How long the other side may be silent once it is connected, in seconds; after that the connection ends in [constant STATUS_ERROR]. 0 is for ever, as with the engine's class. A side that vanishes (a crash, a lost network, a NAT that drops its mapping) does not close its connection, so servers and clients should set this, to some 30 seconds, and send something every few seconds. Only packets that the other side has sealed count, see [method get_idle_time].
    #[var(get = get_idle_timeout, set = set_idle_timeout, hint = RANGE, hint_string = "0,3600,0.1,or_greater,suffix:s", usage_flags = [DEFAULT])]
    idle_timeout: PhantomVar<f64>,

    /// How large the datagrams of a handshake may be, in bytes of UDP payload, from 256 to 1,500: a link's MTU less 28 for IPv4 or 48 for IPv6. Messages that do not fit one are sent in several of 548 bytes at most, which every path carries (RFC 6347 section 4.1.1.1), and so is everything after two retransmissions; less than the default of 1,152 saves players behind a smaller path those 3 seconds. Packets that are sent after the handshake are not cut. Holds for handshakes that begin after it was set.
    #[var(get = get_max_datagram, set = set_max_datagram, hint = RANGE, hint_string = "256,1500,1,suffix:B", usage_flags = [DEFAULT])]
    max_datagram: PhantomVar<i32>,
}

state::stateful!(OpenSslPacketPeerDtls: SharedConnection, SharedConnection::forget_owner);

is_class!(OpenSslPacketPeerDtls mirrors "PacketPeerDTLS");

impl OpenSslPacketPeerDtls {
    fn limits(&self) -> Timeouts {
        state::of_value(self).timeouts()
    }

    fn set_limits(&self, property: &str, limits: Result<Timeouts, TimeoutError>) {
        match limits {
            Ok(limits) => state::of_value(self).set_timeouts(limits),
            Err(why) => refuse(format!("PacketPeerDTLS.{property}"), why),
        }
    }
}

#[godot_api]
impl OpenSslPacketPeerDtls {
    /// Connects to a server through a UDP peer that is connected to it. The handshake goes on in [method poll].
    ///
    /// With a [String] (the engine's form), [param hostname] is the name that the server's certificate must be for, and [param client_options] are a client's options, of either class; without them the certificate must come from an authority that the system trusts.
    ///
    /// With a [bool] in its place (the form of Godot 3, still in documented examples), [code]false[/code] verifies nothing; [code]true[/code] verifies the certificate and the host name: the one given as third argument, else the one that [param packet_peer] was connected to.
    ///
    /// Returns [constant OK], [constant ERR_INVALID_PARAMETER] for a peer that is not connected or for wrong options, [constant ERR_ALREADY_IN_USE] while this peer has a connection; a printed line says what is wrong.
    #[func(gd_self)]
    fn connect_to_peer(
        this: Gd<Self>,
        packet_peer: Variant,
        hostname: Variant,
        #[opt(default = Optional::default())] client_options: Optional,
    ) -> Error {
        answer("PacketPeerDTLS.connect_to_peer()", || {
            connect(&this, &packet_peer, &hostname, &client_options.0)
        })
    }

    /// Closes the connection, and sends a close_notify to the other side.
    #[func(gd_self)]
    fn disconnect_from_peer(this: Gd<Self>) {
        Arc::clone(&state::of(&this)).disconnect(Instant::now());
    }

    /// Returns the protocol that the two sides agreed on, such as [code]DTLSv1.2[/code], or an empty string before that.
    #[func(gd_self)]
    fn get_protocol(this: Gd<Self>) -> GString {
        state::of(&this).protocol().unwrap_or_default().into()
    }

    /// Sets [member handshake_timeout].
    #[func]
    fn set_handshake_timeout(&self, seconds: f64) {
        self.set_limits("handshake_timeout", self.limits().with_handshake(seconds));
    }

    /// Returns [member handshake_timeout].
    #[func]
    fn get_handshake_timeout(&self) -> f64 {
        let limit = self.limits().settings.current_handshake_limit();
        limit.as_secs_f64()
    }

    /// Sets [member retransmission_timeout].
    #[func]
    fn set_retransmission_timeout(&self, seconds: f64) {
        let limits = self.limits().with_retransmission(seconds);
        self.set_limits("retransmission_timeout", limits);
    }

    /// Returns [member retransmission_timeout].
    #[func]
    fn get_retransmission_timeout(&self) -> f64 {
        let wait = self.limits().settings.current_first_retransmission();
        wait.as_secs_f64()
    }

    /// Sets [member idle_timeout].
    #[func]
    fn set_idle_timeout(&self, seconds: f64) {
        self.set_limits("idle_timeout", self.limits().with_idle(seconds));
    }

    /// Returns [member idle_timeout].
    #[func]
    fn get_idle_timeout(&self) -> f64 {
        self.limits().idle.as_secs_f64()
    }

    /// Sets [member max_datagram].
    #[func]
    fn set_max_datagram(&self, bytes: i32) {
        let size = usize::try_from(bytes).unwrap_or(0);
        self.set_limits("max_datagram", self.limits().with_max_datagram(size));
    }

    /// Returns [member max_datagram].
    #[func]
    fn get_max_datagram(&self) -> i32 {
        self.limits().settings.current_max_datagram() as i32
    }

    /// Returns how long the other side has been silent, in seconds: since the last packet, or other sealed message, of this session. 0 without a connection.
    #[func(gd_self)]
    fn get_idle_time(this: Gd<Self>) -> f64 {
        let heard_at = state::of(&this).last_authenticated();
        heard_at.map_or(0.0, |at| at.elapsed().as_secs_f64())
    }

    /// Returns the cipher suite that the two sides agreed on, by OpenSSL's name, such as [code]ECDHE-RSA-AES256-GCM-SHA384[/code], or an empty string before that.
    #[func(gd_self)]
    fn get_cipher(this: Gd<Self>) -> GString {
        state::of(&this).cipher().unwrap_or_default().into()
    }
}

fn connect(
    this: &Gd<OpenSslPacketPeerDtls>,
    packet_peer: &Variant,
    hostname: &Variant,
    third: &Variant,
) -> Result<(), Refusal> {
    let udp = UdpTransport::from_variant(packet_peer)
        .filter(|udp| udp.transport.is_connected())
        .ok_or("the first argument must be a PacketPeerUDP on which connect_to_host() succeeded")?;
    let ((context, name), host) = if let Ok(host) = hostname.try_to::<GString>() {
        (contexts::client(third)?, host.to_string())
    } else if let Ok(validate) = hostname.try_to::<bool>() {
        // Godot 3's arguments, `validate_certs` and `for_hostname`; the third may be options of today as well.
        let host = third.try_to::<GString>();
        let side = match (validate, &host) {
            (false, _) => (contexts::of_trust(Trust::DangerousNone)?, None),
            (true, Ok(_)) => (contexts::of_trust(Trust::Default)?, None),
            (true, Err(_)) => contexts::client(third)?,
        };
        let host = host.ok().filter(|host| !host.is_empty());
        (side, host.map_or(udp.host, |host| host.to_string()))
    } else {
        let why =
            "the second argument must be the server's host name, or true or false as in Godot 3";
        return Err(why.into());
    };
    let host = name.unwrap_or(host);
    let connection = Arc::clone(&state::of(this));
    let connected = connection.connect(udp.transport, &context, &host, Instant::now());
    connected.map_err(|error| match error {
        ConnectError::InUse => Refusal::new(
            Error::ERR_ALREADY_IN_USE,
            "this peer has a connection: call disconnect_from_peer() first",
        ),
        ConnectError::Config(error) => error.into(),
    })
}

#[godot_api]
impl IPacketPeerExtension for OpenSslPacketPeerDtls {
    fn get_available_packet_count(&self) -> i32 {
        packet_count(&state::of_value(self))
    }

    fn get_max_packet_size(&self) -> i32 {
        dtls::MAX_PACKET as i32
    }

    #[func(gd_self)]
    unsafe fn get_packet_rawptr(
        this: Gd<Self>,
        buffer: RawPtr<*mut RawPtr<*const u8>>,
        buffer_size: RawPtr<*mut i32>,
    ) -> Error {
        catch_panic("PacketPeerDTLS.get_packet()", || {
            let connection = Arc::clone(&state::of(&this));
            let mut event = None;
            let taken = packet_memory::take(|memory| {
                let take = |packet: &[u8]| memory.extend_from_slice(packet);
                match connection.receive(Instant::now(), take) {
                    Receive::Packet((), happened) => {
                        event = happened;
                        Ok(())
                    }
                    Receive::Ended(happened) => {
                        event = happened;
                        Err(Error::ERR_CONNECTION_ERROR)
                    }
                    Receive::NotConnected => Err(Error::ERR_UNCONFIGURED),
                }
            });
            // Before the packet is lent: a script's logger may take packets of other peers.
            report::events(event);
            if taken == Err(Error::ERR_UNCONFIGURED) {
                mistake("PacketPeerDTLS.get_packet()", "the peer is not connected");
            }
            // SAFETY: the engine passes two valid out pointers to this virtual method.
            unsafe { packet_ptr::give(taken, buffer, buffer_size) }
        })
    }

    #[func(gd_self)]
    unsafe fn put_packet_rawptr(this: Gd<Self>, buffer: RawPtr<*const u8>, size: i32) -> Error {
        catch_panic("PacketPeerDTLS.put_packet()", || {
            // SAFETY: the engine passes `size` readable bytes to this virtual method. They are a script's,
            // whose logger can change them when something is printed: `put` does not use them after that.
            let packet = unsafe { packet_ptr::borrow(buffer, size) };
            put(&state::of(&this), packet)
        })
    }
}

/// How many packets wait, as scripts get it.
fn packet_count(connection: &SharedConnection) -> i32 {
    i32::try_from(connection.packet_count()).unwrap_or(i32::MAX)
}

/// Sends a packet, and then prints what is wrong with it; it is not used after that.
fn put(connection: &Arc<SharedConnection>, packet: &[u8]) -> Error {
    const WHAT: &str = "PacketPeerDTLS.put_packet()";
    match connection.send(packet) {
        Ok(()) => Error::OK,
        Err(SendError::NotConnected) => {
            mistake(WHAT, "the peer is not connected");
            Error::ERR_UNCONFIGURED
        }
        Err(SendError::TooLarge(error)) => {
            mistake(WHAT, error);
            Error::ERR_INVALID_PARAMETER
        }
        Err(SendError::Failed(event)) => {
            report::events(event.map(|event| *event));
            Error::ERR_CONNECTION_ERROR
        }
    }
}
