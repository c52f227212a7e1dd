//! How far a download has come, told often enough for an eye and no more.

use std::time::{Duration, Instant};

use crate::job::{Progress, Sink};

const EVERY: Duration = Duration::from_millis(100);
/// Before this much time has passed there is no telling how long the rest takes.
const WARM_UP: Duration = Duration::from_secs(2);

/// Bytes of all files together.
pub struct Meter<'a> {
    sink: Sink<'a>,
    pub total: u64,
    pub done: u64,
    note: String,
    /// Bytes which came over the network, since when.
    fetched: u64,
    since: Instant,
    told: Option<Instant>,
}

impl<'a> Meter<'a> {
    pub fn new(sink: Sink<'a>) -> Self {
        Self { sink, total: 0, done: 0, note: String::new(), fetched: 0, since: Instant::now(), told: None }
    }

    /// Says what is done from now on.
    pub fn say(&mut self, note: impl Into<String>) {
        self.note = note.into();
        self.tell();
    }

    /// Starts to count bytes from the network.
    pub fn start(&mut self, total: u64) {
        (self.total, self.done, self.fetched, self.since) = (total, 0, 0, Instant::now());
    }

    pub fn add(&mut self, bytes: u64) {
        self.fetched += bytes;
        self.done += bytes;
        if self.told.is_none_or(|told| told.elapsed() >= EVERY) || self.done >= self.total {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.told = Some(Instant::now());
        let progress = Progress { done: self.done, total: self.total, note: self.note.clone(), left: self.left() };
        (self.sink)(progress);
    }

    fn left(&self) -> Option<Duration> {
        let (elapsed, rest) = (self.since.elapsed(), self.total.saturating_sub(self.done));
        if elapsed < WARM_UP || self.fetched == 0 || rest == 0 {
            return None;
        }
        Duration::try_from_secs_f64(elapsed.as_secs_f64() * rest as f64 / self.fetched as f64).ok()
    }
}

/// Bytes as people write them: `1.5 GB`.
pub fn size(bytes: u64) -> String {
    match bytes as f64 {
        b if b >= 999.5e6 => format!("{:.1} GB", b / 1e9),
        b if b >= 999.5e3 => format!("{:.0} MB", b / 1e6),
        b => format!("{:.0} kB", b / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_their_unit() {
        assert_eq!(
            [96_000, 269_060_552, 999_700_000, 1_503_300_328].map(size),
            ["96 kB", "269 MB", "1.0 GB", "1.5 GB"]
        );
    }
}
