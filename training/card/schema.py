"""The card's keys: what a training must tell of a version before a page can be made of it."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

__all__ = ["BlockCard", "Card", "FigureCard", "HorizonCard", "LeftOut"]


class FigureCard(TypedDict):
    """A value with its 90 % interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


class BlockCard(TypedDict):
    """One block of as_of days, ISO dates; `churned_accounts` are distinct accounts with the event."""

    first_as_of: str
    last_as_of: str
    as_of_days: int
    rows: int
    accounts: int
    churned_accounts: int
    base_rate: float


class HorizonCard(TypedDict):
    """One horizon.

    Keys
    ----
    days : of the horizon.
    validation : "in time" or "folds by account".
    note : why it was not validated in time, and what history that would need; empty where it was.
    gap_days : between two blocks: horizon, grace and recording lag.
    blocks : by name: train, calibration, holdout, refit_train, refit_calibration; those that there are.
    evaluation : `Evaluation.to_json()`, with slices by segment, tenure, term and risk where they were cut.
    sums : by name (events, voluntary, involuntary, renewal, mrr) and cut (all, segment, decile), `training.sums.Sum`.
    """

    days: int
    validation: str
    note: str
    gap_days: int
    blocks: dict[str, BlockCard]
    evaluation: dict[str, Any]
    sums: NotRequired[dict[str, Any]]


class LeftOut(TypedDict):
    """A feature that the model does not see, and what it measures."""

    name: str
    measures: str


class Card(TypedDict):
    """What is known of a version when it is registered. JSON: no NaN, dates as ISO text.

    Keys
    ----
    outcome : churn or expansion.
    event : "end" or "notice", which day churn is dated by.
    grace_days : a return within so many days is no churn.
    growth : the share by which MRR must grow to count as expansion.
    recording_lag_days : how late facts are recorded.
    known_on : the day on which the labels were known.
    observed : first day, and the day after the last one, of the observed period.
    rows, accounts : in all, of the outcome's cohort.
    grid : how as_of days lie, "monthly" or "weekly".
    inputs : number of features that the model sees.
    left_out : the features that CSMs control.
    given_up : by horizon in days as text, log loss with those features minus without; absent where it was not measured.
    recipe : what was fitted, flat.
    horizons : ascending.
    not_fitted : by horizon in days as text, why it is not there.
    notes : sentences; what there was too little data for, and anything else a reader should know.
    calibrations : by horizon as text, the method chosen for the registered model, and what it was chosen from.
    decision : `dataclasses.asdict(Decision)`.
    data_fingerprint, catalogue_hash : of the history's content and of the feature declarations.
    version : its number, where it is known.
    """

    outcome: str
    event: str
    grace_days: int
    growth: float
    recording_lag_days: int
    known_on: str
    observed: tuple[str, str] | list[str]
    rows: int
    accounts: int
    grid: str
    inputs: int
    left_out: list[LeftOut]
    given_up: NotRequired[dict[str, FigureCard]]
    recipe: dict[str, Any]
    horizons: list[HorizonCard]
    not_fitted: NotRequired[dict[str, str]]
    notes: list[str]
    calibrations: NotRequired[dict[str, Any]]
    decision: dict[str, Any]
    data_fingerprint: str
    catalogue_hash: str
    version: NotRequired[str]
