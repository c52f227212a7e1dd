//! Stories and neutral texts: one JSON object a line. A bad line is counted and skipped, never the end of the work.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::bank::BankError;

/// How many bad lines are reported one by one.
const SHOWN: usize = 5;

/// Lines of a file that could not be used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BadLines {
    pub count: usize,
    /// The first few: line number, from 1, and what is wrong with it.
    pub first: Vec<(usize, String)>,
}

impl BadLines {
    fn add(&mut self, line: usize, why: String) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push((line, why));
        }
    }
}

impl fmt::Display for BadLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bad line{} skipped", self.count, if self.count == 1 { "" } else { "s" })?;
        for (line, why) in &self.first {
            write!(f, "\n  line {line}: {why}")?;
        }
        if self.count > self.first.len() { write!(f, "\n  and {} more", self.count - self.first.len()) } else { Ok(()) }
    }
}

#[derive(Deserialize)]
pub(super) struct Story {
    pub(super) emotion: String,
    pub(super) text: String,
}

#[derive(Deserialize)]
pub(super) struct Neutral {
    pub(super) text: String,
}

/// The usable lines of a file.
pub(super) struct Lines<T> {
    pub(super) bytes: Vec<u8>,
    pub(super) items: Vec<T>,
    pub(super) bad: BadLines,
}

pub(super) fn stories(path: &Path) -> Result<Lines<Story>, BankError> {
    lines(path, |story: &Story| {
        if story.emotion.trim().is_empty() {
            return Some("\"emotion\" is empty");
        }
        story.text.trim().is_empty().then_some("\"text\" is empty")
    })
}

pub(super) fn neutral(path: &Path) -> Result<Lines<Neutral>, BankError> {
    lines(path, |neutral: &Neutral| neutral.text.trim().is_empty().then_some("\"text\" is empty"))
}

fn lines<T: DeserializeOwned>(path: &Path, fault: fn(&T) -> Option<&'static str>) -> Result<Lines<T>, BankError> {
    let bytes = fs::read(path).map_err(|source| BankError::Read { path: path.to_owned(), why: source })?;
    let mut items = Vec::new();
    let mut bad = BadLines::default();
    let without_mark = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    for (index, line) in without_mark.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match parse(line) {
            Err(why) => bad.add(index + 1, why),
            Ok(item) => match fault(&item) {
                Some(why) => bad.add(index + 1, why.to_owned()),
                None => items.push(item),
            },
        }
    }
    Ok(Lines { bytes, items, bad })
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    let text = str::from_utf8(line).map_err(|error| format!("no UTF-8 at byte {}", error.valid_up_to()))?;
    serde_json::from_str(text).map_err(|error| {
        // serde_json counts lines within the one it was given.
        let message = error.to_string();
        message.replace(" at line 1 column ", " at column ")
    })
}

/// The first line of a neutral text, without a leading `Name: ` (one word of letters), as a question to the model. Leading blank lines
/// are passed over.
pub(super) fn question(text: &str) -> &str {
    let first = text.trim_start().lines().next().unwrap_or_default().trim_end();
    match first.split_once(": ") {
        Some((name, rest)) if is_word(name) && !rest.trim().is_empty() => rest.trim_start(),
        _ => first,
    }
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(question(text), expected);
    }

    #[test]
    fn a_speaker_is_left_out() {
        check("Person: How long do eggs boil?\n\nAI: Ten minutes.", "How long do eggs boil?");
        check("Zoë: Hello", "Hello");
    }

    #[test]
    fn only_one_word_of_letters_is_a_speaker() {
        check("[System: Write dialogues]", "[System: Write dialogues]");
        check("Step 1: boil water", "Step 1: boil water");
        check("Here are two: one", "Here are two: one");
        check("12:30 is noon", "12:30 is noon");
        check("Time:12", "Time:12");
        check(": nothing", ": nothing");
    }

    #[test]
    fn a_line_which_is_only_a_speaker_stays() {
        check("Person: \nHello", "Person:");
    }

    #[test]
    fn the_first_line_with_words_counts() {
        check("\r\n\r\nDialogue 1\r\nPerson: Hi", "Dialogue 1");
    }
}
