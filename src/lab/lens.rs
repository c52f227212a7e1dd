//! Logit lens: an emotion's vector through the final norm and the unembedding (the paper: happy gives excited, desperate gives urgent).

use ndarray::s;
use serde::Serialize;

use super::{Lab, LabError, Measure, mean};
use crate::corpus::Forbidden;
use crate::job::{Cancel, Sink};
use crate::reading::ranking;

/// Tokens looked at, an emotion.
const TOP: usize = 10;
/// Vectors which go through the head at once.
const BATCH: usize = 16;
/// Letters a first token of a word must have to stand for it.
const PREFIX: usize = 4;

/// The tokens which the vectors point to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lens {
    pub measure: Measure,
    /// Emotions with a hit.
    pub hits: usize,
    /// Share of hits when an emotion's tokens are held against the words of another emotion, mean over all ordered pairs; none with
    /// fewer than two emotions. Higher than chance, as neighbours share words.
    pub mismatched: Option<f64>,
    pub emotions: Vec<LensRow>,
}

/// One emotion.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LensRow {
    pub emotion: String,
    /// From the highest logit.
    pub tokens: Vec<TopToken>,
    /// The token which names the emotion.
    pub hit: Option<String>,
}

/// A token and its logit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopToken {
    pub id: u32,
    pub text: String,
    pub logit: f32,
}

/// Looks at every emotion of the bank. `names` are the words which count as naming one, besides its own.
///
/// # Errors
/// A vector without direction; [`LabError::Stopped`].
pub fn lens(lab: &Lab, names: &[Forbidden], cancel: &Cancel, sink: Sink) -> Result<Lens, LabError> {
    let units = lab.bank.unit_vectors(lab.block, lab.vectors)?;
    let count = units.nrows();
    let mut steps = super::Steps::new("Looking through the logit lens", count.div_ceil(BATCH), sink, cancel);
    let mut tops: Vec<Vec<TopToken>> = Vec::new();
    for first in (0..count).step_by(BATCH) {
        steps.next()?;
        let logits = lab.model.lens(units.slice(s![first..count.min(first + BATCH), ..]))?;
        for row in logits.outer_iter() {
            let row = row.to_vec();
            let top = ranking(&row).into_iter().take(TOP).map(|id| TopToken {
                id: id as u32,
                text: lab.model.decode(&[id as u32]),
                logit: row[id],
            });
            tops.push(top.collect());
        }
    }
    let words: Vec<Vec<String>> = lab.bank.emotions.iter().map(|emotion| words_of(emotion, names)).collect();
    let hit = |tokens: &[TopToken], words: &[String]| {
        tokens.iter().find(|token| is_hit(&token.text, words)).map(|token| token.text.trim().to_owned())
    };
    let pairs = (0..count).flat_map(|i| (0..count).filter(move |j| *j != i).map(move |j| (i, j)));
    let mismatched = mean(pairs.map(|(i, j)| if hit(&tops[i], &words[j]).is_some() { 1.0 } else { 0.0 }));
    let row = |((emotion, tokens), words): ((&String, Vec<TopToken>), &Vec<String>)| LensRow {
        emotion: emotion.clone(),
        hit: hit(&tokens, words),
        tokens,
    };
    let emotions: Vec<LensRow> = lab.bank.emotions.iter().zip(tops).zip(&words).map(row).collect();
    let measure =
        Measure { metric: "top ten tokens by logit", unit: "", block: Some(lab.block), n: count, of: "emotions" };
    let hits = emotions.iter().filter(|row| row.hit.is_some()).count();
    Ok(Lens { measure, hits, mismatched, emotions })
}

/// The emotion's own word and those of its line.
fn words_of(emotion: &str, names: &[Forbidden]) -> Vec<String> {
    let line = names.iter().filter(|line| line.emotion == emotion).flat_map(|line| line.words.iter().cloned());
    std::iter::once(emotion.to_owned()).chain(line).collect()
}

/// Whether a token, trimmed and in lower case, is one of the words or begins one with at least four letters.
fn is_hit(token: &str, words: &[String]) -> bool {
    let token = token.trim().to_lowercase();
    let is_prefix = token.chars().count() >= PREFIX && token.chars().all(char::is_alphabetic);
    words.iter().any(|word| *word == token || (is_prefix && word.starts_with(&token)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(token: &str, hit: bool) {
        let words = ["on edge", "nervous", "jitters", "mad"].map(str::to_owned);
        assert_eq!(is_hit(token, &words), hit, "{token:?}");
    }

    #[test]
    fn words_and_their_beginnings_are_hits() {
        check(" nervous", true);
        check("Nerv", true);
        check(" mad", true);
        check("jitters\n", true);
    }

    #[test]
    fn short_beginnings_and_longer_words_are_not() {
        check(" ner", false);
        check("on e", false);
        check(" nervously", false);
        check("ma", false);
        check("", false);
        check("  ", false);
        check("�", false);
    }

    #[test]
    fn an_emotion_without_a_line_has_its_own_word() {
        let line = Forbidden { emotion: "calm".into(), words: vec!["quiet".into()] };
        assert_eq!(words_of("calm", std::slice::from_ref(&line)), ["calm", "quiet"]);
        assert_eq!(words_of("hangry", &[line]), ["hangry"]);
    }

    proptest! {
        #[test]
        fn a_hit_begins_a_word(token in "[ a-zA-Z]{0,6}", word in "[a-z]{1,8}") {
            let hit = is_hit(&token, std::slice::from_ref(&word));
            let plain = token.trim().to_lowercase();
            prop_assert!(!hit || (word.starts_with(&plain) && !plain.is_empty()));
            let shouted = format!(" {}", word.to_uppercase());
            prop_assert!(is_hit(&shouted, &[word]));
        }
    }
}
