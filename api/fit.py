"""``/fit``: whether a model fits and how fast it is, as a page over ``check_fit`` and ``estimate_speed``."""

from typing import Any

from litestar import Response

from api.deps import AnyRequest, json_response, parsed_query, serving
from api.document import reads
from api.forms import Filled, Names, Worked, contexts, quantization_names, worked_out
from api.html import HTML
from api.pages import page
from kb.calc.memory.tensor_types import KV_CACHE_TYPES
from kb.catalogue.records import Record
from kb.errors import KnowledgeBaseError
from kb.tools import TOOLS
from kb.tools.base import Arguments, Name
from kb.tools.shared.fitting import (
    Context,
    Images,
    KvCacheType,
    LlamaOptions,
    ReservedMemory,
    SystemMemory,
)
from kb.tools.shared.meant import Reading, meant

_FIELDS = {
    "model": "model", "device": "device", "quantization": "quantization", "context": "context",
    "concurrency": "users", "kv_cache_type": "kv", "system_memory_gb": "ram", "reserved_gib": "reserved",
    "options": "options", "images": "images",
}  # fmt: skip


class FitQuery(Arguments):
    model: Name | None = None
    file: Name | None = None
    """A file of the user's, of which the browser alone knows more."""
    quantization: Name | None = None
    device: Names = ()
    count: Names = ()
    context: Context = 8192
    users: int = 1
    kv: KvCacheType = "f16"
    ram: SystemMemory | None = None
    reserved: ReservedMemory | None = None
    options: LlamaOptions | None = None
    images: Images = 0

    @property
    def devices(self) -> str:
        """As one argument: several are joined by ``+``, and ``2x`` is before one of which there are two."""
        counts = (*self.count, *("1",) * len(self.device))
        pairs = zip(self.device, counts, strict=False)
        return " + ".join(name if count == "1" else f"{count}x {name}" for name, count in pairs)


@reads("/fit", "Whether a model fits and how fast it is, as a page", "pages", media=(HTML,))
async def fit(request: AnyRequest) -> Response[bytes]:
    """A form over `check_fit` and `estimate_speed`; its state is the query of its address.

    The browser works on with it; without JavaScript the page says in words what came out.
    """
    filled = Filled.of(request)
    try:
        asked = filled.parsed(FitQuery)
    except KnowledgeBaseError:  # told by the browser, beside the field
        asked = FitQuery()
    results = [await _worked(request, filled, asked, tool) for tool in ("check_fit", "estimate_speed")]
    return page(
        request,
        "fit.html",
        asked=asked,
        quantizations=quantization_names(request),
        contexts=contexts(asked.context),
        cache_types=KV_CACHE_TYPES,
        example=TOOLS["check_fit"].example,
        said=[text for worked in results for text in worked.said],
        troubles=results[0].troubles,
        read_as=results[0].read_as,
    )


async def _worked(request: AnyRequest, filled: Filled, asked: FitQuery, tool: str) -> Worked:
    if not (asked.model and asked.device):
        return Worked()
    arguments: dict[str, Any] = {
        "model": asked.model, "device": asked.devices, "quantization": asked.quantization, "context": asked.context,
        "concurrency": asked.users, "kv_cache_type": asked.kv, "system_memory_gb": asked.ram,
        "reserved_gib": asked.reserved, "options": asked.options, "images": asked.images,
    }  # fmt: skip
    return await worked_out(request, filled, tool, arguments, _FIELDS)


class DevicesQuery(Arguments):
    device: Name
    """As it is typed: `2x` before a name for two, ` + ` between several."""
    ram: SystemMemory | None = None


class DevicesRead(Record):
    """Devices by names that leave nothing open."""

    device: str
    """For the tools."""
    readings: tuple[Reading, ...]
    """Of each name that left something open, what was taken."""


@reads(
    "/fit/devices",
    "How names of devices are read that leave something open",
    "pages",
    operation_id="read_devices",
    answer=DevicesRead,
    query=DevicesQuery,
)
async def read_devices(request: AnyRequest) -> Response[bytes]:
    """The tools refuse such a name, with its candidates; pages take the likeliest and say so."""
    asked = parsed_query(request, DevicesQuery)
    device, readings = meant(serving(request).catalogue, asked.device, asked.ram)
    return json_response(DevicesRead(device=device, readings=readings))
