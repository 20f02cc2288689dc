"""A closed network: nothing that we do opens a connection to anywhere else."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.app import create_app
from api.docs import SWAGGER
from kb.chat.assistant import Assistant
from kb.chat.reply import Message
from kb.search.build import build
from kb.search.embed import Embedder
from kb.search.live import LiveIndex
from kb.settings import Settings
from tests.small_knowledge import write_knowledge


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Addresses that somebody tried to reach, or names to look up; each attempt fails."""
    seen: list[object] = []

    def refuse(_: socket.socket, address: object) -> Any:
        seen.append(address)
        raise OSError("there is no network")

    def unknown(host: object, *_: object, **__: object) -> Any:
        seen.append(host)
        raise socket.gaierror("there is no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
        monkeypatch.setattr(socket, name, unknown)
    return seen


def test_the_guard_guards(attempts: list[object]) -> None:
    with pytest.raises(httpx2.ConnectError):
        httpx2.get("http://192.0.2.1/")
    assert attempts


def test_build_and_search(attempts: list[object], tmp_path: Path) -> None:
    embedder = Embedder()
    build(write_knowledge(tmp_path / "knowledge"), tmp_path / "data", embedder)
    assert LiveIndex(tmp_path / "data", embedder).get().searcher.search("what is memory for?").hits
    assert attempts == []


def test_chat(attempts: list[object], live: LiveIndex, settings: Settings) -> None:
    assistant = Assistant(live, None, settings)
    for question in ("can I run a 70B on my 4090, and how fast?", "what is NVFP4?", "who won the cup in 1998?"):
        assert assistant.answer([Message(role="user", content=question)]).answer
    assert attempts == []


def test_docs(attempts: list[object], settings: Settings) -> None:
    async def fetched() -> dict[str, str]:
        transport = httpx2.ASGITransport(create_app(settings, lambda _: None))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            page = await client.get("/docs")
            assert page.status_code == 200
            policy = page.headers["content-security-policy"].split("; ")
            assert {"default-src 'none'", "connect-src 'self'", "img-src data: 'self'"} <= set(policy)
            found = {"/docs": page.text}
            for link in sorted(set(re.findall(r'(?:src|href)="([^"#]+)"', page.text))):
                answer = await client.get(link)
                assert answer.status_code == 200, link
                found[link] = answer.text
            return found

    pages = asyncio.run(fetched())
    assert len(pages) > 2
    theirs = {f"/docs/{name}" for name in SWAGGER}  # names addresses, and may ask none of them by the policy above
    for name, text in pages.items():
        if name in theirs:
            continue
        assert not re.search(r"""(?:src|href|url|import|fetch)\s*[=(:]\s*["'(]?\s*(?:https?:)?//""", text), name
    assert attempts == []


IN_THE_DARK = """
    import socket, sys, threading, time
    import httpx2, uvicorn
    from api.app import create_app

    path = sys.argv[1]
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(create_app(), log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        with httpx2.Client(transport=httpx2.HTTPTransport(uds=path), base_url="http://localhost", timeout=60) as client:
            for _ in range(600):
                if client.get("/health/ready").status_code == 200:
                    break
                time.sleep(0.1)
            asked = {"messages": [{"role": "user", "content": "can I run a 70B on my 4090?"}]}
            for answer in (client.get("/terms/vram"), client.get("/docs"), client.post("/chat", json=asked)):
                print(answer.status_code, len(answer.text) > 200)
        server.should_exit = True
        thread.join()
"""


def _unshare() -> str | None:
    found = shutil.which("unshare")
    if found is None:
        return None
    return found if subprocess.run([found, "-rn", "true"], capture_output=True, check=False).returncode == 0 else None


UNSHARE = _unshare()


@pytest.mark.skipif(UNSHARE is None, reason="`unshare -rn` is missing or not permitted here")
def test_without_any_network_interface(tmp_path: Path, data_dir: Path) -> None:
    """Build from nothing, then ask and serve on the whole knowledge, in a namespace without a network."""
    assert UNSHARE is not None
    knowledge = write_knowledge(tmp_path / "knowledge")
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("KB_", "HF_"))}

    def run(*command: str | Path, **settings: str) -> str:
        done = subprocess.run(
            [UNSHARE, "-rn", *command], env=plain | settings, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    kb = Path(sys.executable).with_name("kb")
    built = run(kb, "build", KB_DATA_DIR=str(tmp_path / "data"), KB_KNOWLEDGE_DIR=str(knowledge))
    assert built.startswith("Built")
    assert "VRAM" in run(kb, "ask", "what is VRAM?", KB_DATA_DIR=str(data_dir))
    served = run(sys.executable, "-c", textwrap.dedent(IN_THE_DARK), tmp_path / "socket", KB_DATA_DIR=str(data_dir))
    assert served.splitlines() == ["200 True"] * 3
