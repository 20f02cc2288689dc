"""``/docs``: the OpenAPI document and Swagger UI, which shows it, with nothing from anywhere else."""

from importlib.metadata import distribution
from pathlib import Path
from typing import cast

from litestar import Response
from litestar.params import FromPath

from api.deps import JSON, AnyRequest, cacheable
from api.document import reads
from api.html import HTML, POLICY, static_files
from api.pages import as_asked, static

OPENAPI = "application/vnd.oai.openapi+json"
STATIC = Path(__file__).parent / "static"
SWAGGER = ("swagger_bundle.js", "swagger_style.css")
POLICY_HERE = {"Content-Security-Policy": POLICY["Content-Security-Policy"].replace("img-src", "img-src data:")}
"""Swagger UI's signs are images within its style."""


def parts() -> dict[str, tuple[bytes, str]]:
    """Of the page: ours, and those of Swagger UI from a package that is read and not imported, as its templates hold
    every page that it has."""
    theirs = Path(str(distribution("offapi").locate_file("offapi")))
    return static_files(STATIC) | static_files(theirs, SWAGGER)


@reads("/docs/openapi.json", "This document", "docs", media=(OPENAPI,))
def openapi(request: AnyRequest) -> Response[bytes]:
    return cacheable(request, cast(bytes, request.app.state.openapi), OPENAPI)


@reads("/docs", "This document as a page", "docs", media=("text/html",))
def docs(request: AnyRequest) -> Response[bytes]:
    body, media_type = request.app.state.docs["docs.html"]
    return cacheable(request, body, media_type, POLICY_HERE)


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
