"""How long bytes take: from a drive, over a link."""

HOST_READ_BYTES_PER_S = 12e9
"""About what one process reads from memory-mapped files and copies to a GPU; faster drives wait for it (estimate)."""


def load_seconds(model_bytes: float, drive_bytes_per_s: float, link_bytes_per_s: float = float("inf")) -> float:
    """A cold start: ``size ÷ the slowest of drive, host and link``.

    >>> round(load_seconds(43e9, 7e9), 1)
    6.1
    """
    return model_bytes / min(drive_bytes_per_s, HOST_READ_BYTES_PER_S, link_bytes_per_s)


def transfer_seconds(size_bytes: float, bytes_per_s: float, latency_s: float = 0.0) -> float:
    """``latency + size ÷ rate``, one way.

    >>> transfer_seconds(50e9, 50e9)
    1.0
    """
    return latency_s + size_bytes / bytes_per_s


def layer_split_bytes_per_token(hidden_size: int) -> int:
    """What crosses a layer-split boundary per generated token: one activation vector, f32 in llama.cpp.

    >>> layer_split_bytes_per_token(8192)
    32768
    """
    return 4 * hidden_size


def tensor_parallel_bytes_per_token(hidden_size: int, layers: int, devices: int) -> float:
    """What each device sends per token: two ring all-reduces a layer, each ``2 (n - 1) / n`` of a 16-bit vector
    (Shoeybi et al. 2019, Megatron-LM, section 3).

    >>> round(tensor_parallel_bytes_per_token(8192, 80, 2) / 1e6, 2)
    2.62
    """
    return 2 * layers * 2 * (devices - 1) / devices * hidden_size * 2
