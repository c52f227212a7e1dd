//! Building a bank: stories in, vectors out. Every text is read once into running sums, and the vectors are finished from those.
//!
//! Three passes: the stories (per-emotion means and the residual norm), the neutral texts (mean and covariance, hence the components
//! which are projected out and the token baseline), and the first line of each neutral text as a question (answer baseline). Texts are
//! read in chunks which depend on the input alone, and sums are f64, so the result is the same to the bit whatever stopped the work in
//! between.

mod checkpoint;
mod finish;
mod plan;
mod sums;

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use ndarray::Array3;

use super::{Bank, BankError};
use crate::corpus::{BadLines, Source};
use crate::job::{Cancel, Progress, Sink};
use finish::{Directions, directions};
use plan::{Pass, Plan};
use sums::Sums;

/// How often a checkpoint is written, at least; where that takes long, less often, so that it costs a tenth of the time at most.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(4);

/// Where residuals come from: a model, or a stand-in.
pub trait ResidualSource: Sync {
    /// The model's name, for the bank's metadata.
    fn id(&self) -> String;
    /// Number of decoder blocks, L.
    fn blocks(&self) -> usize;
    /// Width of the residual, D.
    fn width(&self) -> usize;
    /// Longest text, in tokens.
    fn context(&self) -> usize;
    /// The text's tokens, with the model's special tokens.
    ///
    /// # Errors
    /// When the tokenizer fails.
    fn encode(&self, text: &str) -> Result<Vec<u32>, SourceError>;
    /// The text as one user turn with the generation prompt, so that the last token is about to answer.
    ///
    /// # Errors
    /// When the tokenizer or the chat template fails.
    fn encode_question(&self, text: &str) -> Result<Vec<u32>, SourceError>;
    /// Residual after every block, [L, T, D] for each text.
    ///
    /// # Errors
    /// When the model fails, or is stopped.
    fn residuals(&self, texts: &[Vec<u32>], cancel: &Cancel) -> Result<Vec<Array3<f32>>, SourceError>;
}

/// Why a source gave no residuals.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("stopped")]
    Stopped,
    /// The message says what failed and what to do.
    #[error("{0}")]
    Failed(String),
}

/// What to build a bank from.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// JSON lines with "emotion" and "text".
    pub stories: Source,
    /// JSON lines with "text".
    pub neutral: Source,
    /// First token of a story that counts (50 in the paper), counting every token from 0.
    pub start_token: usize,
    /// Share of the neutral variance that is projected out, from 0 and below 1 (0.5 in the paper).
    pub variance: f64,
    /// Digest of the model's weights, for the bank's metadata.
    pub model_sha256: String,
    /// License of the bank, for its metadata; may be empty.
    pub license: String,
}

/// What a build did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Emotions of the bank.
    pub emotions: usize,
    /// Emotions of the corpus without a usable story, which are not in the bank.
    pub emotions_left_out: Vec<String>,
    /// Stories read.
    pub stories: usize,
    /// Stories with no token from `start_token` on, which are skipped.
    pub stories_too_short: usize,
    /// Stories and neutral texts longer than the model's context, which are cut.
    pub texts_cut: usize,
    pub bad_stories: BadLines,
    /// Neutral texts read.
    pub neutral: usize,
    /// Neutral texts of a single token, which are skipped.
    pub neutral_too_short: usize,
    pub bad_neutral: BadLines,
    /// First lines of neutral texts which were read as a question.
    pub questions: usize,
    /// First lines longer than the context once rendered, which are skipped: cut, their last token would not be about to answer.
    pub questions_too_long: usize,
    /// Positions behind the vectors, and behind the neutral mean.
    pub story_positions: u64,
    pub neutral_positions: u64,
    /// Components projected out, per block.
    pub neutral_components: Vec<usize>,
    /// Share of the work which a checkpoint had done already, in percent; none when the build started anew.
    pub resumed_at_percent: Option<u64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} emotions from {} stories ({} tokens), {} neutral texts ({} tokens), {} questions",
            self.emotions, self.stories, self.story_positions, self.neutral, self.neutral_positions, self.questions
        )?;
        write!(f, "\nneutral components projected out, by block: {:?}", self.neutral_components)?;
        let bad = [("story", &self.bad_stories), ("neutral", &self.bad_neutral)];
        for (kind, lines) in bad.into_iter().filter(|(_, lines)| lines.count > 0) {
            write!(f, "\n{kind} lines skipped: {lines}")?;
        }
        let skipped = [
            (self.stories_too_short, "stories have no token from the start token on and were skipped"),
            (self.neutral_too_short, "neutral texts are a single token and were skipped"),
            (self.questions_too_long, "first lines are longer than the context and were skipped"),
            (self.texts_cut, "texts are longer than the context and were cut"),
        ];
        for (count, why) in skipped.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "\n{count} {why}")?;
        }
        if !self.emotions_left_out.is_empty() {
            write!(f, "\nno usable story: {}", self.emotions_left_out.join(", "))?;
        }
        Ok(())
    }
}

/// Builds the bank and writes it to `out`. While it works, `out` + ".partial" holds a checkpoint; with `resume` the work continues
/// from there, without it an old one is replaced. It is removed at the end, and stays when the work is stopped or fails.
///
/// # Errors
/// Unreadable or unusable texts, a checkpoint of other inputs, a model which fails, a file that cannot be written, and
/// [`BankError::Stopped`].
pub fn build(
    source: &dyn ResidualSource,
    recipe: &Recipe,
    out: &Path,
    resume: bool,
    cancel: &Cancel,
    sink: Sink,
) -> Result<Report, BankError> {
    check_options(source, recipe)?;
    check_writable(out)?;
    sink(Progress { done: 0, total: 0, note: "Reading texts".to_owned(), left: None });
    let plan = Plan::new(source, recipe, cancel, sink)?;
    let mut report = plan.report.clone();

    let partial = super::tensors::beside(out, ".partial");
    let mut sums = Sums::new(source.blocks(), plan.emotions.len(), source.width());
    let mut done = 0;
    if resume && partial.exists() {
        done = checkpoint::load(&partial, &plan, &mut sums)?;
        report.resumed_at_percent = Some(100 * plan.tokens_before(done) / plan.tokens().max(1));
    }

    let mut directions: Option<Directions> = None;
    let mut pace = Pace::new(plan.tokens(), plan.tokens_before(done));
    let mut saver = Saver::new(&partial);
    while done < plan.chunks.len() {
        let chunk = &plan.chunks[done];
        sink(pace.progress(chunk.pass.note()));
        if chunk.pass == Pass::Questions && directions.is_none() {
            sink(pace.progress("Finding what neutral texts share"));
            directions = Some(self::directions(&sums, &plan, recipe.variance, cancel)?);
        }
        let residuals = match read(source, plan.tokens_of(chunk), cancel) {
            Err(BankError::Stopped) => {
                saver.save(&plan, &sums, done)?;
                return Err(BankError::Stopped);
            }
            residuals => residuals?,
        };
        sums.add(chunk, &plan, &residuals, directions.as_ref(), cancel)?;
        done += 1;
        pace.done += chunk.tokens;
        saver.save_if_due(&plan, &sums, done)?;
    }
    let directions = match directions {
        Some(directions) => directions,
        None => self::directions(&sums, &plan, recipe.variance, cancel)?,
    };
    sink(pace.progress("Writing the bank"));
    report.neutral_components = directions.components();
    let bank: Bank = finish::bank(source, recipe, &plan, &sums, directions)?;
    bank.save(out)?;
    saver.remove()?;
    Ok(report)
}

/// The residuals of a chunk, with shapes checked.
fn read(source: &dyn ResidualSource, texts: &[Vec<u32>], cancel: &Cancel) -> Result<Vec<Array3<f32>>, BankError> {
    if cancel.is_cancelled() {
        return Err(BankError::Stopped);
    }
    let residuals = source.residuals(texts, cancel)?;
    let expected = texts.iter().map(|text| (source.blocks(), text.len(), source.width()));
    if !residuals.iter().map(Array3::dim).eq(expected) {
        return Err(BankError::Numbers("the residuals of a text have another shape than the model says".to_owned()));
    }
    Ok(residuals)
}

fn check_options(source: &dyn ResidualSource, recipe: &Recipe) -> Result<(), BankError> {
    if !(0.0..1.0).contains(&recipe.variance) {
        return Err(BankError::Option {
            option: "--variance",
            why: format!("{} is not from 0 to below 1", recipe.variance),
            hint: "The paper takes 0.5; 0 projects nothing out",
        });
    }
    if recipe.start_token >= source.context() {
        return Err(BankError::Option {
            option: "--start-token",
            why: format!("the model reads {} tokens at most", source.context()),
            hint: "The paper takes 50",
        });
    }
    Ok(())
}

/// Hours of work should not end in a folder that is not there.
fn check_writable(out: &Path) -> Result<(), BankError> {
    let probe = super::tensors::beside(out, ".tmp");
    let unwritable = |source| BankError::Write { path: out.to_owned(), why: source };
    if out.is_dir() {
        return Err(unwritable(std::io::ErrorKind::IsADirectory.into()));
    }
    std::fs::File::create(&probe).and_then(|_| std::fs::remove_file(&probe)).map_err(unwritable)
}

/// Estimates the time left from the tokens read since the start.
struct Pace {
    start: Instant,
    at_start: u64,
    done: u64,
    total: u64,
}

impl Pace {
    fn new(total: u64, done: u64) -> Self {
        Self { start: Instant::now(), at_start: done, done, total }
    }

    fn progress(&self, note: &str) -> Progress {
        let read = self.done - self.at_start;
        let left = (read > 0).then(|| {
            let share = (self.total - self.done) as f64 / read as f64;
            Duration::try_from_secs_f64(self.start.elapsed().as_secs_f64() * share).unwrap_or(Duration::MAX)
        });
        Progress { done: self.done, total: self.total, note: note.to_owned(), left }
    }
}

/// Writes checkpoints, not too often.
struct Saver<'a> {
    path: &'a Path,
    last: Instant,
    cost: Duration,
}

impl<'a> Saver<'a> {
    fn new(path: &'a Path) -> Self {
        Self { path, last: Instant::now(), cost: Duration::ZERO }
    }

    fn save_if_due(&mut self, plan: &Plan, sums: &Sums, done: usize) -> Result<(), BankError> {
        if self.last.elapsed() < CHECKPOINT_EVERY.max(9 * self.cost) {
            return Ok(());
        }
        self.save(plan, sums, done)
    }

    fn save(&mut self, plan: &Plan, sums: &Sums, done: usize) -> Result<(), BankError> {
        let start = Instant::now();
        checkpoint::save(self.path, plan, sums, done)?;
        self.cost = start.elapsed();
        self.last = Instant::now();
        Ok(())
    }

    fn remove(&self) -> Result<(), BankError> {
        match std::fs::remove_file(self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(BankError::Write { path: self.path.to_owned(), why: error })
            }
            _ => Ok(()),
        }
    }
}
