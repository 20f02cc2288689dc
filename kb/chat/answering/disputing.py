"""Where sources contradict each other about the very thing that was asked."""

from collections.abc import Iterator, Sequence

from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import Dispute, Measurement
from kb.chat.reading.situation import Situation
from kb.text.statements import Basis, Statement, state
from kb.tools import TOOLS

MOST = 4
TAKE_MODELS = frozenset({"model", "models", "spec", "specs", "term", "query"})
"""Roles of slots that a model may fill; where an answer has none, what sources say of models is no part of it."""
CASE = frozenset({"models", "devices", "quantizations"})


def relevant_disputes(catalogue: Catalogue, situation: Situation, asks: Sequence[str]) -> Iterator[Statement]:
    """Those about what the question names, and whose figure, if they are about one, is asked for."""
    subjects = _subjects(situation)
    if not any(_takes_models(ask) for ask in asks):
        subjects = {subject for subject in subjects if _kind(subject) not in ("models", "quantizations")}
    found = [
        (len(records & subjects), dispute)
        for dispute in catalogue.known.disputes.values()
        if (records := _records(catalogue, dispute)) & subjects
        and (records <= subjects or _is_the_case(catalogue, dispute.title, records, subjects))
        and _asked_for(dispute, situation)
    ]
    for _, dispute in sorted(found, key=lambda one: (-one[0], one[1].slug))[:MOST]:
        yield told(dispute)


def _takes_models(ask: str) -> bool:
    asks = TOOLS.asks(ask)
    return asks is not None and any(slot.role in TAKE_MODELS for slot in asks.slots.values())


def _is_the_case(catalogue: Catalogue, title: str, records: set[str], subjects: set[str]) -> bool:
    """Whether the question names one or more of each kind of records that a dispute is about, and no kind beside:
    model, device and quantization; or fewer, with a term that the dispute's title names. Builds only show where
    something is bought."""
    kinds = {_kind(record) for record in records} - {"builds", "terms"}
    shared = {_kind(record) for record in records & subjects}
    others = {_kind(subject) for subject in subjects} & CASE
    if not (kinds and kinds <= shared and others <= kinds):
        return False
    if kinds == CASE:
        return True
    named = catalogue.names.scan(title, ("terms",)) if "terms" in shared else []
    return any(f"terms/{match.slug}" in subjects for mention in named for match in mention.matches)


def _kind(record: str) -> str:
    kind = record.partition("/")[0]
    return "devices" if kind in DEVICE_KINDS else kind


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
