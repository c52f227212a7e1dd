//! Where each token of a transcript lies: lines broken between words, so that only what is in view has to be drawn.

use std::collections::HashMap;

/// Tokens `first..end` on one line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    pub first: usize,
    pub end: usize,
    /// Top of the line.
    pub y: f32,
}

/// Lines of a text, extended as tokens arrive.
#[derive(Default)]
pub struct Layout {
    wrap: f32,
    line_height: f32,
    /// Space above the first line of the reply.
    gap: f32,
    reply: usize,
    pub lines: Vec<Line>,
    /// Left edge and width of each token.
    pub spans: Vec<(f32, f32)>,
    widths: HashMap<String, f32>,
}

impl Layout {
    /// An empty layout for this width. `reply` is the first token of the reply, which starts a new paragraph.
    pub fn new(wrap: f32, line_height: f32, gap: f32, reply: usize) -> Self {
        Self { wrap, line_height, gap, reply, ..Self::default() }
    }

    /// Whether this layout was made for these sizes.
    pub fn fits(&self, wrap: f32, line_height: f32, reply: usize) -> bool {
        self.wrap == wrap && self.line_height == line_height && self.reply == reply
    }

    /// Lays out the tokens which are new. `texts` are all tokens as shown.
    pub fn extend<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a str> + Clone, measure: impl Fn(&str) -> f32) {
        if texts.len() <= self.spans.len() {
            return;
        }
        // The last word may go on, so its line is laid out again.
        let (restart, mut y) = self.lines.pop().map_or((0, 0.0), |line| (line.first, line.y));
        self.spans.truncate(restart);
        let mut first = restart;
        let mut word = restart;
        let mut x = 0.0;
        let mut breaks = false;
        for (index, text) in texts.enumerate().skip(restart) {
            let width = self.width_of(text, &measure);
            if index == self.reply && index > restart {
                self.lines.push(Line { first, end: index, y });
                y += self.line_height + self.gap;
                (first, word, x) = (index, index, 0.0);
            } else if breaks && !is_line_end(text) {
                self.lines.push(Line { first, end: index, y });
                y += self.line_height;
                (first, word, x) = (index, index, 0.0);
            } else if text.starts_with(char::is_whitespace) {
                word = index;
            }
            if x + width > self.wrap && index > first {
                let cut = if word > first { word } else { index };
                self.lines.push(Line { first, end: cut, y });
                y += self.line_height;
                let shift = self.spans.get(cut).map_or(x, |span| span.0);
                self.spans[cut..].iter_mut().for_each(|span| span.0 -= shift);
                x -= shift;
                (first, word) = (cut, cut);
            }
            self.spans.push((x, width));
            x += width;
            breaks = text.contains('↵');
        }
        self.lines.push(Line { first, end: self.spans.len(), y });
    }

    fn width_of(&mut self, text: &str, measure: &impl Fn(&str) -> f32) -> f32 {
        if let Some(width) = self.widths.get(text) {
            return *width;
        }
        let width = measure(text);
        self.widths.insert(text.to_owned(), width);
        width
    }

    /// Height of all lines.
    pub fn height(&self) -> f32 {
        self.lines.last().map_or(0.0, |line| line.y + self.line_height)
    }

    /// The lines which touch `top..bottom`.
    pub fn visible(&self, top: f32, bottom: f32) -> &[Line] {
        let from = self.lines.partition_point(|line| line.y + self.line_height < top);
        let to = self.lines.partition_point(|line| line.y < bottom);
        &self.lines[from.min(to)..to]
    }

    /// The token at a place.
    pub fn token_at(&self, x: f32, y: f32) -> Option<usize> {
        let line = self.lines.partition_point(|line| line.y <= y).checked_sub(1)?;
        let line = self.lines[line];
        if y > line.y + self.line_height {
            return None;
        }
        (line.first..line.end).find(|&token| {
            let (left, width) = self.spans[token];
            (left..left + width).contains(&x)
        })
    }
}

/// Line ends only: several in a row stand on one line.
fn is_line_end(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c == '↵')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lays out words of letters one point wide.
    fn layout(tokens: &[&str], wrap: f32, reply: usize) -> Layout {
        let mut layout = Layout::new(wrap, 10.0, 5.0, reply);
        layout.extend(tokens.iter().copied(), |text| text.chars().count() as f32);
        layout
    }

    #[track_caller]
    fn check(tokens: &[&str], wrap: f32, reply: usize, lines: &[(usize, usize)]) {
        let whole = layout(tokens, wrap, reply);
        assert_eq!(whole.lines.iter().map(|line| (line.first, line.end)).collect::<Vec<_>>(), lines);
        // One by one gives the same.
        let mut streamed = Layout::new(wrap, 10.0, 5.0, reply);
        for end in 1..=tokens.len() {
            streamed.extend(tokens[..end].iter().copied(), |text| text.chars().count() as f32);
        }
        assert_eq!(streamed.lines, whole.lines);
        assert_eq!(streamed.spans, whole.spans);
    }

    #[test]
    fn lines_break_between_words() {
        check(&["one", " two", " thr", "ee"], 10.0, 99, &[(0, 2), (2, 4)]);
    }

    #[test]
    fn a_word_longer_than_the_line_breaks_between_tokens() {
        check(&["aaaa", "bbbb", "cccc"], 9.0, 99, &[(0, 2), (2, 3)]);
    }

    #[test]
    fn line_ends_and_the_reply_start_lines() {
        check(&["a", "↵", "b", " c", " d"], 99.0, 4, &[(0, 2), (2, 4), (4, 5)]);
        check(&["a", "↵", "↵", "b"], 99.0, 99, &[(0, 3), (3, 4)]);
    }

    #[test]
    fn a_reply_after_a_line_end_starts_one_line() {
        check(&["a", "↵", "b"], 99.0, 2, &[(0, 2), (2, 3)]);
    }

    #[test]
    fn only_lines_in_view_are_given() {
        let tokens = vec!["word "; 1000];
        let layout = layout(&tokens, 20.0, usize::MAX);
        assert!(layout.visible(100.0, 150.0).len() <= 7);
        assert_eq!(layout.visible(100.0, 150.0)[0].y, 90.0);
        assert!(layout.visible(1e6, 2e6).is_empty());
    }

    #[test]
    fn a_place_finds_its_token() {
        let layout = layout(&["one", " two", " thr", "ee"], 10.0, 99);
        assert_eq!(layout.token_at(4.0, 5.0), Some(1));
        assert_eq!(layout.token_at(1.0, 12.0), Some(2));
        assert_eq!(layout.token_at(9.5, 5.0), None);
        assert_eq!(layout.token_at(1.0, 40.0), None);
    }
}
