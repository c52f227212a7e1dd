//! What a long job needs from its caller, and nothing about who that is: a place to report progress and a flag that asks it to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A flag which asks a job to stop. Clones share it. Jobs look at it at least every 200 ms of work.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the job to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How far a job has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Units done, of `total`.
    pub done: u64,
    /// All units; 0 while unknown.
    pub total: u64,
    /// What is being done, in sentence case without a full stop: "Reading stories".
    pub note: String,
    /// Estimated time left, once there is something to estimate from.
    pub left: Option<Duration>,
}

/// Where a job reports. It is called often; the listener decides what to show.
pub type Sink<'a> = &'a mut dyn FnMut(Progress);

/// A sink which hears nothing.
pub fn silent(_: Progress) {}
