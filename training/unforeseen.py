"""Unforeseen: a fitted model and the rows that it could learn from in; how far what comes may lie from it out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.dataset import Dataset
from training.hazards import FittedHazards
from training.kernel import Kernel
from training.kernel.figures import nearest

__all__ = ["Unforeseen", "unforeseen_of"]

_DRAWS = 200
_SHOCK, _WORTH, _LEAST = 0.15, 4.0, 0.05
"""A market moves the rate of leaving by some 15 % from one quarter to the next; that counts as much as four quarters
of one's own history, and is never taken to be less than 5 %."""
_APART = 80
"""Days between as_of days that are set beside each other, so that hardly a churn is counted twice at 90 days."""


@dataclass(frozen=True)
class Unforeseen:
    """Errors of a forecast of revenue.

    Parameters
    ----------
    level_sd : standard error of all expected losses together, as a share of them, from the calibration accounts.
    shock_sd : by how much the log rate of leaving moves from one time to another for everybody.
    growth_sd : standard error of the revenue that is expected of who is retained, as a share of it.
    spread : by horizon in days, the variance of a retained account's MRR over its first, around what is expected.
    """

    level_sd: float
    shock_sd: float
    growth_sd: float
    spread: Mapping[int, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        spread = {str(horizon): value for horizon, value in self.spread.items()}
        return {"level_sd": self.level_sd, "shock_sd": self.shock_sd, "growth_sd": self.growth_sd, "spread": spread}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Unforeseen:
        """What `to_json` gave.

        Raises
        ------
        KeyError, TypeError, AttributeError : something is missing or has the wrong type.
        """
        level, shock, growth = (_number(document[name]) for name in ("level_sd", "shock_sd", "growth_sd"))
        spread = {horizon: _number(value) for horizon, value in document["spread"].items()}
        if not all(horizon.isdecimal() for horizon in spread):
            raise TypeError
        return cls(level, shock, growth, {int(horizon): value for horizon, value in spread.items()})

    def variance(self, days: np.ndarray) -> np.ndarray:
        """The variance of a retained account's MRR over its first after (d,) days, linear from 0 at day 0 on."""
        ends = sorted(self.spread)
        if not ends:
            return np.zeros(len(days))
        # It never shrinks with time: a horizon with fewer rows would say so by chance alone.
        known = np.maximum.accumulate([0.0, *(self.spread[end] for end in ends)])
        beyond = known[-1] * np.maximum(days / ends[-1], 1)
        return np.where(days > ends[-1], beyond, np.interp(days, [0, *ends], known))


def _number(value: Any) -> float:
    """A finite number; `float` would also take text, and say in its own words what it does not take."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError
    return float(value)


def unforeseen_of(
    dataset: Dataset, final: FittedHazards, without: Mapping[int, tuple[Kernel, np.ndarray]]
) -> Unforeseen:
    """Tell the errors of a model of churn.

    Parameters
    ----------
    without : for each part of the accounts a model that has not learned from them, and their ids.
    """
    kernel = final.kernel
    horizon = nearest(kernel.horizons, 90)
    latest = dataset.at("churn", horizon)
    latest = latest.only(latest.as_of == latest.as_of.max())
    drawn = final.drawn(latest, _DRAWS, seed=1).sum(axis=1)
    level = float(drawn.std() / max(drawn.mean(), 1e-12))
    growth = final.ratio_errors.get(horizon, 0.0)
    return Unforeseen(level, _shock(dataset, horizon, without), growth, _spread(dataset, kernel))


def _spread(dataset: Dataset, kernel: Kernel) -> dict[int, float]:
    """By horizon, the mean squared distance of retained ratios from what is expected."""
    found: dict[int, float] = {}
    if not dataset.retained_ratio.size or not set(kernel.horizons) <= set(kernel.ratios):
        return found
    target = dataset.targets["churn"]
    for horizon in kernel.horizons:
        ratio = dataset.retained_ratio[:, target.place(horizon)]
        known = np.flatnonzero(~np.isnan(ratio))
        if len(known):
            rows = dataset.rows.iloc[known].reset_index(drop=True)
            found[horizon] = float(np.mean((ratio[known] - kernel.retained_ratio(rows, horizon)) ** 2))
    return found


def _shock(dataset: Dataset, horizon: int, without: Mapping[int, tuple[Kernel, np.ndarray]]) -> float:
    """By how much the log rate moves between times, beyond what chance does, held near what is usual.

    The number of churns after each of some as_of days, over what was expected of accounts that the model has not
    learned from; the variance of these ratios less that of as many independent accounts.
    """
    labelled = dataset.at("churn", horizon)
    came: dict[np.datetime64, float] = {}
    expected: dict[np.datetime64, float] = {}
    chance: dict[np.datetime64, float] = {}
    days = _spaced(np.unique(labelled.as_of))
    for kernel, accounts in without.values():
        part = labelled.only(np.isin(labelled.accounts, accounts) & np.isin(labelled.as_of, days))
        if not len(part.place):
            continue
        p = kernel.probabilities(part.rows, horizon)
        for day in np.unique(part.as_of):
            here = part.as_of == day
            came[day] = came.get(day, 0.0) + float(part.labels[here].sum())
            expected[day] = expected.get(day, 0.0) + float(p[here].sum())
            chance[day] = chance.get(day, 0.0) + float((p[here] * (1 - p[here])).sum())
    total = sum(expected.values())
    count = len(expected)
    if count < 3 or total <= 0:
        return _SHOCK
    level = sum(came.values()) / total
    squares = [((came[d] / (level * expected[d]) if level else 0.0) - 1) ** 2 - chance[d] / expected[d] ** 2
               for d in expected]  # fmt: skip
    own = float(np.sum(squares)) / (count - 1)
    pooled = (_WORTH * _SHOCK**2 + (count - 1) * own) / (_WORTH + count - 1)
    return float(np.sqrt(max(pooled, _LEAST**2)))


def _spaced(days: np.ndarray) -> np.ndarray:
    """Days that lie at least `_APART` days apart, the last one among them."""
    kept: list[Any] = []
    for day in days[::-1]:
        if not kept or (kept[-1] - day) / np.timedelta64(1, "D") >= _APART:
            kept.append(day)
    return np.array(kept[::-1])
