"""Memory of training against files, papers and runs of other people."""

import pytest

from kb.calc.training import Method, Sharding, on_each, training_memory
from kb.catalogue import Catalogue
from kb.catalogue.units import GB, MIB
from kb.tools.shared.resolve import resolve_model

ALIKE = 0.02


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


@pytest.mark.parametrize(
    ("model", "published_gb"),
    [("llama 3.1 8b", 5.70), ("llama 3 8b", 5.70)],
)  # fmt: skip
def test_weights_in_four_bits_are_as_large_as_the_files_of_bitsandbytes(
    catalogue: Catalogue, model: str, published_gb: float
) -> None:
    """Downloads of unsloth/llama-3-8b-bnb-4bit and its like, whose tables of the vocabulary stay in 16 bits."""
    architecture = resolve_model(catalogue, model).architecture
    one = training_memory(architecture, "qlora", 1, 1, 1)
    assert one.weights / GB == pytest.approx(published_gb, rel=ALIKE)


def test_the_loss_over_all_logits_takes_what_was_measured(catalogue: Catalogue) -> None:
    """Wijmans et al. 2025, table 1: 28,000 MB for 8,192 tokens of Gemma 2."""
    architecture = resolve_model(catalogue, "gemma 2 9b").architecture
    assert training_memory(architecture, "lora", 8192, 1).logits / MIB == pytest.approx(28_000, rel=ALIKE)


def test_a_run_ends_where_its_owner_saw_it_end(catalogue: Catalogue) -> None:
    """LoRA on a Gemma 3 12B in 8 bits on 80 GiB: 14,000 tokens go, 15,000 do not."""
    architecture = resolve_model(catalogue, "gemma 3 12b").architecture
    sizes = [training_memory(architecture, "lora_8bit", tokens, 1).total / 2**30 for tokens in (14_000, 18_000)]
    assert sizes[0] < 80 < sizes[1]


@pytest.mark.parametrize(
    ("method", "sharding", "expected"),
    [
        ("full", "ddp", 16),
        ("full", "zero1", 4 + 12 / 8),
        ("full", "zero2", 2 + 14 / 8),
        ("full", "zero3", 16 / 8),
        ("lora", "zero2", 2),
    ],
)
def test_each_stage_divides_what_its_paper_says(
    catalogue: Catalogue, method: Method, sharding: Sharding, expected: float
) -> None:
    """Rajbhandari et al. 2020, figure 1: bytes for each parameter, on each of eight cards."""
    architecture = resolve_model(catalogue, "llama 2 7b").architecture
    one = on_each(training_memory(architecture, method, 2048, 1, 1), architecture, 8, sharding)
    assert one.state / architecture.params_total == pytest.approx(expected, rel=ALIKE)


def test_without_checkpointing_activations_are_many_times_as_large(catalogue: Catalogue) -> None:
    one = training_memory(resolve_model(catalogue, "llama 2 13b").architecture, "qlora", 2048, 1)
    assert 10 < one.all_activations / one.activations < 20
