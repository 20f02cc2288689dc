"""No sentence of a language model contradicts the verdict above it."""

import pytest

from kb.chat.explaining.polarity import Verdict, claims, denies

VERDICTS: tuple[Verdict, ...] = ("fits", "fits_with_offload", "does_not_fit")
FITS, PARTLY, NOT = VERDICTS
NOBODY: tuple[Verdict, ...] = ()

SAID: tuple[tuple[str, tuple[Verdict, ...]], ...] = (
    # Under which verdicts each may stand.
    ("The weights alone are 41.9 GB, well over what it holds.", (PARTLY, NOT)),
    ("That is more than the card has.", (PARTLY, NOT)),
    ("The sum is larger than the memory of the card.", (PARTLY, NOT)),
    ("It exceeds the memory.", (PARTLY, NOT)),
    ("It does not leave room for the cache.", (PARTLY, NOT)),
    ("The card runs out of memory.", (PARTLY, NOT)),
    ("The cache spills over.", (PARTLY, NOT)),
    ("This is too much for one card.", (PARTLY, NOT)),
    ("The model is beyond the limits of this card.", (PARTLY, NOT)),
    ("The card is short of memory.", (PARTLY, NOT)),
    ("The card is 20 GB short of it, which is a lot.", (PARTLY, NOT)),
    ("There isn't enough memory.", (PARTLY, NOT)),
    ("There isn’t enough memory.", (PARTLY, NOT)),
    ("It won't fit.", (PARTLY, NOT)),
    ("The model cannot possibly fit on the card.", (PARTLY, NOT)),
    ("Your card lacks the memory for it.", (PARTLY, NOT)),
    ("The card has too little memory.", (PARTLY, NOT)),
    ("The model is too big.", (PARTLY, NOT)),
    ("The model needs more memory.", (PARTLY, NOT)),
    ("You need another card for this.", (PARTLY, NOT)),
    ("It does not fit, if you ask me.", (PARTLY, NOT)),
    ("The model does not fit even if you close everything.", (PARTLY, NOT)),
    ("The card only has 25.8 GB.", (PARTLY, NOT)),
    ("It is not small enough for the card.", (PARTLY, NOT)),
    ("Even the smallest type is larger than the memory.", (PARTLY, NOT)),
    ("Choose a smaller model.", (PARTLY, NOT)),
    ("Instead, run a smaller model of the same family.", (PARTLY, NOT)),
    ("It would fit if the card had more memory.", (PARTLY, NOT)),
    ("Two cards would hold it.", (PARTLY, NOT)),
    ("A smaller quantization fits.", (PARTLY, NOT)),
    ("It fits.", (FITS,)),
    ("It fits, with room to spare.", (FITS,)),
    ("The card has enough memory.", (FITS,)),
    ("There is plenty of room.", (FITS,)),
    ("That leaves 3.1 GB.", (FITS,)),
    ("It stays within the memory of the card.", (FITS,)),
    ("The sum is below what the card has.", (FITS,)),
    ("The card holds all of it.", (FITS,)),
    ("The card has more than enough memory.", (FITS,)),
    ("It is not too large for the card.", (FITS,)),
    ("It does not exceed the memory.", (FITS,)),
    ("You will not run out of memory.", (FITS,)),
    ("It fits without any trouble.", (FITS,)),
    ("Nothing prevents it from fitting.", (FITS,)),
    ("There is no doubt that it fits.", (FITS,)),
    ("It is nowhere near too large.", (FITS,)),
    ("A longer context would not fit.", (FITS,)),
    ("3.1 GB are left over.", (FITS,)),
    ("The rest, 3.1 GB, is room for a longer context or for other programs.", (FITS,)),
    ("The weights are smaller than the memory.", (FITS,)),
    ("All layers go on the card.", (FITS,)),
    ("A part of it stays in system memory.", (PARTLY,)),
    ("It fits only with a part in system memory.", (PARTLY,)),
    ("Offloaded layers are read at the speed of the memory slots.", (PARTLY,)),
    ("The rest is kept in system memory, and every token waits for it.", (PARTLY,)),
    ("Some layers have to live in the computer's own memory.", (PARTLY,)),
    ("It runs.", (FITS, PARTLY)),
    ("The model works.", (FITS, PARTLY)),
    ("It cannot run at all.", (NOT,)),
    ("The model will not load.", (NOT,)),
    ("Loading it is impossible.", (NOT,)),
    ("There is nowhere else for the rest to go.", (NOT,)),
    ("Offloading does not help here.", (NOT,)),
    ("No setting closes a gap like that.", (NOT,)),
    ("It fits, but it does not fit.", NOBODY),
    ("The weights fit, but it is more than the card has.", NOBODY),
    ("Speed is a matter of bandwidth.", VERDICTS),
    ("The card holds 24 GiB.", VERDICTS),
    ("For every token all the active weights are read once.", VERDICTS),
    ("If you want more quality, try a larger quantization and check again.", VERDICTS),
    ("The cache grows with every token that you keep in the conversation.", VERDICTS),
    ("Several cards take turns: their memory adds up, their speed does not.", VERDICTS),
)  # fmt: skip


@pytest.mark.parametrize(("sentence", "agreeing"), SAID)
@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_sentence_stands_only_under_a_verdict_that_it_agrees_with(
    verdict: Verdict, sentence: str, agreeing: tuple[Verdict, ...]
) -> None:
    assert denies(sentence, verdict) == (verdict not in agreeing), claims(sentence)


def test_what_the_answer_names_as_a_way_out_may_be_said_to_fit() -> None:
    ways = ("IQ2_XS", "2× GeForce RTX 4090")
    for sentence in ("IQ2_XS fits whole [2].", "Q4_K_M fits whole on 2× GeForce RTX 4090 [3]."):
        for verdict in (PARTLY, NOT):
            assert not denies(sentence, verdict, ways)
            assert denies(sentence, verdict)
        assert denies(sentence, FITS, ways)
