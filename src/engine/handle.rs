//! The window's end of the engine: send requests, drain events, set the steering, stop the work.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::thread::{Outlet, serve};
use super::{Event, Request};
use crate::job::Cancel;
use crate::steering::Steering;

/// The newest steering. The window writes it as often as a slider moves; the engine reads it before every token.
#[derive(Clone, Debug, Default)]
pub struct SteeringSlot(Arc<Mutex<Option<Arc<Steering>>>>);

impl SteeringSlot {
    pub fn set(&self, steering: Steering) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(steering));
    }

    /// What was set last. Unchanged as long as the pointer is.
    pub fn get(&self) -> Option<Arc<Steering>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The flag of all that was asked for since the last stop, so that Stop also reaches requests still in the queue.
#[derive(Debug, Default)]
struct Outstanding(Mutex<Cancel>);

impl Outstanding {
    fn flag(&self) -> Cancel {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn cancel(&self) {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).cancel();
    }
}

/// A request with the flag that stops it.
pub type Order = (Request, Cancel);

/// The window's end of the engine.
pub struct Handle {
    orders: Sender<Order>,
    events: Receiver<Event>,
    steering: SteeringSlot,
    outstanding: Outstanding,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Handle {
    /// Asks for something. Never waits: requests are few and served in order.
    pub fn send(&self, request: Request) {
        // An engine that is gone has said why in its last event.
        let _ = self.orders.send((request, self.outstanding.flag()));
    }

    /// Takes the events that are there.
    pub fn events(&self) -> impl Iterator<Item = Event> {
        std::iter::from_fn(|| self.events.try_recv().ok())
    }

    /// Waits for the next event. None once the engine has ended. For callers without a window.
    pub fn next_event(&self) -> Option<Event> {
        self.events.recv().ok()
    }

    /// Sets the steering of this run and of those to come.
    pub fn steer(&self, steering: Steering) {
        self.steering.set(steering);
    }

    /// Stops the work under way and all that was asked for so far.
    pub fn stop(&self) {
        self.outstanding.cancel();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
        let _ = self.orders.send((Request::Quit, Cancel::new()));
        if let Some(thread) = self.thread.take() {
            // A panic of the engine has been reported as its last event.
            let _ = thread.join();
        }
    }
}

/// Starts the engine thread. `wake` is called after every event, so that a window can repaint.
///
/// # Errors
/// When the system refuses a thread.
pub fn start(wake: impl Fn() + Send + Sync + 'static) -> std::io::Result<Handle> {
    let (mut handle, script) = scripted();
    let Script { requests, events, steering } = script;
    let thread = std::thread::Builder::new()
        .name("engine".into())
        .stack_size(16 << 20)
        .spawn(move || serve(&requests, &Outlet::new(events, Arc::new(wake)), &steering))?;
    handle.thread = Some(thread);
    Ok(handle)
}

/// The engine's end of a [`Handle`], for a test which plays the engine.
pub struct Script {
    pub requests: Receiver<Order>,
    pub events: Sender<Event>,
    pub steering: SteeringSlot,
}

/// A handle whose engine is the caller.
pub fn scripted() -> (Handle, Script) {
    let (order_tx, order_rx) = channel();
    let (event_tx, event_rx) = channel();
    let steering = SteeringSlot::default();
    let handle = Handle {
        orders: order_tx,
        events: event_rx,
        steering: steering.clone(),
        outstanding: Outstanding::default(),
        thread: None,
    };
    (handle, Script { requests: order_rx, events: event_tx, steering })
}

#[cfg(test)]
mod tests {
    use crate::model::Keep;
    use std::path::PathBuf;

    use super::*;
    use crate::steering::Term;

    #[test]
    fn the_newest_steering_wins() {
        let (handle, script) = scripted();
        for strength in [0.1, 0.2, 0.3] {
            handle.steer(Steering { terms: vec![Term { name: "calm".into(), strength }], ..Steering::default() });
        }
        let newest = script.steering.get().unwrap();
        assert_eq!(newest.terms[0].strength, 0.3);
    }

    #[test]
    fn stop_reaches_what_was_sent_before_it_only() {
        let (handle, script) = scripted();
        handle.send(Request::OpenModel(PathBuf::from("a"), Keep::default()));
        handle.send(Request::OpenModel(PathBuf::from("b"), Keep::default()));
        handle.stop();
        handle.send(Request::OpenModel(PathBuf::from("c"), Keep::default()));
        let flags: Vec<bool> = script.requests.try_iter().map(|(_, cancel)| cancel.is_cancelled()).collect();
        assert_eq!(flags, [true, true, false]);
    }

    #[test]
    fn events_are_drained_without_waiting() {
        let (handle, script) = scripted();
        assert_eq!(handle.events().count(), 0);
        script.events.send(Event::Began(super::super::Work::Running)).unwrap();
        assert_eq!(handle.events().count(), 1);
    }
}
