"""Compiler: an expression of the algebra in, the SQL of its value out, and the scans that it needs collected."""

from __future__ import annotations

from features import algebra as a
from features.casting import quoted
from features.engine.conditions import available, inside, start_of
from features.engine.plans import IN_PLAN, plan_tables
from features.engine.scans import DAYS, AllTime, Each, OfRoles, Rows
from features.engine.usage import count_each, from_days
from features.history import History

__all__ = ["Compiler"]

APART = (("last_year", 300), ("earlier", 60))
"""Windows that end this many days ago or more are read apart, so that rows are not joined with days between."""


class Compiler:
    """Turns expressions into SQL over `state` and the scans, which all features share.

    Attributes
    ----------
    scans : by name, in order of first use.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.scans: dict[str, Rows | Each] = {}
        self.firsts: dict[str, str] = {}
        self.included = False

    def value(self, expression: a.Expression) -> str:
        """SQL for an expression in the outermost SELECT."""
        match expression:
            case a.State("as_of"):
                return "state.as_of"
            case a.State(column):
                return f"state.{quoted(column)}"
            case a.DaysUntil(date):
                return f"datediff('day', state.as_of, {self.value(date)})"
            case a.Ratio(top, bottom):
                return f"({self._double(top)} / nullif({self._double(bottom)}, 0))"
            case a.Change(now, before):
                return f"({self._double(now)} / nullif({self._double(before)}, 0) - 1)"
            case a.Minus(left, right):
                return f"({self.value(left)} - {self.value(right)})"
            case a.Least(left, right):
                return f"least({self.value(left)}, {self.value(right)})"
            case a.Included(core):
                return self._in_plan(core)
            case a.Aggregate():
                return self._aggregate(expression)
        raise TypeError(f"The engine cannot compute {type(expression).__name__}.")

    def tables(self) -> dict[str, str]:
        """Name and SQL of every temporary table, in the order in which they are made."""
        made = {}
        if any(scan.roles for scan in self.scans.values()):
            made["_roles"] = (
                "SELECT as_of AS role_as_of, account_id AS role_account, user_id AS role_user, role AS user_role "
                f"FROM {self.history.visible_on('users', DAYS)}"
            )
        if self.included:
            made |= plan_tables(self.history)
        made |= {name: scan.sql(self.history) for name, scan in self.scans.items()}
        for table, name in self.firsts.items():
            seen = f"SELECT as_of, min(_event) AS first FROM {self.history.visible_on(table, DAYS)} GROUP BY as_of"
            if table == "usage":
                days = self.history.visible_since("usage_days", DAYS)
                found = f"SELECT since, min(_event) AS first FROM {days} GROUP BY since"
                seen = f"SELECT as_of, min(first) AS first FROM ({found}) JOIN {DAYS} ON since <= as_of GROUP BY as_of"
            made[name] = seen
        return made

    def joins(self) -> str:
        """SQL that joins every scan to `state`."""
        by_account = [f"LEFT JOIN {name} USING (as_of, account_id)" for name in self.scans]
        by_day = [f"LEFT JOIN {name} USING (as_of)" for name in self.firsts.values()]
        return " ".join([*by_account, *by_day, *[IN_PLAN] * self.included])

    def _double(self, expression: a.Expression) -> str:
        return f"CAST({self.value(expression)} AS DOUBLE)"

    def _in_plan(self, core: bool) -> str:
        columns = self.history.columns.get("entitlements", frozenset())
        if not columns or (core and "core" not in columns):
            return "NULL"
        self.included = True
        return "_in_plan.core_features" if core else "_in_plan.features"

    def _aggregate(self, aggregate: a.Aggregate) -> str:
        if not available(self.history, aggregate):
            return "NULL"
        window = aggregate.window
        sql = self._measured(aggregate)
        if isinstance(aggregate, a.LimitShare) or {"entitled", "core"} & {c.test for c in window.where}:
            # Nothing is known of what a plan includes that no entitlement names.
            self.included = True
            known = "_in_plan.limited" if isinstance(aggregate, a.LimitShare) else "_in_plan.features IS NOT NULL"
            sql = f"CASE WHEN {known} THEN {sql} END"
        if window.whole:
            first = self.firsts.setdefault(window.table, f"_first_{window.table}")
            begin = start_of(window, "state.as_of")
            sql = f"CASE WHEN {first}.first <= {begin} AND state.subscribed_on <= {begin} THEN {sql} END"
        return sql

    def _measured(self, aggregate: a.Aggregate) -> str:
        """SQL for an aggregate, without regard to what makes it missing as a whole."""
        if counted := count_each(aggregate):
            rollup, counting = counted
            each = self._scan(Each, rollup.table, aggregate.window, item=rollup.item)
            assert isinstance(each, Each)  # the roll-ups that know each one are read by nothing else
            return f"coalesce({each.add(counting(each))}, 0)"
        aggregate = from_days(aggregate)
        window = aggregate.window
        forever = window.table == "usage_days" and window.days is None and not window.until
        kind = OfRoles if window.table == "usage_people" else AllTime if forever else Rows
        scan = self._scan(kind, window.table, window)
        at = quoted(window.at) if window.at else "_event"
        rows = f" FILTER (WHERE {inside(window)})"
        match aggregate:
            case a.Count():
                return f"coalesce({scan.add(f'count(*){rows}')}, 0)"
            case a.Sum(_, column):
                # Rows without any value add up to nothing known, which is not 0.
                count, total = scan.add(f"count(*){rows}"), scan.add(f"sum({quoted(column)}){rows}")
                return f"CASE WHEN coalesce({count}, 0) = 0 THEN 0 ELSE {total} END"
            case a.Distinct(_, column):
                return f"coalesce({scan.add(f'count(DISTINCT {quoted(column)}){rows}')}, 0)"
            case a.Active():
                return f"coalesce({scan.add(f'count(DISTINCT CAST({at} AS DATE)){rows}')}, 0)"
            case a.Mean(_, column):
                total, count = scan.add(f"sum({quoted(column)}){rows}"), scan.add(f"count({quoted(column)}){rows}")
                return f"(CAST({total} AS DOUBLE) / nullif({count}, 0))"
            case a.MedianHours(_, start, end):
                seconds = f"datediff('second', {quoted(start)}, {quoted(end)})"
                return f"({scan.add(f'quantile_cont({seconds}, 0.5){rows}')} / 3600)"
            case a.Latest(_, column):
                # Among rows of one time the largest value is taken, so that their order decides nothing.
                order = f"struct_pack(t := {at}, v := {quoted(column)})"
                return scan.add(f"arg_max({quoted(column)}, {order}){rows}")
            case a.DaysSince():
                return f"datediff('day', CAST({scan.add(f'max({at}){rows}')} AS DATE), state.as_of)"
            case a.Earliest():
                return f"datediff('day', CAST({scan.add(f'min({at}){rows}')} AS DATE), state.as_of)"
        raise TypeError(f"The engine cannot compute {type(aggregate).__name__}.")

    def _scan(self, kind: type, table: str, window: a.Window, **more: str) -> Rows | Each:
        """The scan of a table that a window belongs to, reaching as far as the window does."""
        bounded = window.days is not None and window.at is None
        span = next((name for name, days in APART if window.until >= days), "recent") if bounded else "ever"
        if kind is AllTime:
            span = "all_time"
        by_role = kind is OfRoles
        name = f"{table}_by_role_{span}" if by_role else f"{table}_{span}"
        scan = self.scans.setdefault(name, kind(name, table, bounded=bounded, **more))
        scan.near = min(scan.near, window.until)
        scan.far = max(scan.far, window.until + (window.days or 0))
        tests = {c.test for c in window.where}
        scan.roles |= "role" in tests
        if isinstance(scan, OfRoles):
            scan.of_roles |= {str(v) for c in window.where if c.test == "role" for v in c.values}
        if isinstance(scan, Each):
            scan.included |= bool(tests & {"entitled", "core"})
        return scan
