//! The class `OpenSSLPacketPeerDTLS`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use godot::classes::IPacketPeerExtension;
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;

use crate::contexts::{self, ClientSide, Unusable};
use crate::engine_link;
use crate::link::Link;
use crate::optional::Optional;
use crate::packet_peer_udp::OpenSslPacketPeerUdp;
use crate::peer::{Got, Notice, Peer, PutError, ServerSide};
use crate::report::mistake;
use crate::status::Status;
use crate::{packet_memory, slices};

/// An encrypted UDP connection: a client's, or one client of a server's. Mirrors the engine's [PacketPeerDTLS], on OpenSSL.
///
/// Call [method poll] each frame; every packet that has arrived by then can be taken at once.
///
/// Engine page: https://docs.godotengine.org/en/stable/classes/class_packetpeerdtls.html
#[derive(GodotClass)]
#[class(tool, init, base = PacketPeerExtension, rename = OpenSSLPacketPeerDTLS)]
pub(crate) struct OpenSslPacketPeerDtls {
    peer: Mutex<Peer>,
}

impl OpenSslPacketPeerDtls {
    fn peer(&self) -> MutexGuard<'_, Peer> {
        self.peer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on the locked peer, and sends what it leaves for an engine's UDP peer after that.
    fn run<R>(&self, work: impl FnOnce(&mut Peer) -> R) -> R {
        let mut peer = self.peer();
        // Kept beyond the lock: if this is the last reference, the object's end can run a script.
        let _engine_peer = peer.engine_peer();
        let result = work(&mut peer);
        let outbox = peer.take_outbox();
        drop(peer);
        outbox.send();
        result
    }

    /// Fetches what has arrived at an engine's UDP peer.
    fn fetch(&self) {
        let engine_peer = self.peer().engine_peer_to_read();
        if let Some(mut engine_peer) = engine_peer {
            let fetched = engine_link::fetch(&mut engine_peer);
            self.peer().bring(&engine_peer, fetched);
        }
    }

    /// Begins a server's side of the connection.
    pub(crate) fn accept(&self, mut link: Link, server: Arc<ServerSide>) {
        link.fetch();
        self.run(|peer| peer.accept(link, server)).print();
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
    #[func]
    fn connect_to_peer(
        &self,
        packet_peer: Variant,
        hostname: Variant,
        #[opt(default = Optional::default())] client_options: Optional,
    ) -> Error {
        let connected = self.connect(&packet_peer, &hostname, &client_options.0);
        match connected {
            Ok(()) => Error::OK,
            Err(unusable) => {
                mistake("PacketPeerDTLS.connect_to_peer()", unusable.why);
                unusable.code
            }
        }
    }

    /// Takes what has arrived and sends what is due: call it each frame, also while connecting.
    #[func]
    fn poll(&self) {
        self.fetch();
        self.run(Peer::poll).print();
    }

    /// Returns where the connection stands.
    #[func]
    fn get_status(&self) -> Status {
        self.peer().status()
    }

    /// Ends the connection and tells the other side.
    #[func]
    fn disconnect_from_peer(&self) {
        self.run(Peer::disconnect);
    }

    /// Returns the protocol that the two sides agreed on, such as [code]DTLSv1.2[/code], or an empty string before that.
    #[func]
    fn get_protocol(&self) -> GString {
        self.peer().protocol().unwrap_or_default().into()
    }

    /// Returns the cipher suite that the two sides agreed on, by OpenSSL's name, such as [code]ECDHE-RSA-AES256-GCM-SHA384[/code], or an empty string before that.
    #[func]
    fn get_cipher(&self) -> GString {
        self.peer().cipher().unwrap_or_default().into()
    }

    fn connect(
        &self,
        packet_peer: &Variant,
        hostname: &Variant,
        third: &Variant,
    ) -> Result<(), Unusable> {
        let mut link = Link::from_variant(packet_peer)
            .filter(Link::is_connected)
            .ok_or_else(|| {
                Unusable::parameter("the first argument must be a PacketPeerUDP on which connect_to_host() succeeded")
            })?;
        let (side, host) = if let Ok(host) = hostname.try_to::<GString>() {
            let options = if third.is_nil() {
                contexts::verified_client()
            } else {
                contexts::client(third)
            };
            (options?, host.to_string())
        } else if let Ok(validate) = hostname.try_to::<bool>() {
            godot_3_form(packet_peer, validate, third)?
        } else {
            return Err(Unusable::parameter(
                "the second argument must be the server's host name, or true or false as in Godot 3",
            ));
        };
        let has_connection = || Unusable {
            code: Error::ERR_ALREADY_IN_USE,
            why: "this peer has a connection: call disconnect_from_peer() first".to_owned(),
        };
        let is_active = self.peer().is_active();
        if is_active {
            return Err(has_connection());
        }
        // What is there before the first hello answers another one: a cookie in it would be taken
        // for this session's.
        link.forget_arrived();
        let host = side.name_override.as_deref().unwrap_or(&host);
        self.run(|peer| {
            // Another thread may have been faster.
            if peer.is_active() {
                return Err(has_connection());
            }
            peer.connect(link, &side.context, host)
                .map_err(Unusable::parameter)
        })
    }
}

/// `connect_to_peer(peer, validate_certs, for_hostname)`: Godot 3's arguments, in which options of
/// today may stand third as well.
fn godot_3_form(
    packet_peer: &Variant,
    validate: bool,
    third: &Variant,
) -> Result<(ClientSide, String), Unusable> {
    let connected_to = || {
        packet_peer
            .try_to::<Gd<OpenSslPacketPeerUdp>>()
            .map(|peer| peer.bind().host())
            .or_else(|error| {
                let link = Link::from_variant(packet_peer).ok_or(error)?;
                Ok(link
                    .remote()
                    .map(|remote| remote.ip().to_string())
                    .unwrap_or_default())
            })
            .unwrap_or_else(|_: godot::meta::error::ConvertError| String::new())
    };
    let host = match third.try_to::<GString>() {
        Ok(host) if !host.is_empty() => host.to_string(),
        _ => connected_to(),
    };
    let has_options = !third.is_nil() && third.try_to::<GString>().is_err();
    let side = match (validate, has_options) {
        (false, _) => contexts::unverified_client()?,
        (true, false) => contexts::verified_client()?,
        (true, true) => contexts::client(third)?,
    };
    Ok((side, host))
}

#[godot_api]
impl IPacketPeerExtension for OpenSslPacketPeerDtls {
    fn get_available_packet_count(&self) -> i32 {
        i32::try_from(self.peer().packet_count()).unwrap_or(i32::MAX)
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
        let class = this.bind();
        class.fetch();
        let mut said = Notice::None;
        let filled = packet_memory::fill(|memory| {
            let got = class.run(|peer| peer.get(|packet| memory.extend_from_slice(packet)));
            let (result, notice) = match got {
                Got::Packet((), notice) => (Ok(()), notice),
                Got::Ended(notice) => (Err(Error::ERR_CONNECTION_ERROR), notice),
                Got::NotConnected => (Err(Error::ERR_UNCONFIGURED), Notice::None),
            };
            said = notice;
            result
        });
        // A script's logger may take packets of other peers.
        packet_memory::keep_during(|| said.print());
        if filled == Err(Error::ERR_UNCONFIGURED) {
            mistake("PacketPeerDTLS.get_packet()", "the peer is not connected");
        }
        // SAFETY: the engine passes two valid out pointers to this virtual method.
        unsafe { slices::give(filled, buffer, buffer_size) }
    }

    #[func(gd_self)]
    unsafe fn put_packet_rawptr(this: Gd<Self>, buffer: RawPtr<*const u8>, size: i32) -> Error {
        const WHAT: &str = "PacketPeerDTLS.put_packet()";
        let class = this.bind();
        // SAFETY: the engine passes `size` readable bytes to this virtual method.
        let packet = unsafe { slices::borrow(buffer, size) };
        let put = class.run(|peer| peer.put(packet));
        match put {
            Ok(()) => Error::OK,
            Err(PutError::NotConnected) => {
                mistake(WHAT, "the peer is not connected");
                Error::ERR_UNCONFIGURED
            }
            Err(PutError::TooLarge(error)) => {
                mistake(WHAT, error);
                Error::ERR_INVALID_PARAMETER
            }
            Err(PutError::Failed(notice)) => {
                notice.print();
                Error::ERR_CONNECTION_ERROR
            }
        }
    }
}
