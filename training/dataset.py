"""The training data: a history and settings in, model inputs with the labels of every outcome and horizon out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE
from features.errors import TenureError
from features.feature import Catalogue
from features.settings import Settings
from training.blocks import matured

if TYPE_CHECKING:
    from features.history import History

__all__ = ["OUTCOMES", "Dataset", "Labelled", "Target", "load_dataset"]

OUTCOMES = ("churn", "expansion")


@dataclass(frozen=True)
class Target:
    """One outcome's labels for n rows at H horizons.

    Parameters
    ----------
    horizons : days, ascending.
    labels : (n, H) 1.0, 0.0, NaN where nobody can know; where known, never decreasing in the horizon.
    gaps : (H,) days from an as_of day until its label can exist.
    involuntary : (n, H) the involuntary part of a churn label; None for other outcomes.
    """

    horizons: tuple[int, ...]
    labels: np.ndarray
    gaps: tuple[int, ...]
    involuntary: np.ndarray | None = None

    def place(self, horizon: int) -> int:
        """The column of a horizon.

        Raises
        ------
        ValueError : there are no labels at this horizon.
        """
        if horizon not in self.horizons:
            raise ValueError(f"There are no labels at {horizon} days; there are at {list(self.horizons)}.")
        return self.horizons.index(horizon)


@dataclass(frozen=True)
class Labelled:
    """The n rows of a dataset whose label at one horizon is known, ascending by as_of and account.

    Parameters
    ----------
    rows : (n, k) model inputs; numbers are float64, categories are text.
    labels : (n,) 1.0 it happened within the horizon, 0.0 it did not.
    as_of : (n,) datetime64[D].
    accounts : (n,) account ids.
    place : (n,) the rows' places in the dataset.
    as_ofs : the as_of days that have matured at this horizon.
    horizon, gap_days : in days.
    first_day, known_on : first day of usage, and the day on which the labels were known.
    """

    rows: pd.DataFrame
    labels: np.ndarray
    as_of: np.ndarray
    accounts: np.ndarray
    place: np.ndarray
    as_ofs: tuple[dt.date, ...]
    horizon: int
    gap_days: int
    first_day: dt.date
    known_on: dt.date
    outcome: str = "churn"

    def on(self, days: Sequence[dt.date]) -> Labelled:
        """The rows of these as_of days."""
        mask = np.isin(self.as_of, np.array(days, dtype="datetime64[D]"))
        return replace(self.only(mask), as_ofs=tuple(days))

    def only(self, chosen: np.ndarray) -> Labelled:
        """The rows for which a (n,) mask holds, or those at some places in their order."""
        places = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        return replace(
            self,
            rows=self.rows.iloc[places].reset_index(drop=True),
            labels=self.labels[places],
            as_of=self.as_of[places],
            accounts=self.accounts[places],
            place=self.place[places],
        )

    def joined(self, other: Labelled) -> Labelled:
        """The rows of both, which share none, in the dataset's order."""
        place = np.concatenate([self.place, other.place])
        order = np.argsort(place, kind="stable")
        return replace(
            self,
            as_ofs=tuple(sorted({*self.as_ofs, *other.as_ofs})),
            rows=pd.concat([self.rows, other.rows], ignore_index=True),
            labels=np.concatenate([self.labels, other.labels]),
            as_of=np.concatenate([self.as_of, other.as_of]),
            accounts=np.concatenate([self.accounts, other.accounts]),
            place=place,
        ).only(order)

    @property
    def events(self) -> int:
        """Distinct accounts with a label of 1."""
        return int(np.unique(self.accounts[self.labels == 1]).size)


@dataclass(frozen=True)
class Dataset:
    """n rows of model inputs with what became of them, ascending by as_of and account.

    Parameters
    ----------
    rows : (n, k) model inputs; numbers are float64, categories are text.
    accounts : (n,) account ids.
    as_of : (n,) datetime64[D].
    as_ofs : the as_of days that rows were asked for; on the latest only short horizons have matured.
    targets : the labels by outcome.
    first_day, known_on : first day of usage, and the day on which the labels were known.
    fingerprint, catalogue_hash : of the history's content and of the feature declarations.
    mrr : (n,) monthly revenue on the day before as_of; NaN where unknown.
    retained_ratio : (n, H) at the horizons of churn, MRR on the horizon's last day over `mrr`; NaN where the account
        has churned by then, and where nobody can know.
    days_to_churn, days_to_notice : (n,) from as_of, NaN where none is known.
    tables : names of the tables that the history had.
    catalogue : what declares the model inputs: which way of each is the good one, and how each reads.
    books : account_id and csm_id, each pair once: who has ever looked after whom; it is no model input.
    """

    rows: pd.DataFrame
    accounts: np.ndarray
    as_of: np.ndarray
    as_ofs: tuple[dt.date, ...]
    targets: dict[str, Target]
    first_day: dt.date
    known_on: dt.date
    fingerprint: str = ""
    catalogue_hash: str = ""
    mrr: np.ndarray = field(default_factory=lambda: np.zeros(0))
    retained_ratio: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    days_to_churn: np.ndarray = field(default_factory=lambda: np.zeros(0))
    days_to_notice: np.ndarray = field(default_factory=lambda: np.zeros(0))
    tables: tuple[str, ...] = ()
    catalogue: Catalogue = CATALOGUE
    books: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"account_id": [], "csm_id": []}))

    def at(self, outcome: str, horizon: int) -> Labelled:
        """The rows whose label of an outcome is known at a horizon."""
        target = self.targets[outcome]
        column = target.place(horizon)
        gap = target.gaps[column]
        labels = target.labels[:, column]
        place = np.flatnonzero(~np.isnan(labels))
        return Labelled(
            self.rows.iloc[place].reset_index(drop=True),
            labels[place],
            self.as_of[place],
            self.accounts[place],
            place,
            tuple(matured(self.as_ofs, gap, self.known_on)),
            horizon,
            gap,
            self.first_day,
            self.known_on,
            outcome,
        )


def load_dataset(
    history: History, settings: Settings, known_on: dt.date | None = None, catalogue: Catalogue = CATALOGUE
) -> Dataset:
    """Build features once for every as_of day with a label at any horizon, and labels as they were known on a day.

    Features that CSMs control are left out: distress draws touches, and good care would raise a CSM's own bar.

    Parameters
    ----------
    known_on : the end of the observed period when none is given.
    catalogue : the features to build, for trying one more or one fewer.

    Raises
    ------
    TenureError : too many rows of a table cannot be right, no as_of day has matured, or no account was in the
        cohort on any of them.
    """
    from features.afterwards import later_mrr, notice_days
    from features.books import books_ever
    from features.build import build_features
    from features.expansion import expansion_labels_by_horizon, expansion_wait
    from features.grid import as_of_days
    from features.labels import churn_labels_by_horizon, label_wait, standing

    first_day, known_on = history.observed_period(known_on)
    history.require_sound(known_on)
    horizons = {"churn": settings.churn.horizons, "expansion": settings.expansion.horizons}
    wait = {"churn": label_wait, "expansion": expansion_wait}
    gaps = {name: tuple(wait[name](history, h, known_on) for h in horizons[name]) for name in OUTCOMES}
    shortest = min(gaps[name][0] for name in OUTCOMES)
    first = first_day + dt.timedelta(settings.training.warmup_days)
    days = as_of_days(first, known_on, settings.training.grid) if first <= known_on else []
    days = matured(days, shortest, known_on)
    if not days:
        raise TenureError(
            f"No as_of day has a label yet: the first possible one is {first}, a label takes {shortest} days "
            f"(horizon, grace and recording lag), and the history is known until {known_on}."
        )
    table = build_features(history, days, catalogue)
    stood = standing(history, table, known_on)
    customer = stood["customer"].to_numpy(dtype=bool)
    if not customer.any():
        raise TenureError(
            f"No account was an active paying customer on any as_of day from {days[0]} to {days[-1]}; check the "
            "subscriptions table."
        )
    table, stood = (frame[customer].reset_index(drop=True) for frame in (table, stood))
    churn = churn_labels_by_horizon(history, table, horizons["churn"], known_on)
    expansion = expansion_labels_by_horizon(history, table, horizons["expansion"], known_on)
    targets = {
        "churn": Target(
            horizons["churn"],
            np.column_stack([churn[h]["label"].to_numpy(dtype=np.float64) for h in horizons["churn"]]),
            gaps["churn"],
            np.column_stack([churn[h]["label_involuntary"].to_numpy(dtype=np.float64) for h in horizons["churn"]]),
        ),
        "expansion": Target(
            horizons["expansion"],
            np.column_stack([expansion[h]["label"].to_numpy(dtype=np.float64) for h in horizons["expansion"]]),
            gaps["expansion"],
        ),
    }
    mrr, later = later_mrr(history, table, horizons["churn"], known_on)
    ratios = np.where(targets["churn"].labels == 0, later / mrr[:, None], np.nan)
    inputs = [feature.name for feature in catalogue if not feature.csm_controlled]
    return Dataset(
        table[inputs],
        table["account_id"].to_numpy(dtype=object),
        table["as_of"].to_numpy().astype("datetime64[D]"),
        tuple(days),
        targets,
        first_day,
        known_on,
        history.fingerprint,
        catalogue.hash,
        mrr,
        ratios,
        (stood["churned_on"] - stood["as_of"]).dt.days.to_numpy(dtype=np.float64, na_value=np.nan),
        notice_days(history, table, known_on),
        tuple(sorted(history.tables)),
        catalogue,
        books_ever(history, known_on),
    )
