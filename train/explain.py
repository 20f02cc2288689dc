"""Explanations for composed answers, drawn from the phrases: what the model learns to write."""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kb.calc.results import Range
from kb.chat.compose import Composed
from kb.chat.question import Question
from kb.chat.reply import ToolCall
from kb.chat.wording import fmt, joined
from kb.index.live import Index
from kb.records import Term
from train.ask import expanded, read_phrases, slots_of

Slots = dict[str, str]


@dataclass(frozen=True)
class Topic:
    """One thing to explain: the class of phrases, and what their slots are filled with."""

    name: str
    slots: Mapping[str, str]
    also: tuple[str, ...] = ()


Builder = Callable[[Mapping[str, Any], Slots, Composed, int], Topic | None]
"""From a call's result, the slots known so far, the answer, and the call's place in it."""


class Explainer:
    """Writes an explanation over a composed answer, each time in other words."""

    def __init__(self, index: Index, rng: random.Random) -> None:
        self._index, self._rng = index, rng
        self._phrases: dict[str, dict[str, list[str]]] = {
            **read_phrases("phrases_calculated.yaml"),
            **read_phrases("phrases_told.yaml"),
        }

    def explain(self, question: Question, composed: Composed) -> list[str]:
        """Sentences; those whose figures do not stand in the evidence are for the caller to drop."""
        topics = list(self._topics(question, composed))
        if not topics:
            return []
        shares = (3, 2) if len(topics) > 1 else (self._rng.choice((3, 4, 4, 5)),)
        said: list[str] = []
        for topic, most in zip(topics[:2], shares, strict=False):
            said += [sentence for sentence in self._said(topic, most) if sentence not in said]
        return said

    def _said(self, topic: Topic, most: int) -> list[str]:
        phrases = self._phrases[topic.name]
        wanted: list[str] = []
        moves = [move for move in phrases if move not in ("gist",)]
        for move in moves:
            fitting = [p for p in phrases[move] if all(slot in topic.slots for slot in slots_of(p))]
            count = 2 if move == "why" and most > 3 and self._rng.random() < 0.5 else 1
            wanted += self._rng.sample(fitting, min(count, len(fitting)))
        for name in topic.also:
            if self._rng.random() < 0.6:
                wanted.append(self._rng.choice(self._phrases[name]["also"]))
        return [self._filled(phrase, topic.slots) for phrase in wanted][:most]

    def _filled(self, phrase: str, slots: Mapping[str, str]) -> str:
        text = expanded(phrase, self._rng).format(**slots)
        text = re.sub(r"\s+([.,;:])", r"\1", text)
        return text[0].upper() + text[1:]

    def _topics(self, question: Question, composed: Composed) -> Iterator[Topic]:
        for claim in question.claims:
            if composed.parts and composed.parts[0].startswith("**The "):
                yield Topic(f"correction.{claim.key}", {})
                break
        seen: set[str] = set()
        for position, call in enumerate(composed.tool_calls):
            topic = _of_call(composed, position, call)
            if topic and topic.name not in seen and not _is_follow_up(composed.tool_calls, position):
                seen.add(topic.name)
                yield topic
        if seen:
            return
        if "supports" in question.intents and question.devices:
            yield Topic("supports.no" if "not natively" in composed.text else "supports.yes", {"m": "[1]"})
        elif "disputes" in question.intents:
            yield Topic("dispute", {})
        elif question.intents[:1] == ("spec",):
            keys = [key for key in question.figure_keys if f"spec.{key}" in self._phrases]
            yield Topic(f"spec.{keys[0]}" if keys else "spec.any", {})
        else:
            yield from self._told(composed)

    def _told(self, composed: Composed) -> Iterator[Topic]:
        terms = [citation for citation in composed.citations if citation.term]
        if terms and terms[0].id == 1:
            term = self._index.known.terms[terms[0].term or ""]
            group = term_group(self._index, term)
            yield Topic("term", self._term_slots(term, group))
            yield Topic(f"term.{group}", {})
        elif any(citation.passage_id for citation in composed.citations):
            yield Topic("passages", {})
        if any(citation.dispute for citation in composed.citations):
            yield Topic("dispute", {})

    def _term_slots(self, term: Term, group: str) -> Slots:
        terms = self._index.known.terms
        slots = {"term": term.pref_label, "gist": self._rng.choice(self._phrases[f"term.{group}"]["gist"])}
        if term.broader:
            slots["broader"] = terms[term.broader[0]].pref_label
        related = [terms[slug].pref_label for slug in term.related[:2] if slug in terms]
        if related:
            slots["related"] = joined(related)
        return slots


def _is_follow_up(calls: Sequence[ToolCall], position: int) -> bool:
    """A second look that belongs to the call before it: more cards, a smaller type."""
    name = calls[position].name
    before = [call.name for call in calls[:position]]
    return (name == "best_quantization" and "check_fit" in before) or name in before


def _mark(composed: Composed, call: ToolCall) -> str:
    given = (str(v.get("name", "")) if isinstance(v, dict) else str(v) for v in call.arguments.values())
    title = f"{call.name}: {', '.join(given)}"
    return next((f"[{c.id}]" for c in composed.citations if c.tool == call.name and c.title == title), "")


def _of_call(composed: Composed, position: int, call: ToolCall) -> Topic | None:
    result, mark = call.result, _mark(composed, call)
    slots: Slots = {key: str(result[key]) for key in ("device", "model") if isinstance(result.get(key), str)}
    if isinstance(result.get("quantization"), str):
        slots["quant"] = result["quantization"]
    slots["m"] = mark
    builder = _BUILDERS.get(call.name)
    return builder(result, slots, composed, position) if builder else None


def _sum_parts(formula: str) -> Slots:
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


def _fit(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic:
    slots |= _sum_parts(result["formula"])
    slots |= {"need": fmt(result["required_gb"]), "have": fmt(result["available_gb"])}
    parts = result["breakdown"]
    slots |= dict.fromkeys(_true_of(result, parts["weights_gb"], parts["kv_cache_gb"]), "")
    verdict = result["verdict"]
    if verdict == "fits":
        slots |= {"left": fmt(result["headroom_gb"]), "longest": f"{result['max_context']:,}"}
        tight = result["headroom_gb"] < 0.06 * result["available_gb"]
        return Topic("fit.yes.tight" if tight else "fit.yes", slots, _kinds(result))
    if result["offload"]:
        slots["host"] = fmt(result["offload"]["weights_in_system_memory_gb"])
        slots["percent"] = fmt(result["offload"]["weights_offloaded_percent"])
    for other in composed.tool_calls[position + 1 :]:
        if other.name == "best_quantization" and other.result["best"] and "mb" not in slots:
            slots |= {"best": other.result["best"], "mb": _mark(composed, other)}
        if other.name == "check_fit" and other.result["verdict"] == "fits" and "mm" not in slots:
            slots |= {"more": other.result["device"], "mm": _mark(composed, other)}
    return Topic("fit.offload" if verdict == "fits_with_offload" else "fit.no", slots, _kinds(result))


def _true_of(result: Mapping[str, Any], weights_gb: float, cache_gb: float) -> Iterator[str]:
    """Empty slots: a phrase that begins with one is said only where it is true."""
    have = result["available_gb"]
    if weights_gb > 0.97 * have:
        yield "heavy"
    elif cache_gb > weights_gb:
        yield "cachy"
    else:
        yield "near"
    yield "shared" if any("shared" in text or "unified" in text for text in result["assumptions"]) else "separate"


def _speed(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic | None:
    if result["verdict"] == "does_not_fit":
        return None
    decode = Range(**result["decode_tokens_per_s"])
    slots |= {
        "typical": fmt(decode.typical), "low": fmt(decode.low), "high": fmt(decode.high),
        "ceiling": fmt(result["ceiling_tokens_per_s"]), "ttft": fmt(result["time_to_first_token_s"]),
        "bottleneck": result["bottleneck"],
    }  # fmt: skip
    starts = {"system memory": "speed.offload", "compute": "speed.compute", "fixed": "speed.fixed"}
    name = next((kind for start, kind in starts.items() if result["bottleneck"].startswith(start)), "speed.bandwidth")
    return Topic(name, slots, _kinds(result))


def _memory(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic:
    need = result["needs"][-1]
    slots |= {
        "quant": need["quantization"], "weights": fmt(need["weights_gb"]), "cache": fmt(need["kv_cache_gb"]),
        "total": fmt(need["total_gb"]), "gib": fmt(need["total_gib"]),
    }  # fmt: skip
    return Topic("memory", slots)


def _context(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic:
    slots |= {"cache": f"{result['kv_cache_gb_at_max']:.2f}"}
    if result["model_limit"]:
        slots["limit"] = f"{result['model_limit']:,}"
    kinds = {"memory": "max_context", "model": "max_context.model", "weights": "max_context.none"}
    return Topic(kinds[result["limited_by"]], slots, _kinds(result))


def _best(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic:
    if not result["best"]:
        return Topic("best_quantization.none", slots)
    choice = next(c for c in result["choices"] if c["quantization"] == result["best"])
    slots |= {"best": result["best"], "need": fmt(choice["required_gb"])}
    return Topic("best_quantization.lossy" if result["warnings"] else "best_quantization", slots, _kinds(result))


def _runs(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic | None:
    if not result["models"]:
        return None
    return Topic("what_runs", slots | {"first": result["models"][0]["model"]}, _kinds(result))


def _users(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic:
    return Topic("kv_cache", slots | {"per_token": fmt(result["kb_per_token"])})


def _supply(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic:
    added = result["formula"].partition(" = ")[0]
    return Topic(
        "power_supply",
        slots | {"psu": fmt(result["recommended_psu_w"]), "wall": fmt(result["wall_w"]), "formula_sum": added},
    )


def _energy(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic:
    found = re.search(r"About ([^*]+?) a year", composed.text)
    slots |= {"kwh": f"{result['kwh_per_year']:,.0f}"}
    return Topic("power_cost", slots | ({"cost": found[1]} if found else {}))


def _simple(name: str, **keys: str) -> Builder:
    """A class whose slots are plain values of the result."""

    def build(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic:
        for slot, key in keys.items():
            value = result.get(key)
            if isinstance(value, (int, float)):
                slots[slot] = fmt(value)
            elif isinstance(value, str):
                slots[slot] = value
        return Topic(name, slots)

    return build


def _compare(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic:
    found = re.search(r"\*\*(.+?) reads its memory ([\d.]+) times", composed.text)
    return Topic("compare", slots | ({"fast": found[1], "ratio": found[2]} if found else {}))


def _choices(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic | None:
    if not result["choices"]:
        return None
    return Topic("recommend", slots | {"first": result["choices"][0]["hardware"]})


def _transfer(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic:
    took = re.search(r"About ([\d.,]+ (?:s|µs)) over", composed.text)
    return Topic("transfer", slots | {"link": result["link"]} | ({"seconds": took[1]} if took else {}))


def _parts(result: Mapping[str, Any], slots: Slots, composed: Composed, position: int) -> Topic:
    total = re.search(r": (\$[\d,]+ to \$[\d,]+) in all", composed.text)
    return Topic("build", slots | ({"low_high": total[1]} if total else {}))


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
    """Which phrases explain a term: by its slug within the wide topics, else by the topic."""
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
