"""Power supplies and circuits for a machine with these cards."""

from typing import Annotated

from pydantic import Field

from kb.calc.power import CIRCUITS, LARGEST_COMMON_PSU_W, recommended_psu_w, suitable_circuits, wall_w
from kb.catalogue import Catalogue
from kb.catalogue.records import Cpu
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Real, Result, Tool, cite
from kb.tools.shared.fitting import DeviceCount
from kb.tools.shared.power import Watts, board_power
from kb.tools.shared.resolve import split_count

DEFAULT_CPU_W = 250.0


DEFAULT_OTHER_W = 100.0


class PowerSupplyArguments(Arguments):
    device: Name = Field(description="the graphics card")
    device_count: DeviceCount = 1
    cpu: Name | None = Field(None, description="the processor; without it 250 W is assumed")
    other_w: Annotated[Real, Field(ge=0, le=10_000)] = DEFAULT_OTHER_W
    psu_w: Watts | None = Field(None, description="a supply to judge")


class PowerSupplyAnswer(Result):
    """``recommended_psu_w`` is loaded to 80 % at most by the sustained draw."""

    device: str
    sustained_w: float
    recommended_psu_w: float
    psu_count: int
    load_percent: float | None
    """Of the supply that was given to judge."""
    wall_w: float
    circuits: tuple[str, ...]
    formula: str
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]


def run(catalogue: Catalogue, arguments: PowerSupplyArguments) -> PowerSupplyAnswer:
    count, name = (1, arguments.device)
    if arguments.device_count == 1:
        count, name = split_count(arguments.device)
    count *= arguments.device_count
    label, gpu_w, references = board_power(catalogue, name)
    cpu_w, cpu_label = DEFAULT_CPU_W, "CPU (assumed)"
    if arguments.cpu:
        match = catalogue.names.resolve(("cpus",), arguments.cpu, "CPU")
        record = catalogue.known.specs["cpus"][match.slug]
        assert isinstance(record, Cpu)
        figure = record.max_power_w or record.tdp_w
        if figure is None:
            raise InvalidArgument("cpu", arguments.cpu, "a processor whose power is known")
        cpu_w, cpu_label = figure.value, record.name
        references[f"power of {record.name}"] = figure.sources
    sustained = gpu_w * count + cpu_w + arguments.other_w
    recommended = recommended_psu_w(sustained)
    supplies = 1 if recommended <= LARGEST_COMMON_PSU_W else 2
    at_wall = wall_w(sustained)
    circuits = tuple(circuit.name for circuit in suitable_circuits(at_wall))
    warnings = []
    if supplies > 1:
        each = recommended_psu_w(sustained / 2)
        warnings.append(
            f"more than one common supply gives: two of {each:,.0f} W, started together, or a server supply"
        )
    if "15 A / 120 V" not in circuits:
        warnings.append(
            f"{at_wall:,.0f} W at the wall is more than a 15 A / 120 V circuit carries for hours "
            f"({CIRCUITS[0].continuous_w:,.0f} W)"
        )
    return PowerSupplyAnswer(
        device=label if count == 1 else f"{count}× {label}",
        sustained_w=sustained,
        recommended_psu_w=recommended,
        psu_count=supplies,
        load_percent=round(sustained / arguments.psu_w * 100, 1) if arguments.psu_w else None,
        wall_w=round(at_wall),
        circuits=circuits,
        formula=(
            f"{count} × {gpu_w:g} W ({label}) + {cpu_w:g} W ({cpu_label}) + {arguments.other_w:g} W (rest) = "
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


TOOL = Tool(
    "size_power_supply",
    "Which power supply a machine with these cards needs, what it draws from the wall, and which circuits carry it.",
    PowerSupplyArguments,
    PowerSupplyAnswer,
    run,
    {"device": "RTX 5090", "device_count": 2, "cpu": "Ryzen 9 9950X"},
)
