"""Short convolutions with some layers of attention between (llama.cpp, src/models/lfm2.cpp)."""

from dataclasses import replace

from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, in_any_order, mixers_as_told


def with_state(config: Config) -> Config:
    """The last inputs of the convolution, f32."""
    kernel = config.whole("conv_L_cache")
    return in_any_order(replace(config, layer_state_bytes=4 * config.hidden_size * (kernel - 1)) if kernel else config)


FAMILIES = (
    Family(("lfm2", "lfm2moe"), ("lfm2", "lfm2_moe"), mixers_as_told, prepare=with_state, reads=("conv_L_cache",)),
)
