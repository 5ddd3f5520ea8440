//! Scripts that are saved while the project runs: their new texts are renamed and laid over the project before the
//! engine reads them.
//!
//! The engine reads a script again in two places. A debugger's message has it reload scripts: it polls for messages at
//! the end of each frame, right after the profilers' ticks, so a profiler looks whether files have changed. A debugger
//! that knows of this addon, as the editor does, sends `openssl_dtls:refresh` ahead of its own message besides. And
//! whatever is loaded, `CACHE_MODE_REPLACE` included, is first offered to a format loader, which looks as well and
//! leaves the loading to the engine's.

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant, SystemTime};

use drop_in::project::Changed;
use godot::builtin::{Callable, GString, StringName};
use godot::classes::{
    Engine, EngineDebugger, IEngineProfiler, IResourceFormatLoader, Os, ResourceLoader, SceneTree,
};
use godot::global::godot_error;
use godot::obj::{Gd, InstanceId, NewGd, Singleton};
use godot::register::{GodotClass, godot_api};

use super::pack;
use crate::drop_in::project;

/// The name of the addon's profiler, and of its messages to a running game: `openssl_dtls:refresh`.
pub(crate) const DEBUGGER_NAME: &str = "openssl_dtls";

static WATCH: Mutex<Option<Watch>> = Mutex::new(None);
static LOADER: Mutex<Option<InstanceId>> = Mutex::new(None);

/// Begins to look for changes of a project that an overlay lies over. `scanned_at` is from before the project was read.
pub(super) fn begin(root: &Path, folder: PathBuf, changed: &[Changed], scanned_at: SystemTime) {
    let watch = Watch::new(root, folder, changed, scanned_at);
    *WATCH.lock().unwrap_or_else(PoisonError::into_inner) = Some(watch);

    let loader = FormatLoader::new_gd();
    *LOADER.lock().unwrap_or_else(PoisonError::into_inner) = Some(loader.instance_id());
    ResourceLoader::singleton()
        .add_resource_format_loader_ex(&loader)
        .at_front(true)
        .done();

    let mut debugger = EngineDebugger::singleton();
    if !debugger.is_active() {
        // There is no scene tree yet.
        Callable::from_sync_fn("openssl_dtls", |_| look_in_each_frame()).call_deferred(&[]);
        return;
    }
    debugger.register_profiler(DEBUGGER_NAME, &Profiler::new_gd());
    debugger.profiler_enable(DEBUGGER_NAME, true);
    let capture = Callable::from_sync_fn("openssl_dtls", |arguments| {
        let is_refresh = arguments
            .first()
            .is_some_and(|message| message.to_string() == "refresh");
        if is_refresh {
            with_watch(Watch::refresh);
        }
        is_refresh
    });
    debugger.register_message_capture(DEBUGGER_NAME, &capture);
}

/// Gives back to the engine what [`begin`] gave it.
pub(super) fn end() {
    let watch = WATCH.lock().unwrap_or_else(PoisonError::into_inner).take();
    if watch.is_none() {
        return;
    }
    let loader = LOADER.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(loader) = loader.and_then(|id| Gd::<FormatLoader>::try_from_instance_id(id).ok()) {
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

/// Without a debugger nothing ticks, so that a script which reads another's text itself sees it changed a little later.
fn look_in_each_frame() {
    let tree = Engine::singleton().get_main_loop();
    if let Some(mut tree) = tree.and_then(|it| it.try_cast::<SceneTree>().ok()) {
        let look = Callable::from_sync_fn("openssl_dtls", |_| with_watch(Watch::look_now_and_then));
        tree.connect("process_frame", &look);
    }
}

/// Runs something on the main thread, where packs are loaded. Does nothing where loading a pack led here itself.
fn with_watch(run: impl FnOnce(&mut Watch)) {
    let os = Os::singleton();
    if os.get_thread_caller_id() != os.get_main_thread_id() {
        return;
    }
    let mut watch = match WATCH.try_lock() {
        Ok(watch) => watch,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return,
    };
    if let Some(watch) = watch.as_mut() {
        run(watch);
    }
}

/// Ticks at the end of a frame, before the debugger's messages are read.
#[derive(GodotClass)]
#[class(init, internal, base = EngineProfiler, rename = OpenSSLDTLSProfiler)]
struct Profiler {}

#[godot_api]
impl IEngineProfiler for Profiler {
    fn tick(&mut self, _: f64, _: f64, _: f64, _: f64) {
        with_watch(Watch::look);
    }
}

/// Is offered what is loaded, and leaves it to others.
#[derive(GodotClass)]
#[class(init, internal, base = ResourceFormatLoader, rename = OpenSSLDTLSFormatLoader)]
struct FormatLoader {}

#[godot_api]
impl IResourceFormatLoader for FormatLoader {
    fn recognize_path(&self, path: GString, _type: StringName) -> bool {
        let path = path.to_string();
        let may_hold_scripts = [".gd", ".tscn", ".tres"]
            .iter()
            .any(|end| path.ends_with(end));
        if may_hold_scripts && path.starts_with("res://") {
            with_watch(|watch| watch.before_load(&path));
        }
        false
    }
}

/// What tells whether a file has changed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok()?,
            length: metadata.len(),
        })
    }
}

/// A file that is in an overlay.
struct Overlaid {
    path: String,
    on_disk: PathBuf,
    /// Of the file as it was when its text below was made, or older.
    stamp: Option<Stamp>,
    /// Of the text in the overlay.
    hash: u64,
}

impl Overlaid {
    fn has_changed(&self) -> bool {
        self.stamp != Stamp::of(&self.on_disk)
    }
}

struct Watch {
    root: PathBuf,
    overlaid: Vec<Overlaid>,
    /// The place in `overlaid` where the next look begins.
    next: usize,
    looked_at: Instant,
    /// Before the project was read last.
    scanned_at: SystemTime,
    /// Files outside the overlay that were newer than the last scan and have been scanned since.
    scanned: HashMap<String, Option<Stamp>>,
    packs: Packs,
}

/// The packs that this process made.
struct Packs {
    folder: PathBuf,
    unique: u64,
    count: u32,
    /// With the paths that are read from them.
    made: Vec<(PathBuf, Vec<String>)>,
}

impl Drop for Packs {
    fn drop(&mut self) {
        for (pack, _) in &self.made {
            let _ = fs::remove_file(pack);
        }
    }
}

impl Packs {
    fn add(&mut self, entries: &[pack::Entry<'_>]) -> Result<(), String> {
        let name = format!(
            "{}{:016x}-{}.pck",
            pack::OF_ONE_GAME,
            self.unique,
            self.count
        );
        self.count += 1;
        let made = self.folder.join(name);
        pack::add(&made, entries)?;
        let paths: Vec<String> = entries.iter().map(|(path, _)| (*path).to_owned()).collect();
        for (_, older) in &mut self.made {
            older.retain(|path| !paths.contains(path));
        }
        // The engine reads nothing any more from packs all of whose files are in newer ones.
        self.made
            .retain(|(pack, paths)| !(paths.is_empty() && fs::remove_file(pack).is_ok()));
        self.made.push((made, paths));
        Ok(())
    }
}

impl Watch {
    fn new(root: &Path, folder: PathBuf, changed: &[Changed], scanned_at: SystemTime) -> Self {
        let overlaid = changed.iter().map(|file| Overlaid {
            path: file.path.clone(),
            on_disk: file.on_disk.clone(),
            stamp: Stamp::of(&file.on_disk).filter(|stamp| stamp.modified < scanned_at),
            hash: hash_of(file.text.as_bytes()),
        });
        Self {
            root: root.to_owned(),
            overlaid: overlaid.collect(),
            next: 0,
            looked_at: Instant::now(),
            scanned_at,
            scanned: HashMap::new(),
            packs: Packs {
                folder,
                unique: RandomState::new().hash_one(()),
                count: 0,
                made: Vec::new(),
            },
        }
    }

    /// Looks at some of the files in turn, so that a look costs little in a project of many.
    fn look(&mut self) {
        const MOST: usize = 32;
        self.looked_at = Instant::now();
        let count = self.overlaid.len();
        let changed = (0..count.min(MOST))
            .map(|ahead| &self.overlaid[(self.next + ahead) % count])
            .any(Overlaid::has_changed);
        self.next = (self.next + MOST) % count.max(1);
        if changed {
            self.refresh();
        }
    }

    /// Reads the project again and lays over it what has changed. A file can be read while it is written, so that it takes
    /// another time.
    fn refresh(&mut self) {
        const MOST: usize = 10;
        for _ in 0..MOST {
            self.refresh_once();
            if !self.overlaid.iter().any(Overlaid::has_changed) {
                break;
            }
        }
    }

    fn look_now_and_then(&mut self) {
        const INTERVAL: Duration = Duration::from_millis(100);
        if self.looked_at.elapsed() >= INTERVAL {
            self.look();
        }
    }

    /// What is loaded may have changed itself, or what it depends on.
    fn before_load(&mut self, path: &str) {
        let changed = match self.overlaid.iter().find(|file| file.path == path) {
            Some(file) => file.has_changed(),
            None => self.is_newer_than_scan(path),
        };
        if changed {
            self.refresh();
        } else {
            self.look_now_and_then();
        }
    }

    /// Whether a file that is in no overlay was written after the project was read.
    fn is_newer_than_scan(&mut self, path: &str) -> bool {
        let on_disk = self.root.join(path.trim_start_matches("res://"));
        let stamp = Stamp::of(&on_disk);
        if stamp.is_none_or(|stamp| stamp.modified < self.scanned_at)
            || self.scanned.get(path) == Some(&stamp)
        {
            return false;
        }
        self.scanned.insert(path.to_owned(), stamp);
        true
    }

    fn refresh_once(&mut self) {
        self.scanned_at = SystemTime::now();
        for file in &mut self.overlaid {
            file.stamp = Stamp::of(&file.on_disk);
        }
        let renamed = project::renamed(&self.root).changed;
        let mut texts: HashMap<String, (PathBuf, Vec<u8>)> = renamed
            .into_iter()
            .map(|file| (file.path, (file.on_disk, file.text.into_bytes())))
            .collect();
        let mut new = Vec::new();
        for file in &mut self.overlaid {
            // A file that names no class any more is in the overlay all the same, as it is.
            let text = match texts.remove(&file.path) {
                Some((_, text)) => text,
                None => match fs::read(&file.on_disk) {
                    Ok(text) => text,
                    Err(_) => continue,
                },
            };
            let hash = hash_of(&text);
            if hash != file.hash {
                file.hash = hash;
                new.push((file.path.clone(), text));
            }
        }
        for (path, (on_disk, text)) in texts {
            self.overlaid.push(Overlaid {
                path: path.clone(),
                // The next look reads it once more: it may have changed since.
                stamp: None,
                on_disk,
                hash: hash_of(&text),
            });
            new.push((path, text));
        }
        if new.is_empty() {
            return;
        }
        let entries: Vec<pack::Entry<'_>> = new
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_slice()))
            .collect();
        if let Err(why) = self.packs.add(&entries) {
            godot_error!(
                "OpenSSL DTLS: {} keeps its old text while the project runs, since the new one could not be laid over it: {why}.",
                new[0].0
            );
        }
    }
}

fn hash_of(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
