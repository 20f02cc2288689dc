"""Questions as people type them, each with the call that answers it."""

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kb.index.live import Index
from kb.records import Spec
from kb.tools import TOOLS

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")

QUANTIZATIONS = (
    "q4_k_m", "Q4_K_M", "Q4_K_M", "q4", "Q4", "4-bit", "4 bit", "q8_0", "Q8_0", "8-bit", "fp16", "FP16", "f16", "Q5_K_M", "q5_k_m",
    "Q6_K", "q6", "IQ4_XS", "Q3_K_M", "IQ3_XS", "Q2_K", "IQ2_XS", "mxfp4", "nvfp4", "bf16", "fp8", "awq", "4.25bpw", "5bpw",
)  # fmt: skip
DEFAULT_QUANTIZATION = "q4_k_m"
CONTEXTS = {"2k": 2048, "4k": 4096, "8k": 8192, "16k": 16384, "32k": 32768, "64k": 65536, "128k": 131072}
DRIVES = (
    "Samsung 990 Pro", "samsung 990 pro", "SATA SSD", "NVMe drive", "Crucial T705", "hard disk", "WD Black SN850X",
)  # fmt: skip
LINKS = (
    "PCIe 4.0 x16", "pcie 5.0 x16", "PCIe 3.0 x4", "PCIe 4.0 x8", "10 GbE", "10 gigabit ethernet", "ConnectX-7", "NVLink", "Thunderbolt 5",
    "Wi-Fi 7", "gigabit ethernet",
)  # fmt: skip
BOARDS = (
    "Ryzen 9 9950X", "ryzen 9 7950x", "Threadripper PRO 7995WX", "threadripper 7980x", "Core Ultra 9 285K", "EPYC 9654",
    "X670E board", "Z890 board", "TRX50",
)  # fmt: skip
SYLLABLES = (
    "zor", "vex", "lum", "tar", "nim", "qua", "rion", "pel", "dra", "sol", "kin", "mar", "ost", "bel", "fyn", "gal", "hex", "ion",
    "jov", "kar", "lix", "mon", "nov", "orb", "pix", "rad", "syn", "tex", "ult", "vor", "wyn", "xen", "yar", "zen",
)  # fmt: skip


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


def expanded(template: str, rng: random.Random) -> str:
    """One reading of a template: of each ``[a|b]`` one side, the innermost first.

    >>> expanded("[a|a] cat", random.Random(0))
    'a cat'
    """
    while _CHOICE.search(template):
        template = _CHOICE.sub(lambda found: rng.choice(found[1].split("|")), template)
    return re.sub(r"  +", " ", template).strip()


def slots_of(template: str) -> list[str]:
    return _SLOT.findall(template)


def read_phrases(name: str) -> Any:
    return yaml.safe_load((Path(__file__).parent / name).read_text(encoding="utf-8"))


class Asker:
    """Draws questions over the catalogue; ``invented`` of the names are made up, so that names are read, not learned."""

    def __init__(self, index: Index, rng: random.Random, invented: float = 0.3) -> None:
        self._rng, self._invented = rng, invented
        self._templates: dict[str, list[str]] = read_phrases("questions.yaml")
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
            value, text = self._fill(slot)
            values[slot], shown[slot] = value, text
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
            if words[place].isalpha() and len(words[place]) > 4 and words[place].lower() in _PLAIN_WORDS:
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
                name = self._name(self._terms, _invented_term)
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
        if slot == "context":
            if rng.random() < 0.5:
                short = rng.choice(list(CONTEXTS))
                return CONTEXTS[short], rng.choice((short, short.upper()))
            value = rng.choice(
                (*CONTEXTS.values(), 10000, 20000, 12000, 100000, 5000, 6000, 40960, rng.randrange(600, 90000))
            )
            return value, rng.choice((str(value), f"{value:,}"))
        whole: dict[str, tuple[int, ...]] = {
            "device_count": (2, 2, 2, 3, 4, 8), "accelerator_count": (2, 2, 3, 4), "concurrency": (2, 4, 5, 8, 10, 16, 20, 32),
            "users": (2, 3, 5, 8, 10, 20, 50), "nvme_drives": (1, 2, 3, 4), "batch_size": (1, 2, 4, 8, 16), "rank": (8, 16, 32, 64),
            "sequence_length": (512, 1024, 2048, 4096, 8192), "system_memory_gb": (16, 32, 64, 96, 128, 192, 256),
            "psu_w": (550, 650, 750, 850, 1000, 1200, 1600), "watts": (300, 450, 700, 1000, 1500, 2000),
            "max_power_w": (200, 300, 500, 800, 1000), "min_tokens_per_s": (5, 8, 10, 15, 20, 30, 50),
            "wrong_gb": (8, 10, 12, 16, 20, 24, 32, 48, 64, 96), "wrong_bandwidth": (256, 448, 600, 800, 1200, 2000),
            "hours_per_day": (2, 3, 4, 6, 8, 10, 12, 24), "own_watts": (300, 450, 600, 800),
        }  # fmt: skip
        if slot in whole:
            number = rng.choice(whole[slot])
            if rng.random() < 0.2 and slot not in ("device_count", "accelerator_count", "hours_per_day", "nvme_drives"):
                number = rng.randrange(2, 2 * number + 2)
            return number, str(number)
        if slot in ("budget_usd", "purchase"):
            money = rng.choice(
                (500, 800, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 8000, 10000, rng.randrange(3, 200) * 100)
            )
            return money, rng.choice((str(money), f"{money:,}"))
        decimals = {
            "price_per_kwh": (0.08, 0.6), "rent_per_hour": (0.2, 4.0), "cost_per_hour": (0.2, 6.0), "size_gb": (2, 400),
            "tokens_per_s": (5, 400), "read_mb_per_s": (100, 14000),
        }  # fmt: skip
        low, high = decimals[slot]
        value = rng.uniform(low, high)
        text = f"{round(value, 2):g}" if high < 10 else str(round(value))
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
            written = next((w for w in (f"{count}x {device}", f"{count} {device}") if w in text), device)
            given["devices"] = [written]
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


_PLAIN_WORDS = frozenset(
    [
        "memory",
        "running",
        "model",
        "speed",
        "context",
        "tokens",
        "which",
        "power",
        "should",
        "electricity",
        "quantization",
        "compare",
        "recommend",
        "hardware",
        "hours",
        "fastest",
        "supply",
        "enough",
        "machine",
        "building",
        "largest",
        "whole",
        "expect",
        "longest",
    ]
)


def _called(record: Spec) -> tuple[str, ...]:
    """What people call a record: its name, its name without the maker's words, and its aliases."""
    name = record.name
    short = re.sub(r"^(?:GeForce|Radeon|NVIDIA|AMD|Apple|Intel|Meta) ", "", name)
    return tuple(dict.fromkeys((name, short, short, *record.aliases[:3], *record.ambiguous_aliases[:1])))


def _word(rng: random.Random) -> str:
    return "".join(rng.sample(SYLLABLES, rng.choice((2, 2, 3)))).capitalize()


def invented_model(rng: random.Random) -> str:
    version = rng.choice(
        ("", "", f" {rng.randrange(1, 6)}", f" {rng.randrange(1, 6)}.{rng.randrange(10)}", f"-{rng.randrange(1, 9)}")
    )
    size = rng.choice(
        (0.5, 1, 1.5, 2, 3, 4, 7, 8, 9, 12, 13, 14, 20, 22, 24, 27, 30, 32, 34, 40, 65, 70, 72, 110, 123, 405)
    )
    kind = rng.choice(("", "", "", " Instruct", "-Coder", f"-A{rng.randrange(2, 40)}B"))
    return f"{_word(rng)}{version}{rng.choice((' ', '-', ' '))}{size:g}{rng.choice('Bb')}{kind}"


def invented_device(rng: random.Random) -> str:
    family = rng.choice(("RTX", "RX", "GX", "Arc", "Pro", "W", "M", "GTX", "X"))
    number = rng.choice(
        (
            str(rng.randrange(2, 99) * 100),
            str(rng.randrange(100, 999)),
            f"{rng.choice('ABHLMV')}{rng.randrange(10, 400)}",
        )
    )
    suffix = rng.choice(
        ("", "", "", " Ti", " Super", " XT", " Ultra", " Max", f" {rng.choice((8, 12, 16, 24, 32, 48, 80))}GB")
    )
    return rng.choice(
        (f"{family} {number}{suffix}", f"{_word(rng)} {number}{suffix}", f"{_word(rng)} {family} {number}{suffix}")
    )


def _invented_term(rng: random.Random) -> str:
    return rng.choice(
        (
            _word(rng).lower(),
            _word(rng),
            f"{_word(rng)}-{rng.randrange(2, 9)}",
            f"{_word(rng).lower()} {rng.choice(('cache', 'memory', 'split', 'bus', 'quantization'))}",
        )
    )
