"""``/run``: which models a machine runs, ranked and drawn by size and speed, as a page over ``what_runs_on``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlencode

from litestar import Response
from pydantic import Field

from api.deps import AnyRequest, serving
from api.document import reads
from api.drawing import Point, cloud
from api.forms import Filled, Worked, contexts, worked_out
from api.html import HTML
from api.pages import page
from kb.catalogue import Catalogue
from kb.catalogue.records import LanguageModel
from kb.catalogue.records.software import Use
from kb.text.markdown import shown
from kb.text.statements import Quantity
from kb.tools import TOOLS
from kb.tools.base import Arguments, Name, Real
from kb.tools.shared.fitting import Context, DeviceCount, SystemMemory
from kb.tools.shared.running import VISION
from kb.tools.what_runs_on.tool import RunnableModel, WhatRunsOnAnswer

MOST_MODELS = 500
ANY = "any"
USES = (*get_args(Use), VISION)
Billions = Annotated[Real, Field(ge=0, le=100_000, description="parameters, in billions")]
_FIELDS = {"device": "device", "device_count": "count", "system_memory_gb": "ram", "context": "context", "use": "use"}


class RunQuery(Arguments):
    device: Name | None = None
    count: DeviceCount = 1
    ram: SystemMemory | None = None
    context: Context = 8192
    use: Name | None = Field(None, description="only models that people run now for it: of `what_runs_on`")
    licence: Name | None = Field(None, description="as the specs have it")
    least: Billions | None = None
    most: Billions | None = None
    sort: Literal["size", "speed", "newest"] = "size"


@dataclass(frozen=True)
class Row:
    """A model that runs, and where it stands in the plot."""

    model: RunnableModel
    licence: str
    fit: str
    """The address of the Fit page with it."""

    @property
    def speed(self) -> float:
        return self.model.decode_tokens_per_s.typical if self.model.decode_tokens_per_s else 0.0

    @property
    def group(self) -> str:
        return "ram" if self.model.in_system_memory_gb else "mixture" if self.model.is_mixture else "dense"

    @property
    def point(self) -> Point:
        size, speed = Quantity(self.model.params_billions), Quantity(self.speed, "tokens/s")
        text = f"{self.model.model}, {self.model.quantization}: {shown(size)} billion parameters, {shown(speed)}"
        return Point(self.model.params_billions, self.speed, self.model.model, text, self.group)


@reads("/run", "Which models run on a machine, as a page", "pages", media=(HTML,))
async def run(request: AnyRequest) -> Response[bytes]:
    """A form over `what_runs_on`; its state is the query of its address."""
    filled = Filled.of(request)
    asked = filled.parsed(RunQuery)
    if not filled.values:
        asked = asked.model_copy(update={"device": TOOLS["what_runs_on"].example["device"]})
    worked = Worked()
    if asked.device:
        arguments: dict[str, Any] = {
            "device": asked.device, "device_count": asked.count, "system_memory_gb": asked.ram,
            "context": asked.context, "use": asked.use, "limit": MOST_MODELS,
        }  # fmt: skip
        worked = await worked_out(request, filled, "what_runs_on", arguments, _FIELDS)
    catalogue = serving(request).catalogue
    all_rows = list(_rows(catalogue, asked, worked.result)) if worked.result else []
    rows = [row for row in all_rows if _is_wanted(row, asked)]
    # Those that one would start with are named in the plot first, then the others as they are ranked.
    first = [one.slug for one in worked.result.suggested] if worked.result else []
    named = sorted(rows, key=lambda row: first.index(row.model.slug) if row.model.slug in first else len(first))
    return page(
        request,
        "run.html",
        asked=asked,
        contexts=contexts(asked.context),
        uses=[(ANY, "any of these"), *((use, use) for use in USES)],
        use=asked.use if asked.use is None or asked.use in USES else ANY,
        licences=_licences(catalogue),
        troubles=worked.trouble_of,
        read_as=worked.read_as,
        result=worked.result,
        said=worked.said if len(rows) == len(all_rows) else (),
        rows=rows,
        count=len(all_rows),
        plot=cloud([row.point for row in named if row.speed]),
    )


def _rows(catalogue: Catalogue, asked: RunQuery, result: WhatRunsOnAnswer) -> Iterator[Row]:
    """All that fit whole, and those that one would start with: with the help of system memory, or newer twins."""
    models = catalogue.known.of(LanguageModel)
    listed = {one.slug: one for one in (*result.suggested, *result.models)}
    for one in _ranked(list(listed.values()), asked.sort):
        licence = models[one.slug].licence
        query = {
            "model": one.model, "quantization": one.quantization, "device": asked.device, "count": asked.count,
            "context": asked.context, "ram": asked.ram,
        }  # fmt: skip
        given = {key: f"{value:g}" if isinstance(value, float) else value for key, value in query.items() if value}
        yield Row(one, licence.value if licence else "", f"/fit?{urlencode(given)}")


def _ranked(models: Sequence[RunnableModel], sort: str) -> list[RunnableModel]:
    by_size = sorted(models, key=lambda one: -one.params_billions)
    if sort == "speed":
        return sorted(by_size, key=lambda one: -(one.decode_tokens_per_s.typical if one.decode_tokens_per_s else 0))
    return sorted(by_size, key=lambda one: one.released, reverse=True) if sort == "newest" else by_size


def _is_wanted(row: Row, asked: RunQuery) -> bool:
    size = row.model.params_billions
    return (
        asked.licence in (None, row.licence)
        and (asked.least is None or size >= asked.least)
        and (asked.most is None or size <= asked.most)
    )


def _licences(catalogue: Catalogue) -> list[str]:
    """The most common first."""
    found = [model.licence.value for model in catalogue.known.of(LanguageModel).values() if model.licence]
    return sorted(set(found), key=lambda name: (-found.count(name), name))
