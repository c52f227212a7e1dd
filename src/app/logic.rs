//! What happens: events of the engine change the session, commands change the settings or ask the engine for something.

use std::path::{Path, PathBuf};

use super::build_dialog::{BuildDraft, report_text};
use super::hub_dialog::HubDraft;
use super::picker::Pick;
use super::run::Run;
use super::state::{Appearance, Job, Notice, OpenBank, OpenModel, Session, remember};
use super::{App, Command, Focus};
use crate::engine::{Event, FetchRequest, Request, RunRequest, RunTokens, Work};
use crate::steering::{RANDOM, Term};
use crate::{INSIDE, is_inside};

/// Pinned when a first bank is opened, so that there is something to see.
const FIRST_PINS: [&str; 2] = ["calm", "desperate"];

/// Run when the program opens: calm which turns into despair.
pub(super) const FIRST_PROMPT: &str = "I sat by the quiet stove with a cup of tea, and the cat slept beside me. Then the phone rang. My \
    brother's boat is out in the storm. I have begged everybody for help, and nobody will go out. What shall I do?";

impl App {
    /// Takes in what the engine and the file dialog have to say.
    pub(super) fn drain(&mut self) {
        let events: Vec<Event> = self.engine.events().collect();
        for event in events {
            self.take_in(event);
        }
        while let Some((pick, path)) = self.picker.answer() {
            self.picked(pick, path);
        }
    }

    /// Waits for one event and takes it in. Returns whether it ended this work; none once the engine is gone.
    pub(super) fn follow(&mut self, work: Work) -> Option<bool> {
        let event = self.engine.next_event()?;
        let ended = matches!(event, Event::Ended { work: ended, .. } if ended == work);
        self.take_in(event);
        Some(ended)
    }

    fn take_in(&mut self, event: Event) {
        let session = &mut self.session;
        match event {
            Event::Began(work) => session.job = Some(Job { work, progress: None, stopping: false }),
            Event::Progress(work, progress) => {
                if let Some(job) = session.job.as_mut().filter(|job| job.work == work) {
                    job.progress = Some(progress);
                }
            }
            Event::Ended { work, .. } => {
                if session.is_working(work) {
                    session.job = None;
                }
                if work == Work::Running {
                    session.pending = None;
                }
            }
            Event::ModelOpened { info, path } => {
                remember(&mut self.settings.recent_models, &path);
                session.model = Some(OpenModel { info, path });
                session.run = None;
                session.pending = None;
                session.selection = None;
            }
            Event::BankOpened { bank, path } => {
                remember(&mut self.settings.recent_banks, &path);
                let inside = is_inside(&path);
                self.bank_opened(bank, path);
                // Whatever else is opened in its place has not been asked to run.
                if std::mem::take(&mut self.drafts.runs_first) && inside && self.session.model.is_some() {
                    if !self.has_prompt() {
                        self.drafts.prompt = FIRST_PROMPT.to_owned();
                    }
                    self.run();
                }
            }
            Event::BankClosed { message } => {
                // That the bank of the model inside does not fit another model surprises nobody.
                if session.bank.take().is_some_and(|bank| !is_inside(&bank.path)) {
                    session.notice = Some(Notice { error: true, message });
                }
                session.pins.clear();
            }
            Event::BankCaveat(caveat) => {
                if let Some(bank) = &mut session.bank {
                    bank.caveat = Some(caveat);
                }
            }
            Event::Built(report) => session.notice = Some(Notice { error: false, message: report_text(&report) }),
            Event::Tokens(tokens) => self.tokens(tokens),
            Event::Resteered { run, position, from_start } => {
                if let Some(shown) = session.run.as_mut().filter(|shown| shown.id == run) {
                    shown.changes.push((position, from_start));
                }
            }
            Event::RunEnded(summary) => {
                if let Some(run) = session.run.as_mut().filter(|run| run.id == summary.run) {
                    run.summary = Some(summary);
                }
            }
            Event::Failed { message, .. } => session.notice = Some(Notice { error: true, message }),
        }
    }

    fn bank_opened(&mut self, bank: std::sync::Arc<crate::bank::Bank>, path: PathBuf) {
        let session = &mut self.session;
        let index = |name: &str| bank.emotions.iter().position(|emotion| emotion == name);
        let old = session.bank.take();
        // Pins and sliders go by name: the new bank may hold other words in another order.
        session.pins.retain_mut(|pin| {
            let name = old.as_ref().and_then(|old| old.bank.emotions.get(pin.emotion));
            name.and_then(|name| index(name)).map(|emotion| pin.emotion = emotion).is_some()
        });
        let before = session.steering.terms.len();
        session.steering.terms.retain(|term| term.name == RANDOM || index(&term.name).is_some());
        if session.steering.terms.len() != before {
            self.engine.steer(session.steering.clone());
        }
        let blocks = session.model.as_ref().map(|model| model.info.blocks);
        let blocks = blocks.unwrap_or_else(|| bank.blocks.last().map_or(1, |last| last + 1));
        session.block = bank.default_block(blocks);
        session.vectors = bank.default_vectors();
        session.banks_opened += 1;
        if old.is_none() && session.pins.is_empty() {
            FIRST_PINS.into_iter().filter_map(index).for_each(|emotion| session.toggle_pin(emotion));
        }
        session.hovered_emotion = None;
        session.bank = Some(OpenBank { bank, path, caveat: None, id: session.banks_opened });
    }

    fn tokens(&mut self, tokens: RunTokens) {
        let session = &mut self.session;
        // The run before stays in view until the new one has something to show.
        if session.pending.as_ref().is_some_and(|run| run.id == tokens.run) {
            session.run = session.pending.take();
            session.selection = None;
            session.hovered_token = None;
        }
        if let Some(run) = session.run.as_mut().filter(|run| run.id == tokens.run) {
            run.add(tokens);
        }
    }

    fn picked(&mut self, pick: Pick, path: PathBuf) {
        let build = self.drafts.build.as_mut();
        match (pick, build) {
            (Pick::Model | Pick::ModelFile, _) => self.engine.send(Request::OpenModel(path, self.settings.keep())),
            (Pick::Bank, _) => self.engine.send(Request::OpenBank(path)),
            (Pick::Stories, Some(build)) => build.stories = path.display().to_string(),
            (Pick::Neutral, Some(build)) => build.neutral = path.display().to_string(),
            (Pick::BankOut, Some(build)) => build.out = path.display().to_string(),
            (Pick::Stories | Pick::Neutral | Pick::BankOut, None) => {}
        }
    }

    /// Opens the model inside with its bank, and runs its first prompt (or the one that is typed): what a person sees first.
    pub(super) fn open_inside(&mut self) {
        self.session.notice = None;
        self.drafts.runs_first = true;
        self.engine.send(Request::OpenModel(INSIDE.into(), self.settings.keep()));
        self.engine.send(Request::OpenBank(INSIDE.into()));
    }

    /// Whether there is something to run.
    pub(super) fn has_prompt(&self) -> bool {
        !self.drafts.prompt.trim().is_empty()
    }

    /// Carries out a command, if it can be done now.
    pub fn apply(&mut self, ctx: &egui::Context, command: Command) {
        if !can(&self.session, self.has_prompt(), &command) {
            return;
        }
        let session = &mut self.session;
        match command {
            Command::OpenModel => self.picker.ask(ctx, Pick::Model),
            Command::OpenModelFile => self.picker.ask(ctx, Pick::ModelFile),
            Command::OpenBank => self.picker.ask(ctx, Pick::Bank),
            Command::Browse(pick) => self.picker.ask(ctx, pick),
            Command::OpenModelAt(path) => {
                session.notice = None;
                self.engine.send(Request::OpenModel(path, self.settings.keep()));
            }
            Command::OpenBankAt(path) => {
                session.notice = None;
                self.engine.send(Request::OpenBank(path));
            }
            Command::OpenInside => self.open_inside(),
            Command::OpenFromHub => self.drafts.hub = Some(HubDraft::new(&self.hub)),
            Command::FetchModel(name) => {
                session.notice = None;
                let keep = self.settings.keep();
                self.engine.send(Request::FetchModel(FetchRequest { hub: self.hub.clone(), name, keep }));
            }
            Command::BuildBank => self.drafts.build = Some(BuildDraft::default()),
            Command::Build(draft) => {
                session.notice = None;
                self.drafts.build = None;
                if let Some(request) = draft.request() {
                    self.engine.send(Request::Build(request));
                }
            }
            Command::Run => self.run(),
            Command::Stop => {
                self.engine.stop();
                if let Some(job) = &mut session.job {
                    job.stopping = true;
                }
            }
            Command::Prompt(text) => {
                self.drafts.prompt = text;
                self.drafts.focus = Some(Focus::Prompt);
            }
            Command::FocusPrompt => self.drafts.focus = Some(Focus::Prompt),
            Command::FocusSearch => self.drafts.focus = Some(Focus::Search),
            Command::PreviousBlock => session.block = neighbour(session, -1).unwrap_or(session.block),
            Command::NextBlock => session.block = neighbour(session, 1).unwrap_or(session.block),
            Command::Block(block) => session.block = block,
            Command::Vectors(vectors) => session.vectors = vectors,
            Command::ClearPins => session.pins.clear(),
            Command::TogglePin(emotion) => session.toggle_pin(emotion),
            Command::Steer(name) => self.steer(name),
            Command::Steering(steering) => {
                session.steering = steering;
                self.engine.steer(session.steering.clone());
            }
            Command::ClearSteering => {
                session.steering.terms.clear();
                self.engine.steer(session.steering.clone());
            }
            Command::ToggleTheme => {
                let dark = ctx.theme() == egui::Theme::Dark;
                self.settings.theme = if dark { Appearance::Light } else { Appearance::Dark };
            }
            Command::Settings(settings) => self.settings = *settings,
            Command::Select(span) => session.selection = span,
            Command::DismissNotice => session.notice = None,
            Command::HoverEmotion(emotion) => session.hovered_emotion = Some(emotion),
            Command::HoverToken(token) => session.hovered_token = Some(token),
            Command::Quit => ctx.send_viewport_cmd(egui::ViewportCommand::Close),
        }
    }

    fn run(&mut self) {
        let session = &mut self.session;
        session.notice = None;
        session.next_run += 1;
        let request = RunRequest {
            run: session.next_run,
            prompt: self.drafts.prompt.trim().to_owned(),
            chat: self.settings.chat,
            max_tokens: self.settings.max_tokens,
            sampling: self.settings.sampling(),
            pace: (self.settings.pace > 0).then_some(f64::from(self.settings.pace)),
        };
        session.pending = Some(Run::new(request.clone()));
        self.engine.send(Request::Run(request));
    }

    fn steer(&mut self, name: String) {
        let session = &mut self.session;
        if session.steering.terms.iter().all(|term| term.name != name) {
            let strength = session.bank.as_ref().map_or(0.1, |bank| bank.bank.default_strength());
            session.steering.terms.push(Term { name, strength });
            self.engine.steer(session.steering.clone());
        }
    }

    /// Opens what was dropped on the window.
    pub(super) fn dropped(ctx: &egui::Context) -> Vec<Command> {
        ctx.input(|input| input.raw.dropped_files.iter().map(|file| open_dropped(file.path())).collect())
    }
}

/// Whether a command can be done now.
pub(super) fn can(session: &Session, has_prompt: bool, command: &Command) -> bool {
    let idle = session.job.is_none();
    match command {
        Command::OpenInside
        | Command::OpenModel
        | Command::OpenModelFile
        | Command::OpenFromHub
        | Command::OpenBank => !session.is_working(Work::Building),
        Command::BuildBank => idle && session.model.is_some(),
        Command::Run => idle && session.model.is_some() && has_prompt,
        Command::Stop => session.job.as_ref().is_some_and(|job| !job.stopping),
        Command::PreviousBlock => neighbour(session, -1).is_some(),
        Command::NextBlock => neighbour(session, 1).is_some(),
        Command::ClearPins => !session.pins.is_empty(),
        Command::ClearSteering => !session.steering.terms.is_empty(),
        Command::FocusSearch => session.bank.is_some(),
        Command::FocusPrompt => session.model.is_some(),
        _ => true,
    }
}

/// The bank's block before or after the one shown.
fn neighbour(session: &Session, step: isize) -> Option<usize> {
    let blocks = &session.bank.as_ref()?.bank.blocks;
    let at = blocks.iter().position(|&block| block == session.block)?;
    blocks.get(at.checked_add_signed(step)?).copied()
}

/// A model folder, any file of one, or else a bank.
fn open_dropped(path: &Path) -> Command {
    let is_model = |folder: &Path| folder.join("config.json").is_file();
    if path.is_dir() {
        return if is_model(path) {
            Command::OpenModelAt(path.to_owned())
        } else {
            Command::OpenBankAt(path.to_owned())
        };
    }
    if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf")) {
        return Command::OpenModelAt(path.to_owned());
    }
    match path.parent().filter(|folder| is_model(folder)) {
        Some(folder) => Command::OpenModelAt(folder.to_owned()),
        None => Command::OpenBankAt(path.to_owned()),
    }
}
