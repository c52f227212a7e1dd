//! Files of texts: one JSON object a line. A bad line is counted and skipped, never the end of the work.

use std::{fmt, io};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Source;

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

/// A story in which a character feels an emotion that is not named.
#[derive(Clone, Debug, Deserialize)]
pub struct Story {
    pub emotion: String,
    pub text: String,
    /// What it is about, as any JSON value.
    pub topic: Option<Value>,
    /// `first` or `third`.
    pub person: Option<String>,
}

/// A message in which a person tells an assistant what is happening to them, and the assistant's reply.
#[derive(Clone, Debug, Deserialize)]
pub struct Situation {
    pub emotion: String,
    pub text: String,
    pub reply: String,
}

/// A dialogue without feeling.
#[derive(Clone, Debug, Deserialize)]
pub struct Neutral {
    pub text: String,
}

/// What one emotion's stories and messages may not say.
#[derive(Clone, Debug, Deserialize)]
pub struct Forbidden {
    pub emotion: String,
    /// Words and phrases of several words.
    pub words: Vec<String>,
}

/// The usable lines of a file.
#[derive(Clone, Debug)]
pub struct Lines<T> {
    /// The whole file.
    pub bytes: Vec<u8>,
    pub items: Vec<T>,
    /// Number of each item's line, from 1.
    pub numbers: Vec<usize>,
    pub bad: BadLines,
}

/// The stories of a file; a line without a text or an emotion is bad.
///
/// # Errors
/// Why the file cannot be read.
pub fn stories(source: &Source) -> io::Result<Lines<Story>> {
    lines(source.stories()?, |story: &Story| empty(&[("emotion", &story.emotion), ("text", &story.text)]))
}

/// The situations of a file.
///
/// # Errors
/// Why the file cannot be read.
pub fn situations(source: &Source) -> io::Result<Lines<Situation>> {
    let fault = |line: &Situation| empty(&[("emotion", &line.emotion), ("text", &line.text), ("reply", &line.reply)]);
    lines(source.situations()?, fault)
}

/// The neutral dialogues of a file.
///
/// # Errors
/// Why the file cannot be read.
pub fn neutral(source: &Source) -> io::Result<Lines<Neutral>> {
    lines(source.neutral()?, |neutral: &Neutral| empty(&[("text", &neutral.text)]))
}

/// The forbidden words of a file.
///
/// # Errors
/// Why the file cannot be read.
pub fn forbidden(source: &Source) -> io::Result<Lines<Forbidden>> {
    lines(source.forbidden()?, |line: &Forbidden| empty(&[("emotion", &line.emotion)]))
}

fn empty(fields: &[(&str, &String)]) -> Option<String> {
    let (key, _) = fields.iter().find(|(_, text)| text.trim().is_empty())?;
    Some(format!("\"{key}\" is empty"))
}

fn lines<T: DeserializeOwned>(bytes: Vec<u8>, fault: impl Fn(&T) -> Option<String>) -> io::Result<Lines<T>> {
    let (mut items, mut numbers, mut bad) = (Vec::new(), Vec::new(), BadLines::default());
    let without_mark = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    for (index, line) in without_mark.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let item = parse(line).and_then(|item| fault(&item).map_or(Ok(item), Err));
        match item {
            Err(why) => bad.add(index + 1, why),
            Ok(item) => {
                items.push(item);
                numbers.push(index + 1);
            }
        }
    }
    Ok(Lines { bytes, items, numbers, bad })
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
pub fn question(text: &str) -> &str {
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
