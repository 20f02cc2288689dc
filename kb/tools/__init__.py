"""The tools, in one registry: what the API, the chat and the command line call."""

from kb.tools.base import InvalidArguments, Registry, Tool
from kb.tools.building import PLAN_BUILD
from kb.tools.lanes import CHECK_PCIE_LANES
from kb.tools.lookup import COMPARE_DEVICES, LOOKUP_SPEC, LOOKUP_TERM, SEARCH_PASSAGES
from kb.tools.memory import BEST_QUANTIZATION, CHECK_FIT, MAX_CONTEXT
from kb.tools.money import COST_PER_MILLION_TOKENS, ESTIMATE_TRAINING_MEMORY, RENT_OR_BUY
from kb.tools.movement import ESTIMATE_LOAD_TIME, ESTIMATE_TRANSFER_TIME
from kb.tools.need import ESTIMATE_MEMORY, KV_CACHE_SIZE
from kb.tools.power import ESTIMATE_POWER_COST, SIZE_POWER_SUPPLY
from kb.tools.recommend import RECOMMEND_HARDWARE
from kb.tools.speed import ESTIMATE_SPEED, WHAT_RUNS_ON

TOOLS = Registry(
    CHECK_FIT,
    ESTIMATE_SPEED,
    ESTIMATE_MEMORY,
    MAX_CONTEXT,
    BEST_QUANTIZATION,
    KV_CACHE_SIZE,
    WHAT_RUNS_ON,
    COMPARE_DEVICES,
    RECOMMEND_HARDWARE,
    PLAN_BUILD,
    CHECK_PCIE_LANES,
    SIZE_POWER_SUPPLY,
    ESTIMATE_POWER_COST,
    ESTIMATE_LOAD_TIME,
    ESTIMATE_TRANSFER_TIME,
    ESTIMATE_TRAINING_MEMORY,
    RENT_OR_BUY,
    COST_PER_MILLION_TOKENS,
    LOOKUP_TERM,
    LOOKUP_SPEC,
    SEARCH_PASSAGES,
)

__all__ = ["TOOLS", "InvalidArguments", "Registry", "Tool"]
