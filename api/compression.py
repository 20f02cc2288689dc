"""Answers made smaller, by brotli or gzip as the client takes them; what streams is left alone."""

from litestar.config.compression import CompressionConfig
from litestar.datastructures import MutableScopeHeaders
from litestar.middleware.compression import CompressionMiddleware
from litestar.types import HTTPResponseStartEvent, Message, Receive, Scope, Send

from api.accept import best_match

CODINGS = ("br", "gzip")
SMALLEST = 1_000
"""Bytes; an answer that is smaller fits a packet as it is."""

_TEXTS = ("text/", "application/", "image/svg+xml")
_STREAMS = "text/event-stream"


class Compression(CompressionMiddleware):
    """Litestar's, which passes over a weight of 0 (``gzip;q=0``), buffers events and forgets ``Vary`` on what it leaves
    as it is."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = b",".join(value for name, value in scope["headers"] if name.lower() == b"accept-encoding")
        coding = best_match(asked.decode("latin-1").casefold() or "identity", (*CODINGS, "identity"))
        sending = send

        async def varying(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders(message)
                if "accept-encoding" not in headers.get("vary", "").casefold():
                    headers.extend_header_value("vary", "Accept-Encoding")
            await send(message)

        async def choosing(message: Message) -> None:
            nonlocal sending
            if message["type"] == "http.response.start" and _may_be_smaller(message):
                is_plain = coding in (None, "identity")
                sending = varying if is_plain else self.create_compression_send_wrapper(varying, str(coding), scope)
            await sending(message)

        await self.app(scope, receive, choosing)


def _may_be_smaller(start: HTTPResponseStartEvent) -> bool:
    media_type = MutableScopeHeaders(start).get("content-type", "")
    return media_type.startswith(_TEXTS) and not media_type.startswith(_STREAMS)


COMPRESSION = CompressionConfig(
    backend="brotli", minimum_size=SMALLEST, brotli_quality=4, gzip_compress_level=5, middleware_class=Compression
)
