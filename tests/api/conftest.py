"""A real server over the real index, on a free port of this machine."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn

from api.app import create_app
from kb.chat.engines.base import Engine
from kb.settings import Settings


@contextmanager
def running(settings: Settings, engine_maker: Callable[[Settings], Engine | None] = lambda _: None) -> Iterator[str]:
    """The base URL of a server that runs while the block does; ready or not."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            create_app(settings, engine_maker), log_level="warning", timeout_graceful_shutdown=5, ws="none"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def wait_until_ready(base: str) -> None:
    for _ in range(600):
        if httpx.get(f"{base}/health/ready").status_code == 200:
            return
        time.sleep(0.1)
    raise AssertionError("the server did not become ready")


@pytest.fixture(scope="session")
def base_url(settings: Settings) -> Iterator[str]:
    with running(settings) as base:
        wait_until_ready(base)
        yield base


@pytest.fixture(scope="session")
def http(base_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base_url, timeout=60) as client:
        yield client
