"""Ranks: what remains of each CSM's figure and how sure it is in; the same drawn towards each other, out.

What small books show is mostly chance, so that whoever stands first and last in a plain list are those with the
smallest books. Each figure is therefore drawn towards that of all CSMs, the further the less sure it is, and all the
further the less the figures differ beyond chance. How much CSMs truly differ is not known either: every spread counts
by how likely it makes the figures, with a flat prior on it (Gelman 2006), so that intervals hold that doubt too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, softmax
from scipy.stats import chi2, gamma, norm

from success.worth.chance import COVERAGE
from success.worth.parts import Floats

__all__ = ["FEWEST", "Shrunken", "shrunken_losses", "shrunken_money"]

FEWEST = 3
"""CSMs below whom nothing can be learned of how CSMs differ."""
_TAIL = (1 - COVERAGE) / 2
_SEEN = float(chi2.ppf(0.90, 1))
"""Twice the log likelihood that a difference must add: without one, chance adds it in one of twenty companies."""
_ROOTS = np.linspace(0.01, 1, 200)
"""Square roots of spreads, over that of the largest: finer where they are small."""
_WIDEST = 2.0
"""The largest spread of losses over expected losses: a few CSMs lose next to nothing, others several times as much."""


class Shrunken(NamedTuple):
    """Estimates of n CSMs.

    Attributes
    ----------
    estimate, low, high : (n,), the larger the better, with a 90 % interval; 0 is what CSMs do on average.
    spread : standard deviation by which CSMs truly differ, as far as one can tell.
    seen : whether they differ beyond chance at all.
    """

    estimate: Floats
    low: Floats
    high: Floats
    spread: float
    seen: bool

    def ranks(self) -> list[int | None]:
        """1 for the best, equal ones alike; None for everybody where no difference can be seen."""
        if not self.seen:
            return [None] * len(self.estimate)
        return [1 + int(np.sum(self.estimate > one)) for one in self.estimate]


def shrunken_money(rate: Floats, variance: Floats) -> Shrunken:
    """Remainders as a share of the starting MRR, drawn towards 0, what they are together.

    rate ~ normal(truth, variance), truth ~ normal(0, tau^2): given tau the truth is tau^2 / (tau^2 + variance) x rate.

    Parameters
    ----------
    rate : (n,) remainder over starting MRR.
    variance : (n,) of it by chance.
    """
    if len(rate) < FEWEST or not np.any(rate != 0):
        return _nothing(len(rate))
    variance = np.maximum(variance, 1e-9 * float(np.mean(rate**2)))
    tau = 3 * float(np.sqrt(np.mean(rate**2))) * _ROOTS[:, None] ** 2

    def likely(spread: Floats) -> Floats:
        whole = variance + spread**2
        return np.asarray(-0.5 * (np.log(whole) + rate**2 / whole).sum(axis=-1))

    fit = likely(tau)
    weight = softmax(fit + np.log(_ROOTS))
    kept = tau**2 / (tau**2 + variance)
    mean, within = kept * rate, kept * variance
    estimate = weight @ mean
    sd = np.sqrt(weight @ (within + (mean - estimate) ** 2))
    reach = norm.ppf(1 - _TAIL) * sd
    seen = 2 * (float(fit.max()) - float(likely(np.zeros(1)))) > _SEEN
    return Shrunken(estimate, estimate - reach, estimate + reach, float(weight @ tau[:, 0]), seen)


def shrunken_losses(churns: Floats, expected: Floats) -> Shrunken:
    """The share of the expected churns that did not come, counted in accounts.

    churns ~ Poisson(theta x expected), after `expected` has been brought to the level of all books together, and
    theta ~ gamma(a, a), of spread 1 / sqrt(a): given a, theta is (a + churns) / (a + expected).

    Parameters
    ----------
    churns, expected : (n,) accounts, in parts where one changed hands.

    Returns
    -------
    Shrunken with estimates 1 - theta.
    """
    n = len(churns)
    if n < FEWEST or not churns.sum() > 0 or not expected.sum() > 0:
        return _nothing(n)
    level = np.maximum(expected * churns.sum() / expected.sum(), 1e-9)
    spread = _WIDEST * _ROOTS[:, None] ** 2
    a = spread**-2
    fit = gammaln(a + churns) - gammaln(a) + a * np.log(a / (a + level)) + churns * np.log(level / (a + level))
    alone = float(np.sum(churns * np.log(level) - level))
    total = fit.sum(axis=1)
    weight = softmax(total + np.log(_ROOTS))
    mean, within = (a + churns) / (a + level), (a + churns) / (a + level) ** 2
    theta = weight @ mean
    variance = weight @ (within + (mean - theta) ** 2)
    about = gamma(theta**2 / variance, scale=variance / theta)
    seen = 2 * (float(total.max()) - alone) > _SEEN
    return Shrunken(1 - theta, 1 - about.ppf(1 - _TAIL), 1 - about.ppf(_TAIL), float(weight @ spread[:, 0]), seen)


def _nothing(n: int) -> Shrunken:
    return Shrunken(np.zeros(n), np.zeros(n), np.zeros(n), 0.0, False)
