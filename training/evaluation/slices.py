"""Slices: one column of holdout rows in; observed against expected churn in each of its groups out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from training.evaluation.bands import NOT_KNOWN
from training.evaluation.figures import Figure, figure_of
from training.evaluation.view import Rows

__all__ = ["OTHER", "SMALL", "Cut", "Slice", "SliceSampler", "cut_slices", "finish"]

SMALL = 30
"""Groups with fewer accounts are pooled: one churned account more or less would be most of what they say."""
OTHER = "other"
_LEVEL = 0.05


@dataclass(frozen=True)
class Slice:
    """One group of rows.

    Parameters
    ----------
    value : what the rows have in common; "other" where `pooled` is not empty.
    rows, accounts, churned_rows, churned_accounts : counts.
    observed : share of the rows that churned.
    expected : mean probability.
    chance : how often, were the model right everywhere, at least one of all slices would lie this far off.
    off : whether that is rarer than 5 %: more than chance, though many slices were looked at.
    pooled : the values in here, each with fewer than 30 accounts.
    new : those values that neither training nor calibration had seen.
    """

    value: str
    rows: int
    accounts: int
    churned_rows: int
    churned_accounts: int
    observed: Figure
    expected: float
    chance: float = math.nan
    off: bool = False
    pooled: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cut:
    """The slices of one column: (n,) number of each row's slice, and the slices as far as counting goes."""

    member: np.ndarray
    slices: tuple[Slice, ...]


def cut_slices(rows: Rows, p: np.ndarray, group: np.ndarray, seen: Collection[str] | None) -> Cut:
    """Count the groups of one (n,) column, most accounts first, pooled values last.

    `seen` are the values of training and calibration, None where nobody kept them.
    """
    values = np.where(pd.isna(group), NOT_KNOWN, group).astype(str)
    names, place = np.unique(values, return_inverse=True)
    size = np.array([np.unique(rows.owner[place == k]).size for k in range(len(names))])
    order = sorted(range(len(names)), key=lambda k: (-size[k], names[k]))
    kept = [[k] for k in order if size[k] >= SMALL]
    small = [k for k in order if size[k] < SMALL]
    parts = [*kept, small] if small else kept
    member = np.empty(len(values), dtype=np.int64)
    slices = []
    for number, part in enumerate(parts):
        inside = np.isin(place, part)
        member[inside] = number
        labels, owner = rows.labels[inside], rows.owner[inside]
        named = tuple(sorted(str(names[k]) for k in part))
        slices.append(
            Slice(
                value=OTHER if part is small else named[0],
                rows=len(labels),
                accounts=int(np.unique(owner).size),
                churned_rows=int(labels.sum()),
                churned_accounts=int(np.unique(owner[labels == 1]).size),
                observed=Figure(float(labels.mean()), math.nan, math.nan),
                expected=float(p[inside].mean()),
                pooled=named if part is small else (),
                new=() if seen is None else tuple(name for name in named if name not in seen and name != NOT_KNOWN),
            )
        )
    return Cut(member, tuple(slices))


class SliceSampler:
    """Observed shares of one column's slices on many resamples; the keys are the slices' numbers."""

    def __init__(self, rows: Rows, cut: Cut) -> None:
        inside = cut.member[:, None] == np.arange(len(cut.slices))
        self._size = rows.by_account(inside.astype(np.float64))
        self._churned = rows.by_account(inside * rows.labels[:, None])

    def figures(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """By slice number, (c,) the observed share; NaN where no account of the slice was drawn."""
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = (counts @ self._churned) / (counts @ self._size)
        return {str(k): share for k, share in enumerate(shares.T)}


def finish(cut: Cut, samples: Mapping[str, np.ndarray], chance: np.ndarray) -> tuple[Slice, ...]:
    """The slices with their intervals and what chance has to do with them."""
    return tuple(
        dataclasses.replace(
            part,
            observed=_observed(part, samples[str(k)]),
            chance=float(chance[k]),
            off=bool(chance[k] < _LEVEL),
        )
        for k, part in enumerate(cut.slices)
    )


def _observed(part: Slice, sample: np.ndarray) -> Figure:
    # Resampling accounts that are all alike shows no spread; the exact bound for k of k accounts stands in.
    bound = 0.05 ** (1 / part.accounts)
    if part.churned_rows == 0:
        return Figure(0.0, 0.0, 1 - bound)
    if part.churned_rows == part.rows:
        return Figure(1.0, bound, 1.0)
    return figure_of(part.observed.value, sample)
