"""Relearn: what a retraining today would have to learn from that the champion had not, and from when on enough."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["NewLabels", "new_labels"]


@dataclass(frozen=True)
class NewLabels:
    """At one horizon, the labels of as_of days from the champion's training day on.

    Parameters
    ----------
    days, churned_accounts : matured now.
    needed : distinct churned accounts a calibration block needs.
    last_as_of : the latest as_of day with labels now; None when there is none.
    enough_on : the day from which there are, or at the present pace will be, enough; None where nothing tells.
    first_on : the day on which the first of these labels matures, or matured.
    """

    horizon: int
    days: int
    churned_accounts: int
    needed: int
    last_as_of: dt.date | None
    enough_on: dt.date | None
    first_on: dt.date


def new_labels(
    horizon: int,
    wait: int,
    labels: np.ndarray,
    accounts: np.ndarray,
    as_of: np.ndarray,
    days: Sequence[dt.date],
    expected_a_day: float,
    needed: int,
) -> NewLabels:
    """Count (n,) labels, NaN where not matured, over the as_of days since training.

    Parameters
    ----------
    wait : days from an as_of day until its label exists.
    days : the grid's days since training, ascending; with the first one to come if there is none yet.
    expected_a_day : new churned accounts that another as_of day adds where none has matured to tell it.
    """
    step = dt.timedelta(float(np.median(np.diff(np.array(days, dtype="datetime64[D]")).astype(int)))
                        if len(days) > 1 else 30)  # fmt: skip
    found: set[object] = set()
    matured: list[dt.date] = []
    enough: dt.date | None = None
    for day in days:
        here = as_of == np.datetime64(day)
        if not here.any() or not np.isfinite(labels[here]).any():
            continue
        matured.append(day)
        found |= set(accounts[here & (labels == 1)].tolist())
        if enough is None and len(found) >= needed:
            enough = day + dt.timedelta(wait)
    if enough is None:
        pace = len(found) / len(matured) if found else expected_a_day
        last = matured[-1] if matured else days[0] - step
        if pace > 0:
            more = int(np.ceil((needed - len(found)) / pace))
            enough = last + max(more, 1) * step + dt.timedelta(wait)
    return NewLabels(
        horizon,
        len(matured),
        len(found),
        needed,
        matured[-1] if matured else None,
        enough,
        days[0] + dt.timedelta(wait),
    )
