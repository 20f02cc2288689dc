"""What surrounds every request: who may ask, limits, HEAD, security headers, measurement."""

import asyncio
import ipaddress
from collections.abc import Collection, Mapping
from time import perf_counter
from typing import Any, cast
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from api.metrics import Metrics
from api.problems import MEDIA_TYPE, http_problem, refuse

LONGEST_QUERY = 8_192
LONGEST_HEAD = 32_768
"""Bytes of a query, and of all header fields together."""

BODY_S = 20.0
"""Within which the whole body must have come."""

_SECURITY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}


_CORS_ASKED = {
    b"access-control-allow-methods": b"GET, HEAD, POST, OPTIONS",
    b"access-control-allow-headers": b"Content-Type, Authorization, Accept, If-None-Match, Mcp-Session-Id, "
    b"Mcp-Protocol-Version, Last-Event-ID",
    b"access-control-max-age": b"600",
    b"content-length": b"0",
}
"""What a page of an allowed origin may do, said before it does it (Fetch standard, CORS-preflight)."""
_CORS_READ = {
    b"access-control-expose-headers": b"ETag, Retry-After, Link, Mcp-Session-Id",
    b"cross-origin-resource-policy": b"cross-origin",
}


def with_edge(
    inner: ASGIApp,
    metrics: Metrics,
    allowed_hosts: Collection[str],
    methods: Mapping[str, Collection[str]],
    origins: frozenset[str] = frozenset(),
) -> ASGIApp:
    """``inner`` for those who may ask, with HEAD answered as GET without its body, headers that are right for every
    answer, and counting.

    A header that the answer brings itself stays, but for ``Allow``: the framework has a route for each handler, and
    each of them knows of its own methods alone. ``methods`` are those of each path, ``origins`` those whose pages may
    ask and read.
    """

    async def edge(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await inner(scope, receive, send)
            return
        method = str(scope["method"])
        head = method == "HEAD"
        asked = cast(Scope, {**scope, "method": "GET"}) if head else scope
        started, status = perf_counter(), 500
        given = {name.lower(): value for name, value in scope["headers"]}
        origin = given.get(b"origin", b"")
        is_allowed = bool(origin) and not origins.isdisjoint({"*", origin.decode("latin-1").lower()})
        opened = {b"access-control-allow-origin": origin, b"vary": b"Origin"} if is_allowed else {}

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message["headers"])
                if method == "OPTIONS" and (known := methods.get(_route(asked))):
                    headers = [(name, value) for name, value in headers if name.lower() != b"allow"]
                    headers.append((b"allow", ", ".join(sorted(known)).encode()))
                headers += list(opened.items())
                headers += list(_CORS_READ.items()) if is_allowed else []
                present = {name.lower() for name, _ in headers}
                headers += [(name, value) for name, value in _SECURITY_HEADERS.items() if name not in present]
                message = cast(Message, {**message, "headers": headers})
            elif head and message["type"] == "http.response.body":
                message = cast(Message, {**message, "body": b""})
            await send(message)

        with metrics.in_progress.track_inprogress():
            try:
                if (refusal := _refusal(scope, allowed_hosts, is_allowed=is_allowed)) is not None:
                    await _send_problem(refusal, scope, sending)
                elif is_allowed and method == "OPTIONS" and b"access-control-request-method" in given:
                    head_of = {"type": "http.response.start", "status": 204, "headers": list(_CORS_ASKED.items())}
                    await sending(cast(Message, head_of))
                    await sending(cast(Message, {"type": "http.response.body", "body": b"", "more_body": False}))
                else:
                    await inner(asked, _in_time(receive) if method == "POST" else receive, sending)
            finally:
                metrics.answered(method, _route(asked), status, perf_counter() - started)

    return edge


def _route(scope: Scope) -> str:
    return str(cast(dict[str, Any], scope).get("path_template", "unmatched"))


def _refusal(scope: HTTPScope, allowed_hosts: Collection[str], *, is_allowed: bool) -> HTTPException | None:
    """Why a request goes no further, if it does not; said before anything is read or done for it."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if len(scope["query_string"]) > LONGEST_QUERY:
        return refuse(414, f"The query is longer than {LONGEST_QUERY:,} bytes.")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > LONGEST_HEAD:
        return refuse(431, f"The header fields are longer than {LONGEST_HEAD:,} bytes.")
    server = (scope.get("server") or ("", None))[0]
    if "host" in headers and not is_allowed_host(headers["host"], server, allowed_hosts):
        name = _name(headers["host"])[:100]
        return refuse(
            421,
            f"This server does not answer to the name {name!r}: a web page could have made it up. "
            "If it is yours, start the server with KB_ALLOWED_HOSTS set to it (several with commas; * allows all).",
        )
    if scope["method"] != "OPTIONS" and not is_allowed and is_foreign(str(scope["method"]), headers):
        return refuse(
            403,
            "This comes from a web page of another origin, and such pages may not ask here. If it is yours, start the "
            "server with KB_CORS_ORIGINS set to its origin, like https://app.example (with commas; * allows all).",
        )
    return None


def is_allowed_host(host: str, server: str, allowed: Collection[str]) -> bool:
    """Whether ``Host`` is a name of this machine for itself, the address that the request came in on, or allowed.

    A page under any other name may be an attacker's, whose name leads here by now (DNS rebinding).

    >>> is_allowed_host("localhost:8000", "127.0.0.1", ()), is_allowed_host("[::1]:8000", "::1", ())
    (True, True)
    >>> is_allowed_host("192.168.1.5", "192.168.1.5", ()), is_allowed_host("192.168.1.6", "192.168.1.5", ())
    (True, False)
    >>> is_allowed_host("evil.test:8000", "127.0.0.1", ()), is_allowed_host("evil.test", "127.0.0.1", ["*"])
    (False, True)
    """
    name = _name(host)
    return "*" in allowed or name in allowed or name == server or is_loopback(name)


def is_loopback(name: str) -> bool:
    """Whether only this machine is reached by that name or address."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _name(host: str) -> str:
    """The name or address without its port.

    >>> _name("LOCALHOST:80"), _name("[::1]:80"), _name("kb.example.")
    ('localhost', '::1', 'kb.example')
    """
    bare = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return bare.lower().removesuffix(".")


def is_foreign(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser sent this for a page of another origin; following a link to here is not that.

    Browsers that do not say the site say the origin, at least with what is not a GET; who is no browser says neither.
    Another port of this machine is the same *site* and yet somebody else's page.

    >>> is_foreign("GET", {}), is_foreign("POST", {"sec-fetch-site": "same-origin", "origin": "https://kb.example"})
    (False, False)
    >>> is_foreign("POST", {"sec-fetch-site": "same-site"}), is_foreign("POST", {"origin": "null", "host": "a"})
    (True, True)
    >>> is_foreign("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    False
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        followed = method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
        return site not in ("same-origin", "none") and not followed
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def _in_time(receive: Receive) -> Receive:
    """``receive``, which gives up on a body that does not come; what is behind the body may take any time."""
    complete = False
    limit = asyncio.get_running_loop().time() + BODY_S

    async def receiving() -> Any:
        nonlocal complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout_at(limit):
                message = await receive()
        except TimeoutError:
            raise refuse(408, f"The body did not come whole within {BODY_S:g} s.") from None
        if message["type"] == "http.disconnect":
            raise refuse(400, "The client left before its body was whole.")
        complete = not cast(dict[str, Any], message)["more_body"]
        return message

    return receiving


async def _send_problem(error: HTTPException, scope: HTTPScope, send: Send) -> None:
    body = http_problem(error, str(scope["path"]), str(scope["method"])).model_dump_json(exclude_none=True).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": error.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
