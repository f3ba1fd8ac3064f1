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
    "accounts": "sold_on sold_by",
    "users": "deactivated_on",
    "subscriptions": "ended_on end_reason notice_on notice_withdrawn_on",
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


AHEAD = "recorded before it happened"


def _ahead(history: History) -> set[str]:
    """Tables with rows set aside because their record came before them, if that is all that is wrong."""
    rows = history.con.execute('SELECT DISTINCT "table", rule FROM violations').fetchall()
    assert {rule for _, rule in rows} <= {AHEAD}
    return {table for table, _ in rows}


@pytest.mark.parametrize(
    ("came", "recorded", "seen"),
    [
        ("2024-02-29", "", True),
        ("2024-03-01", "", False),
        ("2024-02-01", "2024-02-29 23:59:59", True),
        ("2024-02-01", "2024-03-01 00:00:00", False),
        ("2024-02-29", "2024-02-28", True),  # a day ahead, which clocks and zones excuse
        ("2024-03-01", "2024-02-29", True),
    ],
)
def test_every_later_column_is_hidden_until_its_time(
    came: str, recorded: str, seen: bool, open_tables: Callable[..., History]
) -> None:
    history = open_tables(_later(came, recorded, [c for _, c in LATE]))
    assert history.report.failing == {}
    for table, column in LATE:
        sql = f'SELECT "{column.name}" FROM {history.visible(table.name, DAY)}'
        [(value,)] = history.con.execute(sql).fetchall()
        assert (value is not None) == seen, f"{table.name}.{column.name}"


def _later(came: str, recorded: str, columns: list[Column]) -> dict[str, str]:
    rows: dict[str, dict[str, str]] = {}
    for table, column in LATE:
        if column in columns:
            row = rows.setdefault(table.name, {"due_on": "2024-01-01"} if table.name == "milestones" else {})
            row[column.name] = _value(column, came)
            row[f"{column.name}_recorded_at"] = recorded
    return _tables(rows)


def test_a_day_may_be_known_long_ahead_and_a_moment_may_not(open_tables: Callable[..., History]) -> None:
    """An end is agreed on months before; a ticket is not resolved before it is."""
    planned, told = [c for _, c in LATE if c.kind != "time"], [c for _, c in LATE if c.kind == "time"]
    assert planned
    assert told
    history = open_tables(_later("2024-06-01", "2024-02-29", [c for c in planned if c.name != "csat"]))
    assert history.report.failing == {}
    for table, column in LATE:
        if column.kind == "date":
            [(value,)] = history.con.execute(
                f'SELECT "{column.name}" FROM {history.visible(table.name, DAY)}'
            ).fetchall()
            assert value == dt.date(2024, 6, 1), f"{table.name}.{column.name}"
    assert _ahead(open_tables(_later("2024-02-29 00:00:00", "2024-02-28", told))) == set()
    for table, column in LATE:
        if column in told:
            tables = _later("2024-02-29 00:00:01", "2024-02-28", [column])
            needed = ("accounts", "subscriptions", "usage", table.name)
            assert _ahead(open_tables({n: tables[n] for n in needed})) == {table.name}


def _whole_rows(came: str, recorded: str) -> dict[str, str]:
    # The account itself is there from the outset, so that nobody's rows are an unknown account's.
    rows = {t.name: dict.fromkeys(t.event, came) | {"recorded_at": recorded} for t in TIMED if t.name != "accounts"}
    rows["milestones"].pop("reached_on")
    rows["invoices"]["due_on"] = rows["cards"]["expires_on"] = "2025-01-01"
    return _tables(rows)


@pytest.mark.parametrize(
    ("came", "recorded", "seen"),
    [
        ("2024-02-29", "", True),
        ("2024-03-01", "", False),
        ("2024-02-01", "2024-02-29 23:59:59", True),
        ("2024-02-01", "2024-03-01", False),
        ("2024-02-29", "2024-02-28", True),
        ("2024-03-01", "2024-02-29", False),  # both must lie before the day; a day ahead is excused
    ],
)
def test_every_row_is_hidden_until_it_came_and_was_recorded(
    came: str, recorded: str, seen: bool, open_tables: Callable[..., History]
) -> None:
    history = open_tables(_whole_rows(came, recorded))
    assert history.report.failing == {}
    for table in TIMED:
        if table.name == "accounts":
            continue
        found = history.con.execute(f"SELECT * FROM {history.visible(table.name, DAY)}").fetchall()
        assert len(found) == seen, table.name


def test_a_plan_may_be_recorded_long_ahead_and_no_other_row(open_tables: Callable[..., History]) -> None:
    history = open_tables(_whole_rows("2024-03-01", "2024-02-01"))
    planned = {t.name for t in TIMED if t.planned}
    assert planned == {"subscriptions", "milestones", "invoices", "assignments", "costs", "arms"}
    assert _ahead(history) == {t.name for t in TIMED if t.name != "accounts"} - planned
    for name in planned:  # set aside no row, and shown none before its time
        for day, seen in ((DAY, 0), (DAY + dt.timedelta(days=1), 1)):
            assert len(history.con.execute(f"SELECT * FROM {history.visible(name, day)}").fetchall()) == seen, name


@pytest.mark.parametrize("table", [t for t in CONTRACT.values() if t.versioned], ids=lambda t: t.name)
def test_of_dated_versions_the_latest_known_one_holds(table: Table, open_tables: Callable[..., History]) -> None:
    """Until the first one the thing is there from its creation, and nothing is known of it."""
    attribute = {"accounts": "segment", "users": "role"}[table.name]
    who = "A," if table.name == "users" else ""
    rows = [
        f"A, {who} 2024-01-01, old,    2024-01-11,",
        f"A, {who} 2024-01-01, newest, 2024-02-21,",
        f"A, {who} 2024-01-01, new,    2024-02-01, 2024-02-11",
    ]
    head = f"{table.key[0]}, {'account_id,' if who else ''} created_on, {attribute}, valid_from, recorded_at"
    history = open_tables(_tables({}) | {table.name: "\n".join([head, *rows])})
    assert history.report.failing == {}
    seen = {}
    for day in (1, 2, 11, 12, 33, 42, 43, 52, 53):
        as_of = dt.date(2023, 12, 31) + dt.timedelta(days=day)
        seen[day] = history.con.execute(f"SELECT {attribute} FROM {history.visible(table.name, as_of)}").fetchall()
    none, old, new = [(None,)], [("old",)], [("new",)]
    assert seen == {1: [], 2: none, 11: none, 12: old, 33: old, 42: old, 43: new, 52: new, 53: [("newest",)]}
    days = ", ".join(f"({n})" for n in seen)
    days = f"(SELECT DATE '2023-12-31' + CAST(n AS INTEGER) AS as_of FROM (VALUES {days}) AS v(n))"
    at_once = f"SELECT as_of, {attribute} FROM {history.visible_on(table.name, days)} ORDER BY 1"
    by_day = [(dt.date(2023, 12, 31) + dt.timedelta(days=d), *row) for d, rows in seen.items() for row in rows]
    assert history.con.execute(at_once).fetchall() == by_day


def test_two_rows_of_one_version_are_a_duplicate(open_tables: Callable[..., History]) -> None:
    rows = "account_id, created_on, valid_from, segment\nA, 2024-01-01, 2024-02-01, x\nA, 2024-01-01, 2024-02-01, y"
    assert open_tables(_tables({}) | {"accounts": rows}).report.failing == {"accounts": 1}
