"""The same question otherwise: typing errors, other words, other units, a false premise, a second device.

Every variation is made by rule and comes out the same each time; what is expected of it follows from the question that
it was made of: the same verdict and figures, the premise corrected, both devices answered.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

from eval.rewriting import in_other_units, in_other_words, misspelt, politely, without_care
from eval.samples import Expectation, Sample
from eval.scorers import Score
from kb.catalogue.files import read_mapping
from kb.catalogue.names import DEVICE_KINDS, Mention
from kb.catalogue.records import Accelerator, Record
from kb.search.live import Index

KINDS = ("typo", "paraphrase", "polite", "careless", "unit", "false-premise", "two-devices")
PREMISES = (
    "Since the {device} has {claimed} GB of VRAM: {question}",
    "{question} The {device} comes with {claimed} GB of memory, doesn't it?",
    "The shop says that the {device} has {claimed} GB of VRAM. {question}",
)
SECONDS = (
    "{question} And the same question for the {device}.",
    "{question} And what about the {device}?",
    "{question} Please answer for the {device} as well, I have both.",
)
_PREMISE_TAGS = frozenset({"fit", "speed", "context", "quantization", "what-runs"})
_ONE_DEVICE_TOOLS = frozenset({"check_fit", "estimate_speed", "max_context", "best_quantization", "what_runs_on"})
_NOT_FOR_DEVICES = frozenset(
    {"multi-turn", "false-premise", "dispute", "ambiguous", "multi-gpu", "unknown-name", "compare"}
)


@dataclass(frozen=True)
class Variation:
    """``base`` is the id of the sample that it was made of."""

    kind: str
    base: str
    sample: Sample


class Outcome(Record):
    """How one variation went; what was said is in ``explanation`` where it is wrong."""

    kind: str
    base: str
    messages: tuple[str, ...]
    value: float | None
    explanation: str


class KindScore(Record):
    """``kept`` counts the variations that are right of the ``base_right`` whose question itself is answered right."""

    kind: str
    right: int
    asked: int
    kept: int
    base_right: int


def vary(index: Index, samples: Sequence[Sample]) -> tuple[Variation, ...]:
    """Every variation that can be made; not every rule applies to every question."""
    return tuple(variation for sample in samples for variation in _of(index, sample))


def outcome(variation: Variation, score: Score) -> Outcome:
    return Outcome(
        kind=variation.kind,
        base=variation.base,
        messages=variation.sample.messages,
        value=score.value,
        explanation=score.explanation,
    )


def kind_scores(outcomes: Sequence[Outcome], right: frozenset[str]) -> tuple[KindScore, ...]:
    """``right`` holds the ids of the questions that are answered right as they stand."""
    return tuple(_kind_score(kind, [o for o in outcomes if o.kind == kind], right) for kind in KINDS)


def _kind_score(kind: str, outcomes: Sequence[Outcome], right: frozenset[str]) -> KindScore:
    fair = [o for o in outcomes if o.base in right]
    return KindScore(
        kind=kind,
        right=sum(o.value == 1 for o in outcomes),
        asked=len(outcomes),
        kept=sum(o.value == 1 for o in fair),
        base_right=len(fair),
    )


@cache
def _second_devices() -> tuple[str, ...]:
    return tuple(read_mapping(Path(__file__).with_name("perturb.yaml"))["second_devices"])


def _of(index: Index, sample: Sample) -> Iterator[Variation]:
    text = sample.messages[-1]
    taken = [(mention.start, mention.end) for mention in index.names.scan(text, (*DEVICE_KINDS, "models", "terms"))]
    rewrites: tuple[tuple[str, Callable[[str], str | None]], ...] = (
        ("typo", lambda asked: misspelt(asked, taken, crc32(sample.id.encode()))),
        ("paraphrase", in_other_words),
        ("polite", politely),
        ("careless", without_care),
        ("unit", in_other_units),
    )
    for kind, rewrite in rewrites:
        rewritten = rewrite(text)
        if rewritten is not None and rewritten != text:
            yield _varied(sample, kind, rewritten, sample.expect)
    device = _only_device(index, sample)
    if device is not None:
        yield from _false_premise(index, sample, device)
        yield from _two_devices(index, sample, device)


def _varied(sample: Sample, kind: str, text: str, expect: Expectation) -> Variation:
    changed = sample.model_copy(
        update={"id": f"{sample.id}--{kind}", "messages": (*sample.messages[:-1], text), "expect": expect}
    )
    return Variation(kind, sample.id, changed)


def _one_of(forms: Sequence[str], sample: Sample) -> str:
    return forms[crc32(sample.id.encode()) // 2 % len(forms)]


def _ended(sample: Sample) -> str:
    text = sample.messages[0].rstrip()
    return text if text[-1] in ".?!" else f"{text}?"


def _only_device(index: Index, sample: Sample) -> Mention | None:
    """The one device that a question of one turn names, with one meaning, where the answer is about it alone."""
    if len(sample.messages) > 1 or _NOT_FOR_DEVICES & set(sample.tags) or sample.expect.abstains is not False:
        return None
    mentions = index.names.scan(sample.messages[0], DEVICE_KINDS)
    return mentions[0] if len(mentions) == 1 and len(mentions[0].matches) == 1 else None


def _false_premise(index: Index, sample: Sample, device: Mention) -> Iterator[Variation]:
    """The card is said to have twice its memory, or half."""
    record = index.names.record(device.matches[0])
    if not isinstance(record, Accelerator) or record.memory_gib is None or not _PREMISE_TAGS & set(sample.tags):
        return
    options = record.memory_options_gib
    named = re.search(r"\d\s*g(?:i?b|igs?)?\b", sample.messages[0], re.I)
    if record.unified_memory or named or (options is not None and len(options.value) > 1):
        return
    true = record.memory_gib.value
    claimed = true * 2 if crc32(sample.id.encode()) % 2 else true / 2
    if claimed != int(claimed):
        return
    text = _one_of(PREMISES, sample).format(device=device.text, claimed=f"{claimed:g}", question=_ended(sample))
    corrected = (
        f"not {claimed:g}", f"rather than {claimed:g}", f"instead of {claimed:g}", f"n't have {claimed:g}",
        f"no {claimed:g}", f"{claimed:g} GB is wrong", f"{claimed:g} GB is not", f"never {claimed:g}",
    )  # fmt: skip
    expect = sample.expect.model_copy(
        update={"contains": (*sample.expect.contains, (f"{true:g} GB", f"{true:g} GiB", f"{true:g}GB"), corrected)}
    )
    yield _varied(sample, "false-premise", text, expect)


def _two_devices(index: Index, sample: Sample, device: Mention) -> Iterator[Variation]:
    """The same of another card: both must be worked out, the first one's verdict and figures stand as before."""
    if not _ONE_DEVICE_TOOLS & set(sample.expect.tool_calls) and sample.expect.verdict is None:
        return
    asked = device.matches[0]
    other = next(slug for slug in _second_devices() if slug != asked.slug)
    label = index.names.label("accelerators", other)
    text = _one_of(SECONDS, sample).format(device=label, question=_ended(sample))
    named = (asked.label, label)
    contains = (*sample.expect.contains, *named)
    expect = sample.expect.model_copy(update={"about": named, "contains": contains, "not_contains": ()})
    yield _varied(sample, "two-devices", text, expect)
