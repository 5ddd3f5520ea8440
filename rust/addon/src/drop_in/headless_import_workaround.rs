//! A wait that keeps `godot --headless --import` from crashing when it finds the addon for the first time.
//!
//! An editor that loads an extension while it runs updates its class reference in the background. A headless editor can
//! quit before that is done, and crashes then (godotengine/godot#123511, seen with 4.6.3).

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use godot::classes::{DisplayServer, Engine};
use godot::obj::Singleton;

/// The update takes one to two seconds on a slow machine.
const TIME: Duration = Duration::from_secs(4);

static LOADED_WHILE_RUNNING: AtomicBool = AtomicBool::new(false);

/// To be called when the addon is loaded into an editor. An editor that knows the addon loads it before there is a main
/// loop.
pub(crate) fn on_load() {
    let is_running = Engine::singleton().get_main_loop().is_some();
    LOADED_WHILE_RUNNING.store(is_running, Ordering::Relaxed);
}

/// Whether this is a headless editor that loaded the addon while it ran.
pub(crate) fn is_needed() -> bool {
    LOADED_WHILE_RUNNING.load(Ordering::Relaxed)
        && DisplayServer::singleton().get_name() == "headless"
}

/// Blocks until the class reference is updated. To be called once, from a frame of the editor.
pub(crate) fn wait() {
    if LOADED_WHILE_RUNNING.swap(false, Ordering::Relaxed) {
        thread::sleep(TIME);
    }
}
