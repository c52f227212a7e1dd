//! The window without a window: the real engine, frames drawn by the software raster.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use egui::{RawInput, Rect, vec2};

use super::logic::FIRST_PROMPT;
use super::{App, Appearance, Command, Pick, Picker, Settings, at_once, background, install_theme};
use crate::INSIDE;
use crate::engine::{self, Work};
use crate::figure::raster::{Image, Raster};
use crate::model::{Hub, Keep};

/// What a screenshot shows: without a model the model inside, its bank and its first prompt, each unless another is named.
#[derive(Clone, Debug)]
pub struct Scene {
    pub model: Option<PathBuf>,
    /// How and where the model is kept.
    pub keep: Keep,
    pub bank: Option<PathBuf>,
    /// Run as one user turn.
    pub text: Option<String>,
    /// Width and height in pixels.
    pub size: [usize; 2],
    pub theme: Appearance,
}

/// Opens what the scene names, runs its text to the end, and draws the window as a PNG.
///
/// # Errors
/// What the engine reports, and pictures that cannot be drawn.
pub fn screenshot(scene: &Scene) -> anyhow::Result<Vec<u8>> {
    let engine = engine::start(|| {}).context("no thread for the model")?;
    let Keep { precision, device } = scene.keep;
    let settings = Settings { theme: scene.theme, precision, device, ..Settings::default() };
    let mut stage = Stage::new(App::new(engine, settings, Box::new(NoPicker), at_once, Hub::from_env()), scene.size);
    let inside = scene.model.is_none();
    let model = scene.model.clone().unwrap_or_else(|| INSIDE.into());
    stage.command(Command::OpenModelAt(model));
    stage.wait(Work::OpeningModel)?;
    if let Some(bank) = scene.bank.clone().or(inside.then(|| INSIDE.into())) {
        stage.command(Command::OpenBankAt(bank));
        stage.wait(Work::OpeningBank)?;
    }
    if let Some(text) = scene.text.as_deref().or(inside.then_some(FIRST_PROMPT)) {
        stage.command(Command::Prompt(text.to_owned()));
        stage.command(Command::Run);
        stage.wait(Work::Running)?;
    }
    Ok(stage.draw()?.png()?)
}

/// Nobody can be asked.
struct NoPicker;

impl Picker for NoPicker {
    fn ask(&mut self, _: &egui::Context, _: Pick) {}

    fn answer(&mut self) -> Option<(Pick, PathBuf)> {
        None
    }
}

struct Stage {
    app: App,
    ctx: egui::Context,
    size: [usize; 2],
    raster: Raster,
}

impl Stage {
    fn new(app: App, size: [usize; 2]) -> Self {
        let ctx = egui::Context::default();
        install_theme(&ctx);
        Self { app, ctx, size, raster: Raster::default() }
    }

    fn command(&mut self, command: Command) {
        self.app.apply(&self.ctx, command);
    }

    /// Follows the engine to the end of this work.
    fn wait(&mut self, work: Work) -> anyhow::Result<()> {
        while !self.app.follow(work).ok_or_else(|| anyhow!("the engine has ended\nTry again"))? {}
        match self.app.session().notice.as_ref().filter(|notice| notice.error) {
            Some(notice) => bail!("{}", notice.message),
            None => Ok(()),
        }
    }

    /// Draws frames until the window has settled, and returns the last.
    fn draw(&mut self) -> anyhow::Result<Image> {
        const SETTLED: usize = 4;
        const MOST: usize = 400;
        let screen = Rect::from_min_size(egui::Pos2::ZERO, vec2(self.size[0] as f32, self.size[1] as f32));
        let mut quiet = 0;
        for frame in 0..MOST {
            let input = RawInput { screen_rect: Some(screen), time: Some(frame as f64 / 4.0), ..Default::default() };
            let mut output = self.ctx.run_ui(input, |ui| self.app.show(ui));
            self.raster.update(&mut output.textures_delta)?;
            quiet = if self.ctx.has_requested_repaint() { 0 } else { quiet + 1 };
            if quiet >= SETTLED || frame + 1 == MOST {
                let colour = background(self.ctx.theme());
                return Ok(self.raster.draw(&self.ctx, output.shapes, 1.0, self.size, colour)?);
            }
        }
        bail!("the window never settled\nTry again")
    }
}
