"""What a model of this project's own is told of an answer: the case, and its values by name.

Sentences of the composed answer are for people and large models; a small one reads short lines that say which value is
which. It writes nothing that is not in them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kb.calc.results import Range
from kb.catalogue.records import Term
from kb.chat.compose import Composed
from kb.chat.question import Question
from kb.chat.reply import ToolCall
from kb.chat.wording import fmt
from kb.search.live import Index

Values = dict[str, str]

_NUMBER = re.compile(r"\d[\d.,]*")
EXPLAINED_FIGURES = ("memory_gib", "memory_bandwidth_gb_per_s", "tdp_w", "fp16_dense_tflops", "price", "nvlink")
"""Figures of a record of which there is something to say; of the others only that they have a source."""


@dataclass(frozen=True)
class Facts:
    """One thing to explain: the ``case``, with further ``traits`` of it, and its ``values``, without units.

    A value that is empty is a condition that holds.
    """

    case: str
    values: Mapping[str, str]
    traits: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """
        >>> Facts("fit.no", {"need": "45.2", "heavy": ""}, ("moe",)).text
        'fit.no moe\\nneed: 45.2\\nheavy'
        """
        lines = (f"{name}: {value}" if value else name for name, value in self.values.items())
        return "\n".join((" ".join((self.case, *self.traits)), *lines))


def facts(index: Index, question: Question, composed: Composed) -> list[Facts]:
    """The first two things to explain, with the values that stand in the answer's evidence."""
    numbers = _numbers(" ".join((*composed.evidence, composed.trusted)))
    return [
        Facts(one.case, {k: v for k, v in one.values.items() if _numbers(v) <= numbers}, one.traits)
        for one in list(_cases(index, question, composed))[:2]
    ]


def _numbers(text: str) -> set[str]:
    return {number.rstrip(".,") for number in _NUMBER.findall(text)}


Builder = Callable[[Mapping[str, Any], Values, Composed, int], Facts | None]
"""From a call's result, the values known so far, the answer, and the call's place in it."""


def _cases(index: Index, question: Question, composed: Composed) -> Iterator[Facts]:
    for claim in question.claims:
        if composed.parts and composed.parts[0].startswith("**The "):
            yield Facts(f"correction.{claim.key}", {})
            break
    seen: set[str] = set()
    for position, call in enumerate(composed.tool_calls):
        one = _of_call(composed, position, call)
        if one and one.case not in seen and not _is_follow_up(composed.tool_calls, position):
            seen.add(one.case)
            yield one
    if seen:
        return
    if "supports" in question.intents and question.devices:
        yield Facts("supports.no" if "not natively" in composed.text else "supports.yes", {"m": "[1]"})
    elif "disputes" in question.intents:
        yield Facts("dispute", {})
    elif question.intents[:1] == ("spec",):
        keys = [key for key in question.figure_keys if key in EXPLAINED_FIGURES]
        yield Facts(f"spec.{keys[0]}" if keys else "spec.any", {})
    else:
        yield from _told(index, question, composed)


def _told(index: Index, question: Question, composed: Composed) -> Iterator[Facts]:
    known = index.known.terms
    terms = [citation for citation in composed.citations if citation.term]
    if terms and terms[0].id == 1:
        yield Facts(f"term.{term_group(index, known[terms[0].term or ''])}", {})
    elif any(citation.passage_id for citation in composed.citations):
        asked = [match.slug for thing in question.terms for match in thing.candidates if match.slug in known]
        if asked:
            yield Facts(f"term.{term_group(index, known[asked[0]])}", {})
        elif not question.models and not question.devices:
            yield Facts("passages", {})
    if any(citation.dispute for citation in composed.citations):
        yield Facts("dispute", {})


def _is_follow_up(calls: Sequence[ToolCall], position: int) -> bool:
    """A second look that belongs to the call before it: more cards, a smaller type."""
    name = calls[position].name
    before = [call.name for call in calls[:position]]
    return (name == "best_quantization" and "check_fit" in before) or name in before


def _mark(composed: Composed, call: ToolCall) -> str:
    given = (str(v.get("name", "")) if isinstance(v, dict) else str(v) for v in call.arguments.values())
    title = f"{call.name}: {', '.join(given)}"
    return next((f"[{c.id}]" for c in composed.citations if c.tool == call.name and c.title == title), "")


def _of_call(composed: Composed, position: int, call: ToolCall) -> Facts | None:
    result, mark = call.result, _mark(composed, call)
    values: Values = {key: str(result[key]) for key in ("device", "model") if isinstance(result.get(key), str)}
    if values.get("device", "").startswith("a "):  # what is only described has no name to be called by
        values["device"] = "this device"
    if isinstance(result.get("quantization"), str):
        values["quant"] = result["quantization"]
    values["m"] = mark
    builder = _BUILDERS.get(call.name)
    return builder(result, values, composed, position) if builder else None


def _sum_parts(formula: str) -> Values:
    found = {}
    for key, words in (("weights", "GB weights"), ("cache", "GB KV cache")):
        if part := re.search(rf"([\d.,]+) {words}", formula):
            found[key] = part[1]
    return found


def _kinds(result: Mapping[str, Any]) -> tuple[str, ...]:
    text = " ".join((*result.get("assumptions", ()), str(result.get("formula", ""))))
    also = []
    if re.search(r"expert", text):
        also.append("moe")
    if str(result.get("device", ""))[:3] in ("2× ", "3× ", "4× ", "8× "):
        also.append("several")
    if re.search(r"unified|shared with the system|shares", text):
        also.append("unified")
    return tuple(also)


def _fit(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts:
    values |= _sum_parts(result["formula"])
    values |= {"need": fmt(result["required_gb"]), "have": fmt(result["available_gb"])}
    parts = result["breakdown"]
    values |= dict.fromkeys(_true_of(result, parts["weights_gb"], parts["kv_cache_gb"]), "")
    verdict = result["verdict"]
    if verdict == "fits":
        values |= {"left": fmt(result["headroom_gb"]), "longest": f"{result['max_context']:,}"}
        tight = result["headroom_gb"] < 0.06 * result["available_gb"]
        return Facts("fit.yes.tight" if tight else "fit.yes", values, _kinds(result))
    if result["offload"]:
        values["host"] = fmt(result["offload"]["weights_in_system_memory_gb"])
        values["percent"] = fmt(result["offload"]["weights_offloaded_percent"])
    for other in composed.tool_calls[position + 1 :]:
        if other.name == "best_quantization" and other.result["best"] and "mb" not in values:
            values |= {"best": other.result["best"], "mb": _mark(composed, other)}
        if other.name == "check_fit" and other.result["verdict"] == "fits" and "mm" not in values:
            values |= {"more": other.result["device"], "mm": _mark(composed, other)}
    return Facts("fit.offload" if verdict == "fits_with_offload" else "fit.no", values, _kinds(result))


def _true_of(result: Mapping[str, Any], weights_gb: float, cache_gb: float) -> Iterator[str]:
    """Empty values: a phrase that begins with one is said only where it is true."""
    have = result["available_gb"]
    if weights_gb > 0.97 * have:
        yield "heavy"
    elif cache_gb > weights_gb:
        yield "cachy"
    else:
        yield "near"
    yield "shared" if any("shared" in text or "unified" in text for text in result["assumptions"]) else "separate"


def _speed(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts | None:
    if result["verdict"] == "does_not_fit":
        return None
    decode = Range(**result["decode_tokens_per_s"])
    values |= {"typical": fmt(decode.typical), "low": fmt(decode.low), "high": fmt(decode.high)}
    if not result["ceiling_conditions"]:  # what is said of it is that nothing is faster
        values["ceiling"] = fmt(result["ceiling_tokens_per_s"])
    values |= {"ttft": fmt(result["time_to_first_token_s"]), "bottleneck": result["bottleneck"]}
    starts = {"system memory": "speed.offload", "compute": "speed.compute", "fixed": "speed.fixed"}
    name = next((kind for start, kind in starts.items() if result["bottleneck"].startswith(start)), "speed.bandwidth")
    return Facts(name, values, _kinds(result))


def _memory(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts:
    need = result["needs"][-1]
    values |= {
        "quant": need["quantization"], "weights": fmt(need["weights_gb"]), "cache": fmt(need["kv_cache_gb"]),
        "total": fmt(need["total_gb"]), "gib": fmt(need["total_gib"]),
    }  # fmt: skip
    return Facts("memory", values)


def _context(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts:
    values |= {"cache": f"{result['kv_cache_gb_at_max']:.2f}"}
    if result["limited_by"] == "model":
        values["limit"] = f"{result['model_limit']:,}"
    kinds = {"memory": "max_context", "model": "max_context.model", "weights": "max_context.none"}
    return Facts(kinds[result["limited_by"]], values, _kinds(result))


def _best(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts:
    if not result["best"]:
        return Facts("best_quantization.none", values)
    choice = next(c for c in result["choices"] if c["quantization"] == result["best"])
    values |= {"best": result["best"], "need": fmt(choice["required_gb"])}
    return Facts("best_quantization.lossy" if result["warnings"] else "best_quantization", values, _kinds(result))


def _runs(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts | None:
    if not result["models"]:
        return None
    return Facts("what_runs", values | {"first": result["models"][0]["model"]}, _kinds(result))


def _users(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts:
    return Facts("kv_cache", values | {"per_token": fmt(result["kb_per_token"])})


def _supply(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts:
    added = result["formula"].partition(" = ")[0]
    return Facts(
        "power_supply",
        values | {"psu": fmt(result["recommended_psu_w"]), "wall": fmt(result["wall_w"]), "formula_sum": added},
    )


def _energy(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts:
    found = re.search(r"About ([^*]{1,80}?) a year", composed.text)
    values |= {"kwh": f"{result['kwh_per_year']:,.0f}"}
    return Facts("power_cost", values | ({"cost": found[1]} if found else {}))


def _simple(name: str, **keys: str) -> Builder:
    """A class whose values are plain values of the result."""

    def build(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts:
        for slot, key in keys.items():
            value = result.get(key)
            if isinstance(value, (int, float)):
                values[slot] = fmt(value)
            elif isinstance(value, str):
                values[slot] = value
        return Facts(name, values)

    return build


def _compare(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts:
    found = re.search(r"\*\*([^*]{1,120}) reads its memory ([\d.]+) times", composed.text)
    return Facts("compare", values | ({"fast": found[1], "ratio": found[2]} if found else {}))


def _choices(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts | None:
    if not result["choices"]:
        return None
    of_a_model = "models" in composed.tool_calls[position].arguments
    return Facts("recommend", values | ({"first": result["choices"][0]["hardware"]} if of_a_model else {}))


def _transfer(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts:
    took = re.search(r"About ([\d.,]+ (?:s|µs)) over", composed.text)
    return Facts("transfer", values | {"link": result["link"]} | ({"seconds": took[1]} if took else {}))


def _parts(result: Mapping[str, Any], values: Values, composed: Composed, position: int) -> Facts:
    total = re.search(r": (\$[\d,]+ to \$[\d,]+) in all", composed.text)
    return Facts("build", values | ({"low_high": total[1]} if total else {}))


_BUILDERS: Mapping[str, Builder] = {
    "check_pcie_lanes": _simple("lanes"),
    "plan_build": _parts,
    "check_fit": _fit,
    "estimate_speed": _speed,
    "estimate_memory": _memory,
    "max_context": _context,
    "best_quantization": _best,
    "what_runs_on": _runs,
    "kv_cache_size": _users,
    "size_power_supply": _supply,
    "estimate_power_cost": _energy,
    "estimate_load_time": _simple("load_time", seconds="seconds"),
    "estimate_transfer_time": _transfer,
    "estimate_training_memory": _simple("training", total="total_gb"),
    "rent_or_buy": _simple("rent_or_buy", hours="break_even_hours"),
    "compare_devices": _compare,
    "recommend_hardware": _choices,
}

_GROUPS = (
    ("bandwidth", r"bandwidth|gddr|hbm|memory-channels|latency$"),
    ("memory", r"vram|\bram\b|memory|gigabyte|cache|swap|dimm|ddr|ecc"),
    ("storage", r"ssd|nvme|hdd|raid|sata|m2-slot|endurance|model-loading"),
    ("model", r"llm|parameters|mixture|dense-model|transformer|attention|gqa|mqa|mla|distill|open-weights|embedding"),
    ("gpu", r"gpu|cuda-cores|tensor-cores|stream|tflops|tops|accelerator|sparsity|soc|npu|tpu|rtx|radeon|instinct|arc"),
    ("cpu", r"cpu|cores|clock|socket|hedt|xeon|epyc|threadripper|ryzen|zen|core-ultra|arrow-lake"),
    ("format", r"fp\d|bf16|tf32|int\d|float|microscaling|mxfp|nvfp|full-precision|mixed-precision"),
)
_BY_TOPIC = {
    "precision": "quantization", "inference": "inference", "computer": "gpu", "machines": "machine", "power": "power",
    "software": "software", "networks": "network", "data": "data", "training": "training",
}  # fmt: skip
_SPLIT_TOPICS = ("computer", "inference", "machines", "precision")


def term_group(index: Index, term: Term) -> str:
    """What a term is about: by its slug within the wide topics, else by the topic."""
    if term.topic in _SPLIT_TOPICS:
        allowed = {
            "precision": ("format",), "inference": ("bandwidth", "memory", "model", "storage"),
            "machines": ("gpu", "cpu"),
            "computer": ("bandwidth", "memory", "storage", "gpu", "cpu"),
        }[term.topic]  # fmt: skip
        for group, pattern in _GROUPS:
            if group in allowed and re.search(pattern, term.slug):
                return group
    return _BY_TOPIC[term.topic]
