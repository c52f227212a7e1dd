//! What occurs too often in a set of texts: sentences, runs of words, openings.

use std::collections::{BTreeMap, HashMap};

use super::words::{sentences, words};

/// Sentences of more than two words which stand in two texts, with the indices of the first two. "She nodded" and the like are no
/// sentences of their own.
pub(super) fn repeated_sentences<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<(usize, usize, String)> {
    let mut holder: HashMap<Vec<String>, usize> = HashMap::new();
    let mut repeated = Vec::new();
    for (index, text) in texts.enumerate() {
        for sentence in sentences(text).map(words).filter(|sentence| sentence.len() > 2) {
            let first = *holder.entry(sentence.clone()).or_insert(index);
            if first != index {
                repeated.push((first, index, sentence.join(" ")));
            }
        }
    }
    repeated
}

/// Runs of `length` words which stand in more than `most` texts, with the indices of these texts.
pub(super) fn common_runs(texts: &[Vec<String>], length: usize, most: usize) -> BTreeMap<String, Vec<usize>> {
    let mut holders: HashMap<&[String], Vec<usize>> = HashMap::new();
    for (index, text) in texts.iter().enumerate() {
        for run in text.windows(length) {
            let texts = holders.entry(run).or_default();
            if texts.last() != Some(&index) {
                texts.push(index);
            }
        }
    }
    let common = holders.into_iter().filter(|(_, texts)| texts.len() > most);
    common.map(|(run, texts)| (run.join(" "), texts)).collect()
}

/// The first three words of texts with which more than `most` of them begin, and how many do.
pub(super) fn common_openings(texts: &[Vec<String>], most: usize) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for text in texts {
        *counts.entry(text.iter().take(3).cloned().collect::<Vec<_>>().join(" ")).or_default() += 1;
    }
    counts.retain(|_, count| *count > most);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<Vec<String>> {
        texts.iter().map(|text| words(text)).collect()
    }

    #[test]
    fn a_sentence_in_two_texts_is_found_and_a_short_one_is_not() {
        let found = repeated_sentences(["She nodded. It rained all day.", "She nodded! it rained ALL day"].into_iter());
        assert_eq!(found, [(0, 1, "it rained all day".to_owned())]);
        assert!(repeated_sentences(["It was so. It was so."].into_iter()).is_empty());
    }

    #[test]
    fn a_run_counts_once_for_a_text() {
        let texts = texts(&["a b c a b c", "a b c", "x a b y", "b c"]);
        let runs = common_runs(&texts, 2, 2);
        assert_eq!(runs.keys().collect::<Vec<_>>(), ["a b", "b c"]);
        assert_eq!(runs["b c"], [0, 1, 3]);
        assert!(common_runs(&texts, 2, 3).is_empty());
    }

    #[test]
    fn openings_are_three_words() {
        let openings = common_openings(&texts(&["One two three four", "one, two, three!", "one two"]), 1);
        assert_eq!(openings, BTreeMap::from([("one two three".to_owned(), 2)]));
    }
}
