"""The task of bench/peers/calls.ts for Inspect: one message a sample, scored by looking for a word, or by a judge that is called."""

from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import includes, model_graded_qa
from inspect_ai.solver import generate


@task
def calls(file: str, judge: str = "", connections: int = 100) -> Task:
    """`judge`: its address."""
    scorer = includes()
    if judge:
        config = GenerateConfig(max_connections=connections, temperature=0, max_tokens=64)
        scorer = model_graded_qa(model=get_model("openai-api/bench/judge", base_url=judge, api_key="none", config=config))
    return Task(dataset=json_dataset(file), solver=generate(), scorer=scorer)
