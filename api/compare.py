"""``/compare``: two to four devices or models side by side, as a page over the calculators that compare them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from litestar import Response
from pydantic import Field

from api.deps import AnyRequest
from api.document import reads
from api.drawing import Chart, Value, chart
from api.forms import Filled, Names, Worked, contexts, quantization_names, worked_out
from api.html import HTML
from api.pages import page
from kb.calc.results import Range
from kb.text.markdown import shown
from kb.text.statements import Quantity
from kb.tools import TOOLS
from kb.tools.base import Arguments, Name
from kb.tools.compare_devices.tool import CompareAnswer, ComparedDevice
from kb.tools.compare_models.tool import ComparedModel, CompareModelsAnswer
from kb.tools.shared.fitting import Context, SystemMemory

MORE, LESS = "more is better", "less is better"
_UNKNOWN = "not known"
Compared = CompareAnswer | CompareModelsAnswer


class CompareQuery(Arguments):
    """Of devices, ``model`` is the one that is to run on them; of models, ``device`` is what they are to run on."""

    of: Literal["devices", "models"] = "devices"
    device: Names = ()
    model: Names = ()
    quantization: Name | None = None
    context: Context = 8192
    ram: SystemMemory | None = Field(None, description="GB of system memory, as printed; for models")


@dataclass(frozen=True)
class _Figure:
    label: str
    hint: str
    unit: str
    of: Callable[[Any], Value]
    note: Callable[[Any], str] = lambda one: ""
    missing: Callable[[Any], str] = lambda one: _UNKNOWN


def _price_note(device: ComparedDevice) -> str:
    parts = [device.price_kind, device.price_as_of and f"as of {device.price_as_of}"]
    if device.price_memory_gib != device.memory_gib and device.price_memory_gib:
        parts.append(f"with {device.price_memory_gib:g} GB")
    return ", ".join(part for part in parts if part) if device.price_usd else ""


def _without_speed(one: Any) -> str:
    does_not_fit = one.verdict == "does_not_fit" if isinstance(one, ComparedModel) else one.holds_the_model is False
    return "does not fit" if does_not_fit else _UNKNOWN


def _rate(one: ComparedDevice | ComparedModel) -> Range | None:
    return one.decode_tokens_per_s if one.decode_tokens_per_s and one.decode_tokens_per_s.typical else None


OF_DEVICES: Sequence[_Figure] = (
    _Figure("Memory", MORE, "GB", lambda one: one.memory_gib),
    _Figure("Memory bandwidth", MORE, "GB/s", lambda one: one.memory_bandwidth_gb_per_s),
    _Figure("Speed with {model}", MORE, "tokens/s", _rate, missing=_without_speed),
    _Figure("Price", LESS, "USD", lambda one: one.price_usd, _price_note),
    _Figure("Price per GB of memory", LESS, "USD", lambda one: one.usd_per_gib),
    _Figure("Price per token/s with {model}", LESS, "USD", lambda one: one.usd_per_token_per_s),
    _Figure("Power", LESS, "W", lambda one: one.tdp_w),
    _Figure("Bandwidth per watt", MORE, "GB/s", lambda one: one.gb_per_s_per_watt),
    _Figure("FP16 rate, dense", MORE, "TFLOPS", lambda one: one.fp16_dense_tflops),
)
OF_MODELS: Sequence[_Figure] = (
    _Figure("Parameters", "", "billion", lambda one: one.params_billions),
    _Figure("Parameters used for each token", "", "billion", lambda one: one.active_billions),
    _Figure("Memory it needs", LESS, "GB", lambda one: one.required_gb),
    _Figure("Speed on {device}", MORE, "tokens/s", _rate, missing=_without_speed),
    _Figure("Read for each token", LESS, "GB", lambda one: one.read_per_token_gb),
    _Figure("Cache for each token of context", LESS, "kB", lambda one: one.kb_per_token),
    _Figure("Longest context that fits", MORE, "tokens", lambda one: one.max_context or None),
    _Figure("Longest context it was made for", MORE, "tokens", lambda one: one.model_context_limit),
)
VERDICTS = {"fits": "fits", "fits_with_offload": "fits with help from RAM", "does_not_fit": "does not fit"}


@reads("/compare", "Devices or models side by side, as a page", "pages", media=(HTML,))
async def compare(request: AnyRequest) -> Response[bytes]:
    """A form over `compare_devices` and `compare_models`; its state is the query of its address."""
    filled = Filled.of(request)
    asked = filled.parsed(CompareQuery)
    if not (asked.device or asked.model):
        asked = _example(asked)
    tool = f"compare_{asked.of}"
    arguments: dict[str, Any] = {"context": asked.context, "quantization": asked.quantization}
    if asked.of == "devices":
        named, fields = asked.device, {"devices": "device", "model": "model"}
        arguments |= {"devices": named, "model": next(iter(asked.model), None)}
    else:
        named, fields = asked.model, {"models": "model", "device": "device", "system_memory_gb": "ram"}
        arguments |= {"models": named, "device": next(iter(asked.device), None), "system_memory_gb": asked.ram}
    fields |= {name: name for name in ("quantization", "context")}
    worked = await worked_out(request, filled, tool, arguments, fields) if len(named) > 1 else Worked()
    result = worked.result
    return page(
        request,
        "compare.html",
        asked=asked,
        quantizations=quantization_names(request),
        contexts=contexts(asked.context),
        troubles=worked.trouble_of,
        read_as=worked.read_as,
        said=worked.said,
        result=result,
        sides=tuple(_sides(asked, result)) if result else (),
        charts=tuple(_charts(result)) if result else (),
        rows=tuple(_rows(result)) if result else (),
    )


def _example(asked: CompareQuery) -> CompareQuery:
    example = TOOLS[f"compare_{asked.of}"].example
    if asked.of == "devices":
        return asked.model_copy(update={"device": tuple(example["devices"])})
    return asked.model_copy(update={"model": tuple(example["models"]), "device": (example["device"],)})


def _charts(result: Compared) -> Iterator[Chart]:
    """Of each figure that is known of any."""
    columns: Sequence[ComparedDevice | ComparedModel]
    if isinstance(result, CompareAnswer):
        columns, figures, of = result.devices, OF_DEVICES, {"model": f"{result.model}, {result.quantization}"}
    else:
        columns, figures, of = result.models, OF_MODELS, {"device": result.device or ""}
    for figure in figures:
        entries = []
        for one in columns:
            value = figure.of(one)
            words = figure.missing(one) if value is None else _words(value, figure.unit)
            entries.append((one.name, value, words, figure.note(one)))
        if any(value is not None for _, value, _, _ in entries):
            yield chart(figure.label.format(**of), figure.hint, entries)


def _words(value: Value, unit: str) -> str:
    if isinstance(value, Range):
        return f"{shown(Quantity(value.typical))} ({shown(Quantity((value.low, value.high), unit))})"
    assert value is not None
    return shown(Quantity(value, unit, 1 if unit == "tokens" else None))


def _rows(result: Compared) -> Iterator[tuple[str, list[str]]]:
    """What is told in words."""
    if isinstance(result, CompareAnswer):
        yield "Largest current model it holds", [one.largest_model or _UNKNOWN for one in result.devices]
        return
    if result.device:
        yield f"On {result.device}", [VERDICTS[one.verdict] if one.verdict else _UNKNOWN for one in result.models]
    yield "Released", [one.released or _UNKNOWN for one in result.models]


@dataclass(frozen=True)
class _Side:
    """A thing that is compared, and pages that go on with it."""

    name: str
    links: tuple[tuple[str, str], ...]


def _sides(asked: CompareQuery, result: Compared) -> Iterator[_Side]:
    if isinstance(result, CompareAnswer):
        for device, name in zip(result.devices, asked.device, strict=True):
            links = [("Spec", f"/specs/{device.kind}/{device.slug}")] if device.slug else []
            yield _Side(device.name, (*links, ("What runs on it", f"/run?{urlencode({'device': name})}")))
        return
    on = {"device": asked.device[0]} if asked.device else {}
    for model, name in zip(result.models, asked.model, strict=True):
        query = urlencode({"model": name, "quantization": model.quantization, "context": asked.context, **on})
        yield _Side(model.name, (("On the Fit page", f"/fit?{query}"),))
