"""The task of bench/peers/calls.ts for Inspect: one message a sample, scored by looking for a word."""

from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import includes
from inspect_ai.solver import generate


@task
def calls(file: str) -> Task:
    return Task(dataset=json_dataset(file), solver=generate(), scorer=includes())
