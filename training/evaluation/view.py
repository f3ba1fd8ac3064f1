"""View: one model's probabilities on the holdout in, its figures on many resamples of the accounts out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from training.evaluation.losses import bin_of, log_losses
from training.evaluation.ranking import Ranking
from training.evaluation.recalibration import Recalibration, calibration_shifts

__all__ = ["Rows", "View", "with_calibration_error"]


@dataclass(frozen=True)
class Rows:
    """What all models are judged on.

    Parameters
    ----------
    labels : (n,) of 0.0 and 1.0.
    owner : (n,) number of each row's account, 0 to accounts - 1.
    accounts : how many accounts there are.
    day : (n,) number of each row's as_of day.
    mrr : (n,) monthly recurring revenue, or None where it is not known.
    capacity : accounts that can be looked after from one day's list.
    """

    labels: np.ndarray
    owner: np.ndarray
    accounts: int
    day: np.ndarray
    mrr: np.ndarray | None
    capacity: int

    def by_account(self, columns: np.ndarray) -> np.ndarray:
        """(accounts, k) sums of (n, k) columns."""
        return np.column_stack([np.bincount(self.owner, weights=c, minlength=self.accounts) for c in columns.T])


class View:
    """One model's rows, reduced to what resampling accounts needs."""

    def __init__(self, rows: Rows, p: np.ndarray) -> None:
        labels, ones = rows.labels, np.ones_like(p)
        mrr = rows.mrr if rows.mrr is not None else np.full_like(p, math.nan)
        loss, member = log_losses(labels, p), bin_of(p)
        self._recalibration = Recalibration(labels, p)
        plain = [ones, labels, p, loss, (labels - p) ** 2, mrr, mrr * labels, mrr * p, mrr * loss]
        bins = [np.where(member == b, p - labels, 0.0) for b in range(int(member.max()) + 1)]
        self._sums = rows.by_account(np.column_stack([*plain, self._recalibration.columns, *bins]))
        self._pooled = Ranking(labels, p, rows.owner, np.zeros_like(rows.day), {"rows": ones})
        self._daily = Ranking(labels, p, rows.owner, rows.day, {"rows": ones, "mrr": mrr})
        self._capacity = rows.capacity

    def figures(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Each figure on c resamples, (c,), for (c, accounts) counts."""
        with np.errstate(divide="ignore", invalid="ignore"):
            sums = counts @ self._sums
            n, events, expected, loss, brier, mrr, churned_mrr, expected_mrr, mrr_loss = sums[:, :9].T
            line = sums[:, 9:16]
            pooled, daily = self._pooled.hold(counts), self._daily.hold(counts)
            riskiest = [share * pooled.rows for share in (0.05, 0.1)]
            lifts = [pooled.caught(most, "rows")[0][:, 0] / most[:, 0] / (events / n) for most in riskiest]
            places = np.minimum(self._capacity, daily.rows)
            worked = daily.caught(places, "rows")[0] / places
            found = daily.caught(0.1 * daily.rows, "mrr")[0].sum(axis=1)
            return {
                "log_loss": loss / n,
                "brier": brier / n,
                "auc": pooled.auc(),
                "calibration_error": np.abs(sums[:, 16:]).sum(axis=1) / n,
                "observed_to_expected": events / expected,
                "intercept": self._recalibration.intercepts(line),
                "slope": self._recalibration.slopes(line),
                "lift_5": lifts[0],
                "lift_10": lifts[1],
                "precision_at_capacity": np.nansum(worked, axis=1) / (daily.rows > 0).sum(axis=1),
                "mrr_log_loss": mrr_loss / mrr,
                "mrr_expected": expected_mrr,
                "mrr_observed_to_expected": churned_mrr / expected_mrr,
                "mrr_found_10": found / churned_mrr,
            }


def with_calibration_error(
    samples: dict[str, np.ndarray], rows: Rows, p: np.ndarray, draws: np.ndarray
) -> dict[str, np.ndarray]:
    """The resamples of one model, with the calibration block's sampling error added where calibration is judged.

    Notes
    -----
    The calibration block is earlier than the holdout and shares no event with it, so the two errors are taken
    as independent: resample b gets the shift of draw b mod m. Ratios are multiplied, since what a draw changes
    is what was expected; intercept and slope are added to.
    """
    turn = np.arange(len(samples["intercept"])) % len(draws)
    intercept, slope = calibration_shifts(rows.labels, p, draws)
    ratio = p.sum() / draws.sum(axis=1)
    changed = {
        "intercept": samples["intercept"] + intercept[turn],
        "slope": samples["slope"] + slope[turn],
        "observed_to_expected": samples["observed_to_expected"] * ratio[turn],
    }
    if rows.mrr is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            mrr_ratio = ((p @ rows.mrr) / (draws @ rows.mrr))[turn]
            changed["mrr_expected"] = samples["mrr_expected"] / mrr_ratio
            changed["mrr_observed_to_expected"] = samples["mrr_observed_to_expected"] * mrr_ratio
    return samples | changed
