"""Power supplies and circuits for a machine with these cards."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from kb.calc.power import CONTINUOUS_LOAD_SHARE, recommended_psu_w, sold, suitable_circuits, wall_w
from kb.catalogue import Catalogue
from kb.catalogue.records import Cpu, Figure, SourceRef
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Real, Result, cite, tool
from kb.tools.shared.fitting import DeviceCount
from kb.tools.shared.naming import several
from kb.tools.shared.power import DEFAULT_CPU_W, DEFAULT_OTHER_W, LEAST_CPU_W, Watts, board_power
from kb.tools.shared.resolve import split_count


class PowerSupplyArguments(Arguments):
    device: Name | None = Field(None, description="the graphics card; or list several different ones in `devices`")
    device_count: DeviceCount = 1
    devices: Annotated[tuple[Name, ...], Field(min_length=1, max_length=32)] | None = Field(
        None, description="different cards by name, `2x` before it for two"
    )
    power_limit_w: Watts | None = Field(None, description="what each card is limited to, if it is")
    cpu: Name | None = Field(None, description="the processor; else 125 W is assumed")
    cpu_like: Name | None = Field(
        None,
        description="instead of `cpu`, one without a record: a similar one counts",
    )
    other_w: Annotated[Real, Field(ge=0, le=10_000)] = DEFAULT_OTHER_W
    """Mainboard, memory, drives and fans."""
    psu_w: Watts | None = Field(None, description="a supply to judge")


class PowerSupplyAnswer(Result):
    """``recommended_psu_w`` is loaded to 80 % at most by the sustained draw."""

    device: str
    cpu: str
    """The processor that was counted, or what was assumed."""
    cpu_w: float
    """What it draws at most."""
    sustained_w: float
    recommended_psu_w: float
    psu_count: int
    """How many supplies it takes."""
    verdict: Literal["enough", "tight", "too_small"] | None
    """Of the supply that was given to judge: within the 80 % rule, within its rating, or not."""
    load_percent: float | None
    """Of the supply that was given to judge."""
    left_for_cpu_w: float | None
    """Where no processor was named and the one that is assumed is too much for that supply: what one may draw."""
    wall_w: float
    """What is drawn from the wall, with the supply's own loss."""
    circuits: tuple[str, ...]
    """What household circuits carry it."""
    formula: str
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Cards:
    """Equal cards, and what each draws."""

    label: str
    count: int
    watts: float

    @property
    def sum(self) -> str:
        return f"{self.count} × {self.watts:g} W ({self.label})"


def _cards(
    catalogue: Catalogue, arguments: PowerSupplyArguments
) -> tuple[list[_Cards], dict[str, tuple[SourceRef, ...]]]:
    if (arguments.device is None) == (arguments.devices is None):
        raise InvalidArgument("device", arguments.device, "either `device` or `devices`, one of the two")
    if arguments.devices is not None and arguments.device_count > 1:
        raise InvalidArgument("device_count", arguments.device_count, "1 beside `devices` (`2x` before a name there)")
    names = arguments.devices or (arguments.device or "",)
    cards: list[_Cards] = []
    references: dict[str, tuple[SourceRef, ...]] = {}
    for written in names:
        count, name = split_count(written) if arguments.device_count == 1 else (1, written)
        label, watts, found = board_power(catalogue, name)
        if arguments.power_limit_w is not None:
            watts, label = min(watts, arguments.power_limit_w), f"{label} limited to {arguments.power_limit_w:g} W"
        cards.append(_Cards(label, count * arguments.device_count, watts))
        references |= found
    return cards, references


def _verdict(sustained_w: float, psu_w: float | None) -> Literal["enough", "tight", "too_small"] | None:
    if psu_w is None:
        return None
    if sustained_w <= CONTINUOUS_LOAD_SHARE * psu_w:
        return "enough"
    return "tight" if sustained_w <= psu_w else "too_small"


NEAREST = 3
"""Processors of a similar name, of which the middle one by power stands for one without a record."""


def _cpu(catalogue: Catalogue, arguments: PowerSupplyArguments) -> Cpu | None:
    """The one that is named, else one that stands for it."""
    if arguments.cpu:
        return catalogue.find(Cpu, arguments.cpu, "CPU")[0]
    near = catalogue.names.suggest(("cpus",), arguments.cpu_like, NEAREST) if arguments.cpu_like else []
    records = [catalogue.find(Cpu, label, "CPU")[0] for label in near]
    known = sorted((record for record in records if _power(record)), key=_watts)
    return known[len(known) // 2] if known else None


def _power(record: Cpu) -> Figure[float] | None:
    return record.max_power_w or record.tdp_w


def _watts(record: Cpu) -> float:
    figure = _power(record)
    return figure.value if figure else 0.0


def run(catalogue: Catalogue, arguments: PowerSupplyArguments) -> PowerSupplyAnswer:
    cards, references = _cards(catalogue, arguments)
    cpu_w, cpu_label = DEFAULT_CPU_W, "CPU (assumed)"
    cpu = _cpu(catalogue, arguments)
    if cpu is not None:
        figure = _power(cpu)
        if figure is None:
            raise InvalidArgument("cpu", arguments.cpu or arguments.cpu_like, "a processor whose power is known")
        cpu_w, cpu_label = figure.value, cpu.name
        references[f"power of {cpu.name}"] = figure.sources
    sustained = sum(card.count * card.watts for card in cards) + cpu_w + arguments.other_w
    recommended = recommended_psu_w(sustained)
    supplies = 1 if recommended <= sold().largest_common_supply_w else 2
    at_wall = wall_w(sustained)
    circuits = tuple(circuit.name for circuit in suitable_circuits(at_wall))
    warnings = []
    if supplies > 1:
        each = recommended_psu_w(sustained / 2)
        warnings.append(
            f"more than one common supply gives: two of {each:,.0f} W, started together, or a server supply"
        )
    smallest = sold().circuits[0]
    if smallest.name not in circuits:
        warnings.append(
            f"{at_wall:,.0f} W at the wall is more than a {smallest.name} circuit carries for hours "
            f"({smallest.continuous_w:,.0f} W)"
        )
    verdict = _verdict(sustained, arguments.psu_w)
    left = None
    if cpu is None and arguments.psu_w and verdict != "enough":
        left = CONTINUOUS_LOAD_SHARE * arguments.psu_w - (sustained - cpu_w)
    return PowerSupplyAnswer(
        device=" + ".join(several(card.count, card.label) for card in cards),
        cpu=cpu_label,
        cpu_w=cpu_w,
        sustained_w=sustained,
        recommended_psu_w=recommended,
        psu_count=supplies,
        verdict=verdict,
        load_percent=round(sustained / arguments.psu_w * 100, 1) if arguments.psu_w else None,
        left_for_cpu_w=left if left is not None and left >= LEAST_CPU_W else None,
        wall_w=round(at_wall),
        circuits=circuits,
        formula=(
            f"{' + '.join(card.sum for card in cards)} + {cpu_w:g} W ({cpu_label}) + {arguments.other_w:g} W (rest) = "
            f"{sustained:,.0f} W; ÷ 0.8 = {sustained / 0.8:,.0f} W, next size sold: {recommended:,.0f} W"
        ),
        assumptions=(
            "80 % rule: the sustained draw loads the supply to 80 % at most",
            "an ATX 3.1 supply with a native 12V-2x6 connector per card that needs one takes the millisecond peaks",
            "at the wall: 92 % efficiency (80 PLUS Platinum); circuits carry 80 % of their rating for hours",
        ),
        warnings=tuple(warnings),
        citations=cite(catalogue, references),
    )


TOOL = tool(
    run,
    "Which power supply a machine with these cards needs, what it draws from the wall, and which circuits carry it.",
)
