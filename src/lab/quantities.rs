//! Quantity sweeps: prompts which differ in one number, read at the token before the reply (in the paper afraid rises and calm falls
//! with danger, sad rises with loss, happy with success).

use serde::Serialize;

use super::prompts::Quantity;
use super::{Lab, LabError, Measure, mean};
use crate::geometry::spearman;
use crate::job::{Cancel, Sink};

/// Emotions read in every sweep, besides its own.
const ALWAYS: [&str; 2] = ["afraid", "calm"];

/// What should happen to a reading as the number grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Up,
    Down,
}

/// All sweeps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quantities {
    /// n counts the values of the shortest sweep.
    pub measure: Measure,
    pub sweeps: Vec<QuantitySweep>,
    /// Curves which should go one way.
    pub expected: usize,
    /// Those whose ρ has the sign it should have.
    pub as_expected: usize,
    /// Mean ρ of these curves, times −1 where they should fall; none where no curve has a ρ.
    pub mean_rho: Option<f64>,
}

/// One prompt with all its numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuantitySweep {
    pub name: String,
    pub unit: String,
    pub text: String,
    pub values: Vec<f64>,
    pub curves: Vec<Curve>,
}

/// One emotion over the numbers of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    pub emotion: String,
    pub expected: Option<Direction>,
    /// In sd, by value.
    pub z: Vec<f32>,
    /// Spearman's, with the number; none where the reading does not vary.
    pub rho: Option<f64>,
}

/// Reads every sweep.
///
/// # Errors
/// No prompts, an emotion or baseline which the bank does not have, a prompt longer than the context; [`LabError::Stopped`].
pub fn quantities(lab: &Lab, prompts: &[Quantity], cancel: &Cancel, sink: Sink) -> Result<Quantities, LabError> {
    let Some(n) = prompts.iter().map(|prompt| prompt.values.len()).min() else { return Err(LabError::NoPrompts) };
    let total = prompts.iter().map(|prompt| prompt.values.len()).sum();
    let mut steps = super::Steps::new("Sweeping quantities", total, sink, cancel);
    let mut sweeps = Vec::new();
    for prompt in prompts {
        let emotions = emotions(prompt);
        let names: Vec<String> = emotions.iter().map(|(name, _)| name.clone()).collect();
        let places = lab.places(&names)?;
        let mut rows = Vec::new();
        for value in &prompt.values {
            steps.next()?;
            let residual = lab.before_reply(&prompt.text.replacen("{}", &value.to_string(), 1), cancel)?;
            rows.push(lab.z_before_reply(lab.block, residual.view(), &places)?);
        }
        let curve = |(column, (emotion, expected)): (usize, (String, Option<Direction>))| {
            let z: Vec<f32> = rows.iter().map(|row| row[column]).collect();
            let numbers: Vec<f64> = z.iter().map(|z| f64::from(*z)).collect();
            Curve { emotion, expected, rho: spearman(&prompt.values, &numbers), z }
        };
        sweeps.push(QuantitySweep {
            name: prompt.name.clone(),
            unit: prompt.unit.clone(),
            text: prompt.text.clone(),
            values: prompt.values.clone(),
            curves: emotions.into_iter().enumerate().map(curve).collect(),
        });
    }
    let measure = Measure { metric: "z", unit: "sd", block: Some(lab.block), n, of: "values in a sweep, at least" };
    Ok(summed_up(measure, sweeps))
}

/// Afraid and calm, then what should rise, then what should fall.
fn emotions(prompt: &Quantity) -> Vec<(String, Option<Direction>)> {
    let expected = |name: &str| {
        let is_in = |list: &[String]| list.iter().any(|other| other == name);
        match (is_in(&prompt.up), is_in(&prompt.down)) {
            (true, _) => Some(Direction::Up),
            (_, true) => Some(Direction::Down),
            _ => None,
        }
    };
    let mut emotions: Vec<(String, Option<Direction>)> = Vec::new();
    for name in ALWAYS.into_iter().chain(prompt.up.iter().chain(&prompt.down).map(String::as_str)) {
        if !emotions.iter().any(|(other, _)| other == name) {
            emotions.push((name.to_owned(), expected(name)));
        }
    }
    emotions
}

fn summed_up(measure: Measure, sweeps: Vec<QuantitySweep>) -> Quantities {
    let turned = |curve: &Curve| {
        let sign = match curve.expected? {
            Direction::Up => 1.0,
            Direction::Down => -1.0,
        };
        Some(sign * curve.rho?)
    };
    let curves = || sweeps.iter().flat_map(|sweep| &sweep.curves);
    Quantities {
        expected: curves().filter(|curve| curve.expected.is_some()).count(),
        as_expected: curves().filter_map(turned).filter(|rho| *rho > 0.0).count(),
        mean_rho: mean(curves().filter_map(turned)),
        measure,
        sweeps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emotions_stand_once_with_what_is_expected() {
        let prompt = Quantity {
            name: String::new(),
            unit: String::new(),
            text: String::new(),
            values: Vec::new(),
            up: vec!["sad".into(), "calm".into()],
            down: vec!["happy".into()],
        };
        let expected = [
            ("afraid", None),
            ("calm", Some(Direction::Up)),
            ("sad", Some(Direction::Up)),
            ("happy", Some(Direction::Down)),
        ];
        assert_eq!(emotions(&prompt), expected.map(|(name, way)| (name.to_owned(), way)));
    }

    #[test]
    fn a_falling_curve_which_should_fall_counts() {
        let curve = |expected, rho| Curve { emotion: String::new(), expected, z: Vec::new(), rho };
        let curves = vec![
            curve(Some(Direction::Down), Some(-0.5)),
            curve(Some(Direction::Up), Some(-0.25)),
            curve(None, Some(1.0)),
            curve(Some(Direction::Up), None),
        ];
        let sweep =
            QuantitySweep { name: String::new(), unit: String::new(), text: String::new(), values: Vec::new(), curves };
        let measure = Measure { metric: "z", unit: "sd", block: None, n: 0, of: "" };
        let found = summed_up(measure, vec![sweep]);
        assert_eq!((found.expected, found.as_expected, found.mean_rho), (3, 1, Some(0.125)));
    }
}
