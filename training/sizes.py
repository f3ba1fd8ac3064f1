"""Sizes: what models said of rows that they had not seen, and what came, in; what large accounts need it put right by.

A model of churn is calibrated so that accounts add up, each counting alike. Of the few large ones it has seen hardly
any leave, so that it takes them for more like all others than they are, and money expected to be lost does not add up.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training.unforeseen import finite
from training.unseen import Unseen

__all__ = ["Tilt", "tilt_of"]

_LEVEL, _SLOPE = 0.1, 0.1
"""By how much a model may be expected to be off in the log of its hazards: for everybody, and for each time that an
account is larger by e."""
_WEIGHT = 0.5
"""Power of its MRR that an account counts with: between all alike, and money alike, where a handful would decide."""
_ENDS = (0.005, 0.995)
"""Beyond these quantiles of size nothing is learned any more."""


@dataclass(frozen=True)
class Tilt:
    """What cumulative hazards are multiplied with, by MRR: exp(level + slope x (log MRR - centre)).

    Parameters
    ----------
    low, high : log MRR beyond which it stays as it is there.
    """

    level: float = 0.0
    slope: float = 0.0
    centre: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def factor(self, mrr: np.ndarray) -> np.ndarray:
        """(n,) for accounts that pay so much a month; 1 where that is not known or nothing."""
        known = mrr > 0
        size = np.clip(np.log(np.where(known, mrr, 1.0)), self.low, self.high)
        return np.where(known, np.exp(self.level + self.slope * (size - self.centre)), 1.0)

    def to_json(self) -> dict[str, float]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Tilt:
        """What `to_json` gave.

        Raises
        ------
        KeyError, TypeError : something is missing or has the wrong type.
        """
        return cls(**{name: finite(document[name]) for name in ("level", "slope", "centre", "low", "high")})


def tilt_of(unseen: Unseen) -> Tilt:
    """The likeliest tilt, held near none.

    A row has churned with probability 1 - exp(-hazard x factor), each weighted; the weights are scaled to leave as much
    to be known as they do (Kish), and level and slope are normal around 0 with `_LEVEL` and `_SLOPE`. Fisher scoring.
    """
    known = unseen.mrr > 0
    if not known.any():
        return Tilt()
    size, came = np.log(unseen.mrr[known]), unseen.label[known]
    hazard = -np.log1p(-np.clip(unseen.probability[known], 1e-12, 1 - 1e-12))
    weight = unseen.mrr[known] ** _WEIGHT
    weight = weight * (weight @ hazard) / max(float(weight**2 @ hazard), 1e-300)
    centre = float(np.average(size, weights=weight * hazard))
    basis = np.column_stack([np.ones(len(size)), size - centre])
    held = np.diag([_LEVEL**-2, _SLOPE**-2])
    at = np.zeros(2)
    for _ in range(50):
        mean = hazard * np.exp(basis @ at)
        share = mean / np.maximum(-np.expm1(-mean), 1e-300)  # near 1 where hardly anybody leaves
        rise = basis.T @ (weight * (came * share - mean)) - held @ at
        known_by = (basis * (weight * mean * share * np.exp(-mean))[:, None]).T @ basis + held
        move = np.linalg.solve(known_by, rise)
        at = at + np.clip(move, -0.5, 0.5)
        if np.abs(move).max() < 1e-9:
            break
    low, high = np.quantile(size, _ENDS)
    return Tilt(float(at[0]), float(at[1]), centre, float(low), float(high))
