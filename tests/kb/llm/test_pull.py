"""Pulling a real GGUF file from a local server that speaks the hub's protocol."""

import fcntl
import hashlib
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kb.errors import DownloadFailed, UnknownName
from kb.llm.downloads import Wanted
from kb.llm.hub import Hub
from kb.llm.pull import SPARE_BYTES, pull
from kb.tools.model_file import read_gguf
from tests.hub_server import HubServer, hub_server
from tests.make_gguf import make_gguf

REPOSITORY, FILE = "owner/Tiny-GGUF", "tiny-Q8_0.gguf"
TINY = Wanted(REPOSITORY, FILE)
CHUNK_BYTES = 1024 * 1024


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model, and behind its tensors enough of nothing to break off in."""
    model = make_gguf(tmp_path_factory.mktemp("tiny") / FILE).read_bytes()
    return model + bytes(3 * CHUNK_BYTES - len(model))


@pytest.fixture
def hub(content: bytes) -> Iterator[HubServer]:
    with hub_server(HubServer({REPOSITORY: {FILE: content, "README.md": b"# Tiny"}})) as running:
        yield running


def at(hub: HubServer, token: str | bool = False) -> Hub:
    return Hub(hub.url, token, progress=False)


def test_a_file_comes_whole_and_can_be_read(hub: HubServer, content: bytes, tmp_path: Path) -> None:
    file = pull(at(hub), TINY, tmp_path)
    assert file == tmp_path / "models" / FILE
    assert file.read_bytes() == content
    assert read_gguf(file).architecture.num_hidden_layers == 2
    assert [path.name for path in file.parent.iterdir()] == [FILE]


def test_what_is_here_is_not_fetched_again(hub: HubServer, tmp_path: Path) -> None:
    pull(at(hub), TINY, tmp_path)
    hub.requests.clear()
    pull(at(hub), TINY, tmp_path)
    assert hub.ranges() == []


def test_a_broken_transfer_goes_on_where_it_ended(hub: HubServer, content: bytes, tmp_path: Path) -> None:
    hub.drops_after = 2 * CHUNK_BYTES + 1000
    with pytest.raises(DownloadFailed, match=r"503.*kept"):
        pull(at(hub), TINY, tmp_path)
    (part,) = (tmp_path / "models").iterdir()
    assert part.stat().st_size == hub.drops_after
    with hub_server(HubServer(hub.files)) as mended:
        file = pull(at(mended), TINY, tmp_path)
        assert mended.ranges() == [f"bytes={hub.drops_after}-"]
    assert file.read_bytes() == content
    assert not part.exists()


def test_a_server_without_ranges_begins_anew(hub: HubServer, content: bytes, tmp_path: Path) -> None:
    hub.drops_after = CHUNK_BYTES + 1
    with pytest.raises(DownloadFailed):
        pull(at(hub), TINY, tmp_path)
    with hub_server(HubServer(hub.files, ignores_ranges=True)) as mended:
        assert pull(at(mended), TINY, tmp_path).read_bytes() == content


def test_a_wrong_checksum_leaves_nothing(hub: HubServer, content: bytes, tmp_path: Path) -> None:
    hub.sent_instead = content[:-1] + b"x"
    with pytest.raises(DownloadFailed, match="SHA-256 differs"):
        pull(at(hub), TINY, tmp_path)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_file_of_another_length_is_refused(hub: HubServer, content: bytes, tmp_path: Path) -> None:
    hub.sent_instead = content[:-1]
    with pytest.raises(DownloadFailed, match="bytes should have come"):
        pull(at(hub), TINY, tmp_path)
    assert not (tmp_path / "models" / FILE).exists()


def test_a_part_that_was_damaged_here_is_refused_then_fetched(hub: HubServer, content: bytes, tmp_path: Path) -> None:
    part = tmp_path / "models" / f"{FILE}.{hashlib.sha256(content).hexdigest()[:12]}.part"
    part.parent.mkdir()
    part.write_bytes(b"x" * CHUNK_BYTES)
    with pytest.raises(DownloadFailed, match="SHA-256 differs"):
        pull(at(hub), TINY, tmp_path)
    assert pull(at(hub), TINY, tmp_path).read_bytes() == content


def test_one_pull_at_a_time(hub: HubServer, content: bytes, tmp_path: Path) -> None:
    part = tmp_path / "models" / f"{FILE}.{hashlib.sha256(content).hexdigest()[:12]}.part"
    part.parent.mkdir()
    with part.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DownloadFailed, match="another process"):
            pull(at(hub), TINY, tmp_path)
    assert part.is_file()


def test_another_file_of_that_name_is_kept(hub: HubServer, tmp_path: Path) -> None:
    mine = tmp_path / "models" / FILE
    mine.parent.mkdir()
    mine.write_bytes(b"GGUF, my own")
    with pytest.raises(DownloadFailed, match="kb model remove tiny-Q8_0"):
        pull(at(hub), TINY, tmp_path)
    assert mine.read_bytes() == b"GGUF, my own"


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_the_disk_is_looked_at_first(
    hub: HubServer, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = len(content) + SPARE_BYTES - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, (1 << 40) - free, free))
    with pytest.raises(DownloadFailed, match=r"takes 0\.00 GB more.*kb model list"):
        pull(at(hub), TINY, tmp_path)
    assert hub.ranges() == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, (1 << 40) - free - 1, free + 1))
    pull(at(hub), TINY, tmp_path)


def test_all_parts_of_a_split_file(hub: HubServer, tmp_path: Path) -> None:
    parts = {f"Q8_0/big-{number:05d}-of-00003.gguf": bytes([number]) * 1000 for number in (1, 2, 3)}
    hub.files[REPOSITORY].update(parts)
    first = pull(at(hub), Wanted(REPOSITORY, "Q8_0/big-00002-of-00003.gguf"), tmp_path)
    assert first.name == "big-00001-of-00003.gguf"
    assert [path.read_bytes() for path in sorted(first.parent.iterdir())] == list(parts.values())
    del hub.files[REPOSITORY]["Q8_0/big-00003-of-00003.gguf"]
    with pytest.raises(DownloadFailed, match="no Q8_0/big-00003-of-00003"):
        pull(at(hub), Wanted(REPOSITORY, "Q8_0/big-00001-of-00003.gguf"), tmp_path / "again")


def test_a_name_in_another_case(hub: HubServer, tmp_path: Path) -> None:
    assert pull(at(hub), Wanted(REPOSITORY, "tiny-q8_0.gguf"), tmp_path).name == FILE


def test_unknown_files_and_repositories(hub: HubServer, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"tiny-Q4_0.*Nearest: tiny-Q8_0\.gguf"):
        pull(at(hub), Wanted(REPOSITORY, "tiny-Q4_0.gguf"), tmp_path)
    with pytest.raises(DownloadFailed, match=r"no repository 'owner/None'.*HF_TOKEN"):
        pull(at(hub), Wanted("owner/None", FILE), tmp_path)
    with pytest.raises(DownloadFailed, match="no repository's name"):
        pull(at(hub), Wanted("owner/..", FILE), tmp_path)


def test_a_gated_repository_opens_with_a_token(hub: HubServer, tmp_path: Path) -> None:
    hub.gated.add(REPOSITORY)
    hub.token = "hf_secret"
    with pytest.raises(DownloadFailed, match=r"is gated.*HF_TOKEN"):
        pull(at(hub), TINY, tmp_path)
    assert pull(at(hub, "hf_secret"), TINY, tmp_path).is_file()


def test_without_a_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(DownloadFailed, match=r"cannot be reached.*kb model use FILE"):
        pull(Hub(f"http://127.0.0.1:{port}", False, progress=False), TINY, tmp_path)
    assert not (tmp_path / "models").exists()


def test_nothing_but_the_model_is_asked_for(hub: HubServer, tmp_path: Path) -> None:
    pull(at(hub), TINY, tmp_path)
    assert {path for _, path, _ in hub.requests} <= {
        f"/api/models/{REPOSITORY}", f"/{REPOSITORY}/resolve/0123456789abcdef0123456789abcdef01234567/{FILE}",
        f"/store/{REPOSITORY}/{FILE}",
    }  # fmt: skip


def test_no_more_is_written_than_the_file_has(hub: HubServer, tmp_path: Path) -> None:
    """8 GB came for a file of 100 kB, and were kept."""
    hub.sends_on_bytes = 400_000_000
    with pytest.raises(DownloadFailed, match=r"more came than its 3,145,728 bytes, and it was deleted"):
        pull(at(hub), TINY, tmp_path)
    assert list((tmp_path / "models").iterdir()) == []
    assert hub.sent_on < 50_000_000, "what the connection itself takes in advance"


def test_a_transfer_that_drips_ends(hub: HubServer, tmp_path: Path) -> None:
    hub.drips_s = 0.05
    with pytest.raises(DownloadFailed, match=r"came in \d+ s, too few to wait for"):
        pull(Hub(hub.url, False, progress=False, patience_s=0.5), TINY, tmp_path)
    assert not (tmp_path / "models" / FILE).exists()
    hub.drips_s = 0.0


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<!doctype html><title>Sign in</title>"),
        ("application/json", b'{"sha": "0123", "siblings": [{"rfil'),
        ("application/json", b"[1, 2, 3]"),
        ("application/json", b'{"sha": "0123", "siblings": [{}, null]}'),
        ("application/json", b'{"sha": null, "siblings": [{"rfilename": "tiny-Q8_0.gguf", "lfs": {"size": -1}}]}'),
        ("application/json", b"[" * 200_000),
        ("application/json", b"\xff\xfe\x00"),
    ],
)
def test_what_is_no_description_is_told(hub: HubServer, tmp_path: Path, kind: str, body: bytes) -> None:
    hub.described_as = (kind, body)
    with pytest.raises(DownloadFailed, match=rf"does not answer as the hub does.*{kind}.*proxy") as told:
        pull(at(hub), TINY, tmp_path)
    assert len(str(told.value)) < 600
    assert not (tmp_path / "models").exists()
