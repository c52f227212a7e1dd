//! The rules a corpus keeps, so that nothing but the emotion goes with an emotion and no phrase stands for it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::RangeInclusive;

use super::lines::{Forbidden, Lines, Neutral, Situation, Story};
use super::report::Report;
use super::variety::{common_openings, common_runs, repeated_sentences};
use super::words::{first_names, sentences, words};

/// Words of a run which may not be common to many texts.
const RUN: usize = 8;
/// Texts which may share such a run.
const MOST_WITH_RUN: usize = 2;
/// Words of a shorter run in situations and dialogues, and texts which may share it.
const SHORT_RUN: (usize, usize) = (5, 40);
/// Stands for the emotion's word in short runs, so that "that sounds like joy" and "that sounds like grief" are alike.
const MASK: &str = "*";

/// The sizes which a corpus should have. The rules about wording hold for all sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Standard {
    /// Texts for each emotion.
    pub per_emotion: usize,
    /// Words of a story.
    pub story: RangeInclusive<usize>,
    /// Words of a person's message in a situation.
    pub message: RangeInclusive<usize>,
    /// Different words in all stories.
    pub different_words: usize,
    /// Different first names in all stories.
    pub names: usize,
    /// Share of stories in first person.
    pub first_person: RangeInclusive<f64>,
    /// Stories which may begin with the same three words.
    pub same_opening: usize,
    /// Turns of a neutral dialogue.
    pub turns: RangeInclusive<usize>,
    /// Neutral dialogues.
    pub dialogues: usize,
}

impl Default for Standard {
    /// What the shipped texts keep.
    fn default() -> Self {
        Self {
            per_emotion: 12,
            story: 90..=160,
            message: 15..=50,
            different_words: 12_000,
            names: 60,
            first_person: 0.4..=0.6,
            same_opening: 25,
            turns: 2..=6,
            dialogues: 200,
        }
    }
}

/// Stories against the rules. No run of eight words may stand in `others`, the texts of somebody else.
pub fn check_stories(
    stories: &Lines<Story>,
    forbidden: &[Forbidden],
    standard: &Standard,
    others: &[Vec<String>],
) -> Report {
    let mut report = Report::default();
    let texts: Vec<_> = stories.items.iter().map(|story| words(&story.text)).collect();
    for ((story, text), line) in stories.items.iter().zip(&texts).zip(&stories.numbers) {
        let mut say = |what| report.line(*line, &story.emotion, what);
        if !standard.story.contains(&text.len()) {
            say(format!("has {} words, not {}", text.len(), range(&standard.story)));
        }
        if story.text.contains('\n') {
            say("is more than one paragraph".into());
        }
        if story.person.as_ref().is_some_and(|person| !["first", "third"].contains(&person.as_str())) {
            say("\"person\" is neither \"first\" nor \"third\"".into());
        }
        said(forbidden, &story.emotion, text).for_each(|phrase| say(format!("says {phrase:?}")));
    }
    let of = group(&stories.items, |story| &story.emotion);
    for (emotion, stories) in &of {
        let topics: BTreeSet<_> = stories.iter().filter_map(|story| Some(story.topic.as_ref()?.to_string())).collect();
        if topics.len() < stories.iter().filter(|story| story.topic.is_some()).count() {
            report.whole(format!("{emotion}: a topic occurs twice"));
        }
    }
    per_emotion(&mut report, &of, standard);
    wording(&mut report, &texts, stories.items.iter().map(|story| story.text.as_str()), &stories.numbers);
    for (opening, count) in common_openings(&texts, standard.same_opening) {
        report.whole(format!("{count} stories begin {opening:?}, {} at most", standard.same_opening));
    }
    copies(&mut report, stories, &texts, others);
    story_figures(&mut report, stories, &texts, standard);
    report
}

fn story_figures(report: &mut Report, stories: &Lines<Story>, texts: &[Vec<String>], standard: &Standard) {
    let different = texts.iter().flatten().collect::<BTreeSet<_>>().len();
    let names = stories.items.iter().flat_map(|story| first_names(&story.text)).collect::<BTreeSet<_>>().len();
    let persons: Vec<_> = stories.items.iter().filter_map(|story| story.person.as_deref()).collect();
    let first = persons.iter().filter(|person| **person == "first").count() as f64 / persons.len().max(1) as f64;
    report.figure("words", texts.iter().map(Vec::len).sum::<usize>() as f64);
    report.figure("different words", different as f64);
    report.figure("different first names", names as f64);
    if different < standard.different_words {
        report.whole(format!("{different} different words, {} at least", standard.different_words));
    }
    if names < standard.names {
        report.whole(format!("{names} different first names, {} at least", standard.names));
    }
    if !persons.is_empty() {
        report.figure("share in first person", first);
        if !standard.first_person.contains(&first) {
            report.whole(format!("a share of {first:.2} is in first person, not {}", range(&standard.first_person)));
        }
    }
}

/// Situations against the rules: the message may not say a forbidden word, about half of the replies do.
pub fn check_situations(situations: &Lines<Situation>, forbidden: &[Forbidden], standard: &Standard) -> Report {
    let mut report = Report::default();
    let mut naming = 0;
    for (situation, line) in situations.items.iter().zip(&situations.numbers) {
        let mut say = |what| report.line(*line, &situation.emotion, what);
        let message = words(&situation.text);
        if !standard.message.contains(&message.len()) {
            say(format!("the message has {} words, not {}", message.len(), range(&standard.message)));
        }
        said(forbidden, &situation.emotion, &message).for_each(|phrase| say(format!("the message says {phrase:?}")));
        let count = sentences(&situation.reply).filter(|sentence| !words(sentence).is_empty()).count();
        if !(1..=3).contains(&count) {
            say(format!("the reply has {count} sentences, not 1 to 3"));
        }
        naming += usize::from(said(forbidden, &situation.emotion, &words(&situation.reply)).next().is_some());
    }
    per_emotion(&mut report, &group(&situations.items, |situation| &situation.emotion), standard);
    let both = || situations.items.iter().flat_map(|line| [(line, &line.text), (line, &line.reply)]);
    let numbers: Vec<_> = situations.numbers.iter().flat_map(|line| [*line, *line]).collect();
    let texts: Vec<_> = both().map(|(_, text)| words(text)).collect();
    wording(&mut report, &texts, both().map(|(_, text)| text.as_str()), &numbers);
    let masked: Vec<_> = both().map(|(line, text)| masked(&line.emotion, text)).collect();
    short_runs(&mut report, &masked);
    let share = naming as f64 / situations.items.len().max(1) as f64;
    report.figure("share of replies which name the feeling", share);
    if !(0.35..=0.65).contains(&share) {
        report.whole(format!("a share of {share:.2} of the replies names the feeling, not about half"));
    }
    report
}

/// Neutral dialogues against the rules: paragraphs which begin `Name: `, the first by a person, the last by the assistant.
pub fn check_neutral(neutral: &Lines<Neutral>, standard: &Standard) -> Report {
    let mut report = Report::default();
    for (dialogue, line) in neutral.items.iter().zip(&neutral.numbers) {
        let turns: Vec<_> = dialogue.text.split("\n\n").map(|turn| turn.split_once(": ")).collect();
        let mut say = |what| report.problems.push(super::Problem { line: Some(*line), emotion: None, what });
        if !standard.turns.contains(&turns.len()) {
            say(format!("has {} turns, not {}", turns.len(), range(&standard.turns)));
        }
        let speakers: Option<Vec<_>> = turns.iter().map(|turn| turn.map(|(speaker, _)| speaker)).collect();
        let Some(speakers) = speakers else {
            say("a paragraph does not begin with who speaks, as in \"Human: \"".into());
            continue;
        };
        if speakers.len() % 2 != 0 || speakers.windows(2).any(|pair| pair[0] == pair[1]) {
            say("the two do not take turns".into());
        }
    }
    let texts: Vec<_> = neutral.items.iter().map(|dialogue| words(&dialogue.text)).collect();
    report.figure("dialogues", texts.len() as f64);
    report.figure("words", texts.iter().map(Vec::len).sum::<usize>() as f64);
    if texts.len() < standard.dialogues {
        report.whole(format!("{} dialogues, {} at least", texts.len(), standard.dialogues));
    }
    wording(&mut report, &texts, neutral.items.iter().map(|dialogue| dialogue.text.as_str()), &neutral.numbers);
    let masked: Vec<_> = neutral.items.iter().map(|dialogue| masked("", &dialogue.text)).collect();
    short_runs(&mut report, &masked);
    report
}

/// The forbidden phrases of an emotion which a text says.
fn said<'a>(forbidden: &'a [Forbidden], emotion: &str, text: &'a [String]) -> impl Iterator<Item = &'a str> {
    let of = forbidden.iter().find(|forbidden| forbidden.emotion == emotion);
    of.into_iter().flat_map(|forbidden| &forbidden.words).map(String::as_str).filter(|phrase| {
        let phrase = words(phrase);
        !phrase.is_empty() && text.windows(phrase.len()).any(|window| window == phrase)
    })
}

fn group<T>(items: &[T], emotion: impl Fn(&T) -> &str) -> BTreeMap<String, Vec<&T>> {
    let mut of: BTreeMap<String, Vec<&T>> = BTreeMap::new();
    for item in items {
        of.entry(emotion(item).to_owned()).or_default().push(item);
    }
    of
}

fn per_emotion<T>(report: &mut Report, of: &BTreeMap<String, Vec<&T>>, standard: &Standard) {
    report.figure("emotions", of.len() as f64);
    report.figure("texts", of.values().map(Vec::len).sum::<usize>() as f64);
    for (emotion, items) in of.iter().filter(|(_, items)| items.len() < standard.per_emotion) {
        report.whole(format!("{emotion}: {} texts, {} at least", items.len(), standard.per_emotion));
    }
}

/// No sentence twice, no run of eight words in more than two texts.
fn wording<'a>(report: &mut Report, texts: &[Vec<String>], plain: impl Iterator<Item = &'a str>, numbers: &[usize]) {
    for (first, second, sentence) in repeated_sentences(plain) {
        report.whole(format!("lines {} and {} share the sentence {sentence:?}", numbers[first], numbers[second]));
    }
    for (run, holders) in common_runs(texts, RUN, MOST_WITH_RUN) {
        let lines: Vec<_> = holders.iter().map(|index| numbers[*index].to_string()).collect();
        report.whole(format!("lines {} share the words {run:?}", lines.join(", ")));
    }
}

fn short_runs(report: &mut Report, texts: &[Vec<String>]) {
    let (length, most) = SHORT_RUN;
    for (run, holders) in common_runs(texts, length, most) {
        report.whole(format!("{} texts share the words {run:?}, {most} at most", holders.len()));
    }
}

/// The words of a text, with the emotion's own masked.
fn masked(emotion: &str, text: &str) -> Vec<String> {
    let text = words(text).join(" ");
    let emotion = words(emotion).join(" ");
    let text = format!(" {text} ").replace(&format!(" {emotion} "), &format!(" {MASK} "));
    text.split_whitespace().map(str::to_owned).collect()
}

fn copies(report: &mut Report, stories: &Lines<Story>, texts: &[Vec<String>], others: &[Vec<String>]) {
    let theirs: HashSet<&[String]> = others.iter().flat_map(|text| text.windows(RUN)).collect();
    for ((text, story), line) in texts.iter().zip(&stories.items).zip(&stories.numbers) {
        if let Some(run) = text.windows(RUN).find(|run| theirs.contains(run)) {
            report.line(*line, &story.emotion, format!("has words of the other texts: {:?}", run.join(" ")));
        }
    }
}

fn range<T: std::fmt::Display>(range: &RangeInclusive<T>) -> String {
    format!("{} to {}", range.start(), range.end())
}
