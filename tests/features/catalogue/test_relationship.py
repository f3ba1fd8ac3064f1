"""Relationship on literal tables; the day is 2024-06-30, the company around them is that of conftest.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from features.catalogue.relationship import RELATIONSHIP

USERS = {
    "users": """
        user_id, account_id, created_on, role,           deactivated_on
        u1,      A,          2023-02-01, champion,
        u2,      A,          2023-02-01, champion,       2024-06-30
        u3,      A,          2023-02-01, champion,       2024-06-29
        u4,      A,          2023-02-01, champion,       2024-01-02
        u5,      A,          2023-02-01, champion,       2024-01-01
        u6,      A,          2024-06-30, champion,
        u7,      A,          2023-02-01, decision_maker,
        u8,      A,          2023-02-01, decision_maker, 2024-06-29
        u9,      A,          2023-02-01, member,         2024-06-29
        u10,     A,          2023-02-01, decision_maker, 2024-01-02
        u11,     A,          2023-02-01, decision_maker, 2024-01-01
        m1,      B,          2023-02-01, member,
        m2,      B,          2023-02-01, champion,
        """
}
"""u2 leaves and u6 comes only on the day itself; u3, u4, u8 and u10 left within 180 days."""

NO_ROLES = {"users": "user_id, account_id, created_on, deactivated_on\nu1, A, 2023-02-01, 2024-06-29"}

SPONSORS = {
    "usage": """
        account_id, day,        feature, events, user_id
        A,          2024-06-30, report,  1,      u1
        A,          2024-06-29, report,  1,      u9
        A,          2024-06-28, report,  0,      u1
        A,          2024-06-20, report,  1,      u7
        A,          2024-06-10, report,  1,      u7
        A,          2024-05-01, report,  1,      u1
        B,          2024-06-29, report,  1,      m1
        B,          2024-06-15, report,  1,      m2
        """,
    "users": USERS["users"],
}
"""The decision maker u7 came 10 and 20 days ago, the champion u1 60, m2 15; others' use does not
count, and neither do rows of 0 events."""

TOUCHES = {
    "touches": """
        account_id, csm_id, occurred_at,      kind,  direction, answered, proactive, satisfaction
        A,          c1,     2024-06-30 00:00, qbr,   in,        true,     true,      5
        A,          c1,     2024-06-29 23:59, email, out,       false,    true,
        A,          c1,     2024-06-25 09:00, email, in,        true,     false,     2.5
        A,          c1,     2024-06-20 09:00, call,  out,       true,     true,      4
        A,          c1,     2024-05-01 09:00, email, in,        ,         ,
        A,          c1,     2024-04-01 00:00, qbr,   out,       true,     ,
        A,          c1,     2024-03-31 23:59, qbr,   out,       true,     true,
        A,          c1,     2024-01-02 00:00, email, out,       true,     true,
        A,          c1,     2024-01-01 00:00, email, out,       true,     true,
        A,          c1,     2023-07-01 00:00, email, out,       true,     true,      1
        A,          c1,     2023-06-30 00:00, email, out,       true,     true,      5
        B,          c1,     2024-01-01 00:00, email, out,       false,    true,
        """
}
"""Both ends of 90, 180 and 365 days; CSMs' last mail was not answered, their call nine days before it was."""

NO_WAYS = {"touches": "account_id, csm_id, occurred_at\nA, c1, 2024-06-29"}

UNANSWERED = {
    "touches": """
        account_id, csm_id, occurred_at,      direction, answered
        A,          c1,     2024-06-29 10:00, out,       false
        A,          c1,     2024-06-20 10:00, out,       true
        A,          c1,     2024-06-10 10:00, in,        false
        B,          c1,     2024-06-27 10:00, out,       true
        C,          c1,     2024-06-23 10:00, in,
        """
}
"""A did not answer the last mail; B has never written itself, C never answered."""

ASSIGNMENTS = {
    "assignments": """
        account_id, csm_id, from_on,    to_on
        A,          c0,     2023-01-01, 2023-06-30
        A,          c1,     2023-06-30, 2023-07-01
        A,          c2,     2023-07-01, 2024-06-20
        A,          c3,     2024-06-20, 2024-06-30
        A,          c4,     2024-06-30,
        B,          c1,     2023-01-01,
        B,          c5,     2024-03-22,
        C,          c1,     2023-01-01, 2024-06-29
        """
}
"""A has had c3 for 10 days, to be followed today by c4; B got c5 beside c1 100 days ago, C has nobody."""

ADVOCACY = {
    "advocacy": """
        account_id, occurred_on, kind
        A,          2024-06-30,  review
        A,          2024-06-29,  reference
        A,          2023-07-01,  webinar
        A,          2023-06-30,  review
        """
}

CASES = [
    ("champions", USERS, {"A": 2, "B": 1, "C": 0}),
    ("champions", NO_ROLES, {"A": None}),
    ("champions_left_180d", USERS, {"A": 2, "B": 0, "C": 0}),
    ("champions_left_180d", NO_ROLES, {"A": None}),
    ("decision_makers", USERS, {"A": 1, "B": 0, "C": 0}),
    ("decision_makers", NO_ROLES, {"A": None}),
    ("decision_makers_left_180d", USERS, {"A": 2, "B": 0, "C": 0}),
    ("decision_makers_left_180d", NO_ROLES, {"A": None}),
    ("days_since_sponsor_use", SPONSORS, {"A": 10, "B": 15, "C": None}),
    ("advocacy_365d", ADVOCACY, {"A": 2, "B": 0}),
    ("advocacy_365d", {}, {"A": None}),
    ("days_since_two_way_contact", TOUCHES, {"A": 5, "B": None, "C": None}),
    ("days_since_two_way_contact", UNANSWERED, {"A": 10, "B": 3, "C": 7}),
    ("days_since_two_way_contact", NO_WAYS, {"A": None}),
    ("touches_90d", TOUCHES, {"A": 5, "B": 0, "C": 0}),
    ("touches_90d", {}, {"A": None}),
    ("proactive_touch_share_180d", TOUCHES, {"A": 4 / 7, "B": None, "C": None}),
    ("days_since_qbr", TOUCHES, {"A": 90, "B": None}),
    ("days_since_qbr", NO_WAYS, {"A": None}),
    ("touch_satisfaction_365d", TOUCHES, {"A": (4 + 2.5 + 1) / 3, "B": None}),
    ("csm_changes_365d", ASSIGNMENTS, {"A": 2, "B": 1, "C": 0}),
    ("csm_changes_365d", {}, {"A": None}),
]


@pytest.mark.parametrize(("name", "tables", "wanted"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_relationship(
    name: str, tables: dict[str, str], wanted: dict[str, float | None], check: Callable[..., None]
) -> None:
    check(name, tables, wanted)


def test_every_feature_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == {feature.name for feature in RELATIONSHIP}
