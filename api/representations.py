"""One thing in several representations: JSON, Markdown, JSON-LD or a page by ``Accept``; Markdown at ``….md`` too."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from litestar import Response
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.accept import best_match
from api.deps import JSON, AnyRequest, cacheable, serving, to_json
from api.html import HTML, rendered
from api.pages import VARIES, page

MARKDOWN, JSON_LD = "text/markdown", "application/ld+json"
IN_WORDS = (JSON, MARKDOWN, HTML)
"""What everything that has a page is offered as."""

_TWIN = ".md"
_WITH_TWINS = ("/terms", "/specs", "/disputes", "/sources", "/passages")


def represented(
    request: AnyRequest,
    answer: object,
    template: str,
    *,
    path: str,
    as_json: object = None,
    json_ld: Callable[[], object] | None = None,
    **shown: Any,
) -> Response[bytes]:
    """``path`` is the thing's own; the templates are called ``template`` with ``.html`` and ``.md``. Whoever takes none
    of what there is gets JSON."""
    forms = (JSON, MARKDOWN, JSON_LD, HTML) if json_ld else IN_WORDS
    wanted = best_match(request.headers.get("accept", "*/*"), forms)
    if wanted == MARKDOWN:
        body = rendered(request, f"{template}.md", answer=answer, **shown)
        return cacheable(request, body, MARKDOWN, dict(VARIES))
    if wanted == HTML:
        response = page(request, f"{template}.html", answer=answer, **shown)
    elif wanted == JSON_LD and json_ld:
        response = cacheable(request, to_json(json_ld()), JSON_LD, dict(VARIES))
    else:
        response = cacheable(request, to_json(answer if as_json is None else as_json), headers=dict(VARIES))
    query = request.scope["query_string"].decode("latin-1")
    twin = address(request, f"{quote(path)}{_TWIN}{'?' if query else ''}{query}")
    add_link(response, f'<{twin}>; rel="alternate"; type="{MARKDOWN}"')
    return response


def add_link(response: Response[bytes], link: str) -> None:
    """To ``Link`` (RFC 8288)."""
    response.headers["Link"] = ", ".join(filter(None, (response.headers.get("Link"), link)))


def address(request: AnyRequest, path: str) -> str:
    """Of a path of ours: a whole one where the server knows by which name it is called from outside."""
    return serving(request).settings.public_url + path


def whole_address(request: AnyRequest, path: str) -> str:
    """The same with the name by which the request called us where there is no other."""
    public = serving(request).settings.public_url
    return f"{public or str(request.base_url).rstrip('/')}{path}"


def with_twins(inner: ASGIApp) -> ASGIApp:
    """``/terms/vram.md`` is ``/terms/vram`` as Markdown, and so is every page that shows what is known."""

    async def twins(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["path"].endswith(_TWIN) and scope["path"].startswith(_WITH_TWINS):
            scope["path"] = scope["path"].removesuffix(_TWIN)
            others = [(name, value) for name, value in scope["headers"] if name.lower() != b"accept"]
            scope["headers"] = [*others, (b"accept", MARKDOWN.encode())]
        await inner(scope, receive, send)

    return twins
