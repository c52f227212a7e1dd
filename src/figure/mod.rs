//! Pictures and tables without a window.

pub mod csv;
pub mod drawing;
pub mod map;
pub mod raster;
pub mod svg;
