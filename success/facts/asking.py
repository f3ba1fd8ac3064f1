"""Asking: SQL over rows visible at a day in; one object for each account, as JSON has it, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from features.history import History

__all__ = ["Told", "asked", "has", "on_record", "recent", "told_without"]


class Told(NamedTuple):
    """What a table says of accounts.

    Attributes
    ----------
    found : by account_id.
    otherwise : what holds for an account of which the table says nothing; None where that is nothing at all.
    """

    found: dict[str, Any]
    otherwise: Any


def asked(history: History, sql: str) -> dict[str, dict[str, Any]]:
    """The rows of a query by account_id: the other columns as an object, without those that have no value.

    Parameters
    ----------
    sql : has a column account_id, of which no value repeats; days come as text (`on_record`).
    """
    cursor = history.con.execute(sql)
    names = [column[0] for column in cursor.description]
    place = names.index("account_id")
    rest = [n for n in range(len(names)) if n != place]
    return {str(row[place]): _tidy({names[n]: row[n] for n in rest}) for row in cursor.fetchall()}


def told_without(found: dict[str, dict[str, Any]], otherwise: dict[str, Any], lacking: Sequence[str]) -> Told:
    """What a table says that lacks the columns for some of it, which is null then."""
    unknown: dict[str, Any] = dict.fromkeys(lacking)
    return Told({account: row | unknown for account, row in found.items()}, otherwise | unknown)


def has(history: History, table: str, *columns: str) -> bool:
    """Whether a history has a table with some columns."""
    return table in history.tables and set(columns) <= history.columns[table]


def on_record(moment: str) -> str:
    """SQL: the day of a date or a time as text, 2025-03-31."""
    return f"strftime(CAST({moment} AS DATE), '%Y-%m-%d')"


def recent(moment: str, as_of: dt.date, days: int) -> str:
    """SQL: a time lies in the days before a day; that it lies before that day at all, the rows have seen to."""
    return f"{moment} >= DATE '{as_of - dt.timedelta(days=days)}'"


def _tidy(value: Any) -> Any:
    """Objects without nulls, and whole numbers as such."""
    if isinstance(value, dict):
        return {name: _tidy(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_tidy(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
