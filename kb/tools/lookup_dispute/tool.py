"""Where sources contradict each other: the claims, and which of them is right."""

from typing import Annotated

from pydantic import Field

from kb.catalogue import Catalogue
from kb.catalogue.records import Dispute, Record, kinds
from kb.errors import IndexUnusable, UnknownName
from kb.tools.base import Arguments, Result, cite, tool

NEAR = 0.66
"""What a claim comes to with the dispute that is about it, at the least: cosine similarity, and :data:`SHARED` for each
record that both name. Of ``eval/``'s questions about disputes all reach it; of four others that do none asks for one.
The vectors are turned anew at each build: more passages move it a little."""
SHARED, MOST_SHARED = 0.05, 3
POOL = 50
MUST_AGREE = ("models", "accelerators", "machines", "quantizations")
"""Kinds of which a claim and the dispute that is about it share a record, where both name any."""


class DisputeArguments(Arguments):
    query: Annotated[str, Field(min_length=1, max_length=2000)] = Field(
        description="the claim, or the slug of a dispute"
    )


class ClaimView(Record):
    says: str
    """In our words."""
    source: str
    section: str
    source_title: str


class DisputeAnswer(Result):
    slug: str
    title: str
    """The contradiction in one line."""
    ruling: str
    reason: str
    claims: tuple[ClaimView, ...]
    """What each source says."""
    arithmetic: tuple[str, ...]
    """Equations that show it, checked."""


def run(catalogue: Catalogue, arguments: DisputeArguments) -> DisputeAnswer:
    """Raises :class:`UnknownName` where no dispute is about it, :class:`IndexUnusable` where there is no index."""
    known = catalogue.known
    dispute = known.disputes.get(arguments.query) or _nearest(catalogue, arguments.query)
    titles = {slug: source.title for slug, source in known.sources.items()}
    return DisputeAnswer(
        slug=dispute.slug,
        title=dispute.title,
        ruling=dispute.ruling,
        reason=dispute.reason,
        claims=tuple(
            ClaimView(says=one.says, source=one.source, section=one.section, source_title=titles[one.source])
            for one in dispute.claims
        ),
        arithmetic=dispute.arithmetic,
        citations=cite(catalogue, {dispute.title: dispute.sources}),
    )


def _nearest(catalogue: Catalogue, query: str) -> Dispute:
    from kb.search.live import Index  # slow to import; imported already where there is an index

    if not isinstance(catalogue, Index):
        raise IndexUnusable("Disputes are found by the index, and there is none yet. Run `kb build`.")
    disputes = catalogue.known.disputes
    mentions = catalogue.names.scan(query, (*kinds, "terms"))
    named = {f"{match.kind}/{match.slug}" for mention in mentions for match in mention.matches}
    found: list[tuple[float, str]] = []
    for hit in catalogue.searcher.search(query, POOL).hits:
        kind, _, slug = hit.passage.passage_id.partition(".")
        if kind == "dispute" and "dense" in hit.rankers:
            about = {target.partition("#")[0] for target in disputes[slug].about}
            shared = len(named & about)
            if any(_of(kind, named) and _of(kind, about) and not _of(kind, named & about) for kind in MUST_AGREE):
                continue
            found.append((hit.rankers["dense"].score + SHARED * min(shared, MOST_SHARED), slug))
    nearness, slug = max(found, default=(0.0, ""))
    if nearness < NEAR:
        raise UnknownName("dispute", query[:200], [])
    return disputes[slug]


def _of(kind: str, records: set[str]) -> set[str]:
    return {record for record in records if record.startswith(f"{kind}/")}


TOOL = tool(
    run,
    "A claim on which sources contradict each other: who says what, which is right, and the arithmetic that shows it.",
)
