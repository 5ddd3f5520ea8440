//! The Godot side: classes that scripts use, the drop-in for existing scripts, project settings.
//!
//! No OpenSSL type and no protocol here: connections and servers are `endpoint`'s, sessions `dtls`'s, sockets `udp`'s.

mod address;
mod calls;
mod class_reference;
mod codes;
mod contexts;
mod drop_in;
mod dtls_server;
mod engine_peer;
mod events;
#[cfg(all(debug_assertions, target_os = "linux"))]
mod guarded_memory;
mod hot;
mod optional;
mod packet_memory;
mod packet_peer_dtls;
mod packet_peer_udp;
mod panics;
mod pem;
mod report;
mod roots;
mod slices;
mod state;
mod status;
mod timeouts;
mod tls_options;
mod transports;
mod udp_server;

use godot::init::{ExtensionLibrary, InitStage};

// The library exports its entry point alone. gdext brings a function of its own in place of glibc's
// with that name, for this library only: with it hidden, no other library meets it.
#[cfg(target_os = "linux")]
std::arch::global_asm!(".hidden __cxa_thread_atexit_impl");

struct OpenSslDtls;

// What gdext's macro for entry points brings besides the one in `calls.rs`.
#[cfg(target_os = "linux")]
godot::sys::register_hot_reload_workaround!();

// SAFETY: gdext asks with this that nobody uses the library but through its safe interface, and that the
// entry point, which is in `calls.rs`, is called by the engine alone.
unsafe impl ExtensionLibrary for OpenSslDtls {
    fn on_stage_init(stage: InitStage) {
        // Scripts are not loaded yet at this stage: the last moment to change what they will be.
        match stage {
            InitStage::Scene => {
                panics::install_hook();
                status::register();
                packet_peer_dtls::hot::register();
                udp_server::hot::register();
                drop_in::start();
            }
            InitStage::Editor => {
                class_reference::complete();
                drop_in::enter_editor();
            }
            _ => {}
        }
    }

    fn on_stage_deinit(stage: InitStage) {
        if stage == InitStage::Scene {
            drop_in::end();
            dtls_server::end_threads();
            contexts::forget_all();
        }
    }
}
