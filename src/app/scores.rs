//! Scores and maps, computed once each and kept: nothing here runs the model.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use ndarray::ArrayView2;

use super::run::Run;
use super::state::{OpenBank, Pin, Scale, Session, Span};
use crate::bank::VectorSet;
use crate::geometry::{self, Map};
use crate::reading::{self, Metric};

/// Multiplications spent on scores per frame, so that a long text never holds up the window.
const WORK_PER_FRAME: usize = 40_000_000;

/// What the scores depend on, besides the tokens themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    run: u64,
    rewritten: u64,
    answer_at: Option<usize>,
    bank: u64,
    block: usize,
    metric: Metric,
    vectors: VectorSet,
}

/// Scores of the shown run, [T, E], as far as they have been computed.
#[derive(Default)]
pub struct Scores {
    key: Option<Key>,
    emotions: usize,
    values: Vec<f32>,
    error: Option<String>,
    /// The 99th percentile of |score| for these pins and this many rows.
    percentile: Option<(Vec<usize>, usize, f32)>,
}

impl Scores {
    /// Brings the scores up to date. Returns whether rows are still missing, so that another frame is due.
    pub fn update(&mut self, session: &Session, metric: Metric) -> bool {
        let (Some(run), Some(bank)) = (&session.run, &session.bank) else {
            *self = Self::default();
            return false;
        };
        let key = Key {
            run: run.id,
            rewritten: run.rewritten,
            answer_at: run.answer_at(),
            bank: bank.id,
            block: session.block,
            metric,
            vectors: session.vectors,
        };
        if self.key != Some(key) {
            *self = Self { key: Some(key), emotions: bank.bank.emotions.len(), ..Self::default() };
        }
        if self.error.is_some() || self.rows() >= run.rows() {
            return false;
        }
        self.extend(run, bank, key);
        self.error.is_none() && self.rows() < run.rows()
    }

    fn extend(&mut self, run: &Run, bank: &OpenBank, key: Key) {
        let first = self.rows();
        let per_row = (self.emotions * bank.bank.vectors.dim().2).max(1);
        let rows = (run.rows() - first).min((WORK_PER_FRAME / per_row).max(64));
        let Some(residuals) = run.residuals(key.block, first, rows) else {
            self.error = Some(format!("the model has no block {}\nChoose another block", key.block));
            return;
        };
        let answer_at = key.answer_at.and_then(|token| token.checked_sub(first)).filter(|&row| row < rows);
        match reading::scores(&bank.bank, key.vectors, key.block, key.metric, residuals, answer_at) {
            Ok(scores) => self.values.extend(scores.iter()),
            Err(error) => self.error = Some(error.to_string()),
        }
    }

    /// Tokens with scores.
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.emotions).unwrap_or(0)
    }

    /// Why there are no scores: the first line says what, the second what to do.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Score of an emotion at a token.
    pub fn at(&self, token: usize, emotion: usize) -> Option<f32> {
        if emotion >= self.emotions {
            return None;
        }
        self.values.get(token * self.emotions + emotion).copied()
    }

    /// Mean scores of all emotions over a span. The first token is left out of longer spans: its norm is an outlier.
    pub fn over(&self, span: Span) -> Option<Vec<f32>> {
        let first = if span.last > span.first { span.first.max(1) } else { span.first };
        if self.emotions == 0 || span.last >= self.rows() {
            return None;
        }
        let mut sums = vec![0.0f64; self.emotions];
        for row in self.values[first * self.emotions..(span.last + 1) * self.emotions].chunks(self.emotions) {
            sums.iter_mut().zip(row).for_each(|(sum, &score)| *sum += f64::from(score));
        }
        let rows = (span.last + 1 - first) as f64;
        Some(sums.into_iter().map(|sum| (sum / rows) as f32).collect())
    }

    /// The score which has full colour.
    pub fn full_scale(&mut self, scale: Scale, metric: Metric, pins: &[Pin], lead: Option<usize>) -> f32 {
        match (scale, metric) {
            (Scale::Fixed, Metric::Z) => 3.0,
            (Scale::Fixed, Metric::Cosine) => 0.3,
            (Scale::Percentile, _) | (_, Metric::Dot) => self.percentile(pins, lead),
        }
    }

    fn percentile(&mut self, pins: &[Pin], lead: Option<usize>) -> f32 {
        let mut shown: Vec<usize> = pins.iter().map(|pin| pin.emotion).chain(lead).collect();
        shown.sort_unstable();
        shown.dedup();
        let rows = self.rows();
        if let Some((emotions, at, value)) = &self.percentile
            && *emotions == shown
            && *at == rows
        {
            return *value;
        }
        let scores = ArrayView2::from_shape((rows, self.emotions), &self.values);
        let value = scores.ok().and_then(|scores| reading::scale_p99(scores, &shown)).unwrap_or(1.0);
        self.percentile = Some((shown, rows, value));
        value
    }
}

/// What a map depends on: bank, block, vectors and the two components.
pub type MapKey = (u64, usize, VectorSet, [usize; 2]);

type MapResult = Result<Arc<Map>, String>;

/// Work done elsewhere than in the frame: on a thread in the window, at once in a test.
pub type Spawn = fn(Box<dyn FnOnce() + Send>);

/// Runs the work on a thread of its own.
pub fn on_a_thread(work: Box<dyn FnOnce() + Send>) {
    // Without a thread there is no map, and the rest of the window goes on.
    let _ = std::thread::Builder::new().name("map".into()).spawn(work);
}

/// Runs the work now, so that a test or a screenshot sees its result in the next frame.
pub fn at_once(work: Box<dyn FnOnce() + Send>) {
    work();
}

/// Maps by what they depend on. The last one stays until the next is there.
pub struct Maps {
    known: HashMap<MapKey, MapResult>,
    pending: Option<MapKey>,
    shown: Option<MapKey>,
    spawn: Spawn,
    sender: Sender<(MapKey, MapResult)>,
    receiver: Receiver<(MapKey, MapResult)>,
}

impl Maps {
    pub fn new(spawn: Spawn) -> Self {
        let (sender, receiver) = channel();
        Self { known: HashMap::new(), pending: None, shown: None, spawn, sender, receiver }
    }

    /// Asks for the map of the session and takes in what has been computed.
    pub fn update(&mut self, ctx: &egui::Context, session: &Session, components: [usize; 2]) {
        let Some(bank) = &session.bank else {
            self.known.clear();
            self.shown = None;
            return;
        };
        let key = (bank.id, session.block, session.vectors, components);
        if !self.known.contains_key(&key) && self.pending != Some(key) {
            self.known.retain(|known, _| known.0 == bank.id);
            self.pending = Some(key);
            let (bank, sender, ctx) = (bank.bank.clone(), self.sender.clone(), ctx.clone());
            (self.spawn)(Box::new(move || {
                let (_, block, vectors, [x, y]) = key;
                let map = geometry::map(&bank, block, vectors, x, y).map(Arc::new).map_err(|error| error.to_string());
                // The window may be gone by now.
                let _ = sender.send((key, map));
                ctx.request_repaint();
            }));
        }
        for (key, map) in self.receiver.try_iter() {
            self.known.insert(key, map);
            if self.pending == Some(key) {
                self.pending = None;
            }
        }
        if self.known.contains_key(&key) {
            self.shown = Some(key);
        } else if self.shown.is_some_and(|shown| shown.0 != key.0) {
            self.shown = None;
        }
    }

    /// The map to show, or why there is none.
    pub fn shown(&self) -> Option<&MapResult> {
        self.known.get(&self.shown?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(values: &[[f32; 2]]) -> Scores {
        Scores { emotions: 2, values: values.iter().flatten().copied().collect(), ..Scores::default() }
    }

    #[test]
    fn a_span_leaves_out_the_first_token() {
        let scores = scores(&[[100.0, 0.0], [1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(scores.over(Span::of(0, 2)), Some(vec![2.0, 3.0]));
        assert_eq!(scores.over(Span::of(0, 0)), Some(vec![100.0, 0.0]));
        assert_eq!(scores.over(Span::of(1, 3)), None);
    }

    #[test]
    fn the_percentile_leaves_out_the_first_token() {
        let mut scores = scores(&[[100.0, 0.0], [1.0, 0.0], [-2.0, 0.0]]);
        let pins = [Pin { emotion: 0, colour: 0 }];
        assert!(scores.full_scale(Scale::Percentile, Metric::Z, &pins, None) <= 2.0);
        assert_eq!(scores.full_scale(Scale::Fixed, Metric::Z, &pins, None), 3.0);
    }

    #[test]
    fn no_score_is_no_number() {
        assert_eq!(scores(&[[1.0, 2.0]]).at(0, 2), None);
        assert_eq!(scores(&[[1.0, 2.0]]).at(1, 0), None);
    }
}
