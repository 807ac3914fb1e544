"""Adapters across tools.

    pip install torch transformers peft gguf xllamacpp
    python bench/parity/adapters.py golden test/fixtures/tiny      # what test/engine/export.test.ts compares with
    node bench/parity/adapters.ts OUT && python bench/parity/adapters.py verify OUT    # what temper wrote, in their tools

`golden` wants adapter/ from trl.py and adds rslora/, patterns/ (other kinds of scale), adapter.gguf and adapters.json.
"""
import json
import os
import sys

import numpy as np
import peft
import tiny
import torch
from gguf import GGUFWriter
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPT = "the weather is "


def logprobs(model, tokens) -> list[float]:
    """Log-probability of each token but the first."""
    with torch.no_grad():
        scores = model(torch.tensor([tokens])).logits[0, :-1].log_softmax(-1)
    return [scores[i, token].item() for i, token in enumerate(tokens[1:])]


def fill(model) -> None:
    generator = torch.Generator().manual_seed(17)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)


def save(directory: str, config: LoraConfig) -> None:
    model = peft.get_peft_model(tiny.model(), config)
    fill(model)
    model.save_pretrained(directory)
    os.remove(os.path.join(directory, "README.md"))
    os.chmod(os.path.join(directory, "adapter_model.safetensors"), 0o644)


def write_gguf_adapter(path: str, adapted) -> None:
    writer = GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    for name, parameter in adapted.named_parameters():
        if "lora_" not in name:
            continue
        _, _, _, _, layer, rest = name.split(".", 5)
        module, half = rest.replace(".default.weight", "").rsplit(".lora_", 1)
        data = parameter.detach().numpy()
        if half == "B" and module.endswith(("q_proj", "k_proj")):
            data = tiny.permute(data, 4 if module.endswith("q_proj") else 2)
        writer.add_tensor(f"blk.{layer}.{tiny.BLOCK[module]}.weight.lora_{half.lower()}", np.ascontiguousarray(data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def golden(out: str) -> None:
    save(os.path.join(out, "rslora"), LoraConfig(r=4, lora_alpha=3, use_rslora=True, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM"))
    save(os.path.join(out, "patterns"), LoraConfig(
        r=2, lora_alpha=3, target_modules=["q_proj", "k_proj", "up_proj"], task_type="CAUSAL_LM",
        rank_pattern={"q_proj": 4, "layers.1.self_attn.k_proj": 1}, alpha_pattern={"up_proj": 5, "0.self_attn.q_proj": 6},
    ))
    tokens = tiny.tokenizer()(PROMPT)["input_ids"] + list(range(3, 250, 19))
    rows = {name: logprobs(PeftModel.from_pretrained(tiny.model(), os.path.join(out, name)).eval(), tokens) for name in ("adapter", "rslora", "patterns")}
    adapted = PeftModel.from_pretrained(tiny.model(), os.path.join(out, "adapter"))
    write_gguf_adapter(os.path.join(out, "adapter.gguf"), adapted)
    merged = adapted.merge_and_unload().state_dict()
    weights = {name: [float(f"{x:.7g}") for x in tensor.flatten()[:: max(1, tensor.numel() // 5)].tolist()] for name, tensor in merged.items() if "proj" in name}
    with open(os.path.join(out, "adapters.json"), "w") as f:
        json.dump({"peft": peft.__version__, "tokens": tokens, "logprobs": rows, "merged": weights}, f, separators=(",", ":"))


def greedy_llama_cpp(model: str, adapter: str, prompts: list[str], count: int) -> list[str]:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(adapter, 1.0)]
    params.n_ctx = 256
    params.n_parallel = 1
    params.warmup = False
    server = xllamacpp.Server(params)
    ask = lambda prompt: server.handle_completions({"prompt": prompt, "max_tokens": count, "temperature": 0, "top_k": 1, "cache_prompt": False})
    return [ask(prompt)["choices"][0]["text"] for prompt in prompts]


def tie(model, before: list[int], tokens: list[int]) -> int:
    """The first place of a greedy answer where another token is within 1e-2 of the one chosen: llama.cpp keeps keys and values in float16."""
    with torch.no_grad():
        scores = model(torch.tensor([before + tokens])).logits[0, len(before) - 1 : -1]
    best = scores.topk(2).values
    close = (best[:, 0] - best[:, 1] < 1e-2).nonzero().flatten()
    return int(close[0]) if len(close) else len(tokens)


def verify(out: str) -> None:
    with open(os.path.join(out, "temper.json")) as f:
        ours = json.load(f)
    worst = {}
    difference = lambda model: max(abs(a - b) for a, b in zip(logprobs(model.eval(), ours["tokens"]), ours["logprobs"]))
    adapted = PeftModel.from_pretrained(tiny.model(), os.path.join(out, "adapter")).eval()
    worst["peft"] = difference(adapted)
    merged = AutoModelForCausalLM.from_pretrained(os.path.join(out, "merged"), dtype=torch.float32)
    worst["merged in transformers"] = difference(merged)
    fast = AutoTokenizer.from_pretrained(os.path.join(out, "merged"))
    same = [fast.apply_chat_template(row["messages"], add_generation_prompt=True, return_dict=False) == row["tokens"] for row in ours["chats"]]
    worst["chats of other tokens"] = same.count(False)
    for name, value in worst.items():
        print(f"{name}: {value:.2e}")
    rows = ours["greedy"]
    texts = greedy_llama_cpp(os.path.join(out, "model.gguf"), os.path.join(out, "adapter.gguf"), [row["prompt"] for row in rows], ours["count"])
    others = [(row, text) for row, text in zip(rows, texts, strict=True) if text != row["text"]]
    print(f"greedy text in llama.cpp: {len(rows) - len(others)} of {len(rows)} the same")
    for row, text in others:
        print(f"after a tie at token {tie(adapted, row['before'], row['tokens'])}: {text!r} for {row['text']!r}")
        sure = fast.decode(row["tokens"][: tie(adapted, row["before"], row["tokens"])])
        assert text.startswith(sure.rstrip("\ufffd")) and sure != row["text"], "greedy text of llama.cpp"
    assert max(worst.values()) < 1e-4


{"golden": golden, "verify": verify}[sys.argv[1]](sys.argv[2])
