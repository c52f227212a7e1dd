"""The model inside while it is trained: the Llama layout, as Hugging Face transformers computes it, with dropout and the loss of words ahead."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 4608,
    "hidden_size": 256,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 32,
    "intermediate_size": 512,
    "hidden_act": "silu",
    "max_position_embeddings": 512,
    "rope_theta": 10000.0,
    "rms_norm_eps": 1e-5,
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": True,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "torch_dtype": "bfloat16",
}
# The residual after this many blocks is also to tell, through the output embedding, which words come among so many next tokens of the
# text: so it holds at every token what the text is about.
AHEAD_BLOCKS, AHEAD = 6, 64


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, head = c["hidden_size"], c["head_dim"]
        self.sizes = [c["num_attention_heads"] * head, c["num_key_value_heads"] * head, c["num_key_value_heads"] * head]
        self.head = head
        self.attention_norm = nn.RMSNorm(width, c["rms_norm_eps"])
        self.qkv = nn.Linear(width, sum(self.sizes), bias=False)
        self.out = nn.Linear(self.sizes[0], width, bias=False)
        self.mlp_norm = nn.RMSNorm(width, c["rms_norm_eps"])
        self.gate_up = nn.Linear(width, 2 * c["intermediate_size"], bias=False)
        self.down = nn.Linear(c["intermediate_size"], width, bias=False)

    def forward(self, x, cos, sin, visible, share, noise):
        batch, length, _ = x.shape
        q, k, v = (
            part.view(batch, length, -1, self.head).transpose(1, 2)
            for part in self.qkv(self.attention_norm(x)).split(self.sizes, -1)
        )
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        groups = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=visible)
        x = x + dropout(self.out(mixed.transpose(1, 2).reshape(batch, length, -1)), share, noise)
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, -1)
        return x + dropout(self.down(F.silu(gate) * up), share, noise)


def dropout(x, share, noise):
    """As torch's, with a mask of bytes: torch draws one number after another, which takes a sixteenth of the time of a step."""
    return x * kept(x.shape, share, noise).div_(1 - share) if share else x


def kept(shape, share, noise):
    """1 or, for this share, 0."""
    drawn = torch.frombuffer(bytearray(noise.bytes(math.prod(shape))), dtype=torch.uint8).view(shape)
    return (drawn >= round(share * 256)).float()


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embedding = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.norm = nn.RMSNorm(c["hidden_size"], c["rms_norm_eps"])
        half = c["head_dim"] // 2
        angles = torch.outer(torch.arange(c["max_position_embeddings"]), c["rope_theta"] ** (-torch.arange(half) / half))
        angles = torch.cat([angles, angles], -1)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())
        # How often each token was trained on.
        self.register_buffer("counts", torch.ones(c["vocab_size"]))
        # Shares which are dropped: of the numbers a block adds to the residual, and of tokens.
        self.drop, self.drop_tokens = 0.0, 0.0
        self.noise = np.random.default_rng()
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                deep = math.sqrt(2 * c["num_hidden_layers"]) if name.endswith(("out.weight", "down.weight")) else 1
                nn.init.normal_(weight, std=0.02 / deep)

    def scores(self, x):
        """Logits of a residual."""
        return F.linear(self.norm(x), self.embedding.weight)

    def residuals(self, ids):
        """After AHEAD_BLOCKS blocks, and after the last."""
        x = self.embedding(ids)
        if self.drop_tokens and self.training:
            x = x * kept((*ids.shape, 1), self.drop_tokens, self.noise)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        # A token sees what is before it in its own text.
        text = (ids == CONFIG["bos_token_id"]).cumsum(1)
        visible = torch.tril(text[:, None, :, None] == text[:, None, None, :])
        share = self.drop if self.training else 0.0
        for block in self.blocks[:AHEAD_BLOCKS]:
            x = block(x, cos, sin, visible, share, self.noise)
        early = x
        for block in self.blocks[AHEAD_BLOCKS:]:
            x = block(x, cos, sin, visible, share, self.noise)
        return early, x

    def loss(self, ids, weight=None, ahead_share=0.0):
        """Of the next token and of words ahead."""
        early, last = self.residuals(ids[:, :-1])
        following = F.cross_entropy(self.scores(last).flatten(0, 1), ids[:, 1:].flatten(), weight)
        return following + ahead_share * self.ahead(early, ids, weight) if ahead_share else following

    def ahead(self, x, ids, weight):
        """At every fourth token, of eight places ahead in the same text; the rarer a word, the more it counts (as in word2vec)."""
        at = torch.arange(self.noise.integers(4), x.shape[1], 4)
        later = at[:, None] + torch.from_numpy(self.noise.integers(1, AHEAD + 1, 8))
        text = (ids == CONFIG["bos_token_id"]).cumsum(1)
        inside = later < ids.shape[1]
        later = later.clamp(max=ids.shape[1] - 1)
        words = ids[:, later]
        rare = (self.counts.sum() * 3e-4 / self.counts).sqrt().clamp(max=1)
        weight = (weight * rare)[words] * inside * (text[:, later] == text[:, at, None])
        scores = self.scores(x[:, at]).log_softmax(-1).gather(2, words)
        return -(scores * weight).sum() / weight.sum().clamp(min=1)


def llama_tensors(model):
    """The weights under the names of transformers' LlamaForCausalLM."""
    out = {"model.embed_tokens.weight": model.embedding.weight, "model.norm.weight": model.norm.weight}
    for index, block in enumerate(model.blocks):
        q, k, v = block.qkv.weight.split(block.sizes)
        gate, up = block.gate_up.weight.chunk(2)
        for name, weight in {
            "input_layernorm": block.attention_norm.weight,
            "self_attn.q_proj": q,
            "self_attn.k_proj": k,
            "self_attn.v_proj": v,
            "self_attn.o_proj": block.out.weight,
            "post_attention_layernorm": block.mlp_norm.weight,
            "mlp.gate_proj": gate,
            "mlp.up_proj": up,
            "mlp.down_proj": block.down.weight,
        }.items():
            out[f"model.layers.{index}.{name}.weight"] = weight
    return {name: weight.detach().to(torch.bfloat16).contiguous() for name, weight in out.items()}
