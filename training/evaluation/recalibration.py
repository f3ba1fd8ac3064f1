"""Recalibration: labels and probabilities in; the intercept and slope that would mend them, and their spread, out."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit, logit

__all__ = ["Recalibration", "calibration_shifts"]

_CELLS = 50_000  # doubles held at once


class Recalibration:
    """What logistic regression on the log-odds says of n probabilities.

    Attributes
    ----------
    intercept : log-odds to add to all of them so that they sum to the events; NaN where there is no such number.
    slope : factor on the log-odds, fitted with an intercept of its own; NaN for a constant forecast.
    columns : (n, 7) contributions of each row, whose sums over a resample `intercepts` and `slopes` take.

    Notes
    -----
    Intercept and slope of a resample take one Newton step from the fit on all rows, which is exact to first
    order (Davison and Hinkley 1997, section 2.7).
    """

    def __init__(self, labels: np.ndarray, p: np.ndarray) -> None:
        score, ones = logit(p), np.ones_like(p)
        # Standardised, since a nearly constant forecast makes the two-parameter fit ill-conditioned.
        varies = float(np.ptp(score)) > 1e-9
        self._spread = float(score.std()) if varies else math.nan
        scaled = (score - score.mean()) / self._spread if varies else score
        shift, weight = _fit(labels, score, ones[:, None])
        line, line_weight = _fit(labels, 0 * score, np.column_stack([ones, scaled])) if varies else (None, weight)
        self.intercept = float(shift[0]) if shift is not None else math.nan
        self._line = line if line is not None else np.array([math.nan, math.nan])
        self.slope = float(self._line[1] / self._spread)
        residual = labels - expit(self._line[0] + self._line[1] * scaled)
        self.columns = np.column_stack(
            [
                labels - expit(score + self.intercept), weight,
                residual, residual * scaled, line_weight, line_weight * scaled, line_weight * scaled**2,
            ]
        )  # fmt: skip

    def intercepts(self, sums: np.ndarray) -> np.ndarray:
        """(c,) for the (c, 7) sums of `columns` over c resamples."""
        return self.intercept + sums[:, 0] / sums[:, 1]

    def slopes(self, sums: np.ndarray) -> np.ndarray:
        """(c,) for the (c, 7) sums of `columns` over c resamples."""
        determinant = sums[:, 4] * sums[:, 6] - sums[:, 5] ** 2
        return (self._line[1] + (sums[:, 4] * sums[:, 3] - sums[:, 5] * sums[:, 2]) / determinant) / self._spread


def calibration_shifts(labels: np.ndarray, p: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far intercept and slope move when the calibration block is drawn anew, each (m,).

    Parameters
    ----------
    labels, p : (n,) labels, and the probabilities as they are.
    draws : (m, n) probabilities under m draws of the calibration's own error.

    Notes
    -----
    Newton steps that start where the probabilities' own fit lies, carried over along the regression of their
    log-odds on the draw's: where a draw is a straight line of them, that is the solution already.
    """
    own = Recalibration(labels, p)
    score = logit(p)
    intercepts, slopes = np.empty(len(draws)), np.full(len(draws), math.nan)
    chunk = max(1, _CELLS // len(p))
    for start in range(0, len(draws), chunk):
        part = slice(start, start + chunk)
        scores = logit(draws[part])
        intercepts[part] = _intercepts(labels, scores, own.intercept + score.mean() - scores.mean(axis=1))
        if math.isfinite(own.slope):
            slopes[part] = _slopes(labels, scores, score, own)
    return intercepts - own.intercept, slopes - own.slope


def _intercepts(labels: np.ndarray, scores: np.ndarray, value: np.ndarray) -> np.ndarray:
    for _ in range(20):
        q = expit(scores + value[:, None])
        step = (labels.sum() - q.sum(axis=1)) / (q * (1 - q)).sum(axis=1)
        value = value + np.clip(step, -2, 2)
        if not np.abs(step).max() > 1e-6:
            break
    return value


def _slopes(labels: np.ndarray, scores: np.ndarray, score: np.ndarray, own: Recalibration) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = scores - scores.mean(axis=1, keepdims=True)
        along = centred @ (score - score.mean()) / np.einsum("ij,ij->i", centred, centred)
        # In terms of the centred log-odds, so that level and slope hardly depend on each other.
        level, slope = np.full(len(scores), own._line[0]), own.slope * along
        for _ in range(20):
            q = expit(level[:, None] + slope[:, None] * centred)
            weight, residual = q * (1 - q), labels - q
            a, b = weight.sum(axis=1), np.einsum("ij,ij->i", weight, centred)
            c = np.einsum("ij,ij,ij->i", weight, centred, centred)
            d, e = residual.sum(axis=1), np.einsum("ij,ij->i", residual, centred)
            determinant = a * c - b**2
            level, step = level + (c * d - b * e) / determinant, (a * e - b * d) / determinant
            slope = slope + step
            if not np.abs(step).max() > 1e-6:
                break
    return slope


def _fit(labels: np.ndarray, offset: np.ndarray, design: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Logistic regression by Newton steps; coefficients (None if it does not settle) and row weights p (1 - p)."""
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        p = expit(offset + design @ beta)
        weight = p * (1 - p)
        information = design.T @ (design * weight[:, None])
        try:
            step = np.linalg.solve(information, design.T @ (labels - p))
        except np.linalg.LinAlgError:
            break
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            return beta, weight
    return None, np.full(len(labels), math.nan)
