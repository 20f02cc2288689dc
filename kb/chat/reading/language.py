"""Which language a message is in: by its script, else by whose words it has."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Set
from functools import cache

from kb.catalogue.names import Names
from kb.chat.reading.gloss import UNSPACED, folded, glosses, keys_of, places_of_names
from kb.chat.reading.lexicon import Lexicon, lexicon
from kb.text.figures import UNITS

ENGLISH = "en"
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_MARKS = frozenset("µμΩ°²³")
_WORD = re.compile(r"(?<!\w)[^\W\d_]+(?!\w)(?:['’](?=[^\W\d_]))?|(?<=['’])[^\W\d_]+(?!\w)")
LEAST = 2
"""Words of another language from which on it is that language, if they are more than those of English."""
MANY = 5
"""Letters of a word that is known without its marks, too: of fewer, another word may be made."""
SHORTEST_STEM = 3
READ = 1000


def language_of(text: str, names: Names, before: str = ENGLISH) -> str:
    """``before`` is the language of the turn before: fewer words are enough for it."""
    seen = text[:READ]
    language = _language(seen, lexicon(names), before)
    if language == ENGLISH:
        return language
    named = places_of_names(seen, names)  # a part of a name may be a word elsewhere
    return _language("".join(" " if at in named else one for at, one in enumerate(seen)), lexicon(names), before)


def _language(seen: str, english: Lexicon, before: str) -> str:
    letters = sum(character.isalpha() for character in seen)
    for code, script in _SCRIPTS:
        found = [c for c in script.findall(seen) if c not in _MARKS]
        if len(found) >= 2 and len(found) * 8 >= letters:
            return code
    words = [word.casefold().replace("’", "'") for word in _WORD.findall(seen) if not word.isupper()]
    told, shared, beside = Counter[str](), Counter[str](), Counter[str]()
    ours = field = 0
    for word in words:
        if english.joins_nothing(word):
            ours += 1
            shared.update(_languages(word))
        elif word in UNITS or english.is_ordinary(word):
            field += word not in UNITS
            beside.update(_languages(word))
        elif len(word) > 1:
            told.update(_languages(word))
    if len(_CYRILLIC.findall(seen)) * 8 >= max(letters, 16):
        return max(told, key=lambda code: (told[code], code == before, code == "ru"), default="ru")
    best = max(told, key=lambda code: (told[code], shared[code] + beside[code], code == before), default=ENGLISH)
    left = ours - shared[best]
    surely = told[best] >= LEAST and told[best] > left
    alone = told[best] == len(words) and all(len(word) >= MANY for word in words)
    likely = told[best] and not left and field < LEAST and (shared[best] or best == before or alone)
    return best if surely or likely else ENGLISH


def _languages(word: str) -> Set[str]:
    exact, stems = _words()
    found = exact.get(word) or (exact.get(folded(word)) if len(word) >= MANY or not word.isascii() else None)
    languages = set(found or ())
    for end in range(SHORTEST_STEM, len(word) + 1):
        languages |= stems.get(word[:end], frozenset())
    return languages


@cache
def _words() -> tuple[Mapping[str, Set[str]], Mapping[str, Set[str]]]:
    """Which languages have a word, and which a word that begins so; of scripts that tell the language, none."""
    exact: defaultdict[str, set[str]] = defaultdict(set)
    stems: defaultdict[str, set[str]] = defaultdict(set)
    for code, gloss in glosses().items():
        for phrase, _ in gloss.given.meanings():
            for key in keys_of(phrase) if phrase < UNSPACED[0] else ():
                if key.endswith("*"):
                    stems[key[:-1]].add(code)
                elif key[0].isalpha():
                    exact[key].add(code)
    plain: defaultdict[str, set[str]] = defaultdict(set)
    for word, codes in exact.items():
        plain[folded(word)] |= codes if len(word) >= MANY else set()
    return {**plain, **exact}, stems
