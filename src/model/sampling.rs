//! Choosing the next token.

use candle_core::{Device, Tensor};
use candle_transformers::generation::LogitsProcessor;
use ndarray::ArrayView1;

use super::ModelError;

/// Draws tokens, the same ones for the same seed. Temperature 0 takes the most likely one; a `top_p` of 1 leaves every token in.
pub struct Sampler(LogitsProcessor);

impl Sampler {
    pub fn new(temperature: f64, top_p: f64, seed: u64) -> Self {
        Self(LogitsProcessor::new(seed, Some(temperature), Some(top_p)))
    }

    /// The next token for logits [V].
    pub fn sample(&mut self, logits: ArrayView1<f32>) -> Result<u32, ModelError> {
        if !logits.iter().all(|x| x.is_finite()) {
            return Err(ModelError::Text {
                problem: "the model's output is not finite, so no next token can be chosen".into(),
                hint: "Lower the steering strength",
            });
        }
        Ok(self.0.sample(&Tensor::from_iter(logits.iter().copied(), &Device::Cpu)?)?)
    }
}

/// ln p of a token under logits [V], before temperature and top-p; minus infinity for an id they do not hold.
pub fn logprob(logits: ArrayView1<f32>, id: u32) -> f32 {
    let Some(logit) = logits.get(id as usize) else { return f32::NEG_INFINITY };
    let most = logits.fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    let sum: f64 = logits.iter().map(|x| (f64::from(*x) - f64::from(most)).exp()).sum();
    (f64::from(*logit) - f64::from(most) - sum.ln()) as f32
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn temperature_zero_takes_the_most_likely() {
        let mut sampler = Sampler::new(0.0, 1.0, 7);
        assert_eq!(sampler.sample(array![0.1, 3.0, 2.9].view()).unwrap(), 1);
    }

    #[test]
    fn a_seed_repeats_and_seeds_differ() {
        let logits = array![0.0, 0.1, 0.2, 0.3, 0.4, 0.5];
        let draw = |seed| {
            let mut sampler = Sampler::new(1.0, 1.0, seed);
            (0..50).map(|_| sampler.sample(logits.view()).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn top_p_leaves_out_the_tail() {
        let mut sampler = Sampler::new(1.0, 0.5, 3);
        for _ in 0..100 {
            assert_eq!(sampler.sample(array![5.0, 0.0, 0.0, 0.0].view()).unwrap(), 0);
        }
    }

    #[test]
    fn infinite_logits_are_an_error() {
        let error = Sampler::new(1.0, 1.0, 0).sample(array![f32::NAN, 1.0].view()).unwrap_err();
        assert!(error.to_string().contains("not finite"), "{error}");
    }

    #[test]
    fn log_probabilities_are_exact_for_large_logits() {
        let logits = array![1000.0, 1000.0, 900.0];
        assert!((logprob(logits.view(), 0) - 0.5f32.ln()).abs() < 1e-6);
        assert!((logprob(logits.view(), 2) - (-100.0 + 0.5f32.ln())).abs() < 1e-4);
        assert_eq!(logprob(logits.view(), 3), f32::NEG_INFINITY);
    }
}
