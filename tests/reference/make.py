"""Writes the tiny random models beside this script, and what Hugging Face transformers computes with them in float32.

    python make.py [NAME ...]

Each folder holds a whole model (config.json, model.safetensors, tokenizer.json ...) and expected.safetensors: for the prompts
`a`, `b` and `c` (1 token, 7 tokens, the whole context) `tokens.*` I64 [T], `residual.*` F32 [L, T, D] after every block, before
the final norm, and `logits.*` F32 [T, V]. Weights come from seeds, so a second run writes the same models. Folders in `rope` hold only what
differs from llama-tied: config.json and expected.safetensors.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoConfig,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    Olmo2Config,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
)

HERE = Path(__file__).parent

SPECIAL = {"bos_token_id": 0, "eos_token_id": 1}

# Saved in half precision; what is expected comes from the same numbers in float32.
BF16 = {"dtype": "bfloat16"}


def sizes(width, blocks, heads, kv_heads):
    grouped = {} if kv_heads is None else {"num_key_value_heads": kv_heads}
    return dict(
        vocab_size=80 + width // 2,
        hidden_size=width,
        intermediate_size=width + 13,
        num_hidden_layers=blocks,
        num_attention_heads=heads,
        max_position_embeddings=40,
        **grouped,
        **SPECIAL,
    )


MODELS = {
    # Grouped queries, tied, as most small Llamas.
    "llama-tied": LlamaConfig(
        vocab_size=89,
        hidden_size=24,
        intermediate_size=38,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=40,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        **SPECIAL,
    ),
    # An own head, heads wider than their share of the width, one head of keys and values for three, biases, another base.
    "llama-biased": LlamaConfig(
        vocab_size=83,
        hidden_size=30,
        intermediate_size=29,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=1,
        head_dim=14,
        max_position_embeddings=33,
        tie_word_embeddings=False,
        attention_bias=True,
        mlp_bias=True,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
        **SPECIAL,
    ),
    # As GPT-2, tied.
    "gpt2-tied": GPT2Config(vocab_size=99, n_embd=24, n_layer=2, n_head=4, n_positions=40, **SPECIAL),
    # Odd sizes, an inner width of its own, an own head, another epsilon.
    "gpt2-odd": GPT2Config(
        vocab_size=98,
        n_embd=21,
        n_layer=3,
        n_head=3,
        n_inner=40,
        n_positions=35,
        layer_norm_epsilon=1e-3,
        tie_word_embeddings=False,
        **SPECIAL,
    ),
    # A window much shorter than the text, heads wider than their share.
    "mistral-window": MistralConfig(sliding_window=9, head_dim=10, **sizes(24, 3, 4, 2), **BF16),
    "mistral-tied": MistralConfig(sliding_window=None, tie_word_embeddings=True, **sizes(30, 2, 3, 3), **BF16),
    "qwen2-tied": Qwen2Config(tie_word_embeddings=True, **sizes(24, 2, 4, 2), **BF16),
    # Windows from the second block on, yarn.
    "qwen2-window": Qwen2Config(
        use_sliding_window=True,
        sliding_window=7,
        max_window_layers=1,
        rope_parameters={
            "rope_type": "yarn",
            "rope_theta": 1000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 10,
        },
        **sizes(36, 3, 6, 3),
        **BF16,
    ),
    "qwen3-tied": Qwen3Config(head_dim=8, tie_word_embeddings=True, **sizes(20, 2, 4, 2), **BF16),
    "qwen3-odd": Qwen3Config(head_dim=14, attention_bias=True, **sizes(27, 3, 5, 1), **BF16),
    # Caps low enough to matter, windows in blocks 0 and 2.
    "gemma2-capped": Gemma2Config(
        head_dim=8,
        query_pre_attn_scalar=12,
        sliding_window=6,
        attn_logit_softcapping=2.0,
        final_logit_softcapping=3.0,
        **sizes(24, 3, 4, 2),
        **BF16,
    ),
    "gemma2-own-head": Gemma2Config(
        head_dim=6,
        query_pre_attn_scalar=6,
        sliding_window=11,
        tie_word_embeddings=False,
        attn_logit_softcapping=None,
        final_logit_softcapping=None,
        **sizes(21, 2, 3, 1),
        **BF16,
    ),
    # Two bases, the other way of turning in blocks without a window.
    "gemma3-two-bases": Gemma3TextConfig(
        head_dim=8,
        query_pre_attn_scalar=9,
        sliding_window=5,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters={
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 2000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
        },
        **sizes(24, 3, 4, 2),
        **BF16,
    ),
    "gemma3-own-head": Gemma3TextConfig(
        head_dim=10,
        query_pre_attn_scalar=10,
        sliding_window=8,
        sliding_window_pattern=2,
        tie_word_embeddings=False,
        **sizes(26, 4, 2, 1),
        **BF16,
    ),
    "phi3-window": Phi3Config(sliding_window=10, pad_token_id=0, **sizes(24, 2, 4, 2), **BF16),
    # Divisors for long texts from 17 tokens on, three quarters of each head turned, as Phi-4-mini.
    "phi3-long": Phi3Config(
        original_max_position_embeddings=16,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "partial_rotary_factor": 0.75,
            "short_factor": [1.0, 1.05, 1.2],
            "long_factor": [1.1, 1.9, 3.5],
        },
        tie_word_embeddings=True,
        pad_token_id=0,
        **sizes(32, 3, 4, 4),
        **BF16,
    ),
    "olmo2": Olmo2Config(**sizes(24, 3, 4, 4), **BF16),
    "olmo2-grouped": Olmo2Config(tie_word_embeddings=True, **sizes(30, 2, 5, 1), **BF16),
    # A window in the second block.
    "gpt-neo": GPTNeoConfig(
        vocab_size=91,
        hidden_size=24,
        num_layers=2,
        num_heads=4,
        attention_types=[[["global", "local"], 1]],
        window_size=6,
        max_position_embeddings=40,
        **SPECIAL,
        **BF16,
    ),
    "gpt-neo-odd": GPTNeoConfig(
        vocab_size=93,
        hidden_size=21,
        num_layers=3,
        num_heads=3,
        intermediate_size=34,
        attention_types=[[["local"], 2], [["global"], 1]],
        window_size=9,
        max_position_embeddings=37,
        tie_word_embeddings=False,
        **SPECIAL,
        **BF16,
    ),
    "neox-parallel": GPTNeoXConfig(
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25},
        **sizes(32, 3, 4, None),
        **BF16,
    ),
    "neox-in-turn": GPTNeoXConfig(
        use_parallel_residual=False,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.5},
        **sizes(36, 2, 3, None),
        **BF16,
    ),
    "qwen3-moe": Qwen3MoeConfig(
        head_dim=8,
        num_experts=5,
        num_experts_per_tok=2,
        moe_intermediate_size=10,
        norm_topk_prob=True,
        **sizes(20, 2, 4, 2),
        **BF16,
    ),
    # Experts in every other block, shares which do not add up to 1.
    "qwen3-moe-mixed": Qwen3MoeConfig(
        head_dim=6,
        num_experts=4,
        num_experts_per_tok=3,
        moe_intermediate_size=9,
        decoder_sparse_step=2,
        mlp_only_layers=[3],
        tie_word_embeddings=True,
        **sizes(18, 4, 3, 1),
        **BF16,
    ),
}

ROPES = {
    "linear": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5},
    "dynamic": {"rope_type": "dynamic", "rope_theta": 100.0, "factor": 3.0},
    "yarn": {
        "rope_type": "yarn",
        "rope_theta": 5000.0,
        "factor": 4.0,
        "original_max_position_embeddings": 12,
        "beta_fast": 4.0,
        "beta_slow": 0.5,
    },
    "llama3": {
        "rope_type": "llama3",
        "rope_theta": 300.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 24,
    },
}


def build(config, seed, scale=0.25):
    """A model whose every weight is random, biases and norms too, and large enough that each part matters."""
    torch.manual_seed(seed)
    half = str(config.dtype).endswith("bfloat16")
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", experts_implementation="eager", dtype=torch.float32).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.copy_(torch.randn_like(parameter) * 0.3 + (1.0 if name.endswith("weight") else 0.0))
            else:
                parameter.copy_(torch.randn_like(parameter) * scale)
            if half:
                parameter.copy_(parameter.bfloat16().float())
    return model, half


def tokenizer(vocab_size):
    """Bytes as tokens, as far as the vocabulary goes, with two special tokens and a few merges."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    letters = [c for c in alphabet if c.isascii() and c.isalpha()] + ["\u0120", ".", ",", "\u010a"]
    tokens = ["<s>", "</s>", *letters, "th", "the", "\u0120a"]
    tokens += [c for c in alphabet if c not in tokens][: vocab_size - len(tokens)]
    vocab = {token: index for index, token in enumerate(tokens)}
    made = Tokenizer(models.BPE(vocab=vocab, merges=[("t", "h"), ("th", "e"), ("\u0120", "a")]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<s>", "</s>"])
    return made


@torch.no_grad()
def expected(model, context, vocab_size):
    body = model.base_model
    blocks = body.layers if hasattr(body, "layers") else body.h
    tensors = {}
    for name, length in (("a", 1), ("b", 7), ("c", context)):
        residuals = []

        def keep(_module, _inputs, output):
            residuals.append((output[0] if isinstance(output, tuple) else output)[0])

        hooks = [block.register_forward_hook(keep) for block in blocks]
        ids = torch.randint(vocab_size, (length,))
        tensors[f"logits.{name}"] = model(ids[None]).logits[0].contiguous()
        tensors[f"residual.{name}"] = torch.stack(residuals).contiguous()
        tensors[f"tokens.{name}"] = ids
        for hook in hooks:
            hook.remove()
    return tensors


def save(folder, name, seed, config, length):
    """The whole model, or for another way of turning only what differs."""
    model, half = build(config, seed)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(expected(model, length, config.vocab_size), folder / "expected.safetensors")
    if folder.parent != HERE:
        config.save_pretrained(folder)
        return
    (model.bfloat16() if half else model).save_pretrained(folder)
    tokenizer(config.vocab_size).save(str(folder / "tokenizer.json"), pretty=False)
    tokens = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokens, indent=2) + "\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{name}: {model.num_parameters()} parameters, {size} bytes")


def main():
    wanted = set(sys.argv[1:])
    for seed, (name, config) in enumerate(MODELS.items()):
        if not wanted or name in wanted:
            save(HERE / name, name, seed, config, config.max_position_embeddings)
    for name, rope in ROPES.items():
        if not wanted or name in wanted:
            # Dynamic scaling begins where the positions the model knows end.
            context = 16 if name == "dynamic" else 40
            config = LlamaConfig(
                **{**MODELS["llama-tied"].to_dict(), "rope_parameters": rope, "max_position_embeddings": context}
            )
            config.architectures = ["LlamaForCausalLM"]
            save(HERE / "rope" / name, name, 0, config, 40)


if __name__ == "__main__":
    main()
