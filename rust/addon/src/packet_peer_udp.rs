//! The class `OpenSSLPacketPeerUDP`.

use std::net::IpAddr;
use std::sync::Arc;

use endpoint::{UdpPeer, packet_memory};
use godot::classes::{IPacketPeerExtension, PacketPeerExtension};
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;

use crate::address;
use crate::ffi::catch_panic::catch_panic;
use crate::ffi::packet_ptr;
use crate::ffi::state;
use crate::is_class::is_class;
use crate::refusal::{Refusal, answer, code, error_code};
use crate::report::mistake;

/// A UDP socket, or one client of an [OpenSSLUDPServer]. Mirrors the engine's [PacketPeerUDP].
///
/// Beyond the engine's: [method connect_to_host] takes host names as well as addresses.
///
/// Engine page: https://docs.godotengine.org/en/stable/classes/class_packetpeerudp.html
#[derive(GodotClass)]
#[class(tool, init, base = PacketPeerExtension, rename = OpenSSLPacketPeerUDP)]
pub(crate) struct OpenSslPacketPeerUdp {
    base: Base<PacketPeerExtension>,
}

state::stateful!(OpenSslPacketPeerUdp: UdpPeer);

impl OpenSslPacketPeerUdp {
    /// Wraps a peer that a server has accepted.
    pub(crate) fn from_peer(
        peer: Arc<udp::DatagramSocket>,
        listener: &Arc<udp::Listener>,
    ) -> Gd<Self> {
        let this = Self::new_gd();
        state::of(&this).set_accepted(peer, listener);
        this
    }

    fn peer(this: &Gd<Self>) -> Arc<udp::DatagramSocket> {
        Arc::clone(state::of(this).socket())
    }

    /// A peer that no server has accepted. The engine looks at this before it looks at any argument.
    fn unaccepted(this: &Gd<Self>) -> Result<Arc<udp::DatagramSocket>, Refusal> {
        let peer = Self::peer(this);
        if peer.is_accepted() {
            let why = "a server's peer cannot do this";
            return Err(Refusal::new(Error::ERR_LOCKED, why));
        }
        Ok(peer)
    }

    /// Joins or leaves a multicast group.
    fn change_group(
        this: &Gd<Self>,
        what: &str,
        group: &GString,
        change: impl FnOnce(&udp::DatagramSocket, IpAddr) -> Result<(), udp::Error>,
    ) -> Error {
        answer(what, || {
            let peer = Self::unaccepted(this)?;
            let group = group.to_string().parse();
            let group = group.map_err(|_| Error::ERR_INVALID_PARAMETER)?;
            Ok(change(&peer, group)?)
        })
    }
}

is_class!(OpenSslPacketPeerUdp mirrors "PacketPeerUDP");

#[godot_api]
impl OpenSslPacketPeerUdp {
    /// Binds the socket to a local port, so that it receives packets from anyone. [param port] 0 lets the system choose one, see [method get_local_port].
    ///
    /// [param bind_address] is [code]"*"[/code] for every address of the machine (IPv4 and IPv6), or one address; a link-local one with its interface, as in [code]"fe80::1%eth0"[/code]. [param recv_buf_size] is the size of the queue of received packets, in bytes.
    ///
    /// Returns [constant OK], [constant ERR_ALREADY_IN_USE] if the socket is open, [constant ERR_INVALID_PARAMETER] for a bad port or address, [constant ERR_UNAVAILABLE] if another socket has the port or the address is not one of this machine, [constant ERR_CANT_CREATE] if the system gives no socket.
    #[func(gd_self)]
    fn bind(
        this: Gd<Self>,
        port: i64,
        #[opt(default = "*")] bind_address: GString,
        #[opt(default = 65536)] recv_buf_size: i64,
    ) -> Error {
        answer("PacketPeerUDP.bind()", || {
            let peer = Self::peer(&this);
            if peer.is_bound() {
                let why = "the socket is open already: close() it first";
                return Err(Refusal::new(Error::ERR_ALREADY_IN_USE, why));
            }
            let size = usize::try_from(recv_buf_size).unwrap_or(0);
            let bind = |port, address| peer.bind(port, address, size);
            address::bind(port, &bind_address, bind)
        })
    }

    /// Closes the socket and drops received packets. A peer of a server is no longer one.
    #[func(gd_self)]
    fn close(this: Gd<Self>) {
        Self::peer(&this).close();
    }

    /// Waits until a packet arrives, without end if none does. Returns [constant ERR_UNAVAILABLE] or another error if the socket is not open.
    #[func(gd_self)]
    fn wait(this: Gd<Self>) -> Error {
        answer("PacketPeerUDP.wait()", || Ok(Self::peer(&this).wait()?))
    }

    /// Takes the packets that have arrived, for [method PacketPeer.get_available_packet_count] and [method PacketPeer.get_packet]. Both do so by themselves as well, as in engines up to 4.6; newer ones may ask for this call (pull request 120266 of the engine).
    ///
    /// Returns [constant OK], for a server's peer too, whose packets [method OpenSSLUDPServer.poll] takes; [constant FAILED] if the socket is not open, or if a packet that was sent before was refused (ICMP port unreachable).
    #[func(gd_self)]
    fn poll(this: Gd<Self>) -> Error {
        answer("PacketPeerUDP.poll()", || {
            Self::peer(&this).available()?;
            Ok(())
        })
    }

    /// Returns whether the socket is open.
    #[func(gd_self)]
    fn is_bound(this: Gd<Self>) -> bool {
        Self::peer(&this).is_bound()
    }

    /// Connects the socket to one host and port: packets go there, and packets from others are ignored. Nothing is sent yet, so a host that does not exist gives no error here.
    ///
    /// [param host] is an IP address or, beyond the engine's class, a host name; looking a name up waits for the system's answer. A link-local IPv6 address is followed by the name or the index of its interface, as in [code]"fe80::1%eth0"[/code].
    ///
    /// Returns [constant OK], [constant ERR_LOCKED] for a peer of a server, [constant ERR_INVALID_PARAMETER] for a bad host or port, [constant ERR_CANT_OPEN] or [constant FAILED] if the system refuses.
    #[func(gd_self)]
    fn connect_to_host(this: Gd<Self>, host: GString, port: i64) -> Error {
        answer("PacketPeerUDP.connect_to_host()", || {
            Self::unaccepted(&this)?;
            let port = address::port_in(1..=65535, port)?;
            let host = host.to_string();
            let ip = address::literal_or_name(&host)?;
            let connected = state::of(&this).connect(&host, ip, port);
            connected.map_err(|error| match ip.lacks_interface() {
                true => Refusal::new(
                    error_code(error),
                    "a link-local address is followed by the interface that it is on, as in fe80::1%eth0 \
                     (IP.get_local_interfaces() has their names)",
                ),
                false => error.into(),
            })
        })
    }

    /// Returns whether the socket is connected to one host, by [method connect_to_host] or by a server.
    #[func(gd_self)]
    fn is_socket_connected(this: Gd<Self>) -> bool {
        Self::peer(&this).is_connected()
    }

    /// Returns the address that the packet taken last came from; of a server's peer, its address. The interface of a link-local address is not in it, as in the engine.
    #[func(gd_self)]
    fn get_packet_ip(this: Gd<Self>) -> GString {
        let source = Self::peer(&this).last_source();
        source.map_or_else(GString::new, |source| {
            GString::from(&udp::written_in_full(source.ip()))
        })
    }

    /// Returns the port that the packet taken last came from; of a server's peer, its port.
    #[func(gd_self)]
    fn get_packet_port(this: Gd<Self>) -> i64 {
        let source = Self::peer(&this).last_source();
        source.map_or(0, |source| source.port().into())
    }

    /// Returns the local port, or 0 if the socket is not open.
    #[func(gd_self)]
    fn get_local_port(this: Gd<Self>) -> i64 {
        i64::from(Self::peer(&this).local_port())
    }

    /// Sets where packets of an unconnected socket go. [param host] is an IP address, a link-local one with its interface as in [method connect_to_host], or a host name; the address of [method get_packet_ip] can be answered as it is. Looking a name up waits for the system's answer.
    ///
    /// Returns [constant OK], or [constant ERR_CANT_RESOLVE] if the name has no address.
    #[func(gd_self)]
    fn set_dest_address(this: Gd<Self>, host: GString, port: i64) -> Error {
        const WHAT: &str = "PacketPeerUDP.set_dest_address()";
        answer(WHAT, || {
            let ip = address::resolve(&host.to_string()).map_err(|_| Error::ERR_CANT_RESOLVE)?;
            let port = address::port_in(0..=65535, port)?;
            if Self::peer(&this).set_destination(ip, port).is_err() {
                mistake(WHAT, "the socket is connected, and packets go there alone");
            }
            Ok(())
        })
    }

    /// Allows packets to broadcast addresses.
    #[func(gd_self)]
    fn set_broadcast_enabled(this: Gd<Self>, enabled: bool) {
        if Self::peer(&this).set_broadcast(enabled).is_err() {
            mistake(
                "PacketPeerUDP.set_broadcast_enabled()",
                "a server's peer cannot broadcast",
            );
        }
    }

    /// Joins a multicast group on a network interface, named as in [method IP.get_local_interfaces]. Opens the socket if need be.
    ///
    /// Returns [constant OK], [constant ERR_LOCKED] for a peer of a server, [constant ERR_INVALID_PARAMETER] for a bad address, [constant FAILED] if the system refuses.
    #[func(gd_self)]
    fn join_multicast_group(
        this: Gd<Self>,
        multicast_address: GString,
        interface_name: GString,
    ) -> Error {
        const WHAT: &str = "PacketPeerUDP.join_multicast_group()";
        Self::change_group(&this, WHAT, &multicast_address, |peer, group| {
            peer.join_multicast(group, &interface_name.to_string())
        })
    }

    /// Leaves a multicast group. Returns as [method join_multicast_group] does, and [constant ERR_UNCONFIGURED] if the socket is not open.
    #[func(gd_self)]
    fn leave_multicast_group(
        this: Gd<Self>,
        multicast_address: GString,
        interface_name: GString,
    ) -> Error {
        const WHAT: &str = "PacketPeerUDP.leave_multicast_group()";
        Self::change_group(&this, WHAT, &multicast_address, |peer, group| {
            peer.leave_multicast(group, &interface_name.to_string())
        })
    }
}

#[godot_api]
impl IPacketPeerExtension for OpenSslPacketPeerUdp {
    fn get_available_packet_count(&self) -> i32 {
        catch_panic("PacketPeerUDP.get_available_packet_count()", || {
            let available = state::of_value(self).socket().available();
            available.map_or(-1, |count| i32::try_from(count).unwrap_or(i32::MAX))
        })
    }

    fn get_max_packet_size(&self) -> i32 {
        512
    }

    #[func(gd_self)]
    unsafe fn get_packet_rawptr(
        this: Gd<Self>,
        buffer: RawPtr<*mut RawPtr<*const u8>>,
        buffer_size: RawPtr<*mut i32>,
    ) -> Error {
        catch_panic("PacketPeerUDP.get_packet()", || {
            let peer = Self::peer(&this);
            let taken = packet_memory::take(|memory| peer.receive(memory).map(drop));
            let taken = taken.map_err(error_code);
            // SAFETY: the engine passes two valid out pointers to this virtual method.
            unsafe { packet_ptr::give(taken, buffer, buffer_size) }
        })
    }

    #[func(gd_self)]
    unsafe fn put_packet_rawptr(this: Gd<Self>, buffer: RawPtr<*const u8>, size: i32) -> Error {
        catch_panic("PacketPeerUDP.put_packet()", || {
            let peer = Self::peer(&this);
            // SAFETY: the engine passes `size` readable bytes to this virtual method; to send them prints
            // nothing, so that no script can change them meanwhile.
            let sent = peer.send(unsafe { packet_ptr::borrow(buffer, size) });
            if sent == Err(udp::Error::TooLarge) {
                mistake(
                    "PacketPeerUDP.put_packet()",
                    format_args!(
                        "a packet of {size} bytes is more than the system sends at once (65,507 over IPv4): send it in \
                         parts, at best of 1,200 bytes"
                    ),
                );
            }
            code(sent)
        })
    }
}
