"""Definitions, figures of records, disputes."""

import re
from typing import Any

from kb.catalogue.names import Match
from kb.catalogue.records import Build, Dispute, Figure, LanguageModel, Price, Spec, Term
from kb.catalogue.units import label_of, unit_of
from kb.chat.evidence import Desk, Section
from kb.chat.question import MEANT, Question
from kb.chat.sections.telling import told
from kb.chat.wording import first_paragraph, first_sentences, fmt, one_line, plain, price_text
from kb.search.build import GLOSSARY
from kb.search.searcher import ABSTAIN_BELOW_COSINE, Findings

MAIN_FIGURES = (
    "memory_gib", "memory_type", "memory_bandwidth_gb_per_s", "architecture", "cuda_cores", "gpu_cores", "cores",
    "threads", "fp16_dense_tflops", "fp4_sparse_tflops", "tdp_w", "power_w", "nvlink", "l3_cache_mb", "pcie_lanes",
    "socket", "params_total", "params_active", "num_hidden_layers", "max_position_embeddings", "bits_per_weight",
    "bits_per_weight_file", "quality_percent", "capacity_tb", "sequential_read_mb_per_s", "endurance_tbw",
    "efficiency_rating", "warranty_years", "capacity_gib", "mt_per_s", "bandwidth_gb_per_s_per_direction",
    "bandwidth_gb_per_s_both_directions", "line_rate_gbit_per_s", "pcie_x16_slots", "max_memory_gib", "networking",
    "formats", "platforms", "features", "stated_total_usd", "headline_price_usd", "concurrent_users", "circuit",
    "suits",
)  # fmt: skip
MOST_FIGURES = 9
_ASKING = re.compile(
    r"\b(?:what|whats|what's|is|are|was|do|does|did|an?|the|you|i|me|we|it|they|in|of|for|to|and|or|hey|hi|hello|please|pls|"
    r"tell|about|explain|explained|define|definition|describe|mean|means|meaning|stand|stands|know|understand|exactly|"
    r"actually|simply|simple|words?|terms?|difference|between|vs|versus|compare|why|how|matter|matters|work|works|can|could|"
    r"would|give|gimme|quick|short|newbie|here|so|s)\b|[^\w]+", re.I
)  # fmt: skip
ONE_PER_VARIANT = ("capacity_tb", "endurance_tbw", "storage_tb", "memory_options_gib")
LABELS = {
    "bits_per_weight_file": "bits per weight of a 70B file",
    "bits_per_weight_file_small": "bits per weight of an 8B file",
    "params_total": "parameters",
    "params_active": "active parameters",
    "num_hidden_layers": "layers",
    "num_key_value_heads": "KV heads",
    "max_position_embeddings": "longest context",
    "stated_total_usd": "total as the document prints it",
    "headline_price_usd": "price range of the document's heading",
}
RELATED_KEYS = {
    "power_w": ("tdp_w", "max_power_w", "suited_to_w"),
    "tdp_w": ("power_w", "max_power_w"),
    "cores": ("cuda_cores", "gpu_cores", "cpu_cores", "stream_processors", "performance_cores", "efficiency_cores"),
    "cuda_cores": ("stream_processors", "gpu_cores"),
    "fp4_sparse_tflops": ("fp4_dense_tflops", "fp8_dense_tflops"),
    "fp16_dense_tflops": ("fp16_fp16acc_dense_tflops", "fp16_sparse_tflops", "fp32_tflops", "fp8_dense_tflops"),
    "memory_bandwidth_gb_per_s": ("bandwidth_gb_per_s_per_direction", "bandwidth_gb_per_s_both_directions",
                                  "line_rate_gbit_per_s"),
    "bits_per_weight": ("bits_per_weight_file", "bits_per_weight_file_small"),
    "memory_gib": ("memory_options_gib", "capacity_gib", "total_vram_gib"),
    "nvlink": ("nvlink_gb_per_s",),
    "pcie_lanes": ("usable_pcie_lanes", "chipset_pcie_lanes", "pcie_generation", "max_gpus_x16"),
    "efficiency_rating": ("peak_efficiency_percent",),
    "price": (),
}  # fmt: skip


def figure_text(key: str, figure: Figure[Any]) -> str:
    """``memory bandwidth: 1,792 GB/s``, with the date where it ages and a note where there is one."""
    label, unit = LABELS.get(key) or label_of(key), unit_of(key)
    value = figure.value
    text = f"{label}: {figure_value(key, value)} {unit}".strip().replace(" GiB", " GB (GiB)")
    extra = [figure.note] if figure.note and len(figure.note) < 120 else []
    extra += [f"as of {figure.as_of}"] if figure.as_of else []
    return f"{text} ({'; '.join(extra)})" if extra else text


def figure_value(key: str, value: Any) -> str:
    """A figure's value as words and digits, without its unit."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        return "; ".join(value)
    if isinstance(value, tuple):
        between = " to " if len(value) == 2 and key not in ONE_PER_VARIANT else ", "
        return between.join(_number(key, item) for item in value)
    return _number(key, value)


def _number(key: str, value: float) -> str:
    if key.startswith("params_") and value >= 1e6:
        return f"{value / 1e9:.4g} billion"
    if isinstance(value, int) or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.4g}" if "bits_per_weight" in key else f"{value:,.5g}"


def spec(desk: Desk) -> list[Section]:
    """The figures that are asked for, of each record that is named."""
    question = desk.question
    things = (*question.devices, *question.others, *question.models, *question.quantizations)
    if question.figure_keys == ("price",) and "recommend" in question.intents:
        # The price of hardware is asked for, not of the model it is to run.
        things = (*question.devices, *question.others)
    sections = []
    for thing in things[:4]:
        for match in thing.candidates[:3]:
            record = desk.index.known.specs[match.kind][match.slug]
            desk.about(match.kind, match.slug)
            sections.append(_asked_figures(desk, record, question.figure_keys))
    return sections


def _asked_figures(desk: Desk, record: Spec, keys: tuple[str, ...]) -> Section:
    known = dict(record.figures())
    asked: list[str] = []
    for key in keys:
        if key in known:
            asked.append(key)
        asked += [other for other in RELATED_KEYS.get(key, ()) if other in known and (key not in known or other != key)]
    asked = list(dict.fromkeys(asked))
    lines = [_figure_line(desk, record, key, known[key]) for key in asked]
    if "price" in keys:
        lines = [_price_line(desk, record, price) for price in record.prices] + lines
        if not record.prices and not isinstance(record, Build):
            lines.append(f"no price of it is in the sources {desk.spec(record)}")
    if isinstance(record, Build) and ("price" in keys or not lines):
        totals = [key for key in ("headline_price_usd", "stated_total_usd") if key in known]
        lines += [_figure_line(desk, record, key, known[key]) for key in totals]
        lines += _parts(desk, record)
    if "endurance_tbw" in asked and "capacity_tb" in known:
        lines.append(_figure_line(desk, record, "capacity_tb", known["capacity_tb"]))
    if not lines:
        return _summary(desk, record)
    head, rest = lines[0], lines[1:]
    return Section(f"**{record.name}**: {head}", rest)


def _figure_line(desk: Desk, record: Spec, key: str, figure: Figure[Any]) -> str:
    text = figure_text(key, figure)
    disputed = desk.disputes_of_figure(record, key)
    mark = desk.figure(record, key, figure, f"{record.name}: {text}")
    return f"{text} {mark}" + (f", disputed {desk.dispute(disputed[0])}" if disputed else "")


def _price_line(desk: Desk, record: Spec, price: Price) -> str:
    text = f"price: {price_text(price)}"
    return f"{text} {desk.spec(record, text)}"


def _summary(desk: Desk, record: Spec) -> Section:
    """What a record is: its sentence, main figures and prices."""
    known = dict(record.figures())
    section = Section(f"**{record.name}**: {plain(record.summary)} {desk.spec(record)}")
    keys = [key for key in MAIN_FIGURES if key in known][:MOST_FIGURES]
    section.lines = [_figure_line(desk, record, key, known[key]) for key in keys]
    section.lines += [_price_line(desk, record, price) for price in record.prices[:4]]
    if isinstance(record, LanguageModel) and record.files:
        sizes = [
            f"{desk.index.known.specs['quantizations'][file.quantization].name} {fmt(file.size_bytes / 1e9)} GB"
            for file in record.files
            if file.quantization in ("q4_k_m", "q8_0", "mxfp4", "f16")
        ]
        if sizes:
            text = f"file sizes: {', '.join(sizes)}"
            section.lines.append(f"{text} {desk.spec(record, text)}")
    if isinstance(record, Build):
        section.lines += _parts(desk, record)
    return section


def _parts(desk: Desk, record: Build) -> list[str]:
    lines = []
    low = high = 0.0
    for part in record.parts:
        price = part.price_usd if isinstance(part.price_usd, tuple) else (part.price_usd, part.price_usd)
        low, high = low + price[0], high + price[1]
        shown = f"${price[0]:,.0f}" + (f" to ${price[1]:,.0f}" if price[1] != price[0] else "")
        text = f"{part.component}: {part.selection}, {shown}"
        lines.append(f"{text} {desk.spec(record)}")
    if lines:
        date = f", as of {record.price_as_of}" if record.price_as_of else ""
        lines.append(f"sum of the parts: ${low:,.0f} to ${high:,.0f}{date} {desk.spec(record)}")
        number = int(desk.spec(record).strip("[]"))
        desk.texts[number] = " ".join((record.summary, *lines))
    return lines


def define(desk: Desk) -> list[Section]:
    """What each thing named is: terms first, then records that no term explains.

    Where the question asks more than what a thing is, what the documents say about it comes first.
    """
    question = desk.question
    plain_definition = _only_asks_what_it_is(question)
    passages: list[Section] = []
    if not plain_definition:
        findings = desk.index.searcher.search(question.text, 8)
        ours = question.devices or question.models or question.others or question.meant.get("define", 0.0) >= MEANT
        if not findings.reaches() and not ours:
            return []
        passages = _from_documents(desk, findings)
    sections: list[Section] = []
    explained: set[str] = set()
    for thing in question.terms[:3]:
        explained.add(thing.match.slug)
        sections.append(_definition(desk, desk.index.known.terms[thing.match.slug], whole=not passages))
    for thing in (*question.others, *question.devices, *question.quantizations, *question.models)[:3]:
        twin = _term_of(desk, thing.match)
        if twin is None and "spec" in question.intents:
            continue
        if twin is None:
            for match in thing.candidates[:3]:
                desk.about(match.kind, match.slug)
                sections.append(_summary(desk, desk.index.known.specs[match.kind][match.slug]))
        elif twin.slug not in explained:
            explained.add(twin.slug)
            sections.append(_definition(desk, twin, whole=not passages))
    return [*passages, *sections]


def _only_asks_what_it_is(question: Question) -> bool:
    """Whether nothing is left of the question when asking words and names are taken away."""
    left = question.text
    for thing in (*question.terms, *question.others, *question.devices, *question.quantizations, *question.models):
        left = left.replace(thing.name, " ")
    return not _ASKING.sub(" ", left).strip()


def _from_documents(desk: Desk, findings: Findings, most: int = 3) -> list[Section]:
    """What the documents say, where passages are near the question."""
    near = [
        hit.passage
        for hit in findings.hits
        if hit.passage.source != GLOSSARY
        and (dense := hit.rankers.get("dense")) is not None
        and dense.score >= ABSTAIN_BELOW_COSINE
    ]
    return told(desk, near[:most])


def _term_of(desk: Desk, match: Match) -> Term | None:
    """The term of the same slug: formats and engines have both a record and a definition."""
    return desk.index.known.terms.get(match.slug) or desk.index.known.terms.get(match.slug.replace("_", "-"))


def _definition(desk: Desk, term: Term, *, whole: bool = True) -> Section:
    mark = desk.term(term)
    desk.about("terms", term.slug)
    section = Section(f"**{term.pref_label}**: {first_paragraph(term.definition)} {mark}")
    if not whole:
        return section
    rest = term.definition.split("\n\n")[1:]
    if rest:
        section.lines.append(f"{first_sentences(' '.join(rest), 70)} {mark}")
    section.lines.append(f"In practice: {first_sentences(term.in_practice, 60)} {mark}")
    section.lines.append(f"Mind: {first_sentences(term.pitfalls, 50)} {mark}")
    for figure in term.figures[:4]:
        value = figure.value
        if isinstance(value, tuple):
            shown = f"{fmt(value[0])} to {fmt(value[1])}"
        else:
            shown = value if isinstance(value, str) else fmt(value)
        unit = f" {figure.unit}" if figure.unit else ""
        section.lines.append(f"{figure.label}: {shown}{unit} {mark}")
        number = int(mark.strip("[]"))
        desk.texts[number] += f" {figure.label}: {shown}{unit}."
    return section


def disputes(desk: Desk) -> list[Section]:
    """Named things' disputes, told in full."""
    question = desk.question
    for thing in (*question.devices, *question.models, *question.quantizations, *question.others, *question.terms):
        for match in thing.candidates:
            desk.about(match.kind, match.slug)
    about = {dispute.slug for dispute in desk.disputes_of_subjects()}
    ranked = [
        hit.passage.passage_id.removeprefix("dispute.")
        for hit in desk.index.searcher.search(question.text, 25).hits
        if hit.passage.passage_id.startswith("dispute.")
    ]
    chosen = [slug for slug in ranked if slug in about] or ranked[:1]
    if question.claims:
        # What was taken for granted has been put right already; only a dispute about that very figure adds to it.
        keys = tuple(f"#{claim.key}" for claim in question.claims)
        chosen = [slug for slug in chosen if any(t.endswith(keys) for t in desk.index.known.disputes[slug].about)]
    return [dispute_section(desk, desk.index.known.disputes[slug]) for slug in chosen[:2]]


def dispute_section(desk: Desk, dispute: Dispute) -> Section:
    mark = desk.dispute(dispute)
    desk.ruled.add(dispute.slug)
    section = Section(f"**{dispute.title}**: {one_line(dispute.ruling)} {mark}")
    for claim in dispute.claims[:4]:
        source = desk.index.known.sources[claim.source].title
        section.lines.append(f"“{source}” says: {one_line(claim.says)} {mark}")
    section.lines.append(f"Why: {one_line(dispute.reason)} {mark}")
    if dispute.arithmetic:
        section.lines.append(f"Arithmetic: {'; '.join(dispute.arithmetic)} {mark}")
    return section
