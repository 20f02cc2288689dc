"""What surrounds every request: HEAD, security headers, measurement."""

from time import perf_counter
from typing import Any, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics

_SECURITY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}


def with_edge(inner: ASGIApp, metrics: Metrics) -> ASGIApp:
    """``inner``, with HEAD answered as GET without its body, headers that are right for every answer, and counting.

    A header that the answer brings itself stays.
    """

    async def edge(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await inner(scope, receive, send)
            return
        method = str(scope["method"])
        head = method == "HEAD"
        asked = cast(Scope, {**scope, "method": "GET"}) if head else scope
        started, status = perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message["headers"])
                present = {name.lower() for name, _ in headers}
                headers += [(name, value) for name, value in _SECURITY_HEADERS.items() if name not in present]
                message = cast(Message, {**message, "headers": headers})
            elif head and message["type"] == "http.response.body":
                message = cast(Message, {**message, "body": b""})
            await send(message)

        with metrics.in_progress.track_inprogress():
            try:
                await inner(asked, receive, sending)
            finally:
                route = cast(dict[str, Any], asked).get("path_template", "unmatched")
                metrics.answered(method, route, status, perf_counter() - started)

    return edge
