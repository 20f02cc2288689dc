"""What it costs that the devices stand in several computers.

The constants are chosen from published runs, of which few have the same model on one computer beside: Strix Halo from
``lhl/strix-halo-testing`` (rpc-test), two DGX Spark in vLLM from kubis.ai's topology benchmarks, Macs from what was
written on Jeff Geerling's cluster (December 2025), two DGX Spark by RPC from a text whose address is not known.
"""

from dataclasses import dataclass

HAND_OVER_S = 5.5e-3
"""Of a step, for each further computer that has layers: llama.cpp sends the graph, waits, and sends the result on. The
link decides little of it: two DGX Spark lose 6.5 ms a token over 200 Gbit/s and 7.2 over 1 Gbit/s (Qwen3 235B, Q2_K),
2.6 with a dense 27B; Strix Halo 4.8, 13.6 and 16.4 ms with two, three and four (gpt-oss 120B)."""
SUM_RDMA_S = 80e-6
"""Of one sum over computers that write into each other's memory (RDMA): vLLM on two DGX Spark takes 72 to 80 µs by what
a second one saves (gpt-oss 120B, Gemma 4 26B), exo on Macs with Thunderbolt 5 66 with two and 98 with four."""
SUM_TCP_S = 300e-6
"""The same over TCP: as published for Macs with Thunderbolt, before RDMA; Ethernet is said to take 70 to 200 µs for the
message alone."""
DEFAULT_BYTES_PER_S = 1.25e9
"""10 Gbit/s, where no link is named."""
SUMS_PER_LAYER = 2
"""After attention and after the feed-forward part (Megatron-LM, arXiv:1909.08053)."""
BYTES_OF_A_VALUE = 4
"""Of what layers hand over."""


@dataclass(frozen=True)
class Network:
    """``hosts`` computers, of which each has an equal part of the devices; one is no network."""

    hosts: int = 1
    bytes_per_s: float = DEFAULT_BYTES_PER_S
    rdma: bool = False

    def hand_over_seconds(self, tokens: float, hidden_size: int) -> float:
        """Of one pass of so many tokens through layers on all of them.

        >>> round(Network(hosts=2).hand_over_seconds(1, 8192) * 1e3, 2), Network().hand_over_seconds(1, 8192)
        (5.53, 0.0)
        """
        each = HAND_OVER_S + tokens * hidden_size * BYTES_OF_A_VALUE / self.bytes_per_s
        return (self.hosts - 1) * each

    def sum_seconds(self, message_bytes: float) -> float:
        """Of one sum over all of them, where each works on a part of every layer.

        >>> round(Network(2, 25e9, rdma=True).sum_seconds(5760) * 1e6)
        80
        """
        if self.hosts < 2:
            return 0.0
        shared = 2 * (self.hosts - 1) / self.hosts * message_bytes / self.bytes_per_s
        return (SUM_RDMA_S if self.rdma else SUM_TCP_S) + shared


ALONE = Network()
