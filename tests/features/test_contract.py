"""The contract holds what DESIGN.md section 3 says, and its rules of time hold for every table and column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from features.contract import CONTRACT, Column, Table
from features.history import History

DAY = dt.date(2024, 3, 1)
TABLES = """accounts users subscriptions usage entitlements milestones tickets invoices payments cards surveys touches
assignments advocacy exits costs churns arms"""
REQUIRED = {
    "accounts": "account_id created_on",
    "users": "user_id account_id created_on",
    "subscriptions": "subscription_id account_id plan started_on mrr",
    "usage": "account_id day feature events",
    "entitlements": "plan feature",
    "milestones": "account_id milestone",
    "tickets": "ticket_id account_id opened_at",
    "invoices": "invoice_id account_id issued_on due_on amount",
    "payments": "invoice_id account_id attempted_at succeeded",
    "cards": "account_id added_on expires_on",
    "surveys": "account_id kind responded_at score",
    "touches": "account_id csm_id occurred_at",
    "assignments": "account_id csm_id from_on",
    "advocacy": "account_id occurred_on",
    "exits": "account_id asked_on reason",
    "costs": "month category amount",
    "churns": "account_id churned_on",
    "arms": "account_id arm from_on",
}
FILLED_IN_LATER = {
    "users": "deactivated_on",
    "subscriptions": "ended_on end_reason notice_on",
    "milestones": "reached_on",
    "tickets": "first_response_at resolved_at reopened_at escalated_at csat csat_at",
    "invoices": "paid_on voided_on",
    "assignments": "to_on",
    "arms": "to_on",
}
LATE = [(t, c) for t in CONTRACT.values() for c in t.columns if c.late]
TIMED = [t for t in CONTRACT.values() if t.event]


def test_tables_and_required_columns_are_the_designs() -> None:
    assert list(CONTRACT) == TABLES.split()
    assert {t.name: [c.name for c in t.columns if c.required] for t in CONTRACT.values()} == {
        name: columns.split() for name, columns in REQUIRED.items()
    }
    assert {t.name for t in CONTRACT.values() if t.required} == {"accounts", "subscriptions", "usage"}


def test_what_is_filled_in_later_is_declared_so() -> None:
    declared = {(t.name, c.name) for t, c in LATE}
    assert {(t, c) for t, columns in FILLED_IN_LATER.items() for c in columns.split()} <= declared


@pytest.mark.parametrize(("table", "column"), LATE, ids=lambda x: x.name)
def test_every_later_column_has_a_rule_of_time(table: Table, column: Column) -> None:
    source = table.by_name[str(column.late)]
    assert source.late == source.name
    assert source.kind in ("date", "time")
    assert not column.required
    assert column.name not in table.key
    assert column.name not in table.event or table.name == "milestones"


def _value(column: Column, day: str) -> str:
    if column.choices:
        return column.choices[0]
    return {"date": day, "time": day, "boolean": "true", "text": "A"}.get(column.kind, "3")


def _tables(rows: dict[str, dict[str, str]]) -> dict[str, str]:
    """One row a table, required columns filled, with more columns or other values."""
    made = {}
    for table in CONTRACT.values():
        row = {c.name: _value(c, "2024-01-01") for c in table.columns if c.required} | rows.get(table.name, {})
        made[table.name] = ",".join(row) + "\n" + ",".join(row.values())
    return made


@pytest.mark.parametrize(
    ("came", "recorded", "seen"),
    [
        ("2024-02-29", "", True),
        ("2024-03-01", "", False),
        ("2024-02-01", "2024-02-29 23:59:59", True),
        ("2024-02-01", "2024-03-01 00:00:00", False),
        ("2024-06-01", "2024-02-29", True),  # known ahead
    ],
)
def test_every_later_column_is_hidden_until_its_time(
    came: str, recorded: str, seen: bool, open_tables: Callable[..., History]
) -> None:
    rows: dict[str, dict[str, str]] = {}
    for table, column in LATE:
        row = rows.setdefault(table.name, {"due_on": "2024-01-01"} if table.name == "milestones" else {})
        row[column.name] = _value(column, came)
        row[f"{column.name}_recorded_at"] = recorded
    history = open_tables(_tables(rows))
    assert history.report.failing == {}
    for table, column in LATE:
        sql = f'SELECT "{column.name}" FROM {history.visible(table.name, DAY)}'
        [(value,)] = history.con.execute(sql).fetchall()
        assert (value is not None) == seen, f"{table.name}.{column.name}"


@pytest.mark.parametrize(
    ("came", "recorded", "seen"),
    [
        ("2024-02-29", "", True),
        ("2024-03-01", "", False),
        ("2024-02-01", "2024-02-29 23:59:59", True),
        ("2024-02-01", "2024-03-01", False),
        ("2024-03-01", "2024-02-01", False),  # both must lie before the day
    ],
)
def test_every_row_is_hidden_until_it_came_and_was_recorded(
    came: str, recorded: str, seen: bool, open_tables: Callable[..., History]
) -> None:
    # The account itself is there from the outset, so that nobody's rows are an unknown account's.
    rows = {t.name: dict.fromkeys(t.event, came) | {"recorded_at": recorded} for t in TIMED if t.name != "accounts"}
    rows["milestones"].pop("reached_on")
    rows["invoices"]["due_on"] = rows["cards"]["expires_on"] = "2025-01-01"
    history = open_tables(_tables(rows))
    assert history.report.failing == {}
    for table in TIMED:
        if table.name == "accounts":
            continue
        found = history.con.execute(f"SELECT * FROM {history.visible(table.name, DAY)}").fetchall()
        assert len(found) == seen, table.name
