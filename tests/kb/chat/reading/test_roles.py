"""What figures are for, as a build learns it."""

from pathlib import Path

import pytest

from eval.roles import left_out, scores
from kb.catalogue.names import Names
from kb.chat.reading.one_form import in_one_form
from kb.chat.reading.reader import read
from kb.chat.reading.role_lessons import marked, of_message, unmarked
from kb.chat.reading.roles import NONE, RoleReader
from kb.chat.reading.situation import Quantities, Speed
from kb.search.tags import Tagged, learn_tags, read_tagger, write_tagger
from kb.tools.shared.given import DeviceFigures
from tests.kb.chat.reading import seen
from tests.kb.chat.reading.conftest import Reading

ROLES = {
    "context", "prompt", "users", "batch", "layers", "nvme", "ram", "vram", "unified", "used", "free", "need", "file",
    "disk", "bandwidth", "read", "limit", "psu", "draw", "budget", "price", "rent", "kwh", "fee", "hours", "measured",
    "wanted", "claimed", "prefill", "wait", "output", "requests",
}  # fmt: skip


def test_every_mark_has_a_role_and_a_figure(names: Names) -> None:
    messages = [text for voice in marked().values() for text in voice]
    assert {mark.role for text in messages for mark in unmarked(in_one_form(text))[1]} == ROLES
    assert all("[" not in unmarked(text)[0] for text in messages)
    found = [lesson.tag for text in messages for lesson in of_message(text, names)]
    marks = sum(len(unmarked(text)[1]) for text in messages)
    assert marks * 0.9 < len(found) - found.count(NONE)  # the rest stands within names of devices


def test_a_voice_that_nothing_was_learned_of_is_understood(names: Names) -> None:
    assert scores(left_out("firm", names))["all"].f1 > 0.75


def test_without_an_index_no_figure_is_anything(names: Names) -> None:
    nothing = RoleReader(learn_tags([]))
    text = "two 3090, 64 GB RAM, 32k context, budget 2000 dollars, I get 6 tok/s"
    for reader in (None, nothing):
        situation = read([text], names, roles=reader)
        assert {key: getattr(situation, key) for key in vars(Quantities())} == vars(Quantities())
        assert seen.devices(situation) == ["2x GeForce RTX 3090"]


def test_it_is_kept_as_it_was(tmp_path: Path) -> None:
    lessons = [Tagged(frozenset({f"{tag} beside", "any"}), tag, "bytes") for tag in ("ram", "vram", "file")]
    learned = learn_tags(lessons)
    write_tagger(tmp_path / "roles.npz", learned)
    kept = read_tagger(tmp_path / "roles.npz")
    assert [kept.tag(lesson.features, "bytes")[0] for lesson in lessons] == ["ram", "vram", "file"]


@pytest.mark.parametrize(
    ("messages", "devices", "expected"),
    [
        (["8192 ctx in ollama takes 26GB total, 'kv cache' 800MB gpu + 6.6 GiB cpu. why"], [], {"context": 8192}),
        (["a 2.8T model 'runs in 3.72 GB vram' layer by layer? 905GB of disk free"], [], {"vram_gib": None}),
        (
            ["the gpu jumps to 100% and then only the cpu works", "ps says 41 GB 42%/58% cpu/gpu. card is a 24gb one"],
            ["a 24 GB graphics card"],
            {"system_memory_gb": None},
        ),
        (["llama3 on ollama: the gpu sits at 0% while only the cpu works. normal?"], [], {}),
        (["llama 3 8b on my 3090 in ollama", "it runs on the cpu, 4 t/s"], ["GeForce RTX 3090"], {"tokens_per_s": 4}),
        (["no gpu, 32 GB ddr4"], ["a computer without a graphics card and 32 GB of RAM"], {"system_memory_gb": 32}),
        (["a laptop with 16 GB, what runs on it"], ["a laptop with 16 GB of RAM"], {"system_memory_gb": 16}),
        (["8 GB MacBook, what can it do"], ["a Mac with 8 GB"], {}),
        (["two cards with 12 GB, 30b?"], ["2x a 12 GB graphics card"], {}),
        (["my 4060 card has 8gb vram"], ["GeForce RTX 4060"], {"vram_gib": 8}),
        (
            ["RX 9090 with 32GB and 1300 GB/s: qwen3 32b q6"],
            ["a device with 32 GB, 1,300 GB/s"],
            {"system_bandwidth_gb_per_s": None},
        ),
        (["RX 9090 in a box with 64 GB of RAM"], ["a box with 64 GB of RAM"], {"system_memory_gb": 64}),
        (["m1 8gb macbook air, qwen3 14b?"], ["Apple MacBook Air (M1, 2020) 8 GB"], {}),
        (["snapdragon x elite 32GB, phi-4"], ["Qualcomm Snapdragon X Elite"], {"system_memory_gb": 32}),
        (["my redmi phone with 12 GB ram: 4b?"], ["a phone with 12 GB"], {"vram_gib": None}),
        (["keep 3 GB free for the desktop, 4090"], ["GeForce RTX 4090"], {"memory_in_use_gb": 3}),
        (["eval time = 4820 ms / 100 runs (48.2 ms per token)"], [], {"tokens_per_s": pytest.approx(1000 / 48.2)}),
        (["0.5 seconds for each token"], [], {"tokens_per_s": 2}),
        (["a text of 50000 characters for an 8b on a 3060 12gb"], ["GeForce RTX 3060 12GB"], {"users": None}),
        (["32 gb ram and a 64 gb swap file"], [], {"system_memory_gb": 32}),
        (["two boxes on a 10G switch"], [], {"vram_gib": None, "system_memory_gb": None, "size_gb": None}),
        (["now ~30 seconds per token"], [], {"tokens_per_s": pytest.approx(1 / 30), "speed_is": "measured"}),
    ],
)  # fmt: skip
def test_readings(reading: Reading, messages: list[str], devices: list[str], expected: dict[str, object]) -> None:
    situation = reading(*messages)
    assert seen.devices(situation) == devices
    assert {key: getattr(situation, key) for key in expected} == expected


def test_ram_is_no_claim_about_the_card_before_it(reading: Reading) -> None:
    assert [one.value for one in reading("my laptop has an RTX 4060 with 8 GB and 32 GB of system memory").claims] == [
        8
    ]


def test_the_rate_of_a_described_card_is_its_own(reading: Reading) -> None:
    (card,) = reading("card with 20 GB and 640 GB/s, a 14b at q4?").devices
    assert isinstance(card.figures, DeviceFigures)
    assert (card.figures.memory_gib, card.figures.memory_bandwidth_gb_per_s) == (20, 640)


def test_every_speed_is_kept_with_its_device(reading: Reading) -> None:
    situation = reading("llama 3 8b makes 81 t/s on the 3090 alone and 31 t/s over both. I want 100 t/s")
    assert situation.speeds == (Speed(81, "measured", "3090"), Speed(31, "measured"), Speed(100, "wanted"))
    assert [speed.tokens_per_s for speed in reading("exl2 with a draft: 12->18 t/s").speeds] == [12, 18]
