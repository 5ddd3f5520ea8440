//! Loads the new texts of scripts that are saved while the project runs, before the engine reads them.
//!
//! The engine reads a script again in two places. First, a debugger's message reloads scripts. The engine polls for
//! messages at the end of each frame, right after the profilers' ticks, so a profiler checks for changed files. The
//! editor, where the addon runs as well, also sends `openssl_dtls:refresh` ahead of the engine's own message. Second,
//! resources are loaded, with `CACHE_MODE_REPLACE` too. A format loader is asked first, checks as well, and leaves the
//! loading to the engine's loaders.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use drop_in::overlay::{Overlay, StaleText};
use godot::builtin::{Callable, GString, StringName, Variant};
use godot::classes::{
    EditorDebuggerPlugin, EditorDebuggerSession, Engine, EngineDebugger, IEngineProfiler,
    IResourceFormatLoader, Os, ResourceLoader, SceneTree,
};
use godot::global::godot_error;
use godot::obj::{Gd, InstanceId, NewGd, Singleton};
use godot::register::{GodotClass, godot_api};

use super::engine::GodotEngine;

/// The name of the addon's profiler, and of its messages to a running game: `openssl_dtls:refresh`.
const DEBUGGER_NAME: &str = "openssl_dtls";

/// The overlay, and the [`FormatLoader`] that was added for it.
static OVERLAY: Mutex<Option<(Overlay<GodotEngine>, InstanceId)>> = Mutex::new(None);

/// Starts checking the files of an overlay.
pub(super) fn start(overlay: Overlay<GodotEngine>) {
    let loader = FormatLoader::new_gd();
    *lock() = Some((overlay, loader.instance_id()));
    ResourceLoader::singleton()
        .add_resource_format_loader_ex(&loader)
        .at_front(true)
        .done();

    let mut debugger = EngineDebugger::singleton();
    if !debugger.is_active() {
        // The scene tree does not exist yet.
        Callable::from_sync_fn("openssl_dtls", |_| check_in_each_frame()).call_deferred(&[]);
        return;
    }
    debugger.register_profiler(DEBUGGER_NAME, &Profiler::new_gd());
    debugger.profiler_enable(DEBUGGER_NAME, true);
    let capture = Callable::from_sync_fn("openssl_dtls", |arguments| {
        let is_refresh = arguments
            .first()
            .is_some_and(|it| it.to_string() == "refresh");
        if is_refresh {
            with_overlay(Overlay::refresh);
        }
        is_refresh
    });
    debugger.register_message_capture(DEBUGGER_NAME, &capture);
}

/// Undoes [`start`], and removes the packs that were written since.
pub(crate) fn end() {
    let Some((_overlay, loader)) = lock().take() else {
        return;
    };
    if let Ok(loader) = Gd::<FormatLoader>::try_from_instance_id(loader) {
        ResourceLoader::singleton().remove_resource_format_loader(&loader);
    }
    let mut debugger = EngineDebugger::singleton();
    if debugger.has_profiler(DEBUGGER_NAME) {
        debugger.unregister_profiler(DEBUGGER_NAME);
    }
    if debugger.has_capture(DEBUGGER_NAME) {
        debugger.unregister_message_capture(DEBUGGER_NAME);
    }
}

fn lock() -> MutexGuard<'static, Option<(Overlay<GodotEngine>, InstanceId)>> {
    OVERLAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes running games read their scripts again: for the editor. A debugger's messages keep their order, and the engine
/// sends its own, `reload_scripts`, after the calls that save scripts.
pub(crate) fn send_refresh(link: &Gd<EditorDebuggerPlugin>) {
    for session in link.clone().get_sessions().iter_shared() {
        if let Ok(mut session) = session.try_to::<Gd<EditorDebuggerSession>>()
            && session.is_active()
        {
            session.send_message(&format!("{DEBUGGER_NAME}:refresh"));
        }
    }
}

/// Without a debugger profilers do not tick. A script that reads another script's text then sees a change a little
/// later.
fn check_in_each_frame() {
    let tree = Engine::singleton().get_main_loop();
    if let Some(mut tree) = tree.and_then(|it| it.try_cast::<SceneTree>().ok()) {
        let check = |_: &[&Variant]| with_overlay(Overlay::check_sometimes);
        tree.connect(
            "process_frame",
            &Callable::from_sync_fn("openssl_dtls", check),
        );
    }
}

/// Calls `run` on the main thread, where packs are loaded. Does nothing on other threads, and in calls that loading a
/// pack causes.
fn with_overlay(run: impl FnOnce(&mut Overlay<GodotEngine>) -> Vec<StaleText>) {
    let os = Os::singleton();
    if os.get_thread_caller_id() != os.get_main_thread_id() {
        return;
    }
    let mut overlay = match OVERLAY.try_lock() {
        Ok(overlay) => overlay,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return,
    };
    let stale = overlay.as_mut().map(|(overlay, _)| run(overlay));
    drop(overlay);
    for file in stale.into_iter().flatten() {
        godot_error!("OpenSSL DTLS: {file}.");
    }
}

/// Ticks at the end of a frame, before the debugger's messages are read.
#[derive(GodotClass)]
#[class(init, internal, base = EngineProfiler, rename = OpenSSLDTLSProfiler)]
struct Profiler {}

#[godot_api]
impl IEngineProfiler for Profiler {
    fn tick(&mut self, _: f64, _: f64, _: f64, _: f64) {
        with_overlay(Overlay::check);
    }
}

/// Is asked before each load, and loads nothing itself.
#[derive(GodotClass)]
#[class(init, internal, base = ResourceFormatLoader, rename = OpenSSLDTLSFormatLoader)]
struct FormatLoader {}

#[godot_api]
impl IResourceFormatLoader for FormatLoader {
    fn recognize_path(&self, path: GString, _type: StringName) -> bool {
        with_overlay(|overlay| overlay.before_load(&path.to_string()));
        false
    }
}
