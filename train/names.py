"""What questions are filled with beside the catalogue: names that people type, and names that nobody bears."""

import random

QUANTIZATIONS = (
    "q4_k_m", "Q4_K_M", "Q4_K_M", "q4", "Q4", "4-bit", "4 bit", "q8_0", "Q8_0",
    "8-bit", "fp16", "FP16", "f16",
    "Q5_K_M", "q5_k_m", "Q6_K", "q6", "IQ4_XS", "Q3_K_M", "IQ3_XS", "Q2_K", "IQ2_XS", "mxfp4", "nvfp4", "bf16", "fp8",
    "awq", "4.25bpw", "5bpw",
)  # fmt: skip
CONTEXTS = {"2k": 2048, "4k": 4096, "8k": 8192, "16k": 16384, "32k": 32768, "64k": 65536, "128k": 131072}
DRIVES = (
    "Samsung 990 Pro", "samsung 990 pro", "SATA SSD", "NVMe drive", "Crucial T705", "hard disk", "WD Black SN850X",
)  # fmt: skip
LINKS = (
    "PCIe 4.0 x16", "pcie 5.0 x16", "PCIe 3.0 x4", "PCIe 4.0 x8", "10 GbE", "10 gigabit ethernet", "ConnectX-7",
    "NVLink", "Thunderbolt 5", "Wi-Fi 7", "gigabit ethernet",
)  # fmt: skip
BOARDS = (
    "Ryzen 9 9950X", "ryzen 9 7950x", "Threadripper PRO 7995WX", "threadripper 7980x", "Core Ultra 9 285K", "EPYC 9654",
    "X670E board", "Z890 board", "TRX50",
)  # fmt: skip
_MISSPELLED = (
    "memory running model speed context tokens which power should electricity quantization compare recommend hardware "
    "hours fastest supply enough machine building largest whole expect longest"
)
MISSPELLED = frozenset(_MISSPELLED.split())
"""Words in which two letters may be swapped; a name's letters never are."""

WHOLE_NUMBERS: dict[str, tuple[int, ...]] = {
    "device_count": (2, 2, 2, 3, 4, 8), "accelerator_count": (2, 2, 3, 4), "nvme_drives": (1, 2, 3, 4),
    "concurrency": (2, 4, 5, 8, 10, 16, 20, 32), "users": (2, 3, 5, 8, 10, 20, 50), "batch_size": (1, 2, 4, 8, 16),
    "rank": (8, 16, 32, 64), "sequence_length": (512, 1024, 2048, 4096, 8192),
    "hours_per_day": (2, 3, 4, 6, 8, 10, 12, 24),
    "system_memory_gb": (16, 32, 64, 96, 128, 192, 256), "psu_w": (550, 650, 750, 850, 1000, 1200, 1600),
    "watts": (300, 450, 700, 1000, 1500, 2000), "max_power_w": (200, 300, 500, 800, 1000),
    "own_watts": (300, 450, 600, 800),
    "min_tokens_per_s": (5, 8, 10, 15, 20, 30, 50), "wrong_gb": (8, 10, 12, 16, 20, 24, 32, 48, 64, 96),
    "wrong_bandwidth": (256, 448, 600, 800, 1200, 2000),
}  # fmt: skip
EXACT = ("device_count", "accelerator_count", "hours_per_day", "nvme_drives")
"""Of the whole numbers, those that are always one of the list."""
DECIMALS: dict[str, tuple[float, float]] = {
    "price_per_kwh": (0.08, 0.6), "rent_per_hour": (0.2, 4.0), "cost_per_hour": (0.2, 6.0), "size_gb": (2, 400),
    "tokens_per_s": (5, 400), "read_mb_per_s": (100, 14000),
}  # fmt: skip
AMOUNTS = (500, 800, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 8000, 10000)

_SPOKEN = (
    "zor vex lum tar nim qua rion pel dra sol kin mar ost bel fyn gal hex ion jov kar lix mon nov orb pix rad syn tex "
    "ult vor wyn xen yar zen"
)
_SYLLABLES = _SPOKEN.split()
_SIZES = (0.5, 1, 1.5, 2, 3, 4, 7, 8, 9, 12, 13, 14, 20, 22, 24, 27, 30, 32, 34, 40, 65, 70, 72, 110, 123, 405)
_FAMILIES = ("RTX", "RX", "GX", "Arc", "Pro", "W", "M", "GTX", "X")


def _word(rng: random.Random) -> str:
    return "".join(rng.sample(_SYLLABLES, rng.choice((2, 2, 3)))).capitalize()


def invented_model(rng: random.Random) -> str:
    number = rng.randrange(1, 6)
    version = rng.choice(("", "", f" {number}", f" {number}.{rng.randrange(10)}", f"-{rng.randrange(1, 9)}"))
    kind = rng.choice(("", "", "", " Instruct", "-Coder", f"-A{rng.randrange(2, 40)}B"))
    return f"{_word(rng)}{version}{rng.choice((' ', '-', ' '))}{rng.choice(_SIZES):g}{rng.choice('Bb')}{kind}"


def invented_device(rng: random.Random) -> str:
    letters = f"{rng.choice('ABHLMV')}{rng.randrange(10, 400)}"
    number = rng.choice((str(rng.randrange(2, 99) * 100), str(rng.randrange(100, 999)), letters))
    memory = f" {rng.choice((8, 12, 16, 24, 32, 48, 80))}GB"
    suffix = rng.choice(("", "", "", " Ti", " Super", " XT", " Ultra", " Max", memory))
    maker = rng.choice((rng.choice(_FAMILIES), _word(rng), f"{_word(rng)} {rng.choice(_FAMILIES)}"))
    return f"{maker} {number}{suffix}"


def invented_term(rng: random.Random) -> str:
    word = _word(rng)
    noun = rng.choice(("cache", "memory", "split", "bus", "quantization"))
    return rng.choice((word.lower(), word, f"{word}-{rng.randrange(2, 9)}", f"{word.lower()} {noun}"))
