"""The built-in language model: Llama's architecture, small, trained from scratch on the CPU."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
import torch.distributed as dist
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from train.data import Sample
from train.tokenizer import ANSWER, END, USER

CONTEXT = 1024


@dataclass(frozen=True)
class Shape:
    """Sizes are multiples of 32, for Q8_0's blocks."""

    width: int = 256
    layers: int = 6
    heads: int = 4
    feed_forward: int = 704
    vocabulary: int = 4096


@dataclass(frozen=True)
class Schedule:
    """``tokens`` in all, ``batch`` of them a step and process; the rate rises for ``warm_up`` steps, then falls."""

    tokens: int = 17_000_000
    batch: int = 2560
    rate: float = 2e-3
    warm_up: int = 100
    prompt_weight: float = 0.1
    """Of a prompt's token in the loss, where a token of the answer counts 1."""
    seed: int = 1


@dataclass(frozen=True)
class Encoded:
    ids: tuple[int, ...]
    answer_from: int
    """Where the answer begins; 0 where all is text to learn."""


def new_model(shape: Shape, seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config)


def encoded(sample: Sample, tokenizer: Tokenizer) -> Encoded:
    """As the engine's chat template has it; what is longer than the context is cut at its end."""
    if sample.kind == "text":
        return Encoded(tuple(tokenizer.encode(sample.target + END).ids[:CONTEXT]), 0)
    prompt = tokenizer.encode(f"{USER}{sample.prompt}{ANSWER}").ids
    answer = tokenizer.encode(sample.target + END).ids
    return Encoded(tuple((prompt + answer)[:CONTEXT]), len(prompt))


def batches(rows: Sequence[Encoded], tokens: int, rng: random.Random) -> Iterator[list[Encoded]]:
    """For ever: rows of like length together, about ``tokens`` in each batch, padding counted."""
    while True:
        order = list(range(len(rows)))
        rng.shuffle(order)
        pools = [order[start : start + 2048] for start in range(0, len(order), 2048)]
        made: list[list[Encoded]] = []
        for pool in pools:
            pool.sort(key=lambda number: len(rows[number].ids))
            batch: list[Encoded] = []
            for number in pool:
                row = rows[number]
                if batch and len(row.ids) * (len(batch) + 1) > tokens:
                    made.append(batch)
                    batch = []
                batch.append(row)
            made.append(batch)
        rng.shuffle(made)
        yield from made


def loss_of(model: LlamaForCausalLM, batch: Sequence[Encoded], prompt_weight: float) -> torch.Tensor:
    """Mean cross-entropy, by weight of the tokens."""
    longest = max(len(row.ids) for row in batch)
    ids = torch.zeros((len(batch), longest), dtype=torch.long)
    weights = torch.zeros((len(batch), longest))
    for number, row in enumerate(batch):
        ids[number, : len(row.ids)] = torch.tensor(row.ids)
        weights[number, : row.answer_from] = prompt_weight
        weights[number, row.answer_from : len(row.ids)] = 1.0
    # Padding follows the text, and attention looks back only: no mask is needed.
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(ids[:, :-1]).logits
    losses = torch.nn.functional.cross_entropy(
        logits.float().reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1), reduction="none"
    )
    wanted = weights[:, 1:].reshape(-1)
    return (losses * wanted).sum() / wanted.sum()


def train(
    model: LlamaForCausalLM,
    rows: Sequence[Encoded],
    schedule: Schedule,
    each: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> None:
    """Train in place; ``each`` is told the step, of how many, and the loss.

    In a process group every process takes its own batches, and they share the mean of their gradients.
    """
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    steps = max(1, schedule.tokens // (schedule.batch * world))
    parameters = list(model.parameters())
    decayed = [p for p in parameters if p.dim() > 1]
    others = [p for p in parameters if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=schedule.rate,
        betas=(0.9, 0.95),
    )
    model.train()
    own = islice(batches(rows, schedule.batch, random.Random(schedule.seed + rank)), steps)
    for step, batch in enumerate(own, start=1):
        rise = min(1.0, step / schedule.warm_up)
        fall = 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate * rise * (0.05 + 0.95 * fall)
        loss = loss_of(model, batch, schedule.prompt_weight)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if world > 1:
            _share_gradients(parameters, world)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if rank == 0:
            each(step, steps, loss.item())
    model.eval()


def _share_gradients(parameters: Sequence[torch.nn.Parameter], world: int) -> None:
    """One message for all of them: most are small."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    together = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(together)
    together /= world
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, mean in zip(gradients, torch.split(together, sizes), strict=True):
        gradient.copy_(mean.view_as(gradient))
