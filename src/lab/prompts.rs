//! The prompts of the experiments: those of assets/text/prompts, compiled in, or others of the same shape.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::LabError;
use crate::corpus::{self, Forbidden, Source};

/// A user message from which an emotion can be inferred that is not named.
#[derive(Clone, Debug, Deserialize)]
pub struct Implicit {
    pub emotion: String,
    pub text: String,
}

/// A user message in which one number decides.
#[derive(Clone, Debug, Deserialize)]
pub struct Quantity {
    pub name: String,
    pub unit: String,
    /// `{}` is where the number goes.
    pub text: String,
    /// Ascending.
    pub values: Vec<f64>,
    /// Emotions whose reading should rise with the number.
    pub up: Vec<String>,
    /// Emotions whose reading should fall.
    pub down: Vec<String>,
}

/// A text which ends before an emotion word and its space.
#[derive(Clone, Debug, Deserialize)]
pub struct Frame {
    pub text: String,
}

/// Something to answer or to go on with, which asks for no emotion.
#[derive(Clone, Debug, Deserialize)]
pub struct Open {
    pub kind: Kind,
    pub text: String,
}

/// How an open prompt is given to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// As one user turn.
    Message,
    /// As plain text to continue.
    Story,
}

/// What all experiments are done with.
#[derive(Clone, Debug, Default)]
pub struct Prompts {
    pub implicit: Vec<Implicit>,
    pub quantities: Vec<Quantity>,
    pub feels: Vec<Frame>,
    pub open: Vec<Open>,
    /// Words which count as naming an emotion (for the logit lens).
    pub names: Vec<Forbidden>,
}

impl Prompts {
    /// Those which the program brings.
    ///
    /// # Errors
    /// A line which cannot be used; the tests see to it that there is none.
    pub fn shipped() -> Result<Self, LabError> {
        let names = corpus::forbidden(&Source::Shipped).map_err(|why| LabError::Prompts {
            file: "forbidden.jsonl",
            line: 0,
            why: why.to_string(),
        })?;
        Ok(Self {
            implicit: parse("implicit.jsonl", include_str!("../../assets/text/prompts/implicit.jsonl"))?,
            quantities: parse("quantities.jsonl", include_str!("../../assets/text/prompts/quantities.jsonl"))?,
            feels: parse("feels.jsonl", include_str!("../../assets/text/prompts/feels.jsonl"))?,
            open: parse("open.jsonl", include_str!("../../assets/text/prompts/open.jsonl"))?,
            names: names.items,
        })
    }

    /// The emotions of the implicit situations, in the order of their first prompt: the twelve.
    pub fn twelve(&self) -> Vec<String> {
        let mut emotions: Vec<String> = Vec::new();
        for prompt in &self.implicit {
            if !emotions.contains(&prompt.emotion) {
                emotions.push(prompt.emotion.clone());
            }
        }
        emotions
    }
}

fn parse<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<Vec<T>, LabError> {
    let line = |(index, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| LabError::Prompts { file, line: index + 1, why: error.to_string() })
    };
    text.lines().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_prompts_are_all_there() {
        let prompts = Prompts::shipped().unwrap();
        assert_eq!(prompts.twelve().len(), 12);
        assert_eq!((prompts.implicit.len(), prompts.quantities.len(), prompts.open.len()), (36, 6, 12));
        assert_eq!(prompts.names.len(), 171);
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = parse::<Frame>("feels.jsonl", "{\"text\": \"a\"}\n{\"test\": \"b\"}").unwrap_err().to_string();
        assert!(error.contains("line 2 of feels.jsonl") && error.contains("`text`"), "{error}");
    }
}
