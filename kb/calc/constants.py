"""Constants of the speed model, fitted on published measurements. Written by ``make calibrate``: do not edit."""

from kb.calc.decode import BackendConstants, DecodeConstants, GenerationConstants, Spread
from kb.calc.prefill import PrefillBackend, PrefillConstants

DECODE = DecodeConstants(
    backends={
        "cuda": BackendConstants(
            940,
            24,
            51,
            48,
            0.95,
            0.8,
            {"legacy": 1.84, "k-quant": 1.46, "i-quant": 1.8, "float": 1.5, "microscaling": 2.0},
        ),
        "metal": BackendConstants(
            2360,
            75,
            30,
            60,
            0.95,
            0.52,
            {"legacy": 1.23, "k-quant": 4.5, "i-quant": 5.6, "float": 1.4, "microscaling": 3.0},
        ),
        "rocm": BackendConstants(
            564,
            52,
            49,
            180,
            0.877,
            0.57,
            {"legacy": 1.7, "k-quant": 6.0, "i-quant": 7.0, "float": 1.0, "microscaling": 2.2},
        ),
        "vulkan": BackendConstants(
            406,
            36,
            90,
            180,
            0.92,
            0.68,
            {"legacy": 3.0, "k-quant": 3.7, "i-quant": 4.5, "float": 1.1, "microscaling": 2.2},
        ),
        "sycl": BackendConstants(
            600,
            60,
            90,
            180,
            0.85,
            0.6,
            {"legacy": 3.0, "k-quant": 3.7, "i-quant": 4.5, "float": 1.1, "microscaling": 2.2},
        ),
        "cpu": BackendConstants(
            1100,
            52,
            40,
            180,
            0.65,
            0.53,
            {"legacy": 2.0, "k-quant": 1.0, "i-quant": 3.0, "float": 1.0, "microscaling": 3.0},
        ),
    },
    generations={
        "pascal": GenerationConstants(1.65, 4.0, 2.26),
        "turing": GenerationConstants(1.23),
        "blackwell": GenerationConstants(1.27),
        "m1": GenerationConstants(1.5),
        "m3": GenerationConstants(0.71),
        "m4": GenerationConstants(0.71),
        "m5": GenerationConstants(0.61),
        "rdna2": GenerationConstants(0.8),
        "alchemist": GenerationConstants(4.5),
    },
    no_flash_attention=2.67,
    laptop=1.28,
    server_cpu=6.0,
    split_us=420,
    spreads={"": Spread(0.8, 1.2)},
)

PREFILL = PrefillConstants(
    backends={
        "cuda": PrefillBackend({"legacy": 4.0, "k-quant": 3.0, "float": 3.0, "microscaling": 3.0}, 1.5, 20),
        "metal": PrefillBackend({"legacy": 1.2, "k-quant": 1.0, "float": 1.25, "microscaling": 1.0}, 0.3, 50),
        "rocm": PrefillBackend({"legacy": 2.5, "k-quant": 1.0, "float": 2.5, "microscaling": 2.0}, 0.4, 50),
        "vulkan": PrefillBackend({"legacy": 2.0, "k-quant": 0.9, "float": 0.9, "microscaling": 1.8}, 0.3, 50),
        "sycl": PrefillBackend({"legacy": 2.0, "k-quant": 0.9, "float": 0.9, "microscaling": 1.8}, 0.3, 50),
        "cpu": PrefillBackend({"legacy": 0.7, "k-quant": 0.7, "float": 0.7, "microscaling": 0.7}, 0.3, 0),
    },
    generations={"pascal": 0.6, "m1": 0.95},
    pipeline=0.75,
    half_width=3000,
    experts=0.5,
    no_flash_attention=2.0,
    spreads={"": Spread(0.7, 1.3)},
)
