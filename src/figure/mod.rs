//! Pictures without a window.

pub mod raster;
