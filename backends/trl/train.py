"""One training job of temper with TRL and PEFT.

    python train.py              one process
    torchrun --nproc_per_node 2 train.py, accelerate launch train.py   several processes or machines

Reads job.json and data.jsonl beside this file. Writes metrics.jsonl (one line a step, TRL's names), checkpoints/, adapter/
in PEFT's format and, last, done.json with the adapter's SHA-256; failed.json when it fails. Started again, it goes on from
its newest checkpoint.
"""
import hashlib
import json
import math
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
RANK = int(os.environ.get("RANK", "0"))
PROCESSES = int(os.environ.get("WORLD_SIZE", "1"))


def at(*names: str) -> str:
    return os.path.join(HERE, *names)


def write(name: str, value: dict) -> None:
    """The file appears whole or not at all."""
    part = at(f"{name}.{RANK}.part")
    with open(part, "w") as file:
        json.dump(value, file)
    os.replace(part, at(name))


def quiet(job: dict) -> None:
    """Nothing reports home; weights on disk need no network. Before the libraries are imported."""
    os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1")
    if os.path.isdir(job["model"]):
        os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_DATASETS_OFFLINE="1")


def completion(example: dict, which: str, tokenizer, stop: int, room: int) -> list:
    text = "\n".join(message["content"] for message in example[which])
    end = [] if which in example.get("cut", []) else [stop]
    return (tokenizer(text, add_special_tokens=False).input_ids + end)[:room]


def rows(job: dict, tokenizer, name: str) -> list:
    """The examples of a file as tokens, in its order. Completions are cut at the end; prompts without room are left out."""
    recipe, stop = job["recipe"], job["stopToken"]
    if stop is None:
        stop = tokenizer.eos_token_id
    result = []
    with open(at(name), encoding="utf-8") as file:
        for line in file:
            example = json.loads(line)
            prompt = tokenizer.apply_chat_template(example["prompt"], add_generation_prompt=True, return_dict=False)
            left = recipe["maxLength"] - len(prompt)
            room = min(left, recipe["maxCompletionLength"] or math.inf)
            if room < 1:
                continue
            chosen = completion(example, "chosen", tokenizer, stop, min(left, job.get("nllTokens") or room))
            if recipe["kind"] == "dpo":
                rejected = completion(example, "rejected", tokenizer, stop, room)
                result.append({"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected})
            else:
                result.append({"input_ids": prompt + chosen, "labels": [-100] * len(prompt) + chosen})
    return result


def arguments(job: dict) -> dict:
    """What SFT and DPO have in common."""
    import torch

    recipe = job["recipe"]
    accumulation = recipe["accumulation"]
    share, left = divmod(recipe["batch"], PROCESSES)
    if left:
        raise SystemExit(f"a batch of {recipe['batch']} cannot be shared by {PROCESSES} processes")
    bfloat16 = job["precision"] == "bfloat16"
    every, last_alone = job["checkpointEvery"], recipe["checkpointEvery"] == 1
    measured, patience = os.path.exists(at("eval.jsonl")), recipe.get("patience")
    if measured and patience:
        every = recipe["evaluateEvery"]  # the best one has to be on disk
    return dict(
        output_dir=at("checkpoints"),
        per_device_train_batch_size=share,
        gradient_accumulation_steps=accumulation,
        num_train_epochs=1,  # data.jsonl holds the examples of all epochs, in order
        train_sampling_strategy="sequential",
        learning_rate=recipe["learningRate"],
        weight_decay=recipe["weightDecay"],
        max_grad_norm=recipe["maxGradientNorm"],
        max_length=recipe["maxLength"],
        seed=recipe["seed"] % 2**32,
        bf16=bfloat16,
        use_cpu=not torch.accelerator.is_available(),
        gradient_checkpointing=job["gradientCheckpointing"],
        logging_steps=1,
        save_strategy="steps",
        save_steps=every if measured and patience else min(every, 50) if last_alone else every,
        save_total_limit=2 if last_alone else None,
        eval_strategy="steps" if measured else "no",
        eval_steps=recipe["evaluateEvery"] if measured else None,
        per_device_eval_batch_size=share,
        load_best_model_at_end=bool(measured and patience),
        metric_for_best_model="eval_loss" if measured and patience else None,
        greater_is_better=False if measured and patience else None,
        report_to="none",
        disable_tqdm=True,
        dataset_num_proc=None,
        ddp_find_unused_parameters=False if PROCESSES > 1 else None,
    )


def policy(job: dict):
    """The base model, and what puts the adapter on it."""
    import torch
    from peft import LoraConfig, PeftConfig, PeftModel
    from transformers import AutoModelForCausalLM

    dtype = torch.bfloat16 if job["precision"] == "bfloat16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=dtype)
    if job["start"]:
        config = PeftConfig.from_pretrained(at(job["start"]))
        config.lora_dropout = job["recipe"]["dropout"]
        return PeftModel.from_pretrained(model, at(job["start"]), is_trainable=True, config=config), None
    lora = job["lora"]
    return model, LoraConfig(
        r=lora["rank"], lora_alpha=lora["alpha"], use_rslora=lora["rslora"], target_modules=lora["targets"],
        lora_dropout=job["recipe"]["dropout"], task_type="CAUSAL_LM",
    )


def metrics_callback(job: dict):
    from transformers import TrainerCallback

    names = [
        "loss", "learning_rate", "grad_norm", "epoch", "num_tokens", "entropy", "rewards/chosen", "rewards/rejected",
        "rewards/margins", "rewards/accuracies", "logps/chosen", "logps/rejected",
    ]

    class Metrics(TrainerCallback):
        def __init__(self):
            self.start, self.tokens = None, 0.0

        def on_log(self, args, state, control, logs=None, **_):
            if not state.is_world_process_zero or not logs:
                return
            if "eval_loss" in logs:
                row = {f"eval_{name}": float(logs[f"eval_{name}"]) for name in names if f"eval_{name}" in logs}
                with open(at("metrics.jsonl"), "a") as file:
                    file.write(json.dumps({"step": state.global_step, **row}) + "\n")
            if "loss" not in logs:
                return
            row = {name: float(logs[name]) for name in names if name in logs}
            if not math.isfinite(row["loss"]):
                raise FloatingPointError(f"the loss became {row['loss']} at step {state.global_step}: lower the learning rate")
            tokens = row.get("num_tokens", 0.0)
            if self.start is None:  # from the end of the first step on, which warms up
                self.start, self.tokens = time.time(), tokens
            seconds = time.time() - self.start
            rate = (tokens - self.tokens) / seconds if seconds > 0 else 0.0
            row = {"step": state.global_step, "steps": state.max_steps, **row, "tokens/s": rate}
            with open(at("metrics.jsonl"), "a") as file:
                file.write(json.dumps(row) + "\n")

    return Metrics()


def as_told(base, rates: list):
    """The trainer with the recipe's learning rates, one a step, and with examples that are tokens already."""
    from torch.optim.lr_scheduler import LambdaLR

    class AsTold(base):
        def _prepare_dataset(self, dataset, *_, **__):
            return dataset

        def create_scheduler(self, num_training_steps, optimizer=None):
            if self.lr_scheduler is None:
                self.lr_scheduler = LambdaLR(optimizer or self.optimizer, lambda step: rates[min(step, len(rates) - 1)])
            return self.lr_scheduler

    return AsTold


def weighed(base, tokens: int, weight: float):
    """The trainer with a mean over the batch in which the first tokens of each answer weigh more. One step is one batch: job.ts sees to that."""
    import torch

    class Weighed(base):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            mode = "train" if self.model.training else "eval"
            targets = inputs["labels"][:, 1:]
            scored = targets != -100
            outputs = model(**{name: value for name, value in inputs.items() if name != "labels"}, use_cache=False)
            logits = outputs.logits[:, :-1][scored].float()  # (scored tokens, vocabulary)
            each = torch.nn.functional.cross_entropy(logits, targets[scored], reduction="none")
            weights = torch.where(scored.cumsum(1) <= tokens, weight, 1.0)[scored]
            with torch.no_grad():
                logp = logits.log_softmax(-1)
                entropy = -(logp.exp() * logp).sum()
            sums = torch.stack([x.float() for x in (weights.sum(), entropy, scored.sum(), inputs["attention_mask"].sum())])
            total, entropy, count, seen = self.accelerator.reduce(sums, "sum")  # over all processes
            if mode == "train":
                self._total_train_tokens += int(seen)
            self._metrics[mode]["entropy"].append((entropy / count).item())
            self._metrics[mode]["num_tokens"] = [self._total_train_tokens]
            # Gradients are averaged over the processes, losses too.
            loss = (weights * each).sum() / total * self.accelerator.num_processes
            return (loss, outputs) if return_outputs else loss

    return Weighed


def trainer(job: dict):
    from datasets import Dataset
    from transformers import AutoTokenizer, EarlyStoppingCallback
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    recipe = job["recipe"]
    tokenizer = AutoTokenizer.from_pretrained(job["model"])
    data = Dataset.from_list(rows(job, tokenizer, "data.jsonl"))
    held = Dataset.from_list(rows(job, tokenizer, "eval.jsonl")) if os.path.exists(at("eval.jsonl")) else None
    model, lora = policy(job)
    common = arguments(job)
    parts = dict(model=model, train_dataset=data, eval_dataset=held, processing_class=tokenizer, peft_config=lora, callbacks=[metrics_callback(job)])
    if held is not None and recipe.get("patience"):
        parts["callbacks"].append(EarlyStoppingCallback(early_stopping_patience=recipe["patience"]))
    if recipe["kind"] == "sft":
        base = weighed(SFTTrainer, **recipe["opening"]) if recipe.get("opening") else SFTTrainer
        return as_told(base, job["rates"])(args=SFTConfig(**common), **parts)
    kinds = [recipe["loss"]] if isinstance(recipe["loss"], str) else recipe["loss"]
    weights = recipe.get("lossWeights") or [1.0] * len(kinds)
    if recipe["nll"] > 0:
        kinds, weights = kinds + ["sft"], weights + [recipe["nll"]]
    config = DPOConfig(
        **common, loss_type=kinds, loss_weights=weights, beta=recipe["beta"], label_smoothing=recipe["labelSmoothing"],
        disable_dropout=recipe["dropout"] == 0,
        # Of the longer chosen answer only as much is compared as the rejected one has (LD-DPO without its tail); `sft` reads it all.
        ld_alpha=0.0 if job.get("nllTokens") else None,
    )
    work = as_told(DPOTrainer, job["rates"])(args=config, **parts)
    # TRL takes a copy of a given adapter for the reference; without that copy it is the model without adapter.
    if job["reference"] == "base" and "ref" in getattr(work.model, "peft_config", {}):
        work.model.delete_adapter("ref")
    return work


def newest_checkpoint():
    from transformers.trainer_utils import get_last_checkpoint

    return get_last_checkpoint(at("checkpoints")) if os.path.isdir(at("checkpoints")) else None


def main() -> None:
    with open(at("job.json")) as file:
        job = json.load(file)
    if os.path.isdir(at(job["model"])):  # weights that came with the job
        job["model"] = at(job["model"])
    quiet(job)
    work = trainer(job)
    work.train(resume_from_checkpoint=newest_checkpoint())
    work.accelerator.wait_for_everyone()
    work.save_model(at("adapter"))
    if RANK == 0:
        with open(at("adapter", "adapter_model.safetensors"), "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        write("done.json", {"steps": work.state.global_step, "sha256": digest})


try:
    main()
except BaseException as error:
    stopped = isinstance(error, (KeyboardInterrupt, SystemExit)) and not getattr(error, "code", None)
    if not stopped:  # whichever process is first: its death ends the others
        write("failed.json", {"error": str(error) or type(error).__name__})
    traceback.print_exc()
    sys.exit(1)
