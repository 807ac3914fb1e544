"""Golden losses, LoRA gradients and loss curves of TRL, for test/engine/trl.test.ts.

    pip install torch transformers peft trl datasets gguf
    python bench/parity/trl.py test/fixtures/tiny

Writes model.gguf (a random Llama), adapter/ (a random LoRA in PEFT's format) and trl.json. Float32, CPU. The reference
is the model without adapter. Gradients are kept as norm and a few entries of each matrix.
"""
import json
import os
import sys
import tempfile

sys.path.append(sys.path.pop(0))  # this folder last: a file named trl.py must not hide the package

import peft
import tiny
import torch
import transformers
import trl
from datasets import Dataset
from peft import LoraConfig
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

OUT = sys.argv[1]
MAX_LENGTH = 24
TOKENIZER = tiny.tokenizer()
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
COMMON = dict(
    output_dir=tempfile.mkdtemp(), report_to="none", use_cpu=True, bf16=False, gradient_checkpointing=False,
    logging_steps=1, save_strategy="no", disable_tqdm=True, lr_scheduler_type="cosine", warmup_steps=0,
    train_sampling_strategy="sequential", seed=1,
)


def lora() -> LoraConfig:
    return LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=TARGETS, task_type="CAUSAL_LM")


def random_pairs(count: int, seed: int) -> list[dict]:
    generator = torch.Generator().manual_seed(seed)
    tokens = lambda low, high: torch.randint(
        3, 260, (int(torch.randint(low, high, (1,), generator=generator)),), generator=generator
    ).tolist()
    return [{"prompt": tokens(3, 12), "chosen": tokens(3, 18) + [2], "rejected": tokens(3, 18) + [2]} for _ in range(count)]


def set_lora(model, moved: bool) -> None:
    """A as uniform noise; B zero (fresh) or noise (moved)."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "lora_" in name:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.copy_(noise * 0.2 if "lora_A" in name or moved else torch.zeros_like(noise))


TEXT = {"prompt": "a", "chosen": "b", "rejected": "c"}
PAIRS = Dataset.from_list([TEXT] * 8)


def dpo(batch=6, **options):
    config = DPOConfig(**COMMON, max_length=MAX_LENGTH, per_device_train_batch_size=batch, **options)
    return DPOTrainer(tiny.model(), args=config, train_dataset=PAIRS, processing_class=TOKENIZER, peft_config=lora())


def sft(batch=6, **options):
    config = SFTConfig(**COMMON, max_length=MAX_LENGTH, per_device_train_batch_size=batch, **options)
    data = Dataset.from_list([{"prompt": "a", "completion": "b"}] * 8)
    return SFTTrainer(tiny.model(), args=config, train_dataset=data, processing_class=TOKENIZER, peft_config=lora())


def kto(batch=12, **options):
    config = KTOConfig(**COMMON, max_length=MAX_LENGTH, per_device_train_batch_size=batch, **options)
    data = Dataset.from_list([{"prompt": "a", "completion": "b", "label": i % 2 == 0} for i in range(12)])
    return KTOTrainer(tiny.model(), args=config, train_dataset=data, processing_class=TOKENIZER, peft_config=lora())


def reference_free(trainer, config, **options):
    args = config(**COMMON, max_length=MAX_LENGTH, per_device_train_batch_size=6, remove_unused_columns=False, **options)
    return trainer(tiny.model(), args=args, train_dataset=PAIRS, processing_class=TOKENIZER, peft_config=lora())


def dpo_rows(pairs):
    return [{"prompt_ids": p["prompt"], "chosen_ids": p["chosen"], "rejected_ids": p["rejected"]} for p in pairs]


def sft_rows(pairs):
    rows = []
    for p in pairs:
        prompt, completion = p["prompt"], p["chosen"][: MAX_LENGTH - len(p["prompt"])]
        rows.append({"input_ids": prompt + completion, "labels": [-100] * len(prompt) + completion})
    return rows


def kto_rows(pairs):
    """All chosen, then all rejected; the KL sequences carry the completion of the row before, as it was cut there."""
    cut = lambda p, key: p[key][: MAX_LENGTH - len(p["prompt"])]
    rows = [{"prompt_ids": p["prompt"], "completion_ids": cut(p, key), "label": key == "chosen"} for key in ("chosen", "rejected") for p in pairs]
    return [{**row, "KL_completion_ids": rows[i - 1]["completion_ids"]} for i, row in enumerate(rows)]


def concatenated_rows(pairs):
    rows = []
    for p in pairs:
        row = {"prompt_input_ids": p["prompt"], "prompt_attention_mask": [1] * len(p["prompt"])}
        for key in ("chosen", "rejected"):
            ids = (p["prompt"] + p[key])[:MAX_LENGTH]
            row[f"{key}_input_ids"] = ids
            row[f"{key}_attention_mask"] = [1] * len(ids)
            row[f"{key}_labels"] = [-100] * len(p["prompt"]) + ids[len(p["prompt"]):]
        rows.append(row)
    return rows


def probe(gradient: torch.Tensor) -> dict:
    flat = gradient.flatten()
    places = [(i * 37) % flat.numel() for i in range(6)]
    return {"norm": round_(flat.norm().item()), "places": places, "values": [round_(flat[i].item()) for i in places]}


def round_(x: float) -> float:
    return float(f"{x:.7g}")


def measure(name: str, trainer, rows, recipe: dict, moved=True) -> dict:
    set_lora(trainer.model, moved)
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, trainer.data_collator(rows))
    loss.backward()
    gradients = {
        key.removeprefix("base_model.model.").replace(".default.weight", ""): probe(p.grad)
        for key, p in trainer.model.named_parameters() if p.grad is not None and "lora_" in key and (moved or "lora_B" in key)
    }
    print(name, loss.item(), flush=True)
    metrics = {key: round_(values[-1]) for key, values in getattr(trainer, "_metrics", {}).get("train", {}).items() if values and ("rewards" in key or "logps" in key or key in ("entropy", "kl"))}
    return {"name": name, "recipe": recipe, "moved": moved, "loss": round_(loss.item()), "metrics": metrics, "gradients": gradients}


def curve(trainer, rows) -> list[float]:
    set_lora(trainer.model, False)
    trainer.train_dataset = Dataset.from_list(rows)
    trainer.train()
    return [round_(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]


def main() -> None:
    os.makedirs(OUT, exist_ok=True)
    base = tiny.model()
    tiny.write_gguf(os.path.join(OUT, "model.gguf"), base)
    adapted = peft.get_peft_model(base, lora())
    set_lora(adapted, True)
    adapted.save_pretrained(os.path.join(OUT, "adapter"))
    os.remove(os.path.join(OUT, "adapter", "README.md"))
    pairs = random_pairs(6, 3)
    cases = [measure("sft", sft(), sft_rows(pairs), {"kind": "sft"})]
    plain = dict(kind="dpo", nll=0)
    for loss in ["sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "apo_zero", "apo_down", "sigmoid_norm"]:
        smoothing = 0.1 if loss in ("robust", "exo_pair") else 0.0
        trainer = dpo(loss_type=[loss], beta=0.3, label_smoothing=smoothing)
        recipe = {**plain, "loss": loss, "beta": 0.3, **({"labelSmoothing": smoothing} if smoothing else {})}
        cases.append(measure(loss, trainer, dpo_rows(pairs), recipe))
    cases.append(measure("sigmoid, fresh", dpo(beta=0.1), dpo_rows(pairs), {**plain, "loss": "sigmoid", "beta": 0.1}, moved=False))
    cases.append(measure("sigmoid + sft", dpo(loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.5], beta=0.1), dpo_rows(pairs), {**plain, "loss": "sigmoid", "beta": 0.1, "nll": 0.5}))
    mixed = ["sigmoid", "bco_pair"]
    cases.append(measure("sigmoid + bco_pair + sft", dpo(loss_type=[*mixed, "sft"], loss_weights=[0.8, 0.2, 1.0], beta=0.3), dpo_rows(pairs), {**plain, "loss": mixed, "lossWeights": [0.8, 0.2], "beta": 0.3, "nll": 1.0}))
    cases.append(measure("sigmoid, smoothing is inert", dpo(beta=0.3, label_smoothing=0.2), dpo_rows(pairs), {**plain, "loss": "sigmoid", "beta": 0.3}))
    cases.append(measure("kto", kto(beta=0.3, desirable_weight=1.2), kto_rows(pairs), {**plain, "loss": "kto", "beta": 0.3, "desirableWeight": 1.2}))
    cases.append(measure("simpo", reference_free(CPOTrainer, CPOConfig, loss_type="simpo", beta=2.0, simpo_gamma=0.5, cpo_alpha=0.0), concatenated_rows(pairs), {**plain, "loss": "simpo", "beta": 2.0, "gamma": 0.5}))
    cases.append(measure("orpo", reference_free(ORPOTrainer, ORPOConfig, beta=0.3), concatenated_rows(pairs), {**plain, "loss": "orpo", "beta": 0.3}))
    stream = random_pairs(40, 5)
    schedule = dict(num_train_epochs=5, learning_rate=1e-2, batch=4)
    curves = [
        {"name": "sft", "recipe": {"kind": "sft"}, "losses": curve(sft(**schedule), sft_rows(stream))},
        {"name": "sigmoid", "recipe": {**plain, "loss": "sigmoid", "beta": 0.1}, "losses": curve(dpo(beta=0.1, **schedule), dpo_rows(stream))},
    ]
    versions = {m.__name__: m.__version__ for m in (torch, transformers, peft, trl)}
    result = {"versions": versions, "maxLength": MAX_LENGTH, "pairs": pairs, "cases": cases, "stream": stream, "curves": curves}
    with open(os.path.join(OUT, "trl.json"), "w") as f:
        json.dump(result, f, separators=(",", ":"))


main()
