"""Comparing: two recipes, or one on two catalogues, judged on the same rows in; by how much they differ out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from features.errors import TenureError
from training.evaluation import log_losses
from training.evaluation.figures import Difference, Figure, difference_of, figure_of
from training.evaluation.ranking import Ranking
from training.resampling import account_counts, account_means

if TYPE_CHECKING:
    from training.backtest import Backtest
    from training.gate_checks import Evidence
    from training.protocol import Judged

__all__ = ["Compared", "Comparison", "compare", "losses_apart"]

_SEED = 20240229
# Two equal forecasts may differ by rounding, which has the same sign on all rows.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Compared:
    """Two forecasts of the same rows at one horizon.

    Parameters
    ----------
    horizon : days.
    rows, accounts, events : rows, distinct accounts, and those of them to which it happened.
    log_loss : of the first and of the second, mean over the rows.
    difference : the second's log loss less the first's: below 0 the second is better.
    auc : of the first and of the second.
    auc_difference : the second's less the first's: above 0 the second is better.
    what : what the second has that the first has not, for the reading.
    """

    horizon: int
    rows: int
    accounts: int
    events: int
    log_loss: tuple[float, float]
    difference: Difference
    auc: tuple[float, float]
    auc_difference: Figure
    what: str = "The second"

    @property
    def verdict(self) -> str:
        """helps, hurts or cannot be told, from whether the interval of the difference in log loss holds 0."""
        if self.difference.high < -_ROUNDING:
            return "helps"
        return "hurts" if self.difference.low > _ROUNDING else "cannot be told"

    @property
    def reading(self) -> str:
        """The verdict as one sentence with its numbers."""
        d, when = self.difference, f"the log loss at {self.horizon} days"
        match self.verdict:
            case "helps":
                return f"{self.what} lowers {when} by {-d.value:.4f} ({-d.high:.4f} to {-d.low:.4f}): it helps."
            case "hurts":
                return f"{self.what} raises {when} by {d.value:.4f} ({d.low:.4f} to {d.high:.4f}): it hurts."
        return f"{self.what} moves {when} by {d.value:+.4f} ({d.low:+.4f} to {d.high:+.4f}): no difference can be told."


@dataclass(frozen=True)
class Comparison:
    """Two forecasts compared at each horizon, ascending; printed, it is one sentence a horizon."""

    horizons: tuple[Compared, ...]

    def __str__(self) -> str:
        return "\n".join(found.reading for found in self.horizons)

    def to_frame(self) -> pd.DataFrame:
        """One line a horizon: counts, both log losses, their difference with its interval, the AUC's, the verdict."""
        return pd.DataFrame(
            [
                {
                    "rows": found.rows,
                    "accounts": found.accounts,
                    "events": found.events,
                    "log_loss_first": found.log_loss[0],
                    "log_loss_second": found.log_loss[1],
                    "difference": found.difference.value,
                    "low": found.difference.low,
                    "high": found.difference.high,
                    "auc_difference": found.auc_difference.value,
                    "auc_low": found.auc_difference.low,
                    "auc_high": found.auc_difference.high,
                    "verdict": found.verdict,
                }
                for found in self.horizons
            ],
            index=pd.Index([found.horizon for found in self.horizons], name="horizon"),
        )


def compare(
    first: Mapping[int, Judged] | Mapping[int, Backtest],
    second: Mapping[int, Judged] | Mapping[int, Backtest],
    *,
    what: str = "The second",
    resamples: int = 2000,
    seed: int = _SEED,
) -> Comparison:
    """Set the second beside the first on the rows that both forecast.

    Intervals are 90 %, resampling accounts: they hold who happened to be in the holdout, and not that another fit on
    the same data would come out a little otherwise. A backtest has several fits, so that less of that is in it.

    Parameters
    ----------
    first, second : by horizon, what `judge` or `backtest` returned.
    what : what the second has that the first has not, as a sentence begins: "The feature".

    Raises
    ------
    TenureError : they share no horizon, or were not judged on the same rows.
    """
    shared = sorted(set(first) & set(second))
    if not shared:
        raise TenureError(
            f"These share no horizon: the first was judged at {sorted(first)} days and the second at {sorted(second)}; "
            "judge both at the same ones."
        )
    found = []
    for horizon in shared:
        one, other = _evidence(first[horizon]), _evidence(second[horizon])
        try:
            found.append(_compared(one, other, what, resamples, seed))
        except ValueError:
            raise TenureError(
                f"At {horizon} days these were not judged on the same rows: the first on {len(one.labels):,} and the "
                f"second on {len(other.labels):,}, or on other accounts, days or labels; judge both on one history, "
                "with the same settings and known_on."
            ) from None
    return Comparison(tuple(found))


def losses_apart(first: Evidence, second: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Each row's log loss under the first, (n,), and by how much the second's is above it, (n,).

    Raises
    ------
    ValueError : the two were not judged on the same rows.
    """
    pairs = zip((first.accounts, first.as_of, first.labels),
                (second.accounts, second.as_of, second.labels), strict=True)  # fmt: skip
    if not all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs):
        raise ValueError("Two forecasts are compared on the same holdout rows.")
    losses = log_losses(first.labels, first.predictions["model"])
    return losses, log_losses(second.labels, second.predictions["model"]) - losses


def _compared(one: Evidence, other: Evidence, what: str, resamples: int, seed: int) -> Compared:
    losses, apart = losses_apart(one, other)
    drawn = account_means(one.accounts, apart[:, None], np.ones((len(apart), 1)), resamples, seed)[:, 0]
    auc, auc_drawn = _auc(one, other, resamples, seed)
    value = float(losses.mean())
    return Compared(
        one.horizon,
        len(losses),
        len(np.unique(one.accounts)),
        len(np.unique(np.asarray(one.accounts)[np.asarray(one.labels) == 1])),
        (value, value + float(apart.mean())),
        difference_of(float(apart.mean()), drawn),
        auc,
        figure_of(auc[1] - auc[0], auc_drawn),
        what,
    )


def _auc(one: Evidence, other: Evidence, resamples: int, seed: int) -> tuple[tuple[float, float], np.ndarray]:
    """Both AUCs, and the second's less the first's on each resample; NaN where one kind of label is not there."""
    names, owner = np.unique(np.asarray(one.accounts), return_inverse=True)
    day = np.zeros(len(owner), dtype=np.int64)
    rankings = [Ranking(e.labels, e.predictions["model"], owner, day, {}) for e in (one, other)]
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (float(r.hold(np.ones((1, len(names)))).auc()[0]) for r in rankings)
        drawn = [
            rankings[1].hold(counts).auc() - rankings[0].hold(counts).auc()
            for counts in account_counts(len(names), resamples, len(owner), seed)
        ]
    return (first, second), np.concatenate(drawn)


def _evidence(result: Judged | Backtest) -> Evidence:
    return cast("Judged", getattr(result, "judged", result)).evidence()
