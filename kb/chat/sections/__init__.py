"""The parts that answers are composed of, by intent."""

from collections.abc import Callable, Mapping

from kb.chat.evidence import Desk, Section
from kb.chat.question import Intent
from kb.chat.sections.building import build, lanes
from kb.chat.sections.buying import recommend
from kb.chat.sections.comparing import compare
from kb.chat.sections.fitting import best_quantization, fit, max_context, speed
from kb.chat.sections.holding import max_users, supports, training, what_runs
from kb.chat.sections.knowing import define, disputes, spec
from kb.chat.sections.needing import kv_cache, memory
from kb.chat.sections.running import load_time, power_cost, power_supply, rent_or_buy, token_cost, transfer

Composer = Callable[[Desk], list[Section]]

SECTIONS: Mapping[Intent, Composer] = {
    "fit": fit,
    "memory": memory,
    "speed": speed,
    "max_context": max_context,
    "max_users": max_users,
    "supports": supports,
    "best_quantization": best_quantization,
    "what_runs": what_runs,
    "kv_cache": kv_cache,
    "training": training,
    "compare": compare,
    "power_supply": power_supply,
    "power_cost": power_cost,
    "load_time": load_time,
    "transfer": transfer,
    "rent_or_buy": rent_or_buy,
    "token_cost": token_cost,
    "recommend": recommend,
    "spec": spec,
    "define": define,
    "disputes": disputes,
    "lanes": lanes,
    "build": build,
}
