//! `circumplex check`

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Map, json};

use super::common::print_json;
use crate::corpus::{self, Lines, Report, Source, Standard};

/// Check stories, situations and neutral dialogues against the rules of a good corpus
///
/// Without files the shipped texts are checked; with files, only these.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Stories, one JSON object a line: {"emotion": ..., "text": ...}, and where known "topic" and "person" (first or third)
    #[arg(long, value_name = "F")]
    stories: Option<PathBuf>,
    /// Situations, one JSON object a line: {"emotion": ..., "text": ..., "reply": ...}
    #[arg(long, value_name = "F")]
    situations: Option<PathBuf>,
    /// Neutral dialogues, one JSON object a line: {"text": "Human: ...\n\nAssistant: ..."}
    #[arg(long, value_name = "F")]
    neutral: Option<PathBuf>,
    /// Forbidden words, one JSON object a line: {"emotion": ..., "words": [...]}; the shipped lists without it
    #[arg(long, value_name = "F")]
    forbidden: Option<PathBuf>,
    /// Stories of somebody else, from which nothing may be copied
    #[arg(long, value_name = "F")]
    compare: Option<PathBuf>,
    /// Texts an emotion should have
    #[arg(long, value_name = "N", default_value_t = Standard::default().per_emotion)]
    per_emotion: usize,
    /// Different words the stories should have
    #[arg(long, value_name = "N", default_value_t = Standard::default().different_words)]
    different_words: usize,
    /// Different first names the stories should have
    #[arg(long, value_name = "N", default_value_t = Standard::default().names)]
    names: usize,
    /// Neutral dialogues there should be
    #[arg(long, value_name = "N", default_value_t = Standard::default().dialogues)]
    dialogues: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &CheckArgs) -> anyhow::Result<()> {
    let reports = reports(args)?;
    let problems: usize = reports.iter().map(|(_, _, report)| report.problems.len()).sum();
    if args.json {
        let object = reports.iter().map(|(what, source, report)| {
            let figures: Map<_, _> =
                report.figures.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            let value = json!({"file": source.to_string(), "figures": figures, "problems": report.problems});
            ((*what).to_owned(), value)
        });
        print_json(&object.collect::<Map<_, _>>())?;
    } else {
        let mut out = io::stdout().lock();
        for (what, source, report) in &reports {
            writeln!(out, "{what}: {source}\n{report}")?;
        }
    }
    if problems > 0 {
        bail!("{problems} problems found\nMend the lines named above, or give other sizes (see --help)");
    }
    Ok(())
}

fn reports(args: &CheckArgs) -> anyhow::Result<Vec<(&'static str, Source, Report)>> {
    let files = [&args.stories, &args.situations, &args.neutral];
    let none = files.iter().all(|file| file.is_none());
    let source = |file: &Option<PathBuf>| (none || file.is_some()).then(|| Source::from_option(file.as_deref()));
    let standard = Standard {
        per_emotion: args.per_emotion,
        different_words: args.different_words,
        names: args.names,
        dialogues: args.dialogues,
        ..Standard::default()
    };
    let forbidden = Source::from_option(args.forbidden.as_deref());
    let forbidden = whole(&forbidden, corpus::forbidden)?;
    let others = match &args.compare {
        None => Vec::new(),
        Some(path) => {
            let source = path.clone().into();
            whole(&source, corpus::stories)?.items.iter().map(|story| corpus::words(&story.text)).collect()
        }
    };
    let mut reports = Vec::new();
    if let Some(source) = source(&args.stories) {
        let lines = whole(&source, corpus::stories)?;
        reports.push(("stories", source, corpus::check_stories(&lines, &forbidden.items, &standard, &others)));
    }
    if let Some(source) = source(&args.situations) {
        let lines = whole(&source, corpus::situations)?;
        reports.push(("situations", source, corpus::check_situations(&lines, &forbidden.items, &standard)));
    }
    if let Some(source) = source(&args.neutral) {
        let lines = whole(&source, corpus::neutral)?;
        reports.push(("neutral dialogues", source, corpus::check_neutral(&lines, &standard)));
    }
    Ok(reports)
}

/// The lines of a file, every one of which must be usable.
fn whole<T>(source: &Source, read: fn(&Source) -> io::Result<Lines<T>>) -> anyhow::Result<Lines<T>> {
    let lines = read(source).with_context(|| format!("cannot read {source}"))?;
    if lines.bad.count > 0 {
        bail!("{}: {source}\nOne JSON object a line is expected (see --help)", lines.bad);
    }
    Ok(lines)
}
