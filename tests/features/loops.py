"""Loops: the algebra read word by word over plain rows, one account and day at a time, and random sentences in it.

`oracle.py` says what each feature of the catalogue should be; this says what any declaration should be, so that what
the catalogue does not use yet is tested too.
"""

from __future__ import annotations

import datetime as dt
from random import Random
from statistics import median
from typing import Any

from features import algebra as a

Row = dict[str, Any]

TIMES = {
    "usage": ("day",),
    "users": ("created_on", "deactivated_on"),
    "tickets": ("opened_at", "resolved_at", "escalated_at", "csat_at"),
    "invoices": ("issued_on", "due_on", "paid_on"),
    "payments": ("attempted_at",),
    "surveys": ("responded_at",),
    "touches": ("occurred_at",),
    "advocacy": ("occurred_on",),
    "assignments": ("from_on", "to_on"),
}
"""By table the columns that can place a row in time, its own first."""
NUMBERS = {"usage": ("events", "minutes"), "tickets": ("csat",), "invoices": ("amount",), "surveys": ("score",),
           "touches": ("minutes", "satisfaction")}  # fmt: skip
TEXTS = {
    "usage": {"feature": "abcde", "user_id": ("A0u0", "A1u1", "A2u0")},
    "users": {"role": ("champion", "admin"), "department": ("it", "legal")},
    "tickets": {"priority": ("high", "low"), "category": ("bug",), "user_id": ("A0u0",)},
    "payments": {"failure_reason": ("expired_card", "hard_decline"), "succeeded": ("false", "true")},
    "surveys": {"kind": ("nps", "ces"), "user_id": ("A0u0",)},
    "touches": {"kind": ("call", "qbr"), "direction": ("in",), "answered": ("true",), "csm_id": ("c1",)},
    "advocacy": {"kind": ("review", "webinar")},
    "assignments": {"csm_id": ("c1", "c2")},
}
USED = a.Condition("events", "at least", (1,))
STATES = ("seats", "employees", "upgrades_365d", "renewals_completed", "returns", "term_months")


def _day(value: Any) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value


def _moment(value: Any) -> dt.datetime:
    return value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())


def value_of(expression: a.Expression, view: Any, states: dict[str, Any]) -> Any:
    """What an expression comes to; `view` is the oracle's of an account and day, `states` its features there."""
    match expression:
        case a.State("as_of"):
            return view.as_of
        case a.State("subscribed_on"):
            return view.first_paid
        case a.State(column):
            return states[column]
        case a.DaysUntil(date):
            when = value_of(date, view, states)
            return None if when is None else (when - view.as_of).days
        case a.Included(core):
            included = _included(view)
            return None if included is None else len([e for e in included.values() if e["core"] or not core])
        case a.Ratio(top, bottom) | a.Change(top, bottom):
            up, down = value_of(top, view, states), value_of(bottom, view, states)
            share = float(up) / float(down) if up is not None and down else None
            return share - 1 if share is not None and isinstance(expression, a.Change) else share
        case a.Least(left, right):
            return min((v for v in (value_of(left, view, states), value_of(right, view, states)) if v is not None),
                       default=None)  # fmt: skip
        case a.Minus(left, right):
            pair = [value_of(side, view, states) for side in (left, right)]
            if None in pair:
                return None
            if float in map(type, pair):
                pair = [float(side) for side in pair]
            less = pair[0] - pair[1]
            return less.days if isinstance(less, dt.timedelta) else less
        case a.Aggregate():
            return _aggregate(expression, view)
    raise TypeError(expression)


def _included(view: Any) -> dict[str, Row] | None:
    """By feature whether it is core and its limit; None where a plan is in no entitlement."""
    found: dict[str, Row] = {}
    for plan in {s["plan"] for s in view.active}:
        own = [e for e in view.all["entitlements"] if e["plan"] == plan]
        if not own:
            return None
        for e in own:
            one = found.setdefault(e["feature"], {"core": False, "limits": []})
            one["core"] = one["core"] or bool(e["core"])
            one["limits"].append(e["monthly_limit"])
    return found


def _meets(row: Row, test: a.Condition, view: Any) -> bool:
    match test.test:
        case "role":
            user = row["user_id"]
            return user in view.roles and (not test.values or view.roles[user] in test.values)
        case "entitled" | "core":
            one = (_included(view) or {}).get(row["feature"])
            return bool(one and (one["core"] or test.test == "entitled"))
        case "empty":
            return row[test.column] is None
        case "filled":
            return row[test.column] is not None
    value = row[test.column]
    if value is None:
        return False
    match test.test:
        case "in":
            return (str(value).lower() if isinstance(value, bool) else value) in test.values
        case "at least":
            return value >= test.values[0]
        case "at most":
            return value <= test.values[0]
        case "due":
            return _moment(value) < _moment(view.as_of)
        case "after":
            other = row[str(test.values[0])]
            return other is not None and _moment(value) > _moment(other)
    raise TypeError(test)


def _aggregate(aggregate: a.Aggregate, view: Any) -> Any:
    window = aggregate.window
    if any(c.test in ("entitled", "core") for c in window.where) and _included(view) is None:
        return None
    if window.whole and not view.observed(window.table, window.until + (window.days or 0)):
        return None
    at = window.at or TIMES[window.table][0]
    rows = view.rows(window.table, window.days, window.until, at)
    rows = [r for r in rows if all(_meets(r, c, view) for c in window.where)]
    values = (
        [r[aggregate.column] for r in rows if r[aggregate.column] is not None] if hasattr(aggregate, "column") else []
    )
    match aggregate:
        case a.Count():
            return len(rows)
        case a.Sum():
            return sum(values) if values or not rows else None
        case a.Distinct():
            return len(set(values))
        case a.Regulars(_, column, least):
            days = {v: {_day(r[at]) for r in rows if r[column] == v} for v in set(values)}
            return sum(len(d) >= least for d in days.values())
        case a.LimitShare():
            limits = {f: sum(e["limits"]) for f, e in (_included(view) or {}).items() if None not in e["limits"]}
            done = [sum(r["events"] for r in rows if r["feature"] == f) / float(x) for f, x in limits.items() if x > 0]
            return max(done, default=None)
        case a.Active():
            return len({_day(r[at]) for r in rows})
        case a.Mean():
            return float(sum(values)) / len(values) if values else None
        case a.MedianHours(_, start, end):
            both = [r for r in rows if r[start] and r[end]]
            return median((_moment(r[end]) - _moment(r[start])).total_seconds() for r in both) / 3600 if both else None
        case a.Latest(_, column):
            return max(((_moment(r[at]), r[column]) for r in rows), default=(None, None))[1]
        case a.Earliest():
            return (view.as_of - min(_day(r[at]) for r in rows)).days if rows else None
        case a.DaysSince():
            return (view.as_of - max(_day(r[at]) for r in rows)).days if rows else None
    raise TypeError(aggregate)


def speak(rng: Random) -> a.Expression:
    """A random expression that the engine promises to compute."""
    roll = rng.random()
    if roll < 0.1:
        return rng.choice((a.Included(), a.Included(core=True), a.State(rng.choice(STATES))))
    if roll < 0.25:
        return rng.choice((a.Ratio, a.Change, a.Minus, a.Least))(_measure(rng), _measure(rng))
    return _measure(rng)


def _window(rng: Random, table: str, where: tuple[a.Condition, ...], whole: bool = True) -> a.Window:
    days = rng.choice((None, 1, 7, 28, 28, 84, 90, 180, 365))
    until = rng.choice((0, 0, 0, 1, 28, 84, 180, 364))
    at = rng.choice(TIMES[table]) if rng.random() < 0.3 else None
    return a.Window(table, days, until, at, where, whole and days is not None and at is None and rng.random() < 0.2)


def _measure(rng: Random) -> a.Aggregate:
    table = rng.choice(("usage", "usage", "usage", *TIMES))
    where = [USED] if table == "usage" and rng.random() < 0.8 else []
    people = table in ("usage", "tickets", "surveys")
    texts = TEXTS.get(table, {})
    if table == "usage" and rng.random() < 0.5:
        return _each(rng)
    if texts and rng.random() < 0.4:
        column = rng.choice(list(texts))
        where.append(
            a.Condition(column, "in", tuple(rng.sample(list(texts[column]), rng.randint(1, len(texts[column])))))
        )
    if people and rng.random() < 0.25:
        where.append(a.Condition("user_id", "role", rng.choice(((), ("champion",), ("champion", "member")))))
    times = [t for t in TIMES[table][1:] if t != "due_on"]
    if times and rng.random() < 0.3:
        where.append(a.Condition(rng.choice(times), rng.choice(("empty", "filled"))))
    if table == "invoices" and rng.random() < 0.5:
        where += rng.choice(([a.Condition("due_on", "due")], [a.Condition("paid_on", "after", ("due_on",))]))
    numbers = NUMBERS.get(table, ())
    if numbers and rng.random() < 0.2:
        where.append(a.Condition(rng.choice(numbers), rng.choice(("at least", "at most")), (rng.randint(1, 5),)))
    window = _window(rng, table, tuple(where))
    makes: list[Any] = [a.Count, a.Active, a.Earliest, a.DaysSince]
    if numbers:
        makes += [lambda w: a.Sum(w, rng.choice(numbers)), lambda w: a.Mean(w, rng.choice(numbers))]
    if table in ("invoices", "surveys"):
        makes.append(lambda w: a.Latest(w, numbers[0]))
    if texts and not (table == "usage" and any(c.test == "role" for c in where)):
        makes.append(lambda w: a.Distinct(w, rng.choice([t for t in texts if t not in ("succeeded", "answered")])))
    if table == "tickets":
        makes.append(lambda w: a.MedianHours(w, "opened_at", rng.choice(TIMES["tickets"][1:])))
    return rng.choice(makes)(window)


def _each(rng: Random) -> a.Aggregate:
    """Counts over users and product features, which have ways of their own through the roll-ups."""
    feature = rng.random() < 0.5
    where: tuple[a.Condition, ...] = (USED,)
    if feature and rng.random() < 0.6:
        where += (a.Condition("feature", rng.choice(("entitled", "core"))),)
    elif not feature and rng.random() < 0.5:
        where += (a.Condition("user_id", "role", rng.choice(((), ("champion",), ("admin", "member")))),)
    window = _window(rng, "usage", where)
    window = a.Window("usage", window.days, window.until, None, where, window.whole)
    short = a.Window("usage", rng.choice((7, 28, 60)), window.until, None, where, window.whole)
    if feature:
        return rng.choice((a.Distinct(window, "feature"), a.LimitShare(short)))
    return rng.choice((a.Distinct(window, "user_id"), a.Regulars(short, "user_id", rng.choice((1, 2, 3)))))
