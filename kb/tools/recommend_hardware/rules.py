"""The long guide's decision framework, as rules: which of its whole machines is for whom."""

from kb.catalogue import Catalogue
from kb.catalogue.records import Build, Record, SourceRef, ends

FRAMEWORK = "Decision Framework"
"""The section whose conditions these are; other documents' builds have conditions too."""


class BuildRule(Record):
    """One rule of the long guide's decision framework; ``applies`` is None where nothing given decides it."""

    build: str
    """The published build that it speaks for."""
    slug: str
    """Of that build."""
    choose_if: tuple[str, ...]
    """When to choose it."""
    headline_price_usd: tuple[float, float] | None
    """What the guide says it costs."""
    concurrent_users: tuple[float, float] | None
    """How many it serves at once, as the guide says."""
    applies: bool | None
    """Null where nothing given decides it."""
    why: str
    """What decided."""


def decision_rules(catalogue: Catalogue, budget_usd: float | None, users: int | None) -> tuple[BuildRule, ...]:
    """The cheapest first. What a budget or a number of users rules out does not apply; the other conditions are for
    people to judge."""
    rules = []
    for build in catalogue.known.of(Build).values():
        if build.choose_if is None or not any(ref.section == FRAMEWORK for ref in build.choose_if.sources):
            continue
        price = ends(build.headline_price_usd.value) if build.headline_price_usd else None
        served = ends(build.concurrent_users.value) if build.concurrent_users else None
        applies, why = _applies(budget_usd, users, price, served)
        rules.append(
            BuildRule(
                build=build.name, slug=build.slug, choose_if=build.choose_if.value, headline_price_usd=price,
                concurrent_users=served, applies=applies, why=why,
            )
        )  # fmt: skip
    return tuple(sorted(rules, key=lambda rule: (rule.headline_price_usd or (float("inf"),), rule.slug)))


def _applies(
    budget: float | None, users: int | None, price: tuple[float, float] | None, served: tuple[float, float] | None
) -> tuple[bool | None, str]:
    reasons = []
    if budget is not None and price is not None:
        if budget < price[0]:
            return False, f"{budget:,.0f} USD are less than its {price[0]:,.0f} USD"
        reasons.append(f"its {price[0]:,.0f} USD are within {budget:,.0f} USD")
    if users is not None and served is not None:
        if users > served[1]:
            return False, f"{users} at once are more than its {served[1]:g}"
        reasons.append(f"it serves up to {served[1]:g} at once")
    return (True, "; ".join(reasons)) if reasons else (None, "neither a budget nor a number of users decides it")


def rule_sources(catalogue: Catalogue, slug: str) -> tuple[SourceRef, ...]:
    build = catalogue.known.of(Build)[slug]
    assert build.choose_if is not None
    return build.choose_if.sources
