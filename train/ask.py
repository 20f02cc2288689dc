"""Questions as people type them, each with the call that answers it."""

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kb.catalogue.records import Spec
from kb.chat.quantities import WORDS_TO_COUNT
from kb.chat.question import DEFAULT_QUANTIZATION
from kb.search.intents import IN_WORDS, expanded, read_ways_to_ask, slots_of
from kb.search.live import Index
from kb.tools import TOOLS
from train.names import (
    AMOUNTS,
    BOARDS,
    CONTEXTS,
    DECIMALS,
    DRIVES,
    EXACT,
    LINKS,
    MISSPELLED,
    QUANTIZATIONS,
    WHOLE_NUMBERS,
    invented_device,
    invented_model,
    invented_term,
)

_WORDS = {WORDS_TO_COUNT[word]: word for word in ("two", "three", "four", "five", "six", "eight")}


@dataclass(frozen=True)
class Asked:
    """A question, and the call that a planner should make; ``answer`` and ``abstain`` have no arguments."""

    text: str
    tool: str
    arguments: Mapping[str, Any]

    @property
    def call(self) -> str:
        """The call on one line, as the engine constrains it."""
        planned: dict[str, Any] = {"tool": self.tool}
        if self.tool in TOOLS:
            planned["arguments"] = dict(self.arguments)
        return json.dumps(planned, separators=(",", ":"), ensure_ascii=False)


def read_phrases(name: str) -> Any:
    return yaml.safe_load((Path(__file__).parent / name).read_text(encoding="utf-8"))


class Asker:
    """Draws questions over the catalogue.

    ``invented`` is the share of names that are made up, so that names are read and not learned.
    """

    def __init__(self, index: Index, rng: random.Random, invented: float = 0.3) -> None:
        self._rng, self._invented = rng, invented
        self._templates = {**read_ways_to_ask(Path(__file__).parent.parent), **read_phrases("premises.yaml")}
        specs = index.known.specs
        self._models = [_called(record) for record in specs["models"].values()]
        self._devices = [_called(record) for kind in ("accelerators", "machines") for record in specs[kind].values()]
        self._cpus = [_called(record) for record in specs["cpus"].values()]
        self._terms = [(term.pref_label, *term.alt_labels) for term in index.known.terms.values()]
        self._specs = [_called(record) for records in specs.values() for record in records.values()]

    @property
    def tools(self) -> list[str]:
        return list(self._templates)

    def ask(self, tool: str) -> Asked:
        template = expanded(self._rng.choice(self._templates[tool]), self._rng)
        values: dict[str, Any] = {}
        shown: dict[str, str] = {}
        for slot in slots_of(template):
            value, text = self._fill(slot.removesuffix(IN_WORDS))
            values[slot.removesuffix(IN_WORDS)] = value
            shown[slot] = _WORDS.get(value, text) if slot.endswith(IN_WORDS) else text
        text = self._sloppy(template.format(**shown))
        # What is typed in other letters is copied as it is typed.
        typed = {key: self._as_typed(value, text) for key, value in values.items()}
        return Asked(text, tool, self._arguments(tool, typed, text) if tool in TOOLS else {})

    def _as_typed(self, value: Any, text: str) -> Any:
        if not isinstance(value, str):
            return value
        at = text.lower().find(value.lower())
        return text[at : at + len(value)] if at >= 0 else value

    def _sloppy(self, text: str) -> str:
        if self._rng.random() < 0.35:
            text = text.lower()
        if self._rng.random() < 0.3:
            text = text.rstrip("?.")
        if self._rng.random() < 0.15:
            text = self._rng.choice(("hi, ", "hello! ", "quick question: ", "hey, ", "so ", "please: ")) + text
        if self._rng.random() < 0.1:
            text += self._rng.choice((" thanks", " thx", " please", " I'm new to this", " (newbie here)"))
        if self._rng.random() < 0.1:
            words = text.split()
            place = self._rng.randrange(len(words))
            if words[place].isalpha() and len(words[place]) > 4 and words[place].lower() in MISSPELLED:
                letters = list(words[place])
                at = self._rng.randrange(1, len(letters) - 1)
                letters[at], letters[at - 1] = letters[at - 1], letters[at]
                words[place] = "".join(letters)
            text = " ".join(words)
        return text

    def _fill(self, slot: str) -> tuple[Any, str]:
        """The argument's value, and how it is typed."""
        rng = self._rng
        match slot:
            case "model":
                name = self._name(self._models, invented_model)
            case "device" | "device_2" | "accelerator":
                name = self._name(self._devices, invented_device)
            case "cpu":
                name = self._name(self._cpus, invented_device)
            case "spec":
                name = self._name(self._specs, invented_device)
            case "name":
                name = self._name(self._terms, invented_term)
            case "quantization":
                name = rng.choice(QUANTIZATIONS)
            case "platform":
                name = rng.choice(BOARDS)
            case "drive":
                name = rng.choice(DRIVES)
            case "link":
                name = rng.choice(LINKS)
            case "kv_cache_type":
                name = rng.choice(("q8_0", "q4_0", "f16"))
            case "method":
                name = rng.choice(("qlora", "lora", "QLoRA", "LoRA"))
            case _:
                return self._number(slot)
        return name, name

    def _name(self, names: list[tuple[str, ...]], invent: Any) -> str:
        if self._rng.random() < self._invented:
            made: str = invent(self._rng)
            return made
        return self._rng.choice(self._rng.choice(names))

    def _number(self, slot: str) -> tuple[float, str]:
        rng = self._rng
        value: float
        if slot == "context":
            if rng.random() < 0.5:
                short = rng.choice(list(CONTEXTS))
                return CONTEXTS[short], rng.choice((short, short.upper()))
            value = rng.choice((*CONTEXTS.values(), 10000, 20000, 100000, 40960, rng.randrange(600, 90000)))
            return value, rng.choice((str(value), f"{value:,}"))
        if slot in WHOLE_NUMBERS:
            value = rng.choice(WHOLE_NUMBERS[slot])
            if rng.random() < 0.2 and slot not in EXACT:
                value = rng.randrange(2, 2 * int(value) + 2)
            return value, str(value)
        if slot in ("budget_usd", "purchase"):
            value = rng.choice((*AMOUNTS, rng.randrange(3, 200) * 100))
            return value, rng.choice((str(value), f"{value:,}"))
        low, high = DECIMALS[slot]
        drawn = rng.uniform(low, high)
        text = f"{round(drawn, 2):g}" if high < 10 else str(round(drawn))
        return (float(text) if "." in text else int(text)), text

    def _arguments(self, tool: str, values: dict[str, Any], text: str) -> dict[str, Any]:
        """The values under the tool's own names, in its schema's order."""
        given = dict(values)
        if tool in ("check_fit", "estimate_speed", "max_context"):
            given.setdefault("quantization", DEFAULT_QUANTIZATION)
        if tool == "compare_devices":
            given = {"devices": [given["device"], given["device_2"]]}
        if tool == "check_pcie_lanes":
            count, device = given.pop("device_count", None), given.pop("device")
            written = next((w for w in (f"{count}x {device}", f"{count} {device}") if w in text), None)
            given["devices"] = [written or (f"{count}x {device}" if count else device)]
        if tool in ("recommend_hardware", "plan_build") and "model" in given:
            given["models"] = [given.pop("model")]
        if tool == "estimate_training_memory" and "method" in given:
            given["method"] = given["method"].lower()
        if "spec" in given:
            given["name"] = given.pop("spec")
        if tool == "plan_build" and "accelerator_count" not in given and "accelerator" in given:
            given["accelerator_count"] = 1
        if tool == "recommend_hardware" and re.search("quiet|silent", text, re.I):
            given["quiet"] = True
        order = list(TOOLS[tool].input_model.model_fields)
        return {key: given[key] for key in sorted(given, key=order.index)}


def _called(record: Spec) -> tuple[str, ...]:
    """What people call a record: its name, its name without the maker's words, and its aliases."""
    name = record.name
    short = re.sub(r"^(?:GeForce|Radeon|NVIDIA|AMD|Apple|Intel|Meta) ", "", name)
    return tuple(dict.fromkeys((name, short, short, *record.aliases[:3], *record.ambiguous_aliases[:1])))
