"""How a model runs on a machine, whole or partly from system memory, and which ones are worth showing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from kb.calc.results import Offload, Range
from kb.catalogue import Catalogue
from kb.catalogue.records import LanguageModel
from kb.catalogue.units import GB, GIB
from kb.errors import InvalidArgument
from kb.tools.shared.fitting import LADDER, FitArguments, Parts, fit_of, parts_of, projector_of
from kb.tools.shared.given import ModelFigures
from kb.tools.shared.resolve import (
    USUAL_TYPE,
    DeviceArgument,
    ModelArgument,
    ResolvedDevices,
    ResolvedModel,
    native_quantization,
    resolve_model,
    resolve_quantization,
)
from kb.tools.shared.speed import speed_at

GOOD_TYPES = tuple(slug for slug in LADDER if slug in ("q8_0", "q6_k", "q5_k_m", "q4_k_m"))
"""Those that keep a model's quality, the largest first."""
READABLE_TOKENS_PER_S = 5.0
"""About as fast as people read; slower than that nobody waits for."""
COMFORTABLE_TOKENS_PER_S = 10.0
"""From here on an answer comes faster than it is read."""

MOST_SUGGESTED = 4

ROOM_SHARE = 0.03
"""Of the memory, to be left free."""
RAM_SHARE = 0.8
"""Of system memory, what weights may take of it beside everything else that runs."""
CURRENT_YEARS = 1
"""A model of the newest one's year or of so many before is current."""


@dataclass(frozen=True)
class Machine:
    """What a model is to run on; ``system_memory_gb`` is None where nothing may be kept there."""

    device: DeviceArgument
    devices: ResolvedDevices
    count: int = 1
    system_memory_gb: float | None = None
    system_bandwidth_gb_per_s: float | None = None
    images: int = 0
    """That are to be shown to it: what sees takes memory too."""

    @cached_property
    def asked(self) -> FitArguments:
        """Of any model: to check them once is enough, where hundreds are tried."""
        return FitArguments(
            model="any", device=self.device, device_count=self.count, system_memory_gb=self.system_memory_gb,
            system_bandwidth_gb_per_s=self.system_bandwidth_gb_per_s, images=self.images,
        )  # fmt: skip


Wanted = LanguageModel | ModelFigures
"""A record, or a model given by its figures."""


@dataclass(frozen=True)
class Run:
    """A model as it runs there."""

    model: Wanted
    parts: Parts
    asked: FitArguments
    offload: Offload | None = None

    @cached_property
    def speed(self) -> Range | None:
        """None where the bandwidth is not known. Worked out where it is asked for, which is of few."""
        known = self.parts.devices.bandwidth_known
        return speed_at(self.parts, self.offload, self.asked).decode_tokens_per_s if known else None

    @property
    def in_system_memory_gb(self) -> float:
        return self.offload.weights_in_system_memory_gb if self.offload else 0.0

    @property
    def slug(self) -> str:
        return self.model.slug if isinstance(self.model, LanguageModel) else ""

    @property
    def released(self) -> str:
        figure = self.model.released if isinstance(self.model, LanguageModel) else None
        return figure.value if figure else ""

    @property
    def params(self) -> int:
        return self.parts.model.architecture.params_total

    @property
    def typical(self) -> float:
        return self.speed.typical if self.speed else 0.0

    def is_at_least(self, tokens_per_s: float) -> bool:
        return self.speed is None or self.speed.typical >= tokens_per_s


CAPABLE = 20e9
"""Parameters from which on a model that lies whole on the devices goes before a larger one that does not."""
VISION = "vision"
"""A use that no record is marked with: whatever people run now and reads images is for it."""


def models_for(catalogue: Catalogue, use: str = "") -> list[LanguageModel]:
    """What people run now for that use, or at all where no model is marked with it; the largest first."""
    models = [record for record in catalogue.known.of(LanguageModel).values() if record.params_total is not None]
    meant = [record for record in models if is_for(record, use)]
    found = meant or [record for record in models if record.representative]
    return sorted(found, key=lambda record: (-(record.params_total.value if record.params_total else 0), record.slug))


def is_for(record: LanguageModel, use: str) -> bool:
    return use in record.use or (use == VISION and bool(record.use) and projector_of(record) is not None)


def run_whole(
    catalogue: Catalogue, wanted: Wanted, machine: Machine, context: int, types: Sequence[str] = ()
) -> Run | None:
    """At the largest of ``types`` at which the devices hold the model and the context."""
    model = _known(catalogue, wanted)
    if model is None or 0 < model.architecture.max_position_embeddings < context:
        return None
    for slug in types or _types(wanted):
        asked = _asked(wanted, slug, machine, context)
        parts = parts_of(catalogue, model, resolve_quantization(catalogue, slug), machine.devices)
        if parts.holds(asked):
            return Run(wanted, parts, asked)
    return None


def run_at_all(
    catalogue: Catalogue, wanted: Wanted, machine: Machine, context: int, types: Sequence[str] = ()
) -> Run | None:
    """Whole, or with a part in system memory where its size is given."""
    whole = run_whole(catalogue, wanted, machine, context, types)
    if whole is not None or machine.system_memory_gb is None or machine.devices.each.backend == "cpu":
        return whole
    model = _known(catalogue, wanted)
    if model is None:
        return None
    slug = (types or _types(wanted))[-1]
    parts = parts_of(catalogue, model, resolve_quantization(catalogue, slug), machine.devices)
    asked = _asked(wanted, slug, machine, context)
    fit = fit_of(parts, asked)
    if fit.verdict != "fits_with_offload":
        return None
    return Run(wanted, parts, asked, fit.offload)


def _known(catalogue: Catalogue, wanted: Wanted) -> ResolvedModel | None:
    try:
        return resolve_model(catalogue, _argument(wanted))
    except InvalidArgument:  # its architecture is not known
        return None


def wanted_model(catalogue: Catalogue, model: ModelArgument) -> Wanted:
    """What is named, looked up."""
    if isinstance(model, ModelFigures):
        return model
    record = resolve_model(catalogue, model).record
    if record is None:
        raise InvalidArgument("model", model, "a model of the catalogue")
    return record


def _argument(wanted: Wanted) -> ModelArgument:
    return wanted.slug if isinstance(wanted, LanguageModel) else wanted


def _native(wanted: Wanted) -> str | None:
    return native_quantization(wanted) if isinstance(wanted, LanguageModel) else None


def _types(wanted: Wanted) -> tuple[str, ...]:
    native = _native(wanted)
    return (native,) if native else GOOD_TYPES


def usual_type(wanted: Wanted) -> str:
    """Four bits, or what the model is published in."""
    return _native(wanted) or USUAL_TYPE


def _asked(wanted: Wanted, quantization: str, machine: Machine, context: int) -> FitArguments:
    named = {"model": _argument(wanted), "quantization": quantization, "context": context}
    return machine.asked.model_copy(update=named)


def comfortable_run(catalogue: Catalogue, run: Run, machine: Machine) -> Run:
    """The same, of smaller weights where they are tight or slow: at most as small as the usual type."""
    for slug in _types(run.model):
        found = run_whole(catalogue, run.model, machine, run.asked.context, (slug,)) if run.offload is None else None
        if found is not None:
            run = found
            if found.is_at_least(COMFORTABLE_TOKENS_PER_S) and is_roomy(found):
                break
    return run


def is_roomy(run: Run) -> bool:
    """Whether what else uses the memory (a desktop, a browser) may take a little."""
    if run.offload is not None:
        memory = (run.asked.system_memory_gb or 0.0) * GIB / GB
        return run.in_system_memory_gb <= RAM_SHARE * memory
    held = run.parts.requirement(run.asked)
    return held.headroom_gb >= ROOM_SHARE * held.available_gb


def _read_quickly(runs: Sequence[Run]) -> Sequence[Run]:
    """Those whole on the devices, which read a long prompt many times as fast, where a capable one is among them."""
    whole = [run for run in runs if run.offload is None and run.is_at_least(COMFORTABLE_TOKENS_PER_S) and is_roomy(run)]
    return whole if any(run.params >= CAPABLE for run in whole) else runs


def start_with(runs: Iterable[Run]) -> Run | None:
    """The largest current one that is comfortably fast and leaves room; where none is, the fastest."""
    found = list(runs)
    newest = max((run.released[:4] for run in found), default="")
    easy = [run for run in found if run.is_at_least(COMFORTABLE_TOKENS_PER_S) and is_roomy(run)]
    current = [run for run in easy if newest and int(run.released[:4] or 0) >= int(newest) - CURRENT_YEARS]
    if easy:
        return max(current or easy, key=lambda run: (run.params, run.released))
    return max(found, key=lambda run: run.typical, default=None)


def suggested(
    catalogue: Catalogue,
    current: list[LanguageModel],
    held: list[Run],
    machine: Machine,
    context: int,
    types: tuple[str, ...],
) -> list[Run]:
    """Of ``current`` models those that are fast enough to use, the recommended one first, then the largest; ``held``
    are runs that are known already."""
    whole = {run.slug: run for run in held}
    runs = []
    for record in current:
        found = whole.get(record.slug) or run_at_all(catalogue, record, machine, context, types)
        if found is not None and not types:
            found = comfortable_run(catalogue, found, machine)
        if found is not None and found.is_at_least(READABLE_TOKENS_PER_S):
            runs.append(found)
    first = start_with(_read_quickly(runs))
    if first is None:
        return []
    others = sorted((run for run in runs if run is not first), key=lambda run: (-run.params, run.slug))
    return [first, *others[: MOST_SUGGESTED - 1]]
