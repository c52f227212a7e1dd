//! The MLP of a block: one for every token, or experts among which a router chooses.

use candle_core::{D, Tensor};
use candle_nn::ops::softmax_last_dim;

use super::kernel::Activate;
use super::linear::{Linear, Part};
use super::loader::Loader;
use super::matrix::Matrix;
use super::place::Place;
use crate::model::ModelError;
use crate::model::config::{Config, MlpKind, MlpNames};

pub(super) enum Mlp {
    Dense(Dense),
    Experts(Experts),
}

impl Mlp {
    pub fn load(
        loader: &mut Loader,
        config: &Config,
        kind: &MlpKind,
        at: &impl Fn(&str) -> String,
    ) -> Result<Self, ModelError> {
        match *kind {
            MlpKind::Dense { inner } => Ok(Self::Dense(Dense::load(loader, config, inner, at)?)),
            MlpKind::Experts { count, active, inner, normalised } => {
                let router = loader.take(&at(config.names.router), &[count, config.width])?;
                let router = Linear::new(vec![Matrix::Dense(router)], None, loader.place())?;
                let experts = Experts::load(loader, config, (count, inner), at)?;
                Ok(Self::Experts(Experts { router, experts, active, normalised }))
            }
        }
    }

    /// mlp(x), added to `onto` where there is one.
    pub fn forward(&self, x: &Tensor, onto: Option<&Tensor>) -> Result<Tensor, ModelError> {
        match self {
            Self::Dense(dense) => dense.forward(x, onto),
            Self::Experts(experts) => experts.forward(x, onto),
        }
    }
}

pub(super) struct Dense {
    /// Gate and up side by side where there is a gate.
    up: Linear,
    activate: Activate,
    down: Linear,
    place: Place,
}

impl Dense {
    fn load(
        loader: &mut Loader,
        config: &Config,
        inner: usize,
        at: &impl Fn(&str) -> String,
    ) -> Result<Self, ModelError> {
        let (layout, bias) = (config.names.layout, config.mlp_bias);
        let (parts, down, gated) = match config.names.mlp {
            MlpNames::Plain { up, down } => (vec![Part::new(at(up), inner)], down, false),
            MlpNames::Gated { gate, up, down } => {
                (vec![Part::new(at(gate), inner), Part::new(at(up), inner)], down, true)
            }
            MlpNames::FusedGated { gate_up, down } => (vec![Part::new(at(gate_up), 2 * inner)], down, true),
        };
        Ok(Self {
            up: Linear::load(loader, layout, config.width, parts, bias)?,
            activate: Activate { activation: config.activation, gated },
            down: Linear::load(loader, layout, inner, vec![Part::new(at(down), config.width)], bias)?,
            place: loader.place().clone(),
        })
    }

    fn forward(&self, x: &Tensor, onto: Option<&Tensor>) -> Result<Tensor, ModelError> {
        let inner = self.place.activate(&self.activate, &self.up.forward(x)?)?;
        self.down.forward_onto(&inner, onto)
    }
}

pub(super) struct Experts {
    router: Linear,
    experts: Vec<Dense>,
    /// Experts a token goes through.
    active: usize,
    /// Whether the weights of a token's experts add up to 1.
    normalised: bool,
}

impl Experts {
    /// One tensor for each matrix of each expert, or all experts of a block in two (newer safetensors) or three (GGUF).
    fn load(
        loader: &mut Loader,
        config: &Config,
        (count, inner): (usize, usize),
        at: &impl Fn(&str) -> String,
    ) -> Result<Vec<Dense>, ModelError> {
        let [gates, ups, downs] = config.names.experts.map(at);
        let (gate_up, down) = (at("mlp.experts.gate_up_proj"), at("mlp.experts.down_proj"));
        let (into, out) = if loader.has(&gates) {
            let mut into = |name| loader.take_stack(name, &[count, inner, config.width]);
            (vec![into(&gates)?, into(&ups)?], loader.take_stack(&downs, &[count, config.width, inner])?)
        } else if loader.has(&gate_up) {
            let into = loader.take_stack(&gate_up, &[count, 2 * inner, config.width])?;
            (vec![into], loader.take_stack(&down, &[count, config.width, inner])?)
        } else {
            let expert = |index: usize| {
                let at = |name: &str| at(&name.replacen("mlp.", &format!("mlp.experts.{index}."), 1));
                Dense::load(loader, config, inner, &at)
            };
            return (0..count).map(expert).collect();
        };
        let place = loader.place().clone();
        let expert = |index: usize| -> Result<Dense, ModelError> {
            let up = into.iter().map(|stack| stack.one_of(index)).collect::<Result<_, _>>()?;
            let activate = Activate { activation: config.activation, gated: true };
            let down = Linear::new(vec![out.one_of(index)?], None, &place)?;
            Ok(Dense { up: Linear::new(up, None, &place)?, activate, down, place: place.clone() })
        };
        (0..count).map(expert).collect()
    }

    fn forward(&self, x: &Tensor, onto: Option<&Tensor>) -> Result<Tensor, ModelError> {
        let shares: Vec<Vec<f32>> = softmax_last_dim(&self.router.forward(x)?)?.to_vec2()?;
        // For each expert the tokens that go through it, and their weights.
        let mut tokens: Vec<(Vec<u32>, Vec<f32>)> = vec![Default::default(); self.experts.len()];
        for (token, shares) in shares.iter().enumerate() {
            let mut order: Vec<usize> = (0..shares.len()).collect();
            order.sort_by(|a, b| shares[*b].total_cmp(&shares[*a]));
            order.truncate(self.active);
            let sum: f32 = if self.normalised { order.iter().map(|expert| shares[*expert]).sum() } else { 1.0 };
            for expert in order {
                tokens[expert].0.push(token as u32);
                tokens[expert].1.push(shares[expert] / sum);
            }
        }
        let mut out = match onto {
            Some(onto) => onto.contiguous()?,
            None => x.zeros_like()?,
        };
        for (expert, (tokens, weights)) in self.experts.iter().zip(tokens).filter(|(_, (tokens, _))| !tokens.is_empty())
        {
            let weights = Tensor::from_vec(weights, (tokens.len(), 1), x.device())?;
            let places = Tensor::new(tokens, x.device())?;
            let through = expert.forward(&x.index_select(&places, 0)?, None)?.broadcast_mul(&weights)?;
            out = out.index_add(&places, &through, D::Minus2)?;
        }
        Ok(out)
    }
}
