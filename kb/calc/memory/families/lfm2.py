"""Short convolutions with some layers of attention between (llama.cpp, src/models/lfm2.cpp)."""

from dataclasses import replace

from kb.calc.memory.architecture import GraphStyle
from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, Mixers, listed, mixers_of, spread


def with_state(config: Config) -> Config:
    """The last inputs of the convolution, f32."""
    kernel = config.whole("conv_L_cache")
    return replace(config, layer_state_bytes=4 * config.hidden_size * (kernel - 1)) if kernel else config


def mixers(config: Config) -> Mixers:
    return mixers_of(config, listed(config) or spread(config))


FAMILIES = (
    Family(
        ("lfm2", "lfm2moe"),
        ("lfm2",),
        mixers,
        prepare=with_state,
        reads=("conv_L_cache",),
        graph=GraphStyle(gathers_late=True, output_gate=True),
    ),
)
