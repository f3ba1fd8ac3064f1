"""Conditions: which rows a window holds, as SQL over rows that carry `as_of`, and whether a history can tell."""

from __future__ import annotations

from features import algebra as a
from features.casting import quoted
from features.contract import CONTRACT
from features.history import History
from features.rollups import ROLLUPS

__all__ = ["available", "condition", "inside", "start_of", "within"]


def available(history: History, aggregate: a.Aggregate) -> bool:
    """Whether the history has every table and column that an aggregate needs."""
    window = aggregate.window
    needed: dict[str, set[str]] = {window.table: {c.column for c in window.where if c.needed}}
    needed[window.table] |= {str(v) for c in window.where if c.test == "after" for v in c.values}
    needed[window.table] |= {getattr(aggregate, f) for f in ("column", "start", "end") if hasattr(aggregate, f)}
    needed[window.table] |= {window.at} if window.at else set()
    for test in window.where:
        if test.test == "role":
            needed.setdefault("users", set()).update({"role"} if test.values else ())
        elif test.test in ("entitled", "core"):
            needed.setdefault("entitlements", set()).update({"core"} if test.test == "core" else ())
    if isinstance(aggregate, a.LimitShare):
        needed.setdefault("entitlements", set()).add("monthly_limit")
    return all(table in history.tables and columns <= history.columns[table] for table, columns in needed.items())


def start_of(window: a.Window, as_of: str) -> str:
    """SQL for the first day of a window that has one."""
    return f"({as_of} - {window.until + (window.days or 0)})"


def within(window: a.Window, at: str, as_of: str = "as_of") -> list[str]:
    """SQL tests that place a row's time in the window; that it lies before as_of has been seen to."""
    tests = []
    if window.at or window.until:
        tests.append(f"{at} < {as_of} - {window.until}")
    if window.days is not None:
        tests.append(f"{at} >= {start_of(window, as_of)}")
    return tests


def inside(window: a.Window) -> str:
    """SQL that is true for the rows of a window."""
    at = quoted(window.at) if window.at else "_event"
    return " AND ".join([*(condition(window.table, c) for c in window.where), *within(window, at)]) or "true"


def condition(table: str, test: a.Condition) -> str:
    """SQL that is true for the rows that meet a condition; `user_role` and `role_user` come from the join of roles."""
    if test.test == "role":
        return f"user_role IN ({_listed(test.values)})" if test.values else "role_user IS NOT NULL"
    name = quoted(test.column)
    match test.test:
        case "in":
            if _kind(table, test.column) == "boolean":
                return f"{name} IN ({', '.join(str(v) for v in test.values)})"
            return f"{name} IN ({_listed(test.values)})"
        case "at least":
            return f"{name} >= {test.values[0]}"
        case "at most":
            return f"{name} <= {test.values[0]}"
        case "empty":
            return f"{name} IS NULL"
        case "filled":
            return f"{name} IS NOT NULL"
        case "due":
            return f"{name} < as_of"
        case "after":
            return f"{name} > {quoted(str(test.values[0]))}"
    raise TypeError(f"The engine cannot test {test.test!r} on rows of {table}.")


def _kind(table: str, column: str) -> str:
    return ROLLUPS[table][column] if table in ROLLUPS else CONTRACT[table].by_name[column].kind


def _listed(values: tuple[str | int, ...]) -> str:
    return ", ".join("'" + str(v).replace("'", "''") + "'" for v in values)
