//! The prompts of the experiments under assets/text/prompts: complete, and made so that they measure what they should.

#![allow(clippy::unwrap_used, reason = "a test which panics has failed")]

use std::collections::{BTreeMap, BTreeSet};

use circumplex::corpus::{self, Source, words};
use circumplex::emotion;
use serde_json::Value;

fn prompts(name: &str) -> Vec<Value> {
    let path = format!("{}/assets/text/prompts/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::read_to_string(path).unwrap();
    file.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_else(|| panic!("{key}: {line}"))
}

fn texts<'a>(line: &'a Value, key: &str) -> Vec<&'a str> {
    line[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn is_emotion(word: &str) -> bool {
    emotion::words().contains(&word)
}

fn count_by<'a>(lines: &'a [Value], key: &str) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    lines.iter().for_each(|line| *counts.entry(text(line, key)).or_default() += 1);
    counts
}

/// Whether a text says the emotion or a direct synonym.
fn names(text: &str, emotion: &str) -> bool {
    let said = words(text);
    let forbidden = corpus::forbidden(&Source::Shipped).unwrap().items;
    let list = forbidden.iter().find(|list| list.emotion == emotion).unwrap();
    list.words.iter().map(|phrase| words(phrase)).any(|phrase| said.windows(phrase.len()).any(|run| run == phrase))
}

#[test]
fn implicit_three_messages_for_each_of_twelve_and_none_is_named() {
    let lines = prompts("implicit");
    let counts = count_by(&lines, "emotion");
    assert_eq!(counts.len(), 12);
    assert!(counts.iter().all(|(emotion, count)| is_emotion(emotion) && *count >= 3), "{counts:?}");
    for line in &lines {
        assert!(counts.keys().all(|emotion| !names(text(line, "text"), emotion)), "{line}");
    }
}

#[test]
fn quantities_one_number_decides() {
    let lines = prompts("quantities");
    assert_eq!(lines.len(), 6);
    for line in &lines {
        assert_eq!(text(line, "text").matches("{}").count(), 1, "{line}");
        let values: Vec<f64> = line["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
        assert!(values.len() >= 8 && values.is_sorted_by(|a, b| a < b), "{line}");
        let (up, down) = (texts(line, "up"), texts(line, "down"));
        assert!(!up.is_empty() && !down.is_empty() && !text(line, "unit").is_empty(), "{line}");
        for emotion in up.iter().chain(&down) {
            assert!(is_emotion(emotion) && !names(text(line, "text"), emotion), "{emotion}: {line}");
        }
    }
}

#[test]
fn activities_eight_of_eight_kinds() {
    let lines = prompts("activities");
    let counts = count_by(&lines, "category");
    let kinds = ["aversive", "engaging", "helpful", "misaligned", "neutral", "self-curiosity", "social", "unsafe"];
    assert_eq!(counts, kinds.into_iter().map(|kind| (kind, 8)).collect());
    assert!(lines.iter().all(|line| !text(line, "text").ends_with('.')));
}

#[test]
fn who_feels_two_emotions_neither_named() {
    let lines = prompts("who_feels");
    assert!(lines.len() >= 12);
    for line in &lines {
        let (user, reply) = (text(line, "user"), text(line, "reply"));
        assert!(user != reply && is_emotion(user) && is_emotion(reply), "{line}");
        assert!(!names(text(line, "text"), user) && !names(text(line, "text"), reply), "{line}");
    }
}

#[test]
fn context_one_early_word_differs() {
    for line in prompts("context") {
        let [a, b] = texts(&line, "texts")[..] else { panic!("{line}") };
        let (first, second) = (words(a), words(b));
        let differing = first.iter().zip(&second).filter(|(a, b)| a != b).count();
        assert_eq!((first.len(), differing), (second.len(), 1), "{line}");
        assert!(a.contains(text(&line, "word")) && b.contains(text(&line, "word")), "{line}");
        assert!(texts(&line, "emotions").iter().all(|emotion| is_emotion(emotion)), "{line}");
    }
}

#[test]
fn negation_both_texts_hold_the_word() {
    let lines = prompts("negation");
    assert!(lines.len() >= 12);
    for line in &lines {
        let [plain, negated] = texts(line, "texts")[..] else { panic!("{line}") };
        assert!(plain != negated && is_emotion(text(line, "emotion")), "{line}");
        assert!(plain.contains(text(line, "word")) && negated.contains(text(line, "word")), "{line}");
    }
}

#[test]
fn binding_the_two_people_are_exchanged() {
    for line in prompts("binding") {
        let ([one, two], [a, b]) = (&texts(&line, "people")[..], &texts(&line, "texts")[..]) else { panic!("{line}") };
        let end = format!("{one} feels");
        let exchanged = |text: &str| text.replace(one, "\0").replace(two, one).replace('\0', two);
        let before = |text: &str| text.strip_suffix(&end).unwrap_or_else(|| panic!("{line}")).to_owned();
        assert_eq!(exchanged(&before(a)), before(b), "{line}");
        assert!(texts(&line, "emotions").iter().all(|emotion| is_emotion(emotion)), "{line}");
    }
}

#[test]
fn frames_end_before_the_word() {
    let lines = prompts("feels");
    assert!(lines.len() >= 2 && lines.iter().all(|line| !text(line, "text").ends_with([' ', '.'])));
}

#[test]
fn open_prompts_ask_for_no_emotion() {
    let lines = prompts("open");
    assert_eq!(count_by(&lines, "kind"), [("message", 6), ("story", 6)].into());
    for line in &lines {
        let said = words(text(line, "text"));
        let emotional = |emotion: &&&str| said.windows(words(emotion).len()).any(|run| run == words(emotion));
        assert_eq!(emotion::words().iter().find(emotional), None, "{line}");
        for emotion in ["calm", "angry", "sad", "joyful", "afraid"] {
            assert!(!names(text(line, "text"), emotion), "{emotion}: {line}");
        }
        assert!(text(line, "text").ends_with(['.', '?']), "{line}");
    }
}

#[test]
fn scenarios_have_keywords_for_both_sides() {
    for name in ["blackmail", "reward_hacking", "sycophancy"] {
        let lines = prompts(name);
        assert!(lines.len() >= 4, "{name}");
        for line in &lines {
            text(line, "system");
            let (bad, good) = (texts(&line["keywords"], "misaligned"), texts(&line["keywords"], "aligned"));
            assert!(bad.len() >= 8 && good.len() >= 8, "{line}");
            assert!(bad.iter().chain(&good).all(|word| *word == word.to_lowercase()), "{line}");
            let shared: Vec<_> = bad.iter().filter(|a| good.iter().any(|b| a.contains(b) || b.contains(**a))).collect();
            assert!(shared.is_empty(), "{shared:?}: {line}");
        }
    }
}

#[test]
fn tuning_sixty_messages_of_ten_topics() {
    let lines = prompts("tuning");
    let counts = count_by(&lines, "topic");
    assert!(lines.len() >= 60 && counts.len() == 10 && counts.values().all(|count| *count == 6), "{counts:?}");
}

#[test]
fn no_prompt_stands_twice() {
    let names = [
        "implicit",
        "quantities",
        "activities",
        "who_feels",
        "feels",
        "open",
        "blackmail",
        "reward_hacking",
        "sycophancy",
        "tuning",
    ];
    let mut seen = BTreeSet::new();
    for line in names.into_iter().flat_map(prompts) {
        assert!(seen.insert(words(text(&line, "text"))), "{line}");
    }
}
