//! The project's own words under assets/text: complete, varied, and free of what they must not say.

#![allow(clippy::unwrap_used, reason = "a test which panics has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use circumplex::corpus::{self, Forbidden, Report, Source, Standard};
use circumplex::emotion;
use circumplex::geometry::pearson;
use serde_json::Value;

const EMOTIONS: &str = include_str!("../assets/text/emotions.jsonl");

fn lines(file: &str) -> Vec<Value> {
    file.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap()
}

fn forbidden() -> Vec<Forbidden> {
    corpus::forbidden(&Source::Shipped).unwrap().items
}

#[track_caller]
fn no_problem(report: &Report) {
    assert!(report.problems.is_empty(), "{report}");
}

/// The stories of others, where they lie beside the checkout.
fn stories_of_others() -> Vec<Vec<String>> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpora/gemma-171x12/stories.jsonl"));
    let Ok(theirs) = corpus::stories(&path.into()) else {
        println!("skipped: ../shared/corpora is not here, so nothing is compared with it");
        return Vec::new();
    };
    theirs.items.iter().map(|story| corpus::words(&story.text)).collect()
}

#[test]
fn the_stories_keep_the_rules() {
    let stories = corpus::stories(&Source::Shipped).unwrap();
    assert_eq!(stories.bad.count, 0);
    no_problem(&corpus::check_stories(&stories, &forbidden(), &Standard::default(), &stories_of_others()));
}

#[test]
fn the_situations_keep_the_rules() {
    let situations = corpus::situations(&Source::Shipped).unwrap();
    assert_eq!(situations.bad.count, 0);
    no_problem(&corpus::check_situations(&situations, &forbidden(), &Standard::default()));
}

#[test]
fn the_neutral_dialogues_keep_the_rules() {
    let neutral = corpus::neutral(&Source::Shipped).unwrap();
    assert_eq!(neutral.bad.count, 0);
    no_problem(&corpus::check_neutral(&neutral, &Standard::default()));
    assert!(neutral.items.iter().all(|dialogue| !dialogue.text.contains('!')));
}

#[test]
fn every_emotion_has_twelve_stories_of_twelve_topics_half_in_first_person() {
    let mut of: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for story in corpus::stories(&Source::Shipped).unwrap().items {
        of.entry(story.emotion).or_default().push((story.topic.unwrap().to_string(), story.person.unwrap()));
    }
    assert_eq!(of.keys().map(String::as_str).collect::<Vec<_>>(), emotion::words());
    for (emotion, stories) in of {
        let topics: BTreeSet<_> = stories.iter().map(|(topic, _)| topic).collect();
        let first = stories.iter().filter(|(_, person)| person == "first").count();
        assert_eq!((stories.len(), topics.len(), first), (12, 12, 6), "{emotion}");
    }
}

#[test]
fn a_hundred_topics_meet_emotions_of_every_kind() {
    let mut clusters: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for story in corpus::stories(&Source::Shipped).unwrap().items {
        let cluster = emotion::cluster_of(&story.emotion).unwrap();
        clusters.entry(story.topic.unwrap().to_string()).or_default().insert(cluster);
    }
    assert!(clusters.len() >= 100);
    assert!(clusters.values().all(|kinds| kinds.len() >= 4), "{clusters:?}");
}

#[test]
fn every_emotion_has_twelve_situations_and_its_forbidden_words() {
    let mut of: BTreeMap<String, usize> = BTreeMap::new();
    for situation in corpus::situations(&Source::Shipped).unwrap().items {
        *of.entry(situation.emotion).or_default() += 1;
    }
    assert_eq!(of.keys().map(String::as_str).collect::<Vec<_>>(), emotion::words());
    assert!(of.values().all(|count| *count == 12), "{of:?}");
    let forbidden = forbidden();
    assert_eq!(forbidden.iter().map(|list| list.emotion.as_str()).collect::<Vec<_>>(), emotion::words());
    for list in forbidden {
        assert!(list.words.len() >= 6 && list.words.contains(&list.emotion), "{}", list.emotion);
    }
}

#[test]
fn the_ratings_agree_with_people() {
    let lines = lines(EMOTIONS);
    assert_eq!(lines.iter().map(|line| text(line, "emotion")).collect::<Vec<_>>(), emotion::words());
    let rated: Vec<&Value> = lines.iter().filter(|line| line.get("human_valence").is_some()).collect();
    assert_eq!(rated.len(), 45);
    let column = |key: &str| rated.iter().map(|line| line[key].as_f64().unwrap()).collect::<Vec<f64>>();
    assert!(pearson(&column("valence"), &column("human_valence")).unwrap() >= 0.9);
    assert!(pearson(&column("arousal"), &column("human_arousal")).unwrap() >= 0.8);
    for line in &lines {
        let cluster = emotion::cluster_of(text(line, "emotion")).unwrap();
        assert_eq!(text(line, "cluster"), emotion::clusters()[cluster].name);
        assert!(["valence", "arousal"].iter().all(|key| (1.0..=7.0).contains(&line[*key].as_f64().unwrap())));
        assert!(["definition", "reason"].iter().all(|key| text(line, key).ends_with('.')));
    }
}

// What the rules find, on corpora of a few lines.

/// No size is too small.
fn small() -> Standard {
    Standard { per_emotion: 1, story: 1..=12, message: 1..=12, different_words: 1, names: 0, ..Standard::default() }
}

fn file(lines: &[&str]) -> (tempfile::NamedTempFile, Source) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines.join("\n")).unwrap();
    let source = Source::File(file.path().to_owned());
    (file, source)
}

fn problems(report: &Report) -> Vec<String> {
    report.problems.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check_stories(lines: &[&str], standard: &Standard, expected: &[&str]) {
    let (_file, source) = file(lines);
    let stories = corpus::stories(&source).unwrap();
    let others = [corpus::words("one two three four five six seven eight nine ten")];
    assert_eq!(problems(&corpus::check_stories(&stories, &forbidden(), standard, &others)), expected);
}

#[test]
fn a_forbidden_word_is_found_with_its_line() {
    let line = r#"{"emotion": "afraid", "text": "Ida was Scared of it."}"#;
    check_stories(&["", line], &small(), &[r#"line 2 (afraid): says "scared""#]);
}

#[test]
fn a_story_too_long_or_in_two_paragraphs_is_found() {
    let line = r#"{"emotion": "calm", "text": "a b c d e f g h i j k l m\n\nn"}"#;
    check_stories(
        &[line],
        &small(),
        &["line 1 (calm): has 14 words, not 1 to 12", "line 1 (calm): is more than one paragraph"],
    );
}

#[test]
fn a_topic_twice_and_an_unknown_person_are_found() {
    let lines = [
        r#"{"emotion": "calm", "topic": 3, "text": "one"}"#,
        r#"{"emotion": "calm", "topic": 3, "person": "second", "text": "two"}"#,
    ];
    let standard = Standard { first_person: 0.0..=1.0, ..small() };
    let expected = [r#"line 2 (calm): "person" is neither "first" nor "third""#, "calm: a topic occurs twice"];
    check_stories(&lines, &standard, &expected);
}

#[test]
fn the_share_of_first_person_counts() {
    let line = r#"{"emotion": "calm", "person": "first", "text": "one"}"#;
    check_stories(&[line], &small(), &["a share of 1.00 is in first person, not 0.4 to 0.6"]);
}

#[test]
fn sentences_runs_and_openings_which_come_back_are_found() {
    let line = |end: &str| format!(r#"{{"emotion": "calm", "text": "he saw the old cat on the {end}. So it was."}}"#);
    let lines = [line("mat"), line("bed"), line("shed")];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    // "he saw the old cat on the ..." has seven words in common, so no run of eight.
    let expected = [
        r#"lines 1 and 2 share the sentence "so it was""#,
        r#"lines 1 and 3 share the sentence "so it was""#,
        r#"3 stories begin "he saw the", 2 at most"#,
    ];
    check_stories(&lines, &Standard { same_opening: 2, ..small() }, &expected);
    let line = |end: &str| format!(r#"{{"emotion": "calm", "text": "a b c d e f g h {end}"}}"#);
    let lines = [line("i"), line("j"), line("k")];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check_stories(&lines, &small(), &[r#"lines 1, 2, 3 share the words "a b c d e f g h""#]);
    check_stories(&lines[..2], &small(), &[]);
}

#[test]
fn copies_are_found() {
    let line = r#"{"emotion": "calm", "text": "Two, three, four, five, six, seven, eight, nine!"}"#;
    check_stories(
        &[line],
        &small(),
        &[r#"line 1 (calm): has words of the other texts: "two three four five six seven eight nine""#],
    );
}

#[test]
fn too_few_words_names_and_texts_are_found() {
    let line = r#"{"emotion": "calm", "text": "Ida met Ida."}"#;
    let standard = Standard { per_emotion: 2, different_words: 3, names: 2, ..small() };
    let expected =
        ["calm: 1 texts, 2 at least", "2 different words, 3 at least", "1 different first names, 2 at least"];
    check_stories(&[line], &standard, &expected);
}

#[test]
fn faults_of_situations_are_found() {
    let lines = [
        r#"{"emotion": "sad", "text": "I am sad today", "reply": "A. B. C. D."}"#,
        r#"{"emotion": "sad", "text": "My cup broke", "reply": "That is sad."}"#,
    ];
    let (_file, source) = file(&lines);
    let situations = corpus::situations(&source).unwrap();
    let expected = [r#"line 1 (sad): the message says "sad""#, "line 1 (sad): the reply has 4 sentences, not 1 to 3"];
    assert_eq!(problems(&corpus::check_situations(&situations, &forbidden(), &small())), expected);
    let situations = corpus::Lines { items: situations.items[1..].to_vec(), numbers: vec![2], ..situations };
    let expected = ["a share of 1.00 of the replies names the feeling, not about half"];
    assert_eq!(problems(&corpus::check_situations(&situations, &forbidden(), &small())), expected);
}

#[test]
fn a_phrase_in_many_replies_is_found_whatever_the_emotion() {
    let number = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let line = |i: usize| {
        let (emotion, tens, ones) = (["calm", "angry"][i % 2], number[i / 10], number[i % 10]);
        let reply = if i % 4 < 2 {
            format!("You sound really {emotion} here {tens} {ones}")
        } else {
            format!("{tens} plus {ones}")
        };
        format!(r#"{{"emotion": "{emotion}", "text": "{ones} {tens}", "reply": "{reply}"}}"#)
    };
    let lines: Vec<_> = (0..84).map(line).collect();
    let (_file, source) = file(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let situations = corpus::situations(&source).unwrap();
    let expected = [r#"42 texts share the words "you sound really * here", 40 at most"#];
    assert_eq!(problems(&corpus::check_situations(&situations, &forbidden(), &small())), expected);
}

#[test]
fn faults_of_dialogues_are_found() {
    let lines = [
        r#"{"text": "Human: One?\n\nAssistant: Two."}"#,
        r#"{"text": "Human: Three?"}"#,
        r#"{"text": "Human: Four?\n\nFive."}"#,
        r#"{"text": "Human: Six?\n\nHuman: Seven."}"#,
    ];
    let (_file, source) = file(&lines);
    let neutral = corpus::neutral(&source).unwrap();
    let expected = [
        "line 2: has 1 turns, not 2 to 6",
        "line 2: the two do not take turns",
        r#"line 3: a paragraph does not begin with who speaks, as in "Human: ""#,
        "line 4: the two do not take turns",
        "4 dialogues, 5 at least",
    ];
    assert_eq!(problems(&corpus::check_neutral(&neutral, &Standard { dialogues: 5, ..Standard::default() })), expected);
}
