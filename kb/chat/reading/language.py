"""Which language a message is in: by its script, else by whose words it has."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Set
from functools import cache

from kb.chat.reading.gloss import folded, glosses, keys_of
from kb.chat.reading.lexicon import Lexicon

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
_WORD = re.compile(r"[^\W\d_]+(?:['’](?=[^\W\d_]))?")
LEAST = 2
"""Words of another language from which on it is that language, if they are more than those of English."""
READ = 1000


def language_of(text: str, english: Lexicon, before: str = ENGLISH) -> str:
    """``before`` is the language of the turn before: fewer words are enough for it."""
    seen = text[:READ]
    letters = sum(character.isalpha() for character in seen)
    for code, script in _SCRIPTS:
        found = [c for c in script.findall(seen) if c not in _MARKS]
        if len(found) >= 2 and len(found) * 8 >= letters:
            return code
    words = [word.casefold().replace("’", "'") for word in _WORD.findall(seen) if not word.isupper()]
    ours = frozenset(word for word in words if english.joins_nothing(word))
    known: Counter[str] = Counter()
    shared: Counter[str] = Counter()
    strange = 0
    for word in words:
        languages = _languages(word)
        if word in ours:
            shared.update(languages)
        elif not english.is_ordinary(word):
            known.update(languages)
            strange += not languages
    if len(_CYRILLIC.findall(seen)) * 8 >= max(letters, 16):
        return max(known, key=lambda code: (known[code], code == before, code == "ru"), default="ru")
    best = max(known, key=lambda code: (known[code], shared[code], code == before), default=ENGLISH)
    told = known[best]
    left = sum(word in ours for word in words) - shared[best]
    if (told >= LEAST and told > left) or (told and not left and (not strange or best == before)):
        return best
    return ENGLISH


def _languages(word: str) -> Set[str]:
    exact, stems = _words()
    found = exact.get(word) or exact.get(folded(word)) or frozenset()
    for end in range(2, len(word) + 1):
        found |= stems.get(word[:end], frozenset())
    return found


@cache
def _words() -> tuple[Mapping[str, Set[str]], Mapping[str, Set[str]]]:
    """Which languages have a word, and which a word that begins so."""
    exact: defaultdict[str, set[str]] = defaultdict(set)
    stems: defaultdict[str, set[str]] = defaultdict(set)
    for code, gloss in glosses().items():
        for phrase, _ in gloss.given.meanings():
            for key in keys_of(phrase):
                if key.endswith("*"):
                    stems[key[:-1]].add(code)
                elif key[0].isalpha():
                    exact[key].add(code)
    for word in list(exact):
        if folded(word) not in exact:
            exact[folded(word)] |= exact[word]
    return exact, stems
