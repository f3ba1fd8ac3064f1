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
from training.unseen import Unseen

__all__ = ["NEAR", "Unforeseen", "finite", "unforeseen_of"]

_DRAWS = 200
_SHOCK, _GROWTH = 0.15, 0.015
"""A market, a season or a price list moves the rate of leaving by some 15 % from one quarter to the next, and what who
is retained pays after it by some 1.5 %."""
_WORTH = 4.0
"""Quarters of one's own history, free of chance, that say as much as that."""
_LEAST = 1 / 3
"""Of what is usual; no history is long enough to say that less than that can happen."""
NEAR = 90
"""Days at which shocks are measured, or the horizon nearest to it."""


@dataclass(frozen=True)
class Unforeseen:
    """Errors of a forecast of revenue.

    Parameters
    ----------
    level_sd : standard error of all expected losses together, as a share of them, from the calibration accounts.
    shock_sd : by how much the log rate of leaving moves from one time to another for everybody.
    growth_sd : error of what is expected of who is retained 90 days on, as a share of it: of calibration, and by how
        much it moves from one time to another for everybody. It grows with the root of time.
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
        level, shock, growth = (finite(document[name]) for name in ("level_sd", "shock_sd", "growth_sd"))
        spread = {horizon: finite(value) for horizon, value in document["spread"].items()}
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


def finite(value: Any) -> float:
    """A finite number; `float` would also take text, and say in its own words what it does not take.

    Raises
    ------
    TypeError : it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError
    return float(value)


def unforeseen_of(dataset: Dataset, final: FittedHazards, unseen: Unseen) -> Unforeseen:
    """Tell the errors of a model of churn.

    Parameters
    ----------
    unseen : what models said of rows that they had not learned from, at the horizon nearest to 90 days.
    """
    kernel = final.kernel
    horizon = nearest(kernel.horizons, NEAR)
    latest = dataset.at("churn", horizon)
    latest = latest.only(latest.as_of == latest.as_of.max())
    drawn = final.drawn(latest, _DRAWS, seed=1).sum(axis=1)
    level = float(drawn.std() / max(drawn.mean(), 1e-12))
    p = unseen.probability
    leaving = _shock(unseen.day, unseen.label, p, p * (1 - p), _SHOCK)
    kept = np.flatnonzero(~np.isnan(unseen.ratio) & (unseen.mrr > 0))
    came, expected = (unseen.mrr[kept] * part[kept] for part in (unseen.ratio, unseen.expected))
    growing = _shock(unseen.day[kept], came, expected, (came - expected) ** 2, _GROWTH)
    growth = float(np.hypot(final.ratio_errors.get(horizon, 0.0), growing))
    return Unforeseen(level, leaving, growth, _spread(dataset, kernel))


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


def _shock(day: np.ndarray, came: np.ndarray, expected: np.ndarray, chance: np.ndarray, usual: float) -> float:
    """By how much what comes moves between days beside what was expected, beyond what chance does.

    The variance of came over expected, less that of as many independent accounts; what is usual counts as `_WORTH`
    quarters that chance does not blur, and a company's own quarters the less the fewer accounts they are of.

    Parameters
    ----------
    day, came, expected, chance : (n,) of rows: what came, what was expected and the variance of it by chance.
    """
    which = np.unique(day, return_inverse=True)[1]
    sums = [np.bincount(which, values) for values in (came, expected, chance)]
    total, due, blur = (part[sums[1] > 0] for part in sums)
    free = len(due) - 1
    if free < 2 or not total.sum() > 0:
        return usual
    level = total.sum() / due.sum()
    by_chance = float(np.mean(blur / due**2))
    own = float(np.sum((total / (level * due) - 1) ** 2)) / free - by_chance
    prior, weight = _WORTH / usual**4, free / (usual**2 + by_chance) ** 2
    pooled = (prior * usual**2 + weight * own) / (prior + weight)
    return float(np.sqrt(max(pooled, (_LEAST * usual) ** 2)))
