"""What lanes say: the width of each card, and what that costs an answer."""

from collections.abc import Iterator

from kb.text.statements import Quantity, Said, state
from kb.tools.asks import Asked
from kb.tools.check_pcie_lanes.tool import LanesAnswer
from kb.tools.shared.naming import OPENS
from kb.tools.shared.saying import notes

VERDICTS = {
    "full": "{platform} has lanes enough: every card runs at full width ({split}).",
    "shared": "{platform} shares its lanes: the cards run at {split}.",
    "too_few": "{platform} has too few lanes for all of that: the cards would run at {split}.",
}


def say(result: LanesAnswer, asked: Asked) -> Iterator[Said]:
    opens = OPENS.get(result.verdict, "")
    yield state("answer", VERDICTS[result.verdict], opens=opens, platform=result.platform, split=result.split)
    if result.layer_split_ms is not None and result.tensor_parallel_ms is not None:
        layer, tensor = Quantity(result.layer_split_ms, "ms"), Quantity(result.tensor_parallel_ms, "ms")
        text = (
            "For text the width counts little where the cards hold layers, about {layer} a token; with tensor parallel "
            "it costs {tensor} a token and more where many users or long prompts are served."
        )
        yield state("reason", text, layer=layer, tensor=tensor)
    yield from notes("detail", result.inference)
    for link in result.links:
        rate = Quantity(link.bandwidth_gb_per_s, "GB/s")
        generation = f"{link.pcie_generation:.1f}"
        text = "{device}: x{lanes} of PCIe {generation}, {rate} each way."
        yield state(
            "detail",
            text,
            device=link.device,
            lanes=str(link.lanes),
            generation=generation,
            rate=rate,
        )
    yield from notes("reason", result.warnings)
    yield state("detail", "{formula}.", formula=result.formula)
    yield from notes("detail", result.assumptions)
