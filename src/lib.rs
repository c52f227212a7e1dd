//! Circumplex: see and steer the emotion vectors inside a language model on your own machine.
//!
//! The library does everything; the window (`app`) and the terminal (`cli`) are two thin fronts on the same functions.
//! ARCHITECTURE.md at the root has the map of the modules and the invariants which a test holds.

/// The name under which the model inside the program, and its bank, are opened. A folder or file of that name is `./inside`.
pub const INSIDE: &str = "inside";

/// Whether a path names what is inside the program.
pub fn is_inside(path: &std::path::Path) -> bool {
    path == std::path::Path::new(INSIDE)
}

pub mod app;
pub mod bank;
pub mod cli;
pub mod corpus;
pub mod emotion;
pub mod engine;
pub mod figure;
pub mod geometry;
pub mod job;
pub mod lab;
pub mod model;
pub mod reading;
pub mod steering;
