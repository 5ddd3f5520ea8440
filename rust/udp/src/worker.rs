//! A background thread that is started on demand and parks while there is nothing to do.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::lock::lock;

pub(crate) struct Worker {
    thread: Mutex<Thread>,
    /// The thread is parked or about to park.
    is_parked: AtomicBool,
    /// [`Worker::request`] was called since the thread last checked.
    is_requested: AtomicBool,
    is_stopping: AtomicBool,
}

enum Thread {
    NotStarted,
    Running(JoinHandle<()>),
    /// There is one processor, the system refused a thread, or the worker was stopped.
    Unavailable,
}

impl Worker {
    pub(crate) fn new() -> Worker {
        // On one processor the thread would only take time from the caller's.
        let has_processors = thread::available_parallelism().is_ok_and(|count| count.get() > 1);
        Worker {
            thread: Mutex::new(if has_processors {
                Thread::NotStarted
            } else {
                Thread::Unavailable
            }),
            is_parked: AtomicBool::new(false),
            is_requested: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
        }
    }

    /// Starts the thread with the `run` that `make_run` returns, unless it was started before. Returns whether it runs.
    pub(crate) fn start<R>(&self, name: &str, make_run: impl FnOnce() -> R) -> bool
    where
        R: FnOnce() + Send + 'static,
    {
        let mut thread = lock(&self.thread);
        if matches!(*thread, Thread::NotStarted) {
            let started = thread::Builder::new()
                .name(name.to_owned())
                .spawn(make_run());
            *thread = match started {
                Ok(handle) => Thread::Running(handle),
                Err(error) => {
                    log::debug!(target: "udp", "no thread {name}: {error}");
                    Thread::Unavailable
                }
            };
        }
        matches!(*thread, Thread::Running(_))
    }

    /// Has the thread look for work now and for a while.
    pub(crate) fn request(&self) {
        self.is_requested.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Unparks the thread if it is parked.
    pub(crate) fn wake(&self) {
        if self.is_parked.load(Ordering::SeqCst)
            && self.is_parked.swap(false, Ordering::SeqCst)
            && let Thread::Running(handle) = &*lock(&self.thread)
        {
            handle.thread().unpark();
        }
    }

    /// Ends the thread and joins it. It cannot be started again.
    pub(crate) fn stop(&self) {
        let thread = std::mem::replace(&mut *lock(&self.thread), Thread::Unavailable);
        if let Thread::Running(handle) = thread {
            self.is_stopping.store(true, Ordering::SeqCst);
            handle.thread().unpark();
            // It does not panic.
            let _ = handle.join();
        }
    }

    /// For the thread: whether it is to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    /// For the thread: whether there was a request since the last call.
    pub(crate) fn take_request(&self) -> bool {
        self.is_requested.swap(false, Ordering::SeqCst)
    }

    /// For the thread: parks until it is woken, at most for `limit` if there is one, unless there is work, a request or
    /// the end.
    pub(crate) fn park(&self, limit: Option<Duration>, has_work: impl FnOnce() -> bool) {
        self.is_parked.store(true, Ordering::SeqCst);
        // Checked after `is_parked` is set: a caller that adds work later wakes the thread.
        let is_needed =
            has_work() || self.is_requested.load(Ordering::SeqCst) || self.is_stopping();
        match limit {
            _ if is_needed => {}
            Some(limit) => thread::park_timeout(limit),
            None => thread::park(),
        }
        self.is_parked.store(false, Ordering::SeqCst);
    }
}
