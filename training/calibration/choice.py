"""The choice of a calibration method: a calibration block in; the simplest map that is as good as any out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.calibration.fit import METHODS, MapFit, fit_map, require_events
from training.calibration.stepped import STEPPED, Stepped, stepped_probabilities
from training.folds import account_folds

__all__ = ["CalibrationChoice", "MethodLoss", "choose"]

_FOLDS = 5
_EVENTS_FOR_MORE = 50
_SMALLEST_GAIN = 1e-12  # in log loss; differences below it are rounding


@dataclass(frozen=True)
class MethodLoss:
    """What one method made of accounts it was not fitted on.

    Attributes
    ----------
    method : logistic, beta, spline, isotonic or venn_abers.
    log_loss : mean over the rows of the calibration block, each predicted by a fit without its account.
    worse_by : log_loss minus that of the best smooth method; below 0 where a stepped one is better still.
    standard_error : of worse_by, between accounts.
    eligible : isotonic and Venn-Abers are for comparison only.
    """

    method: str
    log_loss: float
    worse_by: float
    standard_error: float
    eligible: bool


@dataclass(frozen=True, eq=False)
class CalibrationChoice:
    """The chosen fit on the whole block, and what it was chosen from.

    Attributes
    ----------
    fit : the chosen method's MapFit on all rows.
    table : one MethodLoss a method, simplest first; empty where there was too little to choose from.
    churned, stayed : distinct accounts of each kind in the block.
    """

    fit: MapFit
    table: tuple[MethodLoss, ...]
    churned: int
    stayed: int


def choose(
    margins: np.ndarray, labels: np.ndarray, accounts: np.ndarray, seed: int, *, stepped: bool = True
) -> CalibrationChoice:
    """Compare the methods by account folds on (n,) margins, labels of 0 and 1, and account ids; fit the winner.

    The simplest smooth method whose held-out log loss is within one standard error of the best one's wins;
    the standard error is that of the difference, between accounts. Fewer than 50 distinct churned or stayed
    accounts choose nothing: they get the logistic map.

    Parameters
    ----------
    stepped : whether isotonic and Venn-Abers, which are never chosen, are compared too; they take half of the time.

    Raises
    ------
    TenureError : fewer than 20 distinct accounts churned, or fewer than 20 did not.
    ValueError : a margin is not finite.
    """
    f, y = np.asarray(margins, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    owner = np.unique(np.asarray(accounts), return_inverse=True)[1]
    churned, stayed = require_events(y, owner)
    if min(churned, stayed) < _EVENTS_FOR_MORE:
        return CalibrationChoice(fit_map("logistic", f, y, accounts), (), churned, stayed)
    losses = _held_out_losses(f, y, owner, seed, STEPPED if stepped else ())
    best = min(METHODS, key=lambda method: float(losses[method].mean()))
    table = tuple(_row(name, loss, losses[best], owner) for name, loss in losses.items())
    as_good = {row.method for row in table if row.worse_by <= row.standard_error + _SMALLEST_GAIN}
    winner = next(method for method in METHODS if method in as_good)
    return CalibrationChoice(fit_map(winner, f, y, accounts), table, churned, stayed)


def _held_out_losses(
    f: np.ndarray, y: np.ndarray, owner: np.ndarray, seed: int, steps: Sequence[Stepped]
) -> dict[str, np.ndarray]:
    """By method, (n,) log losses of rows whose accounts the fit has not seen."""
    fold = account_folds(y, owner, _FOLDS, seed)
    losses: dict[str, np.ndarray] = {name: np.zeros(len(y)) for name in (*METHODS, *steps)}
    for k in range(_FOLDS):
        seen, held = fold != k, fold == k
        for method in METHODS:
            z = fit_map(method, f[seen], y[seen]).map.log_odds(f[held])
            losses[method][held] = np.logaddexp(0, z) - y[held] * z
        for stepped in steps:
            p = stepped_probabilities(stepped, f[seen], y[seen], f[held])
            losses[stepped][held] = -np.log(np.where(y[held] == 1, p, 1 - p))
    return losses


def _row(method: str, loss: np.ndarray, best: np.ndarray, owner: np.ndarray) -> MethodLoss:
    difference = loss - best
    mean = float(difference.mean())
    by_account = np.bincount(owner, difference - mean)
    error = float(np.sqrt(np.sum(by_account**2)) / len(loss))
    return MethodLoss(method, float(loss.mean()), mean, error, method in METHODS)
