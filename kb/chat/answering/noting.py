"""A passage that is told beside what was calculated."""

from kb.catalogue.names import DEVICE_KINDS
from kb.chat.answering.filling import values_of
from kb.chat.answering.hearing import MAY_ANSWER, is_a_story
from kb.chat.answering.plan import ANYTHING, Plan
from kb.chat.answering.talking import CERTAIN
from kb.chat.answering.telling import behind
from kb.chat.reading.situation import Situation
from kb.search.answering import Answering
from kb.search.live import Index
from kb.text.statements import Basis, Said, Table, of_kind, state
from kb.tools import TOOLS
from kb.tools.search_passages.say import headed

ANSWERS_FIRST = 0.5
"""How likely it must to be told before a calculation."""
BEHIND, NEAR = 0.6, 0.55
"""How likely, and how near one of its questions must be to a short one, to be told behind a calculation."""
NOTE_WORDS = 45
BY_NAME = 3
"""Passages found by the whole message, of which one has to be what is found without names."""
SPEEDS = ("tokens_per_s", "prefill_tokens_per_s")


def with_note(index: Index, situation: Situation, planned: Plan, said: list[Said], spills: bool) -> list[Said]:
    """With what a passage says to the question for which something was calculated; first, where that answers it and
    the question tells circumstances or asks why. That a model ``spills`` into RAM goes before what any passage says."""
    if planned.asks[:1] == (ANYTHING,) or not of_kind(said, "answer"):
        return said
    asks_why, story = _is_unmeasured(planned, situation), is_a_story(situation)
    # Of a model and a device everything is worked out: a note on the two would say it again, with other figures.
    may = story or not (situation.earlier or (situation.models and situation.devices))
    nearest = index.searcher.answering(situation.query)[:1] if may else ()
    told = [one for one in nearest if (one.probability >= MAY_ANSWER if story else _is_near(one))]
    if asks_why:  # names of devices and models lead away from what is asked; without any, too much is alike
        by_name = index.searcher.answering(situation.text)[:BY_NAME]
        known = {one.passage.passage_id for one in by_name if one.probability >= MAY_ANSWER}
        plain = index.searcher.answering(situation.plain)[:1]
        told += [one for one in plain if one.is_heard and one.passage.passage_id in known]
    if not told:
        return said
    found = max(told, key=lambda one: one.probability)
    passage = found.passage
    kind = passage.passage_id.partition(".")[0]
    basis = Basis("passage", passage.passage_id)
    if kind in ("term", "dispute") or index.known.sources[passage.source].kind == "user":
        return said
    if any(basis in one.basis for one in said) or _is_of_others(index, passage.title, situation):
        return said
    note = state("answer", "{text}", basis, text=headed(passage, NOTE_WORDS))
    asks = TOOLS.asks(planned.asks[0]) if planned.asks else None
    takes = {slot.role for slot in asks.slots.values()} if asks else set()
    defines = "term" in takes and situation.asks.get(planned.asks[0], 0.0) >= CERTAIN
    # A comparison of what is named says more than a note on one, and so does what a word means, where that is asked.
    first = not spills and ((story and found.probability >= ANSWERS_FIRST) or (asks_why and found.is_heard))
    if not first or "compared" in takes or defines:
        return [*said, note.as_kind("next")] if story or "compared" not in takes else said
    return [note, *(behind(one) for one in said if not (isinstance(one, Table) or one.kind == "next"))]


def _is_near(one: Answering) -> bool:
    """Whether it may be told behind what was calculated for a short question."""
    return one.probability >= BEHIND and one.asked >= NEAR


def _is_unmeasured(planned: Plan, situation: Situation) -> bool:
    """Whether it is asked why something is as fast as it is, and no speed is told that figures could explain."""
    asks = TOOLS.asks(planned.asks[0]) if planned.asks else None
    slots = asks.slots.items() if asks else ()
    takes = [slot.role for name, slot in slots if slot.role in SPEEDS and name.startswith("measured")]
    return bool(takes) and not any(values_of(situation, role) for role in takes)


def _is_of_others(index: Index, title: str, situation: Situation) -> bool:
    """Whether a passage is by its title about devices, and none of them is one that the question names."""
    titled = {match.slug for mention in index.names.scan(title, DEVICE_KINDS) for match in mention.matches}
    meant = {match.slug for named in situation.devices for match in named.candidates}
    return bool(titled and meant and titled.isdisjoint(meant))
