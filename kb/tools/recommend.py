"""What to buy for a model: devices that hold it, by speed and price."""

from typing import Annotated

from pydantic import Field

from kb.calc.results import Range
from kb.errors import InvalidArgument
from kb.index.live import Index
from kb.records import Accelerator, Price, Record, Spec
from kb.tools.base import Arguments, Name, Real, Result, Tool, Whole, cite
from kb.tools.lookup import newest_price
from kb.tools.memory import Context, FitArguments, resolve_parts
from kb.tools.speed import decode_speed

COUNTS = (1, 2, 4)
"""How many equal cards are considered; more need a server."""

SIZES_TO_TRY = ("llama-3-1-70b", "qwen2-5-32b", "qwen2-5-14b", "llama-3-1-8b", "llama-3-2-3b")
"""When no model is named: the largest of these that the limits allow."""


class RecommendArguments(Arguments):
    models: Annotated[tuple[Name, ...], Field(min_length=1, max_length=4)] | None = None
    quantization: Name = "q4_k_m"
    context: Context = 8192
    users: Annotated[Whole, Field(ge=1, le=1000)] = 1
    min_tokens_per_s: Annotated[Real, Field(gt=0, le=100_000)] | None = None
    budget_usd: Annotated[Real, Field(gt=0, le=1e9)] | None = Field(None, description="for the device or devices alone")
    min_memory_gib: Annotated[Real, Field(gt=0, le=1_000_000)] | None = Field(
        None, description="memory of one card or machine; ranks by price then"
    )
    used: bool = True
    vendor: Name | None = Field(None, description="only of this maker: NVIDIA, AMD, Apple, Intel")
    limit: Annotated[Whole, Field(ge=1, le=50)] = 5


class HardwareChoice(Record):
    """Cards or a machine that hold every model whole; the price is for all of them."""

    hardware: str
    slug: str
    count: int
    price_usd: tuple[float, float]
    price_kind: str
    price_as_of: str
    decode_tokens_per_s: Range
    tokens_per_s_per_1000_usd: float


class RecommendAnswer(Result):
    models: tuple[str, ...]
    quantization: str
    choices: tuple[HardwareChoice, ...]
    formula: str
    assumptions: tuple[str, ...]


def run_recommend(index: Index, arguments: RecommendArguments) -> RecommendAnswer:
    if arguments.models:
        return _for_models(index, arguments, arguments.models)
    answers = [_for_models(index, arguments, (slug,)) for slug in SIZES_TO_TRY if slug in index.known.specs["models"]]
    return next((a for a in answers if any(choice.count <= 2 for choice in a.choices)), answers[-1])


def _for_models(index: Index, arguments: RecommendArguments, models: tuple[str, ...]) -> RecommendAnswer:
    choices: list[HardwareChoice] = []
    labels: tuple[str, ...] = ()
    quantization = arguments.quantization
    for record in (*index.known.specs["accelerators"].values(), *index.known.specs["machines"].values()):
        price = newest_price(record, used=arguments.used)
        if price is None or (arguments.vendor and arguments.vendor.casefold() not in record.vendor.casefold()):
            continue
        memory = getattr(record, "memory_gib", None)
        if arguments.min_memory_gib and (memory is None or memory.value < arguments.min_memory_gib):
            continue
        for count in COUNTS if isinstance(record, Accelerator) else (1,):
            if arguments.budget_usd is not None and price.low * count > arguments.budget_usd:
                break
            choice, labels, quantization = _choice(index, arguments, models, record, price, count)
            if choice:
                choices.append(choice)
                break
    if any(choice.count <= 2 for choice in choices):
        # Four cards need a board, a supply and a case that few have; they are for models that fewer do not hold.
        choices = [choice for choice in choices if choice.count <= 2]
    wanted = arguments.min_tokens_per_s or 0.0
    choices = [choice for choice in choices if choice.decode_tokens_per_s.typical >= wanted]
    if arguments.min_memory_gib:
        choices.sort(key=lambda choice: (choice.price_usd, choice.slug))
    else:
        choices.sort(key=lambda choice: (-choice.tokens_per_s_per_1000_usd, choice.slug))
    described = f"up to {arguments.budget_usd:,.0f} USD" if arguments.budget_usd else "at any price"
    names = tuple(labels) or tuple(_label(index, model) for model in models)
    return RecommendAnswer(
        models=names,
        quantization=quantization,
        choices=tuple(choices[: arguments.limit]),
        formula=(
            f"{len(choices)} choices {described} hold {' and '.join(names)} whole at {arguments.context:,} tokens for "
            f"{arguments.users} at once; ranked by "
            + ("price" if arguments.min_memory_gib else "tokens per second for each 1,000 USD")
        ),
        assumptions=(
            "prices are those of the sources, at their dates, for the cards or the machine alone: a computer around cards "
            "costs extra",
            "nothing offloaded; several cards split the model by layers",
            *(() if arguments.used else ("no used prices",)),
        ),
        citations=cite(
            index,
            {
                f"price of {choice.hardware}": price.sources
                for choice in choices[: arguments.limit]
                for price in [newest_price(_record(index, choice.slug), used=arguments.used)]
                if price
            },
        ),
    )


def _record(index: Index, slug: str) -> Spec:
    return index.known.specs["accelerators"].get(slug) or index.known.specs["machines"][slug]


def _label(index: Index, model: str) -> str:
    return index.names.resolve(("models",), model, "model").label


def _choice(
    index: Index, arguments: RecommendArguments, models: tuple[str, ...], record: Spec, price: Price, count: int
) -> tuple[HardwareChoice | None, tuple[str, ...], str]:
    labels: list[str] = []
    slowest = None
    quantization_name = arguments.quantization
    for name in models:
        asked = FitArguments(
            model=name,
            quantization=arguments.quantization,
            device=record.slug,
            device_count=count,
            context=arguments.context,
            concurrency=arguments.users,
        )
        try:
            parts = resolve_parts(index, asked)
        except InvalidArgument:
            return None, (), quantization_name
        labels.append(parts.model.label)
        quantization_name = parts.quantization.record.name
        if not parts.holds(asked):
            return None, tuple(labels), quantization_name
        speed = decode_speed(parts, asked)
        slowest = speed if slowest is None or speed.typical < slowest.typical else slowest
    assert slowest is not None
    total = (price.low * count, price.high * count)
    middle = (total[0] + total[1]) / 2
    per_1000 = round(slowest.typical * 1000 / middle, 3) if middle else 0.0
    return (
        HardwareChoice(
            hardware=record.name if count == 1 else f"{count}× {record.name}",
            slug=record.slug,
            count=count,
            price_usd=total,
            price_kind=price.kind,
            price_as_of=price.as_of,
            decode_tokens_per_s=slowest,
            tokens_per_s_per_1000_usd=per_1000,
        ),
        tuple(labels),
        quantization_name,
    )


RECOMMEND_HARDWARE = Tool(
    "recommend_hardware",
    "Which cards or machines hold the given models whole, ranked by speed for the money, within a budget.",
    RecommendArguments,
    RecommendAnswer,
    run_recommend,
    {"models": ["llama 3.1 70b"], "budget_usd": 3000},
)
