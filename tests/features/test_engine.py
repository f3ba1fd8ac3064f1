"""Each feature on a literal table that can be checked by eye; DAY is 2024-06-30.

28 days reach back to 06-02, 56 to 05-05, 7 to 06-23, 84 to 04-07, 90 to 04-01, 180 to 2024-01-02, 365 to 2023-07-01.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from features.build import build_features
from features.catalogue import CATALOGUE
from features.errors import TenureError
from features.history import History

Open = Callable[..., History]
DAY = dt.date(2024, 6, 30)
COMPANY = {
    "accounts": "account_id, created_on\nA, 2023-01-01",
    "subscriptions": "subscription_id, account_id, plan, started_on, mrr, seats\ns, A, pro, 2023-01-01, 50, 10",
    "usage": "account_id, day, feature, events\nA, 2023-01-01, report, 1",
}
USAGE = """
account_id, day,        feature, events, user_id, minutes
A,          2024-06-30, report,  1000,   u9,      1
A,          2024-06-29, report,  4,      u1,      10
A,          2024-06-23, report,  2,      u2,      5.5
A,          2024-06-22, export,  3,      u1,
A,          2024-06-02, admin,   1,      u3,      4.5
A,          2024-06-01, report,  5,      u4,      99
A,          2024-05-05, report,  1,      u4,      1
A,          2024-05-04, search,  7,      u5,      1
A,          2024-04-07, search,  2,      u5,      1
A,          2024-04-06, search,  100,    u6,      1
"""
USERS = """
user_id, account_id, created_on, role,     deactivated_on
u1,      A,          2023-02-01, champion,
u2,      A,          2024-04-01, champion,
u3,      A,          2024-06-29, admin,
u4,      A,          2024-03-31, champion, 2024-06-29
u5,      A,          2023-02-01, champion, 2024-01-02
u6,      A,          2023-02-01, champion, 2024-01-01
u7,      A,          2023-02-01, champion, 2024-06-30
u8,      A,          2024-06-30, champion,
"""
TICKETS = """
ticket_id, account_id, opened_at,        priority, resolved_at,      csat, csat_at
t1,        A,          2024-06-29 10:00, high,     ,                 ,
t2,        A,          2024-06-02 00:00, urgent,   2024-06-02 06:00, 5,    2024-06-03
t3,        A,          2024-06-01 23:59, low,      2024-06-02 09:59, 2,    2024-06-03
t4,        A,          2024-04-01 00:00, ,         2024-06-30 00:00, 4,    2024-06-30
t5,        A,          2024-03-31 12:00, high,     2024-03-31 13:00, ,
t6,        A,          2024-01-01 12:00, high,     2024-03-31 13:00, 1,    2024-02-01
t7,        A,          2024-06-30 00:00, urgent,   ,                 ,
"""
INVOICES = """
invoice_id, account_id, issued_on,  due_on,     amount, paid_on,    voided_on
i1,         A,          2024-05-01, 2024-06-29, 10.10,  ,
i2,         A,          2024-05-01, 2024-06-30, 20,     ,
i3,         A,          2024-05-01, 2024-05-31, 40.20,  2024-06-30,
i4,         A,          2024-05-01, 2024-05-31, 80,     ,           2024-06-29
i5,         A,          2024-05-01, 2024-05-31, 160,    2024-06-01,
i6,         A,          2024-05-01, 2024-05-31, 160,    2024-05-31,
i7,         A,          2023-11-01, 2023-12-01, 160,    2024-01-02,
i8,         A,          2023-11-01, 2023-12-01, 160,    2024-01-01,
"""
PAYMENTS = """
invoice_id, account_id, attempted_at,     succeeded
i1,         A,          2024-06-29 23:59, false
i1,         A,          2024-06-30 00:00, false
i2,         A,          2024-06-10 00:00, true
i3,         A,          2024-06-02 00:00, false
i4,         A,          2024-06-01 23:59, false
i5,         A,          2024-04-01 00:00, 0
i6,         A,          2024-03-31 23:59, false
"""
CARDS = """
account_id, added_on,   expires_on
A,          2023-01-01, 2027-01-01
A,          2024-01-01, 2024-06-20
A,          2024-01-01, 2024-07-10
A,          2024-06-30, 2029-01-01
"""
SURVEYS = """
account_id, kind, responded_at,     score
A,          nps,  2024-06-30 00:00, 0
A,          nps,  2024-06-20 08:00, 7
A,          nps,  2024-06-20 08:00, 6
A,          nps,  2024-01-02 00:00, 10
A,          nps,  2024-01-01 00:00, 3
A,          nps,  2023-07-01 00:00, 9
A,          nps,  2023-06-30 00:00, 1
A,          csat, 2024-06-25 23:00, 5
A,          csat, 2024-02-01 00:00, 2
A,          csat, 2024-01-01 00:00, 1
A,          ces,  2024-03-01 00:00, 1
"""
SUBSCRIPTIONS = """
subscription_id, account_id, plan,  started_on, ended_on,   end_reason, renews_on,  term_months, seats, mrr,    trial
s0,              A,          try,   2022-11-01, 2022-12-01, completed,  ,           1,           99,    0,      true
s1,              A,          basic, 2023-01-01, 2024-02-01, superseded, 2024-01-01, 12,          5,     50,
s2,              A,          pro,   2024-02-01, ,           ,           2025-02-01, 12,          8,     100.10, false
s3,              A,          add,   2024-03-15, ,           ,           2024-04-15, 1,           ,      20.20,
s4,              A,          later, 2024-06-30, ,           ,           2024-07-30, 1,           50,    900,
"""
NA = None

CASES: dict[str, tuple[dict[str, str], dict[str, float | str | None]]] = {
    "usage": (
        {"usage": USAGE, "users": USERS},
        {"seats_used_share": 3 / 10, "users_ever_active_share": 6 / 7, "features_used_28d": 3,
         "features_used_change": 2, "active_days_28d": 4, "active_days_7d": 2, "days_since_last_use": 1,
         "active_users_7d": 2, "active_users_28d": 3, "active_users_before": 1, "active_users_change": 2,
         "weekly_of_monthly_users": 2 / 3, "events_28d": 10, "events_before": 6, "events_change": 10 / 6 - 1,
         "events_week_of_quarter": 6 / 25, "events_per_user_28d": 10 / 3, "minutes_per_user_28d": 20 / 3},
    ),
    "usage long ago": (
        {"users": USERS},
        {"days_since_last_use": 546, "active_days_28d": 0, "events_28d": 0, "events_change": NA,
         "features_used_28d": 0, "events_week_of_quarter": NA},
    ),
    "usage stopped": (
        {"usage": "account_id, day, feature, events, user_id, minutes\nA, 2024-06-01, f, 5, u1, 3"},
        {"events_change": -1, "active_users_change": -1, "events_per_user_28d": NA, "minutes_per_user_28d": NA,
         "weekly_of_monthly_users": NA, "seats_used_share": 0, "events_week_of_quarter": 0},
    ),
    "a feed that writes zeros": (
        {"usage": "account_id, day, feature, events, user_id\nA, 2024-06-20, f, 5, u1\nA, 2024-06-29, g, 0, u2"},
        {"days_since_last_use": 10, "active_days_28d": 1, "active_days_7d": 0, "active_users_28d": 1,
         "features_used_28d": 1, "events_28d": 5},
    ),
    "minutes never noted": (
        {"usage": "account_id, day, feature, events, user_id, minutes\nA, 2024-06-29, f, 5, u1,"},
        {"minutes_per_user_28d": NA, "events_per_user_28d": 5},
    ),
    "support": (
        {"tickets": TICKETS},
        {"tickets_90d": 4, "tickets_28d": 2, "tickets_per_seat_90d": 0.4, "urgent_tickets_90d": 2,
         "tickets_open": 2, "resolution_hours_180d": 6, "ticket_csat_180d": 3.5},
    ),
    "billing": (
        {"invoices": INVOICES, "payments": PAYMENTS, "cards": CARDS},
        {"overdue_invoices": 2, "overdue_amount": 50.3, "late_invoices_180d": 2, "failed_payments_90d": 4,
         "failed_payments_28d": 2, "days_to_card_expiry": 10},
    ),
    "an expired card": (
        {"cards": "account_id, added_on, expires_on\nA, 2024-01-01, 2024-06-20"},
        {"days_to_card_expiry": -10},
    ),
    "sentiment": (
        {"surveys": SURVEYS},
        {"nps_latest": 7, "nps_mean_180d": 23 / 3, "nps_detractor_share_365d": 2 / 5, "csat_mean_180d": 3.5,
         "days_since_survey": 5},
    ),
    "people": ({"users": USERS}, {"champions": 3, "champions_left_180d": 2, "new_users_90d": 2}),
    "contract": (
        {"subscriptions": SUBSCRIPTIONS},
        {"tenure_days": 546, "days_to_renewal": 216, "term_months": 12, "seats": 8, "mrr": 120.3,
         "mrr_per_seat": 120.3 / 8, "plan": "pro", "mrr_change_180d": 120.3 / 50 - 1},
    ),
    "a customer of 180 days": (
        {"subscriptions": "subscription_id, account_id, plan, started_on, mrr, seats\ns, A, pro, 2024-01-02, 50, 0"},
        {"mrr_change_180d": NA, "tenure_days": 180, "mrr_per_seat": NA, "seats": 0, "days_to_renewal": NA,
         "term_months": NA, "tickets_per_seat_90d": NA},
    ),
    "a customer of 181 days": (
        {"subscriptions": "subscription_id, account_id, plan, started_on, mrr, seats\ns, A, pro, 2024-01-01, 50, 1"},
        {"mrr_change_180d": 0, "tenure_days": 181},
    ),
    "who they are": (
        {"accounts": "account_id, created_on, segment, industry, region\nA, 2023-01-01, large, , Süd"},
        {"segment": "large", "industry": NA, "region": "Süd"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_features_of_a_table_that_can_be_checked_by_eye(what: str, open_tables: Open) -> None:
    tables, wanted = CASES[what]
    [row] = build_features(open_tables(COMPANY | tables), [DAY]).to_dict("records")
    for name, value in wanted.items():
        if isinstance(value, int | float):
            assert row[name] == pytest.approx(value, rel=1e-12, abs=0), name
        else:
            assert (None if pd.isna(row[name]) else row[name]) == value, name


def test_the_cases_cover_the_catalogue() -> None:
    """A feature without a literal table is added above together with the feature."""
    assert set(CATALOGUE.names) <= {name for _, wanted in CASES.values() for name in wanted}


def _names(table: str) -> set[str]:
    return {f.name for f in CATALOGUE if f"table='{table}'" in repr(f.measure)}


EVERYTHING = COMPANY | {
    "accounts": "account_id, created_on, segment\nA, 2023-01-01, large",
    "subscriptions": "subscription_id, account_id, plan, started_on, mrr, seats, trial\n"
    "s, A, pro, 2023-01-01, 50, 10, false",
    "usage": USAGE, "users": USERS, "tickets": TICKETS, "invoices": INVOICES, "payments": PAYMENTS, "cards": CARDS,
    "surveys": SURVEYS,
}  # fmt: skip


@pytest.fixture(scope="module")
def full(open_tables: Open) -> pd.Series:
    """The features of an account about which everything is known."""
    return build_features(open_tables(EVERYTHING), [DAY]).iloc[0]


@pytest.mark.parametrize("table", ["users", "tickets", "invoices", "payments", "cards", "surveys"])
def test_without_a_table_its_features_are_missing_and_never_zero(
    table: str, full: pd.Series, open_tables: Open
) -> None:
    less = build_features(open_tables({n: t for n, t in EVERYTHING.items() if n != table}), [DAY]).iloc[0]
    assert _names(table)
    assert less[sorted(_names(table))].isna().all()
    others = [n for n in CATALOGUE.names if n not in _names(table)]
    pd.testing.assert_series_equal(less[others], full[others], check_exact=True)


WITHOUT = {
    "usage.user_id": ["active_users_7d", "active_users_28d", "seats_used_share", "events_per_user_28d",
                      "users_ever_active_share", "weekly_of_monthly_users", "active_users_change",
                      "active_users_before", "minutes_per_user_28d"],
    "usage.minutes": ["minutes_per_user_28d"],
    "tickets.priority": ["urgent_tickets_90d"],
    "tickets.resolved_at": ["tickets_open", "resolution_hours_180d"],
    "tickets.csat": ["ticket_csat_180d"],
    "invoices.paid_on": ["overdue_invoices", "overdue_amount", "late_invoices_180d"],
    "invoices.voided_on": [],
    "users.role": ["champions", "champions_left_180d"],
    "users.deactivated_on": ["champions_left_180d"],
    "subscriptions.seats": ["seats", "mrr_per_seat", "seats_used_share", "tickets_per_seat_90d"],
    "subscriptions.trial": [],
    "accounts.segment": ["segment"],
}  # fmt: skip


@pytest.mark.parametrize("column", WITHOUT)
def test_without_a_column_its_features_are_missing_and_no_others(
    column: str, full: pd.Series, open_tables: Open
) -> None:
    table, name = column.split(".")
    tables = EVERYTHING | {table: EVERYTHING[table].replace(name, f"not_{name}", 1)}
    less = build_features(open_tables(tables), [DAY]).iloc[0]
    assert {n for n in CATALOGUE.names if pd.isna(less[n]) and not pd.isna(full[n])} == set(WITHOUT[column])


def test_an_account_that_a_table_does_not_mention_has_none_of_it(open_tables: Open) -> None:
    """The table is there, so no row means none: counts are 0, and what has no rows to measure is missing."""
    tables = COMPANY | {
        "accounts": "account_id, created_on\nA, 2023-01-01\nB, 2023-01-01",
        "tickets": TICKETS.replace(" A, ", " B, "),
        "surveys": SURVEYS.replace("A, ", "B, "),
    }
    row = build_features(open_tables(tables), [DAY]).iloc[0]
    assert row["account_id"] == "A"
    assert (row["tickets_90d"], row["tickets_open"], row["urgent_tickets_90d"]) == (0, 0, 0)
    assert row[["resolution_hours_180d", "ticket_csat_180d", "nps_latest", "days_since_survey"]].isna().all()


def test_the_frame_is_as_promised(open_tables: Open) -> None:
    history = open_tables(COMPANY)
    days = [DAY, dt.date(2024, 1, 1), DAY]
    steps: list[tuple[int, int]] = []
    rows = build_features(history, days, progress=lambda done, of: steps.append((done, of)))
    assert list(rows.columns) == ["account_id", "as_of", *CATALOGUE.names]
    assert rows["as_of"].tolist() == [pd.Timestamp(2024, 1, 1), pd.Timestamp(2024, 6, 30)]
    assert rows["as_of"].dtype == np.dtype("datetime64[us]")
    assert {rows[n].dtype for n in CATALOGUE.numbers} == {np.dtype("float64")}
    assert {rows[n].dtype for n in CATALOGUE.categories} == {np.dtype(object)}
    assert all(v is None or isinstance(v, str) for n in CATALOGUE.categories for v in rows[n])
    assert rows.index.equals(pd.RangeIndex(2))
    assert steps[-1] == (2, 2)


def test_an_empty_cohort_is_an_empty_frame_of_the_same_shape(open_tables: Open) -> None:
    gone = COMPANY["subscriptions"].replace("mrr,", "mrr, ended_on,").replace("50,", "50, 2023-02-01,")
    history = open_tables(COMPANY | {"subscriptions": gone})
    rows = build_features(history, [DAY])
    assert len(rows) == 0
    assert list(rows.columns) == ["account_id", "as_of", *CATALOGUE.names]
    assert rows["as_of"].dtype == np.dtype("datetime64[us]")
    assert {rows[n].dtype for n in CATALOGUE.numbers} == {np.dtype("float64")}


def test_no_day_is_refused(open_tables: Open) -> None:
    with pytest.raises(TenureError, match=r"^No as_of day was given"):
        build_features(open_tables(COMPANY), [])
