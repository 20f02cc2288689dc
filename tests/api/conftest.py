"""A real server over the real index, on a free port of this machine."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import httpx2
import pytest

from api.app import create_app
from api.server import make_server
from kb.llm.base import Engine
from kb.settings import Settings


class Serve(Protocol):
    """Runs a server while the block does; gives its base URL, ready or just listening."""

    def __call__(
        self, settings: Settings, engine_maker: Callable[[Settings], Engine | None] = ..., *, ready: bool = True
    ) -> AbstractContextManager[str]: ...


@contextmanager
def _serve(
    settings: Settings, engine_maker: Callable[[Settings], Engine | None] = lambda _: None, *, ready: bool = True
) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = make_server(create_app(settings, engine_maker))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            if ready:
                _wait_until_ready(base)
            yield base
        finally:
            server.should_exit = True
            thread.join()


def _wait_until_ready(base: str) -> None:
    for _ in range(600):
        if httpx2.get(f"{base}/health/ready").status_code == 200:
            return
        time.sleep(0.1)
    raise AssertionError("the server did not become ready")


@pytest.fixture(scope="session")
def serve() -> Serve:
    return _serve


@pytest.fixture(scope="session")
def wait_until_ready() -> Callable[[str], None]:
    return _wait_until_ready


@pytest.fixture(scope="session")
def base_url(settings: Settings, serve: Serve) -> Iterator[str]:
    with serve(settings) as base:
        yield base


@pytest.fixture(scope="session")
def http(base_url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=base_url, timeout=60) as client:
        yield client
