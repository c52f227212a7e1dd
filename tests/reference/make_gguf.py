"""Writes tiny random models as GGUF files into `gguf`, with the `gguf` package's writer, and what others compute with them.

    python make_gguf.py [ARCHITECTURE ...]

For each architecture F16 and Q8_0 files, and expected.safetensors: `tokens` I64 [T]; `residual` F32 [L, T, D] and `logits` F32 [T, V] of
Hugging Face transformers in float32 with the F16 file's numbers; `llama.cpp.f16` and `llama.cpp.q8_0` F32 [T, V], the logits of llama.cpp
(llama-cpp-python) on the two files. Weights come from seeds.
"""

import sys
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers as hf
from llama_cpp import Llama
from make import HERE, build, tokenizer
from safetensors.torch import save_file

OUT = HERE / "gguf"
LENGTH = 30
VOCAB = 96


def config(kind, **more):
    sizes = dict(
        vocab_size=VOCAB,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    return getattr(hf, kind)(**{**sizes, **more})


# What transformers calls it; llama.cpp's windows and patterns are those of the families, not of a list.
MODELS = {
    "llama": config(
        "LlamaConfig",
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 300.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 24,
        },
    ),
    "qwen2": config("Qwen2Config", tie_word_embeddings=True),
    "qwen3": config("Qwen3Config", head_dim=16),
    "qwen3moe": config(
        "Qwen3MoeConfig",
        head_dim=16,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=32,
        norm_topk_prob=True,
    ),
    "gemma2": config("Gemma2Config", head_dim=16, query_pre_attn_scalar=16, sliding_window=8, num_hidden_layers=3),
    "gemma3": config(
        "Gemma3TextConfig", head_dim=16, query_pre_attn_scalar=16, sliding_window=8, num_hidden_layers=7
    ),
    "phi3": config("Phi3Config", num_key_value_heads=4, sliding_window=None),
    "olmo2": config("Olmo2Config", num_key_value_heads=4),
    "gptneox": hf.GPTNeoXConfig(
        vocab_size=VOCAB,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
    ),
    "gpt2": hf.GPT2Config(vocab_size=VOCAB, n_embd=32, n_layer=2, n_head=4, n_positions=64),
}

# Names in the order of their first match.
NAMES = [
    ("post_feedforward_layernorm", "post_ffw_norm"),
    ("pre_feedforward_layernorm", "ffn_norm"),
    ("input_layernorm", "attn_norm"),
    ("self_attn.qkv_proj", "attn_qkv"),
    ("attention.query_key_value", "attn_qkv"),
    ("attn.c_attn", "attn_qkv"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("self_attn.o_proj", "attn_output"),
    ("attention.dense", "attn_output"),
    ("attn.c_proj", "attn_output"),
    ("mlp.gate_up_proj", "ffn_up"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
    ("mlp.dense_h_to_4h", "ffn_up"),
    ("mlp.dense_4h_to_h", "ffn_down"),
    ("mlp.c_fc", "ffn_up"),
    ("mlp.c_proj", "ffn_down"),
    ("mlp.gate", "ffn_gate_inp"),
    ("ln_1", "attn_norm"),
    ("ln_2", "ffn_norm"),
]
WHOLE = {
    "embed_tokens.weight": "token_embd.weight",
    "embed_in.weight": "token_embd.weight",
    "wte.weight": "token_embd.weight",
    "wpe.weight": "position_embd.weight",
    "norm.weight": "output_norm.weight",
    "final_layer_norm.weight": "output_norm.weight",
    "final_layer_norm.bias": "output_norm.bias",
    "ln_f.weight": "output_norm.weight",
    "ln_f.bias": "output_norm.bias",
    "lm_head.weight": "output.weight",
    "embed_out.weight": "output.weight",
}


def turned_in_pairs(weight, heads):
    """The order of rows in which llama.cpp turns Llama's queries and keys."""
    shape = weight.shape
    return weight.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def tensors(arch, model):
    """Names and numbers as llama.cpp's converter writes them."""
    config = model.config
    for name, value in model.state_dict().items():
        value = value.float().numpy()
        name = name.removeprefix("model.").removeprefix("gpt_neox.").removeprefix("transformer.")
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        if name in WHOLE:
            yield WHOLE[name], value + (1 if arch.startswith("gemma") and "norm" in name else 0)
            continue
        _, block, rest = name.split(".", 2)
        if rest in ("mlp.experts.gate_up_proj", "mlp.experts.down_proj"):
            if "down" in rest:
                yield f"blk.{block}.ffn_down_exps.weight", value
            else:
                gate, up = np.split(value, 2, axis=1)
                yield f"blk.{block}.ffn_gate_exps.weight", gate
                yield f"blk.{block}.ffn_up_exps.weight", up
            continue
        part, end = rest.rsplit(".", 1)
        if part == "post_attention_layernorm":
            new = "post_attention_norm" if arch in ("gemma2", "gemma3", "olmo2") else "ffn_norm"
        else:
            new = next(new for old, new in NAMES if part == old)
        if arch == "llama" and new in ("attn_q", "attn_k"):
            value = turned_in_pairs(value, config.num_attention_heads if new == "attn_q" else config.num_key_value_heads)
        if arch.startswith("gemma") and "norm" in new:
            value = value + 1
        if arch == "gpt2" and value.ndim == 2:
            value = value.T
        if arch == "gptneox" and new == "attn_qkv":
            heads = config.num_attention_heads
            value = np.concatenate([*value.reshape(heads, 3, -1, *value.shape[1:]).swapaxes(0, 1)])
            value = value.reshape(-1, *value.shape[2:]) if value.ndim > 2 else value.reshape(-1)
        yield f"blk.{block}.{new}.{end}", value


def write(path, arch, model, kind):
    config = model.config
    writer = gguf.GGUFWriter(path, arch)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(getattr(config, "num_key_value_heads", None) or config.num_attention_heads)
    writer.add_feed_forward_length(getattr(config, "intermediate_size", None) or 4 * config.hidden_size)
    eps = getattr(config, "rms_norm_eps", None)
    if eps is not None:
        writer.add_layer_norm_rms_eps(eps)
    else:
        writer.add_layer_norm_eps(getattr(config, "layer_norm_eps", None) or config.layer_norm_epsilon)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if getattr(config, "head_dim", None):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    ropes = getattr(config, "rope_parameters", None)
    if ropes:
        rope = ropes.get("full_attention", ropes)
        writer.add_rope_freq_base(rope["rope_theta"])
        writer.add_rope_dimension_count(int(head_dim * rope.get("partial_rotary_factor", 1.0)))
    if arch.startswith("gemma"):
        writer.add_sliding_window(config.sliding_window)
    if arch == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if arch == "gptneox":
        writer.add_parallel_residual(config.use_parallel_residual)
    if arch == "qwen3moe":
        writer.add_expert_count(config.num_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    made = tokenizer(config.vocab_size)
    tokens = [made.id_to_token(i) for i in range(config.vocab_size)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if i < 2 else 1 for i in range(config.vocab_size)])
    writer.add_token_merges(["t h", "th e", "\u0120 a"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:")
    if arch == "llama":
        inverse = 1.0 / 300.0 ** (torch.arange(0, head_dim, 2).float() / head_dim)
        scaled, _ = hf.modeling_rope_utils.ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
        writer.add_tensor("rope_freqs.weight", (inverse / scaled).numpy().astype(np.float32))
    for name, value in tensors(arch, model):
        value = np.ascontiguousarray(value, dtype=np.float32)
        matrix = value.ndim >= 2 and "norm" not in name and name not in ("position_embd.weight",)
        if not matrix or "ffn_gate_inp" in name:
            writer.add_tensor(name, value)
        elif kind == "F16":
            writer.add_tensor(name, value.astype(np.float16))
        else:
            data = gguf.quants.quantize(value, gguf.GGMLQuantizationType[kind])
            writer.add_tensor(name, data, raw_dtype=gguf.GGMLQuantizationType[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp(path, ids):
    model = Llama(str(path), n_ctx=64, logits_all=True, verbose=False, n_threads=2, flash_attn=False, type_k=0, type_v=0)
    model.eval(ids)
    return torch.tensor(np.array(model.scores[: len(ids)]).copy())


@torch.no_grad()
def main():
    OUT.mkdir(exist_ok=True)
    wanted = set(sys.argv[1:])
    for seed, (arch, config) in enumerate(MODELS.items()):
        if wanted and arch not in wanted:
            continue
        # Smaller than in make.py: with peaked attention eight bits of rounding would grow from block to block.
        model, _ = build(config, 100 + seed, 0.06 if arch == "gemma3" else 0.1)
        if arch in ("gemma2", "gemma3", "olmo2"):
            # Norms after each part make all of them equally loud; a louder embedding keeps rounding from drowning it.
            model.get_input_embeddings().weight.mul_(2)
        if arch.startswith("gemma"):
            # These are stored as differences from 1.
            for parameter in model.parameters():
                parameter.sub_(1.0 if parameter.dim() == 1 else 0.0)
        # Numbers which F16 holds exactly, but for norms, which gain a 1.
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.copy_(parameter.half().float())
        ids = torch.randint(2, VOCAB, (LENGTH,)).tolist()
        residuals = []
        body = model.base_model
        blocks = body.layers if hasattr(body, "layers") else body.h
        hooks = [
            block.register_forward_hook(lambda _m, _i, out: residuals.append((out[0] if isinstance(out, tuple) else out)[0]))
            for block in blocks
        ]
        logits = model(torch.tensor([ids])).logits[0]
        for hook in hooks:
            hook.remove()
        found = {"tokens": torch.tensor(ids), "residual": torch.stack(residuals), "logits": logits.contiguous()}
        for kind in ("F16", "Q8_0"):
            path = OUT / f"{arch}.{kind.lower()}.gguf"
            write(path, arch, model, kind)
            theirs = llama_cpp(path, ids)
            found[f"llama.cpp.{kind.lower()}"] = theirs
            p, q = logits.log_softmax(-1), theirs.log_softmax(-1)
            kl = (p.exp() * (p - q)).sum(-1)
            print(f"{arch} {kind}: {path.stat().st_size} bytes, KL of transformers and llama.cpp {kl.max():.2e}")
        save_file(found, OUT / f"{arch}.safetensors")


if __name__ == "__main__":
    main()
