//! The Godot side: classes that scripts use, the drop-in for existing scripts, project settings.
//!
//! No OpenSSL type and no protocol here: connections and servers are `endpoint`'s, sessions `dtls`'s, sockets `udp`'s.

mod address;
mod constants;
mod drop_in;
mod dtls_server;
mod enet;
mod ffi;
mod is_class;
mod packet_peer_dtls;
mod packet_peer_udp;
mod refusal;
mod report;
mod status;
mod tls;
mod tls_options;
mod transports;
mod udp_server;

use godot::init::{ExtensionLibrary, InitStage};
use godot::sys;

use constants::Group;
use enet::connection::OpenSslEnetConnection;
use enet::packet_peer::OpenSslEnetPacketPeer;
use packet_peer_dtls::OpenSslPacketPeerDtls;

// The library exports its entry point alone. gdext defines a function in place of glibc's of this name, for this library
// only: hidden, it is not used by other libraries of the process.
#[cfg(target_os = "linux")]
std::arch::global_asm!(".hidden __cxa_thread_atexit_impl");

/// The engine calls it when it loads the library; openssl_dtls.gdextension names it.
///
/// # Safety
/// For the engine alone.
#[unsafe(no_mangle)]
unsafe extern "C" fn openssl_dtls_init(
    get_proc_address: sys::GDExtensionInterfaceGetProcAddress,
    library: sys::GDExtensionClassLibraryPtr,
    init: *mut sys::GDExtensionInitialization,
) -> sys::GDExtensionBool {
    let methods = [
        packet_peer_dtls::hot::SHORTCUTS.as_slice(),
        udp_server::hot::SHORTCUTS.as_slice(),
    ];
    let shortcuts = ffi::calls::Shortcuts {
        methods: methods.concat(),
        virtuals: enet::multiplayer_peer::hot::SHORTCUTS.to_vec(),
    };
    let get_proc_address = ffi::calls::wrap_registration(get_proc_address, shortcuts);
    if get_proc_address.is_none() {
        return 0;
    }
    // SAFETY: these are the engine's arguments, but for a function that gives out the engine's functions.
    unsafe { godot::init::__gdext_load_library::<OpenSslDtls>(get_proc_address, library, init) }
}

struct OpenSslDtls;

/// The classes with constants of their own.
const CONSTANTS: [(&str, &[Group]); 3] = [
    ("OpenSSLPacketPeerDTLS", status::CONSTANTS),
    ("OpenSSLENetConnection", enet::constants::OF_CONNECTION),
    ("OpenSSLENetPacketPeer", enet::constants::OF_PACKET_PEER),
];

fn register_constants() {
    constants::register::<OpenSslPacketPeerDtls>(status::CONSTANTS);
    constants::register::<OpenSslEnetConnection>(enet::constants::OF_CONNECTION);
    constants::register::<OpenSslEnetPacketPeer>(enet::constants::OF_PACKET_PEER);
}

// What gdext's macro for entry points brings besides the function above.
#[cfg(target_os = "linux")]
godot::sys::register_hot_reload_workaround!();

// SAFETY: gdext requires that the library is used through its safe interface alone, and that the engine alone calls the
// entry point, `openssl_dtls_init`.
unsafe impl ExtensionLibrary for OpenSslDtls {
    fn on_stage_init(stage: InitStage) {
        // Scripts are not loaded yet at this stage: the last moment to change what they will be.
        match stage {
            InitStage::Scene => {
                ffi::catch_panic::install_hook();
                report::install_logger();
                register_constants();
                drop_in::start();
            }
            InitStage::Editor => {
                constants::add_to_class_reference(&CONSTANTS);
                drop_in::enter_editor();
            }
            _ => {}
        }
    }

    fn on_stage_deinit(stage: InitStage) {
        if stage == InitStage::Scene {
            drop_in::end();
            dtls_server::end_threads();
            report::logged();
            tls::contexts::forget_all();
        }
    }
}
