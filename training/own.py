"""Own: a kernel and rows in; what of each row's log-odds is the customer's own, apart from when the renewal falls, out.

An account that renews in 30 days is likelier to leave within 90 than one that renews in 300, whatever either does. So
that the two can be compared, each is explained as if its renewal fell on one and the same day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from training.kernel import Kernel
from training.kernel.curve import SHORT_TERM
from training.kernel.model import Encoded
from training.kernel.rows import Columns

__all__ = ["CALENDAR", "Own", "own", "reference_calendar"]

CALENDAR = ("days_to_renewal", "term_months")
"""The features that say when the next renewal falls, and nothing else."""


class Own(NamedTuple):
    """The calibrated log-odds of n rows at one horizon, taken apart.

    Attributes
    ----------
    attributions : (n, k) of each feature, with the calendar features at their reference values.
    calendar : (n,) log-odds of the row less its log-odds at the reference calendar.
    base : log-odds of the typical account. base + attributions.sum(axis=1) + calendar are the row's, to 1e-9.
    """

    attributions: np.ndarray
    calendar: np.ndarray
    base: float


def reference_calendar(kernel: Kernel, horizon: int) -> dict[str, float]:
    """The renewal that every account is given: in the middle of the horizon, at the end of a typical term.

    Where the typical account renews every month, no day stands out, and its own values serve.
    """
    typical = {name: value for name in CALENDAR if isinstance(value := kernel.typical.get(name), (int, float))}
    if typical.get("term_months", SHORT_TERM) > SHORT_TERM and "days_to_renewal" in typical:
        typical["days_to_renewal"] = horizon / 2
    return {name: float(value) for name, value in typical.items() if name in kernel.feature_names}


def own(kernel: Kernel, rows: pd.DataFrame | Columns | Encoded, horizon: int, calendar: Mapping[str, float]) -> Own:
    """Take the log-odds of n rows at a horizon apart, see `Own`.

    Parameters
    ----------
    calendar : values of calendar features, as `reference_calendar` gives them; those that lack stay the row's own.
    """
    encoded = kernel.encode(rows)
    matrix = encoded.matrix.copy()
    for name, value in calendar.items():
        if name in kernel.feature_names:
            matrix[:, kernel.feature_names.index(name)] = value
    explained = kernel.explain(Encoded(matrix), horizon)
    away = _log_odds(kernel.probabilities(encoded, horizon)) - _log_odds(explained.probability)
    return Own(explained.log_odds, away, explained.base_log_odds)


def _log_odds(p: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(p) - np.log1p(-p))
