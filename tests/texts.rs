//! The project's own words under assets/text: complete, varied, and free of what they must not say.

#![allow(clippy::unwrap_used, reason = "a test which panics has failed")]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use circumplex::emotion;
use circumplex::geometry::pearson;
use serde_json::Value;

const STORIES: &str = include_str!("../assets/text/stories.jsonl");
const FORBIDDEN: &str = include_str!("../assets/text/forbidden.jsonl");
const EMOTIONS: &str = include_str!("../assets/text/emotions.jsonl");

fn lines(file: &str) -> Vec<Value> {
    file.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap()
}

/// Runs of letters and apostrophes, lower case.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let runs = lower.split(|character: char| !character.is_alphabetic() && character != '\'');
    runs.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The texts of the stories, each as its words.
fn stories() -> Vec<Vec<String>> {
    lines(STORIES).iter().map(|story| words(text(story, "text"))).collect()
}

#[test]
fn every_emotion_has_twelve_stories_of_twelve_topics_half_in_first_person() {
    let mut of: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for story in lines(STORIES) {
        of.entry(text(&story, "emotion").to_owned()).or_default().push(story);
    }
    assert_eq!(of.keys().map(String::as_str).collect::<Vec<_>>(), emotion::words());
    for (emotion, stories) in of {
        let topics: BTreeSet<&str> = stories.iter().map(|story| text(story, "topic")).collect();
        let first = stories.iter().filter(|story| text(story, "person") == "first").count();
        assert_eq!((stories.len(), topics.len(), first), (12, 12, 6), "{emotion}");
        assert!(stories.iter().all(|story| ["first", "third"].contains(&text(story, "person"))), "{emotion}");
    }
}

#[test]
fn a_hundred_topics_meet_emotions_of_every_kind() {
    let mut clusters: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for story in lines(STORIES) {
        let cluster = emotion::cluster_of(text(&story, "emotion")).unwrap();
        clusters.entry(text(&story, "topic").to_owned()).or_default().insert(cluster);
    }
    assert!(clusters.len() >= 100);
    assert!(clusters.values().all(|kinds| kinds.len() >= 4), "{clusters:?}");
}

#[test]
fn stories_are_one_paragraph_of_90_to_160_words() {
    for story in lines(STORIES) {
        let count = words(text(&story, "text")).len();
        assert!((90..=160).contains(&count) && !text(&story, "text").contains('\n'), "{count}: {story}");
    }
}

#[test]
fn no_story_says_a_forbidden_word() {
    let forbidden: HashMap<String, Vec<Vec<String>>> = lines(FORBIDDEN)
        .iter()
        .map(|line| {
            let list = line["words"].as_array().unwrap();
            (text(line, "emotion").to_owned(), list.iter().map(|word| words(word.as_str().unwrap())).collect())
        })
        .collect();
    assert_eq!(forbidden.len(), 171);
    for story in lines(STORIES) {
        let emotion = text(&story, "emotion");
        let said = words(text(&story, "text"));
        assert!(forbidden[emotion].len() >= 6, "{emotion}");
        for phrase in forbidden[emotion].iter().filter(|phrase| !phrase.is_empty()) {
            assert!(!said.windows(phrase.len()).any(|window| window == phrase), "{emotion}: {phrase:?} in {story}");
        }
    }
}

#[test]
fn no_run_of_eight_words_stands_in_more_than_two_stories() {
    let stories = stories();
    let mut holders: HashMap<&[String], BTreeSet<usize>> = HashMap::new();
    for (index, story) in stories.iter().enumerate() {
        for run in story.windows(8) {
            holders.entry(run).or_default().insert(index);
        }
    }
    let repeated: BTreeSet<_> =
        holders.into_iter().filter(|(_, stories)| stories.len() > 2).map(|(run, _)| run).collect();
    assert!(repeated.is_empty(), "{repeated:?}");
}

#[test]
fn no_sentence_stands_in_two_stories() {
    let mut holder: HashMap<Vec<String>, usize> = HashMap::new();
    for (index, story) in lines(STORIES).iter().enumerate() {
        for sentence in text(story, "text").split_inclusive(['.', '!', '?', '…']).map(words) {
            // "She nodded" and the like are no sentences of their own.
            if sentence.len() > 2 {
                let first = *holder.entry(sentence.clone()).or_insert(index);
                assert_eq!(first, index, "{sentence:?}");
            }
        }
    }
}

#[test]
fn words_openings_and_names_vary() {
    let stories = stories();
    let different: BTreeSet<&String> = stories.iter().flatten().collect();
    assert!(different.len() >= 12_000, "{} different words", different.len());
    let mut openings: BTreeMap<&[String], usize> = BTreeMap::new();
    for story in &stories {
        *openings.entry(&story[..3]).or_default() += 1;
    }
    assert!(openings.values().all(|count| *count <= 25), "{openings:?}");
}

/// No run of eight words in common with the stories of others which lie beside the checkout.
#[test]
fn nothing_is_copied_from_the_shared_corpus() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpora/gemma-171x12/stories.jsonl");
    let Ok(theirs) = std::fs::read_to_string(path) else {
        println!("skipped: ../shared/corpora is not here");
        return;
    };
    let theirs: Vec<Vec<String>> = lines(&theirs).iter().map(|story| words(text(story, "text"))).collect();
    let runs: BTreeSet<&[String]> = theirs.iter().flat_map(|story| story.windows(8)).collect();
    let ours = stories();
    let common: Vec<_> = ours.iter().flat_map(|story| story.windows(8)).filter(|run| runs.contains(run)).collect();
    assert!(common.is_empty(), "{common:?}");
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
