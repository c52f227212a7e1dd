"""Trains the model inside, from nothing: its tokenizer, then its weights.

    python assets/training/train.py --out DIR [--tokens 51000000] [--seed 0] [--processes 2]

Needs torch, tokenizers, safetensors and numpy. Each process has one thread and a share of every batch: on two cores that is faster than
two threads. Writes `tokenizer.json`, `tokenizer_config.json`, `config.json`, `model.safetensors` (16-bit),
`loss.csv` and `training.json` (seed, hash of the data, sizes) to DIR, and every ten minutes `checkpoint.pt`, from which the same command goes on.
"""

import argparse
import hashlib
import itertools
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import nn

import compose
from model import CONFIG, Model, llama_tensors
from texts import Texts

BEGIN, END = "<s>", "</s>"
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] }}"
    "{% elif message['role'] == 'user' %}Human: {{ message['content'] }}"
    "{% else %}Assistant: {{ message['content'] }}{% endif %}"
    "{% if not loop.last %}{{ '\\n\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\\n\\nAssistant:' }}{% endif %}"
)


# The tokens of the run as it was, in millions; a run of another length has the same lessons, longer or shorter.
RUN = 51
# The millions of tokens after which a lesson begins, its texts, the shares of numbers in the residual and of whole tokens which are
# dropped, the length of rows (short ones are cheaper), and the share of the loss of words ahead.
LESSONS = [
    (0, compose.FIRST_LESSON, 0.1, 0.0, 256, 0.0),
    (1.95, compose.SECOND_LESSON, 0.1, 0.0, 256, 0.0),
    (5.67, compose.EVENTS_LESSON, 0.2, 0.1, 256, 0.0),
    (8.95, compose.NUMBERS_LESSON, 0.2, 0.1, 256, 0.0),
    (10.63, compose.MORE_NUMBERS, 0.1, 0.0, 256, 0.0),
    (11.38, compose.MORE_NUMBERS, 0.1, 0.0, 512, 0.0),
    (11.95, compose.OPEN_LESSON, 0.1, 0.0, 256, 0.0),
    (14.4, compose.OPEN_LESSON, 0.1, 0.0, 512, 0.0),
    (16, compose.OPEN_LESSON, 0.1, 0.0, 256, 0.5),
    (17.2, compose.STEADY_LESSON, 0.1, 0.0, 256, 0.5),
    (26, compose.LAST_LESSON, 0.0, 0.0, 256, 0.5),
    (31.5, compose.LAST_LESSON, 0.0, 0.0, 512, 0.5),
    (33, compose.PLAIN_LESSON, 0.0, 0.0, 256, 0.5),
    (43.5, compose.PRIMER_LESSON, 0.0, 0.0, 256, 0.3),
    (50, compose.PRIMER_LESSON, 0.0, 0.0, 512, 0.3),
]
# The learning rate as a share of its peak: up, level, down, and up again for the later lessons.
RATES = [
    (0, 0.0),
    (0.26, 1.0),
    (7.8, 1.0),
    (11.95, 0.202),
    (12.02, 0.5),
    (16, 0.0),
    (16.2, 0.5),
    (17.2, 0.0),
    (17.28, 0.5),
    (20.25, 0.5),
    (21.5, 0.41),
    (26, 0.41),
    (33, 0.0),
    (33.2, 0.41),
    (41, 0.41),
    (51, 0.0),
]
BATCH = 4096


# --- Tokens


def make_tokenizer(texts):
    """Byte-level BPE, digits one by one; adds <s> in front of plain text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=CONFIG["vocab_size"],
        special_tokens=[BEGIN, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BEGIN} $A", special_tokens=[(BEGIN, 0)])
    return tokenizer


def rows(tokenizer, documents, length):
    """Rows of length + 1 tokens. A row starts at the start of a text; the text which does not fit is cut at its end."""
    while True:
        row = []
        while len(row) <= length:
            row += tokenizer.encode(next(documents)).ids + [CONFIG["eos_token_id"]]
        yield row[: length + 1]


# --- The optimizer: Muon for the matrices of the blocks, AdamW for the rest


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal by five Newton-Schulz steps (Jordan et al. 2024). Each process works out its share of the matrices."""

    def __init__(self, weights, lr, momentum=0.95):
        super().__init__(weights, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            updates = [torch.zeros_like(weight) for weight in group["params"]]
            for place, (weight, update) in enumerate(zip(group["params"], updates)):
                state = self.state[weight]
                if not state:
                    state["m"] = torch.zeros_like(weight)
                state["m"].lerp_(weight.grad, 1 - group["momentum"])
                if place % dist.get_world_size() == dist.get_rank():
                    update.copy_(orthogonal(weight.grad.lerp(state["m"], group["momentum"])))
            sum_over_processes(updates)
            for weight, update in zip(group["params"], updates):
                weight.mul_(1 - group["lr"] * 0.1)
                weight.add_(update, alpha=-group["lr"] * 0.2 * math.sqrt(max(weight.shape)))


def sum_over_processes(tensors):
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)
    for tensor, whole in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
        tensor.copy_(whole.view_as(tensor))


def orthogonal(x):
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    return x.T if tall else x


def rate(millions):
    return float(np.interp(millions, *zip(*RATES)))


# --- The run


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--out", type=Path, required=True)
    parse.add_argument("--tokens", type=int, default=RUN * 1_000_000)
    parse.add_argument("--seed", type=int, default=0)
    parse.add_argument("--rate", type=float, default=4e-3)
    parse.add_argument("--processes", type=int, default=1)
    args = parse.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer_file = args.out / "tokenizer.json"
    if not tokenizer_file.exists():
        sample = itertools.islice(compose.documents(args.seed, lesson=compose.SECOND_LESSON), 40_000)
        # The 171 words are to be whole tokens.
        make_tokenizer(itertools.chain(sample, emotion_words() * 300)).save(str(tokenizer_file))
    os.environ.update(MASTER_ADDR="localhost", MASTER_PORT="29500")
    torch.multiprocessing.spawn(train, (args,), args.processes)


def train(process, args):
    dist.init_process_group("gloo", rank=process, world_size=args.processes)
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {process % os.cpu_count()})
    tokenizer = Tokenizer.from_file(str(args.out / "tokenizer.json"))
    words = [tokenizer.encode(word, add_special_tokens=False).ids for word in emotion_words()]
    emotion_tokens = torch.tensor([ids[0] for ids in words if len(ids) == 1])

    model = Model(CONFIG)
    matrices = [w for name, w in model.named_parameters() if w.ndim == 2 and "embedding" not in name]
    others = [w for name, w in model.named_parameters() if w.ndim == 1 or "embedding" in name]
    optimizers = [Muon(matrices, args.rate), torch.optim.AdamW(others, args.rate, betas=(0.9, 0.98), weight_decay=0.0)]
    held = {}
    for name, source in {"composed": compose.documents(1, held_out=True, lesson=compose.EVENTS_LESSON), "stories": held_out_stories()}.items():
        held[name] = torch.tensor(list(itertools.islice(rows(tokenizer, source, 256), 48)))

    seen, spent, digest = 0, 0.0, hashlib.sha256()
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"]):
            optimizer.load_state_dict(state)
        seen, spent = saved["seen"], saved["spent"]
        digest.update(saved["digest"].encode())
    # A run which goes on draws other texts than the ones before it.
    sources = [compose.documents(f"{args.seed} {seen}", lesson=lesson) for _, lesson, *_ in LESSONS]
    model.noise = np.random.default_rng([args.seed, seen, process])
    log = open(args.out / "loss.csv" if process == 0 else os.devnull, "a")
    if not seen:
        print("tokens,seconds,training,composed,stories", file=log)

    began = saved_at = time.time()
    losses = []
    while seen < args.tokens:
        millions = seen / args.tokens * RUN
        lesson = max(place for place, (begin, *_) in enumerate(LESSONS) if millions >= begin)
        _, _, model.drop, model.drop_tokens, length, ahead_share = LESSONS[lesson]
        batch = torch.tensor(list(itertools.islice(rows(tokenizer, sources[lesson], length), BATCH // length)))
        digest.update(batch.numpy().astype(np.uint16).tobytes())
        # Words which name an emotion count more, the faster the model learns: they teach soonest what a text is about.
        weight = torch.ones(CONFIG["vocab_size"])
        weight[emotion_tokens] += 9 * rate(millions)
        model.counts += torch.bincount(batch.flatten(), minlength=CONFIG["vocab_size"])
        loss = model.loss(batch[process :: args.processes], weight, ahead_share) / args.processes
        loss.backward()
        with torch.no_grad():
            sum_over_processes([loss] + [w.grad for w in model.parameters()])
        nn.utils.clip_grad_norm_(others, 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = args.rate * rate(millions)
            optimizer.step()
            optimizer.zero_grad()
        seen += BATCH
        losses.append(loss.item())
        done = seen >= args.tokens
        if process == 0 and (len(losses) == 200 or done):
            model.eval()
            with torch.no_grad():
                quality = [model.loss(batch).item() for batch in held.values()]
            model.train()
            seconds = spent + time.time() - began
            print(f"{seen},{seconds:.0f},{np.mean(losses):.4f},{quality[0]:.4f},{quality[1]:.4f}", file=log, flush=True)
            losses = []
        if process == 0 and (time.time() - saved_at > 600 or done):
            saved_at = time.time()
            state = {"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers]}
            state |= {"seen": seen, "spent": spent + time.time() - began, "digest": digest.hexdigest()}
            torch.save(state, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").rename(checkpoint)

    if process == 0:
        write(args, model, seen, spent + time.time() - began, digest.hexdigest())


def emotion_words():
    return [word for emotion in Texts().emotions for word in (f" {emotion}", f" {emotion.capitalize()}")]


def held_out_stories():
    for story in itertools.cycle(Texts(held_out=True).stories):
        yield story["text"]


def write(args, model, seen, seconds, digest):
    save_file(llama_tensors(model), args.out / "model.safetensors", {"format": "pt"})
    template = {"bos_token": BEGIN, "eos_token": END, "chat_template": CHAT_TEMPLATE}
    run = {
        "seed": args.seed,
        "tokens": seen,
        "seconds": round(seconds),
        "data_sha256": digest,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "peak_rate": args.rate,
    }
    for name, value in {"config": CONFIG, "tokenizer_config": template, "training": run}.items():
        (args.out / f"{name}.json").write_text(json.dumps(value, indent=2) + "\n")


if __name__ == "__main__":
    main()
