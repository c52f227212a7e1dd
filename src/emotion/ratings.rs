//! Valence and arousal as people rated them: Russell & Mehrabian 1977, means of the 45 of their words which are among the 171.

use std::sync::LazyLock;

/// Mean ratings of one word, both −1 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    /// Pleasure in the source.
    pub valence: f64,
    pub arousal: f64,
}

/// The rated words with their ratings, in alphabetical order.
pub fn human_ratings() -> &'static [(String, Rating)] {
    static RATINGS: LazyLock<Vec<(String, Rating)>> = LazyLock::new(|| {
        csv::Reader::from_reader(include_bytes!("../../assets/data/human_ratings_45.csv").as_slice())
            .records()
            .flatten()
            .filter_map(|row| {
                let rating = Rating { valence: row.get(1)?.parse().ok()?, arousal: row.get(3)?.parse().ok()? };
                Some((row.get(0)?.to_owned(), rating))
            })
            .collect()
    });
    &RATINGS
}

/// The ratings of a word, if people rated it.
pub fn human_rating(word: &str) -> Option<Rating> {
    human_ratings().iter().find(|(rated, _)| rated == word).map(|(_, rating)| *rating)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_45_rated_words_are_there() {
        assert_eq!(human_ratings().len(), 45);
        assert_eq!(human_rating("angry"), Some(Rating { valence: -0.51, arousal: 0.59 }));
        assert_eq!(human_rating("afraid"), None);
    }
}
