"""Metric: what is counted over what in; a value that says how it was made, or why there is none, out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["Definition", "Metric", "ratio"]


@dataclass(frozen=True)
class Definition:
    """How a metric is made.

    Parameters
    ----------
    name : in JSON and CSV, as in "nrr".
    title : for people, as in "Net revenue retention (NRR)".
    formula : numerator over denominator in words, as one line.
    unit : of the value: "share", "money", "accounts", "days", "per 1,000", "multiple", "points" ...
    numerator, denominator : what they count, each with its unit; denominator is empty for a sum or a count.
    """

    name: str
    title: str
    formula: str
    unit: str
    numerator: str
    denominator: str = ""


@dataclass(frozen=True)
class Metric:
    """One figure of one group in one period.

    Parameters
    ----------
    value : None where it is not defined.
    numerator, denominator : what it is made of; denominator is None for a sum or a count.
    note : why there is no value, or what to know of it, as one plain sentence; empty for neither.
    """

    definition: Definition
    value: float | None
    numerator: float | None = None
    denominator: float | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values: value, numerator, denominator, unit, formula, title and, where there is one, note."""
        told: dict[str, Any] = {
            "title": self.definition.title,
            "value": self.value,
            "unit": self.definition.unit,
            "numerator": self.numerator,
            "denominator": self.denominator,
            "formula": self.definition.formula,
        }
        return told | ({"note": self.note} if self.note else {})


def ratio(definition: Definition, numerator: float | None, denominator: float | None, why: str = "") -> Metric:
    """A numerator over a denominator; not defined where either is not known or the denominator is not above 0.

    Parameters
    ----------
    why : the sentence that says why it is not defined, where it is not.

    >>> share = Definition("s", "Share", "a over b", "share", "a", "b")
    >>> ratio(share, 7, 10).value, ratio(share, 7, 0, "There was nothing.").note
    (0.7, 'There was nothing.')
    """
    if numerator is None or denominator is None or not math.isfinite(numerator) or not denominator > 0:
        return Metric(definition, None, numerator, denominator, why or "Not defined: there is nothing to divide by.")
    return Metric(definition, numerator / denominator, numerator, denominator)
