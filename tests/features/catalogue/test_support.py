"""Support on literal tables; the day is 2024-06-30, the company around them is that of conftest.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from features.catalogue.support import SUPPORT

TICKETS = {
    "tickets": """
        ticket_id, account_id, opened_at,        priority, first_response_at, resolved_at,      csat, csat_at
        t1,        A,          2024-06-29 10:00, high,     ,                  ,                 ,
        t2,        A,          2024-06-02 00:00, urgent,   2024-06-02 02:00,  2024-06-02 06:00, 5,    2024-06-03
        t3,        A,          2024-06-01 23:59, low,      2024-06-02 03:59,  2024-06-02 09:59, 2,    2024-06-03
        t4,        A,          2024-04-01 00:00, high,     2024-04-01 03:00,  2024-06-30 00:00, 4,    2024-06-30
        t5,        A,          2024-03-31 12:00, high,     ,                  2024-03-31 13:00, ,
        t6,        A,          2024-01-02 00:00, high,     2024-01-02 08:00,  2024-01-02 20:00, 3,    2024-01-03
        t7,        A,          2024-01-01 12:00, high,     2024-01-02 12:00,  2024-03-31 13:00, 1,    2024-02-01
        t8,        A,          2024-06-30 00:00, urgent,   ,                  ,                 ,
        t9,        B,          2023-12-31 00:00, high,     2024-06-30 00:00,  ,                 ,
        """
}
"""Both ends of 28, 90 and 180 days. t4 is resolved, and rated, only on the day itself; so is t9 first answered then."""

TROUBLE = {
    "tickets": """
        ticket_id, account_id, opened_at,  escalated_at,     reopened_at
        t1,        A,          2023-11-01, 2024-06-29 23:59, 2024-06-29
        t2,        A,          2023-11-01, 2024-01-02 00:00, 2024-06-30
        t3,        A,          2023-11-01, 2024-01-01 23:59,
        t4,        A,          2024-06-01, 2024-06-30 00:00, 2024-01-02
        t5,        A,          2024-06-01, ,                 2024-01-01
        """
}
"""What counts is when a ticket was escalated or opened again, not when it was opened."""

USERS = {
    "usage": """
        account_id, day,        feature, events, user_id
        A,          2024-06-29, report,  1,      u1
        A,          2024-06-20, report,  0,      u4
        A,          2024-04-01, report,  1,      u2
        A,          2024-03-31, report,  1,      u3
        """
}

TREND = {
    "tickets": """
        ticket_id, account_id, opened_at
        t1,        A,          2023-02-01
        t2,        A,          2024-06-29
        t3,        A,          2024-04-01
        t4,        A,          2024-04-01
        t5,        A,          2024-03-31
        t6,        A,          2024-01-02
        t7,        A,          2024-01-01
        t8,        B,          2024-04-01
        t9,        C,          2024-03-31
        """
}
"""A: 3 in 90 days, 2 in the 90 before; B had none before, C has none since."""

NEWCOMER = {
    "tickets": TREND["tickets"],
    "subscriptions": """
        subscription_id, account_id, plan, started_on, mrr, seats
        s1,              A,          pro,  2024-01-10, 100, 0
        s3,              C,          pro,  2023-12-20, 100, 10
        """,
}
"""A has been a customer for only a part of the earlier 90 days."""

BARE = {"tickets": "ticket_id, account_id, opened_at\nt1, A, 2024-06-29"}

CASES = [
    ("tickets_90d", TICKETS, {"A": 4, "B": 0, "C": 0}),
    ("tickets_90d", {}, {"A": None}),
    ("tickets_per_seat_90d", TICKETS, {"A": 4 / 10, "B": 0}),
    ("tickets_per_seat_90d", NEWCOMER, {"A": None}),
    ("tickets_28d", TICKETS, {"A": 2, "B": 0}),
    ("tickets_28d", {}, {"A": None}),
    ("tickets_change_90d", TREND, {"A": 3 / 2 - 1, "B": None, "C": -1}),
    ("tickets_change_90d", NEWCOMER, {"A": None, "C": -1}),
    ("urgent_ticket_share_180d", TICKETS, {"A": 5 / 6, "B": None}),
    ("urgent_ticket_share_180d", BARE, {"A": None}),
    ("tickets_open", TICKETS, {"A": 2, "B": 1, "C": 0}),
    ("tickets_open", BARE, {"A": None}),
    ("oldest_open_ticket_days", TICKETS, {"A": 90, "B": 182, "C": None}),
    ("oldest_open_ticket_days", BARE, {"A": None}),
    ("unanswered_tickets", TICKETS, {"A": 1, "B": 1, "C": 0}),
    ("unanswered_tickets", BARE, {"A": None}),
    ("escalated_tickets_180d", TROUBLE, {"A": 2, "B": 0}),
    ("escalated_tickets_180d", BARE, {"A": None}),
    ("reopened_tickets_180d", TROUBLE, {"A": 2, "B": 0}),
    ("reopened_tickets_180d", BARE, {"A": None}),
    ("first_response_hours_180d", TICKETS, {"A": (3 + 4) / 2, "B": None, "C": None}),
    ("resolution_hours_180d", TICKETS, {"A": (6 + 10) / 2, "B": None}),
    ("ticket_csat_180d", TICKETS, {"A": (5 + 2 + 3) / 3, "B": None}),
    ("ticket_csat_180d", BARE, {"A": None}),
]


@pytest.mark.parametrize(("name", "tables", "wanted"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_support(
    name: str, tables: dict[str, str], wanted: dict[str, float | None], check: Callable[..., None]
) -> None:
    check(name, tables, wanted)


def test_every_feature_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == {feature.name for feature in SUPPORT}
