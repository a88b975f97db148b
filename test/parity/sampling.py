"""Writes the distributions that Transformers' logits processors leave for random logits and settings.

Run: python test/parity/sampling.py test/fixtures/sampling.json
Made with torch 2.15.0 and transformers 5.24.0. The order is that of GenerationMixin: penalties, temperature, top-k,
top-p, min-p.
"""

import json
import sys

import torch
from transformers.generation import logits_process as lp

VOCAB = 40
SETTINGS = [
    dict(temperature=1.0),
    dict(temperature=0.5),
    dict(temperature=1.7),
    dict(topK=5),
    dict(topP=0.8),
    dict(topP=0.05),
    dict(minP=0.1),
    dict(repetitionPenalty=1.8),
    dict(repetitionPenalty=0.6),
    dict(temperature=0.7, topK=10, topP=0.9),
    dict(temperature=1.5, topP=0.9, minP=0.05),
    dict(temperature=0.8, topK=20, topP=0.95, minP=0.02, repetitionPenalty=1.2),
]


def processors(settings):
    if "repetitionPenalty" in settings:
        yield lp.RepetitionPenaltyLogitsProcessor(settings["repetitionPenalty"])
    if "temperature" in settings:
        yield lp.TemperatureLogitsWarper(settings["temperature"])
    if "topK" in settings:
        yield lp.TopKLogitsWarper(settings["topK"])
    if "topP" in settings:
        yield lp.TopPLogitsWarper(settings["topP"])
    if "minP" in settings:
        yield lp.MinPLogitsWarper(settings["minP"])


def main(path):
    torch.manual_seed(11)
    cases = []
    for settings in SETTINGS:
        logits = torch.round(3 * torch.randn(1, VOCAB), decimals=3)
        prompt = torch.randint(0, VOCAB, (1, 8))
        scores = logits
        for process in processors(settings):
            scores = process(prompt, scores)
        shares = torch.softmax(scores, -1)[0]
        cases.append(
            dict(
                params=settings,
                prompt=prompt[0].tolist(),
                logits=[round(x, 3) for x in logits[0].tolist()],
                probabilities={i: round(p, 9) for i, p in enumerate(shares.tolist()) if p > 0},
            )
        )
    with open(path, "w") as file:
        json.dump(cases, file)
        file.write("\n")


main(sys.argv[1])
