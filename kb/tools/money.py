"""Tools about money and about training memory."""

from typing import Annotated

from pydantic import Field

from kb.calc.cost import break_even_hours, cost_per_million_tokens
from kb.calc.training import Method, training_memory
from kb.catalogue import Catalogue
from kb.catalogue.units import GB, GIB
from kb.tools.base import Arguments, Real, Result, Tool, Whole, cite
from kb.tools.resolve import ModelArgument, resolve_model

Money = Annotated[Real, Field(ge=0.0001, le=1e9)]


class RentOrBuyArguments(Arguments):
    purchase: Money
    rent_per_hour: Money
    own_watts: Annotated[Real, Field(ge=0, le=100_000)] = 0.0
    price_per_kwh: Annotated[Real, Field(ge=0.0001, le=100)] = 0.15
    hours_per_day: Annotated[Real, Field(ge=0.001, le=24)] = 8.0


class RentOrBuyAnswer(Result):
    """``break_even_hours`` is None where renting never costs more than one's own electricity."""

    break_even_hours: float | None
    break_even_days: float | None
    formula: str
    assumptions: tuple[str, ...]


def run_rent_or_buy(catalogue: Catalogue, arguments: RentOrBuyArguments) -> RentOrBuyAnswer:
    own = arguments.own_watts / 1000 * arguments.price_per_kwh
    hours = break_even_hours(arguments.purchase, arguments.rent_per_hour, own)
    sums = f"{arguments.purchase:,.0f} ÷ ({arguments.rent_per_hour:g} − {own:.3g} per hour)"
    return RentOrBuyAnswer(
        break_even_hours=round(hours, 1) if hours is not None else None,
        break_even_days=round(hours / arguments.hours_per_day, 1) if hours is not None else None,
        formula=f"{sums} = {hours:,.0f} hours" if hours is not None else f"{sums}: renting stays cheaper",
        assumptions=(
            f"{arguments.hours_per_day:g} hours of use a day; one currency throughout",
            "no resale value, repairs, or the rest of the computer",
        ),
    )


class TokenCostArguments(Arguments):
    cost_per_hour: Money
    tokens_per_s: Annotated[Real, Field(ge=0.001, le=1e9)]


class TokenCostAnswer(Result):
    cost_per_million_tokens: float
    formula: str
    assumptions: tuple[str, ...]


def run_token_cost(catalogue: Catalogue, arguments: TokenCostArguments) -> TokenCostAnswer:
    cost = cost_per_million_tokens(arguments.cost_per_hour, arguments.tokens_per_s)
    return TokenCostAnswer(
        cost_per_million_tokens=round(cost, 4),
        formula=f"{arguments.cost_per_hour:g} ÷ ({arguments.tokens_per_s:g} × 3600) × 1,000,000 = {cost:,.2f}",
        assumptions=("the machine is busy all the time; idle hours raise the cost of a token",),
    )


class TrainingMemoryArguments(Arguments):
    model: ModelArgument
    method: Method = "qlora"
    sequence_length: Annotated[Whole, Field(ge=1, le=10_000_000)] = 2048
    batch_size: Annotated[Whole, Field(ge=1, le=100_000)] = 1
    rank: Annotated[Whole, Field(ge=1, le=4096)] = 16


class TrainingMemoryAnswer(Result):
    model: str
    method: Method
    total_gb: float
    total_gib: float
    weights_gb: float
    gradients_gb: float
    optimizer_gb: float
    activations_gb: float
    trainable_params: int
    formula: str
    assumptions: tuple[str, ...]


def run_training_memory(catalogue: Catalogue, arguments: TrainingMemoryArguments) -> TrainingMemoryAnswer:
    model = resolve_model(catalogue, arguments.model)
    memory = training_memory(
        model.architecture, arguments.method, arguments.sequence_length, arguments.batch_size, arguments.rank
    )
    parts = {
        "weights": memory.weights, "gradients": memory.gradients, "optimizer": memory.optimizer,
        "activations": memory.activations,
    }  # fmt: skip
    sums = " + ".join(f"{value / GB:.1f} GB {name}" for name, value in parts.items())
    return TrainingMemoryAnswer(
        model=model.label,
        method=arguments.method,
        total_gb=round(memory.total / GB, 2),
        total_gib=round(memory.total / GIB, 2),
        weights_gb=round(memory.weights / GB, 2),
        gradients_gb=round(memory.gradients / GB, 2),
        optimizer_gb=round(memory.optimizer / GB, 2),
        activations_gb=round(memory.activations / GB, 2),
        trainable_params=memory.trainable_params,
        formula=f"{sums} = {memory.total / GB:.1f} GB",
        assumptions=(
            *model.notes,
            f"sequences of {arguments.sequence_length:,} tokens, batch {arguments.batch_size}, AdamW in 32-bit, "
            "gradient checkpointing, FlashAttention",
            *(() if arguments.method == "full" else (f"adapters of rank {arguments.rank} on the attention layers",)),
            "an estimate: frameworks add their own buffers; keep 10 to 20 % free",
        ),
        citations=cite(catalogue, model.references),
    )


RENT_OR_BUY = Tool(
    "rent_or_buy",
    "After how many hours of use buying a machine was cheaper than renting one.",
    RentOrBuyArguments,
    RentOrBuyAnswer,
    run_rent_or_buy,
    {"purchase": 1600, "rent_per_hour": 0.5, "own_watts": 450},
)
COST_PER_MILLION_TOKENS = Tool(
    "cost_per_million_tokens",
    "What a million generated tokens cost at an hourly cost and a speed.",
    TokenCostArguments,
    TokenCostAnswer,
    run_token_cost,
    {"cost_per_hour": 1.5, "tokens_per_s": 40},
)
ESTIMATE_TRAINING_MEMORY = Tool(
    "estimate_training_memory",
    "Memory for fine-tuning a model in full, with LoRA or with QLoRA.",
    TrainingMemoryArguments,
    TrainingMemoryAnswer,
    run_training_memory,
    {"model": "llama 3.1 8b", "method": "qlora"},
)
