//! How much a text repeats itself: the sign of steering too strongly (method.md, section 3).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::corpus;

/// Shares of one text, 0 to 1. Words are runs of letters and apostrophes in lower case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Repetition {
    pub words: usize,
    /// Share of the most frequent word among all words; none without words.
    pub top_word: Option<f64>,
    /// Different pairs of neighbouring words among all pairs; none without a pair.
    pub distinct_pairs: Option<f64>,
}

/// Counts the words of a text.
pub fn repetition(text: &str) -> Repetition {
    let words = corpus::words(text);
    let mut counts = BTreeMap::new();
    words.iter().for_each(|word| *counts.entry(word).or_insert(0_usize) += 1);
    let most = counts.values().copied().max();
    let pairs: BTreeSet<&[String]> = words.windows(2).collect();
    Repetition {
        words: words.len(),
        top_word: most.map(|most| most as f64 / words.len() as f64),
        distinct_pairs: (words.len() > 1).then(|| pairs.len() as f64 / (words.len() - 1) as f64),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, words: usize, top_word: Option<f64>, distinct_pairs: Option<f64>) {
        assert_eq!(repetition(text), Repetition { words, top_word, distinct_pairs });
    }

    #[test]
    fn words_and_pairs_are_counted() {
        check("Calm, calm. The sea is calm!", 6, Some(0.5), Some(1.0));
        check("no no no no no", 5, Some(1.0), Some(0.25));
        check("a b a b a", 5, Some(0.6), Some(0.5));
    }

    #[test]
    fn short_texts_have_no_shares() {
        check("", 0, None, None);
        check("12 …", 0, None, None);
        check("Yes.", 1, Some(1.0), None);
    }

    proptest! {
        #[test]
        fn shares_are_shares(text in "([a-c]{1,2} ){0,30}") {
            let found = repetition(&text);
            for share in [found.top_word, found.distinct_pairs].into_iter().flatten() {
                prop_assert!(share > 0.0 && share <= 1.0);
            }
            let twice = repetition(&format!("{text} {text}"));
            prop_assert_eq!((twice.words, twice.top_word), (2 * found.words, found.top_word));
        }
    }
}
