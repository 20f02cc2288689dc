"""What a load time says."""

from collections.abc import Iterator

from kb.text.statements import Quantity, Said, state
from kb.tools.asks import Asked
from kb.tools.estimate_load_time.tool import LoadTimeAnswer
from kb.tools.shared.naming import gb
from kb.tools.shared.saying import notes


def say(result: LoadTimeAnswer, asked: Asked) -> Iterator[Said]:
    size, seconds = gb(result.size_gb), Quantity(result.seconds, "s")
    rate = Quantity(result.read_mb_per_s, "MB/s")
    text = "About {seconds} to load {size} from {drive}, which reads {rate}."
    yield state("answer", text, seconds=seconds, size=size, drive=result.drive, rate=rate)
    yield state("reason", "A second start is faster: the file is still in the system's cache then.")
    yield state("detail", "{formula}.", formula=result.formula)
    yield from notes("detail", result.assumptions)
