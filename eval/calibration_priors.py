"""Where the constants are expected before the data speak: round figures of the right order.

The fit starts here, so that fitting the same tables twice gives the same constants, and constants that few rows
speak for stay plausible.
"""

from eval.calibration_fit import Prior, flatten
from kb.calc.speed.decode import BackendConstants, DecodeConstants, GenerationConstants, Spread
from kb.calc.speed.prefill import PrefillBackend, PrefillConstants

_OPERATIONS = {"legacy": 4.5, "k-quant": 5.0, "i-quant": 6.25, "float": 2.0, "microscaling": 4.5}

DECODE = DecodeConstants(
    backends={
        "cuda": BackendConstants(700, 25, 50, 50, 0.92, 0.8, _OPERATIONS),
        "rocm": BackendConstants(600, 50, 50, 150, 0.92, 0.6, {**_OPERATIONS, "k-quant": 10.0, "i-quant": 12.5}),
        "metal": BackendConstants(
            2400,
            75,
            30,
            60,
            0.95,
            0.5,
            {"legacy": 2.0, "k-quant": 10.0, "i-quant": 12.5, "float": 1.5, "microscaling": 3.0},
        ),
        "vulkan": BackendConstants(500, 40, 80, 150, 0.92, 0.7, _OPERATIONS),
        "sycl": BackendConstants(500, 40, 80, 150, 0.9, 0.7, _OPERATIONS),
        "cpu": BackendConstants(1000, 50, 40, 50, 0.6, 0.5, dict.fromkeys(_OPERATIONS, 2.0)),
    },
    generations={
        "pascal": GenerationConstants(1.5, 3.0, 2.0),
        "turing": GenerationConstants(1.3, 1.0, 1.0),
        "blackwell": GenerationConstants(1.05, 1.0, 0.9),
        "rdna2": GenerationConstants(0.8, 1.0, 1.0),
        "cdna": GenerationConstants(1.5, 1.0, 1.8),
        "alchemist": GenerationConstants(4.0, 1.0, 1.0),
        "m1": GenerationConstants(1.4, 1.0, 1.0),
        "m3": GenerationConstants(0.8, 1.0, 1.0),
        "m4": GenerationConstants(0.7, 1.0, 1.0),
        "m5": GenerationConstants(0.6, 1.0, 1.0),
    },
    shared_memory=0.92,
    no_flash_attention=2.5,
    laptop=1.2,
    server_layer_us=700,
    practice=1.0,
    split_us=300,
    spreads={"": Spread(0.8, 1.2)},
)

_GAIN = {"legacy": 1.2, "k-quant": 0.8, "i-quant": 0.8, "float": 1.0, "microscaling": 1.2}

PREFILL = PrefillConstants(
    backends={
        "cuda": PrefillBackend(
            {"legacy": 3.5, "k-quant": 2.5, "i-quant": 2.5, "float": 3.0, "microscaling": 3.0}, 1.5, 200
        ),
        "rocm": PrefillBackend(_GAIN, 0.6, 50),
        "metal": PrefillBackend({**_GAIN, "legacy": 1.0, "microscaling": 0.9}, 0.35, 50),
        "vulkan": PrefillBackend(_GAIN, 0.3, 50),
        "sycl": PrefillBackend(_GAIN, 0.3, 50),
        "cpu": PrefillBackend(dict.fromkeys(_GAIN, 0.8), 0.4, 20),
    },
    generations={
        "pascal": 0.7, "turing": 1.3, "turing gtx": 0.4, "turing datacenter": 0.9, "volta datacenter": 1.3,
        "ampere datacenter": 2.0, "ada": 1.0, "ada datacenter": 0.7, "blackwell": 1.0, "hopper datacenter": 1.2,
        "blackwell datacenter": 1.2, "rdna2": 1.3, "rdna4": 1.0, "alchemist": 1.0,
        "m1": 1.0, "m3": 1.1, "m4": 1.1, "m5": 1.1,
    },
    pipeline=0.5,
    half_width=2000,
    experts=0.6,
    no_flash_attention=2.0,
    spreads={"": Spread(0.7, 1.3)},
)  # fmt: skip

# No row of the tables speaks for these: they are derived (see calibrate.py) or stay as assumed here.
_HELD = (
    "spreads",
    "server_layer_us",
    "practice",
    ".sycl.",
    "i-quant",
    "generations.m4",
    "generations.cdna",
    "volta",
    "blackwell datacenter",
)
_HELD_CPU = (
    "backends.cpu.token_us",
    "backends.cpu.layer_us",
    "backends.cpu.expert_layer_us",
    "backends.cpu.efficiency",
)


_FIRM = ("backends.rocm.operations.k-quant",)
"""Few rows of current builds speak for it, and those of llamafile and of large mixtures of experts speak of other
costs: Q4_K_M of dense models on RDNA 3.5 reaches 73 % of the bandwidth where Q8_0 reaches 83 %."""


def decode_priors() -> dict[str, Prior]:
    """The decode constants that are fitted. An efficiency may not pass 0.95: refresh and row changes cost that."""
    priors = {}
    for name, value in flatten(DECODE).items():
        if any(held in name for held in _HELD) or name.startswith(_HELD_CPU):
            continue
        if name.startswith("generations") and value == 1.0:
            continue
        deviation = 0.1 if name in _FIRM else 0.3 if ".operations." in name else 0.5
        if name.startswith("generations") or "recurrent" in name:
            deviation = 0.3
        highest = float("inf")
        if name.endswith("efficiency") or name == "shared_memory":
            deviation = 0.2 if "cache" in name else 0.1
            highest = 1.0 if name == "shared_memory" else 0.95
        priors[name] = Prior(value, deviation, highest)
    return priors


def prefill_priors() -> dict[str, Prior]:
    """The prefill constants that are fitted; a CPU's are assumed, for the tables hold one badly placed server."""
    priors = {}
    for name, value in flatten(PREFILL).items():
        if any(held in name for held in (*_HELD, "server_layer_us")):
            continue
        priors[name] = Prior(value, 0.2 if "attention" in name else 0.5, 1.0 if name == "pipeline" else float("inf"))
    return priors
