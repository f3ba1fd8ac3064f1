"""Belied: what is told of a feature on two days, and points of health, in; whether the words say the contrary, out."""

from __future__ import annotations

import re

from features.catalogue import CATALOGUE

__all__ = ["belied", "count_said"]

_COUNT = re.compile(r"(?i)\bno\b|\d[\d,]*(?:\.\d+)?")
_COUNTED = ("count", "percent", "number", "money", "days", "hours")
"""How values are shown of which the number said is larger where the value is; "fell by 20 %" is not one of them."""


def belied(feature: str, now: str, before: str, points: float) -> bool:
    """Whether a feature's own value got better where its points fell, or worse where they rose.

    So it happens where one feature of a topic outweighs another. The first number of a sentence is what it speaks of.

    >>> belied("failed_payments_90d", "3 attempts failed", "No attempts failed", 2.0)
    True
    >>> belied("failed_payments_90d", "3 attempts failed", "1 attempt failed", -2.0)
    False
    """
    if feature not in CATALOGUE or CATALOGUE[feature].show.split("|")[0] not in _COUNTED:
        return False
    good = {"high": 1, "low": -1}.get(CATALOGUE[feature].good or "", 0)
    one, other = (_COUNT.search(told) for told in (now, before))
    if one is None or other is None:
        return False
    return (count_said(one[0]) - count_said(other[0])) * good * points < 0


def count_said(text: str) -> float:
    """The number that a count says.

    >>> count_said("no"), count_said("1,200"), count_said("3.")
    (0.0, 1200.0, 3.0)
    """
    return 0.0 if text.casefold() == "no" else float(text.replace(",", "").rstrip("."))
