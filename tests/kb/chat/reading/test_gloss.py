"""Messages of other languages: each is read in English, and English stays what it is."""

import re
from collections import Counter

import pytest

from eval.foreign import questions
from eval.samples import read_samples
from kb.catalogue.names import Names
from kb.chat.answering.talking import UNDERSTOOD, half_read
from kb.chat.reading.gloss import glosses, in_english, keys_of
from kb.chat.reading.gloss_files import GlossFile
from kb.chat.reading.language import ENGLISH, language_of
from kb.chat.reading.lexicon import lexicon
from kb.chat.reading.message import read_message
from kb.chat.reading.one_form import in_one_form
from kb.text.figures import UNITS
from kb.text.figures import read as read_figures
from tests.kb.chat.reading.conftest import Reading
from tests.kb.chat.reading.seen import devices, models

CODES = sorted(glosses())


@pytest.mark.parametrize("code", CODES)
def test_each_phrase_has_one_meaning(code: str) -> None:
    meanings = {(keys_of(phrase), english) for phrase, english in glosses()[code].given.meanings()}
    several = [keys for keys, count in Counter(keys for keys, _ in meanings).items() if count > 1]
    assert not several


@pytest.mark.parametrize("code", CODES)
def test_the_english_of_a_phrase_is_no_part_of_a_name(code: str, names: Names) -> None:
    english = lexicon(names)
    words = {
        word
        for _, meaning in glosses()[code].given.meanings()
        for word in re.findall(r"[^\W\d_]+", meaning)
        if word.islower() and word not in UNITS and len(word) > 1
    }
    assert {word for word in words if not english.is_ordinary(word)} <= {"command"}  # also a model's family


def test_english_is_read_as_it_is_written(names: Names) -> None:
    for message in (message for sample in read_samples() for message in sample.messages):
        read = read_message(message, names).situation
        assert (read.language, read.text) == (ENGLISH, in_one_form(message))


@pytest.mark.parametrize("half", ["learning", "judging"])
def test_languages_of_whole_questions_are_told(half: str, names: Names) -> None:
    asked = [(code, question) for code, each in questions(half).items() for question in each]
    told = [code == language_of(in_one_form(question.text), names) for code, question in asked]
    english = [language_of(in_one_form(question.english), names) for _, question in asked]
    assert told.count(False) <= 1
    assert set(english) == {ENGLISH}


@pytest.mark.parametrize("half", ["learning", "judging"])
def test_nearly_all_words_of_whole_questions_are_known(half: str, names: Names) -> None:
    for code, each in questions(half).items():
        known = [in_english(in_one_form(question.text), code, names).known for question in each]
        assert sum(known) / len(known) > 0.85, code
        assert min(known) >= 0.5, code


@pytest.mark.parametrize(
    ("text", "device", "model"),
    [
        ("har 3070 Ti 8GB, vilken modell ska jag köra?", ["GeForce RTX 3070 Ti"], []),
        ("räcker en 4090 eller 7B är för stor?", ["GeForce RTX 4090"], ["a 7B model"]),
        ("скільки VRAM треба, 740 з 1488 сторінок впали", [], []),
        ("kann ich llama 3.3 70b auf meiner 4090 run?", ["GeForce RTX 4090"], ["Llama 3.3 70B"]),
        ("iki tane 3090 ile llama 3.3 70b çalışır mı?", ["2x GeForce RTX 3090"], ["Llama 3.3 70B"]),
        ("mam M4 Pro i chcę uruchomić llama 3.1 8b", ["Apple M4 Pro (20-core GPU)"], ["Llama 3.1 8B"]),
        ("双3090能跑llama 3.3 70b吗", ["2x GeForce RTX 3090"], ["Llama 3.3 70B"]),
        ("3090でllama 3.1 8bは動きますか", ["GeForce RTX 3090"], ["Llama 3.1 8B"]),
        ("4090에서 llama 3.1 8b 돌릴 수 있나요", ["GeForce RTX 4090"], ["Llama 3.1 8B"]),
    ],
)
def test_foreign_words_are_no_names(reading: Reading, text: str, device: list[str], model: list[str]) -> None:
    situation = reading(text)
    assert (devices(situation), models(situation), situation.unknown) == (device, model, ())


def test_an_unknown_name_stays_unknown(reading: Reading) -> None:
    assert reading("läuft blubberix 7B auf meiner 3090?").unknown == ("blubberix 7B",)


@pytest.mark.parametrize(
    ("code", "text", "figures"),
    [
        ("de", "0,35 Euro pro kWh", [(0.35, "eur")]),
        ("de", "1.024 GB", [(1024.0, "bytes")]),
        ("de", "3.5 GB von 1.234,5 GB", [(3.5, "bytes"), (1234.5, "bytes")]),
        ("de", "0.350 GB", [(0.35, "bytes")]),
        ("de", "ein 131.072er Kontext", [(131072.0, "")]),
        ("ru", "контекст 32к", [(32000.0, "")]),
        ("pl", "zasilacz 650 W wystarczy", [(650.0, "w")]),
        ("pl", "6000 zł", [(6000.0, "pln")]),
        ("zh", "预算1.5万元", [(15000.0, "cny")]),
        ("zh", "一万元", [(10000.0, "cny")]),
        ("ko", "1,024 GB", [(1024.0, "bytes")]),
    ],
)
def test_numbers_are_read_by_language(names: Names, code: str, text: str, figures: list[tuple[float, str]]) -> None:
    english = in_english(in_one_form(text), code, names).text
    assert [(figure.value, figure.dimension) for figure in read_figures(english)] == figures


@pytest.mark.parametrize(
    ("code", "text", "english"),
    [
        ("de", "Welche Speicherbandbreite hat die Grafikkarte?", "which memory bandwidth has the graphics card?"),
        ("de", "wofuer brauche ich das Netzteil?", "what for need I the power supply?"),
        ("fr", "L’alimentation de l'ordinateur", "the power supply of the computer"),
        ("tr", "3090'da `num_gpu` kullan", "on 3090 `num_gpu` use"),
        ("sv", "min dator låser sig", "my computer freezes"),
        ("nl", "crasht met out of memory", "crash with out of memory"),
    ],
)
def test_words(names: Names, code: str, text: str, english: str) -> None:
    assert in_english(in_one_form(text), code, names).text == english


def test_a_short_message_is_in_the_language_of_the_one_before(reading: Reading) -> None:
    assert reading("läuft llama 3.1 8b auf einer 3060?", "und 4090").language == "de"
    assert reading("does llama 3.1 8b run on a 3060?", "und 4090").language == ENGLISH


def test_a_line_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="English = word"):
        GlossFile(name="German", words="graphics card")


@pytest.mark.parametrize(
    ("text", "english"), [("merci beaucoup", "thanks"), ("danke!", "thanks!"), ("mini pc ok?", "mini pc ok?")]
)
def test_few_words(reading: Reading, text: str, english: str) -> None:
    assert reading(text).text == english


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("هل يعمل llama 3.3 70b على 4090؟", ("Llama 3.3 70B", "GeForce RTX 4090")),
        ("ξέρεις αν το llama 3.3 70b χωράει;", ("Llama 3.3 70B",)),
        ("la tarjeta zumba cantidubi chirría mogollón con flameo", ()),
    ],
)
def test_nothing_is_made_of_a_message_that_is_not_understood(
    reading: Reading, text: str, offered: tuple[str, ...]
) -> None:
    situation = reading(text)
    told = half_read(situation)
    assert situation.understood < UNDERSTOOD
    assert told.abstains
    assert all(any(name in offer for offer in told.offers) for name in offered)
    assert bool(told.offers) == bool(offered)
