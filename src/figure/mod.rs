//! Pictures and tables without a window.

pub mod csv;
pub mod raster;
pub mod svg;
