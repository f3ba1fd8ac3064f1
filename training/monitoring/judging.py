"""Judging: rows, matured labels and a champion in; realised calibration, drift and a verdict out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from features.errors import TenureError
from features.grid import as_of_days
from training.monitoring.drift import FeatureDrift, LeavingDrift, ScoreDrift, feature_drift, leaving_drift, score_drift
from training.monitoring.limits import Limits
from training.monitoring.outlook import Outlook, outlook
from training.monitoring.realised import CalibrationError, Realised, realised
from training.monitoring.reference import REFERENCE_FILE, leaving
from training.monitoring.relearn import NewLabels, new_labels
from training.monitoring.verdict import (
    Reason,
    Verdict,
    age_reasons,
    drift_reasons,
    realised_reasons,
    verdict_of,
    waiting_note,
)

__all__ = ["FEW", "MonitorReport", "Watched", "judge"]

FEW = 50
"""Churned accounts of a calibration block when nothing says how many there were: the default's least."""


class Kernel(Protocol):
    """What is read of the scoring kernel."""

    @property
    def horizons(self) -> tuple[int, ...]: ...
    @property
    def feature_names(self) -> tuple[str, ...]: ...
    def probabilities(self, rows: pd.DataFrame, horizon: int) -> np.ndarray: ...


@dataclass(frozen=True)
class Watched:
    """A champion as it is watched.

    Parameters
    ----------
    known_on : the day of its training; only as_of days from then on are truly later.
    reference : what `make_reference` wrote, or None for a version that has none.
    calibration_churned : churned accounts of its calibration block; what the calibration's error is guessed from
        where the reference does not tell it.
    """

    version: str
    known_on: dt.date
    kernel: Kernel
    reference: Mapping[str, Any] | None
    calibration_churned: int


@dataclass(frozen=True)
class MonitorReport:
    """What monitoring found on a day.

    Parameters
    ----------
    verdict : keep, watch or retrain.
    reasons : every sentence behind it, the gravest first, then notes.
    day : nothing known on or after it was used.
    version, known_on : of the champion.
    realised : by horizon and window, where labels have matured.
    outlook : by horizon, what today's probabilities promise.
    scores, features, leaving : what moved; empty or None without a reference.
    labels : by horizon, what a retraining would have to learn from.
    """

    verdict: Verdict
    reasons: list[Reason]
    day: dt.date
    version: str
    known_on: dt.date
    latest_as_of: dt.date | None = None
    realised: list[Realised] = dataclasses.field(default_factory=list)
    outlook: list[Outlook] = dataclasses.field(default_factory=list)
    scores: list[ScoreDrift] = dataclasses.field(default_factory=list)
    features: list[FeatureDrift] = dataclasses.field(default_factory=list)
    leaving: LeavingDrift | None = None
    labels: list[NewLabels] = dataclasses.field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists, text and floats; a figure that is not defined is None."""
        plain: dict[str, Any] = _plain(dataclasses.asdict(self))
        return plain


def judge(
    table: pd.DataFrame,
    labels: Mapping[int, np.ndarray],
    waits: Mapping[int, int],
    day: dt.date,
    watched: Watched,
    limits: Limits,
    *,
    grid: Literal["monthly", "weekly"] = "monthly",
    needed: int = FEW,
    tables: frozenset[str] | None = None,
) -> MonitorReport:
    """The same, from rows and labels that are already there.

    Parameters
    ----------
    table : account_id, as_of and the model's inputs, on every grid day from shortly before training to `day`.
    labels : by horizon, (n,) of these rows, NaN where not matured on `day`.
    waits : by horizon, days from an as_of day until its label exists.
    needed : churned accounts that a calibration block needs.
    tables : that the history has; None when it is not known.
    """
    accounts = table["account_id"].to_numpy(dtype=object)
    as_of = table["as_of"].to_numpy().astype("datetime64[D]")
    if not len(table):
        raise TenureError(f"No account is an active paying customer on the as_of days until {day}.")
    rows = table.reindex(columns=list(watched.kernel.feature_names))
    later = as_of >= np.datetime64(watched.known_on)
    days = list(as_of_days(watched.known_on, day, grid)) or _next_day(day, grid)
    found: list[Realised] = []
    new: dict[int, NewLabels] = {}
    today = as_of == as_of.max()
    now = rows[today].reset_index(drop=True)
    reference = watched.reference
    rates: dict[int, float] = {}
    outlooks, scores = [], []
    for h in watched.kernel.horizons:
        probabilities = np.full(len(rows), np.nan)
        wanted = (later & np.isfinite(labels[h])) | today
        probabilities[wanted] = watched.kernel.probabilities(rows[wanted], h)
        found += _windows(h, labels[h], probabilities, accounts, as_of, later, watched, limits)
        expected = float(probabilities[today].sum())
        rates[h] = float(probabilities[today].mean())
        new[h] = new_labels(h, waits[h], np.where(later, labels[h], np.nan), accounts, as_of, days, expected, needed)
        then = reference["horizons"].get(str(h), {}) if reference else {}
        outlooks.append(outlook(h, probabilities[today], then.get("holdout", {})))
        drifted = score_drift(h, probabilities[today], reference, limits) if reference else None
        scores += [drifted] if drifted else []
    reasons = realised_reasons(found, limits)
    features: list[FeatureDrift] = []
    left: LeavingDrift | None = None
    if reference is None:
        text = (
            f"Version {watched.version} keeps no {REFERENCE_FILE}, so what has moved since training cannot be told; "
            "the next training writes one."
        )
        reasons.append(Reason("note", "no reference", text))
    else:
        features = feature_drift(now, reference, watched.kernel, rates, limits)
        since = [s for s in leaving(accounts, as_of) if s["until"] > str(watched.known_on)]
        left = leaving_drift(since, reference["leaving"], limits)
        gone = sorted(set(reference["tables"]) - tables) if tables is not None else []
        reasons += drift_reasons(features, scores, left, gone, limits)
    note = waiting_note(day, new)
    reasons += [note] if note else []
    reasons += age_reasons(watched.known_on, day, new, verdict_of(reasons), limits)
    order = {"retrain": 0, "watch": 1, "note": 2}
    reasons.sort(key=lambda reason: order[reason.level])
    return MonitorReport(
        verdict_of(reasons),
        reasons,
        day,
        watched.version,
        watched.known_on,
        as_of.max().astype(object),
        found,
        outlooks,
        scores,
        features,
        left,
        list(new.values()),
    )


def _windows(
    horizon: int,
    labels: np.ndarray,
    probabilities: np.ndarray,
    accounts: np.ndarray,
    as_of: np.ndarray,
    later: np.ndarray,
    watched: Watched,
    limits: Limits,
) -> list[Realised]:
    """All matured days since training, and the recent ones alone where there are more."""
    known = later & np.isfinite(labels)
    if not known.any():
        return []
    error = _calibration_error(watched, horizon)
    days = np.unique(as_of[known])
    windows = {"since training": days[0]}
    recent = days[days > days[-1] - np.timedelta64(limits.recent_days, "D")]
    if len(recent) < len(days):
        windows["latest"] = recent[0]
    found = []
    for name, first in windows.items():
        at = known & (as_of >= first)
        found.append(
            realised(
                horizon,
                name,
                labels[at],
                probabilities[at],
                accounts[at],
                as_of[at],
                error,
                limits,
                len(watched.kernel.horizons),
            )
        )
    return found


def _calibration_error(watched: Watched, horizon: int) -> CalibrationError:
    then = watched.reference["horizons"].get(str(horizon), {}) if watched.reference else {}
    if told := then.get("calibration"):
        return CalibrationError(float(told["level"]), float(told["slope"]))
    # A Poisson count of n has a relative error of 1 / sqrt(n), and a slope hardly less.
    guess = 1 / math.sqrt(max(watched.calibration_churned, 1))
    return CalibrationError(guess, guess)


def _next_day(day: dt.date, grid: Literal["monthly", "weekly"]) -> list[dt.date]:
    return as_of_days(day, day + dt.timedelta(31), grid)[:1]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value
