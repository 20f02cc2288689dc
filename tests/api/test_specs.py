"""``/specs``."""

import httpx2
import pytest

from kb.catalogue.records import kinds
from kb.search.live import Index


def test_kinds_are_listed_with_counts_and_filters(http: httpx2.Client, index: Index) -> None:
    listed = {kind["kind"]: kind for kind in http.get("/specs").json()["kinds"]}
    assert list(listed) == list(kinds)
    assert listed["accelerators"]["count"] == len(index.known.specs["accelerators"])
    assert "memory_gib" in listed["accelerators"]["number_filters"]
    assert "architecture" in listed["accelerators"]["text_filters"]


def test_a_figure_has_value_unit_and_sources(http: httpx2.Client) -> None:
    spec = http.get("/specs/accelerators/rtx 4090").json()
    assert spec["slug"] == "rtx-4090"
    memory = spec["figures"]["memory_gib"]
    assert (memory["value"], memory["unit"]) == (24.0, "GiB")
    assert memory["sources"]
    assert isinstance(memory["disputed"], list)


def test_every_spec_answers_by_its_slug(http: httpx2.Client, index: Index) -> None:
    for kind, records in index.known.specs.items():
        for slug in records:
            answer = http.get(f"/specs/{kind}/{slug}")
            assert answer.status_code == 200, (kind, slug)
            assert answer.json()["slug"] == slug


def test_numbers_texts_vendor_and_sort(http: httpx2.Client) -> None:
    query = {"memory_gib_min": 24, "memory_gib_max": 32, "vendor": "nvidia", "sort": "-memory_bandwidth_gb_per_s"}
    found = http.get("/specs/accelerators", params={**query, "architecture": "blackwell"}).json()
    assert found["total"] >= 1
    assert found["items"][0]["slug"] == "rtx-5090"
    rates = [item["figures"]["memory_bandwidth_gb_per_s"]["value"] for item in found["items"]]
    assert rates == sorted(rates, reverse=True)
    for item in found["items"]:
        assert 24 <= item["figures"]["memory_gib"]["value"] <= 32
        assert "blackwell" in item["figures"]["architecture"]["value"].lower()
    exactly = http.get("/specs/accelerators", params={"memory_gib": 24, "limit": 3}).json()["items"]
    assert {item["figures"]["memory_gib"]["value"] for item in exactly} == {24.0}


def test_pages_follow_one_another(http: httpx2.Client) -> None:
    pages = [http.get("/specs/models", params={"limit": 5, "offset": offset}).json() for offset in (0, 5)]
    slugs = [item["slug"] for page in pages for item in page["items"]]
    assert len(set(slugs)) == 10


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("memory=24", "memory"),
        ("memory_gib_min=much", "memory_gib_min"),
        ("memory_gib_min=nan", "memory_gib_min"),
        ("memory_gib_max=inf", "memory_gib_max"),
        ("architecture=", "architecture"),
        ("sort=beauty", "sort"),
        ("limit=1000000000000", "limit"),
        ("offset=99999999999999999999", "offset"),
    ],
)
def test_bad_filters_are_named_with_what_is_accepted(http: httpx2.Client, query: str, field: str) -> None:
    answer = http.get(f"/specs/accelerators?{query}")
    assert answer.status_code == 422
    error = answer.json()["errors"][0]
    assert error["field"] == field
    assert error["accepted"]


def test_ambiguous_name_is_422_with_the_candidates(http: httpx2.Client) -> None:
    answer = http.get("/specs/accelerators/3060")
    assert answer.status_code == 422
    assert len(answer.json()["candidates"]) == 2


@pytest.mark.parametrize("path", ["/specs/gpus", "/specs/gpus/rtx-5090", "/specs/accelerators/rtx 5095"])
def test_unknown_kind_or_name_is_404_with_suggestions(http: httpx2.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 404
    assert answer.json()["suggestions"]


@pytest.mark.parametrize(
    ("words", "slug"), [("5090", "rtx-5090"), ("nvidia rtx 5090", "rtx-5090"), ("m2 ultra", "m2-ultra-76")]
)
def test_search_over_all_kinds(http: httpx2.Client, words: str, slug: str) -> None:
    found = http.get("/specs/search", params={"q": words}).json()
    assert slug in [item["slug"] for item in found["items"][:3]]


def test_search_that_finds_nothing_is_empty(http: httpx2.Client) -> None:
    assert http.get("/specs/search", params={"q": "zzzzqqqq"}).json()["items"] == []


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("/specs/accelerators/RTX 4090 Ti", "GeForce RTX 4090"),
        ("/specs/accelerators/RTX 5090 Ti", "GeForce RTX 5090"),
        ("/specs/accelerators/RTX 3090 48GB", "GeForce RTX 3090"),
        ("/specs/accelerators/RTX 4060 12GB", "GeForce RTX 4060"),
        ("/specs/accelerators/GTX 1080 Ti Super", "GeForce GTX 1080 Ti"),
        ("/specs/accelerators/B200 Ultra", "NVIDIA B200"),
        ("/specs/accelerators/A100 120GB", "NVIDIA A100 40GB PCIe"),
        ("/specs/accelerators/RX 9070 XTX", "AMD Radeon RX 9070"),
        ("/specs/accelerators/RTX 5095", "GeForce RTX 5090"),
        ("/specs/accelerators/Arc B580 24GB", "Intel Arc B580"),
        ("/specs/machines/DGX Spark 2", "NVIDIA DGX Spark"),
        ("/specs/machines/Mac Studio M4 Ultra", "Apple Mac Studio (M3 Ultra, 2025)"),
        ("/specs/machines/M3", "Apple iMac (M3, 2023)"),
        ("/specs/models/Llama 3.1 8B VL", "Llama 3.1 8B"),
        ("/specs/models/Llama 5 8B", "Llama 3 8B"),
        ("/specs/models/Llama 3.1 9B", "Llama 3.1 8B"),
        ("/specs/models/Qwen3 33B", "Qwen3 32B"),
        ("/specs/models/GPT-OSS 240B", "gpt-oss 20B"),
        ("/specs/models/70b", "Llama 3.1 70B"),
        ("/specs/models/33b", "Yi 34B"),
        ("/specs/models/32 billion", "Qwen2.5 32B"),
        ("/specs/cpus/Epyc 9655F", "AMD EPYC 9655"),
        ("/specs/cpus/Ryzen 9 9999X", "AMD Ryzen 9 9900X"),
        ("/specs/quantizations/NVFP5", "NVFP4"),
        ("/specs/quantizations/Q9_0", "Q8_0"),
        ("/terms/MI250X", "AMD Instinct"),
    ],
)
def test_nobody_answers_for_another_thing(http: httpx2.Client, path: str, nearest: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 404
    assert answer.json()["suggestions"][0] == nearest


@pytest.mark.parametrize("size", ["8b", "70B", "33b"])
def test_no_tool_gives_the_record_of_a_size(http: httpx2.Client, size: str) -> None:
    answer = http.post("/tools/lookup_spec", json={"name": size})
    assert answer.status_code == 404
    assert answer.json()["suggestions"]


def test_a_short_form_of_several_lists_them(http: httpx2.Client) -> None:
    answer = http.get("/specs/accelerators/RX%207900")
    assert answer.status_code == 422
    assert len(answer.json()["candidates"]) == 4
