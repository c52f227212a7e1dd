//! Rotary positions: by which angle each pair of a head's dimensions turns at a position, and the ways of stretching this to longer texts.
//!
//! Angles are computed in f32 in the order of transformers' `modeling_rope_utils.py`, so that they agree far into a text.

use candle_core::{Device, Tensor};

use crate::model::ModelError;
use crate::model::family::MOST_CONTEXT;
use crate::model::files::Fields;

/// How queries and keys are turned.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::model) struct Rope {
    pub base: f64,
    /// Dimensions of a head which are turned, an even number; the rest stay.
    pub dims: usize,
    pub scaling: Scaling,
}

/// How a model reads texts longer than it was first trained on.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::model) enum Scaling {
    None,
    /// Positions are divided.
    Linear {
        factor: f64,
    },
    /// The base grows with the text, where that is longer than `original`.
    Dynamic {
        factor: f64,
        original: usize,
    },
    /// Slow turns are divided, fast ones stay, between the pairs `low` and `high` a mixture. https://arxiv.org/abs/2309.00071
    Yarn {
        factor: f64,
        low: f64,
        high: f64,
        attention: f64,
    },
    /// A divisor for each pair, others for texts longer than `original`. https://arxiv.org/abs/2402.13753
    Long {
        short: Vec<f32>,
        long: Vec<f32>,
        original: usize,
        attention: f64,
    },
    /// By wavelength: long ones are divided, short ones stay, between them a mixture.
    Llama3 {
        factor: f64,
        low: f64,
        high: f64,
        original: usize,
    },
}

/// Cosines and sines of some positions, both [t, dims / 2].
#[derive(Clone, Debug)]
pub(in crate::model) struct Angles {
    pub cos: Tensor,
    pub sin: Tensor,
}

impl Rope {
    /// The angles of `count` positions from `start`, in a text of `length` tokens in all.
    pub fn angles(&self, start: usize, count: usize, length: usize, device: &Device) -> Result<Angles, ModelError> {
        let (frequencies, factor) = self.frequencies(length);
        let shape = (count, frequencies.len());
        let angles = (start..start + count).flat_map(|position| frequencies.iter().map(move |f| position as f32 * f));
        let (sin, cos): (Vec<_>, Vec<_>) =
            angles.map(f32::sin_cos).map(|(sin, cos)| (sin * factor, cos * factor)).unzip();
        Ok(Angles { cos: Tensor::from_vec(cos, shape, device)?, sin: Tensor::from_vec(sin, shape, device)? })
    }

    /// Angle per position of each pair, and a factor of cosines and sines.
    fn frequencies(&self, length: usize) -> (Vec<f32>, f32) {
        let powers =
            |base: f64| (0..self.dims).step_by(2).map(move |i| (base as f32).powf(i as f32 / self.dims as f32));
        let plain = powers(self.base).map(|power| 1.0 / power);
        match &self.scaling {
            Scaling::None => (plain.collect(), 1.0),
            Scaling::Linear { factor } => (plain.map(|f| f / *factor as f32).collect(), 1.0),
            Scaling::Dynamic { factor, original } => {
                let stretch = factor * length.max(*original) as f64 / *original as f64 - (factor - 1.0);
                let exponent = self.dims as f64 / (self.dims as f64 - 2.0).max(1.0);
                (powers(self.base * stretch.powf(exponent)).map(|power| 1.0 / power).collect(), 1.0)
            }
            Scaling::Yarn { factor, low, high, attention } => {
                let width = if low == high { 0.001 } else { high - low } as f32;
                let mixed = powers(self.base).enumerate().map(|(pair, power)| {
                    let kept = 1.0 - ((pair as f32 - *low as f32) / width).clamp(0.0, 1.0);
                    1.0 / (*factor as f32 * power) * (1.0 - kept) + 1.0 / power * kept
                });
                (mixed.collect(), *attention as f32)
            }
            Scaling::Long { short, long, original, attention } => {
                let divisors = if length > *original { long } else { short };
                let divided = powers(self.base).zip(divisors).map(|(power, divisor)| 1.0 / (divisor * power));
                (divided.collect(), *attention as f32)
            }
            Scaling::Llama3 { factor, low, high, original } => {
                let (factor, low, high, original) = (*factor as f32, *low as f32, *high as f32, *original as f32);
                let mixed = plain.map(|f| {
                    let wavelength = 2.0 * std::f32::consts::PI / f;
                    if wavelength > original / low {
                        return f / factor;
                    }
                    if wavelength < original / high {
                        return f;
                    }
                    let smooth = (original / wavelength - low) / (high - low);
                    (1.0 - smooth) * f / factor + smooth * f
                });
                (mixed.collect(), 1.0)
            }
        }
    }
}

/// What the family of a model says of its rotary positions, where config.json says nothing.
#[derive(Clone, Copy, Debug)]
pub(in crate::model) struct Defaults {
    pub base: f64,
    /// Share of a head's dimensions which are turned.
    pub share: f64,
}

/// Reads `rope_parameters` of newer files, or `rope_theta` and `rope_scaling` of older ones.
pub(in crate::model) fn read(
    config: &Fields,
    head_dim: usize,
    context: usize,
    defaults: Defaults,
) -> Result<Rope, ModelError> {
    let (newer, older) = (config.table("rope_parameters")?, config.table("rope_scaling")?);
    let base = config.positive_or("rope_theta", defaults.base)?;
    let share = config.positive_or("partial_rotary_factor", defaults.share)?;
    let Some(table) = older.or(newer) else {
        return Ok(Rope { base, dims: turned(config, head_dim, share)?, scaling: Scaling::None });
    };
    let base = table.positive_or("rope_theta", base)?;
    let share = table.positive_or("partial_rotary_factor", share)?;
    let dims = turned(&table, head_dim, share)?;
    let scaling = scaling(config, &table, base, dims, context)?;
    Ok(Rope { base, dims, scaling })
}

/// One of two tables of `rope_parameters`, where blocks differ.
pub(in crate::model) fn read_kind(
    config: &Fields,
    table: &Fields,
    head_dim: usize,
    context: usize,
    base: f64,
) -> Result<Rope, ModelError> {
    let base = table.positive_or("rope_theta", base)?;
    let dims = turned(table, head_dim, table.positive_or("partial_rotary_factor", 1.0)?)?;
    Ok(Rope { base, dims, scaling: scaling(config, table, base, dims, context)? })
}

fn turned(config: &Fields, head_dim: usize, share: f64) -> Result<usize, ModelError> {
    let dims = (head_dim as f64 * share) as usize;
    if !dims.is_multiple_of(2) || dims == 0 || dims > head_dim {
        let problem = format!("turns {dims} of {head_dim} dimensions of a head; an even number of them is needed");
        return Err(config.wrong(if share == 1.0 { "head_dim" } else { "partial_rotary_factor" }, &problem));
    }
    Ok(dims)
}

fn scaling(config: &Fields, table: &Fields, base: f64, dims: usize, context: usize) -> Result<Scaling, ModelError> {
    let factor = || table.positive("factor");
    let original = || -> Result<usize, ModelError> {
        let outside = config.count_or("original_max_position_embeddings", MOST_CONTEXT)?;
        let inside = table.count_or("original_max_position_embeddings", MOST_CONTEXT)?;
        Ok(outside.or(inside).unwrap_or(context))
    };
    match table.text_or("rope_type", table.text_or("type", "default")?)? {
        "default" | "mrope" => Ok(Scaling::None),
        "linear" => Ok(Scaling::Linear { factor: factor()? }),
        "dynamic" => Ok(Scaling::Dynamic { factor: factor()?, original: context }),
        // Older files of Phi-3 call it by other names.
        "longrope" | "su" => long(table, dims, original()?, context),
        "yarn" if table.get("long_factor").is_some() => long(table, dims, original()?, context),
        "yarn" => yarn(table, base, dims, original()?, context),
        "llama3" => {
            let (low, high) = (table.positive("low_freq_factor")?, table.positive("high_freq_factor")?);
            if low >= high {
                return Err(table.wrong("high_freq_factor", "is not above `low_freq_factor`"));
            }
            Ok(Scaling::Llama3 { factor: factor()?, low, high, original: original()? })
        }
        other => {
            let hint = "Known are: default, linear, dynamic, yarn, longrope, llama3";
            Err(table.wrong_because("rope_type", &format!("is {other}, which is not known"), hint))
        }
    }
}

fn long(table: &Fields, dims: usize, original: usize, context: usize) -> Result<Scaling, ModelError> {
    let divisors = |key| -> Result<Vec<f32>, ModelError> {
        let numbers = table.numbers(key)?;
        if numbers.len() != dims / 2 || numbers.iter().any(|x| *x <= 0.0) {
            let problem = format!("holds {} numbers, not {} above 0", numbers.len(), dims / 2);
            return Err(table.wrong(key, &problem));
        }
        Ok(numbers.into_iter().map(|x| x as f32).collect())
    };
    let factor = table.positive_or("factor", context as f64 / original as f64)?;
    let usual = if factor <= 1.0 { 1.0 } else { (1.0 + factor.ln() / (original as f64).ln()).sqrt() };
    let attention = table.positive_or("attention_factor", usual)?;
    Ok(Scaling::Long { short: divisors("short_factor")?, long: divisors("long_factor")?, original, attention })
}

fn yarn(table: &Fields, base: f64, dims: usize, original: usize, context: usize) -> Result<Scaling, ModelError> {
    let factor = table.positive_or("factor", context as f64 / original as f64)?;
    let scale = |by: f64| if factor <= 1.0 { 1.0 } else { 0.1 * by * factor.ln() + 1.0 };
    let usual = match (table.get("mscale"), table.get("mscale_all_dim")) {
        (Some(_), Some(_)) => scale(table.positive("mscale")?) / scale(table.positive("mscale_all_dim")?),
        _ => scale(1.0),
    };
    let attention = table.positive_or("attention_factor", usual)?;
    let pair =
        |turns: f64| dims as f64 * (original as f64 / (turns * 2.0 * std::f64::consts::PI)).ln() / (2.0 * base.ln());
    let (low, high) = (pair(table.positive_or("beta_fast", 32.0)?), pair(table.positive_or("beta_slow", 1.0)?));
    let (low, high) = if table.flag_or("truncate", true)? { (low.floor(), high.ceil()) } else { (low, high) };
    Ok(Scaling::Yarn { factor, low: low.max(0.0), high: high.min(dims as f64 - 1.0), attention })
}
