//! The loop of the engine thread: it owns the model, serves requests in order, and turns every failure into an event.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use super::generate::{Plan, Steered, Step, generate};
use super::{
    BuildRequest, Event, FetchRequest, Order, Request, RunRequest, RunSummary, RunTokens, SteeringSlot, TokenText, Work,
};
use crate::bank::{self, Bank, Recipe};
use crate::is_inside;
use crate::job::Cancel;
use crate::model::{Keep, Message, Model};
use crate::steering;

/// Where events go, and the waker called after each. Clones share both.
#[derive(Clone)]
pub struct Outlet {
    events: Sender<Event>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Outlet {
    pub fn new(events: Sender<Event>, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { events, wake }
    }

    pub fn tell(&self, event: Event) {
        // Nobody listens any more once the window is closing.
        let _ = self.events.send(event);
        (self.wake)();
    }
}

/// Why some work ended without its result.
enum End {
    Cancelled,
    /// The first line says what failed, the second what to do.
    Failed(String),
}

impl<E: std::error::Error> From<E> for End {
    fn from(error: E) -> Self {
        End::Failed(error.to_string())
    }
}

/// A model and where it came from.
struct Open {
    model: Model,
    path: PathBuf,
}

struct Engine<'a> {
    open: Option<Open>,
    bank: Option<Arc<Bank>>,
    out: &'a Outlet,
    steering: &'a SteeringSlot,
}

/// Serves requests in order until `Quit` or until the handle is gone.
pub fn serve(orders: &Receiver<Order>, out: &Outlet, steering: &SteeringSlot) {
    let mut engine = Engine { open: None, bank: None, out, steering };
    for (request, cancel) in orders {
        let work = match request {
            Request::Quit => return,
            Request::OpenModel(..) => Work::OpeningModel,
            Request::FetchModel(_) => Work::FetchingModel,
            Request::OpenBank(_) => Work::OpeningBank,
            Request::Build(_) => Work::Building,
            Request::Run(_) => Work::Running,
        };
        out.tell(Event::Began(work));
        // A panic in a numeric library must not take the open model along.
        let result = catch_unwind(AssertUnwindSafe(|| engine.serve(request, work, &cancel))).unwrap_or_else(|_| {
            Err(End::Failed("this work failed inside the program\nPlease report what led to it".into()))
        });
        if let Err(End::Failed(message)) = &result {
            out.tell(Event::Failed { work, message: message.clone() });
        }
        out.tell(Event::Ended { work, cancelled: cancel.is_cancelled() || matches!(result, Err(End::Cancelled)) });
    }
}

impl Engine<'_> {
    fn serve(&mut self, request: Request, work: Work, cancel: &Cancel) -> Result<(), End> {
        let result = match request {
            Request::OpenModel(path, keep) => self.open_model(path.clone(), path, keep, work, cancel),
            Request::FetchModel(request) => self.fetch_model(request, cancel),
            Request::OpenBank(path) => self.open_bank(path),
            Request::Build(request) => self.build(&request, cancel),
            Request::Run(request) => self.run(&request, cancel),
            Request::Quit => Ok(()),
        };
        match result {
            // Stopped work reports its stop as an error of its own kind.
            Err(End::Failed(_)) if cancel.is_cancelled() && work != Work::Running => Err(End::Cancelled),
            result => result,
        }
    }

    /// Opens a folder, which the window calls `name`.
    fn open_model(
        &mut self,
        folder: PathBuf,
        name: PathBuf,
        keep: Keep,
        work: Work,
        cancel: &Cancel,
    ) -> Result<(), End> {
        let mut progress = |progress| self.out.tell(Event::Progress(work, progress));
        let model = Model::open_as(&folder, keep, cancel, &mut progress)?;
        self.out.tell(Event::ModelOpened { info: Arc::new(model.info().clone()), path: name });
        if let Some(bank) = self.bank.take() {
            match bank.check_fits(model.info().width, model.info().blocks) {
                Ok(()) => self.bank = Some(bank),
                Err(error) => self.out.tell(Event::BankClosed { message: error.to_string() }),
            }
        }
        self.open = Some(Open { model, path: folder });
        self.check_origin();
        Ok(())
    }

    fn fetch_model(&mut self, FetchRequest { hub, name, keep }: FetchRequest, cancel: &Cancel) -> Result<(), End> {
        let mut progress = |progress| self.out.tell(Event::Progress(Work::FetchingModel, progress));
        let folder = hub.fetch(&name, cancel, &mut progress)?;
        self.open_model(folder, name.into(), keep, Work::FetchingModel, cancel)
    }

    fn open_bank(&mut self, path: PathBuf) -> Result<(), End> {
        let bank = if !is_inside(&path)
            && (path.is_dir() || path.extension().is_some_and(|extension| extension != "safetensors"))
        {
            bank::import(&path, 0)?.0
        } else {
            Bank::open(&path)?
        };
        if let Some(Open { model, .. }) = &self.open {
            bank.check_fits(model.info().width, model.info().blocks)?;
        }
        let bank = Arc::new(bank);
        self.bank = Some(bank.clone());
        self.out.tell(Event::BankOpened { bank, path });
        self.check_origin();
        Ok(())
    }

    /// Compares the bank's `model_sha256` with the open model's weights on a thread of its own: hashing takes seconds.
    fn check_origin(&self) {
        let (Some(open), Some(bank)) = (&self.open, &self.bank) else { return };
        let Some(expected) = bank.metadata.get("model_sha256").cloned() else { return };
        let (folder, built_for, out) = (open.path.clone(), bank.metadata.get("model").cloned(), self.out.clone());
        let check = move || {
            if Model::weights_sha256(&folder).is_ok_and(|actual| actual != expected) {
                let built_for = built_for.unwrap_or_else(|| "another model".into());
                out.tell(Event::BankCaveat(format!(
                    "this bank was built with other weights ({built_for}): its vectors may not mean what their names say\n\
                     Build a bank for this model to be sure"
                )));
            }
        };
        // Without a thread there is no check, and the caveat is only a caveat.
        let _ = std::thread::Builder::new().name("bank-origin".into()).spawn(check);
    }

    fn build(&mut self, request: &BuildRequest, cancel: &Cancel) -> Result<(), End> {
        let Open { model, path } = self.open.as_ref().ok_or_else(no_model)?;
        let recipe = Recipe {
            stories: request.stories.clone(),
            neutral: request.neutral.clone(),
            start_token: request.start_token,
            variance: request.variance,
            model_sha256: Model::weights_sha256(path)?,
            license: String::new(),
        };
        let mut progress = |progress| self.out.tell(Event::Progress(Work::Building, progress));
        let report = bank::build(model, &recipe, &request.out, request.resume, cancel, &mut progress)?;
        self.out.tell(Event::Built(report));
        self.open_bank(request.out.clone())
    }

    fn run(&self, request: &RunRequest, cancel: &Cancel) -> Result<(), End> {
        let Open { model, .. } = self.open.as_ref().ok_or_else(no_model)?;
        let prompt = if request.chat {
            model.encode_chat(&[Message::user(&request.prompt)])?
        } else {
            model.encode(&request.prompt)?
        };
        model.check_text(&prompt)?;

        let mut report = RunReport::new(self.out, model, request.run, &prompt);
        let mut steering = CurrentSteering::new(self);
        steering.refresh()?;
        let plan =
            Plan { prompt: &prompt, max_tokens: request.max_tokens, sampling: request.sampling, residuals: true };
        let started = Instant::now();
        let reply = generate(model, &plan, &mut || steering.newest(), cancel, &mut |step| {
            let read = matches!(step, Step::Read { .. });
            report.step(step);
            if let (true, Some(pace)) = (read, request.pace) {
                wait(1.0 / pace, cancel);
            }
        })?;
        let secs = started.elapsed().as_secs_f64();
        self.out.tell(Event::RunEnded(RunSummary {
            run: request.run,
            generated: reply.ids.len(),
            steered_tokens: reply.tally.tokens,
            mean_push: reply.tally.mean(),
            tokens_per_sec: if secs > 0.0 { (prompt.len() + reply.ids.len()) as f64 / secs } else { 0.0 },
            cancelled: reply.cancelled,
        }));
        Ok(())
    }
}

/// Sleeps this many seconds (a minute at most), but wakes soon after a cancel.
fn wait(secs: f64, cancel: &Cancel) {
    const SLICE: Duration = Duration::from_millis(20);
    let until = Instant::now() + Duration::from_secs_f64(if secs.is_finite() { secs.clamp(0.0, 60.0) } else { 0.0 });
    while !cancel.is_cancelled() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(SLICE));
    }
}

fn no_model() -> End {
    End::Failed("no model is open\nOpen a model folder first".into())
}

/// The steering of the slot, resolved against the open bank once per change.
struct CurrentSteering<'a> {
    engine: &'a Engine<'a>,
    seen: Option<Arc<steering::Steering>>,
    now: Steered,
}

impl<'a> CurrentSteering<'a> {
    fn new(engine: &'a Engine<'a>) -> Self {
        Self { engine, seen: None, now: Steered::none() }
    }

    /// Looks at the slot again and resolves what is new there.
    fn refresh(&mut self) -> Result<(), steering::SteeringError> {
        let newest = self.engine.steering.get();
        let same = match (&newest, &self.seen) {
            (Some(newest), Some(seen)) => Arc::ptr_eq(newest, seen),
            (None, None) => true,
            _ => false,
        };
        if same {
            return Ok(());
        }
        self.seen = newest;
        let (Some(steering), Some(bank), Some(Open { model, .. })) = (&self.seen, &self.engine.bank, &self.engine.open)
        else {
            return Ok(());
        };
        let push = steering::resolve(steering, bank, bank.default_vectors(), model.info().blocks)?;
        self.now = Steered { push: Arc::new(push), scope: steering.scope, change: steering.change };
        Ok(())
    }

    /// The steering in force. One that cannot be done is reported, and the one before it stays.
    fn newest(&mut self) -> Steered {
        if let Err(error) = self.refresh() {
            self.engine.out.tell(Event::Failed { work: Work::Running, message: error.to_string() });
        }
        self.now.clone()
    }
}

/// Turns the steps of a run into events. A sampled token is told together with its residual, once that is known.
struct RunReport<'a> {
    out: &'a Outlet,
    run: super::RunId,
    prompt_tokens: usize,
    stream: crate::model::TextStream<'a>,
    waiting: Vec<TokenText>,
}

impl<'a> RunReport<'a> {
    fn new(out: &'a Outlet, model: &'a Model, run: super::RunId, prompt: &[u32]) -> Self {
        let waiting =
            prompt.iter().zip(model.pieces(prompt)).map(|(&id, text)| TokenText { id, text, logprob: None }).collect();
        Self { out, run, prompt_tokens: prompt.len(), stream: model.text_stream(), waiting }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Token { id, logprob } => {
                self.waiting.push(TokenText { id, text: self.stream.push(id), logprob: Some(logprob) });
            }
            Step::Resteered { position, from_start } => {
                self.out.tell(Event::Resteered { run: self.run, position, from_start });
            }
            Step::Read { first, residual } => {
                let Some(residual) = residual else { return };
                self.out.tell(Event::Tokens(RunTokens {
                    run: self.run,
                    tokens: std::mem::take(&mut self.waiting),
                    prompt_tokens: self.prompt_tokens,
                    first,
                    residual: Arc::new(residual),
                }));
            }
        }
    }
}
