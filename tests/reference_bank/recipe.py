"""The bank recipe in plain numpy, for comparison: no batching, no chunks, float64 throughout.

A text is an array [blocks, tokens, width] of residuals.
"""

import json
import re

import numpy as np


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def question(text):
    first = text.split("\n")[0]
    return re.sub(r"^[^\W\d_]+: ", "", first)


def build(stories, neutral, answers, start, variance):
    """stories: (emotion, text) pairs; neutral: texts; answers: residuals [blocks, width] at the last token of each question."""
    per_emotion, norms = {}, []
    for emotion, text in stories:
        if text.shape[1] <= start:
            continue
        positions = text[:, start:].astype(np.float64)
        per_emotion.setdefault(emotion, []).append(positions.mean(axis=1))
        norms.append(np.linalg.norm(positions, axis=2))
    emotions = list(per_emotion)
    means = np.stack([np.mean(per_emotion[emotion], axis=0) for emotion in emotions])
    raw = means - means.mean(axis=0)

    neutral = np.concatenate([text[:, 1:] for text in neutral if text.shape[1] > 1], axis=1).astype(np.float64)
    answers = np.stack(answers, axis=1).astype(np.float64)
    blocks = neutral.shape[0]
    vectors, counts = raw.copy(), []
    for block in range(blocks):
        centred = neutral[block] - neutral[block].mean(axis=0)
        _, singular, components = np.linalg.svd(centred, full_matrices=False)
        share = np.cumsum(singular**2) / np.sum(singular**2)
        count = int(np.searchsorted(share, variance)) + 1 if variance > 0 else 0
        counts.append(count)
        for component in components[:count]:
            vectors[:, block] -= np.outer(vectors[:, block] @ component, component)

    result = {
        "emotions": emotions,
        "neutral_components": counts,
        "raw": raw,
        "vectors": vectors,
        "residual_norm": np.concatenate(norms, axis=1).mean(axis=1),
        "neutral_mean": neutral.mean(axis=1),
    }
    for prefix, of in (("", vectors), ("raw_", raw)):
        units = of / np.linalg.norm(of, axis=2, keepdims=True)
        for name, residuals in (("baseline", neutral), ("answer", answers)):
            scores = np.einsum("btd,ebd->bte", residuals, units)
            result[f"{prefix}{name}_mean"] = scores.mean(axis=1)
            result[f"{prefix}{name}_std"] = scores.std(axis=1)
    return result
