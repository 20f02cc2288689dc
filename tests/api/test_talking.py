"""``kb ask`` and ``kb chat`` by a running server, and without one."""

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from kb.settings import Settings
from tests.conftest import ROOT
from tests.tried import tried

ASK = """
import sys
from kb.cli import main
sys.argv = ["kb", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("chromadb" in sys.modules)
"""


def kb(arguments: list[str], data_dir: Path, server: str, said: str = "", **environment: str) -> tuple[str, bool]:
    """What it prints, and whether an index was opened for it."""
    env = {**os.environ, "KB_DATA_DIR": str(data_dir), "KB_SERVER_URL": server, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(arguments=arguments)], input=said, text=True, capture_output=True, env=env,
        cwd=ROOT, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text, _, opened = done.stdout.rstrip().rpartition("\n")
    return " ".join(text.split()), opened == "True"


QUESTION = "can a 3090 run llama 3.1 8b at q4_k_m?"


def test_a_server_answers_alike_and_nothing_is_opened(base_url: str, data_dir: Path) -> None:
    served, opened = kb(["ask", QUESTION], data_dir, base_url)
    assert served.startswith("Yes: Llama 3.1 8B at Q4_K_M fits on the GeForce RTX 3090")
    assert not opened
    here, opened = kb(["ask", QUESTION], data_dir, "none")
    assert here == served
    assert opened


@pytest.mark.parametrize("server", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
def test_where_no_server_is_it_is_answered_here(server: str, data_dir: Path) -> None:
    text, opened = kb(["ask", QUESTION], data_dir, server)
    assert text.startswith("Yes: ")
    assert opened


def test_a_server_with_another_index_is_left_alone(base_url: str, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "current").mkdir()
    manifest = (data_dir / "current" / "manifest.json").read_text("utf-8")
    (tmp_path / "current" / "manifest.json").write_text(manifest.replace('"build_id": "', '"build_id": "x'), "utf-8")
    with pytest.raises(AssertionError, match="kb build"):
        kb(["ask", QUESTION], tmp_path, base_url)


def test_a_conversation_goes_on(base_url: str, data_dir: Path) -> None:
    lines = f"{QUESTION}\nand with two of them?\n/sources\n/full\n/what\n/new\nand with three?\n/quit\nnever read\n"
    text, _ = kb(["chat"], data_dir, base_url, lines)
    assert "2× GeForce RTX 3090" in text
    assert "check_fit: llama-3-1-8b" in text
    assert "/full: the arithmetic" in text
    assert "3× GeForce RTX 3090" not in text
    assert "never read" not in text


def test_what_is_too_long_is_said(base_url: str, data_dir: Path) -> None:
    text, _ = kb(["chat"], data_dir, base_url, f"{QUESTION}\n{'a' * 9000}\n/sources\n")
    assert text.startswith("Yes: ")
    assert "check_fit" in text.rpartition("more with /full")[2]


WRITTEN = "The card holds all of it, so that nothing has to be read from elsewhere."


class _Writer(BaseHTTPRequestHandler):
    """A language model that thinks until the test lets it write."""

    may_write = Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        assert self.may_write.wait(60)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        part = json.dumps({"choices": [{"index": 0, "delta": {"content": WRITTEN}, "finish_reason": None}]})
        self.wfile.write(f"data: {part}\n\ndata: [DONE]\n\n".encode())

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


def test_the_answer_does_not_wait_for_the_language_model(data_dir: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Writer) as model:
        Thread(target=model.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{model.server_port}/v1"
        tried(Settings(data_dir=data_dir, llm_url=url))
        env = {
            **os.environ, "KB_DATA_DIR": str(data_dir), "KB_SERVER_URL": "none", "PYTHONUNBUFFERED": "1",
            "KB_LLM_URL": url,
        }  # fmt: skip
        command = [sys.executable, "-m", "kb.cli", "ask", QUESTION]
        with subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True) as asking:
            assert asking.stdout is not None
            first = asking.stdout.readline()
            _Writer.may_write.set()
            rest = asking.stdout.read()
        model.shutdown()
    assert first.startswith("Yes: Llama 3.1 8B")
    assert WRITTEN in rest
    assert asking.returncode == 0
