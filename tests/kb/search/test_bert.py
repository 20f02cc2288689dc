"""Queries are embedded without sentence-transformers, and as it does."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kb.search.embed import PACKAGED, Embedder, model_folder

TEXTS = {
    "a question": "why does memory bandwidth limit token generation?",
    "nothing": "",
    "one letter": "a",
    "blanks": " \t\n\u00a0",
    "controls": "RTX\x00 4090\x07\u200b\ufeff\ufffd",
    "capitals and accents": "ÉTÉ à Ñandú: İstanbul, straße, ﬁne",
    "other scripts": "日本語のGPU, видеокарта, بطاقة, 한국어, ภาษาไทย",
    "beside the basic plane": "𝟒𝟎𝟗𝟎 🎉👩‍💻 𠮷",
    "marks of the tokenizer": "[CLS] [MASK] what [SEP] [PAD] [UNK]",
    "figures": "1,008 GB/s × 0.75 ÷ 4.85 bit ≈ 155.9 tokens/s; -3e-5 $1.5k",
    "one long word": "x" * 3000,
    "more than is read": "how much memory does a 70B at Q4_K_M need? " * 100,
    "just what is read": "word " * 254,
    "one more": "word " * 255,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_query_has_the_vector_of_an_indexed_text(text: str, embedder: Embedder) -> None:
    assert np.abs(embedder.embed_query(text) - embedder.embed([text])[0]).max() < 1e-5


def test_so_has_whatever_is_written(embedder: Embedder) -> None:
    rng = random.Random(0)
    letters = [chr(code) for code in (*range(0x20, 0x250), *range(0x370, 0x600), *range(0x4E00, 0x4E40), 0x1F389)]
    texts = ["".join(rng.choices(letters, k=rng.randint(1, 400))) for _ in range(40)]
    queries = np.stack([embedder.embed_query(text) for text in texts])
    assert np.abs(queries - np.stack([embedder.embed([text])[0] for text in texts])).max() < 1e-5


def test_two_threads_do_not_disturb_each_other(embedder: Embedder) -> None:
    texts = [f"question {number} about memory" for number in range(64)]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(embedder.embed_query, texts))
    assert np.abs(np.stack(at_once) - embedder.embed(texts)).max() < 1e-5


def test_a_model_of_ones_own_answers_as_it_indexes(embedder: Embedder) -> None:
    own = Embedder(str(model_folder(PACKAGED)))
    assert (own.embed_query("memory") == own.embed(["memory"])[0]).all()
    assert np.abs(own.embed_query("memory") - embedder.embed_query("memory")).max() < 1e-5
