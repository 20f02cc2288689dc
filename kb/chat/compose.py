"""The deterministic answer: corrections, verdicts, arithmetic, disputes, notes."""

import re
from dataclasses import dataclass, replace

from kb.catalogue.records import Dispute, Figure
from kb.chat.evidence import Desk, Section
from kb.chat.question import Claim, Intent, Question
from kb.chat.reply import Citation, ToolCall
from kb.chat.sections import SECTIONS
from kb.chat.sections.knowing import dispute_section, figure_text
from kb.chat.sections.telling import told
from kb.chat.wording import fmt, joined, one_line
from kb.errors import AmbiguousName, InvalidArgument, UnknownName
from kb.search.live import Index
from kb.search.searcher import ABSTAIN_BELOW_COSINE, Findings
from kb.tools import InvalidArguments

_NOT_OURS = re.compile(
    r"\b(?:repeat|print|reveal|show|output|tell me|what (?:is|are))\b[^?.]{0,30}"
    r"\b(?:system prompt|your (?:prompt|instructions|rules)|environment variables)"
    r"|\b(?:stock|share) (?:price|market)|\bshares? of\b"
    r"|\b(?:crysis|cyberpunk|fortnite|minecraft)\b"
    r"|\bwrite (?:me )?an? (?:\w+ )?(?:script|poem|essay|story|song)\b", re.I
)  # fmt: skip
_MARK = re.compile(r"\[(\d{1,3})\]")
OURS, FOREIGN = 0.85, 0.1
"""How likely a question is one of our domain by its sense: from here on passages need not be as near to it, and below
that nothing is answered."""
MOST_DISPUTES = 3
DISPUTE_POOL = 25
"""How deep among all passages a dispute may rank and still be shown."""

DISPUTE_TOPICS: dict[Intent, tuple[str, ...]] = {
    "power_supply": ("psu", "power-supplies/", "terms/power", "12v", "atx", "circuit", "#tdp_w"),
    "power_cost": ("electricity", "annual_power", "terms/power", "#power_w"),
    "load_time": ("storage/", "load", "nvme", "ssd"),
    "transfer": ("interconnects/", "nvlink", "pcie", "connectx"),
    "training": ("train", "lora", "tuning", "optimizer"),
    "rent_or_buy": ("cloud", "providers/"),
    "token_cost": ("cloud", "providers/"),
}
"""What a dispute must be about to be shown beside an answer of these kinds (parts of its ``about`` entries)."""

CLAIMED = {
    "memory_gib": ("GB", "of memory"),
    "memory_bandwidth_gb_per_s": ("GB/s", "of memory bandwidth"),
    "tdp_w": ("W", "TDP"),
    "cuda_cores": ("CUDA cores", "in all"),
}
"""How a figure that a question takes for granted is put right: its unit and what it is of."""

MOST_NOTES = 5
NOT_WORKED_OUT = "I could not work out one part: "
ASSUMED = "Assumed: "
"""How the part of an answer begins that lists what was taken for granted."""

CAN_ANSWER = (
    "I answer questions about hardware for running AI models: whether a model fits a device and how fast it runs, what "
    "terms like VRAM or GGUF mean, specifications, prices, power supplies and builds. Ask in English."
)


@dataclass(frozen=True)
class Composed:
    """A complete answer, and what a language model may be shown to explain it."""

    text: str
    parts: tuple[str, ...]
    """The text in pieces: corrections, sections, disputes, assumptions."""
    citations: tuple[Citation, ...]
    tool_calls: tuple[ToolCall, ...]
    evidence: tuple[str, ...]
    trusted: str = ""
    """The part of the text that repeats no claim: a language model's figures may stand on it."""
    problems: tuple[str, ...] = ()
    """What tools said of arguments that they do not take."""
    abstained: bool = False
    reason: str | None = None


def compose(index: Index, question: Question) -> Composed:
    """Everything but the language model: deterministic, and an answer by itself."""
    desk = Desk(index, question)
    if _NOT_OURS.search(question.text) or _foreign(question):
        return _abstained(desk, [])
    parts: list[str] = [*_corrections(desk), *_unknown_names(desk)]
    parts += [section.text() for section in _disputed_names(desk)]
    sections: list[Section] = []
    problems: list[str] = []
    for intent in question.intents:
        composer = SECTIONS.get(intent)
        if composer is None:
            continue
        try:
            sections += [section for section in composer(desk) if section.verdict not in {s.verdict for s in sections}]
        except (UnknownName, AmbiguousName, InvalidArgument, InvalidArguments) as error:
            problems.append(str(error))
    if not sections and not (question.unknown and not problems):
        sections += _from_passages(desk)
    if not sections and not parts:
        return _abstained(desk, problems)
    if not sections and question.unknown and not desk.citations:
        return _abstained(desk, parts)
    trusted = "\n".join(section.text() for section in sections if not section.users)
    parts += [section.text() for section in sections]
    parts += [f"{NOT_WORKED_OUT}{problem}" for problem in problems]
    if "disputes" not in question.intents:
        parts += _disputes(desk)
    notes = _notes(sections, question)
    parts += notes
    composed = _numbered(desk, [part for part in parts if part], "\n".join((trusted, *notes)))
    return replace(composed, problems=tuple(problems))


def _numbered(desk: Desk, parts: list[str], trusted: str) -> Composed:
    """Number citations in the order in which the text has them; those that only results stand on come after."""
    met = dict.fromkeys(int(number) for part in parts for number in _MARK.findall(part))
    order = [*met, *(citation.id for citation in desk.citations if citation.id not in met)]
    new = {old: number for number, old in enumerate(order, start=1)}
    by_id = {citation.id: citation for citation in desk.citations}
    numbered = tuple(_MARK.sub(lambda mark: f"[{new[int(mark[1])]}]", part) for part in parts)
    return Composed(
        text="\n\n".join(numbered),
        parts=numbered,
        citations=tuple(by_id[old].model_copy(update={"id": new[old]}) for old in order),
        tool_calls=tuple(desk.calls),
        evidence=tuple(f"[{new[old]}] {one_line(desk.texts[old])}" for old in order if desk.texts[old]),
        trusted=trusted,
    )


def _corrections(desk: Desk) -> list[str]:
    """False premises: what the question takes for granted of a device, against its record."""
    corrections = []
    for claim in desk.question.claims:
        text = _correction(desk, claim)
        if text and text not in corrections:
            corrections.append(text)
    return corrections


def _correction(desk: Desk, claim: Claim) -> str | None:
    match = claim.thing.match
    record = desk.index.known.specs[match.kind][match.slug]
    if claim.key == "memory_gib" and claim.thing.match.memory_gib is not None:
        return None
    figures = [getattr(desk.index.known.specs[m.kind][m.slug], claim.key, None) for m in claim.thing.candidates]
    figure = figures[0]
    if not isinstance(figure, Figure):
        return None
    options = getattr(record, "memory_options_gib", None)
    values = {float(other.value) for other in figures if isinstance(other, Figure)}
    if claim.key == "memory_gib":
        values |= {float(value) for value in options.value} if isinstance(options, Figure) else set()
        values |= {value * claim.thing.count for value in values}
    if claim.key == "nvlink":
        if figure.value or "spec" in desk.question.intents:
            return None
        return f"**The {record.name} has no NVLink.** {desk.figure(record, claim.key, figure, 'NVLink: no')}"
    if any(abs(value - claim.value) <= 0.03 * value for value in values):
        return None
    said = fmt(claim.value)
    shown = figure_text(claim.key, figure)
    mark = desk.figure(record, claim.key, figure, f"{record.name}: {shown}")
    if claim.key == "memory_gib" and isinstance(options, Figure):
        sizes = joined([fmt(float(value)) for value in options.value], "or")
        return f"**The {record.name} is sold with {sizes} GB, not {said} GB.** {mark}"
    unit, what = CLAIMED[claim.key]
    return f"**The {record.name} has {fmt(float(figure.value))} {unit} {what}, not {said} {unit}.** {mark}"


def _unknown_names(desk: Desk) -> list[str]:
    lines = []
    for name in desk.question.unknown[:3]:
        near = desk.index.names.suggest(("accelerators", "machines", "models", "cpus"), name, 3)
        hint = f" Nearest that I know: {joined(near, 'or')}." if near else ""
        lines.append(f"I know nothing called “{name}”.{hint}")
    return lines


def _disputed_names(desk: Desk) -> list[Section]:
    """A name that nothing bears may be one that a source made up; then its dispute is the answer."""
    return [
        dispute_section(desk, dispute)
        for name in desk.question.unknown[:3]
        for dispute in desk.index.known.disputes.values()
        if name.casefold() in dispute.title.casefold()
    ][:2]


def _from_passages(desk: Desk) -> list[Section]:
    """What the documents say, where the question is of the domain."""
    question = desk.question
    findings = desk.index.searcher.search(_query(question), 4)
    if not findings.hits or not _in_domain(question, findings):
        return []
    return told(desk, [hit.passage for hit in findings.hits])


def _query(question: Question) -> str:
    return " ".join((question.text, *question.carried))


def _in_domain(question: Question, findings: Findings) -> bool:
    ours = sum(question.meant.values()) >= OURS
    bar = ABSTAIN_BELOW_COSINE - (0.12 if _names_ours(question) else 0.08 if ours else 0.0)
    return findings.reaches(bar)


def _foreign(question: Question) -> bool:
    """Whether the question is of another domain by its sense, and names nothing of ours."""
    return bool(question.meant) and not _names_ours(question) and sum(question.meant.values()) < FOREIGN


def _names_ours(question: Question) -> bool:
    return bool(question.models or question.devices or question.quantizations or question.others)


def _abstained(desk: Desk, problems: list[str]) -> Composed:
    if desk.question.unknown:
        reason = "the question is about something that the knowledge base does not hold"
    elif problems:
        reason = "a part of the question is not known"
    else:
        reason = "nothing in the knowledge base answers this"
    lead = " ".join(problems) or "I cannot answer that: nothing in the knowledge base is about it."
    return Composed(
        text=f"{lead}\n\n{CAN_ANSWER}",
        parts=(lead, CAN_ANSWER),
        citations=tuple(desk.citations),
        tool_calls=tuple(desk.calls),
        evidence=(),
        problems=tuple(problems),
        abstained=True,
        reason=reason,
    )


def _disputes(desk: Desk) -> list[str]:
    """Disputes that are about what the answer is about, and near the question in words or meaning."""
    cited = [citation.dispute for citation in desk.citations if citation.dispute]
    unexplained = [desk.index.known.disputes[slug] for slug in cited if slug not in desk.ruled]
    more = [dispute for dispute in _relevant_disputes(desk) if dispute.slug not in cited]
    found = [*unexplained, *more][:MOST_DISPUTES]
    if not found:
        return []
    lines = []
    for dispute in found:
        sums = f" ({dispute.arithmetic[0]})" if dispute.arithmetic else ""
        lines.append(f"- {dispute.title}: {one_line(dispute.ruling)}{sums} {desk.dispute(dispute)}")
    return ["**Where the sources disagree**\n" + "\n".join(lines)]


def _relevant_disputes(desk: Desk) -> list[Dispute]:
    candidates = {dispute.slug: dispute for dispute in desk.disputes_of_subjects()}
    if desk.question.intents[:1] == ("spec",):
        # One figure was asked for: only what is said against that figure belongs beside it.
        keys = {"prices" if key == "price" else key for key in desk.question.figure_keys}
        candidates = {
            slug: dispute
            for slug, dispute in candidates.items()
            if any(target.partition("#")[2] in keys for target in dispute.about if "#" in target)
        }
    candidates |= {dispute.slug: dispute for dispute in desk.disputes_of_told()}
    if not candidates:
        return []
    topics = [DISPUTE_TOPICS[intent] for intent in desk.question.intents if intent in DISPUTE_TOPICS]
    if topics and len(topics) == len(desk.question.intents):
        wanted = tuple(word for words in topics for word in words)
        candidates = {
            slug: dispute
            for slug, dispute in candidates.items()
            if any(word in target for target in dispute.about for word in wanted)
        }
    labels = [desk.index.names.label(*subject.split("/", 1)) for subject in desk.subjects]
    found = desk.index.searcher.search(" ".join((desk.question.text, *labels)), DISPUTE_POOL)
    near = [hit.passage.passage_id.removeprefix("dispute.") for hit in found.hits]
    return [candidates[slug] for slug in near if slug in candidates]


def _notes(sections: list[Section], question: Question) -> list[str]:
    notes: dict[str, None] = {}
    for note in question.notes:
        notes[note] = None
    if question.carried:
        notes[f"taken from earlier in the conversation: {joined(question.carried)}"] = None
    for section in sections:
        for note in section.notes:
            notes[note.rstrip(".")] = None
    kept = list(notes)[:MOST_NOTES]
    return [f"{ASSUMED}{'; '.join(kept)}."] if kept else []
