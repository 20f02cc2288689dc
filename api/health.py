"""``/health``: is the process alive, and may it be asked."""

from typing import Literal

from litestar import Response

from api.deps import AnyRequest, json_response, serving
from api.document import reads
from api.keys import given_key
from kb.catalogue.records import Record
from kb.keys import holder


class Live(Record):
    status: Literal["alive"] = "alive"
    """Always the same; no answer at all is the other."""


class Ready(Record):
    """The build that is served, and what the chat writes with."""

    status: Literal["ready"] = "ready"
    """Always the same; otherwise the answer is a 503."""
    build_id: str
    """Of the index; another after each `kb build`."""
    built_at: str
    """When it was built, in UTC (RFC 3339)."""
    counts: dict[str, int]
    """How many of each kind it holds."""
    chat: dict[str, str] | None = None
    """The engine that explains, and how it is; where keys are set, for those with one."""


@reads("/health/live", "Is the process alive?", "health", operation_id="health_live", answer=Live)
def live() -> Response[bytes]:
    return json_response(Live())


@reads("/health/ready", "Are index and embedding model open?", "health", operation_id="health_ready", answer=Ready)
def ready(request: AnyRequest) -> Response[bytes]:
    """503 while loading, and where the index is missing or damaged: then it says how to rebuild it."""
    here = serving(request)
    here.require_ready()
    manifest, keys = here.index.manifest, here.settings.api_keys
    may_know = not keys or holder(given_key(request.headers), keys)
    return json_response(
        Ready(
            build_id=manifest.build_id,
            built_at=manifest.built_at,
            counts=manifest.counts,
            chat=here.assistant.status() if may_know else None,
        ),
        exclude_none=True,
    )
