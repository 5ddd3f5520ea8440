//! The export that is running, for plugins that the engine calls one by one. It runs one export at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::editor::Editor;
use super::place::Place;
use super::run::{Begun, Message, Run};

/// The exports of a process.
#[derive(Debug, Default)]
pub struct Exports {
    run: Mutex<Option<Run>>,
    has_failed: AtomicBool,
}

impl Exports {
    /// None has begun.
    pub const fn new() -> Self {
        Self {
            run: Mutex::new(None),
            has_failed: AtomicBool::new(false),
        }
    }

    fn run(&self) -> MutexGuard<'_, Option<Run>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the export that ran before, if its end was not seen. Returns why nothing is renamed where something
    /// could be.
    pub fn start(&self, begun: Begun) -> Option<Message> {
        *self.run() = begun.run;
        begun.warning
    }

    /// As [`Run::offer`]; `None` outside of exports that rename something.
    pub fn offer(&self, place: Place, path: &str) -> Option<String> {
        self.run().as_mut()?.offer(place, path)
    }

    /// As [`Run::finish`]. Returns lines for the editor's export dialog.
    pub fn finish(&self, editor: &dyn Editor) -> Vec<Message> {
        let Some(run) = self.run().take() else {
            return Vec::new();
        };
        let finish = run.finish(editor);
        self.has_failed
            .fetch_or(finish.has_failed, Ordering::Relaxed);
        finish.messages
    }

    /// Whether any export failed.
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }
}
