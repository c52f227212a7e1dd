"""Logit lens and "he feels" steering with transformers alone.

    python tests/reference_bank/lab.py MODEL               writes lab.json, for the made-up bank of tests/lab.rs
    python tests/reference_bank/lab.py MODEL BANK REPORT   compares with the report.json which `circumplex report` wrote
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from recipe import read_lines

STRENGTH = 0.5
HERE = Path(__file__).parent
ASSETS = HERE.parent.parent / "assets"

model_path, *files = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(model_path)
model = AutoModelForCausalLM.from_pretrained(model_path, dtype=torch.float32).eval()
body = model.base_model
layers = body.h if hasattr(body, "h") else body.layers
if files:
    report = json.loads(Path(files[1]).read_text())
    about = report["about"]
    read, steered = about["block"], range(about["blocks"]["first"], about["blocks"]["last"] + 1)
    with safe_open(files[0], "pt") as file:
        emotions = json.loads(file.metadata()["emotions"])
        vectors = file.get_tensor("vectors" if about["vectors"] == "denoised" else "raw")
        norms = file.get_tensor("residual_norm")
else:
    read, steered = 2 * len(layers) // 3, range(len(layers) // 3, 2 * len(layers) // 3)
    emotions = (ASSETS / "data/emotions.txt").read_text().split("\n")[:171]
    e, block, column = np.meshgrid(range(171), range(len(layers)), range(model.config.hidden_size), indexing="ij")
    angle = (e * 97 + block * 31 + column * (1 + e % 7)).astype(np.float32) * np.float32(0.7)
    vectors, norms = torch.from_numpy(np.sin(angle)), 2.0 + torch.arange(len(layers))
units = vectors / vectors.norm(dim=2, keepdim=True)

push = {}
for index, block in enumerate(layers):
    def add(_module, _inputs, output, index=index):
        if index not in push:
            return output
        return (output[0] + push[index], *output[1:]) if isinstance(output, tuple) else output + push[index]
    block.register_forward_hook(add)


@torch.inference_mode()
def logprob(frame, word):
    start, tokens = len(tokenizer(frame)["input_ids"]), tokenizer(f"{frame} {word}")["input_ids"]
    logits = model(torch.tensor([tokens])).logits[0].double().log_softmax(dim=1)
    return sum(logits[place - 1, tokens[place]].item() for place in range(start, len(tokens)))


with torch.inference_mode():
    norm = body.ln_f if hasattr(body, "ln_f") else body.norm
    top = model.lm_head(norm(units[:, read])).topk(10, dim=1).indices.tolist()

words = list(dict.fromkeys(line["emotion"] for line in read_lines(ASSETS / "text/prompts/implicit.jsonl")))
frames = [line["text"] for line in read_lines(ASSETS / "text/prompts/feels.jsonl")]
bare = [[logprob(frame, word) for word in words] for frame in frames]
change = []
for steering in words:
    push = {block: STRENGTH * norms[block] * units[emotions.index(steering), block] for block in steered}
    moved = [[logprob(frame, word) for word in words] for frame in frames]
    change.append([sum(m[w] - b[w] for m, b in zip(moved, bare)) / len(frames) for w in range(len(words))])
if files:
    ours = {row["emotion"]: [token["id"] for token in row["tokens"]] for row in report["lens"]["emotions"]}
    same = sum(ours[emotion] == top[index] for index, emotion in enumerate(emotions))
    print(f"logit lens: the ten tokens of {same} of {len(emotions)} emotions are the same, in order")
    off = np.abs(np.array(report["feels"]["steered"]["change"]) - np.array(change)).max()
    print(f"he feels: largest change {np.abs(change).max():.3f} nats, largest difference {off:.1e}")
else:
    lens = {emotion: top[emotions.index(emotion)] for emotion in words}
    change = [[round(value, 4) for value in row] for row in change]
    (HERE / "lab.json").write_text(json.dumps({"lens": lens, "words": words, "change": change}) + "\n")
