"""Adoption on literal tables; the day is 2024-06-30, the company around them is that of conftest.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from features.catalogue.adoption import ADOPTION

USAGE = """
account_id, day,        feature, events, user_id
A,          2024-06-30, search,  9,      u9
A,          2024-06-29, report,  3,      u1
A,          2024-06-29, search,  0,      u6
A,          2024-06-02, export,  1,      u2
A,          2024-06-01, admin,   2,      u3
A,          2024-05-20, import,  0,      u6
A,          2024-05-05, report,  1,      u3
A,          2024-05-04, import,  1,      u4
B,          2024-06-01, report,  1,      u5
"""
"""The newest day, the first of 28, the last and first of the 28 before; no use on as_of itself nor with 0 events."""

USERS = """
user_id, account_id, created_on, deactivated_on
u1,      A,          2023-02-01,
u2,      A,          2023-02-01, 2024-06-29
u3,      A,          2023-02-01, 2024-06-30
u6,      A,          2023-02-01,
u7,      A,          2024-06-30,
u5,      B,          2024-06-29,
"""
"""u2 has left, u3 leaves today, u7 is registered only today, u6 has never come."""

GUESTS = {
    "usage": """
        account_id, day,        feature, events, user_id
        A,          2024-06-29, report,  1,      u1
        A,          2024-06-29, report,  1,      guest
        A,          2024-06-29, report,  1,      u2
        """,
    "users": """
        user_id, account_id, created_on
        u1,      A,          2023-02-01
        u2,      B,          2023-02-01
        """,
}
"""Of the three people who used A, one is registered there, one with another account, one nowhere."""

PLANS = {
    "usage": """
        account_id, day,        feature, events
        A,          2024-06-30, admin,   1
        A,          2024-06-02, report,  1
        A,          2024-06-01, export,  1
        A,          2024-04-01, search,  1
        A,          2024-03-31, import,  1
        A,          2024-06-29, beta,    1
        B,          2024-06-29, beta,    1
        """,
    "subscriptions": """
        subscription_id, account_id, plan,  started_on, mrr, seats
        s1,              A,          pro,   2023-01-01, 100, 10
        s2,              B,          basic, 2023-01-01, 100, 10
        s3,              C,          other, 2023-01-01, 100, 10
        """,
    "entitlements": """
        plan,  feature, core
        pro,   report,  true
        pro,   export,  true
        pro,   search,  false
        pro,   import,  false
        pro,   admin,
        basic, report,  false
        basic, export,  false
        """,
}
"""beta is in no plan; of pro's five features, two of them core, A used one, a core one, in 28 days."""

TWO_PLANS = {
    "usage": PLANS["usage"],
    "subscriptions": """
        subscription_id, account_id, plan,  started_on, mrr, seats, ended_on,   trial
        s1,              A,          basic, 2023-01-01, 100, 10,    ,
        s2,              A,          add,   2024-06-29, 10,  ,      ,
        s3,              A,          pro,   2023-01-01, 100, 10,    2024-06-29,
        """,
    "entitlements": """
        plan,  feature, core
        pro,   search,  true
        basic, report,  true
        basic, export,  false
        add,   report,  true
        add,   beta,    true
        """,
}
"""pro has ended; basic and add together include report, export and beta, the core ones being report and beta."""

MILESTONES = {
    "milestones": """
        account_id, milestone, kind,       due_on,     reached_on, recorded_at
        A,          invited,   onboarding, 2023-01-10, 2023-01-08,
        A,          imported,  onboarding, 2024-06-29, ,
        A,          trained,   onboarding, 2024-06-30, ,
        A,          briefed,   onboarding, ,           ,           2024-06-01
        A,          launched,  live,       2023-02-01, 2023-01-31,
        A,          saved 10%, goal,       2024-05-01, 2024-06-30,
        A,          saved 20%, goal,       2024-06-01, 2024-05-01,
        B,          invited,   onboarding, 2024-07-30, 2022-12-30,
        B,          launched,  live,       2024-08-30, 2022-12-31,
        C,          saved 10%, goal,       2023-01-05, 2023-01-11,
        C,          launched,  live,       2023-02-01, 2023-02-01,
        """
}
"""Of A's milestones six are known (trained only from today) and three reached; imported and saved 10% are overdue."""

NONE_DUE = {"milestones": "account_id, milestone, kind, due_on, reached_on\nB, launched, live, 2024-06-30,"}
NO_SEATS = {
    "usage": USAGE,
    "subscriptions": """
        subscription_id, account_id, plan, started_on, mrr, seats
        s1,              A,          pro,  2023-01-01, 100, 0
        s2,              B,          pro,  2023-01-01, 100,
        """,
}
NO_NAMES = {"usage": "account_id, day, feature, events\nA, 2024-06-29, report, 1", "users": USERS}
PEOPLE = {"usage": USAGE, "users": USERS}

CASES = [
    ("seats_used_share", {"usage": USAGE}, {"A": 2 / 10, "B": 0, "C": 0}),
    ("seats_used_share", NO_SEATS, {"A": None, "B": None}),
    ("seats_used_share", NO_NAMES, {"A": None}),
    ("users_ever_active_share", PEOPLE, {"A": 3 / 4, "B": 1, "C": None}),
    ("users_ever_active_share", GUESTS, {"A": 1, "B": 0}),
    ("users_ever_active_share", NO_NAMES, {"A": None}),
    ("registered_active_share_28d", PEOPLE, {"A": 2 / 3, "B": 0, "C": None}),
    ("registered_active_share_28d", GUESTS, {"A": 1, "B": 0}),
    ("registered_active_share_28d", {"usage": USAGE}, {"A": None}),
    ("features_used_28d", {"usage": USAGE}, {"A": 2, "B": 0, "C": 0}),
    ("features_used_change", {"usage": USAGE}, {"A": 0, "B": -1, "C": 0}),
    ("entitled_features_share_28d", PLANS, {"A": 1 / 5, "B": 0, "C": None}),
    ("entitled_features_share_28d", TWO_PLANS, {"A": 2 / 3}),
    ("entitled_features_share_28d", {"usage": USAGE}, {"A": None}),
    ("core_features_share_28d", PLANS, {"A": 1 / 2, "B": None, "C": None}),
    ("core_features_share_28d", TWO_PLANS, {"A": 2 / 2}),
    ("milestones_reached_share", MILESTONES, {"A": 3 / 6, "B": 1, "C": 1}),
    ("milestones_reached_share", NONE_DUE, {"B": None}),
    ("milestones_overdue", MILESTONES, {"A": 2, "B": 0, "C": 0}),
    ("milestones_overdue", NONE_DUE, {"B": 0}),
    ("days_to_first_value", MILESTONES, {"A": 30, "B": -1, "C": 10}),
    ("days_to_first_value", NONE_DUE, {"B": None}),
]


@pytest.mark.parametrize(("name", "tables", "wanted"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_adoption(
    name: str, tables: dict[str, str], wanted: dict[str, float | None], check: Callable[..., None]
) -> None:
    check(name, tables, wanted)


def test_every_feature_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == {feature.name for feature in ADOPTION}
