"""``/health``: is the process alive, and may it be asked."""

from typing import Literal

from litestar import Response

from api.deps import AnyRequest, json_response, serving
from api.document import reads
from kb.catalogue.records import Record


class Live(Record):
    status: Literal["alive"] = "alive"


class Ready(Record):
    """The build that is served, and what the chat writes with."""

    status: Literal["ready"] = "ready"
    build_id: str
    built_at: str
    counts: dict[str, int]
    chat: dict[str, str]


@reads("/health/live", "Is the process alive?", "health", operation_id="health_live", answer=Live)
def live() -> Response[bytes]:
    return json_response(Live())


@reads("/health/ready", "Are index and embedding model open?", "health", operation_id="health_ready", answer=Ready)
def ready(request: AnyRequest) -> Response[bytes]:
    """503 while loading, and where the index is missing or damaged: then it says how to rebuild it."""
    here = serving(request)
    here.require_ready()
    manifest = here.index.manifest
    return json_response(
        Ready(
            build_id=manifest.build_id,
            built_at=manifest.built_at,
            counts=manifest.counts,
            chat=here.assistant.status(),
        )
    )
