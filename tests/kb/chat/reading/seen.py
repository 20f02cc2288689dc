"""What was read, in the short form in which the tests say it."""

from collections.abc import Sequence

from kb.chat.reading.situation import Named, Situation


def devices(situation: Situation) -> list[str]:
    return [f"{named.count}x {named.label}" if named.count > 1 else named.label for named in situation.devices]


def models(situation: Situation) -> list[str]:
    return labels(situation.models)


def labels(named: Sequence[Named]) -> list[str]:
    return [one.label for one in named]
