"""``make baseline``: take today's scores as what later versions are held to."""

import json
from pathlib import Path

from eval.run import run_eval
from kb.chat.assistant import Assistant
from kb.search.embed import Embedder
from kb.search.live import LiveIndex
from kb.settings import settings

BASELINE = Path(__file__).parent / "baseline.json"


def main() -> None:
    s = settings()
    live = LiveIndex(s.data_dir, Embedder(s.embedding_model))
    report = run_eval(live.get(), Assistant(live, None, s))
    BASELINE.write_text(json.dumps(report.scores(), indent=2) + "\n", "utf-8")
    print(report.table())


if __name__ == "__main__":
    main()
