"""Devices as people name them in forms and commands, where the name leaves something open."""

import pytest

from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import Accelerator, Machine
from kb.catalogue.units import GIB
from kb.chat.reading.reader import read
from kb.tools.shared.meant import meant
from kb.tools.shared.resolve import resolve_devices


@pytest.mark.parametrize(
    ("typed", "read", "others"),
    [
        ("RTX 3060", "GeForce RTX 3060 12GB", ["GeForce RTX 3060 8GB"]),
        ("rtx 3080", "GeForce RTX 3080 10GB", ["GeForce RTX 3080 12GB"]),
        ("2x gtx 1060", "2x GeForce GTX 1060 6GB", ["GeForce GTX 1060 3GB"]),
        ("RTX 4090 + dual 4060 ti", "RTX 4090 + dual GeForce RTX 4060 Ti 16GB", ["GeForce RTX 4060 Ti 8GB"]),
        ("imac 24gb", "Apple iMac (M4, 2024) 24 GB", ["Apple iMac (M3, 2023) 24 GB"]),
    ],
)
def test_of_several_with_one_name_the_likeliest_is_taken(
    catalogue: Catalogue, typed: str, read: str, others: list[str]
) -> None:
    device, (reading,) = meant(catalogue, typed)
    assert (device, list(reading.others)) == (read, others)
    assert f"was read as {reading.name}." in reading.note


@pytest.mark.parametrize(
    "typed", ["RTX 4090", "macbook air m4 24gb", "strix halo 128gb", "2x RTX 3060 12GB", "8GB card"]
)
def test_a_name_that_leaves_nothing_open_is_read_without_a_word(catalogue: Catalogue, typed: str) -> None:
    assert meant(catalogue, typed) == (typed, ())


@pytest.mark.parametrize("typed", ["RX 7900", "RTX 5690", "macbook air m4 20gb"])
def test_what_is_nobodys_name_is_left_for_the_tools_to_refuse(catalogue: Catalogue, typed: str) -> None:
    assert meant(catalogue, typed) == (typed, ())


def test_without_a_size_the_smallest_is_taken_and_the_others_are_offered(catalogue: Catalogue) -> None:
    """Of everything that is sold with several; each name that is offered leads there."""
    tried = 0
    for kind in (Machine, Accelerator):
        for record in catalogue.known.of(kind).values():
            sizes = sorted(record.memory_options_gib.value) if record.memory_options_gib else []
            if len(sizes) < 2:
                continue
            tried += 1
            device, (reading,) = meant(catalogue, record.name)
            assert f"{sizes[0]:g} GB was taken" in reading.note
            for name, size in zip((device, *reading.others), sizes, strict=True):
                match = catalogue.names.resolve(DEVICE_KINDS, name)
                assert (match.slug, match.memory_gib) == (record.slug, size)
            assert meant(catalogue, record.name, sizes[-1]) == (f"{record.name} {sizes[-1]:g} GB", ())
    assert tried > 50


def test_of_a_slug_the_memory_is_taken_that_the_calculators_take(catalogue: Catalogue) -> None:
    """As the links of the chat's answers have it."""
    for slug in ("macbook-air-m4", "m2-ultra-76"):
        device, (reading,) = meant(catalogue, slug)
        largest = resolve_devices(catalogue, slug).memory_bytes
        assert resolve_devices(catalogue, device).memory_bytes == largest
        assert f"{largest / GIB:g} GB was taken" in reading.note


def test_the_chat_takes_the_same(catalogue: Catalogue) -> None:
    names = catalogue.names
    shared = {
        alias
        for kind in (Machine, Accelerator)
        for one in catalogue.known.of(kind).values()
        for alias in one.ambiguous_aliases
    }
    assert len(shared) > 50
    for alias in shared:
        (taken,) = read([f"what runs on a {alias}?"], names).devices
        assert names.likeliest(names.find(DEVICE_KINDS, alias))[0].slug == taken.match.slug, alias
