//! The loop of the engine thread.

use std::sync::mpsc::{Receiver, Sender};

use super::{Event, Order, Request, SteeringSlot};

/// Where events go, and the waker called after each.
pub struct Outlet {
    events: Sender<Event>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Outlet {
    pub fn new(events: Sender<Event>, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        Self { events, wake }
    }

    pub fn tell(&self, event: Event) {
        // Nobody listens any more once the window is closing.
        let _ = self.events.send(event);
        (self.wake)();
    }
}

/// Serves requests in order until `Quit` or until the handle is gone.
pub fn serve(orders: &Receiver<Order>, _out: &Outlet, _steering: &SteeringSlot) {
    for (request, _cancel) in orders {
        match request {
            Request::Quit => return,
            _ => {}
        }
    }
}
