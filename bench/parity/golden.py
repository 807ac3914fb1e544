"""Golden numbers for the engine's parity tests, from Hugging Face transformers on the same GGUF file.

    pip install torch transformers gguf
    python bench/parity/golden.py MODEL.gguf test/fixtures/parity.json

For each prompt: the chat-templated token ids, logits of the next token at 24 vocabulary ids, the log-probability of
a given continuation, and 24 greedy tokens. Float32, CPU.
"""
import json
import os
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = [
    "What is the capital of France?",
    "Write a short poem about the sea.",
    "Explain photosynthesis in two sentences.",
    "How do I boil an egg?",
    "List three primary colours.",
    "Translate 'good morning' into Spanish.",
    "What is 17 + 25?",
    "Give me a name for a grey cat.",
    "Why is the sky blue?",
    "Write a polite email that asks for a day off.",
    "What does HTTP 404 mean?",
    "Summarise the story of Cinderella.",
    "Hello!",
    "Is a tomato a fruit?\nAnswer yes or no.",
    "Écris une phrase en français: où est l'été?",
    "日本の首都はどこですか?",
    "def add(a, b):\n    return",
    "Count from 1 to 10, then say \"done\".",
    "I can't sleep. What might help me tonight, in your opinion?",
    "x" * 200,
]
COMPLETION = "Sure, here is a short answer."


def main() -> None:
    path, out = sys.argv[1], sys.argv[2]
    directory, name = os.path.split(os.path.abspath(path))
    tokenizer = AutoTokenizer.from_pretrained(directory, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(directory, gguf_file=name, dtype=torch.float32).eval()
    rows = []
    for prompt in PROMPTS:
        ids = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True, return_dict=False)
        completion = tokenizer(COMPLETION, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, -1]
            full = model(torch.tensor([ids + completion])).logits[0].log_softmax(-1)
            logp = sum(full[len(ids) - 1 + i, token].item() for i, token in enumerate(completion))
            generated = model.generate(
                torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                max_new_tokens=24, do_sample=False, pad_token_id=tokenizer.eos_token_id,
            )[0, len(ids):].tolist()
        probe = list(range(0, logits.shape[0], 4096))[:12] + logits.topk(12).indices.tolist()
        rows.append({
            "prompt": prompt, "ids": ids, "probe": probe, "logits": [round(logits[i].item(), 5) for i in probe],
            "completion": completion, "logp": round(logp, 5), "greedy": generated,
        })
    import transformers
    meta = {"model": name, "transformers": transformers.__version__, "torch": torch.__version__, "completionText": COMPLETION}
    with open(out, "w") as f:
        f.write(json.dumps({**meta, "rows": rows}, ensure_ascii=False, indent=None, separators=(",", ":")).replace('{"prompt"', '\n{"prompt"') + "\n")


main()
