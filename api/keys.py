"""How a key is given: by programs with each request, by a browser once, at ``/key``."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, quote, unquote

from litestar import Response, post
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException

from api.deps import AnyRequest, serving
from api.document import documented, reads
from api.html import HTML, POLICY, rendered
from api.problems import refuse
from kb.keys import holder

COOKIE = "kb-key"
KEPT_S = 30 * 24 * 3600
_FORM = "application/x-www-form-urlencoded"
_OWN_ADDRESS = re.compile(r"/(?![/\\])[\x21-\x7e]*")
"""Of a page here: two slashes would lead to another host."""


def given_key(headers: Mapping[str, str]) -> str:
    """As programs send it, or as a browser does that was given it here.

    >>> given_key({"authorization": "bearer  a "}), given_key({"authorization": "Basic b", "cookie": "x=y; kb-key=c"})
    ('a', 'c')
    """
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    cookies = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    return next((unquote(value) for name, _, value in cookies if name == COOKIE), "")


def no_key(given: str) -> HTTPException:
    if given:
        return refuse(401, "This server does not know this key.", {"WWW-Authenticate": 'Bearer error="invalid_token"'})
    return refuse(
        401,
        "This server answers only those who have a key. Programs send it in the header Authorization: Bearer KEY; a "
        "browser is given it on the page /key.",
        {"WWW-Authenticate": "Bearer"},
    )


@reads("/key", "Where a browser is given its key", "pages", operation_id="key_page", media=(HTML,))
def key_page(request: AnyRequest) -> Response[bytes]:
    hashes = serving(request).settings.api_keys
    given = holder(given_key(request.headers), hashes)
    page = rendered(request, "key.html", is_needed=bool(hashes), is_given=bool(given), address="/")
    return Response(page, media_type=HTML, headers={"Cache-Control": "no-store", **POLICY})


@post(
    "/key",
    operation_id="give_key",
    summary="Give a browser its key, or with an empty one take it away",
    tags=["pages"],
    opt=documented(media=(HTML,)),
    status_code=303,
    request_max_body_size=10_000,
)
async def give_key(request: AnyRequest) -> Response[bytes]:
    """A form with `key`, and `address`, the page to go on to. The key is kept in a cookie that no script reads."""
    if request.content_type[0] != _FORM:
        raise refuse(415, f"The body must be a form: send Content-Type: {_FORM}.", {"Accept-Post": _FORM})
    form = parse_qs((await request.body()).decode("latin-1"))
    key, address = (form.get(name, [""])[0].strip() for name in ("key", "address"))
    if key and not holder(key, serving(request).settings.api_keys):
        raise no_key(key)
    cookie = Cookie(
        key=COOKIE, value=quote(key), max_age=KEPT_S if key else 0, httponly=True, samesite="lax",
        secure=request.scope["scheme"] == "https",
    )  # fmt: skip
    headers = {"Location": address if _OWN_ADDRESS.fullmatch(address) else "/", "Cache-Control": "no-store"}
    return Response(b"", status_code=303, media_type=HTML, cookies=[cookie], headers=headers)
