"""Power, loading, links and money."""

from kb.chat.evidence import Desk, Section
from kb.chat.question import DEFAULT_QUANTIZATION
from kb.chat.sections.fitting import model_name
from kb.chat.wording import fmt, joined, money


def power_supply(desk: Desk) -> list[Section]:
    sections = []
    cpu = next((thing for thing in desk.question.devices if thing.match.kind == "cpus"), None)
    for thing in desk.question.devices:
        if thing.match.kind == "cpus" and len(desk.question.devices) > 1:
            continue
        desk.about(thing.match.kind, thing.match.slug)
        if thing.match.kind == "machines":
            mark = desk.spec(desk.index.known.specs["machines"][thing.match.slug])
            label = thing.match.label
            sections.append(Section(f"**{label} is a complete machine**: its power supply is part of it. {mark}"))
            continue
        result, mark = desk.call(
            "size_power_supply", device=thing.match.slug, device_count=thing.count,
            cpu=cpu.match.slug if cpu and cpu is not thing else None, psu_w=desk.question.watts,
        )  # fmt: skip
        supply = f"{fmt(result.recommended_psu_w)} W"
        if result.psu_count > 1:
            supply += " in all, from two supplies or a server supply"
        section = Section(f"**{result.device}: plan a power supply of {supply}.** {mark}", [f"{result.formula} {mark}"])
        if result.load_percent is not None and desk.question.watts is not None:
            within = result.load_percent <= 80
            answer = "is enough" if within else "is tight" if result.load_percent <= 100 else "is too small"
            judged = "within the 80 % rule" if within else "more than the 80 % rule allows"
            section.verdict = (
                f"**A supply of {fmt(desk.question.watts)} W {answer}**: {result.device} with the rest loads it to "
                f"{fmt(result.load_percent)} %, {judged}. {mark}"
            )
            section.lines.insert(0, f"Recommended: {supply} {mark}")
        section.lines.append(
            f"At the wall: about {fmt(result.wall_w)} W, which {joined(result.circuits, 'or')} carry {mark}"
        )
        section.lines += [f"{warning} {mark}" for warning in result.warnings]
        section.notes = [*result.assumptions]
        sections.append(section)
    return sections


def power_cost(desk: Desk) -> list[Section]:
    question = desk.question
    arguments: dict[str, object] = {
        "price_per_kwh": question.price_per_kwh,
        "hours_per_day": question.hours_per_day,
        "currency": question.currency,
    }
    if question.watts is not None:
        subjects: list[dict[str, object]] = [{"watts": question.watts}]
    else:
        subjects = [{"device": thing.match.slug, "device_count": thing.count} for thing in question.devices[:3]]
    sections = []
    things = () if question.watts is not None else question.devices[:3]
    for number, subject in enumerate(subjects):
        result, mark = desk.call("estimate_power_cost", **subject, **arguments)
        section = Section(
            f"**About {money(result.cost_per_year, result.currency)} a year** for {fmt(result.watts)} W"
            + (f" ({desk.index.names.label(things[number].match.kind, things[number].match.slug)})" if things else "")
            + f". {mark}",
            [f"{result.formula} {mark}"],
        )
        section.notes = [*result.assumptions]
        sections.append(section)
    for thing in question.devices:
        desk.about(thing.match.kind, thing.match.slug)
    return sections


SORTS_OF_DRIVE = {"sata": (550, "a SATA SSD reads about 550 MB/s"), "hdd": (200, "a hard disk reads about 0.2 GB/s")}
"""Terms that stand for a drive in a question, and what their entries in the glossary say of its speed in MB/s."""
COMMON_LINKS = ("1-gbe", "10-gbe", "pcie-4-0-x16")
"""Shown where a question names no link."""


def load_time(desk: Desk) -> list[Section]:
    question = desk.question
    drive = next((thing for thing in question.others if thing.match.kind == "storage"), None)
    quantization = question.quantizations[0].match.slug if question.quantizations else DEFAULT_QUANTIZATION
    arguments: dict[str, object] = {
        "drive": drive.match.slug if drive else None,
        "read_mb_per_s": question.read_mb_per_s,
    }
    sort = next((thing.match.slug for thing in question.terms if thing.match.slug in SORTS_OF_DRIVE), None)
    told: list[str] = []
    if sort and not drive and question.read_mb_per_s is None:
        arguments["read_mb_per_s"], said = SORTS_OF_DRIVE[sort]
        told = [f"{said} {desk.term(desk.index.known.terms[sort])}"]
    if question.models:
        arguments |= {"model": model_name(question.models[0]), "quantization": quantization}
        desk.about("models", question.models[0].match.slug)
    else:
        arguments |= {"size_gb": question.size_gb}
    result, mark = desk.call("estimate_load_time", **arguments)
    section = Section(f"**About {fmt(result.seconds)} s to load.** {mark}", [f"{result.formula} {mark}"])
    section.notes = [*told, *result.assumptions]
    if question.models and not question.quantizations:
        section.notes.insert(0, "no quantization was named: Q4_K_M was taken")
    return [section]


def transfer(desk: Desk) -> list[Section]:
    question = desk.question
    named = [thing.match.slug for thing in question.others if thing.match.kind == "interconnects"]
    sections = []
    for link in named[:3] or COMMON_LINKS:
        desk.about("interconnects", link)
        arguments: dict[str, object] = {"link": link}
        if question.size_gb is not None:
            arguments["size_gb"] = question.size_gb
        elif question.models:
            arguments["model"] = model_name(question.models[0])
        result, mark = desk.call("estimate_transfer_time", **arguments)
        took = f"{fmt(result.seconds)} s" if result.seconds >= 0.1 else f"{fmt(result.seconds * 1e6)} µs"
        section = Section(f"**About {took} over {result.link}.** {mark}", [f"{result.formula} {mark}"])
        section.notes = [*result.assumptions] if named else ["no link that I know was named", *result.assumptions]
        sections.append(section)
    return sections


def rent_or_buy(desk: Desk) -> list[Section]:
    question = desk.question
    result, mark = desk.call(
        "rent_or_buy", purchase=question.budget, rent_per_hour=question.rent_per_hour, own_watts=question.watts,
        price_per_kwh=question.price_per_kwh, hours_per_day=question.hours_per_day,
    )  # fmt: skip
    if result.break_even_hours is None:
        verdict = f"**Renting stays cheaper.** {mark}"
    else:
        verdict = (
            f"**Buying pays after about {fmt(result.break_even_hours)} hours of use** "
            f"({fmt(result.break_even_days)} days). {mark}"
        )
    section = Section(verdict, [f"{result.formula} {mark}"])
    section.notes = [*result.assumptions]
    return [section]


def token_cost(desk: Desk) -> list[Section]:
    question = desk.question
    result, mark = desk.call(
        "cost_per_million_tokens", cost_per_hour=question.rent_per_hour, tokens_per_s=question.tokens_per_s
    )
    section = Section(
        f"**{fmt(result.cost_per_million_tokens)} per million tokens**, in the currency of the hourly price. {mark}",
        [f"{result.formula} {mark}"],
    )
    section.notes = [*result.assumptions]
    return [section]
