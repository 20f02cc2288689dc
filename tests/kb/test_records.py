"""Prices, figures, equations and labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kb.catalogue.records import Figure, ModelFile, Price, SourceRef, kinds
from kb.catalogue.records.arithmetic import check_equation, evaluate
from kb.catalogue.records.labels import label_key, slugify

FROM = ({"source": "card-guide", "section": ""},)


def test_citation_shorthand() -> None:
    figure = Figure[float].model_validate({"value": 24, "sources": ["card-guide#Tier S: the card", "card-datasheet"]})
    assert figure.sources == (
        SourceRef(source="card-guide", section="Tier S: the card"),
        SourceRef(source="card-datasheet", section=""),
    )


def test_figure_needs_a_source() -> None:
    with pytest.raises(ValidationError, match="sources"):
        Figure[float].model_validate({"value": 24})
    with pytest.raises(ValidationError, match="sources"):
        Figure[float].model_validate({"value": 24, "sources": []})


def test_records_are_frozen() -> None:
    ref = SourceRef(source="card-guide")
    with pytest.raises(ValidationError, match="frozen"):
        ref.section = "elsewhere"


@pytest.mark.parametrize("as_of", [2026, "2026", "2026-04", "2026-04-30"])
def test_price_dates(as_of: object) -> None:
    price = Price.model_validate({"kind": "list", "amount": 999, "currency": "USD", "as_of": as_of, "sources": FROM})
    assert price.as_of == str(as_of)
    assert (price.low, price.high) == (999, 999)


@pytest.mark.parametrize("as_of", ["April 2026", "04-2026", 26, None, True])
def test_bad_price_dates(as_of: object) -> None:
    with pytest.raises(ValidationError, match="as_of"):
        Price.model_validate({"kind": "list", "amount": 9, "currency": "USD", "as_of": as_of, "sources": FROM})


@pytest.mark.parametrize("amount", [[2, 1], -1, [-2, 1]])
def test_price_ends(amount: object) -> None:
    with pytest.raises(ValidationError, match="lower price first"):
        Price.model_validate({"kind": "used", "amount": amount, "currency": "USD", "as_of": 2026, "sources": FROM})


def test_model_file_has_one_size() -> None:
    assert ModelFile.model_validate({"quantization": "q4_k_m", "size_gib": 1, "sources": FROM}).size_bytes == 2**30
    assert ModelFile.model_validate({"quantization": "q4_k_m", "size_gb": 1, "sources": FROM}).size_bytes == 10**9
    for sizes in ({}, {"size_gib": 1, "size_gb": 1}):
        with pytest.raises(ValidationError, match="exactly one of size_gib"):
            ModelFile.model_validate({"quantization": "q4_k_m", "sources": FROM, **sizes})


def test_kinds_name_themselves() -> None:
    assert all(cls.kind == kind for kind, cls in kinds.items())


@pytest.mark.parametrize(
    "equation",
    [
        "39.6 * 2**30 / 1e9 = 42.5",
        "575 × 2 + 400 = 1,550",
        "1,008 ÷ 42.5 = 24",
        "(16 − 0.5) * 2 = 31",
        "2 ^ 10 = 1024",
        "70e9 * 16 / 8 = 1.4e11",
        "-3 + 1 = -2",
    ],
)
def test_equation_holds(equation: str) -> None:
    check_equation(equation)


@pytest.mark.parametrize(
    "equation",
    [
        "39.6 = 42.5",
        "1 + 1 = 2.1",
        "1 + 1",
        "= 2",
        "1 + 1 = two",
        "1 + = 1",
        "a + 1 = 2",
        "().__class__ = 1",
        "[1][0] = 1",
        "1 if 1 else 2 = 1",
        "1 = 1 = 1",
    ],
)
def test_equation_does_not_hold(equation: str) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        check_equation(equation)


@given(st.integers(0, 10**9), st.integers(1, 10**6))
def test_evaluate_agrees_with_python(left: int, right: int) -> None:
    assert evaluate(f"{left:,} + {right} * 2") == left + right * 2
    check_equation(f"{left} + {right} = {left + right:,}")


@given(st.text(max_size=40))
def test_label_key_folds_once(name: str) -> None:
    key = label_key(name)
    assert label_key(key) == key
    assert key == label_key(f" {name.upper().lower()} ") or not name.isascii()


@given(st.text(max_size=40))
def test_slugs_are_slugs(title: str) -> None:
    slug = slugify(title)
    assert slug
    assert slug == slugify(slug)
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
