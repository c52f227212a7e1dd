"""Compares a bank with an independent implementation on transformers, and times a plain torch loop over the stories.

    python tests/reference_bank/check.py BANK MODEL STORIES NEUTRAL [--time]
"""

import argparse
import json
import time

import numpy as np
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from recipe import build, question, read_lines

arguments = argparse.ArgumentParser()
for name in ("bank", "model", "stories", "neutral"):
    arguments.add_argument(name)
arguments.add_argument("--time", action="store_true")
arguments = arguments.parse_args()

torch.set_num_threads(2)
tokenizer = AutoTokenizer.from_pretrained(arguments.model)
model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).eval()
base = model.base_model
context = model.config.max_position_embeddings
taps = {}
for index, block in enumerate(base.h if hasattr(base, "h") else base.layers):
    def keep(_, __, output, index=index):
        taps[index] = output[0] if isinstance(output, tuple) else output
    block.register_forward_hook(keep)


def residuals(tokens):
    with torch.inference_mode():
        base(torch.tensor([tokens]), use_cache=False)
    return torch.stack([taps[index].reshape(len(tokens), -1) for index in range(len(taps))]).numpy()


def encode(text):
    return tokenizer(text)["input_ids"][:context]


def ask(text):
    message = [{"role": "user", "content": question(text)}]
    rendered = tokenizer.apply_chat_template(message, add_generation_prompt=True, tokenize=False)
    return tokenizer(rendered, add_special_tokens=False)["input_ids"]


def cosine(a, b):
    return np.sum(a * b, axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


with safe_open(arguments.bank, "np") as file:
    metadata = file.metadata()
    bank = {name: file.get_tensor(name) for name in file.keys()}
start = int(metadata["start_token"])
stories = [(line["emotion"], encode(line["text"])) for line in read_lines(arguments.stories)]
texts = [line["text"] for line in read_lines(arguments.neutral)]

if arguments.time:
    begun = time.perf_counter()
    sums = {}
    for emotion, tokens in stories:
        mean = residuals(tokens)[:, start:].mean(axis=1) if len(tokens) > start else 0
        sums[emotion] = sums.get(emotion, 0) + mean
    print(f"torch {torch.__version__}, 2 threads, stories one by one without the head: {time.perf_counter() - begun:.1f} s")

reference = build(
    ((emotion, residuals(tokens)) for emotion, tokens in stories if len(tokens) > start),
    [residuals(encode(text)) for text in texts],
    [residuals(ask(text))[:, -1] for text in texts],
    start,
    float(metadata["variance"]),
)
emotions = json.loads(metadata["emotions"])
assert sorted(emotions) == sorted(reference["emotions"])
assert json.loads(metadata["blocks"]) == list(range(len(taps)))
order = [reference["emotions"].index(emotion) for emotion in emotions]
print("neutral components:", json.loads(metadata["neutral_components"]), "reference:", reference["neutral_components"])
for name, ours in sorted(bank.items()):
    theirs = reference[name]
    if name in ("raw", "vectors"):
        theirs = theirs[order]
        print(f"{name:18} least cosine {cosine(ours.astype(np.float64), theirs).min():.10f}", end="")
    else:
        theirs = theirs[:, order] if theirs.ndim == 2 and name != "neutral_mean" else theirs
        print(f"{name:18} ", end="")
    print(f"  largest difference {np.abs(ours - theirs).max() / np.abs(theirs).max():.2e} of the largest value")
