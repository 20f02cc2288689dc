"""Does it fit, how fast, how long a context, which quantization, what else runs."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from kb.calc.memory.overhead import DEFAULT_SYSTEM_MEMORY_BYTES
from kb.catalogue.records import LanguageModel
from kb.catalogue.units import GIB
from kb.chat.evidence import Desk, Section
from kb.chat.patterns import HOW_MANY, MAC
from kb.chat.question import DEFAULT_QUANTIZATION, Question, Thing
from kb.chat.wording import fmt, joined, speed_range
from kb.tools import TOOLS
from kb.tools.given import DeviceFigures
from kb.tools.resolve import DeviceArgument, native_quantization, resolve_devices

DEFAULT_CONTEXT = 8192
MOST_CASES = 4
MOST_CARDS, MOST_CARDS_ASKED = 16, 64
"""How many cards are tried: as a way out, and where the question is how many."""


def device_name(thing: Thing) -> str:
    """What the tools take: the name as typed where it carries a memory size, else the slug."""
    return thing.name if thing.match.memory_gib is not None else thing.match.slug


def together(devices: Sequence[Thing]) -> str:
    """Unequal cards as one argument."""
    return " + ".join(f"{thing.count}x {thing.match.slug}" for thing in devices)


def model_name(thing: Thing) -> str:
    return thing.match.slug


def default_quantization(desk: Desk, model: str) -> str:
    """Q4_K_M, but MXFP4 for models that are published in it."""
    record = desk.index.known.specs["models"][model]
    return native_quantization(record) or DEFAULT_QUANTIZATION


def cases(desk: Desk) -> Iterator[tuple[str, str, DeviceArgument, int]]:
    """Each model, quantization and device that is meant, with the count; ambiguous names give all they may be."""
    question = desk.question
    named = [thing.match.slug for thing in question.quantizations]
    models = [match.slug for thing in question.models for match in thing.candidates]
    pairs = [(model, slug) for model in models for slug in named or [default_quantization(desk, model)]]
    devices: list[tuple[DeviceArgument, int]] = []
    if not question.devices and (unnamed := nameless(question)):
        devices.append((unnamed, 1))
    for thing in question.devices:
        if thing.ambiguous:
            devices += [(match.slug, thing.count) for match in thing.candidates]
        else:
            devices.append((device_name(thing), thing.count))
    if question.together:
        devices = [(together(question.devices), 1)]
    for number, ((model, quantization), (device, count)) in enumerate(product(pairs, devices)):
        if number < MOST_CASES:
            yield model, quantization, device, count


def nameless(question: Question) -> DeviceFigures | None:
    """A device of which only figures are known: a CPU with its system memory, a Mac, a card."""
    if question.cpu_bandwidth_gb_per_s is not None:
        bandwidth = question.cpu_bandwidth_gb_per_s
        memory = question.system_memory_gb or question.size_gb
        size = f"{memory:g} GB of memory" if memory else "memory"
        return DeviceFigures(
            name=f"a CPU with {size} at {bandwidth:g} GB/s", memory_gib=memory, memory_bandwidth_gb_per_s=bandwidth,
            bandwidth_assumed=bool(question.cpu_bandwidth_assumed), backend="cpu", unified_memory=True,
        )  # fmt: skip
    if question.vram_gib is None:
        return None
    mac = bool(MAC.search(question.text))
    return DeviceFigures(
        name=f"a {'Mac' if mac else 'device'} with {question.vram_gib:g} GB",
        memory_gib=question.vram_gib,
        backend="metal" if mac else "cuda",
        unified_memory=mac,
    )


def memory_known(desk: Desk, device: DeviceArgument) -> bool:
    """Not of a processor whose machine's memory nobody named."""
    return not resolve_devices(desk.index, device, 1, stated_memory(desk.question)).memory_asked


def stated_memory(question: Question) -> float | None:
    """System memory; beside a processor, any amount of memory is that."""
    is_cpu = any(thing.match.kind == "cpus" for thing in question.devices)
    return question.system_memory_gb or (question.size_gb if is_cpu else None)


def bandwidth_known(device: DeviceArgument) -> bool:
    return isinstance(device, str) or device.memory_bandwidth_gb_per_s is not None


def shared_arguments(desk: Desk) -> dict[str, Any]:
    question = desk.question
    return {
        "context": question.context or default_context(desk),
        "concurrency": question.users,
        "kv_cache_type": question.kv_cache_type,
        "system_memory_gb": stated_memory(question),
    }


def default_context(desk: Desk) -> int | None:
    """The usual length, or the model's own limit where that is shorter."""
    limits = [
        record.max_position_embeddings.value
        for thing in desk.question.models
        for match in thing.candidates
        if isinstance(record := desk.index.known.specs["models"][match.slug], LanguageModel)
        and record.max_position_embeddings
    ]
    return min([DEFAULT_CONTEXT, *limits])


def defaults_taken(desk: Desk) -> list[str]:
    notes = []
    if not desk.question.quantizations:
        taken = {default_quantization(desk, match.slug) for thing in desk.question.models for match in thing.candidates}
        names = " or ".join(desk.index.names.label("quantizations", slug) for slug in sorted(taken))
        notes.append(f"no quantization was named: {names} was taken, the common choice")
    if desk.question.context is None:
        notes.append(f"no context was named: {default_context(desk):,} tokens were taken")
    for thing in (*desk.question.models, *desk.question.devices):
        if thing.ambiguous:
            names = " or ".join(match.label for match in thing.candidates)
            notes.append(f"“{thing.name}” may mean {names}; each is answered")
    return notes


def subjects(desk: Desk) -> None:
    for thing in (*desk.question.models, *desk.question.devices, *desk.question.quantizations):
        for match in thing.candidates:
            desk.about(match.kind, match.slug)


def fit(desk: Desk) -> list[Section]:
    sections = []
    subjects(desk)
    for model, quantization, device, count in cases(desk):
        if not memory_known(desk, device):
            sections.append(_depends_on_memory(desk, model, quantization))
            continue
        result, mark = desk.call(
            "check_fit", model=model, quantization=quantization, device=device, device_count=count,
            **shared_arguments(desk),
        )  # fmt: skip
        verdict = _fit_verdict(result, mark, assumed_memory=stated_memory(desk.question) is None)
        if result.verdict != "fits" and isinstance(device, str) and HOW_MANY.search(desk.question.text):
            least, mark = _least_cards(desk, model, quantization, device, count)
            verdict = (
                f"**{least.device} hold {least.model} at {least.quantization} whole**, no fewer. {mark}"
                if least
                else verdict
            )
        section = Section(verdict, [f"Memory: {result.formula} {mark}"])
        if result.verdict == "fits":
            section.lines.append(f"Longest context that fits: {result.max_context:,} tokens {mark}")
        if result.offload:
            part = result.offload
            whole = f"{part.layers_on_device} of {part.layers_total} layers whole on the device"
            if part.experts_on_cpu_layers:
                whole = f"the experts of {part.experts_on_cpu_layers} of {part.layers_total} layers leave the device"
            section.lines.append(
                f"Split: {whole}, "
                f"{fmt(part.weights_in_system_memory_gb)} GB ({fmt(part.weights_offloaded_percent)} %) of the weights "
                f"in system memory {mark}"
            )
        if result.verdict != "fits":
            section.lines += _ways_out(desk, model, quantization, device, count)
        command = result.commands.llama_cpp if result.commands else None
        if command and result.verdict != "does_not_fit":
            section.lines.append(f"llama.cpp: `{command}` {mark}")
        section.notes = [*result.warnings, *result.assumptions]
        sections.append(section)
    if sections:
        sections[0].notes = [*defaults_taken(desk), *sections[0].notes]
    return sections


def _depends_on_memory(desk: Desk, model: str, quantization: str) -> Section:
    question = desk.question
    result, mark = desk.call(
        "estimate_memory", model=model, quantization=quantization, context=question.context,
        concurrency=question.users, kv_cache_type=question.kv_cache_type,
    )  # fmt: skip
    need = result.needs[0]
    verdict = (
        f"**That depends on the machine's memory, which was not named**: {result.model} at {need.quantization} needs "
        f"about {fmt(need.total_gb)} GB ({fmt(need.total_gib)} GiB) of it. {mark}"
    )
    return Section(verdict, [f"Memory: {result.formula} {mark}"], [*result.assumptions])


def _fit_verdict(result: Any, mark: str, *, assumed_memory: bool) -> str:
    what = f"{result.model} at {result.quantization}"
    needs = f"needs {fmt(result.required_gb)} GB and {result.device} has {fmt(result.available_gb)} GB"
    gib = result.available_gb * 1e9 / 2**30
    has = f"{needs} ({fmt(gib)} GiB)"
    if result.verdict == "fits":
        return f"**Yes, {what} fits on {result.device}**: it {has}, which leaves {fmt(result.headroom_gb)} GB. {mark}"
    if result.verdict == "fits_with_offload":
        assumed = (
            f" ({DEFAULT_SYSTEM_MEMORY_BYTES // GIB} GB of it assumed, as none was named)" if assumed_memory else ""
        )
        only = f"**Not wholly: {what} runs on {result.device} only with part of it in system memory**{assumed}."
        return f"{only} It {has}. {mark}"
    return f"**No, {what} does not fit on {result.device}.** It {has}. {mark}"


def _ways_out(desk: Desk, model: str, quantization: str, device: DeviceArgument, count: int) -> list[str]:
    """What would fit instead: more cards, or a smaller quantization."""
    lines = []
    least, mark = _least_cards(desk, model, quantization, device, count)
    if least:
        lines.append(f"{least.quantization} fits whole on {least.device} {mark}")
    best, mark = desk.call(
        "best_quantization", model=model, device=device, device_count=count, context=desk.question.context,
        system_memory_gb=stated_memory(desk.question),
    )  # fmt: skip
    if best.best:
        warning = f" ({best.warnings[0]})" if best.warnings else ""
        lines.append(f"Fits whole at {best.best}{warning} {mark}")
    return lines


def _least_cards(desk: Desk, model: str, quantization: str, device: DeviceArgument, count: int) -> tuple[Any, str]:
    """The fit on as many equal cards as are needed; None for what is no card, and where the most do not do."""
    cards = isinstance(device, str) and " + " not in device and desk.question.devices
    if not cards or desk.question.devices[0].match.kind != "accelerators":
        return None, ""
    arguments = {"model": model, "quantization": quantization, "device": device, **shared_arguments(desk)}
    given = {key: value for key, value in arguments.items() if value is not None}
    most = MOST_CARDS_ASKED if HOW_MANY.search(desk.question.text) else MOST_CARDS
    for more in range(max(2, count + 1), most + 1):
        if TOOLS["check_fit"].call(desk.index, given | {"device_count": more}).verdict == "fits":
            return desk.call("check_fit", **given, device_count=more)
    return None, ""


def speed(desk: Desk) -> list[Section]:
    sections = []
    subjects(desk)
    fitting = "fit" in desk.question.intents
    if not desk.question.devices and desk.question.cpu_bandwidth_gb_per_s is None:
        return [Section("A speed needs the device's name or its memory bandwidth; memory size alone does not tell it.")]
    for model, quantization, device, count in cases(desk):
        result, mark = desk.call(
            "estimate_speed", model=model, quantization=quantization, device=device, device_count=count,
            **shared_arguments(desk),
        )  # fmt: skip
        what = f"{result.model} at {result.quantization} on {result.device}"
        if result.verdict == "does_not_fit":
            if not fitting:
                sections.append(Section(f"**No speed to give: {what} does not fit.** {mark}", notes=[*result.warnings]))
            continue
        offloaded = ", part of it in system memory" if result.verdict == "fits_with_offload" else ""
        assumed = f", {desk.question.cpu_bandwidth_assumed}" if desk.question.cpu_bandwidth_assumed else ""
        section = Section(
            f"**About {fmt(result.decode_tokens_per_s.typical)} tokens/s** for {what}{offloaded}, with "
            f"{desk.question.context or default_context(desk):,} tokens of context{assumed}; likely between "
            f"{fmt(result.decode_tokens_per_s.low)} and {fmt(result.decode_tokens_per_s.high)} tokens/s. {mark}"
        )
        bound = (
            f"as long as {joined(result.ceiling_conditions)}"
            if result.ceiling_conditions
            else "which no software passes"
        )
        section.lines.append(f"Ceiling: {fmt(result.ceiling_tokens_per_s)} tokens/s, {bound} {mark}")
        section.lines.append(f"Limited by {result.bottleneck} {mark}")
        section.lines.append(f"Arithmetic: {result.formula} {mark}")
        if result.aggregate_tokens_per_s:
            section.lines.append(f"All users together: {speed_range(result.aggregate_tokens_per_s)} {mark}")
        section.lines.append(
            f"Prompt: {speed_range(result.prefill_tokens_per_s)}; first token after about "
            f"{fmt(result.time_to_first_token_s)} s for a prompt that fills the context {mark}"
        )
        if result.measured:
            section.lines.append(_measured(desk, result.measured))
        section.notes = [*result.warnings, *result.assumptions]
        sections.append(section)
    if sections and not fitting:
        sections[0].notes = [*defaults_taken(desk), *sections[0].notes]
    return sections


def _measured(desk: Desk, measured: Any) -> str:
    record = desk.index.known.specs["measurements"][measured.slug]
    value = measured.decode_tokens_per_s
    shown = f"{fmt(value)}" if not isinstance(value, tuple) else f"{fmt(value[0])} to {fmt(value[1])}"
    depth = f" at a depth of {measured.depth_tokens:,} tokens" if measured.depth_tokens else ""
    kind = f"with {measured.quantization}" if measured.quantization else "with a quantization that is not stated"
    text = f"Published: {shown} tokens/s {kind}{depth}"
    return f"{text} {desk.spec(record, text)}"


def max_context(desk: Desk) -> list[Section]:
    sections = []
    subjects(desk)
    for model, quantization, device, count in cases(desk):
        result, mark = desk.call(
            "max_context", model=model, quantization=quantization, device=device, device_count=count,
            kv_cache_type=desk.question.kv_cache_type, concurrency=desk.question.users,
            system_memory_gb=stated_memory(desk.question),
        )  # fmt: skip
        what = f"{result.model} at {result.quantization} on {result.device}"
        if result.max_context:
            verdict = f"**Up to {result.max_context:,} tokens of context** for {what}. {mark}"
        else:
            verdict = f"**No context at all: {what} does not fit whole.** {mark}"
        section = Section(verdict, [f"{result.formula} {mark}"])
        if result.model_limit:
            section.lines.append(f"The model itself reads at most {result.model_limit:,} tokens {mark}")
        section.notes = [*result.assumptions]
        sections.append(section)
    if sections and not desk.question.quantizations:
        sections[0].notes.insert(0, defaults_taken(desk)[0])
    return sections


def best_quantization(desk: Desk) -> list[Section]:
    sections = []
    subjects(desk)
    seen = set()
    for model, _, device, count in cases(desk):
        if (model, device) in seen:
            continue
        seen.add((model, device))
        result, mark = desk.call(
            "best_quantization", model=model, device=device, device_count=count, context=desk.question.context,
            concurrency=desk.question.users, kv_cache_type=desk.question.kv_cache_type,
            system_memory_gb=stated_memory(desk.question),
        )  # fmt: skip
        verdict = (
            f"**{result.best} is the largest that fits**: {result.model} on {result.device}. {mark}"
            if result.best
            else f"**None fits whole**: {result.model} on {result.device}. {mark}"
        )
        section = Section(verdict)
        fitting = [number for number, choice in enumerate(result.choices) if choice.verdict == "fits"]
        first = max(0, fitting[0] - 2) if fitting else len(result.choices) - 3
        for choice in result.choices[first : first + 5]:
            words = {"fits": "fits", "fits_with_offload": "only with offload", "does_not_fit": "does not fit"}
            section.lines.append(
                f"{choice.quantization}: needs {fmt(choice.required_gb)} GB, {words[choice.verdict]} {mark}"
            )
        section.notes = [*result.warnings, *result.assumptions]
        sections.append(section)
    return sections
