"""Contract on literal tables; the day is 2024-06-30, the company around them is that of conftest.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from features.catalogue.contract import CONTRACT_FEATURES

TERMS = {
    "subscriptions": """
        subscription_id, account_id, plan,  started_on, ended_on,   end_reason, renews_on,  term_months, seats, mrr
        a1,              A,          basic, 2023-01-01, 2024-02-01, superseded, 2024-01-01, 12,          5,     50
        a2,              A,          pro,   2024-02-01, ,           ,           2025-02-01, 12,          8,     100.10
        a3,              A,          add,   2024-03-15, ,           ,           2024-04-15, 1,           ,      20.20
        a4,              A,          later, 2024-06-30, ,           ,           2024-07-30, 1,           50,    900
        b1,              B,          pro,   2024-06-29, ,           ,           2024-06-30, ,            0,     10
        c1,              C,          pro,   2023-01-01, 2023-06-01, voluntary,  ,           ,            10,    10
        c2,              C,          pro,   2023-09-01, 2023-12-01, voluntary,  ,           ,            10,    10
        c3,              C,          pro,   2024-01-02, ,           ,           ,           ,            ,      30
        """
}
"""A's largest subscription now is a2; a4 starts on the day itself. C left twice and came back twice."""

TRIALS = {
    "subscriptions": """
        subscription_id, account_id, plan, started_on, ended_on,   end_reason, mrr, trial
        a0,              A,          try,  2022-12-05, 2023-01-01, completed,  0,   true
        a1,              A,          pro,  2023-01-01, ,           ,           50,  false
        b1,              B,          pro,  2023-01-01, ,           ,           50,
        """
}

PRICES = {
    "subscriptions": """
        subscription_id, account_id, plan, started_on, ended_on,   end_reason, mrr, seats
        a1,              A,          pro,  2023-01-01, 2024-06-29, superseded, 100, 10
        a2,              A,          pro,  2024-06-29, ,           ,           180, 12
        b1,              B,          pro,  2024-01-01, ,           ,           50,  5
        c1,              C,          pro,  2024-01-02, ,           ,           50,  5
        """
}
"""A's seat went from 10 to 15; B was a customer 180 days ago, C was not yet."""

RENEWALS = {
    "subscriptions": """
        subscription_id, account_id, plan, started_on, renews_on,  term_months, mrr
        a1,              A,          pro,  2023-01-31, 2023-07-31, 6,           100
        b1,              B,          pro,  2023-12-31, 2024-06-30, 6,           100
        c1,              C,          pro,  2023-12-29, 2024-06-29, 6,           100
        """
}
"""A renewed in July and January and will in July again; B is up today, C renewed yesterday."""

NOTICES = {
    "subscriptions": """
        subscription_id, account_id, plan, started_on, mrr, notice_on,  notice_withdrawn_on
        a1,              A,          pro,  2023-01-01, 50,  2024-05-01, 2024-06-29
        a2,              A,          add,  2023-01-01, 50,  2024-05-01, 2024-06-30
        b1,              B,          pro,  2023-01-01, 50,  ,
        """
}

ACCOUNTS = {
    "accounts": """
        account_id, created_on, segment, industry, region, touch_model, employees, strategic
        A,          2022-12-01, large,   ,         Süd,    high,        40,        true
        B,          2022-12-01, small,   retail,   ,       tech,        0,         false
        C,          2022-12-01, ,        ,         ,       ,            ,
        """
}
BARE: dict[str, str] = {}
NO_SEATS = {"subscriptions": "subscription_id, account_id, plan, started_on, mrr\na1, A, pro, 2023-01-01, 50"}

CASES = [
    ("tenure_days", TERMS, {"A": 546, "B": 1, "C": 546}),
    ("renewals_completed", RENEWALS, {"A": 2, "B": 0, "C": 1}),
    ("days_to_renewal", TERMS, {"A": 216, "B": 0}),
    ("days_to_renewal", RENEWALS, {"A": 31, "B": 0, "C": 182}),
    ("days_to_renewal", BARE, {"A": None}),
    ("term_months", TERMS, {"A": 12, "B": None}),
    ("term_months", BARE, {"A": None}),
    ("seats", TERMS, {"A": 8, "B": 0, "C": None}),
    ("seats", NO_SEATS, {"A": None}),
    ("employees", ACCOUNTS, {"A": 40, "B": 0, "C": None}),
    ("employees", BARE, {"A": None}),
    ("mrr", TERMS, {"A": 120.3, "B": 10, "C": 30}),
    ("mrr_per_seat", TERMS, {"A": 120.3 / 8, "B": None, "C": None}),
    ("price_change_180d", PRICES, {"A": 15 / 10 - 1, "B": 0, "C": None}),
    ("price_change_180d", NO_SEATS, {"A": None}),
    ("returns", TERMS, {"A": 0, "B": 0, "C": 2}),
    ("trialed", TRIALS, {"A": 1, "B": 0}),
    ("strategic", ACCOUNTS, {"A": 1, "B": 0, "C": None}),
    ("strategic", BARE, {"A": None}),
    ("plan", TERMS, {"A": "pro", "B": "pro", "C": "pro"}),
    ("segment", ACCOUNTS, {"A": "large", "B": "small", "C": None}),
    ("segment", BARE, {"A": None}),
    ("industry", ACCOUNTS, {"A": None, "B": "retail"}),
    ("industry", BARE, {"A": None}),
    ("region", ACCOUNTS, {"A": "Süd", "B": None}),
    ("region", BARE, {"A": None}),
    ("touch_model", ACCOUNTS, {"A": "high", "B": "tech", "C": None}),
    ("touch_model", BARE, {"A": None}),
]


@pytest.mark.parametrize(("name", "tables", "wanted"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_contract(
    name: str, tables: dict[str, str], wanted: dict[str, float | str | None], check: Callable[..., None]
) -> None:
    check(name, tables, wanted)


def test_every_feature_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == {feature.name for feature in CONTRACT_FEATURES}
