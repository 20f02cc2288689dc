"""What a transfer says: the time, or what a split over the link costs a token."""

from collections.abc import Iterator, Sequence

from kb.text.statements import Quantity, Said, Table, state
from kb.tools.asks import Asked
from kb.tools.estimate_transfer_time.tool import TransferTimeAnswer
from kb.tools.shared.naming import lasting
from kb.tools.shared.saying import notes

SPLITS = {"layer": "split by layers", "tensor": "in tensor parallel"}


def say(result: TransferTimeAnswer, asked: Asked) -> Iterator[Said]:
    took = _time(result)
    rate = Quantity(result.bandwidth_gb_per_s, "GB/s")
    if result.bandwidth_gb_per_s < 1:
        rate = Quantity(round(result.bandwidth_gb_per_s * 1000, 2), "MB/s")
    if result.split is None:
        moved = Quantity(result.size_gb or 0.0, "GB")
        text = "About {took} for the {moved} of {model} over {link}, at its {rate}."
        if result.model is None:
            text = "About {took} over {link}, at its {rate}."
        yield state("answer", text, took=took, moved=moved, model=result.model or "", link=result.link, rate=rate)
    else:
        text = "{model} {split} over {link} spends about {took} of each token on the link."
        split = SPLITS[result.split]
        yield state("answer", text, model=result.model or "", split=split, link=result.link, took=took)
        if result.tokens_per_s_bound is not None:
            bound = Quantity(result.tokens_per_s_bound, "tokens/s")
            yield state("reason", "The link alone would allow {bound}.", bound=bound)
    yield state("detail", "{formula}.", formula=result.formula)
    yield from notes("detail", result.assumptions)


def side_by_side(results: Sequence[TransferTimeAnswer], asked: Asked) -> Iterator[Said]:
    yield state("answer", "{link} is the fastest of them.", link=min(results, key=lambda one: one.seconds).link)
    rows = tuple((one.link, Quantity(one.bandwidth_gb_per_s, "GB/s"), _time(one)) for one in results)
    yield Table("answer", ("link", "bandwidth", "time"), rows)


def _time(result: TransferTimeAnswer) -> Quantity:
    return lasting(result.seconds) if result.seconds >= 0.1 else Quantity(result.seconds * 1000, "ms")
