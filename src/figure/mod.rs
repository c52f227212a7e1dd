//! Pictures and tables without a window.

pub mod csv;
pub mod drawing;
pub mod lines;
pub mod map;
pub mod matrix;
mod paper;
pub mod raster;
pub mod svg;
