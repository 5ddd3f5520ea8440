//! The class `OpenSSLDTLSServer`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use endpoint::{HandshakePool, Server, SetUpError, TimeoutError, Timeouts};
use godot::global::Error;
use godot::prelude::*;
use once_cell::sync::Lazy;

use crate::ffi::calls;
use crate::ffi::catch_panic::catch_panic;
use crate::ffi::state;
use crate::is_class::is_class;
use crate::packet_peer_dtls::OpenSslPacketPeerDtls;
use crate::refusal::{Refusal, answer, refuse};
use crate::report::{self, mistake};
use crate::tls::contexts;
use crate::transports::UdpTransport;

/// The threads for handshakes of every server in this process.
static POOL: Lazy<Arc<HandshakePool>> =
    Lazy::new(|| Arc::new(HandshakePool::new(|work| catch_panic("DTLSServer", work))));

/// The threads for handshakes, for servers of other classes too.
pub(crate) fn handshake_pool() -> Arc<HandshakePool> {
    Arc::clone(&POOL)
}

/// Ends the threads for handshakes, before OpenSSL ends.
pub(crate) fn end_threads() {
    POOL.shut_down();
}

/// Makes DTLS peers of the clients of a UDP server. Mirrors the engine's [DTLSServer], on OpenSSL.
///
/// A client's first packet is answered with a cookie and not stored, so that packets from false addresses take no memory: [method take_connection] then returns a peer in [constant OpenSSLPacketPeerDTLS.STATUS_ERROR], and the same client sends its packet again with the cookie (RFC 6347 section 4.2.1).
///
/// When more than four handshakes run at once, threads make the signatures, so that the game's frames stay short; [method OpenSSLPacketPeerDTLS.poll] then returns at once, and in a later frame the peer is connected. This needs a second processor, and UDP peers of [OpenSSLUDPServer].
///
/// Engine page: https://docs.godotengine.org/en/stable/classes/class_dtlsserver.html
#[derive(GodotClass)]
#[class(tool, init, base = RefCounted, rename = OpenSSLDTLSServer)]
pub(crate) struct OpenSslDtlsServer {
    base: Base<RefCounted>,

    /// How many handshakes may be unfinished at once. When one more begins, the oldest is dropped: so a flood of handshakes that are never finished takes no more memory than that (about 70 KB each) and does not keep other clients out. Clients that are connected do not count.
    #[var(get = get_max_handshakes, set = set_max_handshakes, hint = RANGE, hint_string = "1,65536,1", usage_flags = [DEFAULT])]
    max_handshakes: PhantomVar<i64>,

    /// How long a handshake may take, in seconds, from 1 to 3,600; after that the peer ends in [constant OpenSSLPacketPeerDTLS.STATUS_ERROR]. Peers get it from the server when they are taken.
    #[var(get = get_handshake_timeout, set = set_handshake_timeout, hint = RANGE, hint_string = "1,3600,0.1,suffix:s", usage_flags = [DEFAULT])]
    handshake_timeout: PhantomVar<f64>,

    /// How long the messages of a handshake wait for an answer before they are sent again, in seconds, from 0.05 to 60; twice as long each time after that (RFC 6347 section 4.2.4.1). A shorter time makes up for losses sooner, but must be longer than an answer takes. Peers get it from the server when they are taken.
    #[var(get = get_retransmission_timeout, set = set_retransmission_timeout, hint = RANGE, hint_string = "0.05,60,0.05,suffix:s", usage_flags = [DEFAULT])]
    retransmission_timeout: PhantomVar<f64>,

    /// How long a connected client may be silent, in seconds: see [member OpenSSLPacketPeerDTLS.idle_timeout]. 0 is for ever, as with the engine's class; 30 seconds suit a server on the internet, where clients crash, lose their network or change their port without closing their connection. Peers get it from the server when they are taken.
    #[var(get = get_idle_timeout, set = set_idle_timeout, hint = RANGE, hint_string = "0,3600,0.1,or_greater,suffix:s", usage_flags = [DEFAULT])]
    idle_timeout: PhantomVar<f64>,

    /// How large the datagrams of a handshake may be, in bytes of UDP payload, from 256 to 1,500: a link's MTU less 28 for IPv4 or 48 for IPv6. Messages that do not fit one are sent in several of 548 bytes at most, which every path carries (RFC 6347 section 4.1.1.1), and so is everything after two retransmissions; less than the default of 1,152 saves players behind a smaller path those 3 seconds. Packets that are sent after the handshake are not cut. Peers get it from the server when they are taken.
    #[var(get = get_max_datagram, set = set_max_datagram, hint = RANGE, hint_string = "256,1500,1,suffix:B", usage_flags = [DEFAULT])]
    max_datagram: PhantomVar<i32>,

    /// How many handshakes with clients of one IP address may be unfinished at once; IPv6 addresses with the same first 64 bits count as one. When one more begins, the oldest of that address is dropped, so that one machine cannot use up [member max_handshakes]. 0 is no limit.
    ///
    /// The default is far above what a hundred players behind one address need when they connect at once. It does not hold for clients on the server's own machine, since behind a tunnel or proxy there all clients have the same address; a value that is set does.
    #[var(get = get_max_handshakes_per_address, set = set_max_handshakes_per_address, hint = RANGE, hint_string = "0,65536,1", usage_flags = [DEFAULT])]
    max_handshakes_per_address: PhantomVar<i64>,

    /// How many handshakes with clients of one IP address may begin in a second, counted as for [member max_handshakes_per_address]; as many may begin at once after a second in which none did. Further clients are not answered, and try again after a second. 0 is no limit.
    ///
    /// The default bounds the time that a server spends on signatures for one address to a few percent of a processor, and does not hold for clients on the server's own machine, while a value that is set does.
    #[var(get = get_max_handshake_rate_per_address, set = set_max_handshake_rate_per_address, hint = RANGE, hint_string = "0,65536,1,suffix:/s", usage_flags = [DEFAULT])]
    max_handshake_rate_per_address: PhantomVar<i64>,
}

/// The state of an object.
pub(crate) struct ServerState {
    server: Server,
    /// `setup` was called and printed what is wrong; connections are refused without another line.
    has_setup_failed: AtomicBool,
}

impl Default for ServerState {
    fn default() -> Self {
        Self {
            server: Server::new(Arc::clone(&POOL)),
            has_setup_failed: AtomicBool::new(false),
        }
    }
}

state::stateful!(OpenSslDtlsServer: ServerState);

is_class!(OpenSslDtlsServer mirrors "DTLSServer");

impl OpenSslDtlsServer {
    fn limits(&self) -> Timeouts {
        state::of_value(self).server.timeouts()
    }

    fn set_limits(&self, property: &str, limits: Result<Timeouts, TimeoutError>) {
        match limits {
            Ok(limits) => state::of_value(self).server.set_timeouts(limits),
            Err(why) => refuse(format!("DTLSServer.{property}"), why),
        }
    }
}

#[godot_api]
impl OpenSslDtlsServer {
    /// Prepares the server. [param server_options] come from [method OpenSSLTLSOptions.server] or from the engine's [method TLSOptions.server].
    ///
    /// Returns [constant OK], [constant ERR_ALREADY_IN_USE] if the server was set up before, or [constant ERR_INVALID_PARAMETER] for options that are no server's, or whose key and certificate are missing, broken, not a pair, or of a kind that no client could connect with; a printed line says which. A certificate whose issuer is not in the chain behind it is taken, with a warning, since clients may trust the issuer itself.
    #[func(gd_self)]
    fn setup(this: Gd<Self>, server_options: Variant) -> Error {
        const WHAT: &str = "DTLSServer.setup()";
        answer(WHAT, || {
            let state = state::of(&this);
            let set_up = contexts::server(WHAT, &server_options).and_then(|context| {
                let set_up = state.server.set_up(context, Instant::now());
                set_up.map_err(|error| match error {
                    SetUpError::AlreadyDone => Refusal::new(
                        Error::ERR_ALREADY_IN_USE,
                        "the server is set up already: make a new DTLSServer for other options",
                    ),
                    SetUpError::Config(error) => error.into(),
                })
            });
            let has_failed = set_up.is_err();
            state
                .has_setup_failed
                .fetch_or(has_failed, Ordering::Relaxed);
            set_up
        })
    }

    /// Makes a DTLS peer of a UDP peer from [method OpenSSLUDPServer.take_connection] (or of one of the engine's). Its status is [constant OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING] if the client has a cookie, and [constant OpenSSLPacketPeerDTLS.STATUS_ERROR] if it was just sent one: drop such a peer, the client tries again.
    ///
    /// Returns [code]null[/code] before [method setup], or if [param udp_peer] is no UDP peer.
    #[func(gd_self)]
    fn take_connection(this: Gd<Self>, udp_peer: Variant) -> Option<Gd<OpenSslPacketPeerDtls>> {
        const WHAT: &str = "DTLSServer.take_connection()";
        catch_panic(WHAT, || {
            let state = Arc::clone(&state::of(&this));
            if !state.server.is_set_up() && !state.has_setup_failed.load(Ordering::Relaxed) {
                mistake(WHAT, "call setup() with a server's options first");
                return None;
            }
            let Some(udp) = UdpTransport::from_variant(&udp_peer) else {
                let why = "it takes the UDP peer that UDPServer.take_connection() returned";
                mistake(WHAT, why);
                return None;
            };
            let peer = OpenSslPacketPeerDtls::new_gd();
            if !udp.transport.is_connected() {
                mistake(WHAT, "the UDP peer is not connected");
                return Some(peer);
            }
            let connection = Arc::clone(&state::of(&peer));
            let token = peer.instance_id().to_i64().cast_unsigned();
            let (transport, listener, now) = (udp.transport, udp.listener, Instant::now());
            let server = &state.server;
            report::events(server.accept(&connection, token, transport, listener, now));
            Some(peer)
        })
    }

    /// Polls the UDP servers that this server's peers came from, then every peer that something arrived for, and returns those with news: packets that can be taken, or another status than before. Its cost depends on what arrives, not on how many clients are connected, so a server with thousands of them calls this once a frame instead of [method OpenSSLPacketPeerDTLS.poll] for each.
    ///
    /// A peer with packets is returned in each call until they are taken. New clients are still taken with [method take_connection].
    ///
    /// A peer that the script does not keep is disconnected.
    #[func(gd_self)]
    fn poll_peers(this: Gd<Self>) -> Array<Gd<OpenSslPacketPeerDtls>> {
        catch_panic("DTLSServer.poll_peers()", || {
            let state = Arc::clone(&state::of(&this));
            let polled = state.server.registry().poll(Instant::now(), |token| {
                let id = InstanceId::from_i64(token.cast_signed());
                // SAFETY: the token is the id of an object that counts references (`take_connection`). The registry
                // is locked, and an object removes its token under the same lock (`forget_owner`, from
                // `state::release`) before its Rust value ends. While it has no place in the registry yet, the caller
                // of `Server::accept` has a reference.
                unsafe { state::take_hold(id) }
            });
            let changed = polled.changed.iter();
            let peers = changed.filter_map(|peer| peer.try_to().ok()).collect();
            report::events(polled.events);
            peers
        })
    }

    /// Sets [member max_handshakes].
    #[func]
    fn set_max_handshakes(&self, max_handshakes: i64) {
        let registry = Arc::clone(state::of_value(self).server.registry());
        match usize::try_from(max_handshakes) {
            Ok(max @ 1..) => {
                calls::after(move || report::events(registry.set_max_handshakes(max)));
            }
            _ => refuse(
                "DTLSServer.set_max_handshakes()",
                "the value must be 1 or more",
            ),
        }
    }

    /// Returns [member max_handshakes].
    #[func]
    fn get_max_handshakes(&self) -> i64 {
        let max = state::of_value(self).server.registry().max_handshakes();
        i64::try_from(max).unwrap_or(i64::MAX)
    }

    /// Sets [member max_handshakes_per_address].
    #[func]
    fn set_max_handshakes_per_address(&self, max_handshakes: i64) {
        match u32::try_from(max_handshakes) {
            Ok(max) => state::of_value(self).server.limits().set_unfinished(max),
            Err(_) => refuse("DTLSServer.set_max_handshakes_per_address()", NO_LIMIT),
        }
    }

    /// Returns [member max_handshakes_per_address].
    #[func]
    fn get_max_handshakes_per_address(&self) -> i64 {
        let limit = state::of_value(self).server.limits().unfinished();
        limit.number().into()
    }

    /// Sets [member max_handshake_rate_per_address].
    #[func]
    fn set_max_handshake_rate_per_address(&self, max_rate: i64) {
        match u32::try_from(max_rate) {
            Ok(max) => state::of_value(self).server.limits().set_per_second(max),
            Err(_) => refuse("DTLSServer.set_max_handshake_rate_per_address()", NO_LIMIT),
        }
    }

    /// Returns [member max_handshake_rate_per_address].
    #[func]
    fn get_max_handshake_rate_per_address(&self) -> i64 {
        let limit = state::of_value(self).server.limits().per_second();
        limit.number().into()
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

    /// Returns the version of the OpenSSL library inside the addon, such as [code]OpenSSL 4.0.3 29 Sep 2026[/code].
    #[func]
    fn get_openssl_version() -> GString {
        dtls::openssl_version().into()
    }
}

const NO_LIMIT: &str = "the value must be from 0 (no limit) to 4294967295";
