"""transformers on the work of bench/peers/peers.ts: `python hf.py generate MODEL_FOLDER PROMPTS NEW_TOKENS`, or `score MODEL_FOLDER
SEQUENCES`. Float32, CPU.

Prints one line: tokens a second and peak memory.
"""
import resource
import sys
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

work, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def prompt(i: int) -> str:
    return f"Explain in a few plain sentences, for a reader without any background, why number {i} is interesting."


@torch.inference_mode()
def generate(batch: int) -> tuple[int, float]:
    new = int(sys.argv[4])
    texts = [
        tokenizer.apply_chat_template([{"role": "user", "content": prompt(i)}], tokenize=False, add_generation_prompt=True)
        for i in range(count)
    ]
    made, start = 0, time.time()
    for i in range(0, len(texts), batch):
        inputs = tokenizer(texts[i : i + batch], return_tensors="pt", padding=True, add_special_tokens=False)
        out = model.generate(**inputs, max_new_tokens=new, min_new_tokens=new, do_sample=False, temperature=None, top_p=None, top_k=None)
        made += (out.shape[1] - inputs["input_ids"].shape[1]) * out.shape[0]
    return made, time.time() - start


@torch.inference_mode()
def score(batch: int) -> tuple[int, float]:
    ids = tokenizer(" ".join(f"word {i}" for i in range(200)), add_special_tokens=False).input_ids[:256]
    rows = torch.tensor([ids] * count)
    start = time.time()
    for i in range(0, len(rows), batch):
        part = rows[i : i + batch]
        logits = model(part, logits_to_keep=129).logits[:, :-1]
        logits.log_softmax(-1).gather(-1, part[:, 128:, None]).sum()
    return rows.numel(), time.time() - start


best = max((count / seconds, batch) for batch in ([64] if work == "generate" else [4, 16]) for count, seconds in [globals()[work](batch)])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(f"transformers {work}: {best[0]:.0f} tokens/s at batch {best[1]}, peak {peak:.2f} GB")
