"""Fit of a file of the user's: its header is read in the browser, and nothing else of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import gguf
import httpx2
import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from kb.catalogue.gguf_file import whole_header
from tests.make_gguf import make_gguf, truncate
from tests.web.test_compare import needs_browser
from tests.web.test_pages import assert_clean, log, serious, until

CARD = {"device": "RTX 4090"}
CONFIG = {
    "_name_or_path": "somebody/Own-8B", "bos_token_id": 1, "model_type": "llama", "dtype": "bfloat16",
    "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 8,
    "intermediate_size": 14336, "vocab_size": 128256, "max_position_embeddings": 131072,
}  # fmt: skip
READ = """const [done] = arguments;
import("/static/gguf.js").then(({readHeader}) => readHeader(document.getElementById("file").files[0])).then(done);"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gguf(tmp_path_factory.mktemp("models") / "tiny.gguf")


def body(http: httpx2.Client, **changed: Any) -> dict[str, Any]:
    operation = http.get("/docs/openapi.json").json()["paths"]["/fit/gguf"]["post"]
    example: dict[str, Any] = operation["requestBody"]["content"]["application/json"]["examples"]["example"]["value"]
    return example | changed


def test_a_header_gives_fit_and_speed(http: httpx2.Client) -> None:
    answer = http.post("/fit/gguf", json=body(http, arguments=CARD))
    assert answer.status_code == 200
    found = answer.json()
    assert found["fit"]["verdict"] == "fits"
    elements = 2 * (256 * 1024 + 256 * 256 + 256 * 512) + 4 * 256
    assert found["fit"]["breakdown"]["weights_gb"] == pytest.approx(elements / 1e9, abs=0.01)
    assert found["speed"]["device"] == "GeForce RTX 4090"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"file_bytes": 1000}, "damaged or cut short"),
        ({"tensors": []}, "no language model"),
        ({"keys": {"general.architecture": "clip", "clip.block_count": 1}}, "'clip' is not known"),
        ({"keys": {"general.architecture": "llama", "llama.block_count": 1}}, "damaged"),
        ({"tensors": [{"name": "token_embd.weight", "type": 999, "shape": [1]}]}, "a tensor type that is not known"),
        ({"arguments": {"device": "RTX 4090", "context": 0}}, "context"),
        ({"tensors": [{"name": "token_embd.weight", "type": 1, "shape": [0]}]}, "damaged"),
        ({"tensors": [{"name": "blk.7.ffn_up.weight", "type": 1, "shape": [256, 1024]}]}, "damaged"),
        ({"keys": {f"general.{n}": 1 for n in range(301)}}, "keys"),
    ],
)
def test_a_header_that_makes_no_sense_is_told_so(http: httpx2.Client, changed: dict[str, Any], told: str) -> None:
    answer = http.post("/fit/gguf", json=body(http, arguments=CARD) | changed)
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


@pytest.mark.parametrize("value", [1e308, -1, 2**53 + 2, [1.0, -5e300]])
def test_no_number_of_a_header_is_too_much(http: httpx2.Client, value: Any) -> None:
    """Whichever it is of: an answer, or that it makes no sense."""
    keys = body(http)["keys"]
    for name in (*keys, *(f"llama.{key}" for key in ("expert_count", "expert_used_count", "attention.key_length"))):
        answer = http.post("/fit/gguf", json=body(http, arguments=CARD, keys=keys | {name: value}))
        assert answer.status_code in (200, 422), (name, answer.text)
    assert http.post("/fit/gguf", json=body(http, keys=keys | {"llama.embedding_length": value})).status_code == 422


def test_experts_of_nothing_are_no_experts(http: httpx2.Client) -> None:
    keys = body(http)["keys"] | {"llama.expert_count": 8}
    empty = [{"name": "blk.0.ffn_up_exps.weight", "type": 1, "shape": [0]}]
    answer = http.post("/fit/gguf", json=body(http, arguments=CARD, keys=keys, tensors=empty))
    assert (answer.status_code, "damaged" in answer.json()["detail"]) == (422, True)


def test_without_a_bandwidth_there_is_a_fit_and_what_a_speed_needs(http: httpx2.Client) -> None:
    found = http.post("/fit/gguf", json=body(http, arguments={"device": {"memory_gib": 8}})).json()
    assert (found["fit"]["verdict"], found["speed"]) == ("fits", None)
    assert "bandwidth" in found["no_speed"]


def chosen(browser: webdriver.Chrome, base_url: str, *files: Path) -> None:
    browser.get(f"{base_url}/fit?model=8b&device=RTX+4090")
    until(browser, ".verdict-words")
    browser.find_element(By.ID, "file").send_keys("\n".join(map(str, files)))


def with_words(path: Path, count: int) -> Path:
    """A vocabulary that is longer than what is read at first."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_token_list([f"word number {number}" for number in range(count)])
    writer.add_tensor("token_embd.weight", np.zeros((4, 4), np.float32))
    for write in (
        writer.write_header_to_file,
        writer.write_kv_data_to_file,
        writer.write_tensors_to_file,
        writer.close,
    ):
        write()
    return path


@needs_browser
def test_the_browser_reads_the_same_header(
    browser: webdriver.Chrome, base_url: str, model: Path, tmp_path: Path
) -> None:
    for file in (model, with_words(tmp_path / "words.gguf", 100_000)):
        browser.get(f"{base_url}/fit")
        until(browser, ".verdict-words")
        browser.execute_script("addEventListener('change', (event) => event.stopImmediatePropagation(), true)")
        browser.find_element(By.ID, "file").send_keys(str(file))
        read = browser.execute_async_script(READ)
        ours = whole_header(file)
        assert [tensor["name"] for tensor in read["tensors"]] == [tensor.name for tensor in ours.tensors]
        kept = {key: value for key, value in ours.keys.items() if key.startswith(("general.", "llama."))}
        kept["tokenizer.ggml.tokens"] = ours.keys["tokenizer.ggml.tokens"]
        assert read["keys"] == pytest.approx(kept)


@needs_browser
def test_a_gguf_file_is_fitted_by_its_own_tensors(browser: webdriver.Chrome, base_url: str, model: Path) -> None:
    chosen(browser, base_url, model)
    until(browser, "#chosen", "tiny.gguf")
    until(browser, ".verdict p", "F32 on GeForce RTX 4090")
    assert not browser.find_element(By.ID, "quantization").is_enabled()
    assert parse_qs(urlsplit(browser.current_url).query)["file"] == ["tiny.gguf"]
    assert_clean(browser, base_url, log(browser))
    assert serious(browser) == []
    browser.refresh()
    until(browser, ".verdict p", "F32 on GeForce RTX 4090")
    browser.find_element(By.CSS_SELECTOR, "#chosen button").click()
    until(browser, "#result .note", "Name a model")
    assert browser.find_element(By.ID, "model").is_enabled()
    assert "file" not in parse_qs(urlsplit(browser.current_url).query)


@needs_browser
def test_a_config_is_fitted_at_any_quantization(browser: webdriver.Chrome, base_url: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(CONFIG), "utf-8")
    chosen(browser, base_url, file)
    until(browser, ".verdict p", "Own-8B at Q4_K_M on GeForce RTX 4090")
    assert_clean(browser, base_url, log(browser))
    browser.find_element(By.ID, "quantization").send_keys("Q8_0")
    until(browser, ".verdict p", "Own-8B at Q8_0")


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


BAD: dict[str, tuple[Callable[[Path, Path], list[Path]], str]] = {
    "cut": (lambda folder, model: [truncate(model, folder / "cut.gguf", keep=0.02)], "damaged or cut short"),
    "cut later": (lambda folder, model: [truncate(model, folder / "later.gguf", keep=0.9)], "damaged or cut short"),
    "no gguf": (lambda folder, model: [write(folder / "a.gguf", "GGML here")], "does not begin with 'GGUF'"),
    "no json": (lambda folder, model: [write(folder / "config.json", "{]")], "not valid JSON"),
    "other json": (lambda folder, model: [write(folder / "a.json", '{"model_max_length": 5}')], "no num_hidden_layers"),
    "list": (lambda folder, model: [write(folder / "b.json", "[1]")], "no num_hidden_layers"),
    "null": (lambda folder, model: [write(folder / "c.json", "null")], "no num_hidden_layers"),
    "other": (lambda folder, model: [write(folder / "model.safetensors", "x")], "is neither"),
    "two": (lambda folder, model: [model, make_gguf(folder / "other.gguf")], "One file is one model"),
    "type": (
        lambda folder, model: [write(folder / "d.json", json.dumps(CONFIG | {"model_type": "<b>bert</b>"}))],
        "model_type: is not accepted",
    ),
    "text": (
        lambda folder, model: [write(folder / "e.json", json.dumps(CONFIG | {"hidden_size": "many"}))],
        "hidden_size: a text is not accepted here",
    ),
    "lacks": (
        lambda folder, model: [write(folder / "f.json", json.dumps({"num_hidden_layers": 3}))],
        "hidden_size: is missing",
    ),
}


@needs_browser
def test_what_is_no_model_file_is_told_in_plain_words(
    browser: webdriver.Chrome, base_url: str, model: Path, tmp_path: Path
) -> None:
    for name, (made, told) in BAD.items():
        (tmp_path / name).mkdir()
        chosen(browser, base_url, *made(tmp_path / name, model))
        until(browser, "#file-error p", told)
        assert browser.find_elements(By.CSS_SELECTOR, "#file-error b") == [], name


@needs_browser
def test_a_file_may_be_dropped_and_a_link_does_not_carry_it(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(f"{base_url}/fit?file=gone.gguf&device=RTX+4090")
    until(browser, "#file-error p", "a link does not carry")
    browser.execute_script(
        """const moved = new DataTransfer();
        moved.items.add(new File([arguments[0]], "config.json"));
        document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: moved, bubbles: true, cancelable: true}));""",
        json.dumps(CONFIG),
    )
    until(browser, ".verdict p", "Own-8B at Q4_K_M on GeForce RTX 4090")
    assert browser.find_elements(By.CSS_SELECTOR, "#file-error p") == []
