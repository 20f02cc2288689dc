"""The pages for people, and what they are made of. What programs read as JSON, browsers get as a page by ``Accept``."""

from typing import Any

from litestar import Response
from litestar.params import FromPath

from api.deps import AnyRequest, cacheable, to_json
from api.document import reads
from api.html import HTML, POLICY, prefers_page, rendered
from api.problems import refuse

VARIES = {"Vary": "Accept"}


def page(request: AnyRequest, template: str, **shown: Any) -> Response[bytes]:
    return cacheable(request, rendered(request, template, **shown), HTML, POLICY | VARIES)


def as_asked(request: AnyRequest, answer: object, template: str, **shown: Any) -> Response[bytes]:
    """``answer`` as JSON, or the page that shows it and what is behind it."""
    if prefers_page(request):
        return page(request, template, answer=answer, **shown)
    return cacheable(request, to_json(answer), headers=VARIES)


def static(request: AnyRequest, files: dict[str, tuple[bytes, str]], name: str) -> Response[bytes]:
    if name not in files:
        raise refuse(404, "no such file")
    body, media_type = files[name]
    return cacheable(request, body, media_type, POLICY)


@reads(
    "/static/{file:str}",
    "A part of the pages",
    "pages",
    media=("text/javascript", "text/css"),
    path={"file": "pages.css"},
)
def static_file(request: AnyRequest, file: FromPath[str]) -> Response[bytes]:
    return static(request, request.app.state.web, file)
