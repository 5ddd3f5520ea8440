//! The class `OpenSSLDTLSServer`.

use std::sync::{Arc, Mutex, PoisonError};

use godot::global::Error;
use godot::prelude::*;

use crate::contexts;
use crate::link::Link;
use crate::packet_peer_dtls::OpenSslPacketPeerDtls;
use crate::peer::ServerSide;
use crate::report::mistake;
use crate::state;

/// Turns the clients of a UDP server into DTLS peers. Mirrors the engine's [DTLSServer], on OpenSSL.
///
/// A client's first packet is answered with a cookie and forgotten, so that a server keeps nothing of those who send with false addresses: [method take_connection] then returns a peer in [constant OpenSSLPacketPeerDTLS.STATUS_ERROR], and the same client shows up again with its cookie (RFC 6347 section 4.2.1).
///
/// Engine page: https://docs.godotengine.org/en/stable/classes/class_dtlsserver.html
#[derive(GodotClass)]
#[class(tool, init, base = RefCounted, rename = OpenSSLDTLSServer)]
pub(crate) struct OpenSslDtlsServer {
    setup: Mutex<Setup>,
}

#[derive(Clone, Default)]
enum Setup {
    #[default]
    Missing,
    /// `setup` was called and said what is wrong; connections are refused in silence.
    Failed,
    Done(Arc<ServerSide>),
}

#[godot_api]
impl OpenSslDtlsServer {
    /// Prepares the server. [param server_options] come from [method OpenSSLTLSOptions.server] or from the engine's [method TLSOptions.server].
    ///
    /// Returns [constant OK], [constant ERR_ALREADY_IN_USE] if the server was set up before, or [constant ERR_INVALID_PARAMETER] for options that are no server's, or whose key and certificate are missing, broken or not a pair; a printed line says which.
    #[func]
    fn setup(&self, server_options: Variant) -> Error {
        const WHAT: &str = "DTLSServer.setup()";
        let side = contexts::server(&server_options);
        let mut setup = self.setup.lock().unwrap_or_else(PoisonError::into_inner);
        let is_done = matches!(*setup, Setup::Done(_));
        let (code, why) = match side {
            Ok(_) if is_done => (
                Error::ERR_ALREADY_IN_USE,
                "the server is set up already: make a new DTLSServer for other options".to_owned(),
            ),
            Ok(side) => {
                *setup = Setup::Done(Arc::new(side));
                return Error::OK;
            }
            Err(unusable) => {
                if !is_done {
                    *setup = Setup::Failed;
                }
                (unusable.code, unusable.why)
            }
        };
        drop(setup);
        mistake(WHAT, why);
        code
    }

    /// Makes a DTLS peer of a UDP peer from [method OpenSSLUDPServer.take_connection] (or of one of the engine's). Its status is [constant OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING] if the client has a cookie, and [constant OpenSSLPacketPeerDTLS.STATUS_ERROR] if it was just given one: drop such a peer, the client comes back.
    ///
    /// Returns [code]null[/code] before [method setup], or if [param udp_peer] is no UDP peer.
    #[func]
    fn take_connection(&self, udp_peer: Variant) -> Option<Gd<OpenSslPacketPeerDtls>> {
        const WHAT: &str = "DTLSServer.take_connection()";
        let setup = self
            .setup
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if matches!(setup, Setup::Missing) {
            mistake(WHAT, "call setup() with a server's options first");
            return None;
        }
        let Some(link) = Link::from_variant(&udp_peer) else {
            mistake(
                WHAT,
                "it takes the UDP peer that UDPServer.take_connection() returned",
            );
            return None;
        };
        let dtls_peer = OpenSslPacketPeerDtls::new_gd();
        if !link.is_connected() {
            mistake(WHAT, "the UDP peer is not connected");
        } else if let Setup::Done(side) = setup {
            state::of(&dtls_peer).accept(link, side).print();
        }
        Some(dtls_peer)
    }

    /// Returns the version of the OpenSSL library inside the addon, such as [code]OpenSSL 3.6.3 9 Jun 2026[/code].
    #[func]
    fn get_openssl_version() -> GString {
        dtls::openssl_version().into()
    }
}
