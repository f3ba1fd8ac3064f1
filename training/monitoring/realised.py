"""Realised calibration: matured labels beside the probabilities of their day; level and slope with honest bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import chi2, norm

from training.monitoring.limits import Limits

__all__ = ["Bounds", "CalibrationError", "Realised", "calibration_error", "level", "realised", "slope"]

_SHOWN = 0.05
"""One side of the 90 % intervals that are shown."""
_LEAST_FOR_SLOPE = 30
"""Churned accounts from which on a slope is estimated at all; below it the normal approximation misleads."""


@dataclass(frozen=True)
class Bounds:
    """An estimate with its 90 % interval (low, high) and the wider one the verdict needs (least, most)."""

    value: float
    low: float
    high: float
    least: float
    most: float


@dataclass(frozen=True)
class CalibrationError:
    """What the calibration block's own sampling leaves uncertain: one error for all looks at one champion.

    Parameters
    ----------
    level : standard error of the log of expected churn.
    slope : standard error of the slope.
    """

    level: float
    slope: float


@dataclass(frozen=True)
class Realised:
    """One horizon and one window of as_of days.

    Parameters
    ----------
    window : "since training" or "latest".
    first, last : as_of days, as text.
    days, rows, accounts, churned_accounts : counts.
    observed, expected : churned rows.
    ratio : observed over expected.
    slope : of the outcome's log-odds on the model's; None where too few accounts churned.
    log_loss, auc : on these rows; auc is None where nobody or everybody churned.
    off : "retrain" when beyond the tolerance for certain, "watch" when off for certain and beyond the tolerance as far
        as one can see, else "".
    slope_off : likewise for the slope.
    """

    horizon: int
    window: str
    first: str
    last: str
    days: int
    rows: int
    accounts: int
    churned_accounts: int
    observed: float
    expected: float
    ratio: Bounds
    slope: Bounds | None
    log_loss: float
    auc: float | None
    off: str
    slope_off: str


def realised(
    horizon: int,
    window: str,
    labels: np.ndarray,
    probabilities: np.ndarray,
    accounts: np.ndarray,
    as_of: np.ndarray,
    error: CalibrationError,
    limits: Limits,
    horizons: int = 1,
) -> Realised:
    """Judge (n,) matured labels against the probabilities of their day, n > 0.

    Parameters
    ----------
    horizons : how many are judged, since each may raise a false alarm.
    """
    from sklearn.metrics import roc_auc_score

    days = np.unique(as_of)
    ratio = level(labels, probabilities, accounts, error.level, limits.alpha)
    churned = int(np.unique(accounts[labels == 1]).size)
    steep = None
    if churned >= _LEAST_FOR_SLOPE and labels.min() < labels.max() and _differ(probabilities):
        steep = slope(labels, probabilities, accounts, error.slope, limits.slope_alpha / horizons)
    high, low = 1 + limits.tolerance, 1 / (1 + limits.tolerance)
    off = ""
    if ratio.least > high or ratio.most < low:
        off = "retrain"
    elif (ratio.value > high and ratio.least > 1) or (ratio.value < low and ratio.most < 1):
        off = "watch"
    slope_off = ""
    if steep is not None:
        flat = steep.value < limits.least_slope and steep.most < 1
        slope_off = "retrain" if steep.most < limits.least_slope else "watch" if flat else ""
    loss = -np.mean(labels * np.log(probabilities) + (1 - labels) * np.log1p(-probabilities))
    return Realised(
        horizon,
        window,
        str(days[0]),
        str(days[-1]),
        len(days),
        len(labels),
        int(np.unique(accounts).size),
        churned,
        float(labels.sum()),
        float(probabilities.sum()),
        ratio,
        steep,
        float(loss),
        float(roc_auc_score(labels, probabilities)) if labels.min() < labels.max() else None,
        off,
        slope_off,
    )


def level(labels: np.ndarray, probabilities: np.ndarray, accounts: np.ndarray, error: float, alpha: float) -> Bounds:
    """Observed over expected churned rows, with bounds at one-sided `alpha` beside the 90 % interval.

    Notes
    -----
    An account that leaves does so in every row whose label window holds that day, so its rows count as one event
    of their number: observed churn is compound Poisson, and divided by the events' mean size (sum of squares over
    sum) it is close to a Poisson count, for which Garwood's exact limits hold however few there are (Garwood 1936,
    doi:10.1093/biomet/28.3-4.437). The spread of churn given its probabilities is smaller than Poisson's by
    1 - sum p^2 / sum p. The error of the calibration is one draw for all looks; on the log scale it is added to
    each limit's distance in squares (Zou and Donner 2008, doi:10.1002/sim.3095).
    """
    observed, expected = float(labels.sum()), float(probabilities.sum())
    size = _event_size(labels, accounts) * (1 - float(np.square(probabilities).sum()) / expected)
    low, high = _limits(observed, expected, size, error, _SHOWN)
    least, most = _limits(observed, expected, size, error, alpha)
    return Bounds(observed / expected, low, high, least, most)


def _event_size(labels: np.ndarray, accounts: np.ndarray) -> float:
    """Mean number of rows in which one churn shows, weighted by rows; shrunk to the most there could be."""
    owner = np.unique(accounts, return_inverse=True)[1]
    per_account = np.bincount(owner, weights=labels)
    most = float(max(per_account.max(), 1.0))
    return float((np.square(per_account).sum() + most) / (per_account.sum() + 1))


def _limits(observed: float, expected: float, size: float, error: float, alpha: float) -> tuple[float, float]:
    events = observed / size
    spread = float(norm.isf(alpha)) * error
    high = float(chi2.isf(alpha, 2 * (events + 1))) / 2 * size / expected
    if observed == 0:
        return 0.0, high * float(np.exp(spread))
    low = float(chi2.ppf(alpha, 2 * events)) / 2 * size / expected
    ratio = observed / expected
    below, above = np.log(ratio / max(low, 1e-12)), np.log(high / ratio)
    return float(ratio * np.exp(-np.hypot(below, spread))), float(ratio * np.exp(np.hypot(above, spread)))


def slope(labels: np.ndarray, probabilities: np.ndarray, accounts: np.ndarray, error: float, alpha: float) -> Bounds:
    """Slope of the outcome's log-odds on the model's, 1 where its differences between accounts are as large as real.

    Normal limits from the account-clustered sandwich variance (Liang and Zeger 1986, doi:10.1093/biomet/73.1.13)
    and the calibration's own error.
    """
    value, variance = _regression(labels, logit(probabilities), accounts)
    deviation = float(np.hypot(np.sqrt(variance), error))
    shown, wide = float(norm.isf(_SHOWN)) * deviation, float(norm.isf(alpha)) * deviation
    return Bounds(value, value - shown, value + shown, value - wide, value + wide)


def _differ(probabilities: np.ndarray) -> bool:
    return bool(np.ptp(logit(probabilities)) > 1e-6)


def _regression(labels: np.ndarray, log_odds: np.ndarray, accounts: np.ndarray) -> tuple[float, float]:
    """Slope of a logistic regression on one variable that differs, and its account-clustered variance."""
    centred = log_odds - log_odds.mean()
    inputs = np.column_stack([np.ones(len(centred)), centred])
    rate = float(labels.mean())
    found = np.array([np.log(rate / (1 - rate)), 0.0])
    ridge = np.diag([0.0, 1e-6 * len(labels)])  # holds where the margins do not differ
    for _ in range(50):
        p = expit(inputs @ found)
        curvature = inputs.T @ (inputs * (p * (1 - p))[:, None]) + ridge
        step = np.linalg.solve(curvature, inputs.T @ (labels - p) - ridge @ found)
        found = found + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    p = expit(inputs @ found)
    owner = np.unique(accounts, return_inverse=True)[1]
    scores = np.column_stack([np.bincount(owner, weights=(labels - p) * x) for x in inputs.T])
    bread = np.linalg.inv(inputs.T @ (inputs * (p * (1 - p))[:, None]) + ridge)
    return float(found[1]), float((bread @ (scores.T @ scores) @ bread)[1, 1])


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, accounts: np.ndarray) -> CalibrationError:
    """The calibration's own error, from the (n,) labels and calibrated probabilities it was fitted on.

    What is calibrated makes expected churn equal the block's own, so it carries the block's sampling error of
    observed over expected on to every later day, and that of the slope likewise.

    Raises
    ------
    ValueError : the labels are not both 0 and 1.
    """
    if labels.min() == labels.max():
        raise ValueError("A calibration block needs rows that churned and rows that did not.")
    owner = np.unique(accounts, return_inverse=True)[1]
    excess = np.bincount(owner, weights=labels - probabilities)
    churned = np.unique(owner[labels == 1]).size
    # Probabilities that do not differ tell nothing of a slope; then it is as unsure as a count of that size.
    variance = _regression(labels, logit(probabilities), accounts)[1] if _differ(probabilities) else 1 / churned
    return CalibrationError(float(np.sqrt(np.square(excess).sum()) / labels.sum()), float(np.sqrt(variance)))
