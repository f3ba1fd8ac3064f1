"""Engine: compiles the catalogue to DuckDB SQL, one query an as_of day over the rows visible then.

Counts and sums are taken over integers and decimals and divided last, so that no result depends on the order of rows
or on threads. A feature whose table or column the history lacks is missing, never zero.
"""

from __future__ import annotations

import datetime as dt

from features import algebra as a
from features.casting import quoted
from features.cohort import COHORT
from features.contract import CONTRACT
from features.feature import Catalogue
from features.history import History
from features.subscriptions import account_states

__all__ = ["feature_query"]


def feature_query(catalogue: Catalogue, history: History, as_of: dt.date) -> str:
    """SQL for one row per cohort account: account_id, then every feature as a DOUBLE or a VARCHAR."""
    compiler = _Compiler(history, as_of)
    values = []
    for feature in catalogue:
        kind = "DOUBLE" if feature.kind == "number" else "VARCHAR"
        values.append(f"CAST({compiler.value(feature.measure)} AS {kind}) AS {quoted(feature.name)}")
    parts = [f"state AS (SELECT * FROM {account_states(history, as_of)} WHERE {COHORT})", *compiler.tables()]
    joins = " ".join(f"LEFT JOIN {name} USING (account_id)" for name in compiler.names())
    return f"WITH {', '.join(parts)} SELECT state.account_id, {', '.join(values)} FROM state {joins}"


class _Compiler:
    """Collects the aggregates that the features need, so that each table is read at most twice an as_of day.

    Aggregates over a bounded window share one scan of the recent rows; those over all of history share another.
    """

    def __init__(self, history: History, as_of: dt.date) -> None:
        self.history = history
        self.as_of = as_of
        self.scans: dict[tuple[str, bool], dict[str, str]] = {}
        self.reach: dict[str, int] = {}

    def value(self, expression: a.Expression) -> str:
        """SQL for an expression in the outermost SELECT."""
        match expression:
            case a.State("as_of"):
                return self._day(0, "DATE")
            case a.State(column):
                return f"state.{quoted(column)}"
            case a.DaysUntil(date):
                return f"datediff('day', {self._day(0, 'DATE')}, {self.value(date)})"
            case a.Ratio(top, bottom):
                return f"({self._double(top)} / nullif({self._double(bottom)}, 0))"
            case a.Change(now, before):
                return f"({self._double(now)} / nullif({self._double(before)}, 0) - 1)"
            case a.Minus(left, right):
                return f"({self.value(left)} - {self.value(right)})"
            case a.Aggregate():
                return self._aggregate(expression)
        raise TypeError(f"The engine cannot compute {type(expression).__name__}.")

    def names(self) -> list[str]:
        """Names of the scans, for joining."""
        return [_scan_name(table, bounded) for table, bounded in self.scans]

    def tables(self) -> list[str]:
        """One common table expression for each scan."""
        parts = []
        for (table, bounded), columns in self.scans.items():
            listed = ", ".join(f"{sql} AS {name}" for sql, name in columns.items())
            recent = f" WHERE _event >= {self._day(self.reach[table])}" if bounded else ""
            parts.append(
                f"{_scan_name(table, bounded)} AS (SELECT account_id, {listed} "
                f"FROM {self.history.visible(table, self.as_of)}{recent} GROUP BY account_id)"
            )
        return parts

    def _double(self, expression: a.Expression) -> str:
        return f"CAST({self.value(expression)} AS DOUBLE)"

    def _aggregate(self, aggregate: a.Aggregate) -> str:
        window = aggregate.window
        if not self._available(aggregate):
            return "NULL"
        inside = self._inside(window)
        at = quoted(window.at) if window.at else "_event"
        rows = f" FILTER (WHERE {inside})"
        match aggregate:
            case a.Count():
                return self._zero(window, f"count(*){rows}")
            case a.Sum(_, column):
                # Rows without any value add up to nothing known, which is not 0.
                count = self._zero(window, f"count(*){rows}")
                return f"CASE WHEN {count} = 0 THEN 0 ELSE {self._column(window, f'sum({quoted(column)}){rows}')} END"
            case a.Distinct(_, column):
                return self._zero(window, f"count(DISTINCT {quoted(column)}){rows}")
            case a.Active():
                return self._zero(window, f"count(DISTINCT CAST({at} AS DATE)){rows}")
            case a.Mean(_, column):
                total = self._column(window, f"sum({quoted(column)}){rows}")
                count = self._column(window, f"count({quoted(column)}){rows}")
                return f"(CAST({total} AS DOUBLE) / nullif({count}, 0))"
            case a.MedianHours(_, start, end):
                seconds = f"datediff('second', {quoted(start)}, {quoted(end)})"
                return f"({self._column(window, f'quantile_cont({seconds}, 0.5){rows}')} / 3600)"
            case a.Latest(_, column):
                # Among rows of one time the largest value is taken, so that their order decides nothing.
                order = f"struct_pack(t := {at}, v := {quoted(column)})"
                return self._column(window, f"arg_max({quoted(column)}, {order}){rows}")
            case a.DaysSince():
                return (
                    f"datediff('day', CAST({self._column(window, f'max({at}){rows}')} AS DATE), {self._day(0, 'DATE')})"
                )
            case a.Earliest():
                return (
                    f"datediff('day', CAST({self._column(window, f'min({at}){rows}')} AS DATE), {self._day(0, 'DATE')})"
                )
        raise TypeError(f"The engine cannot compute {type(aggregate).__name__}.")

    def _days_from(self, instant: str) -> str:
        return f"datediff('day', CAST({instant} AS DATE), {self._day(0, 'DATE')})"

    def _available(self, aggregate: a.Aggregate) -> bool:
        """Whether the history has the table and every column that the aggregate needs."""
        window = aggregate.window
        if window.table not in self.history.tables:
            return False
        needed = {c.column for c in window.where if c.needed}
        needed |= {str(v) for c in window.where if c.test == "after" for v in c.values}
        needed |= {getattr(aggregate, f) for f in ("column", "start", "end") if hasattr(aggregate, f)}
        needed |= {window.at} if window.at else set()
        return needed <= self.history.columns[window.table]

    def _zero(self, window: a.Window, sql: str) -> str:
        return f"coalesce({self._column(window, sql)}, 0)"

    def _column(self, window: a.Window, sql: str) -> str:
        """The name, in the outer query, of an aggregate that a scan computes; equal aggregates are computed once."""
        bounded = window.days is not None and window.at is None
        if window.days is not None and window.at is None:
            self.reach[window.table] = max(self.reach.get(window.table, 0), window.days + window.until)
        columns = self.scans.setdefault((window.table, bounded), {})
        name = columns.setdefault(sql, f"v{len(columns)}")
        return f"{_scan_name(window.table, bounded)}.{name}"

    def _inside(self, window: a.Window) -> str:
        """SQL that is true for the rows of a window; `visible` has already dropped what comes on or after as_of."""
        at = quoted(window.at) if window.at else "_event"
        tests = [self._condition(window.table, c) for c in window.where]
        if window.at or window.until:
            tests.append(f"{at} < {self._day(window.until)}")
        if window.days is not None:
            tests.append(f"{at} >= {self._day(window.until + window.days)}")
        return " AND ".join(tests) or "true"

    def _condition(self, table: str, condition: a.Condition) -> str:
        column = CONTRACT[table].by_name[condition.column]
        name = quoted(column.name)
        match condition.test:
            case "in":
                if column.kind == "boolean":
                    return f"{name} IN ({', '.join(str(v) for v in condition.values)})"
                listed = ", ".join("'" + str(v).replace("'", "''") + "'" for v in condition.values)
                return f"{name} IN ({listed})"
            case "at least":
                return f"{name} >= {condition.values[0]}"
            case "at most":
                return f"{name} <= {condition.values[0]}"
            case "empty":
                return f"{name} IS NULL"
            case "filled":
                return f"{name} IS NOT NULL"
            case "due":
                return f"{name} < {self._day(0)}"
            case "after":
                return f"{name} > {quoted(str(condition.values[0]))}"

    def _day(self, before: int, kind: str = "TIMESTAMP") -> str:
        return f"{kind} '{(self.as_of - dt.timedelta(days=before)).isoformat()}'"


def _scan_name(table: str, bounded: bool) -> str:
    return f"{table}_{'recent' if bounded else 'ever'}"
