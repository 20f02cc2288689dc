"""``/docs``: the OpenAPI document and a page that shows it, with nothing from anywhere else."""

from pathlib import Path
from typing import cast

from litestar import Response
from litestar.params import FromPath

from api.deps import JSON, AnyRequest, cacheable
from api.document import reads
from api.html import HTML
from api.pages import as_asked, static

OPENAPI = "application/vnd.oai.openapi+json"
STATIC = Path(__file__).parent / "static"


@reads("/docs/openapi.json", "This document", "docs", media=(OPENAPI,))
def openapi(request: AnyRequest) -> Response[bytes]:
    return cacheable(request, cast(bytes, request.app.state.openapi), OPENAPI)


@reads("/docs", "This document as a page", "docs", media=("text/html",))
def docs(request: AnyRequest) -> Response[bytes]:
    return static(request, request.app.state.docs, "docs.html")


@reads(
    "/docs/{file:str}",
    "A part of that page",
    "docs",
    media=("text/javascript", "text/css", "image/svg+xml", "text/html", "text/markdown"),
    path={"file": "docs.js"},
)
def docs_file(request: AnyRequest, file: FromPath[str]) -> Response[bytes]:
    return static(request, request.app.state.docs, file)


@reads("/", "The routes; the chat page for browsers", "docs", media=(JSON, HTML))
def index(request: AnyRequest) -> Response[bytes]:
    """Each route with what it does; `/docs` is for people, `/docs/openapi.json` for programs."""
    return as_asked(request, request.app.state.routes, "chat.html")
