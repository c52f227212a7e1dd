//! What the window's tests share: a scripted engine, a bank and residuals made by arithmetic, and the software raster.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use circumplex::app::{self, App, Pick, Picker, Settings};
use circumplex::bank::{Bank, Baseline};
use circumplex::emotion::{self, human_rating};
use circumplex::engine::{Event, Request, RunSummary, RunTokens, Script, TokenText, Work, scripted};
use circumplex::figure::raster::Raster;
use circumplex::model::{Hub, ModelInfo};
use egui_kittest::{Harness, TestRenderer};
use ndarray::{Array1, Array2, Array3};

pub const BLOCKS: usize = 8;
pub const WIDTH: usize = 24;

/// Draws with the program's own raster.
#[derive(Default)]
pub struct SoftRenderer(Raster);

impl TestRenderer for SoftRenderer {
    fn handle_delta(&mut self, delta: &mut egui::TexturesDelta) {
        self.0.update(delta).unwrap();
    }

    fn render(&mut self, ctx: &egui::Context, output: &egui::FullOutput) -> Result<image::RgbaImage, String> {
        let size = ctx.content_rect().size() * output.pixels_per_point;
        let size = [size.x.round() as usize, size.y.round() as usize];
        let background = app::background(ctx.theme());
        let image = self
            .0
            .draw(ctx, output.shapes.clone(), output.pixels_per_point, size, background)
            .map_err(|error| error.to_string())?;
        image::RgbaImage::from_raw(image.width as u32, image.height as u32, image.rgba).ok_or_else(|| "size".into())
    }
}

/// Answers every question with the same path.
pub struct FixedPicker(pub Option<PathBuf>, Vec<(Pick, PathBuf)>);

impl FixedPicker {
    pub fn new(path: Option<&str>) -> Self {
        Self(path.map(PathBuf::from), Vec::new())
    }
}

impl Picker for FixedPicker {
    fn ask(&mut self, _: &egui::Context, pick: Pick) {
        self.1.extend(self.0.clone().map(|path| (pick, path)));
    }

    fn answer(&mut self) -> Option<(Pick, PathBuf)> {
        self.1.pop()
    }
}

/// The window under test with the engine's end of its handle.
pub struct Stage {
    pub harness: Harness<'static, App>,
    pub script: Script,
}

pub fn stage(settings: Settings, size: [f32; 2]) -> Stage {
    stage_with(settings, size, FixedPicker::new(None))
}

pub fn stage_with(settings: Settings, size: [f32; 2], picker: FixedPicker) -> Stage {
    stage_of(settings, size, picker, Hub::new("https://huggingface.co", "no/such/cache"))
}

/// A stage whose cache has these models.
pub fn stage_with_cache(settings: Settings, size: [f32; 2], cache: &Path, names: &[&str]) -> Stage {
    for name in names {
        let repo = cache.join(format!("models--{}", name.replace('/', "--")));
        for (path, text) in [
            ("refs/main", "abc"),
            ("snapshots/abc/config.json", "{}"),
            ("snapshots/abc/tokenizer.json", "{}"),
            ("snapshots/abc/model.safetensors", ""),
        ] {
            std::fs::create_dir_all(repo.join(path).parent().unwrap()).unwrap();
            std::fs::write(repo.join(path), text).unwrap();
        }
    }
    stage_of(settings, size, FixedPicker::new(None), Hub::new("https://huggingface.co", cache))
}

fn stage_of(settings: Settings, size: [f32; 2], picker: FixedPicker, hub: Hub) -> Stage {
    let (handle, script) = scripted();
    let window = App::new(handle, settings, Box::new(picker), app::at_once, hub);
    let harness = Harness::builder()
        .with_size(size)
        .with_max_steps(12)
        .with_context_setup(app::install_theme)
        .renderer(SoftRenderer::default())
        .build_ui_state(
            |ui, window: &mut App| {
                // The harness leaves a margin which a window does not have.
                let whole = ui.ctx().content_rect();
                ui.scope_builder(egui::UiBuilder::new().max_rect(whole), |ui| {
                    ui.set_clip_rect(whole);
                    window.show(ui);
                });
            },
            window,
        );
    Stage { harness, script }
}

impl Stage {
    pub fn tell(&mut self, event: Event) {
        self.script.events.send(event).unwrap();
    }

    pub fn settle(&mut self) {
        self.harness.run();
    }

    /// Everything the window has asked for since the last call.
    pub fn requests(&self) -> Vec<Request> {
        self.script.requests.try_iter().map(|(request, _)| request).collect()
    }

    pub fn open_model(&mut self) {
        self.tell(Event::ModelOpened { info: Arc::new(model_info()), path: "models/example-chat".into() });
    }

    pub fn open_bank(&mut self) {
        self.tell(Event::BankOpened { bank: Arc::new(bank()), path: "banks/example-chat.safetensors".into() });
    }

    pub fn apply(&mut self, command: app::Command) {
        let ctx = self.harness.ctx.clone();
        self.harness.state_mut().apply(&ctx, command);
    }

    /// Opens both and types a prompt.
    pub fn ready(&mut self, prompt: &str) {
        self.open_model();
        self.open_bank();
        self.settle();
        self.apply(app::Command::Prompt(prompt.into()));
        self.settle();
    }

    pub fn run(&mut self) {
        self.apply(app::Command::Run);
        self.tell(Event::Began(Work::Running));
    }

    /// Plays the answer of the engine to run `run`, of which `reply` tokens have come.
    pub fn stream(&mut self, run: u64, reply: usize) {
        let prompt = prompt_tokens();
        self.tell(tokens(run, prompt.len(), 0, &prompt));
        for (index, text) in reply_tokens().into_iter().take(reply).enumerate() {
            self.tell(tokens(run, prompt.len(), prompt.len() + index, &[text]));
        }
        self.settle();
    }

    pub fn finish(&mut self, run: u64, steered: usize) {
        let generated = reply_tokens().len();
        self.tell(Event::RunEnded(RunSummary {
            run,
            generated,
            steered_tokens: steered,
            mean_push: if steered > 0 { 0.1 } else { 0.0 },
            tokens_per_sec: 41.2,
            cancelled: false,
        }));
        self.tell(Event::Ended { work: Work::Running, cancelled: false });
        self.settle();
    }
}

pub fn model_info() -> ModelInfo {
    ModelInfo {
        id: "example-chat".into(),
        architecture: "LlamaForCausalLM".into(),
        blocks: BLOCKS,
        width: WIDTH,
        heads: 4,
        kv_heads: 2,
        vocab: 4096,
        context: 512,
        parameters: 3_400_000,
        dtype: "float32".into(),
        precision: "f32".into(),
        device: "cpu".into(),
        memory: 13_689_856,
        rounding: None,
        chat_template: true,
        caveat: None,
        warnings: Vec::new(),
    }
}

/// A number in −1..1 which depends on its arguments alone.
fn noise(a: usize, b: usize, c: usize) -> f32 {
    let mut mixed = (a as u64) << 40 ^ (b as u64) << 20 ^ c as u64 ^ 0x9e37_79b9_7f4a_7c15;
    for shift in [30, 27, 31] {
        mixed = (mixed ^ mixed >> shift).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (mixed >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// Valence and arousal of a word: rated by people, else the mean of its cluster, shifted a little.
pub fn affect(index: usize, word: &str) -> [f32; 2] {
    if let Some(rating) = human_rating(word) {
        return [rating.valence as f32, rating.arousal as f32];
    }
    let cluster = emotion::cluster_of(word).map(|cluster| &emotion::clusters()[cluster].emotions);
    let rated: Vec<_> = cluster.into_iter().flatten().filter_map(|word| human_rating(word)).collect();
    let n = rated.len().max(1) as f64;
    let valence = rated.iter().map(|rating| rating.valence).sum::<f64>() / n;
    let arousal = rated.iter().map(|rating| rating.arousal).sum::<f64>() / n;
    [valence as f32 + 0.3 * noise(index, 1, 0), arousal as f32 + 0.4 * noise(index, 2, 0)]
}

/// All 171 words in a made-up space whose first two directions are valence and arousal.
pub fn bank() -> Bank {
    let words = emotion::words();
    let vectors = Array3::from_shape_fn((words.len(), BLOCKS, WIDTH), |(e, block, d)| {
        let [valence, arousal] = affect(e, words[e]);
        match d {
            0 => 3.0 * valence,
            1 => 2.0 * arousal,
            _ => 0.45 * noise(e, block / 2 + 3, d),
        }
    });
    let baseline = |std: f32| {
        Some(Baseline {
            mean: Array2::zeros((BLOCKS, words.len())),
            std: Array2::from_elem((BLOCKS, words.len()), std),
        })
    };
    Bank {
        emotions: words.iter().map(|word| (*word).to_owned()).collect(),
        blocks: (0..BLOCKS).collect(),
        raw: Some(vectors.mapv(|value| value * 1.2)),
        vectors,
        residual_norm: Some(Array1::from_elem(BLOCKS, 8.0)),
        neutral_mean: Some(Array2::zeros((BLOCKS, WIDTH))),
        baseline: baseline(0.8),
        answer: baseline(0.9),
        raw_baseline: baseline(0.8),
        raw_answer: baseline(0.9),
        metadata: [("model", "example-chat"), ("stories", "2052")]
            .map(|(key, value)| (key.into(), value.into()))
            .into(),
    }
}

pub fn prompt_tokens() -> Vec<&'static str> {
    vec![
        "Human",
        ":",
        " My",
        " dog",
        " ran",
        " away",
        " two",
        " days",
        " ago",
        ".",
        " I",
        " have",
        " looked",
        " every",
        "where",
        ".",
        "\n",
        "\n",
        "Assistant",
        ":",
    ]
}

pub fn reply_tokens() -> Vec<&'static str> {
    "I am so sorry . Two days is a long time to worry about someone you love . Let us make a plan together : call the shelter , \
     ask the people next door , and leave his blanket by the gate tonight . Many dogs find their way home when they smell it ."
        .split(' ')
        .collect()
}

/// Tokens as the engine tells them, with residuals which wander from fear to calm.
pub fn tokens(run: u64, prompt_tokens: usize, first: usize, texts: &[&str]) -> Event {
    let reply = first >= prompt_tokens;
    let residual = Array3::from_shape_fn((BLOCKS, texts.len(), WIDTH), |(block, t, d)| {
        let at = (first + t) as f32;
        match d {
            0 => -1.6 + at * 0.045 + 1.1 * noise(first + t, 5, block / 3),
            1 => 1.4 - at * 0.035 + 0.8 * noise(first + t, 6, block / 3),
            _ => noise(first + t, 7, d),
        }
    });
    let tokens = texts
        .iter()
        .enumerate()
        .map(|(index, text)| TokenText {
            id: (first + index) as u32,
            text: if reply { format!(" {text}") } else { (*text).into() },
            logprob: reply.then_some(-0.7),
        })
        .collect();
    Event::Tokens(RunTokens { run, tokens, prompt_tokens, first, residual: Arc::new(residual) })
}
