//! Steering as a person types it: `calm=0.1`, `at ease=-0.05`, `random`, blocks `3-5`.

use super::{BlockRange, Term};

/// Reads `NAME=S` or `NAME`, which takes the default strength.
///
/// # Errors
/// A sentence which says what is wrong and how to write it.
pub fn parse_term(text: &str, default_strength: f32) -> Result<Term, String> {
    let (name, strength) = match text.rsplit_once('=') {
        None => (text, default_strength),
        Some((name, number)) => {
            let strength = number.trim().parse::<f32>().ok().filter(|strength| strength.is_finite());
            (
                name,
                strength.ok_or_else(|| {
                    format!(
                        "{number:?} in {text:?} is not a strength\nWrite a number of residual norms, as in calm=0.1"
                    )
                })?,
            )
        }
    };
    let name = name.trim();
    if name.is_empty() {
        return Err(format!("{text:?} names no emotion\nWrite NAME=STRENGTH, as in calm=0.1"));
    }
    Ok(Term { name: name.to_owned(), strength })
}

/// Reads an inclusive range of blocks: `3-5`, or `4` for one.
///
/// # Errors
/// A sentence which says what is wrong and how to write it.
pub fn parse_blocks(text: &str) -> Result<BlockRange, String> {
    let number = |part: &str| part.trim().parse::<usize>().ok();
    let range = match text.split_once('-') {
        None => number(text).map(|block| (block, block)),
        Some((first, last)) => number(first).zip(number(last)),
    };
    match range {
        Some((first, last)) if first <= last => Ok(BlockRange { first, last }),
        _ => Err(format!("{text:?} is not a range of blocks\nWrite the first and the last, as in 3-5")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_term(text: &str, name: &str, strength: f32) {
        assert_eq!(parse_term(text, 0.1), Ok(Term { name: name.into(), strength }));
    }

    #[test]
    fn a_term_is_a_name_and_a_strength() {
        check_term("calm=0.25", "calm", 0.25);
        check_term("at ease=-.05", "at ease", -0.05);
        check_term(" calm = 1e-2 ", "calm", 0.01);
        check_term("random", "random", 0.1);
    }

    #[test]
    fn a_bad_term_says_so() {
        for text in ["calm=", "calm=warm", "calm=NaN", "calm=inf", "=0.1", ""] {
            assert!(parse_term(text, 0.1).is_err(), "{text}");
        }
    }

    #[test]
    fn blocks_are_one_or_two_numbers() {
        assert_eq!(parse_blocks("3-5"), Ok(BlockRange { first: 3, last: 5 }));
        assert_eq!(parse_blocks("4"), Ok(BlockRange { first: 4, last: 4 }));
        for text in ["5-3", "-3", "3-", "a-b", "", "1-2-3"] {
            assert!(parse_blocks(text).is_err(), "{text}");
        }
    }
}
