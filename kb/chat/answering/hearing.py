"""Whether a passage answers, and by which words it is looked for."""

from collections.abc import Iterator
from dataclasses import replace

from kb.chat.answering.filling import IT
from kb.chat.answering.plan import A_STORY, ANYTHING, Plan, is_about_something
from kb.chat.reading.reader import CONTINUED
from kb.chat.reading.situation import Situation
from kb.chat.reading.uses import is_of_text
from kb.search.answering import Answering
from kb.search.live import Index
from kb.tools import TOOLS

MAY_ANSWER = 0.2
"""How likely, to be told where a calculator lacks something, and for nothing to be asked back."""
ASKED = 0.6
"""How near, as a cosine, one of a passage's questions must be to a short one."""
ALIKE = 0.85
"""How near one of its questions must be, to be told in the place of what is said of a program alone."""
APART = 0.4
"""How likely, to be told in the place of what the answer before has said."""


def is_a_story(situation: Situation) -> bool:
    return len(situation.text.split()) >= A_STORY


def queries(situation: Situation) -> Iterator[str]:
    """What to look for in the passages, the plainest first: the message, and the message with what it goes on from."""
    if goes_on_telling(situation):
        yield whole_story(situation)
        return
    yield resolved(situation)
    if not is_of_text(situation.use):
        yield f"{situation.use}: {situation.text}"
    if situation.earlier and len(situation.text.split()) < A_STORY:
        yield f"{situation.earlier.text} {situation.text}"
    if not is_of_text(situation.use) and len(situation.text.split()) < A_STORY:
        yield f"{situation.use.removesuffix('s')} models: memory, speed, which cards"


def resolved(situation: Situation) -> str:
    """The message, with what its pronoun stands for."""
    carried = [one.label for one in (*situation.terms, *situation.models) if one.label in situation.carried]
    return IT.sub(carried[0], situation.text, count=1) if carried else situation.text


def goes_on_telling(situation: Situation) -> bool:
    """Whether it only adds to what a passage was asked for."""
    return situation.earlier is not None and situation.asks == {ANYTHING: CONTINUED}


def whole_story(situation: Situation) -> str:
    """All that was told of one matter."""
    before = whole_story(situation.earlier) if situation.earlier and goes_on_telling(situation) else ""
    return f"{before} {situation.text}".strip()


def with_query(index: Index, situation: Situation) -> tuple[Situation, bool]:
    """With the first of the ways to look for passages that finds one which answers, and whether one does."""
    if not any(character.isalnum() for character in situation.text):
        return replace(situation, query=situation.text), False
    for query in queries(situation):
        found = index.searcher.answering(query)[:1]
        alone = query == resolved(situation) or goes_on_telling(situation)
        if any(one.is_heard and (alone or _is_new(index, situation, one)) for one in found):
            return replace(situation, query=query), True
    return replace(situation, query=next(queries(situation))), False


def answers(index: Index, situation: Situation, least: float) -> bool:
    """Of a short question every likelihood is high: one of the passage's own has to be near it."""
    found = index.searcher.answering(situation.query)
    near = bool(found) and (is_a_story(situation) or found[0].asked >= ASKED)
    return near and found[0].probability >= least


def gives_way(index: Index, situation: Situation, planned: Plan) -> bool:
    """Whether a passage says more to the question than the tool that it seems to ask for."""
    asks = TOOLS.asks(planned.asks[0]) if planned.asks and planned.asks[0] in TOOLS else None
    if asks is None or asks.yields is None:
        return False
    if any(slot.role == "term" for slot in asks.slots.values()):
        # What a line of a program's log means is no question for the program's definition.
        programs = bool(situation.terms) and all(
            index.names.matches("engines", named.name) for named in situation.terms
        )
        return programs and any(one.probability >= asks.yields for one in index.searcher.answering(situation.text)[:1])
    found = next(iter(index.searcher.answering(situation.query)), None)
    compared = is_about_something(situation) or len(situation.quantizations) > 1
    alike = found is not None and found.asked >= ALIKE and not compared
    if not is_a_story(situation) and not alike and any(step.stated for step in planned.steps):
        return False
    return answers(index, situation, asks.yields)


def _is_new(index: Index, situation: Situation, one: Answering) -> bool:
    """Whether what is found by the message with the one before is near, and not what that was answered with."""
    told = index.searcher.answering(situation.earlier.text)[:1] if situation.earlier else []
    return one.asked >= ASKED and one.passage not in (other.passage for other in told if other.is_heard)


def is_apart(index: Index, situation: Situation) -> bool:
    """Whether a passage answers the message itself, and clearly: else it asks for what was said."""
    return any(one.is_heard and one.probability >= APART for one in index.searcher.answering(situation.text)[:1])
