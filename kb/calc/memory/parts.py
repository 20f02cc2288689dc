"""Whether a model of several parts has room: all of them at once, one after the other, or only with layers in RAM."""

from collections.abc import Sequence
from typing import Literal

Placement = Literal["together", "in_turn", "layers_in_ram", "none"]


def placement(weights_bytes: Sequence[float], working_bytes: float, device_bytes: float, ram_bytes: float) -> Placement:
    """``device_bytes`` are free on one device; ``ram_bytes`` beside it, 0 where there is no memory beside it.

    In turn, as ComfyUI and diffusers' ``enable_model_cpu_offload`` do it, the device holds one part and RAM holds all.
    With layers in RAM it holds the work alone.

    >>> flux = (9.5e9, 0.2e9, 23.8e9, 0.2e9)
    >>> [placement(flux, 1e9, card, 60e9) for card in (40e9, 25e9, 12e9)], placement(flux, 1e9, 25e9, 30e9)
    (['together', 'in_turn', 'layers_in_ram'], 'none')
    """
    total = sum(weights_bytes)
    if total + working_bytes <= device_bytes:
        return "together"
    if total > ram_bytes:
        return "none"
    if max(weights_bytes) + working_bytes <= device_bytes:
        return "in_turn"
    return "layers_in_ram" if working_bytes <= device_bytes else "none"
