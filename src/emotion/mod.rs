//! What an emotion is here: the 171 words, the ratings people gave 45 of them, the paper's ten clusters, and colours.

mod palette;
mod ratings;

pub use palette::{Rgb, categorical, diverging, text_on};
pub use ratings::{Rating, human_rating, human_ratings};

use std::sync::LazyLock;

use serde::Deserialize;

/// The words of the paper, in alphabetical order (method.md, section 1).
pub fn words() -> &'static [&'static str] {
    static WORDS: LazyLock<Vec<&str>> =
        LazyLock::new(|| include_str!("../../assets/data/emotions.txt").lines().collect());
    &WORDS
}

/// One of the paper's named clusters.
#[derive(Debug, Deserialize)]
pub struct Cluster {
    pub name: String,
    pub emotions: Vec<String>,
}

/// The ten clusters of Sofroniew et al. 2026, in their order.
pub fn clusters() -> &'static [Cluster] {
    static CLUSTERS: LazyLock<Vec<Cluster>> = LazyLock::new(|| {
        let table: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(include_str!("../../assets/data/paper_clusters.json")).unwrap_or_default();
        table
            .into_iter()
            .map(|(name, emotions)| Cluster { name, emotions: serde_json::from_value(emotions).unwrap_or_default() })
            .collect()
    });
    &CLUSTERS
}

/// Index into [`clusters`] of the cluster which holds the word.
pub fn cluster_of(word: &str) -> Option<usize> {
    clusters().iter().position(|cluster| cluster.emotions.iter().any(|emotion| emotion == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_in_one_cluster() {
        assert_eq!(words().len(), 171);
        assert_eq!(clusters().len(), 10);
        for word in words() {
            let holders =
                clusters().iter().filter(|cluster| cluster.emotions.iter().any(|emotion| emotion == word)).count();
            assert_eq!(holders, 1, "{word}");
        }
    }

    #[test]
    fn an_unknown_word_has_no_cluster() {
        assert_eq!(cluster_of("hangry"), None);
    }
}
