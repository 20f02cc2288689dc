"""The words by which a figure of a record is asked for."""

import re

FIGURE_KEYS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (key, re.compile(pattern, re.I))
    for key, pattern in (
        ("memory_bandwidth_gb_per_s", r"bandwidth|gb/s|how fast is (?:the|its) memory|memory speed"),
        ("memory_type", r"(?:type|kind) of (?:memory|vram|ram)|gddr|memory type"),
        ("tdp_w", r"\btdp\b|power (?:draw|consumption|use|usage|limit)|how much power|\bwatts?\b|how many watts|\bpower\b"),
        ("price", r"\bprices?\b|\bcosts?\b|how much (?:is|are|does|do|for)\b|\bmsrp\b|expensive|cheap|\bpay\b|street price|used price"),
        ("power_connectors", r"connectors?\b"),
        ("cuda_cores", r"cuda cores?"),
        ("tensor_cores", r"tensor cores?"),
        ("nvlink", r"nv[\s-]?link"),
        ("fp16_dense_tflops", r"\btflops?\b|teraflops?|fp16 (?:performance|rate|speed|compute)|compute power"),
        ("fp4_sparse_tflops", r"\bpflops?\b|petaflops?|\bfp4\b"),
        ("l3_cache_mb", r"\bl3\b"),
        ("l2_cache_mb", r"\bl2\b"),
        ("cores", r"how many cores|\bcores?\b|core count"),
        ("threads", r"\bthreads?\b"),
        ("pcie_lanes", r"\blanes?\b"),
        ("socket", r"\bsocket\b"),
        ("architecture", r"\barchitecture\b|\bgeneration\b"),
        ("num_hidden_layers", r"how many layers|\blayers?\b"),
        ("num_key_value_heads", r"kv heads?|key[- ]value heads?"),
        ("params_total", r"how many (?:parameters|params)|parameter count|\bparameters\b"),
        ("params_active", r"active (?:parameters|params)"),
        ("num_experts", r"how many experts|\bexperts\b"),
        ("max_position_embeddings", r"context (?:length|window|size|limit)|max(?:imum)? context"),
        ("bits_per_weight", r"bits per weight|\bbpw\b|how many bits"),
        ("sequential_read_mb_per_s", r"read speed|how fast|sequential"),
        ("endurance_tbw", r"endurance|\btbw\b"),
        ("warranty_years", r"warranty"),
        ("efficiency_rating", r"efficien|80 ?(?:\+|plus)|titanium|platinum"),
        ("power_w", r"how many watts|wattage|power"),
        ("networking", r"network|ethernet|qsfp|ports?\b"),
        ("size_mm", r"dimensions|how big|\bsize\b"),
        ("max_memory_gib", r"max(?:imum)? (?:memory|ram)|how much ram (?:can|does)"),
        ("pcie_x16_slots", r"\bslots?\b"),
        ("memory_gib", r"how much (?:vram|memory|ram)|\bvram\b|\bmemory\b|how many (?:gb|gigs?)"),
    )
)  # fmt: skip


def figure_keys(text: str) -> tuple[str, ...]:
    return tuple(key for key, pattern in FIGURE_KEYS if pattern.search(text))
