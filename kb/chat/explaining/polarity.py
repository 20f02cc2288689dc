"""What a sentence says of whether a model fits: wholly, with a part elsewhere, not, or not even so.

A rule of words, clause by clause. It errs to one side: a sentence that may deny the verdict is taken to deny it, since
the composed answer is complete without it. Each expression is linear: every repeat has an end.
"""

import re
from collections.abc import Collection, Iterator
from typing import Literal

Verdict = Literal["fits", "fits_with_offload", "does_not_fit"]
"""As ``check_fit`` gives it."""
Claim = Literal["whole", "runs", "part", "not", "never"]

ALLOWED: dict[Verdict, frozenset[Claim]] = {
    "fits": frozenset({"whole", "runs"}),
    "fits_with_offload": frozenset({"part", "runs", "not"}),
    "does_not_fit": frozenset({"not", "never"}),
}


_GROUPS = {
    "HOLDER": "(?:card|device|gpu|machine|mac|memory|vram|capacity|limits?|budget)",
    "HAS": "(?:holds?|has|have|had|offers?|provides?|available|there|room|space|fits?|can|gb|gib)",
    "NEED": "(?:need|needs|require|requires|wants?|demands?)",
    "ENOUGH": "(?:enough|needed|required|sufficient|it needs|is needed|the model)",
}


def _any(ways: str) -> re.Pattern[str]:
    """Any of the ways, each of them whole words; they stand on lines of their own or with `` | `` between."""
    for name, group in _GROUPS.items():
        ways = ways.replace(name, group)
    return re.compile("|".join(rf"\b(?:{way.strip()})\b" for way in re.split(r"\n| \| ", ways) if way.strip()))


_CLAUSE = re.compile(r"[,;:()–—]|[.!?](?=\s|$)|\b(?:but|while|because|since|although|though|so that|which)\b")
_SAYS_NOTHING = _any(r"""
    while (?:the model|it) (?:runs|is running|writes|works) | no doubt | not (?:only|just)
    nothing (?:stops|prevents|keeps) | no reason
    without (?:a |any |much )?(?:doubt|trouble|problems?|effort|difficulty|strain)
    with (?:no|little) (?:trouble|problems?|effort|difficulty) | must (?:also )?fit
""")
"""Turns with a word of the lists below that deny nothing and claim nothing."""
_NOT = _any("nowhere near | by no means | far from | in no way | hardly | scarcely | unlikely to")
_NEGATOR = _any(r"""
    not | cannot | never | nothing | none | no | nor | neither | nowhere | without | unable | fails? | failed
    refuses? | instead of | rather than | too \w{1,20} to | \w{1,8}n't
""")
_OVER = _any(r"""
    (?:more|larger|bigger|greater|higher|heavier) (?:\w{1,20} ){0,3}than\b(?! ENOUGH)[^,;]{0,40}\bHOLDER
    (?:more|larger|bigger|greater|higher|heavier) (?:\w{1,20} ){0,3}than\b(?! ENOUGH)[^,;]{0,40}\bHAS
    (?<!left )(?:over|above|beyond|past|outside)\b[^,;]{0,25}\bHOLDER
    (?<!left )(?:over|above|beyond) (?:it|that|this|what)
    (?:exceed|overflow|overrun|overshoot|outgrow|overfill|overwhelm|surpass|spill|burst)\w{0,4}
    too (?:large|big|much|many|heavy|long|high|great|demanding|hungry|fat) | oversized
""")
_LACK = _any(r"""
    too (?:small|little|low|few|short|weak|tight) | (?:run|runs|running|ran) (?:out|short)
    out[ -]of[ -](?:memory|vram|room|space) | oom | (?:fall|falls|falling|is|are|comes?) short | short (?:of|by)
    shortage | shortfall | deficit | lack\w{0,3} | missing | insufficient | inadequate | gap | undersized
    overcommit\w{0,3} | crash\w{0,3} | chokes? | exhaust\w{0,3} | breaks it
    only (?:has |have |holds )?[\d.,]{1,9} ?gi?b\b(?! (?:to spare|left|free|over|remain))
    smaller than (?:the model|what it needs|needed|required)
    less than (?:the model|what it needs|it needs|needed|required|is needed)
    NEED (?:[\w.]{1,20} ){0,3}(?:more|another|extra|additional|larger|bigger|second)
    (?:nothing|none) (?:is |are )?left | no longer (?:fits?|holds?)
""")
_REMEDY = _any(r"""
    (?:choose|look for|take|pick|try|run|use|needs?|get|is) (?:a |an |the )?(?:[\w-]{1,20} ){0,3}(?:smaller|tinier)
    (?:choose|look for|pick|get) (?:a |an |another )?(?:[\w-]{1,20} ){0,2}model
    ^(?:cut|shorten|reduce|shrink|shortening|reducing) | (?:another|other|only) way | way out | solves (?:this|it)
    real cure | forc(?:e|ing) it | better choice | pleasant choice | may serve | instead\b(?! of)
""")
"""Advice for a model that is too large."""
_PART = _any(r"""
    offload\w{0,3} | (?:system|main|host|cpu|slower|slow|normal|computer's own) (?:memory|ram) | on(?:to)? the cpu
    swap\w{0,4} | from (?:the )?(?:drive|disk|ram) | part(?:s|ly|ially)? (?:of|in|on|stays?|must|offload\w{0,3})
    partly | partially | slow part
    (?:some|part|rest|remainder)\b[^,;]{0,25}\b(?:stay|live|lie|elsewhere|kept|go|comes?|goes|waits?)
    almost fits? | not wholly | memory slots | crawl\w{0,3} | only a little too
""")
_FIT = _any(r"fit(?:s|ted|ting)? | (?:hold|holds|held)\b(?! (?:only |about )?[\d.,]{1,9} ?gi?b)")
_WHOLE = _any(r"""
    fit(?:s|ted|ting)?
    (?:hold|holds)\b(?! (?:only |about )?[\d.,]{1,9} ?gi?b) | accommodates? | contains? | swallows? | takes? (?:it|all)
    handles? | copes? | manages? | enough | ample
    plenty | sufficient | suffices? | room | headroom | to spare | spare | free | left
    leav(?:e|es|ing)\b(?! (?:only |about |some )?[\d.,]{1,9} ?tokens) | remain(?:s|ing)? | within | inside | below
    under | beneath | comfortabl[ey] | with ease | easily | stays? (?:wholly |whole |all |entirely )?on
    all (?:the |of the )?layers | (?:smaller|less|lower|lighter) (?:\w{1,20} ){0,2}than | go(?:es)? (?:in|on)(?:to)?
    more than (?:enough|needed|required|sufficient|it needs|the model needs|is needed) | larger quant\w{0,10}
    (?:raise|increase) the context | does the job | suits?
""")
_RUNS = _any("works? | runs? | loads? | starts? | feasible | doable | no problem | quite possible")
_NEVER = _any(r"""
    nowhere | no (?:setting|way|chance|hope) | hopeless\w{0,2} | (?:not|\w{1,8}n't) (?:even |really )?help
    (?:not|cannot|never|\w{1,8}n't) (?:even |be )?(?:run|runs|start|load|loaded|work)\b(?! out| short)
    cannot be used | impossible | (?:no|not enough|too little) (?:\w{1,20} ){0,2}memory for the rest
    out of the question | tricks | way out | (?:it|that|this|loading) (?:will |would )?fails?
""")
_CHANGE = _any(r"""
    if | unless | whether | when | once | as long as | provided | suppose | otherwise | another | other | second | two
    three | four | quantized kv | quantize | shorten | shorter | longer | smaller | fewer | less | lower | larger
    bigger | higher | more | largest | smallest | shrink\w{0,3} | step up | next
    (?:type|model|one|size|card|quantization)s? that
""")
"""What names another case than the question's own."""
_COMPARED = _any(r"""
    (?:shorter|longer|smaller|fewer|less|lower|larger|bigger|higher|more|other|greater) (?:\w{1,20} ){0,4}than
    no (?:more|less|longer) | any more | more or less | even if | no other | once more
    whether\b[^,;]{0,30}\bor not | even (?:the |a |an )?(?:smallest|smaller|shorter|lower|shortest)
    NEED (?:[\w.]{1,20} ){0,3}(?:more|another|extra|additional|larger|bigger|second)
    for (?:a |an |your |any |some )?(?:longer|larger|bigger|more|other|another) | if you (?:ask|like|must|wonder)
""")
"""Such words where they name none."""
_OPENS = re.compile(r"^\W{0,3}(?:then |and |so )?(?:if|unless|when|once|suppose|provided|as long as)\b")


def claims(sentence: str, instead: Collection[str] = ()) -> frozenset[Claim]:
    """What ``sentence`` claims of the question's own case.

    A clause that names a condition, or one of ``instead``, speaks of another case; that it would fit there says that
    it does not fit here, and the other way round.

    >>> sorted(claims("It fits, but a longer context would not."))
    ['whole']
    >>> sorted(claims("The weights alone are 90 GB, well over what it holds."))
    ['not']
    >>> sorted(claims("It fits on 2× RTX 4090.", ["2× RTX 4090"]))
    ['not']
    """
    found: set[Claim] = set()
    others = [name.casefold() for name in instead]
    conditional = False
    for clause in _clauses(sentence):
        changed = _CHANGE.search(_COMPARED.sub(" ", clause)) or any(name in clause for name in others)
        if conditional:
            pass
        elif _REMEDY.search(clause):
            found.add("not")
        elif not changed:
            found.update(_claims(clause))
        elif fit := _FIT.search(clause):
            found.add("whole" if _before(clause, fit) else "not")
        conditional = bool(_OPENS.match(clause))
    return frozenset(found)


def denies(sentence: str, verdict: Verdict, instead: Collection[str] = ()) -> bool:
    """Whether ``sentence`` says of the question's own case what ``verdict`` does not."""
    return not claims(sentence, instead) <= ALLOWED[verdict]


def _clauses(sentence: str) -> list[str]:
    plain = " ".join(re.sub(r"\[\d{1,3}\]|[*`]", " ", sentence.casefold().replace("’", "'")).split())
    plain = _NOT.sub("not", _SAYS_NOTHING.sub(" ", plain)).replace("not much", "little")
    return [clause.strip() for clause in _CLAUSE.split(plain) if clause.strip()]


def _before(clause: str, found: re.Match[str]) -> bool:
    """Whether a negation stands anywhere before."""
    negator = _NEGATOR.search(clause)
    return negator is not None and negator.start() < found.start()


def _claims(clause: str) -> Iterator[Claim]:
    if _NEVER.search(clause):
        yield "never"
    elif bad := _OVER.search(clause) or _LACK.search(clause):
        yield "whole" if _NEGATOR.search(clause, max(0, bad.start() - 8), bad.start()) else "not"
    elif part := _PART.search(clause):
        yield "whole" if _before(clause, part) and not _FIT.search(clause) else "part"
    elif whole := _WHOLE.search(clause):
        yield "not" if _before(clause, whole) else "whole"
    elif runs := _RUNS.search(clause):
        yield "never" if _before(clause, runs) else "runs"
