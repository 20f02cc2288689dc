"""``make model``: the texts, the tokenizer, the training, the GGUF files and the model card, from one seed.

Folder ``build/model`` keeps the parts, so that a run that was stopped goes on with what is there.
"""

import argparse
import json
import multiprocessing
import random
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import torch
import torch.distributed as dist

from kb.llm.default_model import BUILT_IN
from kb.search.embed import Embedder
from kb.search.live import LiveIndex
from kb.settings import settings
from train.data import Sample, Writer
from train.export import NAME, difference, quantize_q8_0, write_f16
from train.model import Encoded, Schedule, Shape, encoded, new_model, train
from train.score import Scores, score
from train.tokenizer import ANSWER, USER, load_tokenizer, train_tokenizer

SEEDS = (1, 2)
PROCESSES = 2
HELD_BACK_SEED = 99
VARIANTS = 12
"""Ways in which an answer is explained, most with other names and figures: composing it takes longer."""


def explanations(folder: Path, count: int, variants: int) -> list[Sample]:
    """Written by one process for each seed, since composing takes longer than learning to read."""
    files = [folder / f"explain{seed}.jsonl" for seed in SEEDS]
    missing = [(seed, file) for seed, file in zip(SEEDS, files, strict=True) if not file.exists()]
    running = [
        subprocess.Popen([sys.executable, "-m", "train.data", str(seed), str(count), str(variants), str(file)])
        for seed, file in missing
    ]
    if any(process.wait() for process in running):
        raise SystemExit("the explanations could not be written")
    return [Sample(**json.loads(line)) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def samples(folder: Path, writer: Writer, explained: int, planned: int, readings: int) -> list[Sample]:
    return [*explanations(folder, explained, VARIANTS), *writer.plans(planned), *(list(writer.texts()) * readings)]


def report(step: int, steps: int, loss: float) -> None:
    if step % 20 == 0:
        print(f"step {step} of {steps}: loss {loss:.3f}", flush=True)


def trained(folder: Path, shape: Shape, schedule: Schedule, rows: list[Encoded]) -> float:
    """Weights to ``model.pt``; the seconds that it took. One process for each core: on two, threads of one process
    train a model this small at little more than half the speed."""
    begun = time.monotonic()
    meeting = folder / "meeting"
    meeting.unlink(missing_ok=True)
    spawn = multiprocessing.get_context("spawn")
    shared = (PROCESSES, str(meeting.absolute()), folder, shape, schedule, rows)
    processes = [spawn.Process(target=_train_in, args=(rank, *shared)) for rank in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit("the training broke off")
    return time.monotonic() - begun


def _train_in(
    rank: int, world: int, meeting: str, folder: Path, shape: Shape, schedule: Schedule, rows: list[Encoded]
) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=world)
    model = new_model(shape, schedule.seed)
    train(model, rows, schedule, report)
    if rank == 0:
        torch.save(model.state_dict(), folder / "model.pt")
    dist.destroy_process_group()


def card(shape: Shape, schedule: Schedule, parameters: int, rows: list[Encoded], seconds: float, scores: Scores) -> str:
    lines = [
        f"# {NAME}",
        "",
        "A small language model that explains the answers of Hardware KB: it writes a few sentences over evidence that",
        "the program has worked out, and chooses the tool where the program is not sure. It knows nothing else.",
        "",
        f"- Llama's architecture: {parameters / 1e6:.1f} million parameters, width {shape.width}, "
        f"{shape.layers} layers, {shape.heads} heads, {shape.vocabulary:,} tokens with digits one by one; Q8_0.",
        f"- Trained from scratch on {date.today()} by `make model`, seed {schedule.seed}: {schedule.tokens / 1e6:.0f} "
        f"million tokens of {len(rows):,} texts, {seconds / 3600:.1f} hours on 2 CPU cores.",
        "- Data: made from this knowledge base alone (folder `train`): composed answers with randomised names and "
        "an explanation each, questions with the call that answers them, terms and passages as text.",
        f"- Of {scores.sentences.total()} sentences about held-back answers, half of them about invented things, "
        f"without the figure lock and the checks: {scores.share('right'):.1%} say what belongs there with the right "
        f"names and figures, {scores.share('wrong value'):.1%} have one in a wrong place, "
        f"{scores.share('other case'):.1%} belong to another case, {scores.share('broken'):.1%} are broken.",
        f"- On {scores.planned} held-back questions {scores.right_tool:.1%} of the calls name the right tool and "
        f"{scores.right_call:.1%} are right in every argument.",
        "- Limits: English; a context of 1,024 tokens; it repeats what experts say about such answers and cannot "
        "reason about what it has not seen. Figures are locked to the evidence, and what is unsure is dropped.",
        "- Licence: Apache-2.0, as the rest of the repository.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="train.make", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/model"), help="where the parts are kept")
    parser.add_argument("--to", type=Path, default=BUILT_IN.parent, help="where the model and its card go")
    parser.add_argument("--tokens", type=int, default=Schedule.tokens, help="how many tokens to train on")
    parser.add_argument("--explained", type=int, default=2500, help="composed answers per seed")
    parser.add_argument("--planned", type=int, default=70000, help="planned calls")
    parser.add_argument("--vocabulary", type=int, default=Shape.vocabulary, help="tokens of the vocabulary")
    parser.add_argument("--seed", type=int, default=Schedule.seed)
    arguments = parser.parse_args()
    shape = Shape(vocabulary=arguments.vocabulary)
    schedule = Schedule(tokens=arguments.tokens, seed=arguments.seed)
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    index = LiveIndex(settings().data_dir, Embedder(settings().embedding_model)).get()
    texts = samples(folder, Writer(index, schedule.seed), arguments.explained, arguments.planned, readings=2)
    random.Random(schedule.seed).shuffle(texts)
    if not (folder / "tokenizer.json").exists():
        train_tokenizer((part for s in texts for part in (s.prompt, s.target)), shape.vocabulary).save(
            str(folder / "tokenizer.json")
        )
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    rows = [encoded(sample, tokenizer) for sample in texts]
    print(f"{len(rows):,} texts, {sum(len(row.ids) for row in rows):,} tokens", flush=True)
    seconds = trained(folder, shape, schedule, rows)
    model = new_model(shape, schedule.seed)
    model.load_state_dict(torch.load(folder / "model.pt"))
    model.eval()
    f16 = write_f16(model, tokenizer, folder / "built-in-f16.gguf")
    arguments.to.mkdir(parents=True, exist_ok=True)
    q8_0 = quantize_q8_0(f16, arguments.to / BUILT_IN.name)
    sample = next(text for text in texts if text.kind == "explain")
    distance = difference(model, tokenizer, f16, f"{USER}{sample.prompt}{ANSWER}{sample.target}")
    print(f"largest difference of llama.cpp's log-probabilities from PyTorch's: {distance:.4f}")
    if distance > 0.05:
        raise SystemExit("llama.cpp does not compute what PyTorch does: the export is wrong")
    held_back = Writer(index, HELD_BACK_SEED)
    scores = score(q8_0, list(held_back.cases(75, 2)), list(held_back.plans(300)))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    text = card(shape, schedule, parameters, rows, seconds, scores)
    (arguments.to / "MODEL_CARD.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
