"""What fine-tuning says: whether it fits, what it takes, and what the other methods would take."""

from collections.abc import Iterator

from kb.text.statements import Said, Table, state
from kb.tools.asks import Asked
from kb.tools.estimate_training_memory.tool import TrainingMemoryAnswer
from kb.tools.shared.naming import OPENS, gb
from kb.tools.shared.saying import notes

METHODS = {"qlora": "QLoRA", "lora": "LoRA", "full": "full fine-tuning"}
VERDICTS = {
    "enough": "{device} is enough: fine-tuning {model} with {method} takes about {need} of {have}.",
    "tight": "Barely: fine-tuning {model} with {method} takes about {need}, and {device} has {have}.",
    "sharded": "Only divided over the cards (FSDP, ZeRO stage 3): fine-tuning {model} with {method} takes about "
    "{need}, and each has {each}; in ordinary training each holds a whole copy.",
    "too_small": "{device} is too small: fine-tuning {model} with {method} takes about {need}, and it has {have}.",
}


def say(result: TrainingMemoryAnswer, asked: Asked) -> Iterator[Said]:
    names = {"model": result.model, "method": METHODS[result.method]}
    need = gb(result.total_gb)
    if result.verdict is not None and result.device is not None and result.available_gb is not None:
        have, each = gb(result.available_gb), gb(result.each_gb or result.available_gb)
        opens = OPENS.get(result.verdict, "")
        yield state(
            "answer",
            VERDICTS[result.verdict],
            opens=opens,
            **names,
            device=result.device,
            need=need,
            have=have,
            each=each,
        )
    else:
        yield state("answer", "Fine-tuning {model} with {method} takes about {need}.", **names, need=need)
    if "method" not in asked.stated:
        rows = tuple((METHODS[method], gb(size)) for method, size in result.by_method.items())
        yield Table("reason", ("method", "memory"), rows)
    yield state("detail", "{formula}.", formula=result.formula)
    yield from notes("detail", result.assumptions)
