"""Evaluation: labels and several models' probabilities in, figures with account-bootstrap intervals out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from training.resampling import account_counts, perfect_labels

__all__ = ["Difference", "Evaluation", "Figure", "bin_of", "calibration_error", "evaluate", "log_losses"]

BINS = 10
_PERFECT_DRAWS = 500


@dataclass(frozen=True)
class Figure:
    """A value with its 90 % account-bootstrap interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Log loss of the model minus a comparator's on the same rows; `upper` is the one-sided 99.5 % bound."""

    value: float
    low: float
    high: float
    upper: float


@dataclass(frozen=True)
class Evaluation:
    """Figures of several models on the same n rows.

    Parameters
    ----------
    rows, accounts, churned_accounts, churned_rows : counts; events are distinct churned accounts.
    base_rate : share of churned rows.
    figures : by model, then by name: log_loss, brier, auc, calibration_error, observed_to_expected,
        intercept (log-odds added to make it right on average), slope (1 is right), lift_10 (base rate = 1).
    perfect : by model, the calibration error of a perfectly calibrated model with these probabilities and
        rows: value is the mean, low and high the 5th and 95th percentile.
    differences : by comparator, the paired difference in log loss.
    resamples : account-bootstrap draws behind the intervals.
    """

    rows: int
    accounts: int
    churned_accounts: int
    churned_rows: int
    base_rate: float
    figures: dict[str, dict[str, Figure]]
    perfect: dict[str, Figure]
    differences: dict[str, Difference]
    resamples: int

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and floats, None where a figure is not defined."""
        plain: dict[str, Any] = _plain(dataclasses.asdict(self))
        return plain


def evaluate(
    labels: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    accounts: np.ndarray,
    as_of: np.ndarray,
    horizon: int,
    *,
    model: str = "model",
    resamples: int = 2000,
    seed: int = 20240229,
) -> Evaluation:
    """Judge probabilities on labelled rows.

    Parameters
    ----------
    labels : (n,) of 0 and 1, both present.
    predictions : by model name, (n,) probabilities strictly inside (0, 1).
    accounts, as_of : (n,) the account and day of each row; accounts are what is resampled.
    horizon : days, for how far an account's rows share their label.
    model : the name that the others are compared with.

    Notes
    -----
    Intercept and slope of a resample take one Newton step from the fit on all rows, which is exact to first
    order (Davison and Hinkley 1997, section 2.7); everything else is recomputed on each resample.

    Raises
    ------
    ValueError : the labels hold one class only, or a probability is not inside (0, 1).
    """
    labels = np.asarray(labels, dtype=np.float64)
    names, owner = np.unique(np.asarray(accounts), return_inverse=True)
    if not 0 < labels.sum() < len(labels):
        raise ValueError("The rows to evaluate must hold accounts that churned and accounts that stayed.")
    for name, p in predictions.items():
        if not np.all((p > 0) & (p < 1)):
            raise ValueError(f"The probabilities of {name} must lie strictly between 0 and 1.")
    views = {name: _View(labels, np.asarray(p, dtype=np.float64), owner, len(names)) for name, p in predictions.items()}
    values = {name: view.figures(np.ones((1, len(names)))) for name, view in views.items()}
    drawn: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in views}
    for counts in account_counts(len(names), resamples, len(labels), seed):
        for name, view in views.items():
            drawn[name].append(view.figures(counts))
    samples = {
        name: {key: np.concatenate([chunk[key] for chunk in chunks]) for key in chunks[0]}
        for name, chunks in drawn.items()
    }
    differences = {}
    for name in views:
        if model in views and name != model:
            spread = samples[model]["log_loss"] - samples[name]["log_loss"]
            value = float(values[model]["log_loss"][0] - values[name]["log_loss"][0])
            low, high, upper = (float(q) for q in np.quantile(spread, [0.05, 0.95, 0.995]))
            differences[name] = Difference(value, low, high, upper)
    return Evaluation(
        rows=len(labels),
        accounts=len(names),
        churned_accounts=int(np.unique(owner[labels == 1]).size),
        churned_rows=int(labels.sum()),
        base_rate=float(labels.mean()),
        figures={
            name: {key: _figure(float(values[name][key][0]), samples[name][key]) for key in values[name]}
            for name in views
        },
        perfect={name: _perfect(np.asarray(p), accounts, as_of, horizon, seed) for name, p in predictions.items()},
        differences=differences,
        resamples=resamples,
    )


def log_losses(labels: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Log loss of each row, (n,), in nats.

    >>> float(log_losses(np.array([1.0]), np.array([0.5]))[0].round(6))
    0.693147
    """
    return -(labels * np.log(p) + (1 - labels) * np.log1p(-p))


def bin_of(p: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Which of at most `bins` equal-mass bins each probability falls into; equal values share a bin.

    >>> bin_of(np.array([0.1, 0.1, 0.2, 0.9]), 2)
    array([0, 0, 1, 1])
    """
    ordered = np.sort(p)
    borders = np.unique(ordered[(np.arange(1, bins) * len(p)) // bins])
    position = np.searchsorted(borders, p, side="right")
    return np.unique(position, return_inverse=True)[1]


def calibration_error(labels: np.ndarray, p: np.ndarray, bins: int = BINS) -> float:
    """Mean over equal-mass bins, weighted by rows, of |mean probability - share of churned rows|."""
    member = bin_of(p, bins)
    return float(np.abs(np.bincount(member, weights=p - labels)).sum() / len(p))


class _View:
    """One model's rows, reduced to what resampling accounts needs."""

    def __init__(self, labels: np.ndarray, p: np.ndarray, owner: np.ndarray, accounts: int) -> None:
        score = logit(p)
        ones = np.ones_like(p)
        # Standardised, since a nearly constant forecast makes the two-parameter fit ill-conditioned.
        spread = float(score.std())
        self._has_slope = float(np.ptp(score)) > 1e-9
        scaled = (score - score.mean()) / spread if self._has_slope else score
        self._spread = spread
        shift, intercept_info = _fit(labels, score, ones[:, None])
        self._intercept = float(shift[0]) if shift is not None else math.nan
        line, line_info = _fit(labels, None, np.column_stack([ones, scaled])) if self._has_slope else (None, ones)
        self._line = line if line is not None else np.array([math.nan, math.nan])
        residual = labels - expit(score + self._intercept)
        fitted = expit(self._line[0] + self._line[1] * scaled)
        member = bin_of(p)
        columns = [
            ones, labels, p, log_losses(labels, p), (labels - p) ** 2, residual, intercept_info,
            labels - fitted, (labels - fitted) * scaled, line_info, line_info * scaled, line_info * scaled**2,
        ]  # fmt: skip
        columns += [np.where(member == b, p - labels, 0.0) for b in range(int(member.max()) + 1)]
        self._sums = np.column_stack([np.bincount(owner, weights=c, minlength=accounts) for c in columns])
        order = np.argsort(-p, kind="stable")
        self._owner, self._labels = owner[order], labels[order]
        falls = np.flatnonzero(np.diff(p[order]) != 0) + 1
        self._ties = np.concatenate([[0], falls]) if len(falls) + 1 < len(p) else None

    def figures(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Each figure on c resamples, (c,), for (c, accounts) counts."""
        with np.errstate(divide="ignore", invalid="ignore"):
            sums = counts @ self._sums
            n, events, expected = sums[:, 0], sums[:, 1], sums[:, 2]
            determinant = sums[:, 9] * sums[:, 11] - sums[:, 10] ** 2
            step = (sums[:, 9] * sums[:, 8] - sums[:, 10] * sums[:, 7]) / determinant
            auc, lift = self._ranked(counts)
            return {
                "log_loss": sums[:, 3] / n,
                "brier": sums[:, 4] / n,
                "auc": auc,
                "calibration_error": np.abs(sums[:, 12:]).sum(axis=1) / n,
                "observed_to_expected": events / expected,
                "intercept": self._intercept + sums[:, 5] / sums[:, 6],
                "slope": (self._line[1] + step) / self._spread if self._has_slope else np.full(len(counts), math.nan),
                "lift_10": lift,
            }

    def _ranked(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weight = counts[:, self._owner]
        churned = weight * self._labels
        if self._ties is not None:
            weight = np.add.reduceat(weight, self._ties, axis=1)
            churned = np.add.reduceat(churned, self._ties, axis=1)
        below = np.cumsum(churned, axis=1)
        reached = np.cumsum(weight, axis=1)
        events, rows = below[:, -1], reached[:, -1]
        stayed = weight - churned
        auc = np.einsum("ij,ij->i", stayed, below - 0.5 * churned) / (events * (rows - events))
        # The tenth of the rows with the highest probability; of a tie at its border, the share that fits.
        tenth = 0.1 * rows
        last = (reached < tenth[:, None]).sum(axis=1)
        row = np.arange(len(counts))
        part = (tenth - (reached[row, last] - weight[row, last])) / weight[row, last]
        caught = below[row, last] - churned[row, last] + part * churned[row, last]
        return auc, (caught / tenth) / (events / rows)


def _fit(labels: np.ndarray, offset: np.ndarray | None, design: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Logistic regression by Newton steps; coefficients (None if it does not settle) and row weights p (1 - p)."""
    beta = np.zeros(design.shape[1])
    if offset is None:
        offset = np.zeros(len(labels))
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


def _perfect(p: np.ndarray, accounts: np.ndarray, as_of: np.ndarray, horizon: int, seed: int) -> Figure:
    member = bin_of(p)
    errors = [
        float(np.abs(np.bincount(member, weights=p - labels)).sum() / len(p))
        for labels in perfect_labels(p, accounts, as_of, horizon, _PERFECT_DRAWS, seed)
    ]
    low, high = (float(q) for q in np.quantile(errors, [0.05, 0.95]))
    return Figure(float(np.mean(errors)), low, high)


def _figure(value: float, sample: np.ndarray) -> Figure:
    defined = sample[np.isfinite(sample)]
    if not math.isfinite(value) or not defined.size:
        return Figure(value if math.isfinite(value) else math.nan, math.nan, math.nan)
    low, high = (float(q) for q in np.quantile(defined, [0.05, 0.95]))
    return Figure(value, low, high)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
