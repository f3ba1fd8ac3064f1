"""Packing: JSON text in; a few bytes out, and back, bounded in size; the first byte says how it was done."""

from __future__ import annotations

import functools
import json
import zlib
from pathlib import Path
from typing import Any

__all__ = ["MOST", "pack", "unpack"]

MOST = 4_000_000
"""Bytes of text that one cell may unpack to; the drivers of an account take some 15,000."""

_DICTIONARY = b"\x01"  # zlib with the text of dictionary.json, which must never change: 15,000 bytes become 2,300
_LEVEL = 3  # 6 saves a tenth more and takes twice the time


@functools.cache
def _dictionary() -> bytes:
    words = json.loads(Path(__file__).with_name("dictionary.json").read_text(encoding="utf-8"))
    return "".join(words).encode("utf-8")


@functools.cache
def _packer() -> Any:
    return zlib.compressobj(_LEVEL, zdict=_dictionary())  # a copy of it is made faster than it is


def pack(text: str) -> bytes:
    """Text as it is stored.

    Raises
    ------
    ValueError : it is longer than `unpack` would give back, or holds half of a surrogate pair.

    >>> len(pack('[{"feature": "active_days_28d", "sentence": "The product was in use on 3 of the last 28"}]')) < 60
    True
    """
    raw = text.encode("utf-8")
    if len(raw) > MOST:
        raise ValueError(f"the text has {len(raw):,} bytes, more than the {MOST:,} that a cell may hold")
    packer = _packer().copy()
    return _DICTIONARY + packer.compress(raw) + packer.flush()


def unpack(packed: bytes) -> str:
    """The text that was packed.

    Raises
    ------
    ValueError : these bytes are not what `pack` makes.
    """
    if packed[:1] != _DICTIONARY:
        raise ValueError("the bytes are not packed in a way that this version knows")
    unpacker = zlib.decompressobj(zdict=_dictionary())
    try:
        raw = unpacker.decompress(packed[1:], MOST)
    except zlib.error as error:
        raise ValueError(f"the bytes cannot be unpacked ({error})") from None
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("the bytes end too early or too late")
    return raw.decode("utf-8")
