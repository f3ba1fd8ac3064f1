"""Roll-ups: usage added up by day, once, so that windows read days instead of events.

Each keeps when it became known (`_known`), so that the same time gate holds; a day whose rows became known at
different times has a row for each. `first` marks the row of use known first, by which days of use are counted once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

__all__ = ["ROLLUPS", "roll_up", "unordered"]

ROLLUPS: dict[str, dict[str, str]] = {
    "usage_days": {
        "account_id": "text", "day": "date", "rows": "integer", "used_rows": "integer", "events": "integer",
        "minutes": "number", "timed_rows": "integer", "first": "boolean",
    },
    "usage_people": {
        "account_id": "text", "user_id": "text", "day": "date", "events": "integer", "first": "boolean",
    },
    "usage_features": {
        "account_id": "text", "feature": "text", "day": "date", "events": "integer",
    },
    "usage_persons": {"account_id": "text", "user_id": "text", "day": "date"},
    "usage_kinds": {"account_id": "text", "feature": "text", "day": "date"},
}  # fmt: skip
"""By roll-up its columns and their kinds.

usage_days : an account's day: all rows, rows of use (at least one event), all events, and over the rows of use minutes
    and rows that have minutes.
usage_people : a user's day of use. usage_features : rows of use, since a day has hardly fewer features than rows.
usage_persons, usage_kinds : each user, or product feature, with the first day of use; again with an earlier day
    where that became known later.
"""


@contextmanager
def unordered(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let threads write rows as they come, where nothing depends on their order; numbering rows does."""
    con.execute("SET preserve_insertion_order = false")
    try:
        yield
    finally:
        con.execute("SET preserve_insertion_order = true")


def roll_up(con: duckdb.DuckDBPyConnection) -> None:
    """Create every roll-up from the loaded and validated table `usage`."""
    late = con.execute("SELECT 1 FROM usage WHERE CAST(_known AS DATE) > day LIMIT 1").fetchone() is not None
    known = "CAST(_known AS DATE) AS _known" if late else "day AS _known"
    con.execute(
        f"""
        CREATE TABLE usage_days AS
        SELECT *, CAST(day AS TIMESTAMP) AS _event, {_first(late, "account_id, day", "used_rows > 0")} AS first
        FROM (
            SELECT account_id, day, {known}, count(*) AS rows, count(*) FILTER (WHERE events >= 1) AS used_rows,
                   CAST(sum(events) AS BIGINT) AS events, sum(minutes) FILTER (WHERE events >= 1) AS minutes,
                   count(minutes) FILTER (WHERE events >= 1) AS timed_rows
            FROM usage GROUP BY ALL
        )
        """
    )
    con.execute(
        f"""
        CREATE TABLE usage_people AS
        SELECT *, CAST(day AS TIMESTAMP) AS _event, {_first(late, "account_id, user_id, day", "true")} AS first
        FROM (
            SELECT account_id, user_id, day, {known}, CAST(sum(events) AS BIGINT) AS events
            FROM usage WHERE events >= 1 AND user_id IS NOT NULL GROUP BY ALL
        )
        """
    )
    con.execute(
        f"CREATE VIEW usage_features AS SELECT account_id, feature, day, {known}, events, _event "
        "FROM usage WHERE events >= 1"
    )
    for name, column, daily in (
        ("usage_persons", "user_id", "usage_people"),
        ("usage_kinds", "feature", "usage_features"),
    ):
        firsts = _firsts(late, f"account_id, {column}", daily)
        con.execute(f"CREATE TABLE {name} AS SELECT *, CAST(day AS TIMESTAMP) AS _event FROM ({firsts})")


def _first(late: bool, whose: str, condition: str) -> str:
    """SQL that is true for one row a day: the one known first, of those that meet a condition."""
    if not late:
        return condition
    return f"{condition} AND _known = min(_known) FILTER (WHERE {condition}) OVER (PARTITION BY {whose})"


def _firsts(late: bool, columns: str, daily: str) -> str:
    """SQL for the first day of each, and for every earlier one that became known after it."""
    if not late:
        return f"SELECT {columns}, min(day) AS day, min(day) AS _known FROM {daily} GROUP BY ALL"
    by_day = f"PARTITION BY {columns} ORDER BY day, _known ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    return f"SELECT {columns}, day, _known FROM {daily} QUALIFY coalesce(_known < min(_known) OVER ({by_day}), true)"
