//! Words and sentences as the rules count them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Runs of letters and apostrophes, lower case. A typographic apostrophe counts as a straight one.
pub fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace('’', "'");
    let runs = lower.split(|character: char| !character.is_alphabetic() && character != '\'');
    runs.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The text cut behind every full stop, question mark, exclamation mark and ellipsis.
pub fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '!', '?', '…']).map(str::trim).filter(|sentence| !sentence.is_empty())
}

/// First names which occur with a capital, of some 800 from many countries.
pub(super) fn first_names(text: &str) -> impl Iterator<Item = &'static str> {
    static NAMES: LazyLock<BTreeSet<&str>> =
        LazyLock::new(|| include_str!("../../assets/data/first_names.txt").lines().collect());
    let capitalised = text.split(|character: char| !character.is_alphabetic());
    capitalised.filter_map(|word| NAMES.get(word).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_apostrophes() {
        assert_eq!(words("“Don’t,” said Zoë—twice; 3 times."), ["don't", "said", "zoë", "twice", "times"]);
        assert!(words("12 — 3.").is_empty());
    }

    #[test]
    fn sentences_end_in_a_mark() {
        assert_eq!(sentences("Go! No… why? End").collect::<Vec<_>>(), ["Go!", "No…", "why?", "End"]);
    }

    #[test]
    fn names_have_a_capital() {
        assert_eq!(first_names("Rosa's rose, and rosa. IDA met Ida").collect::<Vec<_>>(), ["Rosa", "Ida"]);
    }
}
