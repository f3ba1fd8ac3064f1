"""Drift: later rows beside the reference; which inputs moved, and what each move does to the expected churn rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.stats import chi2, poisson

from training.monitoring.limits import Limits
from training.monitoring.reference import bin_numbers

__all__ = ["FeatureDrift", "LeavingDrift", "ScoreDrift", "Scorer", "as_in_training", "feature_drift", "leaving_drift",
           "psi", "score_drift"]  # fmt: skip

_ROWS = 2000
"""Rows that are scored again for each moved feature; the mean change they give is exact enough."""

_FAR = 3.0
"""Standard deviations of a year's expected rates from their mean: 1 in 80 months, by Student's t."""


class Scorer(Protocol):
    """What is read of the kernel."""

    def probabilities(self, rows: pd.DataFrame, horizon: int) -> np.ndarray: ...


@dataclass(frozen=True)
class FeatureDrift:
    """A feature that moved by more than chance allows.

    Parameters
    ----------
    psi, psi_by_chance : population stability index, and what no drift stays under with the probability asked for.
    missing_before, missing : shares of missing values.
    unseen : share of rows with a value that training never saw (categories).
    effect : by horizon, expected churn rate now over what it would be with this feature as it was, minus 1.
    material : the effect is, at some horizon.
    """

    name: str
    psi: float
    psi_by_chance: float
    missing_before: float
    missing: float
    unseen: float
    effect: dict[int, float]
    material: bool


@dataclass(frozen=True)
class ScoreDrift:
    """One horizon's expected churn rate now, and on the reference's days from lowest to highest."""

    horizon: int
    rate: float
    lowest: float
    highest: float
    psi: float
    psi_by_chance: float
    material: bool


@dataclass(frozen=True)
class LeavingDrift:
    """Customers who gave notice or left since an as_of day so many steps ago, beside what is usual."""

    steps: int
    since: str
    left: int
    usual: float
    material: bool


def psi(before: np.ndarray, now: np.ndarray, sizes: tuple[int, int], alpha: float) -> tuple[float, float]:
    """Population stability index of two (b,) sets of shares, and its 1 - alpha quantile without drift.

    Notes
    -----
    Sum of (q - p) log(q / p), half a row added to each bin. Without drift it is (1/n + 1/m) times a chi-square with
    b - 1 degrees of freedom (Yurdakul and Naranjo 2020, doi:10.21314/JRMV.2020.227) for rows that are independent;
    so n is the reference's accounts, not its rows. The same accounts in both make less of it, never more.
    """
    used = (before > 0) | (now > 0)
    bins = int(used.sum())
    p, q = before[used] + 0.5 / sizes[0], now[used] + 0.5 / sizes[1]
    p, q = p / p.sum(), q / q.sum()
    limit = float(chi2.isf(alpha, bins - 1)) * (1 / sizes[0] + 1 / sizes[1]) if bins > 1 else 0.0
    return float(np.sum((q - p) * np.log(q / p))), limit


def feature_drift(
    rows: pd.DataFrame,
    reference: Mapping[str, Any],
    scorer: Scorer,
    rates: Mapping[int, float],
    limits: Limits,
) -> list[FeatureDrift]:
    """The features that moved on (n, k) rows of one day, those with the largest effect first.

    Parameters
    ----------
    rates : by horizon, the mean probability of these rows.
    """
    known: Mapping[str, Any] = reference["features"]
    sizes = (int(reference["accounts"]), len(rows))
    sample = rows.sample(min(_ROWS, len(rows)), random_state=0)
    base = {h: scorer.probabilities(sample, h) for h in rates}
    found = []
    for name, then in known.items():
        column = rows[name] if name in rows else pd.Series(np.nan, index=rows.index)
        before, now, missing, unseen = _shares(column, then)
        if now is None:
            continue
        value, chance = psi(before, now, sizes, limits.drift_alpha / len(known))
        if value < limits.least_psi or value <= chance:
            continue
        back = sample.assign(**{name: as_in_training(column.loc[sample.index], then)})
        effect = {h: float(base[h].mean() / scorer.probabilities(back, h).mean() - 1) for h in rates}
        material = any(abs(np.log1p(e)) >= np.log1p(limits.rate_change) for e in effect.values())
        gone = float(then["missing"] if then["kind"] == "category" else then["shares"][-1])
        found.append(FeatureDrift(name, value, chance, gone, missing, unseen, effect, material))
    return sorted(found, key=lambda f: -max(abs(e) for e in f.effect.values()))


def _shares(
    column: pd.Series, then: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray | None, float, float]:  # fmt: skip
    """Shares by bin before and now, the share missing now, and that of values never seen."""
    missing = float(column.isna().mean())
    if then["kind"] == "number":
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.array(then["shares"]), bin_numbers(values, np.array(then["edges"])) / len(values), missing, 0.0
    shares: Mapping[str, float] = then["shares"]
    counts = column.astype(object).value_counts(dropna=True) / len(column)
    seen = np.array([float(counts.get(value, 0.0)) for value in shares])
    other = 1 - missing - seen.sum()
    rest = max(1 - float(then["missing"]) - sum(shares.values()), 0.0)
    before = np.array([*shares.values(), rest, float(then["missing"])])
    return before, np.array([*seen, max(other, 0.0), missing]), missing, float(other) if then["all"] else 0.0


def as_in_training(column: pd.Series, then: Mapping[str, Any]) -> pd.Series:
    """The same rows' values as they would be had the feature not moved.

    A number goes to the reference's value of the same rank, so that who was high stays high; missing ones rank last.
    Of categories only as many rows change as there are too many of a value.
    """
    rng = np.random.default_rng(0)
    n = len(column)
    if then["kind"] == "number":
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        rank = np.empty(n)
        rank[np.lexsort((rng.random(n), values))] = (np.arange(n) + 0.5) / n  # NaN sorts last
        there = 1 - float(then["shares"][-1])
        points = np.array(then["quantiles"])
        moved = np.full(n, np.nan)
        if len(points):
            inside = rank < there
            place = np.rint(rank[inside] / there * (len(points) - 1)).astype(int)
            moved[inside] = points[place]
        return pd.Series(moved, index=column.index)
    old = column.astype(object).where(column.notna(), None).to_numpy(dtype=object)
    targets: dict[object, float] = {**then["shares"], None: float(then["missing"])}
    moved_to, free = old.copy(), []
    for value in dict.fromkeys([*targets, *old.tolist()]):
        at = rng.permutation(np.flatnonzero([v == value for v in old]))
        free.extend(at[round(targets.get(value, 0.0) * n) :].tolist())
    lacking = {v: round(t * n) - int(sum(o == v for o in old)) for v, t in targets.items()}
    pool = [v for v, count in lacking.items() for _ in range(max(count, 0))]
    for place, value in zip(rng.permutation(np.array(free, dtype=int)), pool, strict=False):
        moved_to[place] = value
    return pd.Series(moved_to, index=column.index, dtype=object)


def score_drift(
    horizon: int, probabilities: np.ndarray, reference: Mapping[str, Any], limits: Limits
) -> ScoreDrift | None:
    """One day's (n,) probabilities beside the reference's; None for a horizon that it does not hold.

    The expected rate counts as moved when it lies outside those of a year of days by a material amount, and far from
    them for how much they differ among themselves: so a season moves nothing.
    """
    then = reference["horizons"].get(str(horizon))
    if then is None:
        return None
    counts = bin_numbers(probabilities, np.array(then["edges"]))[:-1]
    value, chance = psi(
        np.array(then["shares"]),
        counts / len(probabilities),
        (int(reference["accounts"]), len(probabilities)),
        limits.drift_alpha / len(reference["horizons"]),
    )
    rates = list(then["rates"].values())
    rate, lowest, highest = float(probabilities.mean()), float(min(rates)), float(max(rates))
    usual = np.log(rates)
    far = len(rates) < 3 or abs(np.log(rate) - usual.mean()) > _FAR * usual.std(ddof=1)
    outside = far and (rate > highest * (1 + limits.score_change) or rate < lowest / (1 + limits.score_change))
    return ScoreDrift(
        horizon, rate, lowest, highest, value, chance, bool(outside or value >= max(2 * limits.least_psi, chance))
    )


def leaving_drift(
    later: Sequence[Mapping[str, Any]], usual: Sequence[Mapping[str, Any]], limits: Limits
) -> LeavingDrift | None:
    """Whether more customers left the cohort of late than is usual; None where nothing is known of that.

    It is the earliest sign there is, months before a label has matured: who gives notice is no longer scored. Notices
    can be withdrawn and accounts return, as they could before. Months differ by more than chance, so counts are
    divided by the dispersion that the reference's months show.

    Parameters
    ----------
    later : steps of `leaving` since training, ascending; the latest is looked at alone, and the recent ones together.
    usual : those of the reference.
    """
    n = np.array([float(step["customers"]) for step in usual])
    x = np.array([float(step["left"]) for step in usual])
    if len(usual) < 3 or not later or not x.sum():
        return None
    share = float(x.sum() / n.sum())
    dispersion = max(1.0, float(np.sum((x - n * share) ** 2 / (n * share)) / (len(usual) - 1)))
    told: LeavingDrift | None = None
    recent = str(np.datetime64(later[-1]["until"]) - np.timedelta64(limits.recent_days + 10, "D"))
    for steps in sorted({1, sum(step["from"] >= recent for step in later)} - {0}):
        customers = sum(int(step["customers"]) for step in later[-steps:])
        left = sum(int(step["left"]) for step in later[-steps:])
        # The usual share is itself an estimate, from so many times as many customers.
        spread = dispersion * (1 + customers / n.sum())
        unlikely = float(poisson.sf(left / spread - 1e-9, customers * share / spread)) < limits.drift_alpha / 20
        material = bool(unlikely and left >= limits.leaving_ratio * customers * share)
        if told is None or (material and not told.material):
            told = LeavingDrift(steps, str(later[-steps]["from"]), left, customers * share, material)
    return told
