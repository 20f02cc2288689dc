"""What a start says: the engine, the line that installs it and the line that starts the model."""

from collections.abc import Iterator, Sequence

from kb.text.statements import Basis, Kind, Quantity, Said, Statement, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.shared.naming import VERDICTS, gb
from kb.tools.shared.saying import notes
from kb.tools.start_model.tool import EngineStart, Install, StartAnswer, StartFit

SYSTEMS = {"linux": "Linux", "macos": "macOS", "windows": "Windows"}


def say(result: StartAnswer, asked: Asked) -> Iterator[Said]:
    start, fit = result.start, result.start.fit
    engine = Basis("spec", f"engines/{start.engine}")
    if fit and fit.verdict == "does_not_fit":
        yield from _too_large(result, fit, engine)
    else:
        yield _answer(result, engine)
        yield from _obstacles(result)
        yield state("reason", "{install}", engine, install=_install(start.install))
        if fit:
            yield _fits(fit)
        if start.after:
            yield state("reason", "{after}", engine, after=start.after)
        yield from _next(result, asked)
    if result.model_is_chosen:
        yield state("assumption", "{model}, as no model was named", model=result.model or "")
    if fit and start.quantization and "quantization" not in asked.stated:
        text = "{quantization} weights and {context} tokens of context"
        context = Quantity(result.context, step=1)
        yield state("assumption", text, quantization=start.quantization, context=context)
    yield from notes("detail", result.assumptions)
    for other in result.others:
        yield _other(other)


def _too_large(result: StartAnswer, fit: StartFit, basis: Basis) -> Iterator[Statement]:
    start, model, device = result.start, result.model or "", result.device or ""
    names = {"model": model, "quantization": start.quantization or "", "device": device}
    text = "No, {model} at {quantization} does not fit on {device}: it needs {need}, and there are {have}."
    yield _held("answer", text, fit, **names)
    text = "On a device that holds it, {engine} starts it with `{line}`."
    if start.line:
        yield state("reason", text, basis, engine=start.name, line=start.line)
    able = next((other for other in result.others if other.fit and other.fit.verdict != "does_not_fit"), None)
    if able:
        text = "With {engine} it runs there at {quantization}" + (": `{line}`." if able.line else ".")
        values = {"engine": able.name, "quantization": able.quantization or "", "line": able.line}
        yield state("next", text, Basis("spec", f"engines/{able.engine}"), **values)
    else:
        yield state("next", "Take a smaller model, or ask what runs on {device}.", device=device)


def _answer(result: StartAnswer, basis: Basis) -> Statement:
    start = result.start
    line = "install it, then type `{line}`" if start.line else "install it and open it"
    target = "to start {model}" if result.model else "to begin"
    values = {"engine": start.name, "line": start.line, "model": result.model or "", "wanted": result.wanted or ""}
    easiest = f"the easiest way {target} is {{engine}}: {line}."
    if result.hindrance == "unknown":
        return state("answer", f"The sources do not say how {{wanted}} is started; {easiest}", basis, **values)
    if result.hindrance:
        place = SYSTEMS[result.system] if result.hindrance == "system" and result.system else result.device or ""
        text = f"The sources give no way to run {{wanted}} on {{place}}; {easiest}"
        return state("answer", text, basis, place=place, **values)
    if result.chosen_as == "named":
        return state("answer", f"{target.capitalize()} with {{engine}}, {line}.", basis, **values)
    return state("answer", easiest[0].upper() + easiest[1:], basis, **values)


def _obstacles(result: StartAnswer) -> Iterator[Statement]:
    """Why it is otherwise than was asked."""
    start = result.start
    if result.elsewhere:
        yield state("reason", "{wanted}: {elsewhere}", wanted=result.wanted or "", elsewhere=result.elsewhere)
    if result.refused_quantization and start.quantization:
        text = "The line for {engine} takes no {refused} files: it brings the model in {quantization}."
        values = {"refused": result.refused_quantization, "quantization": start.quantization}
        yield state("reason", text, engine=start.name, **values)


def _install(ways: Sequence[Install]) -> str:
    """
    >>> both = Install(systems=("linux", "macos"), line="x", page="")
    >>> _install([both, Install(systems=("windows",), line="y", page="")])
    'It is installed on Linux and macOS with `x`, on Windows with `y`.'
    """
    lines = [f"on {_systems(way)} with `{way.line}`" for way in ways if way.line]
    pages = [f"Download it for {_systems(way)} from {way.page}." for way in ways if way.page]
    return " ".join([*([f"It is installed {', '.join(lines)}."] if lines else []), *pages])


def _systems(way: Install) -> str:
    return joined(SYSTEMS[system] for system in way.systems)


def _held(kind: Kind, text: str, fit: StartFit, **values: str) -> Statement:
    amounts = {"need": gb(fit.required_gb), "have": gb(fit.available_gb)}
    return Statement(kind, text, {**values, **amounts})


def _fits(fit: StartFit) -> Statement:
    if fit.verdict == "fits":
        return _held("reason", "It fits: it needs {need} of {have}.", fit)
    text = "Only a part of it fits, for it needs {need} and there are {have}; the rest runs from RAM and is slower."
    return _held("reason", text, fit)


def _next(result: StartAnswer, asked: Asked) -> Iterator[Statement]:
    start = result.start
    if start.placeholders:
        text = "We do not hold the name that belongs in the place of {open}: search for the model at huggingface.co."
        yield state("next", text, open=joined(f"`{name}`" for name in start.placeholders))
    if start.is_example:
        text = "It is the model of {engine}'s own introduction; name your graphics card or your RAM to hear what fits."
        yield state("next", text, engine=start.name)
    if "context" in asked.stated and start.context_line:
        text = "For {context} tokens of context, type `{line}` there."
        yield state("next", text, context=Quantity(result.context, step=1), line=start.context_line)


def _other(other: EngineStart) -> Statement:
    """One line for each other engine that runs there."""
    basis = Basis("spec", f"engines/{other.engine}")
    if other.fit and other.fit.verdict == "does_not_fit":
        text = "{engine} loads the model in {quantization}, which does not fit: it needs {need}, and there are {have}."
        quantization = other.quantization or ""
        return _held("detail", text, other.fit, engine=other.name, quantization=quantization)
    install = joined([*(f"`{way.line}`" for way in other.install if way.line), *_pages(other)], "or")
    text = "{engine}: install it ({install})" + (", then `{line}`." if other.line else ".")
    return state("command", text, basis, engine=other.name, install=install, line=other.line)


def _pages(start: EngineStart) -> list[str]:
    return [way.page for way in start.install if way.page]


def side_by_side(results: Sequence[StartAnswer], asked: Asked) -> Iterator[Said]:
    """The line for each, and whether it fits."""
    start = results[0].start
    basis = Basis("spec", f"engines/{start.engine}")
    yield state("answer", "Install {engine}, then type the line of the one that you want.", basis, engine=start.name)
    yield state("reason", "{install}", basis, install=_install(start.install))
    rows = tuple(
        (
            " on ".join(part for part in (result.model, result.device) if part) or result.start.name,
            f"`{result.start.line}`" if result.start.line else "in its window",
            VERDICTS[result.start.fit.verdict] if result.start.fit else "depends on the device",
        )
        for result in results
    )
    yield Table("answer", ("model", "line", "fits"), rows)
