"""What is there on this machine, and what is missing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from kb.errors import KnowledgeBaseError
from kb.index.build import current_link
from kb.index.live import open_index
from kb.records import Record
from kb.retrieval.embed import Embedder
from kb.settings import Settings
from kb.tools import TOOLS
from kb.units import GIB


class Finding(Record):
    what: str
    ok: bool
    says: str


def examine(s: Settings) -> list[Finding]:
    """Every finding; the first that is not ok is what to mend first."""
    return [*_software(), *_machine(), *_index(s), *_model(s)]


def _software() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(what="Python", ok=sys.version_info >= (3, 11), says=f"{version} (3.11 or later is needed)")


def _machine() -> Iterator[Finding]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield Finding(what="memory", ok=True, says=f"{memory / GIB:.1f} GiB of system memory, {os.cpu_count()} CPU threads")
    gpus = nvidia_gpus()
    if not gpus:
        yield Finding(what="GPU", ok=True, says="none that nvidia-smi shows; models run on the CPU")
    for name, gib in gpus:
        yield Finding(what="GPU", ok=True, says=f"{name}, {gib:.1f} GiB")


def nvidia_gpus() -> list[tuple[str, float]]:
    """Name and memory in GiB of each NVIDIA card; empty where the driver's tool is missing or fails."""
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        shown = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.rsplit(",", 1) for line in shown.splitlines() if "," in line]
    return [(name.strip(), float(mib) / 1024) for name, mib in rows if mib.strip().isdigit()]


def _index(s: Settings) -> Iterator[Finding]:
    try:
        index = open_index(current_link(s.data_dir), Embedder(s.embedding_model))
    except KnowledgeBaseError as error:
        yield Finding(what="index", ok=False, says=str(error))
        return
    m = index.manifest
    yield Finding(what="index", ok=True, says=f"build {m.build_id} of {m.built_at}, {m.counts['searchable']} passages")
    for name, _ in nvidia_gpus()[:1]:
        try:
            runs = TOOLS["what_runs_on"].call(index, {"device": name, "limit": 3})
        except KnowledgeBaseError as error:
            yield Finding(what="what runs here", ok=True, says=str(error))
        else:
            models = ", ".join(f"{entry.model} ({entry.quantization})" for entry in runs.models)
            yield Finding(what="what runs here", ok=True, says=models or "no model of the catalogue fits whole")


def _model(s: Settings) -> Iterator[Finding]:
    if s.model is None and s.llm_url is None:
        says = "none (KB_MODEL, KB_LLM_URL unset): answers are composed without one, which is complete"
        yield Finding(what="language model", ok=True, says=says)
    elif s.model is not None:
        from kb.gguf_file import read_gguf

        try:
            found = read_gguf(s.model)
        except KnowledgeBaseError as error:
            yield Finding(what="language model", ok=False, says=str(error))
        else:
            size = found.weights.total_bytes / 1e9
            yield Finding(what="language model", ok=True, says=f"{s.model}: {found.architecture.name}, {size:.2f} GB")
    else:
        yield Finding(what="language model", ok=True, says=f"{s.llm_model} at {s.llm_url} (not asked)")
