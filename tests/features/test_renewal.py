"""The next renewal is rolled forward from the first by whole terms, and never drifts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pandas as pd
import pytest

from features.build import build_features
from features.cohort import account_statuses
from features.history import History

NONE = ""
CASES = [
    # started, first renewal, term in months, as_of, next renewal
    ("2024-01-15", "2024-02-15", 1, "2024-02-14", "2024-02-15"),
    ("2024-01-15", "2024-02-15", 1, "2024-02-15", "2024-02-15"),  # on as_of itself
    ("2024-01-15", "2024-02-15", 1, "2024-02-16", "2024-03-15"),
    ("2024-01-15", "2024-04-15", 3, "2024-04-16", "2024-07-15"),
    ("2024-01-15", "2024-04-15", 3, "2024-07-15", "2024-07-15"),
    ("2024-01-15", "2024-04-15", 3, "2025-01-14", "2025-01-15"),
    ("2024-01-15", "2025-01-15", 12, "2024-01-16", "2025-01-15"),
    ("2024-01-15", "2025-01-15", 12, "2025-01-16", "2026-01-15"),
    ("2024-01-15", "2025-01-15", 12, "2034-06-01", "2035-01-15"),
    ("2023-12-31", "2024-01-31", 1, "2024-02-01", "2024-02-29"),  # the 31st, in a leap year
    ("2023-12-31", "2024-01-31", 1, "2024-02-29", "2024-02-29"),
    ("2023-12-31", "2024-01-31", 1, "2024-03-01", "2024-03-31"),  # and back on the 31st
    ("2023-12-31", "2024-01-31", 1, "2024-04-30", "2024-04-30"),
    ("2023-12-31", "2024-01-31", 1, "2024-05-01", "2024-05-31"),
    ("2023-12-31", "2024-01-31", 1, "2025-02-01", "2025-02-28"),
    ("2023-02-28", "2024-02-29", 12, "2024-03-01", "2025-02-28"),  # 29 February
    ("2023-02-28", "2024-02-29", 12, "2027-03-01", "2028-02-29"),
    ("2023-08-31", "2023-11-30", 3, "2024-02-01", "2024-02-29"),
    ("2023-08-31", "2023-11-30", 3, "2024-03-01", "2024-05-30"),
    ("2024-01-15", "2024-02-15", NONE, "2024-02-01", "2024-02-15"),
    ("2024-01-15", "2024-02-15", NONE, "2024-02-16", None),  # nobody says what comes after the first
    ("2024-01-15", NONE, NONE, "2024-02-16", None),
    ("2024-01-15", NONE, 1, "2024-02-16", "2024-03-15"),
    ("2024-01-15", NONE, 12, "2024-02-16", "2025-01-15"),
    ("2024-01-31", NONE, 1, "2024-02-01", "2024-02-29"),
    ("2024-01-31", NONE, 1, "2024-03-01", "2024-03-31"),  # rolled from the start, or the 31st would be lost
    ("2024-01-15", "2024-01-15", 1, "2024-01-16", "2024-02-15"),  # a first renewal on the day of the start
]


@pytest.fixture(scope="module")
def history(open_tables: Callable[..., History]) -> History:
    """One account for each case, named by its number."""
    head = "subscription_id, account_id, plan, mrr, started_on, renews_on, term_months"
    rows = [f"s{n}, A{n}, pro, 10, {case[0]}, {case[1]}, {case[2]}" for n, case in enumerate(CASES)]
    return open_tables(
        {
            "accounts": "account_id, created_on\n" + "".join(f"A{n}, 2020-01-01\n" for n in range(len(CASES))),
            "subscriptions": "\n".join([head, *rows]),
            "usage": "account_id, day, feature, events\nA0, 2020-01-01, report, 1",
        }
    )


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{c[0]} {c[1]} {c[2]} at {c[3]}" for c in CASES])
def test_next_renewal(number: int, history: History) -> None:
    *_, as_of, following = CASES[number]
    found = account_statuses(history, dt.date.fromisoformat(as_of)).set_index("account_id")
    renews_on = found.loc[f"A{number}", "renews_on"]
    assert (None if pd.isna(renews_on) else str(pd.Timestamp(renews_on).date())) == following


def test_days_to_renewal_are_counted_from_as_of(history: History) -> None:
    day = dt.date(2024, 2, 15)
    days = build_features(history, [day]).set_index("account_id")["days_to_renewal"]
    assert days["A0"] == 0
    renews_on = pd.to_datetime(account_statuses(history, day).set_index("account_id")["renews_on"])
    for account, number in days.items():
        assert number == (renews_on[account] - pd.Timestamp(day)).days or pd.isna(renews_on[account])
