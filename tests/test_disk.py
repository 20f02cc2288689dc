"""A data folder that cannot be written, and a disk that is full: served from all the same, or told in one sentence.

Each in a mount namespace of its own, for nothing but a file system's own word binds a superuser.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.small_knowledge import FILES, write_knowledge

KB = Path(sys.executable).with_name("kb")
VRAM = "glossary/terms/vram.md"
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
FULL = 'mount -t tmpfs -o size=4m tmpfs "$0" && cp -a "$0.whole/." "$0" && exec "$@"'
THEN_NOTHING_LEFT = f'{FULL[: FULL.index("exec")]} dd if=/dev/zero of="$0/filling" 2>/dev/null; exec "$@"'


def _unshare() -> str | None:
    found = shutil.which("unshare")
    if found is None:
        return None
    return found if subprocess.run([found, "-rm", "true"], capture_output=True, check=False).returncode == 0 else None


UNSHARE = _unshare()
pytestmark = pytest.mark.skipif(UNSHARE is None, reason="`unshare -rm` is missing or not permitted here")


def environment(data: Path, knowledge: Path) -> dict[str, str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith("KB_")}
    settings = {"KB_DATA_DIR": str(data), "KB_KNOWLEDGE_DIR": str(knowledge)}
    return plain | settings | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}


def within(mounted: str, data: Path, knowledge: Path, *command: object, status: int = 0) -> str:
    """What a command prints that sees ``data`` as ``mounted`` says."""
    done = subprocess.run(
        [str(UNSHARE), "-rm", "sh", "-c", mounted, data, *map(str, command)],
        env=environment(data, knowledge), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``knowledge``, and ``data`` with an index of it."""
    root = tmp_path_factory.mktemp("disk")
    write_knowledge(root / "knowledge")
    subprocess.run([KB, "build"], env=environment(root / "data", root / "knowledge"), check=True, capture_output=True)
    return root


def test_a_read_only_folder_is_served(root: Path, tmp_path: Path) -> None:
    data, knowledge = root / "data", root / "knowledge"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(UNSHARE), "-rm", "sh", "-c", READ_ONLY, data, KB, "serve", "--port", str(port)]
    with (tmp_path / "log").open("w") as log, httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
        server = subprocess.Popen(command, env=environment(data, knowledge), stdout=log, stderr=log)
        try:
            for _ in range(600):
                try:
                    if http.get("/health/ready").status_code == 200:
                        break
                except httpx2.TransportError:
                    assert server.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.1)
            assert http.get("/health/ready").status_code == 200, (tmp_path / "log").read_text()
            assert http.get("/search", params={"q": "memory"}).json()["hits"]
            assert http.get("/specs/accelerators").json()["total"] == 2
        finally:
            server.terminate()
            server.wait(60)
    assert "zeta" in within(READ_ONLY, data, knowledge, KB, "search", "how many watts does the zeta draw?")


@pytest.mark.parametrize("command", [("build",), ("ingest", "note.md"), ("model", "use", "none")])
def test_a_read_only_folder_is_named(root: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "note.md").write_text("# Note\n\nThe rack is called Grendel.\n", "utf-8")
    arguments = [tmp_path / part if part.endswith(".md") else part for part in command]
    changed = write_knowledge(tmp_path / "changed", {VRAM: FILES[VRAM].replace("Two cards", "Three cards")})
    said = within(READ_ONLY, root / "data", changed, KB, *arguments, status=1).splitlines()[-1]
    assert said.startswith(f"kb: {root / 'data'}")
    assert "Read-only file system" in said
    assert "KB_DATA_DIR" in said


@pytest.mark.parametrize("command", [("build",), ("ingest", "note.md"), ("model", "use", "none")])
def test_a_full_disk_is_named_and_leaves_the_index(root: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    shutil.copytree(root / "data", tmp_path / "data.whole", symlinks=True)
    (tmp_path / "note.md").write_text("# Note\n\nThe rack is called Grendel.\n", "utf-8")
    arguments = [tmp_path / part if part.endswith(".md") else part for part in command]
    changed = write_knowledge(tmp_path / "changed", {VRAM: FILES[VRAM].replace("Two cards", "Three cards")})
    looking = (
        'find "$0" -type f ! -empty; "$@"; status=$?; find "$0" -type f ! -empty; readlink "$0/current"; exit $status'
    )
    lines = within(THEN_NOTHING_LEFT, data, changed, "sh", "-c", looking, data, KB, *arguments, status=1).splitlines()
    said = next(line for line in lines if line.startswith("kb: "))
    assert said.startswith(f"kb: {data}/")
    assert "No space left" in said or "full" in said
    assert "Make room there, or set KB_DATA_DIR" in said
    found = [line for line in lines if line.startswith(f"{data}/")]
    assert sorted(found[: len(found) // 2]) == sorted(found[len(found) // 2 :]), "nothing is left of it"
    assert f"builds/{(root / 'data' / 'current').resolve().name}" in lines


@pytest.mark.parametrize("free_kb", [160, 360])
def test_a_disk_that_fills_up_during_a_build(root: Path, tmp_path: Path, free_kb: int) -> None:
    """While the database is written, and after it."""
    data = tmp_path / "data"
    data.mkdir()
    command = (
        f'mount -t tmpfs -o size={free_kb}k tmpfs "$0" && "$@"; status=$?; find "$0/builds" -mindepth 1; exit $status'
    )
    said = within(command, data, root / "knowledge", KB, "build", status=1)
    assert f"kb: {data}/" in said
    assert "Make room there, or set KB_DATA_DIR" in said.splitlines()[-1], "and nothing is found below builds"
