"""Where sources contradict each other about the very thing that was asked."""

from collections.abc import Iterator

from kb.catalogue import Catalogue
from kb.catalogue.records import Dispute, Measurement
from kb.chat.reading.situation import Situation
from kb.text.statements import Basis, Statement, state

MOST = 4


def relevant_disputes(catalogue: Catalogue, situation: Situation) -> Iterator[Statement]:
    """Those all of whose records are in the question, and whose figure, if they are about one, is asked for."""
    subjects = _subjects(situation)
    found = [
        (len(records), dispute)
        for dispute in catalogue.known.disputes.values()
        if (records := _records(catalogue, dispute)) and records <= subjects and _asked_for(dispute, situation)
    ]
    for _, dispute in sorted(found, key=lambda one: (-one[0], one[1].slug))[:MOST]:
        yield told(dispute)


def told(dispute: Dispute) -> Statement:
    """A dispute in a sentence: what is ruled, and the sum that shows it."""
    ruling = " ".join(dispute.ruling.split()).rstrip(".")
    sums = f" ({dispute.arithmetic[0]})" if dispute.arithmetic else ""
    about = tuple(dict.fromkeys(target.partition("#")[0] for target in dispute.about))
    basis = Basis("dispute", dispute.slug)
    text = "{title}: {ruling}{sums}."
    return state("dispute", text, basis, about=about, title=dispute.title, ruling=ruling, sums=sums)


def _subjects(situation: Situation) -> set[str]:
    groups = (situation.models, situation.devices, situation.quantizations, situation.terms, situation.others)
    return {f"{match.kind}/{match.slug}" for group in groups for named in group for match in named.candidates}


def _records(catalogue: Catalogue, dispute: Dispute) -> set[str]:
    """What a dispute is about; a measurement stands for its device and its model."""
    records: set[str] = set()
    for target in dispute.about:
        path = target.partition("#")[0]
        kind, _, slug = path.partition("/")
        record = catalogue.known.specs.get(kind, {}).get(slug)
        if isinstance(record, Measurement):
            records.add(record.device)
            if record.model:
                records.add(f"models/{record.model}")
        else:
            records.add(path)
    return records


def _asked_for(dispute: Dispute, situation: Situation) -> bool:
    """Of a figure, where that figure is asked for; of one thing as a whole, where it is a term."""
    keys = {target.partition("#")[2] for target in dispute.about} - {""}
    if not keys:
        return len(dispute.about) > 1 or dispute.about[0].startswith("terms/")
    wanted = set(situation.figure_keys)
    return bool(keys & (wanted | ({"prices"} if "price" in wanted else set())))
