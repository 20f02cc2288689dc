"""``/health`` and ``/metrics``, from the first second on."""

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from kb.settings import Settings

LLAMA = {"model": "llama 3.1 70b", "quantization": "q4_k_m", "device": "RTX 4090"}


def test_alive_and_ready(http: httpx2.Client) -> None:
    assert http.get("/health/live").json() == {"status": "alive"}
    ready = http.get("/health/ready").json()
    assert ready["status"] == "ready"
    assert ready["build_id"]
    assert ready["counts"]["terms"] > 0
    assert "engine" in ready["chat"]


def test_alive_at_once_and_ready_when_loaded(settings: Settings, serve: Any, wait_until_ready: Any) -> None:
    hold = threading.Event()

    def slow(_: Settings) -> None:
        hold.wait(60)

    with serve(settings, slow, ready=False) as base:
        assert httpx2.get(f"{base}/health/live").status_code == 200
        loading = httpx2.get(f"{base}/health/ready")
        assert loading.status_code == 503
        assert loading.json()["detail"].startswith("loading")
        assert loading.headers["retry-after"]
        hold.set()
        wait_until_ready(base)


def test_without_an_index_it_lives_says_how_to_build_and_notices_the_build(
    settings: Settings, data_dir: Path, tmp_path: Path, serve: Any, wait_until_ready: Any
) -> None:
    folder = tmp_path / "data"
    with serve(settings.model_copy(update={"data_dir": folder}), ready=False) as base:
        for path in ("/health/ready", "/search?q=x", "/passages/term.vram"):
            for _ in range(600):
                answer = httpx2.get(base + path)
                if answer.json()["type"] == "/problems/index-unusable":
                    break
                time.sleep(0.05)
            assert answer.status_code == 503
            assert "kb build" in answer.json()["detail"]
        assert httpx2.get(f"{base}/health/live").status_code == 200
        for path in ("/tools", "/terms/vram", "/specs/accelerators?memory_gib_min=24", "/specs/accelerators/rtx-5090"):
            assert httpx2.get(base + path).status_code == 200, path
        fit = httpx2.post(f"{base}/tools/check_fit", json=LLAMA)
        assert fit.json()["verdict"] == "fits_with_offload"
        found = httpx2.post(f"{base}/tools/search_passages", json={"query": "what is VRAM"})
        assert (found.status_code, "kb build" in found.json()["detail"]) == (503, True)
        shutil.copytree(data_dir, folder, symlinks=True)
        wait_until_ready(base)
        assert httpx2.get(f"{base}/terms/vram").status_code == 200


def test_a_first_build_that_is_being_opened_is_loading_not_missing(
    settings: Settings, data_dir: Path, tmp_path: Path, serve: Any, wait_until_ready: Any
) -> None:
    hold, folder = threading.Event(), tmp_path / "data"

    def slow(_: Settings) -> None:
        hold.wait(60)

    def until(base: str, kind: str) -> httpx2.Response:
        for _ in range(600):
            answer = httpx2.get(f"{base}/health/ready")
            if answer.json()["type"] == f"/problems/{kind}":
                return answer
            time.sleep(0.05)
        raise AssertionError(answer.text)

    with serve(settings.model_copy(update={"data_dir": folder}), slow, ready=False) as base:
        until(base, "index-unusable")
        shutil.copytree(data_dir, folder, symlinks=True)
        loading = until(base, "loading")
        assert "kb build" not in loading.json()["detail"]
        assert loading.headers["retry-after"]
        hold.set()
        wait_until_ready(base)


@pytest.mark.parametrize("damage", ["kb.sqlite3", "manifest.json"])
def test_damaged_index_says_so(settings: Settings, data_dir: Path, tmp_path: Path, serve: Any, damage: str) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data_dir, folder, symlinks=True)
    file = folder / "current" / damage
    file.write_bytes(file.read_bytes()[:100])
    with serve(settings.model_copy(update={"data_dir": folder}), ready=False) as base:
        for _ in range(600):
            answer = httpx2.get(f"{base}/search?q=x")
            if answer.json()["type"] == "/problems/index-unusable":
                break
            time.sleep(0.05)
        assert answer.status_code == 503
        assert "kb build" in answer.json()["detail"]


def test_metrics_count_by_route_and_by_server(settings: Settings, serve: Any) -> None:
    line = 'kb_http_requests_total{method="GET",route="/terms/{name}",status="200"} 2.0'
    for _ in range(2):
        with serve(settings) as base:
            for name in ("vram", "gguf"):
                httpx2.get(f"{base}/terms/{name}")
            httpx2.get(f"{base}/no/such/route")
            answer = httpx2.get(f"{base}/metrics")
            assert answer.headers["content-type"].startswith("text/plain")
            assert line in answer.text.splitlines()
            assert 'route="unmatched",status="404"} 1.0' in answer.text


@pytest.mark.parametrize("knowledge", ["broken", "missing"])
def test_files_that_do_not_load_keep_no_good_index_from_being_served(
    settings: Settings, tmp_path: Path, serve: Any, knowledge: str
) -> None:
    """Somebody edits them, or only the data folder was taken along."""
    folder = tmp_path / knowledge
    if knowledge == "broken":
        (folder / "glossary" / "terms").mkdir(parents=True)
        (folder / "glossary" / "terms" / "vram.md").write_text("no front matter", "utf-8")
    with serve(settings.model_copy(update={"knowledge_dir": folder})) as base:
        assert httpx2.get(f"{base}/terms/vram").status_code == 200
        assert httpx2.get(f"{base}/search?q=vram").status_code == 200
