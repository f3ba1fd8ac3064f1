"""Packing: what was packed comes back, and nothing else does."""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import serving.store.packing as packing
from serving.store.packing import MOST, pack, unpack

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_what_was_packed_comes_back(text: str) -> None:
    assert unpack(pack(text)) == text
    assert pack(text) == pack(text)


@given(st.binary(max_size=60))
def test_garbage_is_refused(garbage: bytes) -> None:
    for packed in (garbage, b"\x01" + garbage):
        with pytest.raises(ValueError, match="the bytes"):
            unpack(packed)


@given(TEXT.filter(bool), st.data())
def test_what_was_damaged_is_refused_or_comes_back_whole(text: str, data: st.DataObject) -> None:
    packed = pack(text)
    place = data.draw(st.integers(0, len(packed) - 1))
    flipped = packed[:place] + bytes([packed[place] ^ 0x40]) + packed[place + 1 :]
    for damaged in (packed[:place], packed + b"x", flipped):
        with contextlib.suppress(ValueError):
            assert unpack(damaged) == text  # a bit that zlib does not look at


def test_a_cell_is_bounded() -> None:
    assert len(unpack(pack("a" * MOST))) == MOST
    with pytest.raises(ValueError, match="more than the"):
        pack("a" * (MOST + 1))
    packer = zlib.compressobj(9, zdict=packing._dictionary())
    bomb = b"\x01" + packer.compress(b"a" * (MOST + 1)) + packer.flush()
    assert len(bomb) < 10_000
    with pytest.raises(ValueError, match="too early or too late"):
        unpack(bomb)


def test_another_way_of_packing_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="not packed in a way"):
        unpack(b"\x02" + pack("text")[1:])


def test_the_dictionary_is_what_it_was() -> None:
    """What is stored cannot be read with another: a new dictionary needs a new first byte."""
    words = Path(packing.__file__).with_name("dictionary.json").read_bytes()
    assert hashlib.sha256(words).hexdigest() == "3d8689694ab2bcfa2990f79e19170fa50890c107af7c68ee9d6da7745c8f3142"
