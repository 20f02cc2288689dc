"""What surrounds every request: who may ask, limits, HEAD, security headers, its id, measurement."""

import asyncio
import ipaddress
from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import Any, cast
from urllib.parse import quote, urlsplit

import structlog
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from api.keys import given_key, no_key
from api.limits import Limits, network_of
from api.logs import about_request
from api.metrics import Metrics
from api.problems import on_http_error, refuse
from kb.keys import holder

LONGEST_QUERY = 8_192
LONGEST_HEAD = 32_768
"""Bytes of a query, and of all header fields together."""

BODY_S = 20.0
"""Within which the whole body must have come."""

log = structlog.get_logger(__name__)

SECURITY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}


_CORS_ASKED = {
    "access-control-allow-methods": "GET, HEAD, POST, OPTIONS",
    "access-control-allow-headers": "Content-Type, Authorization, Accept, If-None-Match, X-Request-ID, Mcp-Session-Id, "
    "Mcp-Protocol-Version, Last-Event-ID",
    "access-control-max-age": "600",
}
"""What a page of an allowed origin may do, said before it does it (Fetch standard, CORS-preflight)."""
_CORS_READ = {
    b"access-control-expose-headers": b"ETag, Retry-After, Link, X-Request-ID, Mcp-Session-Id",
    b"cross-origin-resource-policy": b"cross-origin",
}
_SHARED = (b"public", b"private")


@dataclass(frozen=True)
class Gate:
    """Who may ask, and how much. A host or an origin may be ``*``."""

    hosts: Collection[str]
    origins: frozenset[str]
    keys: Collection[str]
    limits: Limits
    open_paths: Collection[str]
    """What is answered without a key and, but for a form, however often it is asked."""


@dataclass(frozen=True)
class _Caller:
    """Who asks, by what the head of a request says."""

    name: str
    """For the log: the beginning of the key's hash, or the address."""
    counted: str | None
    """What is counted together; None for this machine's own, who have it to themselves."""
    key: str
    has_key: bool
    allowed_origin: str
    """That of the page which asks, where it is one of those that may."""

    @classmethod
    def of(cls, scope: HTTPScope, headers: Mapping[str, str], gate: Gate) -> "_Caller":
        origin = headers.get("origin", "")
        key = given_key(headers)
        known = holder(key, gate.keys)
        network = network_of(scope["client"][0]) if scope["client"] else "localhost"
        return cls(
            name=f"key {known[:8]}" if known else network,
            counted=known or (None if is_loopback(network) else network),
            key=key,
            has_key=bool(known),
            allowed_origin="" if gate.origins.isdisjoint({"*", origin.lower()}) else origin,
        )

    def refusal(self, method: str, gate: Gate) -> HTTPException | None:
        """Where a key is needed; browsers ask without one what they may do (OPTIONS)."""
        return no_key(self.key) if gate.keys and not self.has_key and method != "OPTIONS" else None


def with_edge(inner: ASGIApp, metrics: Metrics, gate: Gate, methods: Mapping[str, Collection[str]]) -> ASGIApp:
    """``inner`` for those who may ask, with HEAD answered as GET without its body, headers that are right for every
    answer, a line in the log, and counting. ``methods`` are those of each path."""

    async def edge(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await inner(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        with about_request(headers.get("x-request-id", "")) as request_id, metrics.in_progress.track_inprogress():
            await answer(scope, headers, request_id, receive, send)

    async def answer(
        scope: HTTPScope, headers: Mapping[str, str], request_id: str, receive: Receive, send: Send
    ) -> None:
        method, path = str(scope["method"]), str(scope["path"])
        caller = _Caller.of(scope, headers, gate)
        # A copy: an application that is mounted takes its own path off.
        asked = cast(Scope, {**scope, "method": "GET" if method == "HEAD" else method})
        started, status = perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                said = list(message["headers"])
                if method == "OPTIONS" and (allowed := methods.get(_route(asked))):
                    said = [(name, value) for name, value in said if name.lower() != b"allow"]
                    said.append((b"allow", ", ".join(sorted(allowed)).encode()))
                said += _added(caller, request_id)
                message = cast(Message, {**message, "headers": _secured(said, is_private=bool(gate.keys))})
            elif method == "HEAD" and message["type"] == "http.response.body":
                message = cast(Message, {**message, "body": b""})
            await send(message)

        try:
            is_open = path in gate.open_paths
            refusal = _refusal(scope, headers, caller, gate)
            is_counted = not is_open or method == "POST"  # of the open ones the form that a key is tried with
            if refusal is None and is_counted:
                refusal = await gate.limits.refusal(caller.counted)
            if refusal is None and not is_open:
                refusal = caller.refusal(method, gate)
            if refusal is not None:
                await _respond(on_http_error(Request(asked), refusal), asked, receive, sending)
            elif caller.allowed_origin and method == "OPTIONS" and "access-control-request-method" in headers:
                await _respond(Response(b"", status_code=204, headers=_CORS_ASKED), asked, receive, sending)
            else:
                # Between being let in and being counted nothing is awaited, so that nobody slips in.
                with gate.limits.working(caller.counted) if is_counted else nullcontext():
                    await inner(asked, _in_time(receive) if method == "POST" else receive, sending)
        finally:
            seconds = perf_counter() - started
            metrics.answered(method, _route(asked), status, seconds)
            where, took = quote(path[:200]), round(seconds, 4)
            log.info("answered", method=method[:20], path=where, status=status, seconds=took, by=caller.name)

    return edge


def _route(scope: Scope) -> str:
    return str(cast(dict[str, Any], scope).get("path_template", "unmatched"))


def _added(caller: _Caller, request_id: str) -> Iterator[tuple[bytes, bytes]]:
    yield b"x-request-id", request_id.encode()
    if caller.allowed_origin:
        yield b"access-control-allow-origin", caller.allowed_origin.encode("latin-1")
        yield b"vary", b"Origin"
        yield from _CORS_READ.items()


def _secured(said: list[tuple[bytes, bytes]], *, is_private: bool) -> list[tuple[bytes, bytes]]:
    """What an answer says itself stays; but what is for those with a key is in no cache that others share."""
    if is_private:
        said = [(name, value.replace(*_SHARED) if name.lower() == b"cache-control" else value) for name, value in said]
    present = {name.lower() for name, _ in said}
    return said + [(name, value) for name, value in SECURITY_HEADERS.items() if name not in present]


async def _respond(response: Response[bytes], scope: Scope, receive: Receive, send: Send) -> None:
    await response.to_asgi_response(app=None, request=Request(scope))(scope, receive, send)


def _refusal(scope: HTTPScope, headers: Mapping[str, str], caller: _Caller, gate: Gate) -> HTTPException | None:
    """Why a request goes no further, if it does not; said before anything is read or done for it."""
    if len(scope["query_string"]) > LONGEST_QUERY:
        return refuse(414, f"The query is longer than {LONGEST_QUERY:,} bytes.")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > LONGEST_HEAD:
        return refuse(431, f"The header fields are longer than {LONGEST_HEAD:,} bytes.")
    server = (scope.get("server") or ("", None))[0]
    if "host" in headers and not is_allowed_host(headers["host"], server, gate.hosts):
        name = _name(headers["host"])[:100]
        return refuse(
            421,
            f"This server does not answer to the name {name!r}: a web page could have made it up. "
            "If it is yours, start the server with KB_ALLOWED_HOSTS set to it (several with commas; * allows all).",
        )
    if scope["method"] != "OPTIONS" and not caller.allowed_origin and is_foreign(str(scope["method"]), headers):
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
