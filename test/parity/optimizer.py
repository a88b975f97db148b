"""Steps of PyTorch's AdamW with clipped gradients, and learning rates of Transformers' schedules.

Run: python test/parity/optimizer.py test/fixtures/optimizer.json
Made with torch 2.15.0 and transformers 5.24.0; the test's tolerance is 1e-6 relative.
"""

import json
import sys

import torch
import transformers

OPTIONS = dict(lr=0.02, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
MAX_NORM = 1.5
STEPS = 12


def wave(size, phase):
    return torch.sin(0.9 * torch.arange(size, dtype=torch.float32) + phase)


def adamw():
    values = {"a": wave(6, 0.1).requires_grad_(), "b": wave(4, 2.0).requires_grad_()}
    optimizer = torch.optim.AdamW(values.values(), **OPTIONS)
    norms = []
    for step in range(STEPS):
        for index, value in enumerate(values.values()):
            value.grad = (1 + step % 3) * wave(value.numel(), 0.5 * step + index)
        norms.append(float(torch.nn.utils.clip_grad_norm_(values.values(), MAX_NORM)))
        optimizer.step()
    return {"norms": norms, "values": {name: value.tolist() for name, value in values.items()}}


def schedule(name, steps=40):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    warmup, decay = steps // 10, steps // 5
    make = {
        "cosine": lambda: transformers.get_cosine_schedule_with_warmup(optimizer, warmup, steps),
        "linear": lambda: transformers.get_linear_schedule_with_warmup(optimizer, 0, steps),
        "wsd": lambda: transformers.get_wsd_schedule(
            optimizer, warmup, decay, num_training_steps=steps, warmup_type="linear", decay_type="linear"
        ),
    }[name]
    scheduler, rates = make(), []
    for _ in range(steps):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return rates


golden = {"adamw": adamw(), "schedules": {name: schedule(name) for name in ["cosine", "linear", "wsd"]}}
with open(sys.argv[1], "w") as file:
    json.dump(golden, file)
