"""What a retraining would learn from: counted where it has matured, foretold at the present pace where not."""

from __future__ import annotations

import datetime as dt

import numpy as np

from training.monitoring.relearn import NewLabels, new_labels

DAYS = [dt.date(2025, m, 1) for m in range(1, 7)]


def counted(matured: int, churned: int, needed: int, expected_a_day: float = 0.0) -> NewLabels:
    """100 accounts on each of six days; `churned` new ones leave after each day, and labels wait 60 days."""
    labels, accounts, as_of = [], [], []
    for place, day in enumerate(DAYS):
        left = np.arange(100) // max(churned, 1) == place if churned else np.zeros(100, dtype=bool)
        labels.append(left.astype(float) if place < matured else np.full(100, np.nan))
        accounts.append(np.arange(100))
        as_of.append(np.full(100, np.datetime64(day)))
    known, owners, days = (np.concatenate(part) for part in (labels, accounts, as_of))
    return new_labels(30, 60, known, owners, days, DAYS, expected_a_day, needed)


def test_enough_is_dated_by_the_day_that_made_it_enough() -> None:
    found = counted(matured=4, churned=10, needed=30)
    assert (found.days, found.churned_accounts, found.last_as_of) == (4, 40, dt.date(2025, 4, 1))
    assert found.enough_on == dt.date(2025, 3, 1) + dt.timedelta(60)
    assert found.first_on == dt.date(2025, 1, 1) + dt.timedelta(60)


def test_not_yet_enough_is_foretold_at_the_present_pace() -> None:
    found = counted(matured=2, churned=10, needed=50)  # three more months
    assert found.churned_accounts == 20
    assert found.enough_on == dt.date(2025, 2, 1) + dt.timedelta(3 * 31 + 60)


def test_before_any_label_what_is_expected_tells() -> None:
    found = counted(matured=0, churned=10, needed=25, expected_a_day=10.0)
    assert (found.days, found.churned_accounts, found.last_as_of) == (0, 0, None)
    assert found.enough_on == dt.date(2025, 1, 1) + dt.timedelta(2 * 31 + 60)
    assert counted(matured=3, churned=0, needed=25).enough_on is None
