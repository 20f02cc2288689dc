"""Whether a model of several parts has room: all of them at once, one after the other, or only with layers in RAM."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Placement = Literal["together", "in_turn", "encoder_on_processor", "layers_in_ram", "none"]


@dataclass(frozen=True)
class Weights:
    """Of one part, in bytes. An encoder reads the prompt before the work begins."""

    size: float
    is_encoder: bool = False


def in_turn_bytes(parts: Sequence[Weights], working: float) -> float:
    """What the device holds at most with one part at a time."""
    return max(part.size + (0 if part.is_encoder else working) for part in parts)


def placement(parts: Sequence[Weights], working: float, device: float, ram: float) -> Placement:
    """Bytes: ``device`` are free on one device; ``ram`` beside it, 0 where there is no memory beside it.

    In turn, as ComfyUI and diffusers' ``enable_model_cpu_offload`` do it, the device holds one part and RAM holds all.
    An encoder may work on the processor; with layers in RAM the device holds no more than the work.

    >>> flux = [Weights(9.5e9, True), Weights(23.8e9), Weights(0.2e9)]
    >>> [placement(flux, 1e9, card, 60e9) for card in (40e9, 25e9, 12e9)], placement(flux, 1e9, 25e9, 30e9)
    (['together', 'in_turn', 'layers_in_ram'], 'none')
    >>> placement([Weights(9.5e9, True), Weights(4.9e9)], 1e9, 8e9, 60e9)
    'encoder_on_processor'
    """
    total = sum(part.size for part in parts)
    if total + working <= device:
        return "together"
    if total > ram:
        return "none"
    if in_turn_bytes(parts, working) <= device:
        return "in_turn"
    others = [part for part in parts if not part.is_encoder]
    if others and in_turn_bytes(others, working) <= device:
        return "encoder_on_processor"
    return "layers_in_ram" if working <= device else "none"
