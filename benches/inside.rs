//! The first start: from nothing to the first reading with the model inside, as the engine does it for the window: `cargo bench --bench inside`.
//!
//! The budget is one second. Medians of several whole starts in one process, after one that is not counted.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::bail;
use circumplex::INSIDE;
use circumplex::engine::{self, Event, Request, RunRequest, Sampling};
use circumplex::model::Keep;
use circumplex::reading::{Metric, scores};
use ndarray::Axis;

const STARTS: usize = 9;
const PROMPT: &str = "I have waited at the window since noon, and the road is still empty. What should I do now?";

fn main() -> anyhow::Result<()> {
    start()?;
    let times: Vec<[Duration; 3]> = (0..STARTS).map(|_| start()).collect::<Result<_, _>>()?;
    let mut out = std::io::stdout().lock();
    for (index, what) in ["model open", "bank open", "first reading"].into_iter().enumerate() {
        let mut column: Vec<Duration> = times.iter().map(|row| row[index]).collect();
        column.sort();
        writeln!(out, "{what:<14} after {:>6.1} ms", column[STARTS / 2].as_secs_f64() * 1e3)?;
    }
    Ok(())
}

/// Times since the engine was started: model open, bank open, and every token of the prompt read for all emotions.
fn start() -> anyhow::Result<[Duration; 3]> {
    let begun = Instant::now();
    let engine = engine::start(|| {})?;
    engine.send(Request::OpenModel(INSIDE.into(), Keep::default()));
    engine.send(Request::OpenBank(INSIDE.into()));
    engine.send(Request::Run(RunRequest {
        run: 0,
        prompt: PROMPT.into(),
        chat: true,
        max_tokens: 0,
        sampling: Sampling { temperature: 0.0, top_p: 1.0, seed: 0 },
        pace: None,
    }));
    let (mut model, mut opened) = (Duration::ZERO, None);
    while let Some(event) = engine.next_event() {
        match event {
            Event::ModelOpened { .. } => model = begun.elapsed(),
            Event::BankOpened { bank, .. } => opened = Some((bank, begun.elapsed())),
            Event::Tokens(tokens) => {
                let Some((bank, at)) = &opened else { bail!("tokens came before the bank") };
                let block = bank.default_block(tokens.residual.len_of(Axis(0)));
                let residual = tokens.residual.index_axis(Axis(0), block);
                scores(bank, bank.default_vectors(), block, Metric::Z, residual, Some(tokens.prompt_tokens - 1))?;
                return Ok([model, *at, begun.elapsed()]);
            }
            Event::Failed { message, .. } => bail!(message),
            _ => {}
        }
    }
    bail!("the engine ended")
}
