"""Usage: what can be measured on its daily roll-ups instead of its rows.

A window of use (rows with at least one event) is rewritten in the same algebra over `usage_days`; what counts users or
product features is said over what is known of each one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from features import algebra as a
from features.engine.conditions import condition, start_of, within
from features.engine.scans import Each

__all__ = ["EachKind", "count_each", "from_days"]

USED = a.Condition("events", "at least", (1,))
USED_DAY = a.Condition("used_rows", "at least", (1,))
FIRST = a.Condition("first", "in", ("true",))


def from_days(aggregate: a.Aggregate) -> a.Aggregate:
    """An equal aggregate over a daily roll-up where there is one, else the same aggregate."""
    window = aggregate.window
    if window.table != "usage" or USED not in window.where or window.at:
        return aggregate
    others = tuple(c for c in window.where if c != USED)
    if others and all(c.test == "role" and c.values for c in others):
        if isinstance(aggregate, a.DaysSince) and not window.until:
            return replace(aggregate, window=replace(window, table="usage_people", where=others))
        return aggregate
    if others:
        return aggregate
    days = replace(window, table="usage_days", where=(USED_DAY,))
    match aggregate:
        case a.Count():
            return a.Sum(days, "used_rows")
        case a.Sum(_, ("events" | "minutes") as column):
            return a.Sum(days, column)
        case a.Active():
            return a.Count(replace(days, where=(FIRST,)))
        case a.DaysSince() | a.Earliest():
            return replace(aggregate, window=days)
    return aggregate


@dataclass(frozen=True)
class EachKind:
    """The roll-up that knows each user, or each product feature."""

    table: str
    item: str


def count_each(aggregate: a.Aggregate) -> tuple[EachKind, Callable[[Each], str]] | None:
    """What counts users or product features, as a roll-up and the SQL of the count over it; None for all else."""
    window = aggregate.window
    tests = tuple(c for c in window.where if c != USED)
    if window.table != "usage" or USED not in window.where or window.at or (window.whole and window.days is None):
        return None
    if any(c.test not in ("role", "entitled", "core") for c in tests):
        return None
    match aggregate:
        case a.Distinct(_, ("user_id" | "feature") as item) | a.Regulars(_, ("user_id") as item):
            pass
        case a.LimitShare():
            item = "feature"
        case _:
            return None
    if window.days is None and not isinstance(aggregate, a.Distinct):
        return None
    recent = {"user_id": "usage_people", "feature": "usage_features"}
    ever = {"user_id": "usage_persons", "feature": "usage_kinds"}
    kind = EachKind((recent if window.days is not None else ever)[item], item)

    def count(scan: Each) -> str:
        held = " AND ".join(within(window, "day")) or "true"
        where = "".join(f" AND {_each_test(c)}" for c in tests)
        match aggregate:
            case a.Regulars(_, _, at_least):
                known = scan.know(f"count(*) FILTER (WHERE first AND {held})")
                return f"count(*) FILTER (WHERE {known} >= {at_least}{where})"
            case a.LimitShare():
                scan.included = True
                known = scan.know(f"sum(events) FILTER (WHERE {held})")
                share = f"CAST({known} AS DOUBLE) / CAST(monthly_limit AS DOUBLE)"
                return f"max({share}) FILTER (WHERE monthly_limit > 0{where})"
        if window.days is None:
            known = scan.know("min(day)")
            return f"count(*) FILTER (WHERE {known} < t.as_of - {window.until}{where})"
        before = f" FILTER (WHERE day < as_of - {window.until})" if window.until else ""
        last = scan.know(f"max(day){before}")
        return f"count(*) FILTER (WHERE {last} >= {start_of(window, 't.as_of')}{where})"

    return kind, count


def _each_test(test: a.Condition) -> str:
    """SQL for what is asked of each user or feature."""
    match test.test:
        case "entitled":
            return "_included.feature IS NOT NULL"
        case "core":
            return "_included.core"
    return condition("usage", test)
