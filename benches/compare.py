"""PyTorch and llama.cpp on the model which `cargo bench --bench model` has written: the same weights, tokens and threads.

    python benches/compare.py [FOLDER]

Needs torch, transformers, gguf, llama-cpp-python. Prints rows for the README's table. Every figure is the median of several runs.
"""

import os
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "reference"))

PREFILL, DECODE = 128, 24
THREADS = os.cpu_count()
TOKENS = [i * 7919 % 151936 for i in range(PREFILL)]


def row(name, load, prefill, decode):
    print(f"| {name} | {load:.1f} s | {PREFILL / prefill:.0f} tok/s | {1 / decode:.1f} tok/s |", flush=True)


def timed(work):
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


@torch.no_grad()
def pytorch(folder, dtype):
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(THREADS)
    model, load = timed(lambda: AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval())
    ids = torch.tensor([TOKENS])
    prefill = lambda: model(ids, use_cache=True, logits_to_keep=1)
    prefill()
    times = [timed(prefill)[1] for _ in range(5)]
    cache = prefill().past_key_values
    steps = [
        timed(lambda: model(torch.tensor([[token]]), past_key_values=cache, use_cache=True))[1] for token in range(DECODE)
    ]
    row(f"PyTorch {str(dtype).removeprefix('torch.')}", load, median(times), median(steps))


def write_gguf(folder, path, kind):
    import gguf
    from make_gguf import tensors
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = model.config
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(1e6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([f"<{i}>" for i in range(config.vocab_size)])
    writer.add_token_types([1] * config.vocab_size)
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    for name, value in tensors("qwen2", model):
        value = np.ascontiguousarray(value, dtype=np.float32)
        kept = gguf.GGMLQuantizationType[kind] if value.ndim > 1 else gguf.GGMLQuantizationType.F32
        data = value if kept == gguf.GGMLQuantizationType.F32 else gguf.quants.quantize(value, kept)
        writer.add_tensor(name, data, raw_dtype=kept)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp(folder, kind):
    from llama_cpp import Llama

    path = folder / f"{kind.lower()}.gguf"
    if not path.exists():
        write_gguf(folder, path, kind)
    start = lambda: Llama(str(path), n_ctx=512, n_threads=THREADS, n_threads_batch=THREADS, verbose=False)
    model, load = timed(start)
    times = []
    for _ in range(6):
        model.reset()
        times.append(timed(lambda: model.eval(TOKENS))[1])
    steps = [timed(lambda: model.eval([token]))[1] for token in range(DECODE)]
    row(f"llama.cpp {kind}", load, median(times[1:]), median(steps))


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "target" / "bench-model"
    print(f"{THREADS} threads\n| | load | prefill, {PREFILL} tokens | decode |\n|---|---|---|---|")
    pytorch(folder, torch.float32)
    pytorch(folder, torch.bfloat16)
    llama_cpp(folder, "F32")
    llama_cpp(folder, "Q8_0")


if __name__ == "__main__":
    main()
