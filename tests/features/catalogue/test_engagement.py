"""Engagement on literal tables; the day is 2024-06-30, the company around them is that of conftest.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from features.catalogue.engagement import ENGAGEMENT

USAGE = {
    "usage": """
        account_id, day,        feature, events, user_id, minutes
        A,          2024-06-30, report,  1000,   u9,      1
        A,          2024-06-29, report,  5,      u1,      10
        A,          2024-06-28, export,  0,      u8,      99
        A,          2024-06-23, report,  1,      u2,      5.5
        A,          2024-06-22, export,  3,      u6,
        A,          2024-06-02, admin,   1,      u3,      4.5
        A,          2024-06-01, report,  5,      u4,      99
        A,          2024-05-20, import,  0,      u8,      1
        A,          2024-05-05, report,  1,      u5,      1
        A,          2024-05-04, search,  7,      u7,      1
        A,          2024-04-07, search,  2,      u7,      1
        A,          2024-04-06, search,  30,     u7,      1
        A,          2024-04-01, search,  20,     u7,      1
        A,          2024-03-31, search,  100,    u7,      1
        B,          2024-06-29, report,  0,      w1,      1
        B,          2024-06-01, report,  1,      w1,      3
        """
}
"""Both ends of 7, 28, 56, 84 and 90 days, and rows of 0 events; B stopped 29 days ago, C never began."""

QUARTERS_IN_FULL = {
    "usage": """
        account_id, day,        feature, events
        A,          2024-06-29, report,  3
        A,          2024-06-28, report,  1
        A,          2024-04-07, report,  2
        A,          2024-04-06, report,  3
        A,          2024-01-14, report,  1
        A,          2024-01-13, report,  50
        B,          2024-06-29, report,  7
        C,          2024-01-14, report,  2
        """
}
"""A: 6 in the last 84 days, 4 in the 84 before; B is new to it, C has stopped."""

LATE_START = {
    "subscriptions": """
        subscription_id, account_id, plan, started_on, mrr, seats
        s1,              A,          pro,  2024-01-20, 100, 10
        s2,              B,          pro,  2023-06-10, 100, 10
        s3,              C,          pro,  2023-06-01, 100, 10
        """,
    "usage": """
        account_id, day,        feature, events, user_id
        A,          2023-01-01, report,  1,      u1
        A,          2024-06-29, report,  3,      u1
        A,          2024-02-01, report,  1,      u1
        B,          2024-06-29, report,  3,      u2
        B,          2024-02-01, report,  1,      u2
        B,          2023-06-20, report,  1,      u2
        C,          2024-06-29, report,  3,      u3
        C,          2024-02-01, report,  1,      u3
        C,          2023-06-20, report,  1,      u3
        """,
}
"""A came within the earlier twelve weeks, B within the same four weeks of last year, C before both."""

NEW_FEED = {
    "usage": """
        account_id, day,        feature, events
        A,          2024-02-01, report,  1
        A,          2024-06-29, report,  3
        """
}
"""The feed of usage itself begins only within the earlier twelve weeks."""

YEAR = {
    "usage": """
        account_id, day,        feature, events
        A,          2023-01-01, report,  9
        A,          2023-06-03, report,  90
        A,          2023-06-04, report,  3
        A,          2023-07-01, report,  1
        A,          2023-07-02, report,  90
        A,          2024-06-10, report,  1
        A,          2024-06-02, report,  5
        A,          2024-06-01, report,  90
        B,          2023-07-02, report,  8
        B,          2024-06-02, report,  8
        """
}
"""A: 6 in four weeks, 4 in the same weeks of last year; B had no use in those."""


def _days(user: str, *days: int) -> str:
    """A row of use by one person of A for each of these days of June."""
    return "".join(f"A, 2024-06-{day:02}, report, 1, {user}\n" for day in days)


REGULARS = {
    "usage": "account_id, day, feature, events, user_id\n"
    + _days("often", *range(2, 14))
    + _days("eleven", *range(2, 13), 12, 12)
    + _days("before", 1, *range(2, 13))
    + _days("today", *range(20, 31))
    + _days("first", 2)
    + _days("earlier", 1)
    + "A, 2024-06-20, report, 0, idle\nA, 2024-06-20, report, 0, eleven\n"
    + "".join(f"B, 2024-05-{day:02}, report, 1, gone\n" for day in range(1, 32))
}
"""Of A's people one came on 12 of the 28 days; one on 11, thrice on the last; one on 11 and the day before
the 28."""

ONE = {"usage": "account_id, day, feature, events, user_id, minutes\nA, 2024-06-29, report, 5, u1,"}
NO_NAMES = {"usage": "account_id, day, feature, events\nA, 2024-06-29, report, 5"}
NO_SEATS = {
    "usage": USAGE["usage"],
    "subscriptions": """
        subscription_id, account_id, plan, started_on, mrr, seats
        s1,              A,          pro,  2023-01-01, 100, 0
        """,
}

CASES = [
    ("active_days_28d", USAGE, {"A": 4, "B": 0, "C": 0}),
    ("active_days_7d", USAGE, {"A": 2, "B": 0, "C": 0}),
    ("days_since_last_use", USAGE, {"A": 1, "B": 29, "C": None}),
    ("active_users_7d", USAGE, {"A": 2, "B": 0, "C": 0}),
    ("active_users_7d", NO_NAMES, {"A": None, "C": None}),
    ("active_users_28d", USAGE, {"A": 4, "B": 0, "C": 0}),
    ("active_users_28d", NO_NAMES, {"A": None}),
    ("active_users_before", USAGE, {"A": 2, "B": 1, "C": 0}),
    ("active_users_before", NO_NAMES, {"A": None}),
    ("active_users_change", USAGE, {"A": 4 / 2 - 1, "B": -1, "C": None}),
    ("weekly_of_monthly_users", USAGE, {"A": 2 / 4, "B": None, "C": None}),
    ("power_user_share_28d", REGULARS, {"A": 1 / 5, "B": None, "C": None}),
    ("events_28d", USAGE, {"A": 10, "B": 0, "C": 0}),
    ("events_before", USAGE, {"A": 6, "B": 1, "C": 0}),
    ("events_change", USAGE, {"A": 10 / 6 - 1, "B": -1, "C": None}),
    ("events_week_of_quarter", USAGE, {"A": 6 / 25, "B": 0, "C": None}),
    ("events_quarter_change", QUARTERS_IN_FULL, {"A": 6 / 4 - 1, "B": None, "C": -1}),
    ("events_quarter_change", LATE_START, {"A": None, "B": 2, "C": 2}),
    ("events_quarter_change", NEW_FEED, {"A": None}),
    ("events_year_change", LATE_START, {"A": None, "B": None, "C": 2}),
    ("events_year_change", YEAR, {"A": 6 / 4 - 1, "B": None, "C": None}),
    ("events_per_user_28d", USAGE, {"A": 10 / 4, "B": None, "C": None}),
    ("events_per_seat_28d", USAGE, {"A": 10 / 10, "B": 0, "C": 0}),
    ("events_per_seat_28d", NO_SEATS, {"A": None}),
    ("minutes_per_user_28d", USAGE, {"A": 20 / 4, "B": None, "C": None}),
    ("minutes_per_user_28d", ONE, {"A": None}),
]


@pytest.mark.parametrize(("name", "tables", "wanted"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_engagement(
    name: str, tables: dict[str, str], wanted: dict[str, float | None], check: Callable[..., None]
) -> None:
    check(name, tables, wanted)


def test_every_feature_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == {feature.name for feature in ENGAGEMENT}
