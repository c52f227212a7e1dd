//! The window.

/// Opens the window and returns when it is closed.
pub fn run_window() -> anyhow::Result<()> {
    anyhow::bail!("not written yet")
}
