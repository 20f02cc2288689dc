"""The speed with a draft that guesses ahead: a small model, the model's own heads, or what was written before."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from kb.calc.results import Offload, Range, Speed
from kb.calc.speed.drafting import ACCEPTANCE, GUESSES, drafted
from kb.catalogue import Catalogue
from kb.catalogue.records import Record
from kb.catalogue.units import GB
from kb.errors import InvalidArgument
from kb.tools.shared.fitting import FitArguments, Parts, parts_of
from kb.tools.shared.resolve import ModelArgument, quantization_for, resolve_model
from kb.tools.shared.speed import decode_speed, speed_at

MTP, NGRAM = "mtp", "ngram"
SAME_VOCABULARY = 128
"""Up to so many tokens more or fewer, padding apart, it is the same (llama.cpp, common/speculative.cpp)."""
OWN = {MTP: "the model's own heads (MTP)", NGRAM: "what was written before (n-grams)"}


class Drafting(Record):
    """Speculative decoding: the text stays the same, and comes faster where guesses are right."""

    draft: str
    """What guesses."""
    guesses: int
    """For each step of the model."""
    acceptance: tuple[float, float, float]
    """Share of guesses that are right: low, usual, high; all three alike where it was given."""
    tokens_per_step: float
    """At the usual share."""
    decode_tokens_per_s: Range
    times_as_fast: float
    """As without a draft, at the usual share."""
    draft_gb: float
    """Weights of the draft, which need room beside the model's; 0 where it has none of its own."""
    warnings: tuple[str, ...] = ()
    """Why it may not go at all."""
    formula: str


def with_draft(
    catalogue: Catalogue,
    parts: Parts,
    arguments: FitArguments,
    offload: Offload | None,
    speed: Speed,
    draft: ModelArgument,
    guesses: int | None,
    acceptance: float | None,
) -> Drafting:
    """Raises ``InvalidArgument`` for a draft that is no smaller than the model."""
    count = guesses or GUESSES
    shares = ACCEPTANCE if acceptance is None else (acceptance,) * 3
    without_s = 1 / speed.decode_tokens_per_s.typical
    checked = speed_at(parts, offload, arguments, checked=count + 1).decode_tokens_per_s.typical
    warnings = tuple(_doubts(catalogue, parts, draft))
    label, guess_s, draft_gb = _guessing(catalogue, parts, arguments, draft, without_s)
    rates = [drafted(1 / checked, guess_s, count, share) for share in shares]
    usual = rates[1]
    scatter = speed.decode_tokens_per_s
    return Drafting(
        draft=label,
        guesses=count,
        acceptance=shares,
        tokens_per_step=round(usual.tokens_per_step, 2),
        decode_tokens_per_s=_range([rate.tokens_per_s for rate in rates], scatter),
        times_as_fast=round(usual.tokens_per_s * without_s, 2),
        draft_gb=round(draft_gb, 2),
        warnings=warnings,
        formula=(
            f"{count} guesses of {guess_s * 1e3:.2f} ms and a step of {1e3 / checked:.2f} ms over {count + 1} tokens "
            f"give {usual.tokens_per_step:.2f} tokens where {shares[1]:.0%} are right: "
            f"{usual.tokens_per_s:.1f} tokens/s instead of {1 / without_s:.1f}"
        ),
    )


def _doubts(catalogue: Catalogue, parts: Parts, draft: ModelArgument) -> Iterator[str]:
    """Heads that the model is not known to have, and a draft that writes with other tokens."""
    name, own = parts.model.label, parts.model.record
    if draft == NGRAM:
        return
    if draft == MTP:
        if own is None or not own.mtp_layers:
            yield f"{name} is not known to have heads of its own that guess (MTP): this is what they would bring"
        return
    small = resolve_model(catalogue, draft)
    if own is None or small.record is None or not own.vocab_size or not small.record.vocab_size:
        return
    theirs, ours = small.record.vocab_size.value, own.vocab_size.value
    if abs(theirs - ours) > SAME_VOCABULARY:
        yield (
            f"{small.label} writes with another vocabulary ({theirs:,} tokens) than {name} ({ours:,}): programs refuse "
            "it as a draft, or translate its guesses, of which fewer are right then; take one of the same family"
        )


def _guessing(
    catalogue: Catalogue, parts: Parts, arguments: FitArguments, draft: ModelArgument, step_s: float
) -> tuple[str, float, float]:
    """What guesses, the seconds of one guess, and the GB of its weights."""
    if draft == NGRAM:
        return OWN[NGRAM], 0.0, 0.0
    if draft == MTP:
        weights = parts.weights
        layers = max(1, len(weights.layer_bytes))
        active = max(1, weights.active_bytes)
        one_layer = (active - weights.output_bytes) / layers
        return OWN[MTP], step_s * (one_layer + weights.output_bytes) / active, 0.0
    model = resolve_model(catalogue, draft)
    small = parts_of(catalogue, model, quantization_for(catalogue, model, None), parts.devices)
    if small.weights.total_bytes >= parts.weights.total_bytes:
        raise InvalidArgument("draft", model.label, f"a model that is smaller than {parts.model.label}, mtp or ngram")
    first = replace(small, devices=replace(small.devices, devices=small.devices.devices[:1]))
    plain = arguments.model_copy(update={"options": None, "concurrency": 1})
    label = f"{model.label} at {small.quantization.record.name}"
    return label, 1 / decode_speed(first, plain).typical, small.weights.total_bytes / GB


def _range(rates: Sequence[float], scatter: Range) -> Range:
    low, usual, high = rates
    return Range(
        low=round(low * scatter.low / scatter.typical, 1),
        typical=round(usual, 1),
        high=round(high * scatter.high / scatter.typical, 1),
    )
