"""Writes expected.json: the bank of stories.jsonl and neutral.jsonl under the made-up model of tests/bank/recipe.rs.

    python tests/reference_bank/frozen.py
"""

import json
from pathlib import Path

import numpy as np

from recipe import build, question, read_lines

HERE = Path(__file__).parent
BLOCKS, WIDTH, CONTEXT = 2, 6, 60
START, VARIANCE = 5, 0.5


def residuals(tokens):
    block, place, column = np.meshgrid(np.arange(BLOCKS), np.arange(len(tokens)), np.arange(WIDTH), indexing="ij")
    token = np.array(tokens)[place]
    number = (token * 7919 + place * 104729 + block * 1299709 + column * 15485863 + token * column * 31) % 65521
    return (number / 65521 - 0.5).astype(np.float32)


def encode(text):
    return ([1] + list(text.encode()))[:CONTEXT]


def ask(text):
    return [2] + list(question(text).encode()) + [3]


stories = [(line["emotion"], residuals(encode(line["text"]))) for line in read_lines(HERE / "stories.jsonl")]
texts = [line["text"] for line in read_lines(HERE / "neutral.jsonl")]
neutral = [residuals(encode(text)) for text in texts]
answers = [residuals(ask(text))[:, -1] for text in texts]
bank = build(stories, neutral, answers, START, VARIANCE)
expected = {name: value if isinstance(value, list) else np.round(value, 9).tolist() for name, value in bank.items()}
(HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
