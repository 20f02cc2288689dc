"""Which language a message is in: by its script, else by its commonest words."""

import re

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("uk", re.compile(r"[іїєґІЇЄҐ]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)
_MARKS = frozenset("µμΩ°²³")
_COMMON = {
    "en": "the is a to of and i it on in can how what my for with do does will run which much fast you are this that"
    " have need or at should if when not be",
    "de": "der die das und ist ich nicht ein eine mit auf für wie viel kann was brauche reicht wird mein meine den oder"
    " zu von auch nur wenn im beim läuft",
    "fr": "le la les et est je un une des pour avec sur que quelle combien puis-je peut pas du au mon ma c'est dans"
    " quel ou en mais faire ça",
    "es": "el la los y es yo un una para con en que cuánto puedo qué mi del por como cuál tengo se al está o las me",
    "pt": "o os e é um uma para com em que quanto posso meu minha do da no na qual rodar ou pra não como mais tenho",
    "it": "il lo gli e è un una per con su che quanto posso mio mia del della quale come o sono ho non serve",
    "nl": "de het en is ik een met op voor hoe veel kan wat mijn van niet of ook naar heb deze dat",
    "sv": "och är jag en ett med på för hur mycket kan vad min det inte som att till vilken har den",
    "pl": "i jest ja na z do jak ile czy mogę mój się nie to dla co mam lub w",
    "tr": "ve bir bu ne kadar için ile mi benim olur var mı daha hangi",
}
_WORDS = {language: frozenset(words.split()) for language, words in _COMMON.items()}
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)?")
LEAST = 2
"""Words of another language, more than of English, from which on it is that language."""
READ = 2000


def language_of(text: str) -> str:
    """
    >>> language_of("can I run it?"), language_of("reicht eine 4090 und wie viel VRAM brauche ich?")
    ('en', 'de')
    """
    seen = text[:READ]
    letters = sum(character.isalpha() for character in seen)
    for code, script in _SCRIPTS:
        found = [c for c in script.findall(seen) if c not in _MARKS]
        if len(found) >= 2 and len(found) * 8 >= letters:
            return code if code != "ru" or not _SCRIPTS[3][1].search(seen) else "uk"
    words = [word.casefold() for word in _WORD.findall(seen)]
    counts = {code: sum(word in common for word in words) for code, common in _WORDS.items()}
    best = max(counts, key=lambda code: (counts[code], code == "en"))
    return best if counts[best] >= counts["en"] + LEAST else "en"
