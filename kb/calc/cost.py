"""Renting against buying, and what a token costs."""

SECONDS_PER_HOUR = 3600.0


def break_even_hours(purchase: float, rent_per_hour: float, own_power_cost_per_hour: float = 0.0) -> float | None:
    """Hours of use after which buying was cheaper: ``purchase ÷ (rent − own electricity)``; None if never.

    >>> break_even_hours(1600, 0.50, 0.10)
    4000.0
    """
    saved = rent_per_hour - own_power_cost_per_hour
    return purchase / saved if saved > 0 else None


def cost_per_million_tokens(cost_per_hour: float, tokens_per_s: float) -> float:
    """``cost per hour ÷ tokens per hour × 10^6``, at full use.

    >>> cost_per_million_tokens(0.36, 100)
    1.0
    """
    return cost_per_hour / (tokens_per_s * SECONDS_PER_HOUR) * 1e6
