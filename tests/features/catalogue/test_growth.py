"""Growth on literal tables; the day is 2024-06-30, the company around them is that of conftest.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from features.catalogue.growth import GROWTH

TERMS = {
    "subscriptions": """
        subscription_id, account_id, plan,  started_on, ended_on,   end_reason, mrr, seats
        a1,              A,          basic, 2023-01-01, 2023-06-30, superseded, 40,  4
        a2,              A,          basic, 2023-06-30, 2023-07-01, superseded, 45,  4
        a3,              A,          pro,   2023-07-01, 2024-01-02, superseded, 80,  8
        a4,              A,          basic, 2024-01-02, 2024-06-29, superseded, 60,  8
        a5,              A,          pro,   2024-06-29, 2024-06-30, superseded, 100, 10
        a6,              A,          pro,   2024-06-30, ,           ,           400, 40
        b1,              B,          pro,   2024-01-02, ,           ,           100, 10
        c1,              C,          free,  2023-01-01, 2024-03-01, superseded, 0,   0
        c2,              C,          pro,   2024-03-01, ,           ,           50,  5
        """
}
"""A pays 100, paid 80 180 days earlier and 40 at first; a6 starts on the day itself. B came 180 days ago, C paid 0."""

USERS = {
    "users": """
        user_id, account_id, created_on, department, deactivated_on
        u1,      A,          2023-02-01, sales,
        u2,      A,          2023-02-01, sales,      2024-06-29
        u3,      A,          2023-02-01, finance,    2024-06-30
        u4,      A,          2024-01-01, press,      2024-03-31
        u5,      A,          2024-01-02, law,
        u6,      A,          2024-03-31, sales,      2024-04-01
        u7,      A,          2024-04-01, IT,
        u8,      A,          2024-06-29, sales,
        u9,      A,          2024-06-29, IT,
        v1,      A,          2024-06-30, HR,
        w1,      B,          2024-06-29, sales,
        """
}
"""A had u1, u2, u3, u5 and u6 90 days ago and has u1, u3, u5, u7, u8 and u9 now; law and IT are new in 180 days."""

UNNAMED = {"users": "user_id, account_id, created_on\nu1, A, 2023-02-01"}

FEATURES = {
    "usage": """
        account_id, day,        feature, events
        A,          2023-02-01, report,  5
        A,          2023-03-01, audit,   1
        A,          2024-06-29, audit,   5
        A,          2024-03-31, export,  5
        A,          2024-03-31, admin,   0
        A,          2024-04-01, admin,   1
        A,          2024-06-29, report,  5
        A,          2024-06-29, search,  1
        A,          2024-06-29, import,  0
        A,          2024-06-30, beta,    1
        B,          2024-06-29, report,  1
        """
}
"""admin and search are new to A in the last 90 days; rows of 0 events are no use."""

LIMITS = {
    "usage": """
        account_id, day,        feature, events
        A,          2024-06-30, report,  500
        A,          2024-06-29, report,  30
        A,          2024-05-31, report,  10
        A,          2024-05-30, report,  500
        A,          2024-06-29, export,  12
        A,          2024-06-29, search,  900
        B,          2024-06-29, report,  900
        """,
    "subscriptions": """
        subscription_id, account_id, plan,  started_on, mrr, seats
        s1,              A,          pro,   2023-01-01, 100, 10
        s2,              B,          other, 2023-01-01, 100, 10
        s3,              C,          pro,   2023-01-01, 100, 10
        """,
    "entitlements": """
        plan,  feature, monthly_limit
        pro,   report,  25
        pro,   export,  10
        pro,   search,
        pro,   admin,   0
        other, report,
        """,
}
"""A used 40 of 25 reports and 12 of 10 exports in 30 days; search has no limit, and neither has anything of other."""

CASES = [
    ("mrr_change_180d", TERMS, {"A": 100 / 80 - 1, "B": None, "C": None}),
    ("seats_change_180d", TERMS, {"A": 10 / 8 - 1, "B": None, "C": None}),
    ("upgrades_365d", TERMS, {"A": 2, "B": 0, "C": 1}),
    ("downgrades_365d", TERMS, {"A": 1, "B": 0, "C": 0}),
    ("limit_used_share_30d", LIMITS, {"A": 40 / 25, "B": None, "C": 0}),
    ("limit_used_share_30d", FEATURES, {"A": None}),
    ("new_users_90d", USERS, {"A": 3, "B": 1, "C": 0}),
    ("new_users_90d", {}, {"A": None}),
    ("users_change_90d", USERS, {"A": 6 / 5 - 1, "B": None, "C": None}),
    ("users_change_90d", UNNAMED, {"A": None}),
    ("new_departments_180d", USERS, {"A": 2, "B": 1, "C": 0}),
    ("new_departments_180d", UNNAMED, {"A": None}),
    ("new_features_90d", FEATURES, {"A": 2, "B": 1, "C": 0}),
]


@pytest.mark.parametrize(("name", "tables", "wanted"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_growth(name: str, tables: dict[str, str], wanted: dict[str, float | None], check: Callable[..., None]) -> None:
    check(name, tables, wanted)


def test_every_feature_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == {feature.name for feature in GROWTH}
