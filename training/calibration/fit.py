"""Calibration fits: margins and labels of a later block in; a smooth increasing map and its sampling error out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.special import expit

from features.errors import TenureError
from training.kernel import SmoothMap

__all__ = ["METHODS", "MIN_EVENTS", "MapFit", "Method", "coefficient_draws", "fit_map", "require_events"]

MIN_EVENTS = 20
Method = Literal["logistic", "beta", "spline"]
METHODS: tuple[Method, ...] = ("logistic", "beta", "spline")
"""From the simplest on."""

SPREAD = 1.0
"""Standard deviation of the normal prior on the log slope."""
ROUGHNESS = 0.5
"""Standard deviation of the normal prior on the change of the log slope from one side of a knot to the other."""
_KNOT_SHARES = (0.15, 0.5, 0.85)
_LOG_SLOPES = (-30.0, 30.0)


@dataclass(frozen=True, eq=False)
class MapFit:
    """A fitted map with the part each account had in it.

    Attributes
    ----------
    method : logistic, beta or spline.
    map : the fitted map.
    accounts : (A,) the distinct accounts of the block, ascending.
    influence : (A, P) by how much each account moved each coefficient, to first order; rows sum to 0.
    """

    method: Method
    map: SmoothMap
    accounts: np.ndarray
    influence: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """(P, P) account-clustered sandwich covariance of the coefficients."""
        return self.influence.T @ self.influence

    def drawn(self, multipliers: np.ndarray) -> np.ndarray:
        """Coefficients as other samples of accounts would have given them.

        Parameters
        ----------
        multipliers : (m, A) independent, of mean 0 and variance 1, one column an account of `accounts`.

        Returns
        -------
        (m, P) coefficients, each of them of an increasing map: a slope that falls below a hundredth of the
        fitted one is held there.
        """
        fitted = np.asarray(self.map.coefficients)
        draws = fitted + multipliers @ self.influence
        slopes = np.maximum(np.cumsum(draws[:, 1:], axis=1), 0.01 * np.cumsum(fitted[1:]))
        return np.column_stack([draws[:, 0], np.diff(slopes, axis=1, prepend=0.0)])


def coefficient_draws(fits: Sequence[MapFit], draws: int, seed: int) -> list[np.ndarray]:
    """For each fit (draws, P) coefficients; an account that is in several fits moves them together.

    That matters where probabilities of several intervals are multiplied up: their errors are not independent.
    """
    everyone = np.unique(np.concatenate([fit.accounts for fit in fits]))
    multipliers = np.random.default_rng(seed).standard_normal((draws, len(everyone)))
    return [fit.drawn(multipliers[:, np.searchsorted(everyone, fit.accounts)]) for fit in fits]


def require_events(labels: np.ndarray, accounts: np.ndarray) -> tuple[int, int]:
    """Distinct accounts (churned, stayed) of (n,) labels of 0 and 1 and (n,) account ids.

    Raises
    ------
    TenureError : either of them is below 20.
    """
    counts = []
    for kind, word in ((1, "churned"), (0, "stayed")):
        counts.append(int(np.unique(accounts[labels == kind]).size))
        if counts[-1] < MIN_EVENTS:
            raise TenureError(
                f"The calibration block holds {counts[-1]} accounts that {word} and needs at least {MIN_EVENTS}; "
                "make the block longer or the history larger."
            )
    return counts[0], counts[1]


def fit_map(
    method: Method,
    margins: np.ndarray,
    labels: np.ndarray,
    accounts: np.ndarray | None = None,
    *,
    spread: float = SPREAD,
    roughness: float = ROUGHNESS,
) -> MapFit:
    """Fit one map on (n,) margins, labels of 0 and 1, and account ids (each row its own when None).

    Parameters
    ----------
    method : "logistic" has one slope; "beta" has one on either side of a margin of 0; "spline" has four.
    spread, roughness : standard deviations of the priors on the log slope and on its change at a knot.

    Raises
    ------
    ValueError : a margin is not finite, or the labels are not both 0 and 1.

    Notes
    -----
    Every slope is exp(theta_j), which keeps the map strictly increasing whatever the block says, also where
    margins and labels have nothing to do with each other, and finite where the margins separate the labels.
    mean(theta) ~ Normal(0, spread^2): a margin is already a log-odds, so that without evidence the slope is
    1; a spread of 1 lets it lie between 0.14 and 7 with probability 0.95, which twenty events already
    outweigh. theta_j - theta_(j-1) ~ Normal(0, roughness^2): without evidence for a bend there is none.
    There is no prior on the intercept: calibrated probabilities sum to the events of the block.

    Logistic: Platt 1999. Beta: Kull et al. 2017, doi:10.1214/17-EJS1338SI, whose map a log p - b log(1 - p) + c
    is a (f - softplus(f)) + b softplus(f) + c in the margin f. Spline: softplus bends at the 15th, 50th and
    85th hundredth of the margins, those who churned and those who stayed counted alike, since a block where
    one in a hundred churns tells nothing about the shape where only stayers are.
    Influence: minus the inverse Hessian times each account's score (Huber 1967), carried over to the coefficients.
    """
    f, y = np.asarray(margins, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if not np.isfinite(f).all():
        raise ValueError("The margins to calibrate must be finite numbers.")
    if set(np.unique(y)) != {0.0, 1.0}:
        raise ValueError("The labels to calibrate on must hold both 0 and 1.")
    owner = np.arange(len(y)) if accounts is None else np.asarray(accounts)
    knots, scale = _knots(method, f, y)
    pieces = _pieces(f, knots, scale)
    centre = pieces.mean(axis=0)
    centred = pieces - centre
    precision = _precision(len(knots) + 1, spread, roughness)
    theta = np.full(len(knots) + 1, _log_slope(f - f.mean(), y, spread))
    theta = _newton(np.concatenate([[_intercept(centred @ np.exp(theta), y)], theta]), centred, y, precision)[1:]
    slopes = np.exp(theta)
    alpha = _intercept(centred @ slopes, y)

    names, position = np.unique(owner, return_inverse=True)
    jacobian, hessian = _derivatives(alpha, theta, centred, y, precision)
    residuals = expit(alpha + centred @ slopes) - y
    scores = np.column_stack([np.bincount(position, residuals * column, len(names)) for column in jacobian.T])
    moved = -(scores - scores.mean(axis=0)) @ np.linalg.pinv(hessian, hermitian=True)
    slope_moved = moved[:, 1:] * slopes
    influence = np.column_stack([moved[:, 0] - slope_moved @ centre, slope_moved[:, 0], np.diff(slope_moved, axis=1)])
    coefficients = np.concatenate([[alpha - centre @ slopes], slopes[:1], np.diff(slopes)])
    fitted = SmoothMap(knots, (scale,) * len(knots), tuple(coefficients.tolist()))
    return MapFit(method, fitted, names, influence)


def _knots(method: Method, f: np.ndarray, y: np.ndarray) -> tuple[tuple[float, ...], float]:
    if method == "beta":
        return (0.0,), 1.0
    if method == "spline":
        weights = np.where(y == 1, 0.5 / y.sum(), 0.5 / (1 - y).sum())
        order = np.argsort(f, kind="stable")
        places = np.searchsorted(np.cumsum(weights[order]), _KNOT_SHARES)
        knots = f[order][np.minimum(places, len(f) - 1)]
        scale = float(knots[-1] - knots[0]) / 4
        # Margins that hardly differ leave nothing to bend.
        if scale > 1e-9 * max(1.0, float(np.abs(f).max())):
            return tuple(knots.tolist()), scale
    return (), 1.0


def _pieces(f: np.ndarray, knots: tuple[float, ...], scale: float) -> np.ndarray:
    """(n, J + 1) columns, each rising where its slope holds, that sum to f."""
    if not knots:
        return f[:, None]
    bends = [scale * np.logaddexp(0.0, (f - t) / scale) for t in knots]
    # f - bend, written without the difference of two large numbers.
    left = knots[0] - scale * np.logaddexp(0.0, (knots[0] - f) / scale)
    return np.column_stack([left, *(a - b for a, b in pairwise(bends)), bends[-1]])


def _precision(slopes: int, spread: float, roughness: float) -> np.ndarray:
    """(1 + slopes, 1 + slopes) of the prior on (intercept, log slopes)."""
    mean = np.full(slopes, 1 / slopes)
    change = np.diff(np.eye(slopes), axis=0)
    precision = np.zeros((slopes + 1, slopes + 1))
    precision[1:, 1:] = np.outer(mean, mean) / spread**2 + change.T @ change / roughness**2
    return precision


def _log_slope(centred: np.ndarray, y: np.ndarray, spread: float) -> float:
    """Roughly the logarithm of the single best slope: the profile may have a shoulder, so all of it is looked at."""
    # Wherever the unit of the margins has put it.
    unit = float(centred.std())
    shift = -np.log(unit) if unit > 1e-12 else 0.0
    low, high = max(min(0.0, shift) - 8, _LOG_SLOPES[0]), min(max(0.0, shift) + 3, _LOG_SLOPES[1])
    grid = np.linspace(low, high, int(np.ceil(high - low)) + 1)
    losses, alpha = [], None
    for log_b in grid:
        slope_part = np.exp(log_b) * centred
        alpha = _intercept(slope_part, y, alpha)
        z = alpha + slope_part
        losses.append(float(np.sum(np.logaddexp(0, z) - y * z)) + 0.5 * (log_b / spread) ** 2)
    return float(grid[int(np.argmin(losses))])


def _derivatives(
    alpha: float, theta: np.ndarray, centred: np.ndarray, y: np.ndarray, precision: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(n, P) derivatives of the log-odds and the (P, P) Hessian of the penalised loss, by intercept and log slopes."""
    parts = centred * np.exp(theta)
    p = expit(alpha + parts.sum(axis=1))
    jacobian = np.column_stack([np.ones(len(y)), parts])
    hessian = (jacobian * (p * (1 - p))[:, None]).T @ jacobian + precision
    hessian[np.diag_indices(len(hessian))] += np.concatenate([[0.0], (p - y) @ parts])
    return jacobian, hessian


def _newton(x: np.ndarray, centred: np.ndarray, y: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """(P,) intercept and log slopes of the least penalised loss, downhill from x."""

    def loss(at: np.ndarray) -> float:
        z = at[0] + centred @ np.exp(at[1:])
        return float(np.sum(np.logaddexp(0, z) - y * z) + 0.5 * at @ precision @ at)

    value = loss(x)
    for _ in range(100):
        jacobian, hessian = _derivatives(float(x[0]), x[1:], centred, y, precision)
        p = expit(x[0] + centred @ np.exp(x[1:]))
        gradient = (p - y) @ jacobian + precision @ x
        # The loss is not convex in the log slopes; absolute curvatures always lead downhill.
        curvature, axes = np.linalg.eigh(hessian)
        curvature = np.maximum(np.abs(curvature), 1e-9 * max(float(np.abs(curvature).max()), 1e-9))
        step = -axes @ ((axes.T @ gradient) / curvature)
        step *= min(1.0, 1.0 / max(float(np.abs(step[1:]).max()), 1e-300))
        gain = -float(gradient @ step)
        if gain < 1e-13 * max(1.0, value):
            break
        fraction = 1.0
        while fraction > 1e-6 and not loss(x + fraction * step) <= value - 1e-4 * fraction * gain:
            fraction /= 2
        if fraction <= 1e-6:
            break
        x = x + fraction * step
        x[1:] = np.clip(x[1:], *_LOG_SLOPES)
        value = loss(x)
    return x


def _intercept(offset: np.ndarray, labels: np.ndarray, start: float | None = None) -> float:
    """The intercept at which probabilities with this offset sum to the events (Newton, safeguarded)."""
    rate = float(labels.mean())
    low, high = np.log(rate / (1 - rate)) - offset.max() - 1, np.log(rate / (1 - rate)) - offset.min() + 1
    value = float(np.clip(np.log(rate / (1 - rate)) - offset.mean() if start is None else start, low, high))
    for _ in range(200):
        p = expit(value + offset)
        excess = float(p.sum() - labels.sum())
        if excess > 0:
            high = value
        else:
            low = value
        curvature = float(np.sum(p * (1 - p)))
        step = value - excess / curvature if curvature > 0 else low
        step = step if low < step < high else (low + high) / 2
        if abs(step - value) < 1e-12 * max(1.0, abs(value)):
            return float(step)
        value = step
    return float(value)
