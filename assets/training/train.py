"""Trains the model inside, from nothing: its tokenizer, then its weights.

    python assets/training/train.py --out DIR [--tokens 33000000] [--seed 0] [--processes 2]

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
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import nn

import compose

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 4608,
    "hidden_size": 256,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 32,
    "intermediate_size": 512,
    "hidden_act": "silu",
    "max_position_embeddings": 512,
    "rope_theta": 10000.0,
    "rms_norm_eps": 1e-5,
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": True,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "torch_dtype": "bfloat16",
}
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] }}"
    "{% elif message['role'] == 'user' %}Human: {{ message['content'] }}"
    "{% else %}Assistant: {{ message['content'] }}{% endif %}"
    "{% if not loop.last %}{{ '\\n\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\\n\\nAssistant:' }}{% endif %}"
)


# The share of the run at which a lesson begins, its texts, the shares of numbers in the residual and of whole tokens which are dropped,
# the length of rows (short ones are cheaper), and the share of the loss of words ahead.
LESSONS = [
    (0.0, compose.FIRST_LESSON, 0.1, 0.0, 256, 0.0),
    (0.0591, compose.SECOND_LESSON, 0.1, 0.0, 256, 0.0),
    (0.1718, compose.EVENTS_LESSON, 0.2, 0.1, 256, 0.0),
    (0.2711, compose.NUMBERS_LESSON, 0.2, 0.1, 256, 0.0),
    (0.322, compose.MORE_NUMBERS, 0.1, 0.0, 256, 0.0),
    (0.3448, compose.MORE_NUMBERS, 0.1, 0.0, 512, 0.0),
    (0.3622, compose.OPEN_LESSON, 0.1, 0.0, 256, 0.0),
    (0.4365, compose.OPEN_LESSON, 0.1, 0.0, 512, 0.0),
    (0.485, compose.OPEN_LESSON, 0.1, 0.0, 256, 0.5),
    (0.5213, compose.STEADY_LESSON, 0.1, 0.0, 256, 0.5),
    (0.7879, compose.LAST_LESSON, 0.0, 0.0, 256, 0.5),
    (0.9545, compose.LAST_LESSON, 0.0, 0.0, 512, 0.5),
]
# The learning rate as a share of its peak: up, level, down, and up again for the later lessons.
RATES = [
    (0.0, 0.0),
    (0.0079, 1.0),
    (0.2364, 1.0),
    (0.3622, 0.202),
    (0.3641, 0.5),
    (0.485, 0.0),
    (0.491, 0.5),
    (0.5213, 0.0),
    (0.5236, 0.5),
    (0.6136, 0.5),
    (0.6515, 0.41),
    (0.7879, 0.41),
    (1.0, 0.0),
]
BATCH = 4096
# The residual after this many blocks is also to tell, through the output embedding, which words come among so many next tokens of the
# text: so it holds at every token what the text is about.
AHEAD_BLOCKS, AHEAD = 6, 64


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
        special_tokens=[compose.BEGIN, compose.END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{compose.BEGIN} $A", special_tokens=[(compose.BEGIN, 0)])
    return tokenizer


def rows(tokenizer, documents, length):
    """Rows of length + 1 tokens. A row starts at the start of a text; the text which does not fit is cut at its end."""
    while True:
        row = []
        while len(row) <= length:
            row += tokenizer.encode(next(documents)).ids + [CONFIG["eos_token_id"]]
        yield row[: length + 1]


# --- The model: the Llama layout, as Hugging Face transformers computes it


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, head = c["hidden_size"], c["head_dim"]
        self.sizes = [c["num_attention_heads"] * head, c["num_key_value_heads"] * head, c["num_key_value_heads"] * head]
        self.head = head
        self.attention_norm = nn.RMSNorm(width, c["rms_norm_eps"])
        self.qkv = nn.Linear(width, sum(self.sizes), bias=False)
        self.out = nn.Linear(self.sizes[0], width, bias=False)
        self.mlp_norm = nn.RMSNorm(width, c["rms_norm_eps"])
        self.gate_up = nn.Linear(width, 2 * c["intermediate_size"], bias=False)
        self.down = nn.Linear(c["intermediate_size"], width, bias=False)

    def forward(self, x, cos, sin, visible, share):
        batch, length, _ = x.shape
        q, k, v = (
            part.view(batch, length, -1, self.head).transpose(1, 2)
            for part in self.qkv(self.attention_norm(x)).split(self.sizes, -1)
        )
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        groups = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=visible)
        x = x + dropout(self.out(mixed.transpose(1, 2).reshape(batch, length, -1)), share)
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, -1)
        return x + dropout(self.down(F.silu(gate) * up), share)


NOISE = np.random.default_rng()


def dropout(x, share):
    """As torch's, with a mask of bytes: torch draws one number after another, which takes a sixteenth of the time of a step."""
    return x * kept(x.shape, share).div_(1 - share) if share else x


def kept(shape, share):
    """1 or, for this share, 0."""
    noise = torch.frombuffer(bytearray(NOISE.bytes(math.prod(shape))), dtype=torch.uint8).view(shape)
    return (noise >= round(share * 256)).float()


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embedding = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.norm = nn.RMSNorm(c["hidden_size"], c["rms_norm_eps"])
        half = c["head_dim"] // 2
        angles = torch.outer(torch.arange(c["max_position_embeddings"]), c["rope_theta"] ** (-torch.arange(half) / half))
        angles = torch.cat([angles, angles], -1)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())
        self.register_buffer("counts", torch.ones(c["vocab_size"]))
        # Shares which are dropped: of the numbers a block adds to the residual, and of tokens.
        self.drop, self.drop_tokens = 0.0, 0.0
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                deep = math.sqrt(2 * c["num_hidden_layers"]) if name.endswith(("out.weight", "down.weight")) else 1
                nn.init.normal_(weight, std=0.02 / deep)

    def forward(self, ids):
        return self.scores(self.residuals(ids)[-1])

    def scores(self, x):
        return F.linear(self.norm(x), self.embedding.weight)

    def residuals(self, ids):
        """After AHEAD_BLOCKS blocks, and after the last."""
        x = self.embedding(ids)
        if self.drop_tokens and self.training:
            x = x * kept((*ids.shape, 1), self.drop_tokens)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        # A token sees what is before it in its own text.
        text = (ids == CONFIG["bos_token_id"]).cumsum(1)
        visible = torch.tril(text[:, None, :, None] == text[:, None, None, :])
        share = self.drop if self.training else 0.0
        for block in self.blocks[:AHEAD_BLOCKS]:
            x = block(x, cos, sin, visible, share)
        early = x
        for block in self.blocks[AHEAD_BLOCKS:]:
            x = block(x, cos, sin, visible, share)
        return early, x

    def loss(self, ids, weight=None, ahead_share=0.0):
        """Of the next token and of words ahead."""
        early, last = self.residuals(ids[:, :-1])
        following = F.cross_entropy(self.scores(last).flatten(0, 1), ids[:, 1:].flatten(), weight)
        return following + ahead_share * self.ahead(early, ids, weight) if ahead_share else following

    def ahead(self, x, ids, weight):
        """At every fourth token, of eight places ahead in the same text; the rarer a word, the more it counts (as in word2vec)."""
        at = torch.arange(NOISE.integers(4), x.shape[1], 4)
        later = at[:, None] + torch.from_numpy(NOISE.integers(1, AHEAD + 1, 8))
        text = (ids == CONFIG["bos_token_id"]).cumsum(1)
        inside = later < ids.shape[1]
        later = later.clamp(max=ids.shape[1] - 1)
        words = ids[:, later]
        rare = (self.counts.sum() * 3e-4 / self.counts).sqrt().clamp(max=1)
        weight = (weight * rare)[words] * inside * (text[:, later] == text[:, at, None])
        scores = self.scores(x[:, at]).log_softmax(-1).gather(2, words)
        return -(scores * weight).sum() / weight.sum().clamp(min=1)


def llama_tensors(model):
    """The weights under the names of transformers' LlamaForCausalLM."""
    out = {"model.embed_tokens.weight": model.embedding.weight, "model.norm.weight": model.norm.weight}
    for index, block in enumerate(model.blocks):
        q, k, v = block.qkv.weight.split(block.sizes)
        gate, up = block.gate_up.weight.chunk(2)
        for name, weight in {
            "input_layernorm": block.attention_norm.weight,
            "self_attn.q_proj": q,
            "self_attn.k_proj": k,
            "self_attn.v_proj": v,
            "self_attn.o_proj": block.out.weight,
            "post_attention_layernorm": block.mlp_norm.weight,
            "mlp.gate_proj": gate,
            "mlp.up_proj": up,
            "mlp.down_proj": block.down.weight,
        }.items():
            out[f"model.layers.{index}.{name}.weight"] = weight
    return {name: weight.detach().to(torch.bfloat16).contiguous() for name, weight in out.items()}


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


def rate(share):
    return float(np.interp(share, *zip(*RATES)))


# --- The run


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--out", type=Path, required=True)
    parse.add_argument("--tokens", type=int, default=33_000_000)
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
        model.load_state_dict(saved["model"], strict=False)
        for optimizer, state in zip(optimizers, saved["optimizers"]):
            optimizer.load_state_dict(state)
        seen, spent = saved["seen"], saved["spent"]
        digest.update(saved["digest"].encode())
    # A run which goes on draws other texts than the ones before it.
    sources = [compose.documents(f"{args.seed} {seen}", lesson=lesson) for _, lesson, *_ in LESSONS]
    global NOISE
    NOISE = np.random.default_rng([args.seed, seen, process])
    log = open(args.out / "loss.csv" if process == 0 else os.devnull, "a")
    if not seen:
        print("tokens,seconds,training,composed,stories", file=log)

    began = saved_at = time.time()
    losses = []
    while seen < args.tokens:
        share = seen / args.tokens
        lesson = max(place for place, (begin, *_) in enumerate(LESSONS) if share >= begin)
        _, _, model.drop, model.drop_tokens, length, ahead_share = LESSONS[lesson]
        batch = torch.tensor(list(itertools.islice(rows(tokenizer, sources[lesson], length), BATCH // length)))
        digest.update(batch.numpy().astype(np.uint16).tobytes())
        # Words which name an emotion count more at first: they teach soonest what a text is about.
        weight = torch.ones(CONFIG["vocab_size"])
        weight[emotion_tokens] += 9 * rate(share)
        model.counts += torch.bincount(batch.flatten(), minlength=CONFIG["vocab_size"])
        loss = model.loss(batch[process :: args.processes], weight, ahead_share) / args.processes
        loss.backward()
        with torch.no_grad():
            sum_over_processes([loss] + [w.grad for w in model.parameters()])
        nn.utils.clip_grad_norm_(others, 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = args.rate * rate(share)
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
    return [word for emotion in compose.Texts().emotions for word in (f" {emotion}", f" {emotion.capitalize()}")]


def held_out_stories():
    for story in itertools.cycle(compose.Texts(held_out=True).stories):
        yield story["text"]


def write(args, model, seen, seconds, digest):
    save_file(llama_tensors(model), args.out / "model.safetensors", {"format": "pt"})
    template = {"bos_token": compose.BEGIN, "eos_token": compose.END, "chat_template": CHAT_TEMPLATE}
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
