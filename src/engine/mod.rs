//! The thread that owns a model. The window and the tests talk to it through [`Handle`]: requests go in, events come out, and the
//! newest steering lies in a slot which the running reply reads before every token.

mod generate;
mod handle;
mod source;
mod thread;

pub use generate::{Plan, Reply, Steered, Step, generate};
pub use handle::{Handle, Order, Script, SteeringSlot, scripted, start};

use std::path::PathBuf;
use std::sync::Arc;

use ndarray::Array3;

use crate::bank::{Bank, Report};
use crate::corpus::Source;
use crate::job::Progress;
use crate::model::{Hub, Keep, ModelInfo};

/// Number of a run or a job. Events of an older run than the one shown are dropped.
pub type RunId = u64;

/// What the window asks for.
#[derive(Clone, Debug)]
pub enum Request {
    /// Load a model folder or GGUF file; the one open stays until the new one is ready.
    OpenModel(PathBuf, Keep),
    /// Download a model from the hub, then load it.
    FetchModel(FetchRequest),
    /// Load a bank file, or import a foreign one.
    OpenBank(PathBuf),
    /// Build a bank for the open model.
    Build(BuildRequest),
    /// Run a prompt and, when `max_tokens` is not 0, generate a reply.
    Run(RunRequest),
    /// End the thread.
    Quit,
}

/// A model on a hub.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    pub hub: Hub,
    /// `owner/name`
    pub name: String,
    pub keep: Keep,
}

/// Texts in, bank file out.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    pub stories: Source,
    pub neutral: Source,
    pub out: PathBuf,
    pub start_token: usize,
    pub variance: f64,
    pub resume: bool,
}

/// One prompt and how to answer it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRequest {
    pub run: RunId,
    pub prompt: String,
    /// Render as one user turn with the generation prompt.
    pub chat: bool,
    pub max_tokens: usize,
    pub sampling: Sampling,
    /// Most tokens a second, so that a class can follow a fast model; none: as fast as it goes.
    pub pace: Option<f64>,
}

/// How the next token is chosen. Temperature 0 takes the most likely one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    pub temperature: f64,
    pub top_p: f64,
    pub seed: u64,
}

/// A token as the window shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenText {
    pub id: u32,
    /// The text this token adds; empty while a character is incomplete, then whole.
    pub text: String,
    /// ln p under the distribution before temperature and top-p; none for tokens of the prompt.
    pub logprob: Option<f32>,
}

/// What the engine is doing for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    OpeningModel,
    FetchingModel,
    OpeningBank,
    Building,
    Running,
}

/// What the engine tells.
#[derive(Clone, Debug)]
pub enum Event {
    Began(Work),
    Progress(Work, Progress),
    /// The end of what `Began` announced, after its results or its `Failed`.
    Ended {
        work: Work,
        cancelled: bool,
    },
    ModelOpened {
        info: Arc<ModelInfo>,
        path: PathBuf,
    },
    BankOpened {
        bank: Arc<Bank>,
        path: PathBuf,
    },
    /// What readings with the open bank should be taken with. The same two lines as `Failed`.
    BankCaveat(String),
    /// The open bank does not fit the model just opened, and was closed. The same two lines as `Failed`.
    BankClosed {
        message: String,
    },
    /// A bank was built: what was read and what skipped. `BankOpened` follows.
    Built(Report),
    /// Tokens went through the model: the whole prompt first, then the reply one by one; after a change *from the start* the whole
    /// text again, with no new tokens.
    Tokens(RunTokens),
    /// The steering changed at this position of the run (`FromHere`), or the whole run was read again (`FromStart`).
    Resteered {
        run: RunId,
        position: usize,
        from_start: bool,
    },
    RunEnded(RunSummary),
    /// The first line says what failed, the second what to do.
    Failed {
        work: Work,
        message: String,
    },
}

/// New tokens of a run.
#[derive(Clone, Debug)]
pub struct RunTokens {
    pub run: RunId,
    /// Tokens to append to the text shown: those of the rows of `residual` which are new.
    pub tokens: Vec<TokenText>,
    /// Length of the prompt; the about-to-answer token is the one before it.
    pub prompt_tokens: usize,
    /// Position of the first row of `residual` in the run.
    pub first: usize,
    /// Residuals after every block, [L, t, D].
    pub residual: Arc<Array3<f32>>,
}

/// The numbers of a finished run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunSummary {
    pub run: RunId,
    pub generated: usize,
    pub steered_tokens: usize,
    /// In residual norms.
    pub mean_push: f64,
    pub tokens_per_sec: f64,
    pub cancelled: bool,
}
