"""How much memory a model needs, and its cache, wherever it runs."""

from itertools import product

from kb.chat.evidence import Desk, Section
from kb.chat.sections.fitting import MOST_CASES, model_name, subjects
from kb.chat.wording import fmt


def memory(desk: Desk) -> list[Section]:
    sections = []
    subjects(desk)
    question = desk.question
    quantizations: list[str | None] = [thing.match.slug for thing in question.quantizations]
    quantizations = quantizations or [None]
    models = [match.slug for thing in question.models for match in thing.candidates][:MOST_CASES]
    for model, quantization in product(models, quantizations[:MOST_CASES]):
        result, mark = desk.call(
            "estimate_memory", model=model, quantization=quantization, context=question.context,
            concurrency=question.users, kv_cache_type=question.kv_cache_type,
        )  # fmt: skip
        middle = result.needs[-1]
        section = Section(
            f"**{result.model} needs about {fmt(middle.total_gb)} GB ({fmt(middle.total_gib)} GiB) at "
            f"{middle.quantization}**, {fmt(middle.weights_gb)} GB of it weights. {mark}"
        )
        for need in result.needs if len(result.needs) > 1 else ():
            section.lines.append(
                f"{need.quantization}: {fmt(need.weights_gb)} GB of weights + {fmt(need.kv_cache_gb)} GB of KV cache + "
                f"buffers = {fmt(need.total_gb)} GB ({fmt(need.total_gib)} GiB) {mark}"
            )
        if len(result.needs) == 1:
            section.lines.append(f"KV cache at {result.context:,} tokens: {fmt(middle.kv_cache_gb)} GB {mark}")
            section.lines.append(f"Weights: {middle.how} {mark}")
        section.notes = [*result.assumptions]
        sections.append(section)
    return sections


def kv_cache(desk: Desk) -> list[Section]:
    sections = []
    subjects(desk)
    for thing in desk.question.models[:MOST_CASES]:
        result, mark = desk.call(
            "kv_cache_size", model=model_name(thing), context=desk.question.context,
            kv_cache_type=desk.question.kv_cache_type, concurrency=desk.question.users,
        )  # fmt: skip
        section = Section(
            f"**The KV cache of {result.model} takes {fmt(result.kv_cache_gb)} GB ({fmt(result.kv_cache_gib)} GiB)** "
            f"at {result.context:,} tokens. {mark}",
            [f"{result.formula} {mark}", f"{fmt(result.kb_per_token)} kB for each further token {mark}"],
        )
        section.notes = [*result.assumptions]
        sections.append(section)
    return sections
