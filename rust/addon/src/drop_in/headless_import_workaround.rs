//! The first start of an editor that finds the addon in its project.
//!
//! An editor that meets an extension while it runs makes its class reference anew, in the
//! background. A headless one, as `godot --headless --import` is, may have done its work and end
//! before that, and crashes then (godotengine/godot#123511, seen with 4.6.3). So it gets the time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use godot::classes::{DisplayServer, Engine};
use godot::obj::Singleton;

/// What making the reference takes, with something to spare: one to two seconds on a slow machine.
const TIME: Duration = Duration::from_secs(4);

static MET_WHILE_RUNNING: AtomicBool = AtomicBool::new(false);

/// To be called as the addon is loaded into an editor. One that knows the addon loads it before it
/// has a main loop.
pub(crate) fn notice() {
    let is_running = Engine::singleton().get_main_loop().is_some();
    MET_WHILE_RUNNING.store(is_running, Ordering::Relaxed);
}

/// Whether this is a headless editor that has just met the addon.
pub(crate) fn needs_time() -> bool {
    MET_WHILE_RUNNING.load(Ordering::Relaxed) && DisplayServer::singleton().get_name() == "headless"
}

/// Lets the background get done.
pub(crate) fn take_time() {
    if MET_WHILE_RUNNING.swap(false, Ordering::Relaxed) {
        thread::sleep(TIME);
    }
}
