"""What a device holds: which models, how many users, a number format, a training run."""

from itertools import product
from typing import Any

from kb.catalogue.records import Quantization
from kb.chat.evidence import Desk, Section
from kb.chat.sections.fitting import (
    DEFAULT_CONTEXT,
    bandwidth_known,
    cases,
    defaults_taken,
    device_name,
    model_name,
    nameless,
    shared_arguments,
    stated_memory,
    subjects,
    together,
)
from kb.chat.wording import fmt
from kb.tools import TOOLS
from kb.tools.shared.fitting import format_warnings
from kb.tools.shared.resolve import DeviceArgument, resolve_devices

SHOWN_MODELS = (
    "qwen3-235b-a22b", "gpt-oss-120b", "llama-3-1-70b", "qwen3-next-80b-a3b", "qwen2-5-32b", "qwen3-32b",
    "qwen3-30b-a3b", "gemma-3-27b", "mistral-small-24b", "gpt-oss-20b", "qwen2-5-14b", "phi-4", "gemma-3-12b",
    "llama-3-1-8b", "qwen3-8b", "mistral-7b", "gemma-3-4b", "llama-3-2-3b", "llama-3-2-1b",
)  # fmt: skip
"""Models that stand for their size, the largest first."""


def max_users(desk: Desk) -> list[Section]:
    """How many conversations of this length the devices hold at once."""
    sections = []
    subjects(desk)
    for model, quantization, device, count in cases(desk):
        arguments = {"model": model, "quantization": quantization, "device": device, "device_count": count}
        given = arguments | {key: value for key, value in shared_arguments(desk).items() if value is not None}

        def fits(users: int, given: dict[str, Any] = given) -> bool:
            return bool(TOOLS["check_fit"].call(desk.index, given | {"concurrency": users}).verdict == "fits")

        low, high = 0, 4096
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(middle) else (low, middle - 1)
        result, mark = desk.call("check_fit", **(given | {"concurrency": max(low, 1)}))
        what = f"{result.model} at {result.quantization} on {result.device}"
        tokens = given.get("context", DEFAULT_CONTEXT)
        if low:
            section = Section(f"**{low:,} conversations of {tokens:,} tokens at once** fit: {what}. {mark}")
            if bandwidth_known(device):
                speed, speed_mark = desk.call("estimate_speed", **(given | {"concurrency": low}))
                each = fmt(speed.decode_tokens_per_s.typical)
                section.lines.append(f"Each would then get about {each} tokens/s {speed_mark}")
        else:
            section = Section(f"**Not even one fits whole**: {what}. {mark}")
        section.lines.insert(0, f"Memory: {result.formula} {mark}")
        section.notes = [*defaults_taken(desk), "memory alone sets this number; answers get slower with every user"]
        sections.append(section)
    return sections


def supports(desk: Desk) -> list[Section]:
    """Whether a device runs a number format natively."""
    sections = []
    subjects(desk)
    for thing, wanted in product(desk.question.devices[:3], desk.question.quantizations[:2]):
        record = desk.index.known.specs["quantizations"][wanted.match.slug]
        assert isinstance(record, Quantization)
        device = resolve_devices(desk.index, thing.match.slug).each
        figure = record.native_architectures
        if figure is None:
            sections.append(Section(f"{record.name} needs no special hardware: {record.summary} {desk.spec(record)}"))
            continue
        mark = desk.figure(record, "native_architectures", figure, f"native on {', '.join(figure.value)}")
        warnings = list(format_warnings(record, device))
        verdict = (
            f"**No, not natively.** {warnings[0]}"
            if warnings
            else f"**Yes**: {device.name} runs {record.name} natively"
        )
        sections.append(Section(f"{verdict}. {mark}"))
    return sections


def what_runs(desk: Desk) -> list[Section]:
    sections = []
    subjects(desk)
    devices: list[tuple[DeviceArgument, int]] = [
        (match.slug if thing.ambiguous else device_name(thing), thing.count)
        for thing in desk.question.devices[:2]
        for match in thing.candidates[:3]
    ]
    if desk.question.together:
        devices = [(together(desk.question.devices), 1)]
    if not devices and (unnamed := nameless(desk.question)):
        devices = [(unnamed, 1)]
    for device, count in devices:
        quantization = desk.question.quantizations[0].match.slug if desk.question.quantizations else None
        result, mark = desk.call(
            "what_runs_on", device=device, device_count=count, context=desk.question.context,
            quantization=quantization, models=SHOWN_MODELS, limit=8, system_memory_gb=stated_memory(desk.question),
        )  # fmt: skip
        if result.models:
            first = result.models[0]
            verdict = f"**{result.device} holds models up to {first.model}** whole at {first.quantization}. {mark}"
        else:
            verdict = f"**None of the common models fits whole on {result.device}** at 4 bits or more. {mark}"
        section = Section(verdict)
        for entry in result.models:
            fast = f", about {fmt(entry.decode_tokens_per_s.typical)} tokens/s" if entry.decode_tokens_per_s else ""
            section.lines.append(f"{entry.model} at {entry.quantization}: {fmt(entry.required_gb)} GB{fast} {mark}")
        section.notes = [*result.assumptions]
        sections.append(section)
    return sections


def training(desk: Desk) -> list[Section]:
    sections = []
    subjects(desk)
    method = desk.question.training_method
    for thing in desk.question.models[:2]:
        methods = (method,) if method else ("qlora", "lora", "full")
        section, needed = Section(""), 0.0
        for chosen in methods:
            result, mark = desk.call(
                "estimate_training_memory", model=model_name(thing), method=chosen,
                batch_size=desk.question.batch_size, sequence_length=desk.question.context,
            )  # fmt: skip
            label = {"qlora": "QLoRA", "lora": "LoRA", "full": "full fine-tuning"}[chosen]
            if not section.verdict:
                needed = result.total_gib
                section.verdict = (
                    f"**Fine-tuning {result.model} with {label} takes about {fmt(result.total_gb)} GB** "
                    f"({fmt(result.total_gib)} GiB). {mark}"
                )
            section.lines.append(f"{label}: {result.formula} {mark}")
            section.notes = [*result.assumptions]
        for device in desk.question.devices[:2]:
            record = desk.index.known.specs[device.match.kind][device.match.slug]
            figure = getattr(record, "memory_gib", None)
            if figure is not None:
                size = figure.value * device.count
                name = record.name if device.count == 1 else f"{device.count}× {record.name}"
                enough = (
                    "holds that"
                    if size >= needed * 1.1
                    else "is too tight for that"
                    if size >= needed
                    else "is too small"
                )
                shown = f"{name} has {fmt(size)} GiB, which {enough}"
                section.lines.insert(0, f"{shown} {desk.figure(record, 'memory_gib', figure, shown)}")
                if method or len(methods) == 1:
                    answer = "Yes" if size >= needed * 1.1 else "Barely" if size >= needed else "No"
                    section.verdict = f"**{answer}.** {section.verdict}"
        sections.append(section)
    return sections
