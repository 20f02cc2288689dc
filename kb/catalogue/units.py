"""Bytes, and the units that figure keys end in."""

GB = 10**9
GIB = 2**30
MIB = 2**20

_UNITS = (
    ("usd_per_gib", "USD per GiB"),
    ("price_per_gib", ""),
    ("_gb_per_s_per_direction", "GB/s per direction"),
    ("_gb_per_s_both_directions", "GB/s both directions"),
    ("_gbit_per_s", "Gbit/s"),
    ("_gt_per_s_per_lane", "GT/s per lane"),
    ("_gb_per_s", "GB/s"),
    ("_mb_per_s", "MB/s"),
    ("_mt_per_s", "MT/s"),
    ("tokens_per_s", "tokens/s"),
    ("depth_tokens", "tokens"),
    ("max_position_embeddings", "tokens"),
    ("_gib", "GiB"),
    ("_gb", "GB"),
    ("_tb", "TB"),
    ("_mb", "MB"),
    ("_tflops", "TFLOPS"),
    ("_tops", "TOPS"),
    ("_ghz", "GHz"),
    ("_mhz", "MHz"),
    ("_usd", "USD"),
    ("_percent", "%"),
    ("times_as_fast", "times"),
    ("times_below_typical", "times"),
    ("times_above_ceiling", "times"),
    ("_ratio", "times"),
    ("_billions", "B"),
    ("_years", "years"),
    ("_weeks", "weeks"),
    ("_bits", "bits"),
    ("bits_per_weight", "bits"),
    ("bits_per_weight_file", "bits"),
    ("bits_per_weight_file_small", "bits"),
    ("_bytes", "bytes"),
    ("_tbw", "TB written"),
    ("_mm", "mm"),
    ("_us", "µs"),
    ("_w", "W"),
    ("_billions", "B"),
    ("times_as_fast", "times"),
)


def unit_of(key: str) -> str:
    """The unit that a figure's key carries, or nothing where it counts or names.

    >>> unit_of("memory_bandwidth_gb_per_s"), unit_of("tdp_w"), unit_of("cuda_cores")
    ('GB/s', 'W', '')
    """
    if key == "mt_per_s":
        return "MT/s"
    return next((unit for ending, unit in _UNITS if key.endswith(ending)), "")


def label_of(key: str) -> str:
    """A figure's key as words, without its unit.

    >>> label_of("fp16_dense_tflops"), label_of("memory_gib"), label_of("tdp_w")
    ('FP16 dense', 'memory', 'TDP')
    """
    ending = next((ending for ending, _ in _UNITS if key.endswith(ending) and ending.startswith("_")), "")
    stem = key.removesuffix(ending) if ending not in ("_bits",) else key
    words = (_WORDS.get(word, word) for word in stem.split("_"))
    return " ".join(word for word in words if word)


_WORDS = {
    "tdp": "TDP", "fp16": "FP16", "fp32": "FP32", "bf16": "BF16", "fp8": "FP8", "fp4": "FP4", "int8": "INT8",
    "pcie": "PCIe", "cuda": "CUDA", "gpu": "GPU", "gpus": "GPUs", "cpu": "CPU", "l2": "L2", "l3": "L3", "kv": "KV",
    "nvlink": "NVLink", "ecc": "ECC", "vgpu": "vGPU", "vram": "VRAM", "psu": "PSU", "m2": "M.2", "dimm": "DIMM",
    "atx": "ATX", "12v": "12V", "2x6": "2x6", "fp16acc": "(FP16 accumulation)", "gt": "GT", "cas": "CAS",
    "vrm": "VRM", "params": "parameters", "num": "",
}  # fmt: skip
