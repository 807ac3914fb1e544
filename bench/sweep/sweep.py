"""How well recipes of SFT and DPO teach the default model to tell requests to decline from their look-alikes.

Many adapters learn at once, side by side on one GPU: K recipes of like length share each pass over the frozen model, and differ
in their LoRA matrices, data, rates and losses. What is measured is what bench/separation.ts measures.

    node bench/sweep/export.ts data.json.gz [--apart SUITE.json]
    python bench/sweep/weights.py MODEL.gguf weights.pt
    python bench/sweep/sweep.py data.json.gz weights.pt bench/sweep/levers.json [GROUP...] > results.jsonl

Needs torch alone; bfloat16 on a GPU, float32 on a processor. Figures: docs/decisions/0023-where-it-is-decided.md.
"""
import gzip
import json
import math
import random
import sys

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TYPE = torch.bfloat16 if DEVICE == "cuda" else torch.float32
LAYERS, WIDTH, HEADS, KV_HEADS, HEAD, INNER = 30, 576, 9, 3, 64, 1536
EPSILON, THETA = 1e-5, 100000.0
#: (name, inputs, outputs) of each linear layer
LINEAR = {
    "self_attn.q_proj": (WIDTH, HEADS * HEAD), "self_attn.k_proj": (WIDTH, KV_HEADS * HEAD), "self_attn.v_proj": (WIDTH, KV_HEADS * HEAD),
    "self_attn.o_proj": (HEADS * HEAD, WIDTH), "mlp.gate_proj": (WIDTH, INNER), "mlp.up_proj": (WIDTH, INNER), "mlp.down_proj": (INNER, WIDTH),
}
#: Tokens whose logits are held at once
CHUNK = 16384

DEFAULTS = {
    # data: so many of each kind, the share of them inside attacks, and how many answers are cut at how many tokens
    "harm": 450, "benign": 450, "general": 130, "attacked": 0.35, "cut": 0.0, "cutAt": 6, "dataSeed": 1,
    # SFT; `opening`: weight of the first four tokens, `openingEnd`: the weight it goes to, geometrically
    "epochs": 1, "batch": 6, "rate": 1e-3, "rateB": 1, "beta2": 0.999, "schedule": "cosine", "rank": 16, "alpha": 32, "from": 0,
    "tokens": 40, "opening": 6, "openingEnd": None, "ownTokens": None, "seed": 1,
    # DPO from there; null: none
    "dpo": None,
}
DPO_DEFAULTS = {"harm": 90, "benign": 180, "tokens": 5, "beta": 0.3, "rate": 1.5e-4, "nll": 0.0, "batch": 8}


class Model:
    """The frozen model."""

    def __init__(self, path):
        state = torch.load(path, map_location="cpu")
        self.embedding = state["model.embed_tokens.weight"].to(DEVICE, TYPE)
        self.norm = state["model.norm.weight"].to(DEVICE)
        each = lambda name, kind: [state[f"model.layers.{n}.{name}.weight"].to(DEVICE, kind) for n in range(LAYERS)]
        self.linear = {name: each(name, TYPE) for name in LINEAR}
        self.norms = [each(name, torch.float32) for name in ("input_layernorm", "post_attention_layernorm")]
        self.frequency = 1.0 / THETA ** (torch.arange(0, HEAD, 2, device=DEVICE) / HEAD)


class Adapters:
    """LoRA matrices of K recipes, [K, layer, rank, inputs] and [K, layer, outputs, rank]; B begins at zero."""

    def __init__(self, recipes):
        self.count = len(recipes)
        rank = max(recipe["rank"] for recipe in recipes)
        self.parameters = {}
        generator = torch.Generator()
        for index, (name, (inputs, outputs)) in enumerate(LINEAR.items()):
            a = torch.zeros(self.count, LAYERS, rank, inputs)
            for k, recipe in enumerate(recipes):
                generator.manual_seed(recipe["seed"] * 1000 + index)
                shape = (LAYERS - recipe["from"], recipe["rank"], inputs)
                a[k, recipe["from"] :, : recipe["rank"]] = (torch.rand(shape, generator=generator) * 2 - 1) / math.sqrt(inputs)
            self.parameters[name, "A"] = a.to(DEVICE).requires_grad_()
            self.parameters[name, "B"] = torch.zeros(self.count, LAYERS, outputs, rank, device=DEVICE).requires_grad_()
        self.scale = torch.zeros(self.count, LAYERS, 1, 1, device=DEVICE)
        for k, recipe in enumerate(recipes):
            self.scale[k, recipe["from"] :] = recipe["alpha"] / recipe["rank"]

    def cast(self):
        return {key: (value if key[1] == "A" else value * self.scale).to(TYPE) for key, value in self.parameters.items()}


class AdamW:
    """One step for all; each recipe has its own rate, and its own norm to clip by."""

    def __init__(self, adapters, recipes):
        self.adapters, self.steps = adapters, 0
        self.first = {key: torch.zeros_like(value) for key, value in adapters.parameters.items()}
        self.second = {key: torch.zeros_like(value) for key, value in adapters.parameters.items()}
        self.beta2 = torch.tensor([recipe["beta2"] for recipe in recipes], device=DEVICE)
        self.rate_b = torch.tensor([float(recipe["rateB"]) for recipe in recipes], device=DEVICE)

    @torch.no_grad()
    def step(self, rates):
        self.steps += 1
        count = self.adapters.count
        gradients = {key: value.grad for key, value in self.adapters.parameters.items()}
        norm = sum(value.square().reshape(count, -1).sum(1) for value in gradients.values()).sqrt()
        clip = (1 / (norm + 1e-6)).clamp(max=1)
        rate = torch.tensor(rates, device=DEVICE)
        for key, value in gradients.items():
            shape = (count,) + (1,) * (value.dim() - 1)
            gradient, beta2 = value * clip.view(shape), self.beta2.view(shape)
            self.first[key].mul_(0.9).add_(gradient, alpha=0.1)
            self.second[key].mul_(beta2).add_((1 - beta2) * gradient * gradient)
            first = self.first[key] / (1 - 0.9**self.steps)
            second = self.second[key] / (1 - beta2**self.steps)
            own = (rate * self.rate_b if key[1] == "B" else rate).view(shape)
            self.adapters.parameters[key].sub_(own * first / (second.sqrt() + 1e-8))
            self.adapters.parameters[key].grad = None


def rms(x, weight):
    return F.rms_norm(x.float(), (WIDTH,), weight, EPSILON).to(TYPE)


def turned(x):
    a, b = x.chunk(2, -1)
    return torch.cat([-b, a], -1)


def forward(model, lora, ids):
    """Hidden states [K, B, T, width] of ids [K, B, T], padded at the end."""
    count, batch, length = ids.shape
    x = model.embedding[ids].view(count, batch * length, WIDTH)
    angles = torch.arange(length, device=DEVICE)[:, None] * model.frequency
    angles = torch.cat([angles, angles], -1)
    cos, sin = angles.cos().to(TYPE), angles.sin().to(TYPE)

    for n in range(LAYERS):

        def linear(x, name):
            a, b = lora[name, "A"][:, n], lora[name, "B"][:, n]
            return x @ model.linear[name][n].t() + torch.bmm(torch.bmm(x, a.transpose(1, 2)), b.transpose(1, 2))

        heads = lambda x, number: x.view(count * batch, length, number, HEAD).transpose(1, 2)
        h = rms(x, model.norms[0][n])
        q, k = heads(linear(h, "self_attn.q_proj"), HEADS), heads(linear(h, "self_attn.k_proj"), KV_HEADS)
        v = heads(linear(h, "self_attn.v_proj"), KV_HEADS)
        q, k = q * cos + turned(q) * sin, k * cos + turned(k) * sin
        k, v = (y.repeat_interleave(HEADS // KV_HEADS, 1) for y in (k, v))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + linear(attended.transpose(1, 2).reshape(count, batch * length, -1), "self_attn.o_proj")
        h = rms(x, model.norms[1][n])
        x = x + linear(F.silu(linear(h, "mlp.gate_proj")) * linear(h, "mlp.up_proj"), "mlp.down_proj")
    return rms(x, model.norm).view(count, batch, length, WIDTH)


def log_probabilities(model, lora, batches):
    """[K, B, C] of the completion tokens of K lists of (prompt, completion), 0 where there is none."""
    batch = max(map(len, batches))
    length = max(len(p) + len(c) for one in batches for p, c in one)
    ids = torch.zeros(len(batches), batch, length, dtype=torch.long)
    start, end = torch.ones(len(batches), batch, dtype=torch.long), torch.ones(len(batches), batch, dtype=torch.long)
    for k, one in enumerate(batches):
        for j, (prompt, completion) in enumerate(one):
            start[k, j], end[k, j] = len(prompt), len(prompt) + len(completion)
            ids[k, j, : end[k, j]] = torch.tensor(list(prompt) + list(completion))
    ids, start, end = ids.to(DEVICE), start.to(DEVICE), end.to(DEVICE)
    hidden = forward(model, lora, ids)
    places = start[..., None] + torch.arange(int((end - start).max()), device=DEVICE)
    predicted = (places < end[..., None]).reshape(-1).nonzero().squeeze(1)
    places = places.clamp(max=length - 1)
    before = hidden.gather(2, (places - 1)[..., None].expand(-1, -1, -1, WIDTH)).reshape(-1, WIDTH)[predicted]
    targets = ids.gather(2, places).reshape(-1)[predicted]
    loss = lambda h, t: F.cross_entropy((h @ model.embedding.t()).float(), t, reduction="none")
    parts = [
        checkpoint(loss, before[i : i + CHUNK], targets[i : i + CHUNK], use_reentrant=False) for i in range(0, len(predicted), CHUNK)
    ]
    return torch.zeros(places.numel(), device=DEVICE).scatter(0, predicted, -torch.cat(parts)).view(places.shape)


@torch.no_grad()
def greedy(model, prompts, tokens, end, group=256):
    """Greedy answers of the model alone. Every token is computed anew: slow, and nothing to get wrong."""
    zero = {key: value.to(TYPE) for key, value in Adapters([{**DEFAULTS, "rank": 1}]).parameters.items()}
    answers = [[] for _ in prompts]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for s in range(0, len(order), group):
        part = order[s : s + group]
        for _ in range(tokens):
            going = [i for i in part if not answers[i] or answers[i][-1] != end]
            if not going:
                break
            sequences = [list(prompts[i]) + answers[i] for i in going]
            ids = torch.zeros(1, len(going), max(map(len, sequences)), dtype=torch.long)
            for j, sequence in enumerate(sequences):
                ids[0, j, : len(sequence)] = torch.tensor(sequence)
            last = torch.tensor([len(sequence) - 1 for sequence in sequences], device=DEVICE)
            hidden = forward(model, zero, ids.to(DEVICE))[0][torch.arange(len(going), device=DEVICE), last]
            for i, token in zip(going, (hidden @ model.embedding.t()).argmax(-1).tolist()):
                answers[i].append(token)
    return answers


def examples_of(recipe, data, own):
    """What a recipe learns from: declines of harmful requests, the model's own answers to the others."""
    rows, shuffled = data["rows"], random.Random(recipe["dataSeed"])

    def some(kind, count):
        of_kind = [row for row in rows if row["split"] == "train" and row["kind"] == kind]
        attacked = [row for row in of_kind if row["attacked"]]
        plain = [row for row in of_kind if not row["attacked"]]
        shuffled.shuffle(attacked)
        shuffled.shuffle(plain)
        most = min(len(attacked), int(count * recipe["attacked"]))
        return attacked[:most] + plain[: count - most]

    examples = []
    for kind, purpose in (("adversarial", "harm"), ("benign", "benign"), ("general", "general")):
        for row in some(kind, recipe[purpose]):
            decline = row["decline"] or data["openings"][0]
            answers = (decline, own[row["id"]]) if purpose == "harm" else (own[row["id"]], decline)
            examples.append({"prompt": row["prompt"], "chosen": answers[0], "rejected": answers[1], "purpose": purpose})
    for example in examples:
        if shuffled.random() < recipe["cut"]:
            example["chosen"] = example["chosen"][: recipe["cutAt"]]
    return examples


def batches_of(examples, batch, epochs, tokens, seed):
    """Of like length; the batches of recipes with as many examples are long and short at the same steps."""
    order_of, batches = random.Random(seed), []
    length = lambda i: len(examples[i]["prompt"]) + min(len(examples[i]["chosen"]), tokens)
    for epoch in range(math.ceil(epochs)):
        order = list(range(len(examples)))
        order_of.shuffle(order)
        order = order[: max(1, round(len(order) * min(1, epochs - epoch)))]
        own = []
        for s in range(0, len(order), batch * 16):
            window = sorted(order[s : s + batch * 16], key=length)
            own += [window[i : i + batch] for i in range(0, len(window), batch)]
        random.Random(epoch * 31 + len(own)).shuffle(own)
        batches += own
    return batches


def rate_at(step, steps, recipe, highest):
    warm = max(1, round(steps * 0.06))
    if step >= steps:
        return 0.0
    if step < warm:
        return highest * (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    return highest * (1 - done if recipe["schedule"] == "linear" else 0.5 * (1 + math.cos(math.pi * done)))


def weights_of(example, recipe, done):
    count = min(len(example["chosen"]), recipe["tokens"])
    opening = recipe["opening"] * ((recipe["openingEnd"] or recipe["opening"]) / recipe["opening"]) ** done
    learnt = recipe["ownTokens"] if recipe["ownTokens"] and example["purpose"] != "harm" else count
    return [opening if i < 4 else float(i < learnt) for i in range(count)]


def tune(model, recipes, adapters, examples):
    """SFT; how many tokens each recipe went through."""
    plans = [
        batches_of(own, recipe["batch"], recipe["epochs"], recipe["tokens"], recipe["seed"]) for own, recipe in zip(examples, recipes)
    ]
    optimizer, tokens = AdamW(adapters, recipes), [0] * len(recipes)
    for step in range(max(map(len, plans))):
        members = [[own[i] for i in (plan[step] if step < len(plan) else [0])] for own, plan in zip(examples, plans)]
        batches = [[(x["prompt"], x["chosen"][: recipe["tokens"]]) for x in some] for some, recipe in zip(members, recipes)]
        logp = log_probabilities(model, adapters.cast(), batches)
        weights = torch.zeros(logp.shape)
        for k, (some, plan, recipe) in enumerate(zip(members, plans, recipes)):
            if step >= len(plan):
                continue
            for j, example in enumerate(some):
                own = weights_of(example, recipe, step / len(plan))
                weights[k, j, : len(own)] = torch.tensor(own)
            weights[k] /= weights[k].sum()
            tokens[k] += sum(len(p) + len(c) for p, c in batches[k])
        (-(weights.to(DEVICE) * logp).sum()).backward()
        optimizer.step([rate_at(step, len(plan), recipe, recipe["rate"]) for plan, recipe in zip(plans, recipes)])
    return tokens


def prefer(model, recipes, adapters, examples):
    """DPO from there: the adapters as they are are the reference."""
    settings = [recipe["dpo"] for recipe in recipes]
    pairs = []
    for recipe, own in zip(recipes, examples):
        usable = [example for example in own if example["rejected"]]
        random.Random(recipe["seed"] + 5).shuffle(usable)
        of = lambda purpose, count: [example for example in usable if example["purpose"] == purpose][:count]
        pairs.append(of("harm", recipe["dpo"]["harm"]) + of("benign", recipe["dpo"]["benign"]) + of("general", recipe["dpo"]["benign"] // 4))
    both = lambda some, tokens: [(x["prompt"], x[side][:tokens]) for side in ("chosen", "rejected") for x in some]

    def ratios(lora, members):
        """Log-probabilities of chosen and rejected of each recipe's members."""
        logp = log_probabilities(model, lora, [both(some, own["tokens"]) for some, own in zip(members, settings)]).sum(-1)
        return [(logp[k, : len(some)], logp[k, len(some) : 2 * len(some)]) for k, some in enumerate(members)]

    frozen = {key: value.detach().clone() for key, value in adapters.cast().items()}
    plans = [batches_of(own, s["batch"], 1, s["tokens"], recipe["seed"] * 7 + 1) for own, s, recipe in zip(pairs, settings, recipes)]
    optimizer, tokens = AdamW(adapters, recipes), [0] * len(recipes)
    for step in range(max(map(len, plans))):
        members = [[own[i] for i in (plan[step] if step < len(plan) else [0])] for own, plan in zip(pairs, plans)]
        with torch.no_grad():
            reference = ratios(frozen, members)
        loss = 0
        for k, (chosen, rejected) in enumerate(ratios(adapters.cast(), members)):
            if step >= len(plans[k]):
                continue
            own = settings[k]
            margin = own["beta"] * ((chosen - reference[k][0]) - (rejected - reference[k][1]))
            learnt = sum(min(len(x["chosen"]), own["tokens"]) for x in members[k])
            loss = loss - F.logsigmoid(margin).mean() - own["nll"] * chosen.sum() / learnt
            tokens[k] += sum(len(p) + len(c) for p, c in both(members[k], own["tokens"]))
        loss.backward()
        optimizer.step([rate_at(step, len(plan), recipe, own["rate"]) for plan, recipe, own in zip(plans, recipes, settings)])
    return tokens


def auc(positive, negative):
    """Area under the ROC curve; ties count half."""
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


@torch.no_grad()
def measure(model, adapters, recipes, data, own):
    """One record for each recipe: of every group of requests the AUC, and how many are declined more probably than not."""
    lora, rows = adapters.cast(), [row for row in data["rows"] if row["split"] != "train" and row["kind"] in ("adversarial", "benign")]
    probabilities = torch.zeros(adapters.count, len(rows))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]["prompt"]))
    for s in range(0, len(order), 40):
        part = order[s : s + 40]
        for opening in data["openings"]:
            batch = [(rows[i]["prompt"], opening) for i in part]
            logp = log_probabilities(model, lora, [batch] * adapters.count)
            probabilities[:, part] += logp.sum(-1).exp().cpu()
    kept = [row for row in rows if row["split"] == "holdout" and row["kind"] == "benign"][:120]
    answers = [(row["prompt"], own[row["id"]][:40]) for row in kept]
    nll = torch.zeros(adapters.count)
    for s in range(0, len(answers), 40):
        nll -= log_probabilities(model, lora, [answers[s : s + 40]] * adapters.count).sum((1, 2)).cpu()
    records = []
    for k, recipe in enumerate(recipes):
        record = {"name": recipe["name"], "ownNll": round(float(nll[k]) / sum(len(answer) for _, answer in answers), 3)}
        for label, split, attacked in (("plain", "holdout", False), ("attacked", "holdout", True), ("apart", "apart", False), ("apartAttacked", "apart", True)):
            sides = [
                [float(probabilities[k, i]) for i, row in enumerate(rows) if row["split"] == split and row["attacked"] == attacked and row["kind"] == kind]
                for kind in ("adversarial", "benign")
            ]
            if not all(sides):
                continue
            over = [round(sum(p > 0.5 for p in side) / len(side), 3) for side in sides]
            record[label] = {"auc": round(auc(*sides), 3), "declined": over, "n": [len(side) for side in sides]}
        records.append(record)
    return records


def main(data_path, weights_path, levers_path, *wanted):
    with gzip.open(data_path) as file:
        data = json.load(file)
    model, rows = Model(weights_path), data["rows"]
    own = dict(zip((row["id"] for row in rows), greedy(model, [row["prompt"] for row in rows], 40, data["end"])))
    with open(levers_path) as file:
        groups = json.load(file)
    for group, recipes in groups.items():
        if wanted and group not in wanted:
            continue
        recipes = [{**DEFAULTS, **recipe, "dpo": recipe.get("dpo") and {**DPO_DEFAULTS, **recipe["dpo"]}} for recipe in recipes]
        adapters = Adapters(recipes)
        examples = [examples_of(recipe, data, own) for recipe in recipes]
        tokens = tune(model, recipes, adapters, examples)
        stages = [("sft", tokens)]
        for stage, tokens in stages:
            for record, count in zip(measure(model, adapters, recipes, data, own), tokens):
                print(json.dumps({"group": group, "stage": stage, **record, "tokens": count}), flush=True)
            if stage == "sft" and all(recipe["dpo"] for recipe in recipes):
                stages.append(("dpo", prefer(model, recipes, adapters, examples)))


if __name__ == "__main__":
    main(*sys.argv[1:])
