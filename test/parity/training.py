"""Losses and gradients of every training objective, by PyTorch's autograd on the tiny checkpoints.

Run: python test/parity/training.py test/fixtures
Made with torch 2.15.0 and transformers 5.24.0, fp32, eager attention. A gradient is kept as its norm and as its products
with three fixed waves; the test's tolerance is 1e-4 of the norm.
With a GGUF file as second argument, also one step on the real model, with adapters on all its linears.
"""

import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F
import transformers

FAMILIES = ["smollm2", "tinyllama", "llama3", "mistral", "qwen2", "qwen3"]
RANK, ALPHA = 4, 8
TARGETS = ["q", "k", "v", "o", "gate", "up", "down"]


def wave(size, number):
    return torch.sin(0.37 * (number + 1) * torch.arange(size, dtype=torch.float64) + number)


def factor(size, index, scale):
    """Values of a LoRA factor, the same in the test."""
    return (scale * torch.sin(0.7 * torch.arange(size, dtype=torch.float64) + index)).float()


def linear_of(layer, target):
    return getattr(layer.self_attn if target in "qkvo" else layer.mlp, f"{target}_proj")


def add_lora(model, first_layer=0):
    """Factors A [in, r] and B [r, out] on every linear; returns them by name, in the order of the test's."""
    factors, switch = {}, {"on": True}
    for number, layer in enumerate(model.model.layers):
        if number < first_layer:
            continue
        for target in TARGETS:
            linear = linear_of(layer, target)
            name = f"lora.{number}.{target}"
            a = factor(linear.in_features * RANK, len(factors), 0.1).view(linear.in_features, RANK)
            factors[f"{name}.a"] = a.clone().requires_grad_()
            b = factor(RANK * linear.out_features, len(factors), 0.1).view(RANK, linear.out_features)
            factors[f"{name}.b"] = b.clone().requires_grad_()

            def hook(module, inputs, output, a=factors[f"{name}.a"], b=factors[f"{name}.b"]):
                return output + (ALPHA / RANK) * (inputs[0] @ a) @ b if switch["on"] else output

            linear.register_forward_hook(hook)
    return factors, switch


def logprobs(model, tokens, start):
    logits = model(torch.tensor([tokens])).logits[0, start - 1 : -1]
    return torch.log_softmax(logits, -1).gather(1, torch.tensor(tokens[start:])[:, None])[:, 0]


def ids(vocab, length, offset):
    return [3 + (offset * 17 + i * 29) % (vocab - 3) for i in range(length)]


def lessons(vocab):
    text = lambda length, start, offset: {"tokens": ids(vocab, length, offset), "from": start}
    answers = [
        {"kind": "answer", "text": text(15, 9, 1), "weight": 0.7},
        {"kind": "answer", "text": text(12, 4, 2), "weight": 0.3},
    ]
    pair = {"kind": "pair", "chosen": text(14, 8, 3), "rejected": text(11, 8, 4), "beta": 0.1, "weight": 0.5, "nllWeight": 1.0}
    good = {"kind": "thumb", "text": text(13, 6, 5), "isGood": True, "shift": 0.03, "beta": 0.2, "weight": 0.4}
    bad = {"kind": "thumb", "text": text(10, 6, 6), "isGood": False, "shift": 0.03, "beta": 0.2, "weight": 0.4}
    teacher = {"kind": "teacher", "text": {"tokens": ids(vocab, 16, 7)}, "rows": [2, 5, 9], "weight": 0.6}
    return {"answers": answers, "pair": [pair], "thumbs": [good, bad], "teacher": [teacher], "all": [*answers, pair, good, bad, teacher]}


def teacher_logits(rows, vocab):
    return (3 * torch.sin(0.11 * torch.arange(rows * vocab, dtype=torch.float64))).float().view(rows, vocab)


def objective(model, batch, reference, temperature):
    zero = torch.zeros(())
    parts = {"ce": zero, "dpo": zero, "kto": zero, "kl": zero}
    for lesson in batch:
        if lesson["kind"] == "answer":
            t = lesson["text"]
            parts["ce"] = parts["ce"] - lesson["weight"] * logprobs(model, t["tokens"], t["from"]).mean()
        elif lesson["kind"] == "pair":
            chosen = logprobs(model, lesson["chosen"]["tokens"], lesson["chosen"]["from"])
            rejected = logprobs(model, lesson["rejected"]["tokens"], lesson["rejected"]["from"])
            ref = lesson["reference"]
            margin = lesson["beta"] * ((chosen.sum() - ref["chosen"]) - (rejected.sum() - ref["rejected"]))
            parts["dpo"] = parts["dpo"] - lesson["weight"] * F.logsigmoid(margin)
            parts["ce"] = parts["ce"] - lesson["weight"] * lesson["nllWeight"] * chosen.mean()
        elif lesson["kind"] == "thumb":
            t = lesson["text"]
            ratio = logprobs(model, t["tokens"], t["from"]).sum() - lesson["reference"]
            inner = ratio - lesson["shift"] if lesson["isGood"] else lesson["shift"] - ratio
            parts["kto"] = parts["kto"] + lesson["weight"] * (1 - torch.sigmoid(lesson["beta"] * inner))
        else:
            rows = lesson["rows"]
            student = model(torch.tensor([lesson["text"]["tokens"]])).logits[0, rows]
            teacher = teacher_logits(len(rows), student.shape[-1])
            kl = F.kl_div(
                torch.log_softmax(student / temperature, -1), torch.softmax(teacher / temperature, -1), reduction="batchmean"
            )
            parts["kl"] = parts["kl"] + lesson["weight"] * temperature**2 * kl
    return parts


def with_references(model, batch):
    with torch.no_grad():
        for lesson in batch:
            total = lambda t: float(logprobs(model, t["tokens"], t["from"]).sum())
            if lesson["kind"] == "pair":
                lesson["reference"] = {side: total(lesson[side]) for side in ["chosen", "rejected"]}
            elif lesson["kind"] == "thumb":
                lesson["reference"] = total(lesson["text"])


def summary(gradient):
    flat = gradient.double().flatten()
    return [float(flat.norm()), *(float(flat @ wave(flat.numel(), number)) for number in range(3))]


def full_gradients(model):
    """In the layout of the training graph: linears [in, out], q, k and v side by side."""
    grads = {name: p.grad for name, p in model.named_parameters()}
    out = {"embedding": grads["model.embed_tokens.weight"], "final_norm": grads["model.norm.weight"]}
    if "lm_head.weight" in grads:
        out["head"] = grads["lm_head.weight"].T
    for number in range(model.config.num_hidden_layers):
        prefix, name = f"model.layers.{number}.", f"layer{number}"
        attention = prefix + "self_attn."
        out[f"{name}.qkv"] = torch.cat([grads[f"{attention}{t}_proj.weight"] for t in "qkv"]).T
        if f"{attention}q_proj.bias" in grads:
            out[f"{name}.qkv.bias"] = torch.cat([grads[f"{attention}{t}_proj.bias"] for t in "qkv"])
        out[f"{name}.o"] = grads[f"{attention}o_proj.weight"].T
        for target in ["gate", "up", "down"]:
            out[f"{name}.{target}"] = grads[f"{prefix}mlp.{target}_proj.weight"].T
        out[f"{name}.attention_norm"] = grads[f"{prefix}input_layernorm.weight"]
        out[f"{name}.mlp_norm"] = grads[f"{prefix}post_attention_layernorm.weight"]
        for side in "qk":
            if f"{attention}{side}_norm.weight" in grads:
                out[f"{name}.{side}_norm"] = grads[f"{attention}{side}_norm.weight"]
    return out


def load(folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    config._attn_implementation = "eager"
    return transformers.AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32).eval()


def golden(folder):
    temperature = 3.0
    model = load(folder)
    cases = []
    batches = lessons(model.config.vocab_size)
    for batch in batches.values():
        with_references(model, batch)
    losses = objective(model, batches["all"], None, temperature)
    sum(losses.values()).backward()
    gradients = {name: summary(g) for name, g in full_gradients(model).items()}
    cases.append({"trained": "full", "batch": "all", "parts": {k: float(v) for k, v in losses.items()}, "gradients": gradients})
    model.requires_grad_(False)
    factors, _ = add_lora(model)
    for name, batch in batches.items():
        for f in factors.values():
            f.grad = None
        losses = objective(model, batch, None, temperature)
        sum(losses.values()).backward()
        gradients = {key: summary(f.grad) for key, f in factors.items()}
        cases.append({"trained": "lora", "batch": name, "parts": {k: float(v) for k, v in losses.items()}, "gradients": gradients})
    return {"temperature": temperature, "lessons": batches, "cases": cases}


def golden_of_real(gguf):
    path = pathlib.Path(gguf)
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    model.requires_grad_(False)
    factors, _ = add_lora(model)
    batch = lessons(model.config.vocab_size)["answers"]
    losses = objective(model, batch, None, 1.0)
    sum(losses.values()).backward()
    gradients = {key: summary(f.grad) for key, f in factors.items()}
    return {"lessons": batch, "parts": {k: float(v) for k, v in losses.items()}, "gradients": gradients}


def rounded(value):
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.9g}") if isinstance(value, float) and math.isfinite(value) else value


def main(root, gguf=None):
    torch.manual_seed(0)
    goldens = {family: golden(root / "decoders" / family) for family in FAMILIES}
    (root / "training.json").write_text(json.dumps(rounded(goldens)))
    if gguf:
        (root / "training-real.json").write_text(json.dumps(rounded(golden_of_real(gguf))))


main(pathlib.Path(sys.argv[1]), *sys.argv[2:3])
