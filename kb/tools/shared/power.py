"""The power that devices draw."""

from typing import Annotated

from pydantic import Field

from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import Accelerator, Cpu, Machine, SourceRef, ends
from kb.errors import InvalidArgument
from kb.tools.base import Real

DEFAULT_CPU_W = 125.0
"""The rating of a desktop's processor, where none was named: with it supplies come out as makers of cards advise."""
LEAST_CPU_W = 65.0
"""The rating of the smaller processors of desktops."""
DEFAULT_OTHER_W = 100.0
"""Board, memory, drives and fans."""
Watts = Annotated[Real, Field(ge=0.001, le=100_000)]


def board_power(catalogue: Catalogue, name: str) -> tuple[str, float, dict[str, tuple[SourceRef, ...]]]:
    """A device's label, its sustained power in watts and where that stands."""
    match = catalogue.names.resolve(DEVICE_KINDS, name, "device")
    record = catalogue.known.specs[match.kind][match.slug]
    watts = None
    if isinstance(record, (Accelerator, Cpu)):
        watts = record.tdp_w
    elif isinstance(record, Machine) and record.power_w:
        return record.name, ends(record.power_w.value)[1], {f"power of {record.name}": record.power_w.sources}
    if watts is None:
        raise InvalidArgument("device", name, "a device whose power is known (give `watts` where the tool takes it)")
    return record.name, watts.value, {f"TDP of {record.name}": watts.sources}
