"""Choosing: a book and a value of one of its columns in; which accounts have it, or what there is instead, out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from features.practice import HealthSettings

__all__ = ["NAMED_BY", "banded", "has", "what_there_is"]

NAMED_BY = {
    "csm_id": "has the CSM",
    "segment": "is in the segment",
    "stage": "is in the stage",
    "band": "is in the band",
}
"""The columns that accounts are chosen by, and how one says that an account has a value in them."""

_MOST = 12  # names in one sentence


def banded(book: pd.DataFrame, health: HealthSettings) -> pd.DataFrame:
    """The book with the bands that today's settings give to its health, whichever held when it was scored."""
    from success.book import numbers
    from success.health import band_of

    if "health" not in book.columns:
        return book
    told = [band_of(points, health.bands, health.edges) for points in numbers(book, "health").tolist()]
    return book.assign(band=np.array(told, dtype=object))


def has(book: pd.DataFrame, name: str, value: str) -> np.ndarray:
    """(n,) whether an account has a value in a column, in any case of letters unless it is an id."""
    from success.book import texts

    if name == "csm_id":
        return np.array([said == value for said in texts(book, name)], dtype=bool)
    wanted = value.casefold()
    return np.array([said is not None and said.casefold() == wanted for said in texts(book, name)], dtype=bool)


def what_there_is(book: pd.DataFrame, name: str, value: str, bands: Sequence[str] = ()) -> str:
    """A sentence on a value that no account has: what there is instead.

    Parameters
    ----------
    bands : of health, the worst first, in which order they are named.
    """
    from success.book import texts
    from success.phrases import listed_out

    there = {said for said in texts(book, name) if said is not None}
    known = (
        [*(band for band in bands if band in there), *sorted(there - set(bands))] if name == "band" else sorted(there)
    )
    if not known:
        return f"No account {NAMED_BY[name]} {value}; no account has one."
    named = known if len(known) <= _MOST else [*known[: _MOST - 1], f"{len(known) - _MOST + 1:,} others"]
    return f"No account {NAMED_BY[name]} {value}; there {'is' if len(known) == 1 else 'are'} {listed_out(named)}."
