"""Compares the model inside with an interpolated Kneser-Ney 3-gram on the hand-written stories left out of the training.

    python assets/training/trigram.py MODEL_DIR [--tokens 51000000] [--seed 0]

Both see the same tokens: the 3-gram is counted on as many tokens of composed text as the model was trained on. Prints nats a token.
Needs torch, transformers, tokenizers and numpy.
"""

import argparse
import json
from collections import defaultdict

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

import compose
from model import CONFIG
from texts import Texts
from train import LESSONS, RUN

DISCOUNT = 0.75


class KneserNey:
    """Absolute discounting of the 3-gram counts, and of counts of continuations below (Kneser and Ney 1995, interpolated as in Chen and
    Goodman 1999)."""

    def __init__(self, texts, vocab):
        self.three, self.two, self.one = defaultdict(int), defaultdict(int), np.zeros(vocab)
        for ids in texts:
            for a, b, c in zip(ids, ids[1:], ids[2:]):
                self.three[a, b, c] += 1
        for _, b, c in self.three:
            self.two[b, c] += 1
        for _, c in self.two:
            self.one[c] += 1
        self.after_two = totals(self.three)
        self.after_one = totals(self.two)
        # A token that was never seen shares what the discount frees.
        free = DISCOUNT * np.count_nonzero(self.one) / self.one.sum()
        self.base = np.maximum(self.one - DISCOUNT, 0) / self.one.sum() + free / vocab

    def probability(self, a, b, c):
        low = interpolated(self.two, self.after_one, (b,), c, self.base[c])
        return interpolated(self.three, self.after_two, (a, b), c, low)


def totals(counts):
    """For each context: the sum of its counts, and how many different tokens follow."""
    out = defaultdict(lambda: [0, 0])
    for gram, count in counts.items():
        entry = out[gram[:-1]]
        entry[0] += count
        entry[1] += 1
    return out


def interpolated(counts, after, context, token, low):
    if context not in after:
        return low
    total, kinds = after[context]
    return max(counts.get((*context, token), 0) - DISCOUNT, 0) / total + DISCOUNT * kinds / total * low


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("model")
    parse.add_argument("--tokens", type=int, default=RUN * 1_000_000)
    parse.add_argument("--seed", type=int, default=0)
    args = parse.parse_args()
    tokenizer = Tokenizer.from_file(f"{args.model}/tokenizer.json")

    def trained_on():
        ends = [begin for begin, *_ in LESSONS[1:]] + [RUN]
        seen = 0
        for (_, lesson, *_), end in zip(LESSONS, ends):
            source = compose.documents(args.seed, lesson=lesson)
            while seen < end / RUN * args.tokens:
                ids = tokenizer.encode(next(source)).ids
                yield ids
                seen += len(ids)

    grams = KneserNey(trained_on(), CONFIG["vocab_size"])
    model = LlamaForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    losses = np.zeros(2)
    count = 0
    stories = Texts(held_out=True).stories
    for story in stories:
        ids = tokenizer.encode(story["text"]).ids
        with torch.no_grad():
            logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        # Both are asked from the third token on, which has a whole context.
        for place in range(2, len(ids)):
            losses -= logprobs[place - 1, ids[place]].item(), np.log(grams.probability(*ids[place - 2 : place + 1]))
            count += 1
    model_loss, gram_loss = losses / count
    print(json.dumps({"stories": len(stories), "tokens": count, "model": round(model_loss, 4), "kneser_ney_3gram": round(gram_loss, 4)}))


if __name__ == "__main__":
    main()
