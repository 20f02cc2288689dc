"""Statements to Markdown: the one place where English is made of them."""

import math
from collections.abc import Callable, Iterable, Sequence

from kb.text.statements import Basis, Said, Slot, Statement, Table, of_kind

MOST_REASONS = 3
SMALL = 0.01
"""Below it, three decimals would say less than two digits."""
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}

Mark = Callable[[Basis], int]
"""The number of the citation for what a statement stands on."""


def number(value: float, step: float | None = None) -> str:
    """About three significant digits, thousands apart, no trailing zeros.

    >>> number(42.523), number(1792.0), number(0.1234), number(7.0), number(131072, 1), number(0.000512)
    ('42.5', '1,792', '0.123', '7', '131,072', '0.00051')
    """
    size = abs(value)
    decimals = 0 if size >= 100 or step == 1 else 1 if size >= 10 else 2 if size >= 1 else 3
    if 0 < size < SMALL and step != 1:
        decimals = 1 - math.floor(math.log10(size))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(value: Slot) -> str:
    """
    >>> from kb.text.statements import Quantity
    >>> shown(Quantity((8.1, 10.2), "tokens/s")), shown(Quantity(2000, "USD")), shown(Quantity(80, "%"))
    ('8.1 to 10.2 tokens/s', '$2,000', '80 %')
    """
    if isinstance(value, str):
        return value
    ends = value.value if isinstance(value.value, tuple) else (value.value,)
    texts = list(dict.fromkeys(number(end, value.step) for end in ends))
    if sign := _SIGNS.get(value.unit):
        amounts = [
            f"{sign}{end:,.0f}" if abs(end) >= 100 or float(end).is_integer() else f"{sign}{end:,.2f}" for end in ends
        ]
        return " to ".join(dict.fromkeys(amounts))
    return f"{' to '.join(texts)} {value.unit}".rstrip()


def sentence(statement: Statement, mark: Mark | None = None) -> str:
    """The statement in English, with the numbers of what it stands on."""
    text = statement.template.format(**{slot: shown(value) for slot, value in statement.values.items()})
    if statement.kind != "assumption" and not statement.opens and text.startswith(("a ", "an ", "the ")):
        text = text[0].upper() + text[1:]
    return statement.opens + text + _marks(statement.basis, mark)


def _marks(basis: Sequence[Basis], mark: Mark | None) -> str:
    numbers = dict.fromkeys(mark(one) for one in basis) if mark else {}
    return f" {''.join(f'[{one}]' for one in numbers)}" if numbers else ""


def table(one: Table, mark: Mark | None = None) -> str:
    head = f"| {' | '.join(one.columns)} |\n|{' --- |' * len(one.columns)}"
    rows = [f"| {' | '.join(shown(cell).replace('|', '/') for cell in row)} |" for row in one.rows]
    marks = _marks([basis for basis in one.basis if basis.kind != "call"], mark).strip()
    return "\n".join((head, *rows)) + (f"\n\n{marks}" if marks else "")


def brief(statements: Sequence[Said], mark: Mark) -> str:
    """The answer itself: first what was asked, then what decides it, then what to do (DESIGN, section 6)."""
    lead = [_text(one, mark) for one in of_kind(statements, "correction", "unknown")[:MOST_REASONS]]
    parts: list[str] = []
    answers = of_kind(statements, "answer")
    first = list(dict.fromkeys(_text(one, mark) for one in answers if isinstance(one, Statement)))
    reasons = [_text(one, mark) for one in of_kind(statements, "reason") if isinstance(one, Statement)][:MOST_REASONS]
    parts += lead
    if len(first) > 1:
        parts += ["\n".join(f"- {text}" for text in first), " ".join(reasons)]
    else:
        parts.append(" ".join((*(f"{text}" for text in first), *reasons)))
    parts += [_text(one, mark) for one in of_kind(statements, "quote")]
    parts += [table(one, mark) for one in statements if isinstance(one, Table) and one.kind in ("answer", "reason")]
    parts += [_text(one, mark) for one in of_kind(statements, "next")]
    commands = of_kind(statements, "command")
    if commands and not of_kind(statements, "answer"):
        parts += [_text(one, mark) for one in commands]
    assumed = [sentence(one).rstrip(".") for one in of_kind(statements, "assumption") if isinstance(one, Statement)]
    if assumed:
        parts.append(f"Assumed: {'; '.join(dict.fromkeys(assumed))}.")
    parts += [f"Sources disagree: {_text(one, mark)}" for one in of_kind(statements, "dispute")[:1]]
    parts += [_text(one, mark) for one in of_kind(statements, "ask")]
    return "\n\n".join(part for part in parts if part.strip())


def details(statements: Sequence[Said], mark: Mark) -> str:
    """What the brief answer leaves out: arithmetic, commands, further disputes."""
    more = [_text(one, mark) for one in of_kind(statements, "reason")[MOST_REASONS:] if isinstance(one, Statement)]
    more += [_text(one, mark) for one in of_kind(statements, "detail") if isinstance(one, Statement)]
    parts = ["\n".join(f"- {text}" for text in dict.fromkeys(more))]
    parts += [table(one, mark) for one in statements if isinstance(one, Table) and one.kind == "detail"]
    parts += [_text(one, mark) for one in of_kind(statements, "command")]
    disputes = [f"- {_text(one, mark)}" for one in of_kind(statements, "dispute")[1:]]
    if disputes:
        parts.append("\n".join(("Sources disagree:", *disputes)))
    return "\n\n".join(part for part in parts if part.strip())


def _text(one: Said, mark: Mark | None) -> str:
    return table(one, mark) if isinstance(one, Table) else sentence(one, mark)


def plain(statements: Iterable[Said]) -> list[str]:
    """Each statement in English without marks, for whoever needs words alone."""
    return [_text(one, None) for one in statements]
