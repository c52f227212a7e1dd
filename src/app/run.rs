//! The text of one run with the residuals it left behind, from which every reading is computed without the model.

use ndarray::{ArrayView2, s};

use super::state::Span;
use crate::engine::{RunId, RunRequest, RunSummary, RunTokens, TokenText};

/// A run: prompt, reply as far as it has come, and residuals after every block.
pub struct Run {
    pub id: RunId,
    pub request: RunRequest,
    pub tokens: Vec<TokenText>,
    /// 0 until the prompt has been read.
    pub prompt_tokens: usize,
    pub summary: Option<RunSummary>,
    /// Positions at which the steering changed, and whether the text was read again from the start.
    pub changes: Vec<(usize, bool)>,
    /// Counts how often rows already known were replaced: scores of an older count are stale.
    pub rewritten: u64,
    width: usize,
    /// Per block, [T, D] row after row.
    residuals: Vec<Vec<f32>>,
}

impl Run {
    pub fn new(request: RunRequest) -> Self {
        Self {
            id: request.run,
            request,
            tokens: Vec::new(),
            prompt_tokens: 0,
            summary: None,
            changes: Vec::new(),
            rewritten: 0,
            width: 0,
            residuals: Vec::new(),
        }
    }

    /// Takes in new tokens, or new residuals of old ones.
    pub fn add(&mut self, new: RunTokens) {
        let (blocks, rows, width) = new.residual.dim();
        self.tokens.extend(new.tokens);
        self.prompt_tokens = new.prompt_tokens;
        let known = self.rows();
        if known == 0 {
            self.width = width;
            self.residuals = vec![Vec::new(); blocks];
        }
        if new.first > known || width != self.width || blocks != self.residuals.len() {
            // Not a continuation of this run: keep what is sound.
            return;
        }
        if new.first < known {
            self.rewritten += 1;
        }
        for (block, kept) in self.residuals.iter_mut().enumerate() {
            let end = (new.first + rows) * width;
            if kept.len() < end {
                kept.resize(end, 0.0);
            }
            let from = new.residual.slice(s![block, .., ..]);
            let kept = &mut kept[new.first * width..end];
            match from.as_slice() {
                Some(values) => kept.copy_from_slice(values),
                None => kept.iter_mut().zip(from).for_each(|(to, &value)| *to = value),
            }
        }
    }

    /// Tokens which have been through the model.
    pub fn rows(&self) -> usize {
        self.residuals.first().map_or(0, |block| block.len().checked_div(self.width).unwrap_or(0))
    }

    /// Residuals after a block from row `first` on, [rows, D].
    pub fn residuals(&self, block: usize, first: usize, rows: usize) -> Option<ArrayView2<'_, f32>> {
        let values = self.residuals.get(block)?.get(first * self.width..(first + rows) * self.width)?;
        ArrayView2::from_shape((rows, self.width), values).ok()
    }

    /// Position of the token about to answer, when the prompt was rendered as a chat.
    pub fn answer_at(&self) -> Option<usize> {
        if self.request.chat { self.prompt_tokens.checked_sub(1) } else { None }
    }

    /// The text of a span, shortened for a title.
    pub fn excerpt(&self, span: Span) -> String {
        let text: String = self
            .tokens
            .iter()
            .skip(span.first)
            .take(span.last + 1 - span.first)
            .map(|token| token.text.as_str())
            .collect();
        let text = super::format::visible(text.trim());
        if text.chars().count() <= 28 {
            return text;
        }
        let head: String = text.chars().take(27).collect();
        format!("{head}…")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ndarray::Array3;

    use super::*;
    use crate::engine::Sampling;

    fn run() -> Run {
        let sampling = Sampling { temperature: 0.0, top_p: 1.0, seed: 0 };
        Run::new(RunRequest { run: 1, prompt: "a b".into(), chat: true, max_tokens: 4, sampling, pace: None })
    }

    fn tokens(first: usize, values: &[f32], text: &[&str]) -> RunTokens {
        let residual = Array3::from_shape_fn((2, values.len(), 3), |(block, t, d)| {
            values[t] + 10.0 * block as f32 + 0.1 * d as f32
        });
        let tokens = text.iter().map(|text| TokenText { id: 0, text: (*text).into(), logprob: None }).collect();
        RunTokens { run: 1, tokens, prompt_tokens: 2, first, residual: Arc::new(residual) }
    }

    #[test]
    fn rows_append_and_are_replaced() {
        let mut run = run();
        run.add(tokens(0, &[1.0, 2.0], &["a", " b"]));
        run.add(tokens(2, &[3.0], &[" c"]));
        assert_eq!(run.rows(), 3);
        assert_eq!(run.residuals(1, 2, 1).unwrap()[[0, 0]], 13.0);
        assert_eq!(run.rewritten, 0);
        run.add(tokens(0, &[7.0, 8.0, 9.0], &[]));
        assert_eq!((run.rows(), run.tokens.len(), run.rewritten), (3, 3, 1));
        assert_eq!(run.residuals(0, 1, 2).unwrap()[[1, 0]], 9.0);
    }

    #[test]
    fn a_gap_is_not_taken_in() {
        let mut run = run();
        run.add(tokens(0, &[1.0], &["a"]));
        run.add(tokens(5, &[1.0], &[]));
        assert_eq!(run.rows(), 1);
    }

    #[test]
    fn the_last_token_of_the_prompt_is_about_to_answer() {
        let mut run = run();
        assert_eq!(run.answer_at(), None);
        run.add(tokens(0, &[1.0, 2.0], &["a", " b"]));
        assert_eq!(run.answer_at(), Some(1));
        run.request.chat = false;
        assert_eq!(run.answer_at(), None);
    }
}
