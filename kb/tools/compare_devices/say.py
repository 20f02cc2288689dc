"""What a comparison says: which one to take and why, what speaks for the other, and the figures side by side."""

import re
from collections.abc import Iterator

from kb.text.statements import Quantity, Said, Slot, Statement, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.compare_devices.tool import CompareAnswer, ComparedDevice
from kb.tools.shared.naming import opening, the
from kb.tools.shared.saying import OF_PROMPTS, money, rate

COMPUTING = ("images", "video", "training")
"""Uses that go by the rate of arithmetic."""
PRICES = re.compile(r"\bcheap\w*|\bprice\w*|\bcosts?\b|\bmoney\b|\bexpensive\b", re.I)
UNKNOWN = "not known"

TEXTS = {
    "holds_the_model": "Take {better}: it holds {model}{at_speed}, and {other} does not",
    "speed_and_memory": "For text generation {better} is about {ratio} times as fast as {other} and has more memory; "
    "take it",
    "speed": "For text generation {better} is about {ratio} times as fast as {other}; take it",
    "memory": "{Better} writes text about as fast as {other} and holds larger models; take it",
    "larger": "{Better} holds larger models; take it if the memory of {other} is not much faster",
    "alike": "For text generation {better} and {other} are alike; take whichever is cheaper",
    "cheaper": "For text generation {better} and {other} are alike; take {better}, which is cheaper",
    "trade": "{Better} holds larger models, {other} is about {ratio} times as fast where a model fits both; take "
    "{better} for large models and {other} for speed",
    "unknown": "The memory bandwidth decides between {better} and {other} for text, and it is not known for both",
}


def say(result: CompareAnswer, asked: Asked) -> Iterator[Said]:
    better, other = result.devices[result.better], result.devices[result.other]
    yield _conclusion(result, better, other)
    yield from _cheaper(result, asked)
    yield from _what_fits(result, better, other)
    if what := "reading a prompt" if OF_PROMPTS.search(asked.text) else asked.use if asked.use in COMPUTING else "":
        yield _by_rate(what, better, other)
    yield _table(result)
    yield state("detail", "{formula}.", formula=result.formula)


def _cheaper(result: CompareAnswer, asked: Asked) -> Iterator[Said]:
    """Where it is asked for, and both prices are known."""
    priced = [one for one in result.devices if one.price_usd and one.price_memory_gib == one.memory_gib]
    if not PRICES.search(asked.text) or len(priced) < 2:
        return
    first, *_, last = sorted(priced, key=lambda one: sum(one.price_usd or ()))
    text = "{First} is cheaper: {low} against {high}."
    low, high = money(first.price_usd or (0, 0), "USD"), money(last.price_usd or (0, 0), "USD")
    yield state("answer", text, First=opening(the(first.name)), low=low, high=high)


def _by_rate(what: str, *columns: ComparedDevice) -> Statement:
    unknown = [column.name for column in columns if not column.fp16_dense_tflops]
    if unknown:
        text = "For {what} the rate of arithmetic counts more, and that of {device} is not known."
        return state("reason", text, what=what, device=the(unknown[0]))
    first, second = sorted(columns, key=lambda column: -(column.fp16_dense_tflops or 0.0))
    rates = [Quantity(column.fp16_dense_tflops or 0.0, "TFLOPS") for column in (first, second)]
    text = "For {what} the rate of arithmetic counts more: {first} has {a}, {second} {b}."
    return state("reason", text, what=what, first=the(first.name), second=the(second.name), a=rates[0], b=rates[1])


def _conclusion(result: CompareAnswer, better: ComparedDevice, other: ComparedDevice) -> Statement:
    text = TEXTS[_case(result)]
    if len(result.devices) > 2:
        text = text.replace("as {other}", "as {other} (the next best)")
    ratio = result.times_as_fast or 1.0
    if result.why == "trade":
        ratio = result.other_times_as_fast or 1.0
    values: dict[str, Slot] = {
        "better": the(better.name), "other": the(other.name), "Better": opening(the(better.name)),
        "model": result.model or "", "ratio": Quantity(ratio), "at_speed": "",
    }  # fmt: skip
    if better.decode_tokens_per_s is not None:
        text = text.replace("{at_speed}", ", at about {speed}")
        values["speed"] = rate(better.decode_tokens_per_s)
    if result.why in ("speed_and_memory", "speed", "memory") and result.unless:
        values["unless"] = joined(result.unless, "or")
        text += " unless {unless} " + ("matters" if len(result.unless) == 1 else "matter") + " more"
    return Statement("answer", f"{text}.", values)


def _case(result: CompareAnswer) -> str:
    if result.why == "memory" and result.times_as_fast is None:
        return "larger"
    return "cheaper" if result.why == "alike" and result.prices_known else result.why


def _what_fits(result: CompareAnswer, better: ComparedDevice, other: ComparedDevice) -> Iterator[Said]:
    if result.why == "holds_the_model":
        return
    if result.model_named and result.why == "memory" and other.holds_the_model:
        yield state("reason", "For {model} {other} is enough.", model=result.model or "", other=the(other.name))
    for names, device in ((result.only_on_better, better), (result.only_on_other, other)):
        if names:
            yield state("reason", "Only {device} holds {names}.", device=the(device.name), names=joined(names))
    if result.model and better.holds_the_model is False and other.holds_the_model is False:
        yield state("reason", "None of them holds {model}.", model=result.model)


def _table(result: CompareAnswer) -> Table:
    """A row a figure that is known of any; at most six."""
    columns = result.devices
    rows: list[tuple[Slot, ...]] = [("memory", *(_cell(one.memory_gib, "GB") for one in columns))]
    rows.append(("memory bandwidth", *(_cell(one.memory_bandwidth_gb_per_s, "GB/s") for one in columns)))
    if result.model:
        rows.append((result.model, *(_run(one) for one in columns)))
    rows.append(("FP16 rate", *(_cell(one.fp16_dense_tflops, "TFLOPS") for one in columns)))
    rows.append(("power", *(_cell(one.tdp_w, "W") for one in columns)))
    rows.append(("price", *(_price(one) for one in columns)))
    known = tuple(row for row in rows if any(cell != UNKNOWN for cell in row[1:]))
    return Table("answer", ("compared", *(one.name for one in columns)), known)


def _run(column: ComparedDevice) -> Slot:
    return "does not fit" if column.holds_the_model is False else rate(column.decode_tokens_per_s)


def _cell(value: float | None, unit: str) -> Slot:
    return UNKNOWN if value is None else Quantity(value, unit)


def _price(column: ComparedDevice) -> Slot:
    """Of the memory that is compared, or of none."""
    if column.price_usd is None or column.price_memory_gib != column.memory_gib:
        return UNKNOWN
    return money(column.price_usd, "USD")
