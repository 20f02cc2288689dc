"""Things side by side."""

import re

from kb.catalogue.records import Figure
from kb.catalogue.units import label_of, unit_of
from kb.chat.evidence import Desk, Section
from kb.chat.sections.knowing import LABELS, define, figure_value
from kb.chat.sections.knowing import spec as figures_of
from kb.chat.wording import fmt, money
from kb.tools.compare_devices.tool import ComparedDevice

_PART_KEYS = (
    "cores", "threads", "boost_clock_ghz", "l3_cache_mb", "memory_bandwidth_gb_per_s", "pcie_lanes", "tdp_w", "socket",
    "power_w", "efficiency_rating", "sequential_read_mb_per_s", "endurance_tbw", "pcie_x16_slots", "dimm_slots",
    "bandwidth_gb_per_s_per_direction", "line_rate_gbit_per_s", "bits_per_weight", "bits_per_weight_file",
    "bits_per_weight_file_small", "quality_percent", "params_total", "params_active", "num_hidden_layers",
    "num_key_value_heads", "max_position_embeddings", "stated_total_usd", "formats", "platforms", "cpu_offload",
    "multi_user",
)  # fmt: skip


def compare(desk: Desk) -> list[Section]:
    question = desk.question
    devices = [thing for thing in question.devices if thing.match.kind != "cpus"]
    if len(devices) > 1:
        return _devices(desk, [match.slug for thing in devices for match in thing.candidates[:4]])
    groups = (question.devices, question.others, question.quantizations, question.models)
    records = [thing for group in groups for thing in group]
    if len(records) > 1 and len({thing.match.kind for thing in records}) == 1:
        return _records(desk)
    if len(question.terms) + len(records) > 1:
        return define(desk)
    return figures_of(desk)


def _devices(desk: Desk, slugs: list[str]) -> list[Section]:
    for thing in desk.question.devices:
        desk.about(thing.match.kind, thing.match.slug)
    result, mark = desk.call("compare_devices", devices=slugs[:8])
    columns = result.devices
    ranked = sorted(
        (column for column in columns if column.memory_bandwidth_gb_per_s),
        key=lambda column: -(column.memory_bandwidth_gb_per_s or 0),
    )
    if len(ranked) > 1:
        first, last = ranked[0], ranked[-1]
        ratio = (first.memory_bandwidth_gb_per_s or 0) / (last.memory_bandwidth_gb_per_s or 1)
        verdict = (
            f"**{first.name} reads its memory {ratio:.2f} times as fast as {last.name}**, and generates text about as "
            f"much faster where the model fits both. {mark}"
        )
    else:
        verdict = f"**Side by side**: {mark}"
    rows: list[tuple[str, list[str]]] = [
        ("memory", [_cell(column.memory_gib, "GiB") for column in columns]),
        ("memory bandwidth", [_bandwidth(column) for column in columns]),
        ("FP16, dense", [_cell(column.fp16_dense_tflops, "TFLOPS") for column in columns]),
        ("TDP", [_cell(column.tdp_w, "W") for column in columns]),
        ("bandwidth per watt", [_cell(column.gb_per_s_per_watt, "GB/s") for column in columns]),
        ("price", [_price(column) for column in columns]),
        ("price per GiB", [_dollars(column.usd_per_gib) for column in columns]),
    ]
    section = Section(verdict)
    rated = sorted((c for c in columns if c.fp16_dense_tflops), key=lambda c: -(c.fp16_dense_tflops or 0))
    if re.search(r"prompt|prefill|process", desk.question.text, re.I) and len(rated) > 1:
        section.lines.append(
            f"Prompts are processed at the rate of compute, not of memory: there {rated[0].name} leads with "
            f"{fmt(rated[0].fp16_dense_tflops or 0)} TFLOPS {mark}"
        )
    elif re.search(r"prompt|prefill", desk.question.text, re.I):
        section.lines.append(f"Prompt processing goes by compute; the FP16 rate of only one is in the sources {mark}")
    for label, cells in rows:
        if any(cell != "not in the sources" for cell in cells):
            pairs = "; ".join(f"{column.name}: {cell}" for column, cell in zip(columns, cells, strict=True))
            section.lines.append(f"{label}: {pairs} {mark}")
    return [section]


def _cell(value: float | None, unit: str) -> str:
    return "not in the sources" if value is None else f"{fmt(value)} {unit}"


def _bandwidth(column: ComparedDevice) -> str:
    each = f" on each of {column.gpus} GPUs" if column.gpus > 1 else ""
    return _cell(column.memory_bandwidth_gb_per_s, "GB/s") + each


def _dollars(value: float | None) -> str:
    return "not in the sources" if value is None else f"${fmt(value)}"


def _price(column: ComparedDevice) -> str:
    price = column.price_usd
    if price is None:
        return "not in the sources"
    shown = money(price[0], "USD") if price[0] == price[1] else f"{money(price[0], 'USD')} to {money(price[1], 'USD')}"
    priced = column.price_memory_gib
    size = f", with {fmt(priced)} GB" if priced and priced != column.memory_gib else ""
    return f"{shown} ({column.price_kind}, {column.price_as_of}{size})"


def _records(desk: Desk) -> list[Section]:
    question = desk.question
    things = (*question.devices, *question.others, *question.quantizations, *question.models)
    records = [desk.index.known.specs[thing.match.kind][thing.match.slug] for thing in things[:4]]
    for record in records:
        desk.about(record.kind, record.slug)
    section = Section(f"**{' and '.join(record.name for record in records)}, side by side:**")
    for record in records:
        section.lines.append(f"{record.name}: {record.summary} {desk.spec(record)}")
    for key in _PART_KEYS:
        cells = []
        for record in records:
            figure = getattr(record, key, None)
            if isinstance(figure, Figure):
                text = f"{record.name} {figure_value(key, figure.value)} {unit_of(key)}".strip()
                cells.append(f"{text} {desk.figure(record, key, figure, f'{label_of(key)}: {text}')}")
        if len(cells) > 1:
            section.lines.append(f"{LABELS.get(key) or label_of(key)}: {'; '.join(cells)}")
    return [section]
