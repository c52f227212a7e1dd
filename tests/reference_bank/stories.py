"""How well a small model tells the shipped stories apart: the table of assets/text/README.md.

    python stories.py MODEL [STORIES]

For each block: |r| of the first three components of the 171 raw vectors with the human valence and arousal (n = 45); and a story left out, its
emotion's vector rebuilt without it: the share nearest to its own among the ten clusters' mean unit vectors, and chance, the sum over clusters of
share of true times share of predicted. Computed with transformers and numpy alone.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXT = Path(__file__).parent.parent.parent / "assets" / "text"
START = 50


@torch.no_grad()
def means(folder, stories):
    """The mean residual of every story, [stories, L, D]."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    body = model.base_model
    kept = []
    for block in body.layers if hasattr(body, "layers") else body.h:
        block.register_forward_hook(lambda _m, _i, out: kept.append((out[0] if isinstance(out, tuple) else out)[0]))
    found = []
    for story in stories:
        kept.clear()
        body(torch.tensor([tokenizer(story["text"])["input_ids"][: model.config.max_position_embeddings]]))
        found.append(torch.stack([residual[START:].double().mean(0) for residual in kept]).numpy())
    return np.array(found)


def left_out(x, emotion, cluster):
    sums = np.array([x[emotion == e].sum(0) for e in range(len(cluster))])
    counts = np.bincount(emotion)
    vectors = sums / counts[:, None]
    predicted = []
    for story, e in zip(x, emotion):
        now = vectors.copy()
        now[e] = (sums[e] - story) / (counts[e] - 1)
        middle = now.mean(0)
        unit = (now - middle) / np.linalg.norm(now - middle, axis=1, keepdims=True)
        centres = np.array([unit[cluster == c].mean(0) for c in range(10)])
        predicted.append(np.argmax(centres @ (story - middle) / np.linalg.norm(centres, axis=1)))
    true, predicted = cluster[emotion], np.array(predicted)
    return (true == predicted).mean(), sum((true == c).mean() * (predicted == c).mean() for c in range(10))


def main():
    emotions = [json.loads(line) for line in (TEXT / "emotions.jsonl").open()]
    number = {line["emotion"]: index for index, line in enumerate(emotions)}
    names = sorted({line["cluster"] for line in emotions})
    cluster = np.array([names.index(line["cluster"]) for line in emotions])
    rated = [index for index, line in enumerate(emotions) if "human_valence" in line]
    valence, arousal = ([emotions[i][f"human_{key}"] for i in rated] for key in ("valence", "arousal"))
    path = Path(sys.argv[2]) if len(sys.argv) > 2 else TEXT / "stories.jsonl"
    stories = [json.loads(line) for line in path.open()]
    emotion = np.array([number[story["emotion"]] for story in stories])
    pooled = means(sys.argv[1], stories)
    print("| block | valence PC1 to PC3 | arousal PC1 to PC3 | own cluster | chance |\n|---|---|---|---|---|")
    for block in range(pooled.shape[1]):
        x = pooled[:, block]
        vectors = np.array([x[emotion == e].mean(0) for e in range(len(emotions))])
        u, s, _ = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
        r = lambda ratings: " ".join(f"{abs(np.corrcoef((u * s)[rated, pc], ratings)[0, 1]):.2f}" for pc in range(3))
        own, chance = left_out(x, emotion, cluster)
        print(f"| {block} | {r(valence)} | {r(arousal)} | {own:.3f} | {chance:.3f} |", flush=True)


if __name__ == "__main__":
    main()
