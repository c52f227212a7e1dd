//! The hand-written text from which the training text of the model inside is composed (assets/training): complete, naming no emotion where
//! it must be inferred, and clear of the prompts on which the model is measured.

#![allow(clippy::unwrap_used, reason = "a test which panics has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use circumplex::corpus::{self, Source, words};
use circumplex::emotion;
use serde_json::Value;

const FILES: [&str; 12] = [
    "fragments",
    "signs",
    "events",
    "tales",
    "talks",
    "primer",
    "links",
    "asks",
    "numbers",
    "quantities",
    "messages",
    "neutral",
];

fn lines(path: &Path) -> Vec<Value> {
    let file = std::fs::read_to_string(path).unwrap();
    file.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn assets(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name)
}

fn training(name: &str) -> Vec<Value> {
    lines(&assets(&format!("training/{name}.jsonl")))
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_else(|| panic!("{key}: {line}"))
}

/// Every string of a file's lines, in whatever key.
fn strings(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, out)),
        Value::Object(map) => map.values().for_each(|item| strings(item, out)),
        _ => {}
    }
}

/// All hand-written texts of the training.
fn all_texts() -> Vec<String> {
    let mut texts = Vec::new();
    for name in FILES {
        training(name).iter().for_each(|line| strings(line, &mut texts));
    }
    texts
}

fn runs(text: &str, length: usize) -> impl Iterator<Item = Vec<String>> {
    let words = words(text);
    (0..(words.len() + 1).saturating_sub(length)).map(move |start| words[start..start + length].to_vec())
}

/// Events of which an emotion is the first word.
const LEAST_EVENTS: usize = 40;

/// Checks that no training text shares a run of so many words with any of these.
fn check_apart(others: &[String], length: usize) {
    let theirs: BTreeSet<_> = others.iter().flat_map(|text| runs(text, length)).collect();
    for text in all_texts() {
        let shared = runs(&text, length).find(|run| theirs.contains(run));
        assert!(shared.is_none(), "{text:?} shares {shared:?}");
    }
}

#[test]
fn every_emotion_has_fragments_of_every_kind() {
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for line in training("fragments") {
        *counts.entry(text(&line, "emotion").into()).or_default().entry(text(&line, "kind").into()).or_default() += 1;
    }
    assert_eq!(counts.keys().map(String::as_str).collect::<Vec<_>>(), emotion::words());
    let wanted = [
        ("action", 8),
        ("body", 8),
        ("named", 6),
        ("reply", 6),
        ("setting", 6),
        ("situation", 10),
        ("speech", 8),
        ("thought", 8),
    ];
    let wanted: BTreeMap<String, usize> = wanted.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
    for (emotion, kinds) in counts {
        assert_eq!(kinds, wanted, "{emotion}");
    }
}

#[test]
fn every_emotion_has_events() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in training("events") {
        let emotions = line["emotions"].as_array().unwrap();
        assert!((2..=5).contains(&emotions.len()), "{line}");
        assert!(emotions.iter().all(|emotion| emotion::words().contains(&emotion.as_str().unwrap())), "{line}");
        assert!(["{S}", "{O}", "{P}"].iter().any(|slot| text(&line, "text").contains(slot)), "{line}");
        *counts.entry(emotions[0].as_str().unwrap().to_owned()).or_default() += 1;
    }
    for emotion in emotion::words() {
        assert!(
            counts.get(*emotion).is_some_and(|count| *count >= LEAST_EVENTS),
            "{emotion}: {:?}",
            counts.get(*emotion)
        );
    }
}

#[test]
fn every_emotion_has_tales_talks_plain_texts_and_shared_signs() {
    for (name, least) in [("tales", 6), ("talks", 6), ("primer", 20), ("signs", 10)] {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for line in training(name) {
            let emotions = line["emotions"].as_array().unwrap();
            let fitting = if name == "signs" { emotions.len() } else { 1 };
            for emotion in &emotions[..fitting] {
                *counts.entry(emotion.as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        assert_eq!(counts.keys().map(String::as_str).collect::<Vec<_>>(), emotion::words(), "{name}");
        let few: Vec<_> = counts.iter().filter(|(_, count)| **count < least).collect();
        assert!(few.is_empty(), "{name}: {few:?}");
    }
}

#[test]
fn every_slot_has_things_and_every_thing_a_slot() {
    for line in training("tales").into_iter().chain(training("talks")).chain(training("primer")) {
        let texts: String = ["text", "user", "assistant"].iter().filter_map(|key| line[key].as_str()).collect();
        let slots = line["slots"].as_object().unwrap();
        for (slot, things) in slots {
            assert!(texts.contains(&format!("{{{slot}}}")), "{line}");
            assert!(things.as_array().unwrap().len() >= 2, "{line}");
        }
        for (place, _) in texts.match_indices('{') {
            let slot = &texts[place + 1..=place + 1];
            assert!("NSOPR".contains(slot) || slots.contains_key(slot), "{line}");
        }
    }
}

#[test]
fn no_text_stands_twice() {
    for name in FILES {
        let mut seen = BTreeSet::new();
        for line in training(name) {
            assert!(seen.insert(line.to_string()), "{name}: {line}");
        }
    }
}

#[test]
fn what_must_be_inferred_is_not_named() {
    let forbidden: BTreeMap<_, _> = corpus::forbidden(&Source::Shipped)
        .unwrap()
        .items
        .into_iter()
        .map(|list| (list.emotion, list.words.iter().map(|phrase| words(phrase)).collect::<Vec<_>>()))
        .collect();
    let inferred = training("fragments").into_iter().filter(|line| !["named", "reply"].contains(&text(line, "kind")));
    let plain = training("primer").into_iter();
    let (tales, talks): (Vec<_>, Vec<_>) = plain.chain(training("talks")).partition(|line| line["kind"] == "tale");
    let talks = talks.into_iter().map(|mut line| {
        let answer = if line["kind"] == "open" { text(&line, "assistant") } else { "" };
        line["text"] = format!("{} {answer}", text(&line, "user")).into();
        line
    });
    let others = training("messages").into_iter().chain(training("events")).chain(training("tales"));
    let others = others.chain(tales).chain(talks);
    for line in inferred.chain(others) {
        let said = words(text(&line, "text"));
        let emotion = line["emotions"][0].as_str().unwrap_or_else(|| text(&line, "emotion"));
        let named = forbidden[emotion].iter().find(|list| said.windows(list.len()).any(|run| run == *list));
        assert!(named.is_none(), "{line} says {named:?}");
    }
}

#[test]
fn most_fragments_do_not_name_their_emotion() {
    let fragments = training("fragments");
    let naming =
        fragments.iter().filter(|line| words(text(line, "text")).join(" ").contains(text(line, "emotion"))).count();
    let share = naming as f64 / fragments.len() as f64;
    assert!((0.05..0.2).contains(&share), "{share}");
}

#[test]
fn numbers_rise_from_band_to_band() {
    for line in training("numbers").into_iter().chain(training("quantities")) {
        assert_eq!(text(&line, "text").matches("{n}").count(), 1, "{line}");
        let mut last = f64::NEG_INFINITY;
        for band in line["bands"].as_array().unwrap() {
            let (from, to) = (band["from"].as_f64().unwrap(), band["to"].as_f64().unwrap());
            assert!(last < from && from <= to, "{line}");
            last = to;
            for emotion in band["emotions"].as_array().unwrap() {
                assert!(emotion::words().contains(&emotion.as_str().unwrap()), "{line}");
            }
        }
    }
}

#[test]
fn nothing_is_near_the_prompts_of_the_experiments() {
    let mut prompts = Vec::new();
    for entry in assets("text/prompts").read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "jsonl") {
            lines(&path).iter().for_each(|line| strings(line, &mut prompts));
        }
    }
    assert!(prompts.len() > 200, "{} prompts", prompts.len());
    check_apart(&prompts, 7);
    let short: BTreeSet<_> =
        prompts.iter().map(|prompt| words(prompt)).filter(|said| (5..7).contains(&said.len())).collect();
    for text in all_texts() {
        let whole = [5, 6].into_iter().flat_map(|length| runs(&text, length)).find(|run| short.contains(run));
        assert!(whole.is_none(), "{text:?} has the prompt {whole:?}");
    }
}

#[test]
fn nothing_is_copied_from_the_stories_of_others() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora/gemma-171x12/stories.jsonl");
    let Ok(theirs) = corpus::stories(&path.into()) else {
        println!("skipped: ../shared/corpora is not here, so nothing is compared with it");
        return;
    };
    check_apart(&theirs.items.into_iter().map(|story| story.text).collect::<Vec<_>>(), 8);
}
