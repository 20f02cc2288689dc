"""What is sold that one could change to."""

from kb.catalogue import Catalogue
from kb.catalogue.records import Accelerator, Machine, Price
from kb.catalogue.units import GIB
from kb.errors import InvalidArgument
from kb.tools.shared.hardware import Offer, RecommendArguments, offers
from kb.tools.shared.prices import newest_of, priced_sizes
from kb.tools.shared.resolve import DeviceArgument, ResolvedDevices, resolve_devices

MORE_MEMORY = 1.25
"""Times the memory, less of which is no upgrade."""
FIRST_CARD_GIB = 12.0
"""Of a first card, beside the system memory."""


def price_of(catalogue: Catalogue, named: DeviceArgument, devices: ResolvedDevices) -> Price | None:
    """Of one, with the memory that it has here; None where no source has that."""
    record = catalogue.known.specs[devices.kind].get(devices.slug or "") if devices.kind else None
    if record is None:
        return None
    sizes = priced_sizes(record)
    gib = round(devices.each.memory_bytes / GIB)
    return newest_of(sizes.get(None if set(sizes) == {None} else gib, ()))


def bigger(catalogue: Catalogue, now: ResolvedDevices) -> list[Offer]:
    """The cheapest of the same kind with more memory that is no slower; none where there is no such."""
    alone = now.each
    have = now.memory_bytes / GIB
    wanted = FIRST_CARD_GIB if alone.backend == "cpu" else MORE_MEMORY * have
    found = []
    for offer in offers(catalogue, RecommendArguments()):
        record = offer.record
        if alone.unified_memory != isinstance(record, Machine):
            continue
        if isinstance(record, Accelerator) and (record.segment != "consumer" or record.unified_memory):
            continue
        try:
            devices = resolve_devices(catalogue, offer.device)
        except InvalidArgument:  # its figures are not known
            continue
        one = devices.each
        size = devices.memory_bytes / GIB
        same = alone.backend in ("cpu", one.backend) and one.unified_memory == alone.unified_memory
        if same and size >= wanted and one.bandwidth_bytes_per_s >= alone.bandwidth_bytes_per_s:
            found.append((offer.price.currency != "USD", offer.price.low, -size, offer.record.slug, offer))
    return [min(found)[-1]] if found else []
