"""How the server listens and how it stops: what one connection may take, and when the process is gone."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from types import FrameType
from typing import cast

import h11
import uvicorn
from litestar import Litestar
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import HANDLED_SIGNALS

from api.deps import Serving
from api.edge import BODY_S, LONGEST_HEAD, SECURITY_HEADERS, is_loopback
from api.limits import network_of
from api.problems import MEDIA_TYPE, Problem

MOST_CONNECTIONS = 512
"""Below the 1,024 open files that most systems allow a process; one more is closed unheard."""

HEAD_S = 10.0
"""Within which the head of a request must have come, from its first byte or the opening of the connection on."""

LEFTOVER_S = 5.0
"""How much longer a connection stays whose body never came whole, so that the answer which says so is read."""

HURRY_S = 5.0
"""After a signal to stop, answers that wait for a language model go on without it."""

STALLED_S = 30.0
"""How long a client may leave an answer unread of which no more fits on its way."""

STOP_S = 8
"""After that, whatever still runs is cut off; closing the rest takes a second or so."""


class Connection(H11Protocol):
    """uvicorn's, which ends a connection whose request does not come whole in time.

    h11 rather than httptools, which reads heads of any length.
    """

    most_each = MOST_CONNECTIONS
    """Of one address."""
    _network = ""
    _overdue: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._network = network_of(self.client[0]) if self.client else "localhost"
        if len(self.connections) > MOST_CONNECTIONS or self._has_too_many():
            self.transport.abort()
        else:
            self._close_in(HEAD_S)

    def data_received(self, data: bytes) -> None:
        before = self.conn.their_state
        super().data_received(data)
        state = self.conn.their_state
        if state is h11.SEND_BODY and before is not h11.SEND_BODY:
            self._close_in(BODY_S + LEFTOVER_S)
        elif state is h11.IDLE and self._overdue is None:
            self._close_in(HEAD_S)
        elif state not in (h11.IDLE, h11.SEND_BODY):
            self._unset()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()

    def send_400_response(self, msg: str) -> None:
        """As every other error is told, though no request can be made of what came."""
        problem = Problem(title="Bad Request", status=400, detail=f"{msg} This is not HTTP/1.1.", instance="/")
        headers = {b"content-type": MEDIA_TYPE.encode(), b"connection": b"close", **SECURITY_HEADERS}
        for event in (
            h11.Response(status_code=400, headers=list(headers.items()), reason=b"Bad Request"),
            h11.Data(data=problem.model_dump_json(exclude_none=True).encode()),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def shutdown(self) -> None:
        super().shutdown()
        if self.conn.their_state is h11.SEND_BODY:
            self._close_in(1.0)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset()
        if self._stalled is not None:
            self._stalled.cancel()
        super().connection_lost(exc)

    def _has_too_many(self) -> bool:
        """Whether one address holds more than its share; this machine and a proxy that is believed speak for many."""
        believed = (
            isinstance(self.app, ProxyHeadersMiddleware) and self.client and self.client[0] in self.app.trusted_hosts
        )
        if believed or is_loopback(self._network):
            return False
        held = sum(isinstance(one, Connection) and one._network == self._network for one in self.connections)
        return held > self.most_each

    def _close_in(self, seconds: float) -> None:
        self._unset()
        self._overdue = self.loop.call_later(seconds, self.transport.close)

    def _unset(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None


class Server(uvicorn.Server):
    """uvicorn's, with a stop that is kept: in time after the first signal, at once after the second."""

    def __init__(self, config: uvicorn.Config, serving: Serving) -> None:
        super().__init__(config)
        self._serving = serving

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        super().handle_exit(sig, frame)
        if os.getpid() != 1:  # which signals without a handler do not end
            # The system does it without asking an interpreter that may be busy.
            for handled in HANDLED_SIGNALS:
                signal.signal(handled, signal.SIG_DFL)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().call_later(HURRY_S, self._serving.hurry)
        await super().shutdown(sockets)


def make_server(app: Litestar, host: str = "127.0.0.1", port: int = 8000, log_level: str = "warning") -> Server:
    serving: Serving = app.state.serving

    class Limited(Connection):
        most_each = serving.settings.connections_each

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level=log_level,
        access_log=False,  # the edge writes it, with the request's id
        http=Limited,
        ws="none",
        h11_max_incomplete_event_size=LONGEST_HEAD,
        timeout_graceful_shutdown=STOP_S,
    )
    return Server(config, serving)


def run_server(app: Litestar, host: str, port: int, log_level: str) -> None:
    """Serve until a signal comes; the process ends with it.

    A thread that still computes has nobody left to answer to, and an interpreter that ends would wait for it.
    """
    server = make_server(app, host, port, log_level)
    with suppress(KeyboardInterrupt):
        server.run()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if server.started else 1)
