//! A report as Markdown, to be read on its own.

mod reading;
mod text;
mod writing;

use text::{Table, escape};

use super::{Part, Report};

/// The report. Pictures are linked by the names which [`super::pictures`] gives them.
pub fn markdown(report: &Report) -> String {
    let mut out = head(report);
    part(&mut out, "Map", &report.map, |found| reading::map(report, found));
    part(&mut out, "Implicit situations", &report.implicit, reading::implicit);
    part(&mut out, "Quantity sweeps", &report.quantities, reading::quantities);
    part(&mut out, "Logit lens", &report.lens, reading::lens);
    part(&mut out, "“He feels” steering", &report.feels, writing::feels);
    part(&mut out, "Steered replies", &report.replies, writing::replies);
    part(&mut out, "Samples", &report.samples, writing::samples);
    out
}

fn part<T>(out: &mut String, title: &str, part: &Part<T>, write: impl FnOnce(&T) -> String) {
    let body = match part {
        Part::Measured(found) => write(found),
        Part::Missing { not_measured } => format!("Not measured: {}\n", escape(not_measured)),
    };
    *out += &format!("\n## {title}\n\n{}", body);
}

fn head(report: &Report) -> String {
    let about = &report.about;
    let model = &about.model;
    let mut out = format!("# Report on {}\n\n", escape(&model.id));
    out += "This report measures the emotion vectors of a language model: directions of its residual stream, made from stories in which an \
emotion is shown and not named (Sofroniew et al. 2026, arXiv 2604.07729). It speaks of the *activation of an emotion vector*. It makes no claim that a model feels anything.\n\n";
    let mut table = Table::new(&["", ""]);
    let mut row = |name: &str, value: String| table.row(&[name.to_owned(), value]);
    row("Model", format!("{}, {} parameters", escape(&model.architecture), model.parameters));
    row("Shape", format!("{} blocks of width {}, context {} tokens", model.blocks, model.width, model.context));
    row("Weights", format!("{} in the file, kept as {}", escape(&model.dtype), escape(&model.precision)));
    let unknown = || "not known".to_owned();
    let corpus = about.corpus.as_deref().map_or_else(unknown, escape);
    let stories = about.stories.as_deref().map_or_else(unknown, escape);
    row("Bank", format!("{} {} vectors; texts: {corpus}; stories: {stories}", about.emotions, about.vectors));
    row("Read", format!("at block {} of 0 to {}", about.block, model.blocks.saturating_sub(1)));
    row("Steered", format!("at blocks {}, replies with s = {} residual norms at each", about.blocks, about.strength));
    row("Made with", about.program.clone());
    out += &table.finish();
    out += "\n**Block L** is the residual stream after decoder block L, counted from 0, before the final norm. **z** is (h·v̂ − mean) / sd of neutral \
text, in sd, at the token before a reply against the same token of neutral questions. **s** is in mean residual norms of a block. Every number of \
one model and one set of prompts is a single measurement: it has no error bar here.\n";
    for caveat in &report.caveats {
        out += &format!("\n> **Caution.** {}\n", caveat);
    }
    out
}
