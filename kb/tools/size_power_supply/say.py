"""What a power supply's sum says: enough or not, the sum, and what to plan."""

from collections.abc import Iterator

from kb.text.statements import Quantity, Said, state
from kb.tools.asks import Asked
from kb.tools.shared.naming import OPENS, the
from kb.tools.shared.saying import notes
from kb.tools.size_power_supply.tool import PowerSupplyAnswer


def say(result: PowerSupplyAnswer, asked: Asked) -> Iterator[Said]:
    draw = Quantity(result.sustained_w, "W")
    plan = Quantity(result.recommended_psu_w, "W")
    given = asked.arguments.get("psu_w")
    if result.verdict is not None and given is not None:
        texts = {
            "enough": "{given} are enough: {device} and the rest draw {draw}, which loads it to {load}.",
            "tight": "{given} are tight: {device} and the rest draw {draw}, a load of {load}, and peaks come on top.",
            "too_small": "{given} are too little: {device} and the rest draw {draw} on their own.",
        }
        load = Quantity(result.load_percent or 0.0, "%")
        supply = Quantity(float(given), "W")
        opens = OPENS.get(result.verdict, "")
        if result.left_for_cpu_w is not None:
            left = Quantity(result.left_for_cpu_w, "W")
            text = (
                "{given} are enough for {device} with a processor of up to {left}; with one of {cpu} all draws {draw}."
            )
            yield state(
                "answer",
                text,
                given=supply,
                device=the(result.device),
                left=left,
                cpu=Quantity(result.cpu_w, "W"),
                draw=draw,
            )
        else:
            yield state(
                "answer", texts[result.verdict], opens=opens, given=supply, device=result.device, draw=draw, load=load
            )
        if result.verdict != "enough":
            yield state("next", "Plan {plan}, or limit the power of the cards.", plan=plan)
    else:
        text = "Plan a power supply of {plan} for {device}: the machine draws {draw} under load."
        yield state("answer", text, plan=plan, device=result.device, draw=draw)
    cpu, name = Quantity(result.cpu_w, "W"), str(asked.arguments.get("cpu_like", ""))
    if name:
        text = "{cpu} for “{name}”, of which I have no data: that of the {near}"
        yield state("assumption", text, cpu=cpu, name=name, near=result.cpu)
    elif "cpu" not in asked.stated and result.left_for_cpu_w is None:
        yield state("assumption", "a processor of {cpu}, as none was named", cpu=cpu)
    yield state("detail", "{formula}.", formula=result.formula)
    wall = Quantity(result.wall_w, "W")
    circuit = result.circuits[0] if result.circuits else "no household circuit"
    text = "At the wall it takes about {wall}; the smallest circuit that carries it for hours: {circuit}."
    yield state("detail", text, wall=wall, circuit=circuit)
    yield from notes("reason", result.warnings)
    yield from notes("detail", result.assumptions)
