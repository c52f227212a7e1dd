//! What a build will read, in which chunks: decided from the input alone, before the model runs.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::{Recipe, Report, ResidualSource};
use crate::bank::BankError;
use crate::corpus::{self, BadLines, Source, question};
use crate::job::{Cancel, Progress, Sink};

/// A chunk holds at most this much residual, and this many texts.
const CHUNK_BYTES: usize = 64 << 20;
const CHUNK_TEXTS: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pass {
    Stories,
    Neutral,
    Questions,
}

impl Pass {
    pub(super) fn note(self) -> &'static str {
        match self {
            Self::Stories => "Reading stories",
            Self::Neutral => "Reading neutral texts",
            Self::Questions => "Reading before the reply",
        }
    }
}

/// Texts which are read together.
pub(super) struct Chunk {
    pub(super) pass: Pass,
    /// Range in the texts of the pass.
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) tokens: u64,
}

pub(super) struct Plan {
    /// In order of first appearance; every one has a story.
    pub(super) emotions: Vec<String>,
    /// Emotion of every text of the story pass.
    pub(super) emotion_of: Vec<usize>,
    /// Stories per emotion.
    pub(super) stories_of: Vec<u64>,
    pub(super) start_token: usize,
    /// Texts of the three passes, longest first.
    texts: [Vec<Vec<u32>>; 3],
    pub(super) chunks: Vec<Chunk>,
    /// Digest of stories and neutral texts, for the metadata.
    pub(super) corpus_sha256: String,
    /// Digest of everything that the sums depend on.
    pub(super) fingerprint: String,
    /// What is known before the model runs.
    pub(super) report: Report,
}

impl Plan {
    pub(super) fn new(
        source: &dyn ResidualSource,
        recipe: &Recipe,
        cancel: &Cancel,
        sink: Sink,
    ) -> Result<Self, BankError> {
        let stories = corpus::stories(&recipe.stories).map_err(unreadable(&recipe.stories))?;
        let neutral = corpus::neutral(&recipe.neutral).map_err(unreadable(&recipe.neutral))?;
        let corpus_sha256 = hex(Sha256::new().chain_update(&stories.bytes).chain_update(&neutral.bytes));
        let mut report = Report { bad_stories: stories.bad, bad_neutral: neutral.bad, ..Report::default() };

        let total = (stories.items.len() + 2 * neutral.items.len()) as u64;
        let mut encoded = 0;
        let mut step = || {
            if cancel.is_cancelled() {
                return Err(BankError::Stopped);
            }
            if encoded % 64 == 0 {
                sink(Progress { done: encoded, total, note: "Splitting texts into tokens".to_owned(), left: None });
            }
            encoded += 1;
            Ok(())
        };
        let mut cut = |mut tokens: Vec<u32>| {
            report.texts_cut += usize::from(tokens.len() > source.context());
            tokens.truncate(source.context());
            tokens
        };

        let mut seen: Vec<String> = Vec::new();
        let mut number_of: BTreeMap<String, usize> = BTreeMap::new();
        let mut story_texts = Vec::new();
        for story in stories.items {
            step()?;
            let number = *number_of.entry(story.emotion).or_insert_with_key(|name| {
                seen.push(name.clone());
                seen.len() - 1
            });
            let tokens = cut(source.encode(&story.text)?);
            if tokens.len() > recipe.start_token {
                story_texts.push((number, tokens));
            } else {
                report.stories_too_short += 1;
            }
        }
        let mut neutral_texts = Vec::new();
        let mut questions = Vec::new();
        for text in &neutral.items {
            step()?;
            let tokens = cut(source.encode(&text.text)?);
            if tokens.len() > 1 {
                neutral_texts.push(tokens);
            } else {
                report.neutral_too_short += 1;
            }
            step()?;
            let tokens = source.encode_question(question(&text.text))?;
            if tokens.is_empty() || tokens.len() > source.context() {
                report.questions_too_long += 1;
            } else {
                questions.push(tokens);
            }
        }

        // Emotions without a story are left out, the rest keep their order.
        let mut stories_of = vec![0; seen.len()];
        story_texts.iter().for_each(|(number, _)| stories_of[*number] += 1);
        let kept: Vec<usize> = (0..seen.len()).filter(|number| stories_of[*number] > 0).collect();
        report.emotions_left_out =
            seen.iter().zip(&stories_of).filter(|(_, count)| **count == 0).map(|(name, _)| name.clone()).collect();
        let place = |number: usize| kept.iter().position(|kept| *kept == number).unwrap_or_default();

        // Texts of like length together: less padding for a source that batches.
        story_texts.sort_by_key(|(_, tokens)| std::cmp::Reverse(tokens.len()));
        neutral_texts.sort_by_key(|tokens| std::cmp::Reverse(tokens.len()));
        questions.sort_by_key(|tokens| std::cmp::Reverse(tokens.len()));
        let emotion_of = story_texts.iter().map(|(number, _)| place(*number)).collect();
        let story_texts: Vec<Vec<u32>> = story_texts.into_iter().map(|(_, tokens)| tokens).collect();

        report.emotions = kept.len();
        report.stories = story_texts.len();
        report.neutral = neutral_texts.len();
        report.questions = questions.len();
        report.story_positions = story_texts.iter().map(|tokens| (tokens.len() - recipe.start_token) as u64).sum();
        report.neutral_positions = neutral_texts.iter().map(|tokens| tokens.len() as u64 - 1).sum();
        check_enough(&report, recipe)?;

        let bytes_per_token = source.blocks() * source.width() * size_of::<f32>();
        let mut plan = Self {
            emotions: kept.iter().map(|number| seen[*number].clone()).collect(),
            emotion_of,
            stories_of: kept.iter().map(|number| stories_of[*number]).collect(),
            start_token: recipe.start_token,
            chunks: Vec::new(),
            texts: [story_texts, neutral_texts, questions],
            corpus_sha256,
            fingerprint: String::new(),
            report,
        };
        for pass in [Pass::Stories, Pass::Neutral, Pass::Questions] {
            plan.chunks.extend(chunks(pass, &plan.texts[pass as usize], bytes_per_token));
        }
        plan.fingerprint = plan.fingerprint(source, recipe);
        Ok(plan)
    }

    pub(super) fn tokens_of(&self, chunk: &Chunk) -> &[Vec<u32>] {
        &self.texts[chunk.pass as usize][chunk.first..chunk.first + chunk.count]
    }

    /// Tokens of all passes.
    pub(super) fn tokens(&self) -> u64 {
        self.tokens_before(self.chunks.len())
    }

    /// Tokens of the first chunks.
    pub(super) fn tokens_before(&self, chunks: usize) -> u64 {
        self.chunks.iter().take(chunks).map(|chunk| chunk.tokens).sum()
    }

    fn fingerprint(&self, source: &dyn ResidualSource, recipe: &Recipe) -> String {
        let options = format!(
            "{} {} {} {} {} {} {}",
            source.id(),
            recipe.model_sha256,
            source.blocks(),
            source.width(),
            recipe.start_token,
            recipe.variance,
            self.corpus_sha256
        );
        let mut digest = Sha256::new().chain_update(options);
        // The tokens stand for the tokenizer and the chat template.
        for text in self.texts.iter().flatten() {
            digest.update((text.len() as u64).to_le_bytes());
            text.iter().for_each(|token| digest.update(token.to_le_bytes()));
        }
        hex(digest)
    }
}

fn unreadable(texts: &Source) -> impl FnOnce(io::Error) -> BankError {
    |why| BankError::Read { path: PathBuf::from(texts.to_string()), why }
}

fn check_enough(report: &Report, recipe: &Recipe) -> Result<(), BankError> {
    let unusable = |texts: &Source, why, hint| Err(BankError::Corpus { texts: texts.clone(), why, hint });
    let skipped = |bad: &BadLines, short| format!("{} bad lines, {short} too short", bad.count);
    if report.emotions < 2 {
        let why = format!(
            "{} emotion(s) with a usable story ({}), and two are needed",
            report.emotions,
            skipped(&report.bad_stories, report.stories_too_short)
        );
        let hint = "One JSON object a line, {\"emotion\": ..., \"text\": ...}; texts longer than --start-token";
        return unusable(&recipe.stories, why, hint);
    }
    if report.neutral == 0 || report.questions == 0 {
        let why = format!(
            "no usable neutral text ({}, {} first lines too long for the model)",
            skipped(&report.bad_neutral, report.neutral_too_short),
            report.questions_too_long
        );
        return unusable(
            &recipe.neutral,
            why,
            "One JSON object a line, {\"text\": ...}, with a text about nothing in particular",
        );
    }
    Ok(())
}

fn chunks(pass: Pass, texts: &[Vec<u32>], bytes_per_token: usize) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let tokens = text.len() as u64;
        match chunks.last_mut() {
            Some(chunk)
                if chunk.count < CHUNK_TEXTS && (chunk.tokens + tokens) as usize * bytes_per_token <= CHUNK_BYTES =>
            {
                chunk.count += 1;
                chunk.tokens += tokens;
            }
            _ => chunks.push(Chunk { pass, first: index, count: 1, tokens }),
        }
    }
    chunks
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
