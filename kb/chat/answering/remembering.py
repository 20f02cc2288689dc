"""What an answer before recommended, where a later turn means it: *how do I install it*, *the second one then*."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from kb.catalogue.names import DEVICE_KINDS, Match
from kb.catalogue.records import LanguageModel
from kb.chat.answering.plan import Step, plan
from kb.chat.reading.situation import Named, Situation
from kb.errors import KnowledgeBaseError
from kb.search.live import Index
from kb.tools import TOOLS, InvalidArguments
from kb.tools.asks import Role
from kb.tools.shared.resolve import split_count

_PLACES = tuple(
    re.compile(rf"\b(?:{words})\b", re.I)
    for words in (
        "(?:the|take) first|first one|1st|the top|former",
        "(?:the|take) second(?! (?:slot|card|gpu))|second one|2nd|other one|latter|next one",
        "(?:the|take) third|third one|3rd",
        "(?:the|take) fourth|fourth one|4th",
    )
)
_SMALLER = re.compile(r"\b(?:smaller|smallest|lighter|lightest|tiniest)\b", re.I)
_LARGER = re.compile(r"\b(?:bigger|biggest|larger|largest)\b", re.I)
_OF_MODEL: frozenset[Role] = frozenset({"model", "model_name"})
_OF_DEVICE: frozenset[Role] = frozenset({"device", "devices", "cards", "card", "machine", "spec"})


Called = Callable[[Situation], Collection[str]]
"""The tools that a turn's answer stands on."""


def remembering(index: Index, situation: Situation, called: Called) -> Situation:
    """With the model or the device that was recommended last, where what is asked takes one and none is named."""
    return _Memory(index, called).added_to(situation)


class _Memory:
    """What the tools recommended in the turns before, each call made once."""

    def __init__(self, index: Index, called: Called) -> None:
        self._index = index
        self._called = called
        self._recommended: dict[str, Sequence[str]] = {}

    def added_to(self, situation: Situation) -> Situation:
        if situation.earlier is None:
            return situation
        situation = replace(situation, earlier=self.added_to(situation.earlier))
        ask = next(iter(situation.asks), "")
        asks = TOOLS.asks(ask) if ask in TOOLS else None
        if asks is None or not situation.goes_on or situation.unknown:
            return situation
        roles = {slot.role for slot in asks.slots.values()}
        if roles & _OF_MODEL and not situation.models and (model := self._meant(situation, ask, (LanguageModel.kind,))):
            situation = replace(situation, models=(model,), carried=(*situation.carried, model.label))
        if roles & _OF_DEVICE and not situation.devices and (device := self._meant(situation, ask, DEVICE_KINDS)):
            situation = replace(situation, devices=(device,), carried=(*situation.carried, device.label))
        return situation

    def _meant(self, situation: Situation, ask: str, kinds: Sequence[str]) -> Named | None:
        """Of what was recommended last, that which the message means: the first, where it does not say otherwise."""
        before = situation.earlier
        while before is not None:
            steps = [step for step in plan(TOOLS, before).steps if step.tool != ask and self._by(step)]
            shown = self._called(before) if steps else ()  # a passage may have been told in their place
            names = [name for step in steps if step.tool in shown for name in self._by(step)]
            counted = (split_count(name) for name in names)
            found = [(match, many) for many, name in counted for match in self._index.names.find(kinds, name)[:1]]
            if found:
                match, many = _picked(self._index, found, situation.text)
                return Named(match.label, (match,), count=many, standing="considers")
            before = before.earlier if before.goes_on else None
        return None

    def _by(self, step: Step) -> Sequence[str]:
        """What a turn's own call recommended; one that is asked again recommends anew."""
        if not TOOLS[step.tool].recommends:
            return ()
        key = f"{step.tool} {sorted(step.arguments.items(), key=str)}"
        if key not in self._recommended:
            try:
                self._recommended[key] = TOOLS[step.tool].call(self._index, step.arguments).recommends()
            except (InvalidArguments, KnowledgeBaseError):
                self._recommended[key] = ()
        return self._recommended[key]


def _picked(index: Index, found: Sequence[tuple[Match, int]], text: str) -> tuple[Match, int]:
    for at, words in enumerate(_PLACES):
        if words.search(text) and at < len(found):
            return found[at]
    by_size = sorted(found, key=lambda one: _size(index, one[0]))
    if _SMALLER.search(text):
        return by_size[0]
    return by_size[-1] if _LARGER.search(text) else found[0]


def _size(index: Index, match: Match) -> float:
    record = index.names.record(match)
    size = record.params_total if isinstance(record, LanguageModel) else getattr(record, "memory_gib", None)
    return float(size.value) if size else 0.0
