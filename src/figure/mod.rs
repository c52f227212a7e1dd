//! Pictures and tables without a window.

pub mod csv;
pub mod svg;
