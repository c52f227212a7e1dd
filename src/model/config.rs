//! What a decoder looks like, whatever family it comes from: sizes, kinds of parts, and where its tensors are.

use super::decoder::rope::Rope;

/// One decoder. Every size is at least 1 and small enough that products of two do not overflow.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Config {
    /// Width of the residual stream, D.
    pub width: usize,
    pub heads: usize,
    /// Heads of keys and values; a divisor of `heads`.
    pub kv_heads: usize,
    pub head_dim: usize,
    pub vocab: usize,
    /// Longest text, in tokens.
    pub context: usize,
    /// One for each block.
    pub layers: Vec<Layer>,
    pub norm: NormKind,
    pub norm_eps: f64,
    /// What embeddings are multiplied with.
    pub embedding_scale: Option<f32>,
    /// The ways in which queries and keys are turned; [`Layer::rope`] chooses. Empty where positions are learned.
    pub ropes: Vec<Rope>,
    pub qk_norm: Option<QkNorm>,
    /// Factor of the scores before the softmax.
    pub scale: f32,
    /// Scores s become c tanh(s / c).
    pub attention_cap: Option<f32>,
    /// The same for logits.
    pub final_cap: Option<f32>,
    /// Whether attention and MLP both read what comes into the block.
    pub parallel: bool,
    pub activation: Activation,
    pub attention_bias: bool,
    pub attention_out_bias: bool,
    pub mlp_bias: bool,
    /// Whether the head is the embedding.
    pub tied: bool,
    pub names: &'static Names,
}

/// What may differ from block to block.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layer {
    /// How many positions attention sees, the token's own among them; none for all.
    pub window: Option<usize>,
    /// Which of [`Config::ropes`].
    pub rope: usize,
    pub mlp: MlpKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum MlpKind {
    Dense {
        inner: usize,
    },
    /// A router sends each token through some of many gated MLPs.
    Experts {
        count: usize,
        /// Experts a token goes through.
        active: usize,
        /// Width inside one expert.
        inner: usize,
        /// Whether the weights of a token's experts add up to 1.
        normalised: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NormKind {
    /// Root mean square, no bias.
    Rms,
    /// The same, stored as the difference of the weight from 1.
    RmsFromOne,
    /// Mean and variance, with a bias.
    Layer,
}

/// Over what queries and keys are normed before they are turned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum QkNorm {
    EachHead,
    AllHeads,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Activation {
    Silu,
    /// With the error function.
    Gelu,
    /// The tanh approximation: `gelu_new`.
    GeluTanh,
}

/// What a family calls its tensors. Norms and linear layers end in `.weight` and `.bias`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Names {
    /// What may stand before every name but the head's. Files saved without the head lack it.
    pub prefixes: &'static [&'static str],
    pub embedding: &'static str,
    /// Table of learned positions.
    pub positions: Option<&'static str>,
    /// Before the number of a block.
    pub block: &'static str,
    /// Before and after attention.
    pub attention_norms: [Option<&'static str>; 2],
    pub qkv: QkvNames,
    /// Of queries and of keys, where [`Config::qk_norm`] asks for them.
    pub qk_norms: [&'static str; 2],
    pub attention_out: &'static str,
    /// Before and after the MLP.
    pub mlp_norms: [Option<&'static str>; 2],
    pub mlp: MlpNames,
    /// Of a block with experts.
    pub router: &'static str,
    /// Gates, ups and downs of all experts of a block in three tensors [experts, out, in].
    pub experts: [&'static str; 3],
    pub final_norm: &'static str,
    pub head: &'static str,
    pub layout: LinearLayout,
    /// Parts of the names of tensors which hold no weights of the language model.
    pub ignored: &'static [&'static str],
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum QkvNames {
    /// One matrix: queries, then keys, then values.
    Fused(&'static str),
    /// One matrix: for each head its query, key and value.
    ByHead(&'static str),
    /// Queries, keys, values.
    Split([&'static str; 3]),
    /// The same, where the two dimensions of a head which turn against each other stand side by side.
    SplitInTurns([&'static str; 3]),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum MlpNames {
    /// down(act(up(x)))
    Plain { up: &'static str, down: &'static str },
    /// down(act(gate(x)) × up(x))
    Gated { gate: &'static str, up: &'static str, down: &'static str },
    /// The same, gate and up in one matrix.
    FusedGated { gate_up: &'static str, down: &'static str },
}

/// How a linear layer's matrix is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum LinearLayout {
    /// [out, in]
    OutIn,
    /// [in, out]
    InOut,
}
