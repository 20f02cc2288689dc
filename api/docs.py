"""``/docs``: the OpenAPI document and a page that shows it, with nothing from anywhere else."""

from pathlib import Path
from typing import Any, cast

from litestar import Response
from litestar.params import FromPath

from api.deps import AnyRequest, cacheable, to_json
from api.document import reads
from api.problems import refuse

OPENAPI = "application/vnd.oai.openapi+json"
STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def static_files() -> dict[str, tuple[bytes, str]]:
    """Contents and media types by name; read once, so that a request never names a file."""
    return {path.name: (path.read_bytes(), MEDIA_TYPES[path.suffix]) for path in sorted(STATIC.iterdir())}


@reads("/docs/openapi.json", "This document", "docs", media=(OPENAPI,))
def openapi(request: AnyRequest) -> Response[bytes]:
    return cacheable(request, cast(bytes, request.app.state.openapi), OPENAPI)


@reads("/docs", "This document as a page", "docs", media=("text/html",))
def docs(request: AnyRequest) -> Response[bytes]:
    return _static(request, "docs.html")


@reads(
    "/docs/{file:str}",
    "A part of that page",
    "docs",
    media=("text/javascript", "text/css", "image/svg+xml", "text/html"),
    path={"file": "docs.js"},
)
def docs_file(request: AnyRequest, file: FromPath[str]) -> Response[bytes]:
    return _static(request, file)


def _static(request: AnyRequest, name: str) -> Response[bytes]:
    files: dict[str, tuple[bytes, str]] = request.app.state.static
    if name not in files:
        raise refuse(404, "no such file")
    body, media_type = files[name]
    return cacheable(request, body, media_type, {"Content-Security-Policy": _PAGE_POLICY})


@reads("/", "The routes", "docs")
def index(request: AnyRequest) -> Response[bytes]:
    """Each route with what it does; `/docs` is for people, `/docs/openapi.json` for programs."""
    routes: dict[str, Any] = request.app.state.routes
    return cacheable(request, to_json(routes))
