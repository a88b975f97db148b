"""Writes how SmolLM2-135M-Instruct goes on after twenty prompts, greedily, in Transformers in fp32.

Run: python test/parity/greedy.py SmolLM2-135M-Instruct.Q4_1.gguf test/fixtures/greedy.json
Made with torch 2.15.0, transformers 5.24.0 and accelerate; the weights are those that the GGUF decodes to. `gap` is the least
difference between the best two logits on the way: far more than fp32 sums in another order can differ by.
"""

import json
import pathlib
import sys

import torch
from gguf import GGUFReader
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM

NEW_TOKENS = 32
PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a village by the river,",
    "def fibonacci(n):\n    ",
    "Water boils at 100 degrees Celsius because",
    "Dear Sir or Madam,\n\nI am writing to",
    "1, 1, 2, 3, 5, 8,",
    "The three laws of robotics are:\n1.",
    "SELECT name, age FROM users WHERE",
    "Q: Why is the sky blue?\nA:",
    "To bake a loaf of bread you need",
    "In 1969, the first humans",
    "Photosynthesis is the process by which",
    "<html>\n<head>\n<title>",
    "Roses are red, violets are blue,",
    "The mitochondria is the",
    "import numpy as np\n\n",
    "My favourite thing about autumn is",
    "A mill race is the channel that carries water to",
    "List of planets: Mercury, Venus,",
    "Der schnelle braune Fuchs",
]


def encoder(path):
    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    result = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    result.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return result


def main(path, out):
    path = pathlib.Path(path)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    words = encoder(path)
    cases = []
    for prompt in PROMPTS:
        ids = words.encode(prompt).ids
        tokens, gap = list(ids), float("inf")
        with torch.no_grad():
            for _ in range(NEW_TOKENS):
                best = model(torch.tensor([tokens])).logits[0, -1].topk(2)
                gap = min(gap, (best.values[0] - best.values[1]).item())
                tokens.append(best.indices[0].item())
        cases.append(dict(prompt=prompt, ids=ids, continuation=tokens[len(ids) :], gap=round(gap, 5)))
    with open(out, "w") as file:
        json.dump(cases, file, indent=1)
        file.write("\n")


main(*sys.argv[1:])
