"""What is there on this machine, and what is missing."""

import sys
from collections.abc import Iterator
from contextlib import closing

from kb.catalogue import Catalogue
from kb.catalogue.gguf_file import size_gb, whole_header
from kb.catalogue.records import Record
from kb.chat.earned import may_do
from kb.errors import EngineUnavailable, KnowledgeBaseError
from kb.llm import make_engine
from kb.llm.bench import bench, predict, seconds
from kb.llm.default_model import model_file, models_dir
from kb.llm.kernels import measured_kernels
from kb.llm.shelf import shelved, unfinished
from kb.llm.trial import problem_of
from kb.search.embed import Embedder
from kb.search.live import Index, open_index
from kb.search.manifest import current_link
from kb.settings import Settings
from kb.tools.shared.here import device_here, here
from kb.tools.shared.measuring import Measured, keep, kept, measure
from kb.tools.shared.this_machine import ThisMachine, read_machine
from kb.tools.what_runs_on.tool import WhatRunsOnArguments
from kb.tools.what_runs_on.tool import run as what_runs_on

LONGEST_TEST_S = 10
QUERY = "why does memory bandwidth limit token generation?"


class Finding(Record):
    what: str
    ok: bool
    says: str


def examine(s: Settings) -> list[Finding]:
    """Every finding, each part tried for real; the first that is not ok is what to mend first."""
    machine = read_machine()
    measured = kept(machine, s.data_dir)
    return [*_software(), *_machine(machine), *_measured(measured), *_index(s, machine, measured), *_model(s)]


def measure_here(s: Settings) -> list[Finding]:
    """What this machine reaches, measured now and kept in the data folder for every estimate of it."""
    machine = read_machine()
    try:
        s.data_dir.mkdir(parents=True, exist_ok=True)
        measured = measure(machine, s.data_dir)
        if not machine.gpus:  # else those do its work
            measured = measured.model_copy(update={"kernels": tuple(measured_kernels(s))})
        path = keep(measured, s.data_dir)
    except EngineUnavailable as error:
        return [*_measured(measured), Finding(what="llama.cpp", ok=False, says=str(error))]
    except OSError as error:
        says = f"{s.data_dir} takes no file ({error.strerror}): make room there, or name another folder in KB_DATA_DIR"
        return [Finding(what="measuring", ok=False, says=says)]
    return [*_measured(measured), *_written(s), Finding(what="kept", ok=True, says=f"in {path}, for estimates of here")]


def _measured(measured: Measured | None) -> Iterator[Finding]:
    if measured is None:
        says = "not measured: estimates of this machine go by its data sheet (`kb doctor --measure`)"
        yield Finding(what="speed", ok=True, says=says)
        return
    reads = ", ".join(f"{rate:g} GB/s by {count}" for count, rate in sorted(measured.read_gb_per_s.items()))
    threads = "thread" if len(measured.read_gb_per_s) == 1 else "threads"
    yield Finding(what="memory reads", ok=True, says=f"{reads} {threads}, measured on {measured.at[:10]}")
    yield Finding(
        what="arithmetic", ok=True, says=f"{measured.fp32_tflops * 1000:.0f} GFLOPS (FP32, products of matrices)"
    )
    for kernel in measured.kernels:
        says = f"writes at {kernel.writing_gb_per_s:.3g} GB/s, reads prompts with {kernel.reading_gflops:.3g} GFLOPS"
        yield Finding(what=f"llama.cpp, {kernel.type_name.upper()}", ok=True, says=says)
    if measured.disk_read_mb_per_s:
        yield Finding(what="drive reads", ok=True, says=f"{measured.disk_read_mb_per_s:,.0f} MB/s")


def _written(s: Settings) -> Iterator[Finding]:
    """How fast the chosen language model runs, where one is here and the test is short."""
    file = None if s.llm_url else model_file(s.model, s.data_dir)
    if file is None:
        return
    try:
        catalogue = Catalogue.load(s.knowledge_dir)
        machine = here(catalogue, s.data_dir)
        if seconds(predict(catalogue, file, machine)) > LONGEST_TEST_S:
            yield Finding(what="language model", ok=True, says="takes longer to measure: `kb model bench`")
            return
        found = bench(catalogue, file, machine, s)
    except KnowledgeBaseError as error:
        yield Finding(what="language model", ok=False, says=str(error))
        return
    wrote, expected = found.generation.measured_tokens_per_s, found.generation.predicted_tokens_per_s
    says = f"{found.model} writes {wrote:g} tokens/s here; {expected.typical:g} were estimated"
    yield Finding(what="language model", ok=True, says=says)


def _software() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(what="Python", ok=sys.version_info >= (3, 11), says=f"{version} (3.11 or later is needed)")


def _machine(machine: ThisMachine) -> Iterator[Finding]:
    yield Finding(what="processor", ok=True, says=f"{machine.cpu}, {machine.threads} threads")
    yield Finding(what="memory", ok=True, says=f"{machine.memory_gib:.1f} GiB of system memory")
    if not machine.gpus:
        none = "none that nvidia-smi, rocm-smi or system_profiler shows; models run on the CPU"
        yield Finding(what="GPU", ok=True, says=none)
    for gpu in machine.gpus:
        shared = ", shared with the system" if gpu.unified_memory else ""
        yield Finding(what="GPU", ok=True, says=f"{gpu.name}, {gpu.memory_gib:.1f} GiB{shared}")


def _index(s: Settings, machine: ThisMachine, measured: Measured | None) -> Iterator[Finding]:
    try:
        embedder = Embedder(s.embedding_model)
        width = len(embedder.embed_query(QUERY))
    except KnowledgeBaseError as error:
        yield Finding(what="embedding model", ok=False, says=str(error))
        return
    yield Finding(what="embedding model", ok=True, says=f"{width} numbers for a text ({embedder.name})")
    try:
        index = open_index(current_link(s.data_dir), embedder)
        best = index.searcher.search(QUERY, 1)
    except KnowledgeBaseError as error:
        yield Finding(what="index", ok=False, says=str(error))
        return
    m = index.manifest
    says = f"build {m.build_id} of {m.built_at}, {m.counts['searchable']} passages"
    found = f"a query finds {best.hits[0].passage.passage_id}" if best.hits else "a query finds nothing: `kb build`"
    yield Finding(what="index", ok=bool(best.hits), says=f"{says}; {found}")
    yield _what_runs(index, machine, measured)


def _what_runs(index: Index, machine: ThisMachine, measured: Measured | None) -> Finding:
    try:
        found_here = device_here(index, machine, measured)
        asked = WhatRunsOnArguments(device=found_here.device, device_count=found_here.device_count, limit=3)
        runs = what_runs_on(index, asked)
    except KnowledgeBaseError as error:
        return Finding(what="what runs here", ok=True, says=str(error))
    models = ", ".join(
        f"{entry.model} ({entry.quantization}, about {entry.decode_tokens_per_s.typical:g} tokens/s)"
        for entry in runs.models
        if entry.decode_tokens_per_s
    )
    found = f"{runs.count} models of the catalogue, the largest: {models}" if models else "no model whole"
    return Finding(what="what runs here", ok=True, says=f"{found} (on {found_here.note})")


def _model(s: Settings) -> Iterator[Finding]:
    yield _writer(s)
    here, broken = shelved(s.data_dir), unfinished(s.data_dir)
    if here or broken:
        size = sum(size_gb(path) for path in here)
        names = ", ".join([*(path.stem for path in here), *(f"{path.stem} (partly)" for path in broken)])
        yield Finding(what="models here", ok=True, says=f"{names}; {size:.2f} GB in {models_dir(s.data_dir)}")


def _writer(s: Settings) -> Finding:
    """Whatever is to write explanations, made to write."""
    what = "language model"
    file = None if s.llm_url else model_file(s.model, s.data_dir)
    named = f"{s.llm_model} at {s.llm_url}" if s.llm_url else str(file)
    if file is not None:
        try:
            read = whole_header(file)
        except KnowledgeBaseError as error:
            return Finding(what=what, ok=False, says=f"{error}; choose another with `kb model use`")
        named += f": {read.keys.get('general.name') or file.stem}, {sum(t.bytes for t in read.tensors) / 1e9:.2f} GB"
    engine = make_engine(s)
    if engine is None:
        says = "none chosen: answers are composed without one, which is complete (some: `kb model list`)"
        return Finding(what=what, ok=True, says=says)
    with closing(engine):
        problem = problem_of(engine)
    writes = " ".join(("it writes;", *may_do(s)))
    return Finding(what=what, ok=problem is None, says=f"{named}; {problem or writes}")
