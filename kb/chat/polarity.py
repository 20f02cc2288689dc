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

_CLAUSE = re.compile(r"[,;:()–—]|[.!?](?=\s|$)|\b(?:but|while|because|since|although|though|so that|which)\b")
_SAYS_NOTHING = re.compile(
    r"\bwhile (?:the model|it) (?:runs|is running|writes|works)\b|\bno doubt\b|\bnot (?:only|just)\b|\bnothing (?:stops|"
    r"prevents|keeps)\b|\bno reason\b|\bwithout (?:a |any |much )?(?:doubt|trouble|problems?|effort|difficulty|strain)\b"
    r"|\bwith (?:no|little) (?:trouble|problems?|effort|difficulty)\b|\bmust (?:also )?fit\b"
)
"""Turns with a word of the lists below that deny nothing and claim nothing."""
_NOT = re.compile(r"\bnowhere near\b|\bby no means\b|\bfar from\b|\bin no way\b|\bhardly\b|\bscarcely\b|\bunlikely to\b")
_NEGATOR = re.compile(
    r"\b(?:not|cannot|never|nothing|none|no|nor|neither|nowhere|without|unable|fails?|failed|refuses?|instead of|rather than|"
    r"too \w+ to)\b|n't\b"
)
_OVER = re.compile(
    r"\b(?:more|larger|bigger|greater|higher|heavier) (?:\w+ ){0,3}than\b(?! (?:enough|needed|required|it needs|is needed|"
    r"the model|sufficient))[^,;]{0,40}\b(?:holds?|has|have|had|offers?|provides?|card|device|gpu|machine|mac|memory|vram|"
    r"capacity|available|there|room|space|fits?|can|limit|budget|gb|gib)\b"
    r"|(?<!left )\b(?:over|above|beyond|past|outside)\b[^,;]{0,25}\b(?:card|device|gpu|mac|machine|memory|vram|capacity|"
    r"limits?|budget)\b|(?<!left )\b(?:over|above|beyond) (?:it|that|this|what)\b"
    r"|\b(?:exceed|overflow|overrun|overshoot|outgrow|overfill|overwhelm|surpass|spill|burst)\w{0,4}\b"
    r"|\btoo (?:large|big|much|many|heavy|long|high|great|demanding|hungry|fat)\b|\boversized\b"
)
_LACK = re.compile(
    r"\btoo (?:small|little|low|few|short|weak|tight)\b|\b(?:run|runs|running|ran) (?:out|short)\b|\bout[ -]of[ -](?:memory|"
    r"vram|room|space)\b|\boom\b|\b(?:fall|falls|falling|is|are|comes?) short\b|\bshort (?:of|by)\b|\bshortage\b|"
    r"\bshortfall\b|\bdeficit\b|\black\w{0,3}\b|\bmissing\b|\binsufficient\b|\binadequate\b|\bgap\b|\bundersized\b|"
    r"\bovercommit\w{0,3}\b|\bcrash\w{0,3}\b|\bchokes?\b|\bexhaust\w{0,3}\b|\bbreaks it\b|"
    r"\bonly (?:has |have |holds )?[\d.,]{1,9} ?gi?b\b(?! (?:to spare|left|free|over|remain))|"
    r"\bsmaller than (?:the model|what it needs|needed|required)\b|\bless than (?:the model|what it needs|it needs|needed|"
    r"required|is needed)\b|\b(?:need|needs|require|requires|wants?|demands?) (?:[\w.]+ ){0,3}(?:more|another|extra|"
    r"additional|larger|bigger|second)\b|\b(?:nothing|none) (?:is |are )?left\b|\bno longer (?:fits?|holds?)\b"
)
_REMEDY = re.compile(
    r"\b(?:choose|look for|take|pick|try|run|use|need|needs|get|is) (?:a |an |the )?(?:[\w-]+ ){0,3}(?:smaller|lesser|tinier)"
    r"|\b(?:choose|look for|pick|get) (?:a |an |another )?(?:[\w-]+ ){0,2}model\b|^\s?(?:cut|shorten|reduce|shrink|shortening|"
    r"reducing)\b|\b(?:another|other|only) way\b|\bway out\b|\bsolves (?:this|it)\b|\breal cure\b|\bforc(?:e|ing) it\b|"
    r"\bbetter choice\b|\bpleasant choice\b|\bmay serve\b|\binstead\b(?! of)"
)
"""Advice for a model that is too large."""
_PART = re.compile(
    r"\boffload\w{0,3}\b|\b(?:system|main|host|cpu|slower|slow|normal|computer's own) (?:memory|ram)\b|\bon(?:to)? the cpu\b|"
    r"\bswap\w{0,4}\b|\bfrom (?:the )?(?:drive|disk|ram)\b|\bpart(?:s|ly|ially)? (?:of|in|on|stays?|must|offload\w{0,3})\b|"
    r"\bpartly\b|\bpartially\b|\bslow part\b|\b(?:some|part|rest|remainder)\b[^,;]{0,25}\b(?:stay|live|lie|elsewhere|kept|"
    r"go|comes?|goes|waits?)\b|\balmost fits?\b|\bnot wholly\b|\bmemory slots\b|\bcrawl\w{0,3}\b|\bonly a little too\b"
)
_FIT = re.compile(r"\bfit(?:s|ted|ting)?\b|\b(?:hold|holds|held)\b")
_WHOLE = re.compile(
    r"\bfit(?:s|ted|ting)?\b|\b(?:hold|holds|accommodates?|contains?|swallows?|takes? (?:it|all)|handles?|copes?|manages?)\b|"
    r"\b(?:enough|ample|plenty|sufficient|suffices?)\b|\broom\b|\bheadroom\b|\bto spare\b|\bspare\b|\bfree\b|\bleft\b|"
    r"\bleav(?:e|es|ing)\b(?! (?:only |about |some )?[\d.,]{1,9} ?tokens)|\bremain(?:s|ing)?\b|\b(?:within|inside|below|"
    r"under|beneath)\b|\bcomfortabl[ey]\b|\bwith ease\b|\beasily\b|\bstays? (?:wholly |whole |all |entirely )?on\b|"
    r"\ball (?:the |of the )?layers\b|\b(?:smaller|less|lower|lighter) (?:\w+ ){0,2}than\b|\bgo(?:es)? (?:in|on)(?:to)?\b|"
    r"\bmore than (?:enough|needed|required|sufficient|it needs|the model needs|is needed)\b|\blarger quant\w{0,10}\b|"
    r"\b(?:raise|increase) the context\b|\bdoes the job\b|\bsuits?\b"
)
_RUNS = re.compile(r"\b(?:works?|runs?|loads?|starts?)\b|\bfeasible\b|\bdoable\b|\bno problem\b|\bquite possible\b")
_NEVER = re.compile(
    r"\bnowhere\b|\bno (?:setting|way|chance|hope)\b|\bhopeless\w{0,2}\b|\b(?:not|n't) (?:even |really )?help\b|"
    r"(?:\b(?:not|cannot|never)|n't) (?:even |be )?(?:run|runs|start|load|loaded|work)\b(?! out| short)|\bcannot be used\b|\bimpossible\b|"
    r"\b(?:no|not enough|too little) (?:\w+ ){0,2}memory for the rest\b|\bout of the question\b|\btricks\b|\bway out\b|"
    r"\b(?:it|that|this|loading) (?:will |would )?fails?\b"
)
_CHANGE = re.compile(
    r"\b(?:if|unless|whether|when|once|as long as|provided|suppose|otherwise|another|other|second|two|three|four|"
    r"quantized kv|quantize|shorten|shorter|longer|smaller|fewer|less|lower|shrink\w{0,3}|larger|bigger|higher|more|largest|"
    r"smallest|step up|next|(?:type|model|one|size|card|quantization)s? that)\b"
)
"""What names another case than the question's own."""
_COMPARED = re.compile(
    r"\b(?:shorter|longer|smaller|fewer|less|lower|larger|bigger|higher|more|other|greater) (?:\w+ ){0,4}than\b|\bno (?:more|"
    r"less|longer)\b|\bany more\b|\bmore or less\b|\beven if\b|\bno other\b|\bonce more\b|\bwhether\b[^,;]{0,30}\bor not\b|"
    r"\beven (?:the |a |an )?(?:smallest|smaller|shorter|lower|shortest)\b|"
    r"\b(?:need|needs|require|requires|wants?) (?:[\w.]+ ){0,3}(?:more|another|second|larger|bigger)\b|\bfor (?:a |an |your |any |some )?(?:longer|larger|bigger|"
    r"more|other|another)\b|\bif you (?:ask|like|must|wonder)\b"
)
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
    return [clause for clause in _CLAUSE.split(plain) if clause.strip()]


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
