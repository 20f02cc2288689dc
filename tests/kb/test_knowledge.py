"""All the knowledge that we ship, record by record."""

import re
from collections.abc import Iterator

import pytest

from kb.catalogue.load import Knowledge, load
from kb.catalogue.records import Build, Figure, Measurement, SourceRef, Spec, kinds
from kb.catalogue.records.arithmetic import check_equation
from kb.errors import KnowledgeBaseError
from kb.llm.downloads import load_downloads
from kb.search.live import Index
from kb.settings import Settings
from kb.tools import TOOLS
from kb.tools.media_memory.tool import working

DOCUMENTS = (
    "hardware-behind-ai",
    "hardware-basics-course",
    "local-ai-hardware-guide-2026",
    "hardware-requirements-foundation",
    "inference-hardware-notes",
)

# What the documents name, by the names that people type.
TERMS = (
    "CPU", "GPU", "VRAM", "RAM", "unified memory", "3D V-Cache", "NVMe", "SSD", "TDP", "ECC", "cache", "DDR5",
    "GDDR7", "HBM", "FP32", "FP16", "BF16", "FP8", "FP4", "NVFP4", "MXFP4", "INT8", "INT4", "quantization", "GGUF",
    "safetensors", "EXL2", "AWQ", "GPTQ", "NF4", "bits per weight", "K-quants", "I-quants", "Q2_K", "Q3_K_S",
    "Q3_K_M", "Q3_K_L", "Q4_0", "Q4_K_S", "Q4_K_M", "Q5_0", "Q5_K_S", "Q5_K_M", "Q6_K", "Q8_0", "IQ1_S", "IQ2_XXS",
    "IQ2_XS", "IQ3_XXS", "IQ4_XS", "IQ4_NL", "TQ1_0", "perplexity", "imatrix", "parameters", "memory bandwidth",
    "tokens per second", "token", "prefill", "decode", "time to first token", "KV cache", "context length",
    "context window", "GQA", "grouped-query attention", "MLA", "MoE", "mixture of experts", "active parameters",
    "dense model", "CPU offload", "offloading", "tensor split", "tensor parallelism", "layer split",
    "pipeline parallelism", "model sharding", "PagedAttention", "FlashAttention", "batching", "continuous batching",
    "speculative decoding", "distillation", "fine-tuning", "LoRA", "QLoRA", "training", "inference", "Blackwell",
    "Ada Lovelace", "Hopper", "Ampere", "Grace Blackwell", "GB10", "DGX Spark", "DGX Station", "Apple Silicon",
    "Mac Studio", "Mac mini", "Strix Halo", "Threadripper PRO", "Ryzen 9", "Core Ultra", "Tensor Cores", "CUDA cores",
    "TFLOPS", "TOPS", "sparsity", "RAPIDS", "cuDF", "cuML", "cuGraph", "cuSpatial", "Pandas", "scikit-learn",
    "Apache Spark", "RAPIDS Accelerator", "RAPIDS Accelerator for Apache Spark", "ETL", "DataFrame", "ConnectX-7",
    "QSFP112", "RDMA", "InfiniBand", "NVLink", "NVLink bridge", "PCIe", "PCIe 3.0", "PCIe 4.0", "PCIe 5.0",
    "PCIe lanes", "10 GbE", "10 Gigabit Ethernet", "Wi-Fi 7", "LAN", "WAN", "latency", "PSU", "power supply",
    "80 PLUS", "ATX 3.1", "12V-2x6", "12VHPWR", "bifurcation", "blower", "blower cooler", "open-air cooler", "AIO",
    "water cooling", "undervolting", "power limit", "circuit breaker", "UPS", "form factor", "motherboard", "chipset",
    "VRM", "XMP", "RDIMM", "llama.cpp", "Ollama", "vLLM", "ExLlamaV2", "LM Studio", "TGI", "TensorRT-LLM",
    "KoboldCpp", "Open WebUI", "MLX", "Metal", "ROCm", "CUDA", "Vulkan", "PyTorch", "MCP", "Hugging Face", "RAG",
    "Whisper", "Flux", "autoresearch", "air-gapped", "data sovereignty", "GiB", "gigabyte", "vGPU", "MIG", "RAID 0",
    "TBW", "external GPU", "home server",
)  # fmt: skip


@pytest.fixture(scope="module")
def known(settings: Settings) -> Knowledge:
    """Loading raises on any problem; see ``test_load`` for what is one."""
    return load(settings.knowledge_dir)


def test_there_is_enough(known: Knowledge) -> None:
    assert len(known.terms) >= 100
    assert len(known.disputes) >= 60
    assert not [kind for kind in kinds if not known.specs[kind]]


@pytest.mark.parametrize("name", TERMS)
def test_term_answers(index: Index, name: str) -> None:
    match = index.names.resolve(("terms",), name)
    assert not match.note, "by a name of its own, not by a likeness"


def test_terms_are_whole(known: Knowledge) -> None:
    for slug, term in known.terms.items():
        first = re.split(r"[.:] |\n\n", term.definition)[0]
        assert len(first.split()) <= 45, f"{slug}: its first sentence is for a newcomer"
        assert term.related or term.broader, slug
        for part in (term.definition, term.in_practice, term.pitfalls):
            assert part.rstrip()[-1] in '.!?)`"”:|', f"{slug}: {part[-30:]!r} breaks off"


def test_broader_terms_do_not_go_in_circles(known: Knowledge) -> None:
    for slug in known.terms:
        above, rising = set[str](), {slug}
        while rising:
            rising = {up for low in rising for up in known.terms[low].broader} - above
            above |= rising
        assert slug not in above, slug


def _specs(known: Knowledge) -> Iterator[Spec]:
    for records in known.specs.values():
        yield from records.values()


def test_every_figure_and_price_has_sources(known: Knowledge) -> None:
    for spec in _specs(known):
        cited: list[tuple[SourceRef, ...]] = [figure.sources for _, figure in spec.figures()]
        cited += [price.sources for price in spec.prices]
        assert all(cited), spec.slug
        assert {ref.source for refs in cited for ref in refs} <= {ref.source for ref in spec.sources}, spec.slug
        assert {ref.source for refs in (*cited, spec.sources) for ref in refs} <= set(known.sources), spec.slug
    for term in known.terms.values():
        assert all(figure.sources for figure in term.figures), term.slug


def test_every_source_is_used_and_described(known: Knowledge) -> None:
    used = {ref.source for spec in _specs(known) for ref in spec.sources}
    used |= {ref.source for spec in _specs(known) for price in spec.prices for ref in price.sources}
    used |= {ref.source for spec in _specs(known) for file in getattr(spec, "files", ()) for ref in file.sources}
    used |= {ref.source for term in known.terms.values() for ref in term.sources}
    used |= {ref.source for term in known.terms.values() for figure in term.figures for ref in figure.sources}
    used |= {ref.source for dispute in known.disputes.values() for ref in dispute.sources}
    used |= {claim.source for dispute in known.disputes.values() for claim in dispute.claims}
    used |= {passage.source for passage in known.passages.values()}
    used |= {ref.source for download in load_downloads(Settings().knowledge_dir) for ref in download.sources}
    used |= {ref.source for work in working().values() for ref in work.sources}
    assert sorted(set(known.sources) - used) == []
    assert all(source.title and source.publisher for source in known.sources.values())


def test_prices_and_speeds_keep_their_date(known: Knowledge) -> None:
    for spec in _specs(known):
        if isinstance(spec, Measurement):
            for key, figure in spec.figures():
                documents = [ref for ref in figure.sources if known.sources[ref.source].kind == "document"]
                dated = figure.as_of or all(known.sources[ref.source].published is None for ref in documents)
                assert dated, f"{spec.slug}: {key}"
        assert all(price.as_of for price in spec.prices), spec.slug


def test_arithmetic_of_every_dispute_holds(known: Knowledge) -> None:
    for dispute in known.disputes.values():
        for line in dispute.arithmetic:
            check_equation(line)
        if dispute.kind == "arithmetic":
            assert dispute.arithmetic, f"{dispute.slug}: is about arithmetic and shows none"


def test_disputes_are_between_somebody(known: Knowledge) -> None:
    for dispute in known.disputes.values():
        claimants = {claim.source for claim in dispute.claims}
        if dispute.kind == "between-sources":
            parties = claimants | {ref.source for ref in dispute.sources} - {"hardware-kb-glossary"}
            assert len(parties) > 1, dispute.slug
        assert claimants & set(DOCUMENTS), f"{dispute.slug}: none of the documents takes part"


def test_field_notes_answer_in_their_first_sentence(index: Index) -> None:
    notes = [passage for passage in index.known.passages.values() if passage.source == "field-notes"]
    assert len(notes) >= 100
    for note in notes:
        first = re.split(r"(?<=[.:!?]) ", note.text)[0]
        assert len(first.split()) <= 45, f"{note.passage_id}: {first}"
        assert 35 <= len(note.text.split()) <= 120, note.passage_id
        assert len(note.questions) >= 5, f"{note.passage_id}: say in more ways what it answers"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_document_is_carried_over(known: Knowledge, document: str) -> None:
    assert known.sources[document].kind == "document"
    passages = [passage for passage in known.passages.values() if passage.source == document]
    sections = {passage.section for passage in passages}
    assert len(passages) >= len(sections) >= 6
    for passage in passages:
        assert passage.section, passage.passage_id
        assert len(passage.text.split()) >= 8, f"{passage.passage_id}: says nothing"
    assert any(claim.source == document for dispute in known.disputes.values() for claim in dispute.claims)
    assert any(ref.source == document for spec in _specs(known) for ref in spec.sources)


def _device(known: Knowledge, record: Measurement) -> tuple[str, int] | None:
    kind, _, slug = record.device.partition("/")
    if kind != "builds":
        return slug, record.device_count
    build = known.specs["builds"][slug]
    assert isinstance(build, Build)
    for part in build.parts:
        cards = [ref.removeprefix("accelerators/") for ref in part.refs if ref.startswith("accelerators/")]
        if cards:
            return cards[0], part.count * record.device_count
    return None


def _top(figure: Figure[float | tuple[float, float]]) -> float:
    return max(figure.value) if isinstance(figure.value, tuple) else figure.value


def test_speed_above_the_bandwidth_is_disputed(index: Index, known: Knowledge) -> None:
    """Memory that is read once per token bounds what can be true; a claim above that bound needs our ruling."""
    disputed = {target.partition("#")[0] for dispute in known.disputes.values() for target in dispute.about}
    checked, unruled = 0, []
    for slug, record in known.specs["measurements"].items():
        assert isinstance(record, Measurement)
        if record.decode_tokens_per_s is None or record.model is None:
            continue
        device = _device(known, record)
        if device is None:
            continue
        name, count = device
        asked = {
            "model": record.model, "quantization": record.quantization or "q4_k_m", "device": name,
            "device_count": count, "context": 512,
        }  # fmt: skip
        ceiling = TOOLS["estimate_speed"].call(index, asked).ceiling_tokens_per_s
        checked += 1
        if _top(record.decode_tokens_per_s) > ceiling * 1.005 and f"measurements/{slug}" not in disputed:
            unruled.append(f"{slug}: {_top(record.decode_tokens_per_s):g} > {ceiling:g} tokens/s")
    assert checked >= 50
    assert unruled == []


def test_the_calculators_accept_what_we_list(index: Index, known: Knowledge) -> None:
    """A record that a calculator cannot use says which figure is missing; common ones lack none."""
    fit = TOOLS["check_fit"]
    base = {"model": "llama-3-1-8b", "quantization": "q4_k_m", "device": "rtx-4090"}
    refused = []
    for field, kind in (
        ("device", "accelerators"),
        ("device", "machines"),
        ("model", "models"),
        ("quantization", "quantizations"),
    ):
        for slug in known.specs[kind]:
            try:
                fit.call(index, {**base, field: slug})
            except KnowledgeBaseError as error:
                refused.append(f"{kind}/{slug}: {error}")
    total = sum(len(known.specs[kind]) for kind in ("accelerators", "machines", "models", "quantizations"))
    assert len(refused) < total * 0.1, "\n".join(refused)
