"""The training data: a history and settings in, model inputs with matured labels for every as_of day out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.errors import TenureError
from features.settings import Settings
from training.blocks import matured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.history import History

__all__ = ["Dataset", "load_dataset"]


@dataclass(frozen=True)
class Dataset:
    """n rows of model inputs with their labels, ascending by as_of and account.

    Parameters
    ----------
    rows : (n, k) model inputs; numbers are float64, categories are text.
    labels : (n,) 1.0 churned within the horizon, 0.0 did not.
    as_of : (n,) datetime64[D].
    accounts : (n,) account ids.
    as_ofs : the matured as_of days that rows were asked for.
    horizon, gap_days : in days; the gap is horizon + grace + recording lag.
    first_day, known_on : first day of usage, and the day on which the labels were known.
    fingerprint, catalogue_hash : of the history's content and of the feature declarations.
    """

    rows: pd.DataFrame
    labels: np.ndarray
    as_of: np.ndarray
    accounts: np.ndarray
    as_ofs: tuple[dt.date, ...]
    horizon: int
    gap_days: int
    first_day: dt.date
    known_on: dt.date
    fingerprint: str = ""
    catalogue_hash: str = ""

    def on(self, days: Sequence[dt.date]) -> Dataset:
        """The rows of these as_of days."""
        mask = np.isin(self.as_of, np.array(days, dtype="datetime64[D]"))
        return Dataset(
            self.rows[mask].reset_index(drop=True),
            self.labels[mask],
            self.as_of[mask],
            self.accounts[mask],
            tuple(days),
            self.horizon,
            self.gap_days,
            self.first_day,
            self.known_on,
            self.fingerprint,
            self.catalogue_hash,
        )

    @property
    def churned_accounts(self) -> int:
        """Distinct accounts with a label of 1."""
        return int(np.unique(self.accounts[self.labels == 1]).size)


def load_dataset(history: History, settings: Settings, known_on: dt.date | None = None) -> Dataset:
    """Build features once for every matured as_of day, and labels as they were known on a day.

    Features that CSMs control are left out: distress draws touches, and good care would raise a CSM's own bar.

    Raises
    ------
    TenureError : too many rows of a table cannot be right, no as_of day has matured, or no account was in the
        cohort on any of them.
    """
    from features.build import build_features
    from features.catalogue import CATALOGUE
    from features.grid import as_of_days
    from features.labels import churn_labels, label_wait

    first_day, known_on = history.observed_period(known_on)
    history.require_sound(known_on)
    horizon = settings.churn.horizon
    gap_days = label_wait(history, horizon, known_on)
    first = first_day + dt.timedelta(settings.training.warmup_days)
    days = as_of_days(first, known_on, settings.training.grid) if first <= known_on else []
    days = matured(days, gap_days, known_on)
    if not days:
        raise TenureError(
            f"No as_of day has a label yet: the first possible one is {first}, a label takes {gap_days} days "
            f"(horizon, grace and recording lag), and the history is known until {known_on}."
        )
    table = build_features(history, days)
    labels = churn_labels(history, table, horizon, known_on)["label"].to_numpy(dtype=np.float64)
    known = ~np.isnan(labels)
    if not known.any():
        raise TenureError(
            f"No account was an active paying customer on any as_of day from {days[0]} to {days[-1]}; check the "
            "subscriptions table."
        )
    inputs = [feature.name for feature in CATALOGUE if not feature.csm_controlled]
    table = table[known].reset_index(drop=True)
    return Dataset(
        table[inputs],
        labels[known],
        table["as_of"].to_numpy().astype("datetime64[D]"),
        table["account_id"].to_numpy(dtype=object),
        tuple(days),
        horizon,
        gap_days,
        first_day,
        known_on,
        history.fingerprint,
        CATALOGUE.hash,
    )
