"""Content negotiation (RFC 9110, 12.5.1)."""

from collections.abc import Sequence


def best_match(accept: str, offered: Sequence[str]) -> str | None:
    """The offered media type that ``accept`` prefers; the earlier offered at a draw, None where none is accepted.

    >>> best_match("text/markdown;q=0.5, application/ld+json", ["application/json", "text/markdown"])
    'text/markdown'
    >>> best_match("text/*, */*;q=0.1", ["application/json", "text/markdown"])
    'text/markdown'
    >>> best_match("application/json;q=0, */*", ["application/json", "text/markdown"])
    'text/markdown'
    >>> best_match("image/png", ["application/json"]) is None
    True
    """
    ranges = [_parsed(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    scored = [(_quality(ranges, media), -place, media) for place, media in enumerate(offered)]
    quality, _, media = max(scored)
    return media if quality > 0 else None


def _parsed(part: str) -> tuple[str, float]:
    """A media range and its weight; parameters other than ``q`` are not told apart, a broken weight is 1."""
    media, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().casefold() == "q":
            try:
                return media.casefold(), min(max(float(value), 0.0), 1.0)
            except ValueError:
                break
    return media.casefold(), 1.0


def _quality(ranges: Sequence[tuple[str, float]], media: str) -> float:
    """The weight of the most specific range that covers ``media``."""
    for covering in (media, media.partition("/")[0] + "/*", "*/*"):
        weights = [quality for name, quality in ranges if name == covering]
        if weights:
            return max(weights)
    return 0.0
