//! What a decoder looks like, whatever family it comes from: sizes, kinds of parts, and where its tensors are.

/// One decoder. Every size is at least 1 and small enough that products of two do not overflow.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Config {
    pub blocks: usize,
    /// Width of the residual stream, D.
    pub width: usize,
    pub heads: usize,
    /// Heads of keys and values; a divisor of `heads`.
    pub kv_heads: usize,
    pub head_dim: usize,
    /// Width inside the MLP.
    pub inner: usize,
    pub vocab: usize,
    /// Longest text, in tokens.
    pub context: usize,
    pub norm: NormKind,
    pub norm_eps: f64,
    pub positions: Positions,
    pub activation: Activation,
    pub attention_bias: bool,
    pub attention_out_bias: bool,
    pub mlp_bias: bool,
    /// Whether the head is the embedding.
    pub tied: bool,
    pub names: &'static Names,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NormKind {
    /// Root mean square, no bias.
    Rms,
    /// Mean and variance, with a bias.
    Layer,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Positions {
    /// A table added to the embedding.
    Learned,
    /// Queries and keys turned by an angle that grows with the position.
    Rotary { base: f64 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Activation {
    Silu,
    /// The tanh approximation: `gelu_new`.
    GeluTanh,
}

/// What a family calls its tensors. Norms and linear layers end in `.weight` and `.bias`.
#[derive(Debug, PartialEq)]
pub(super) struct Names {
    /// Before every name but the head's. Files saved without the head lack it.
    pub prefix: &'static str,
    pub embedding: &'static str,
    /// Table of learned positions.
    pub positions: Option<&'static str>,
    /// Before the number of a block.
    pub block: &'static str,
    pub attention_norm: &'static str,
    pub qkv: QkvNames,
    pub attention_out: &'static str,
    pub mlp_norm: &'static str,
    pub mlp: MlpNames,
    pub final_norm: &'static str,
    pub head: &'static str,
    pub layout: LinearLayout,
    /// Ends of tensors which hold no weights.
    pub ignored: &'static [&'static str],
}

#[derive(Debug, PartialEq)]
pub(super) enum QkvNames {
    /// One matrix: queries, then keys, then values.
    Fused(&'static str),
    /// Queries, keys, values.
    Split([&'static str; 3]),
}

#[derive(Debug, PartialEq)]
pub(super) enum MlpNames {
    /// down(act(up(x)))
    Plain { up: &'static str, down: &'static str },
    /// down(act(gate(x)) × up(x))
    Gated { gate: &'static str, up: &'static str, down: &'static str },
}

/// How a linear layer's matrix is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum LinearLayout {
    /// [out, in]
    OutIn,
    /// [in, out]
    InOut,
}
