"""Writes the tiny random models beside this script, and what Hugging Face transformers computes with them in float32.

    python make.py

Each folder holds a whole model (config.json, model.safetensors, tokenizer.json ...) and expected.safetensors: for the prompts
`a`, `b` and `c` (1 token, 7 tokens, the whole context) `tokens.*` I64 [T], `residual.*` F32 [L, T, D] after every block, before
the final norm, and `logits.*` F32 [T, V]. Weights come from seeds, so a second run writes the same models.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parent

SPECIAL = {"bos_token_id": 0, "eos_token_id": 1}

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
}


def build(config, seed):
    """A model whose every weight is random, biases and norms too, and large enough that each part matters."""
    torch.manual_seed(seed)
    kind = LlamaForCausalLM if isinstance(config, LlamaConfig) else GPT2LMHeadModel
    config._attn_implementation = "eager"
    model = kind(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.copy_(torch.randn_like(parameter) * 0.3 + (1.0 if name.endswith("weight") else 0.0))
            else:
                parameter.copy_(torch.randn_like(parameter) * 0.25)
    return model


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
    blocks = model.model.layers if hasattr(model, "model") else model.transformer.h
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


def main():
    for seed, (name, config) in enumerate(MODELS.items()):
        folder = HERE / name
        model = build(config, seed)
        model.save_pretrained(folder)
        tokenizer(config.vocab_size).save(str(folder / "tokenizer.json"), pretty=False)
        tokens = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
        (folder / "tokenizer_config.json").write_text(json.dumps(tokens, indent=2) + "\n")
        save_file(expected(model, config.max_position_embeddings, config.vocab_size), folder / "expected.safetensors")
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{name}: {model.num_parameters()} parameters, {size} bytes")


if __name__ == "__main__":
    main()
