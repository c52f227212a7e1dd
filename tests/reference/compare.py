"""Compares `circumplex dump` with Hugging Face transformers in float32 on any model folder.

    python compare.py PROGRAM MODEL_FOLDER...

For prompts of 1, 7 and 200 tokens (as long as the context allows), at once and token by token through the cache, prints the
worst |a - b| / max(|b|, median over tokens of |b|), by L2 norms per block and token, for residuals and for logits; then
whether the token ids of awkward texts agree.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

TEXTS = [
    "Once upon a time there was a small red boat.",
    "She said: \"Don't go!\"\n\nThen it rained.",
    "  two spaces, a\ttab and a line\n",
    "emoji \U0001f600, accents \u00fc\u00e9, \u0645\u0631\u062d\u0628\u0627, \u4f60\u597d",
]


def worst(ours, right):
    """The measure over the last axis; rows are tokens, the axes before are blocks."""
    norms = right.norm(dim=-1)
    scale = torch.maximum(norms, norms.median(dim=-1, keepdim=True).values)
    return ((ours - right).norm(dim=-1) / scale).max().item()


def blocks_of(model):
    """The list of decoder blocks, whatever the family calls it."""
    lists = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    return max(lists, key=len)


@torch.no_grad()
def reference(model, ids):
    residuals = []

    def keep(_module, _inputs, output):
        residuals.append((output[0] if isinstance(output, tuple) else output)[0])

    hooks = [block.register_forward_hook(keep) for block in blocks_of(model)]
    logits = model(torch.tensor([ids])).logits[0]
    for hook in hooks:
        hook.remove()
    return torch.stack(residuals), logits


def dump(program, folder, *arguments):
    with tempfile.TemporaryDirectory() as temp:
        out = Path(temp) / "dump.safetensors"
        command = [program, "dump", "--model", folder, *arguments, "--out", out]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        return load_file(out)


def compare(program, folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    context = model.config.max_position_embeddings
    generator = torch.Generator().manual_seed(0)
    text_ids = PreTrainedTokenizerFast.from_pretrained(folder)(TEXTS[0])["input_ids"]
    for length in (1, 7, 200):
        random = torch.randint(model.config.vocab_size, (length,), generator=generator).tolist()
        ids = (text_ids + random)[: min(length, context)]
        residuals, logits = reference(model, ids)
        for way in ([], ["--cached"]):
            ours = dump(program, folder, "--tokens", ",".join(map(str, ids)), *way)
            assert ours["tokens"].tolist() == ids
            figures = f"residuals {worst(ours['residual'], residuals):.1e}  logits {worst(ours['logits'], logits):.1e}"
            print(f"  {len(ids):4} tokens  {'cached ' if way else 'at once'}  {figures}")


def compare_tokenizers(program, folder):
    for kind in (PreTrainedTokenizerFast, AutoTokenizer):
        tokenizer = kind.from_pretrained(folder)
        differ = []
        for text in TEXTS:
            right = tokenizer(text)["input_ids"]
            ours = dump(program, folder, "--text", text)["tokens"].tolist()
            if ours != right:
                differ.append((text, ours, right))
        print(f"  ids as {kind.__name__} ({type(tokenizer).__name__}): {len(TEXTS) - len(differ)} of {len(TEXTS)} texts agree")
        for text, ours, right in differ:
            print(f"    {text!r}\n      ours   {ours}\n      theirs {right}")
        if tokenizer.chat_template:
            messages = [{"role": "user", "content": TEXTS[1]}]
            right = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
            ours = dump(program, folder, "--text", TEXTS[1], "--chat")["tokens"].tolist()
            print(f"  chat ids agree: {ours == right}")


if __name__ == "__main__":
    program, *folders = sys.argv[1:]
    for folder in folders:
        print(folder)
        compare(program, folder)
        compare_tokenizers(program, folder)
