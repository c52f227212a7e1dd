//! From what a person asks for to the vectors which are added: s × residual_norm × v̂ at every block of the range.

use ndarray::{Array1, ArrayView1};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};

use super::{BlockPush, BlockRange, Push, Steering};
use crate::bank::{Bank, BankError, VectorSet};

/// The name of the control: a Gaussian direction from the seed, the same at every block, as an emotion vector is nearly.
pub const RANDOM: &str = "random";

/// Why a steering cannot be done. The second line says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SteeringError {
    #[error("the strength of {0} is not a finite number\nGive it in residual norms, as in 0.1")]
    Strength(String),
    #[error(
        "no vector of the bank lies at blocks {range}: it holds {held:?}\nSteer at a range with at least one of them"
    )]
    NoBlock { range: BlockRange, held: Vec<usize> },
    #[error("blocks {range} go beyond the model, whose last block is {last}\nSteer within 0-{last}")]
    BeyondModel { range: BlockRange, last: usize },
    #[error(
        "the bank holds no residual_norm, the unit of strength\nBuild a bank for this model with `circumplex build`"
    )]
    NoNorm,
    #[error(
        "the {name} vector at block {block} has no length, so it has no direction\nSteer with another emotion or block"
    )]
    NoDirection { name: String, block: usize },
    #[error(transparent)]
    Bank(#[from] BankError),
}

/// The vectors to add for this steering, with vectors of `set`, in a model of `model_blocks` blocks. Terms of strength 0 add nothing,
/// and blocks at which nothing is added are left out.
///
/// # Errors
/// See [`SteeringError`].
pub fn resolve(steering: &Steering, bank: &Bank, set: VectorSet, model_blocks: usize) -> Result<Push, SteeringError> {
    if steering.terms.is_empty() {
        return Ok(Push::default());
    }
    if let Some(term) = steering.terms.iter().find(|term| !term.strength.is_finite()) {
        return Err(SteeringError::Strength(term.name.clone()));
    }
    let range = steering.blocks.unwrap_or_else(|| bank.default_blocks(model_blocks));
    if range.last >= model_blocks {
        return Err(SteeringError::BeyondModel { range, last: model_blocks.saturating_sub(1) });
    }
    let held = || bank.blocks.iter().enumerate().filter(|(_, block)| (range.first..=range.last).contains(block));
    if held().next().is_none() {
        return Err(SteeringError::NoBlock { range, held: bank.blocks.clone() });
    }
    let norms = bank.residual_norm.as_ref().ok_or(SteeringError::NoNorm)?;
    let vectors = bank.vectors_of(set)?;
    let mut blocks = Vec::new();
    for (row, &block) in held() {
        let mut delta = Array1::<f32>::zeros(vectors.dim().2);
        for term in &steering.terms {
            let direction = if term.name == RANDOM {
                gaussian(steering.seed, delta.len())
            } else {
                vectors.slice(ndarray::s![bank.index_of(&term.name)?, row, ..]).to_owned()
            };
            if term.strength == 0.0 {
                continue;
            }
            let length = norm(direction.view());
            if length == 0.0 {
                return Err(SteeringError::NoDirection { name: term.name.clone(), block });
            }
            delta.scaled_add((f64::from(term.strength) * f64::from(norms[row]) / length) as f32, &direction);
        }
        if delta.iter().any(|&value| value != 0.0) {
            blocks.push(BlockPush { block, delta: delta.to_vec(), residual_norm: norms[row] });
        }
    }
    Ok(Push { blocks })
}

fn gaussian(seed: u64, width: usize) -> Array1<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..width).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// L2 norm, summed in f64.
fn norm(vector: ArrayView1<f32>) -> f64 {
    vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};

    use super::*;
    use crate::steering::Term;

    /// Two emotions, blocks 1 to 3 of a model of five, width 2: *calm* points along x, *angry* along −x and y.
    fn bank() -> Bank {
        let mut vectors = Array3::zeros((2, 3, 2));
        for block in 0..3 {
            vectors[[0, block, 0]] = 2.0;
            vectors[[1, block, 0]] = -3.0;
            vectors[[1, block, 1]] = 4.0;
        }
        let bank = Bank::of_vectors(vec!["calm".into(), "angry".into()], vec![1, 2, 3], vectors);
        Bank { residual_norm: Some(array![10.0, 20.0, 40.0]), ..bank }
    }

    fn steering(terms: &[(&str, f32)], first: usize, last: usize) -> Steering {
        let terms = terms.iter().map(|&(name, strength)| Term { name: name.into(), strength }).collect();
        Steering { terms, blocks: Some(BlockRange { first, last }), ..Steering::default() }
    }

    fn push(terms: &[(&str, f32)], first: usize, last: usize) -> Result<Push, SteeringError> {
        resolve(&steering(terms, first, last), &bank(), VectorSet::Denoised, 5)
    }

    #[test]
    fn strength_is_in_residual_norms_of_each_block() {
        let push = push(&[("calm", 0.5)], 2, 3).unwrap();
        let deltas: Vec<_> = push.blocks.iter().map(|block| (block.block, block.delta.clone())).collect();
        assert_eq!(deltas, [(2, vec![10.0, 0.0]), (3, vec![20.0, 0.0])]);
    }

    #[test]
    fn terms_add_up() {
        let push = push(&[("calm", 0.6), ("angry", 1.0)], 1, 1).unwrap();
        assert_eq!(push.blocks[0].delta, [0.0, 8.0]);
    }

    #[test]
    fn zero_strength_and_cancelling_terms_push_nothing() {
        assert!(push(&[("calm", 0.0), ("random", -0.0)], 1, 3).unwrap().is_empty());
        assert!(push(&[("calm", 0.1), ("calm", -0.1)], 1, 3).unwrap().is_empty());
        assert!(push(&[], 1, 3).unwrap().is_empty());
    }

    #[test]
    fn random_has_the_norm_of_its_strength_and_comes_from_the_seed() {
        let at = |seed| {
            let steering = Steering { seed, ..steering(&[("random", 0.5)], 1, 2) };
            resolve(&steering, &bank(), VectorSet::Denoised, 5).unwrap()
        };
        let first = &at(7).blocks[0];
        assert!((norm(ArrayView1::from(&first.delta)) - 5.0).abs() < 1e-5);
        assert_eq!(at(7), at(7));
        assert_ne!(at(7), at(8));
    }

    #[test]
    fn what_cannot_be_done_is_an_error_even_at_strength_zero() {
        #[track_caller]
        fn check(result: Result<Push, SteeringError>, part: &str) {
            let message = result.unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        check(push(&[("calm", f32::NAN)], 1, 1), "calm");
        check(push(&[("clam", 0.0)], 1, 1), "clam");
        check(push(&[("calm", 0.1)], 4, 4), "blocks 4-4");
        check(push(&[("calm", 0.1)], 3, 5), "last block is 4");
    }

    #[test]
    fn a_bank_without_norms_says_so() {
        let bank = Bank { residual_norm: None, ..bank() };
        let result = resolve(&steering(&[("calm", 0.1)], 1, 1), &bank, VectorSet::Denoised, 5);
        assert!(result.unwrap_err().to_string().contains("residual_norm"));
    }
}
