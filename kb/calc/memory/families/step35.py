"""Layers with a window, but for the first of each few (llama.cpp, src/models/step35.cpp, laguna.cpp, mimo2.cpp)."""

from collections.abc import Callable

from kb.calc.memory.architecture import GraphStyle
from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, Mixers, listed, mixers_of


def first_of(period: int) -> Callable[[Config], Mixers]:
    def mixers(config: Config) -> Mixers:
        places = range(config.num_hidden_layers)
        return mixers_of(config, listed(config) or ["sliding" if layer % period else "full" for layer in places])

    return mixers


def first_and_last_of(period: int) -> Callable[[Config], Mixers]:
    """The first layer of all attends to everything too."""

    def mixers(config: Config) -> Mixers:
        kinds = [
            "full" if not layer or (layer + 1) % period == 0 else "sliding" for layer in range(config.num_hidden_layers)
        ]
        return mixers_of(config, listed(config) or kinds)

    return mixers


FAMILIES = (
    Family(("step35",), ("laguna", "step3p5", "step3p7"), first_of(4), graph=GraphStyle(keys_first=True)),
    Family(("mimo2",), ("mimo_v2", "mimo_v2_flash"), first_and_last_of(6), graph=GraphStyle(keys_first=True)),
)
