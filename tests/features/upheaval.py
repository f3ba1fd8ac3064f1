"""Rewrites a company's tables at random, but only what becomes known on or after a day.

Rows known from that day on are deleted, changed and added (also in floods, also garbage); of rows known before it only
later columns whose time had not come are rewritten. What somebody saw before the day is left exactly as it was.
"""

from __future__ import annotations

import datetime as dt
from random import Random
from typing import Any

Row = dict[str, Any]
Tables = dict[str, list[Row]]

GARBAGE = ("", None, "nonsense", "-5", "1e99", "nan", "infinity", "-infinity", "99999-01-01", "1900-01-01",
           "0001-01-01", "2024-02-30", "A0", "nobody", "nps", "voluntary", "true", "0", "11", "x" * 300,
           'a "quoted", text')  # fmt: skip

LATE_GROUPS = {
    "users": [("deactivated_on",)],
    "subscriptions": [("ended_on", "end_reason"), ("notice_on",)],
    "tickets": [("resolved_at",), ("csat", "csat_at")],
    "invoices": [("paid_on",), ("voided_on",)],
}
"""Columns that are filled in together; the first one carries the stamp."""

OWN_TIME = {"csat": "csat_at"}


def _moment(value: dt.date) -> dt.datetime:
    return value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())


def rewrite(rng: Random, tables: Tables, day: dt.date, event: dict[str, str], flood: bool = False) -> Tables:
    """The same company as seen before `day`, another one from then on."""
    changed: Tables = {}
    for name, rows in tables.items():
        changed[name] = []
        for row in rows:
            known = max(_moment(row[event[name]]), row["recorded_at"] or dt.datetime.min)
            if known < _moment(day):
                changed[name].append(_rewrite_late(rng, name, dict(row), day))
            elif rng.random() < 0.4:
                changed[name].append(row)
            elif rng.random() < 0.6:
                changed[name].append(_later(rng, _spoil(rng, row), event[name], day))
        for _ in range(len(rows) * 3 if flood else rng.randint(0, 6)):
            if rows:
                share = 0.5 if flood else rng.choice((0.0, 0.1, 0.5))
                changed[name].append(_later(rng, _spoil(rng, rng.choice(rows), share), event[name], day))
    return changed


def _spoil(rng: Random, row: Row, share: float = 0.3) -> Row:
    return {column: rng.choice(GARBAGE) if rng.random() < share else value for column, value in row.items()}


def _later(rng: Random, row: Row, event: str, day: dt.date) -> Row:
    """The row, known only from the day on: by its event time, by its record, or by both."""
    row = dict(row)
    later = _moment(day) + dt.timedelta(days=rng.choice((0, 0, 1, rng.randint(0, 400))))
    if rng.random() < 0.5:
        row[event] = later.date()
        if rng.random() < 0.5:
            row["recorded_at"] = rng.choice((None, later, "nonsense", _moment(day) - dt.timedelta(days=40)))
    else:
        row["recorded_at"] = later
    return row


def _rewrite_late(rng: Random, table: str, row: Row, day: dt.date) -> Row:
    midnight = _moment(day)
    for group in LATE_GROUPS.get(table, []):
        stamp = f"{group[0]}_recorded_at"
        own = row[OWN_TIME.get(group[0], group[0])]
        since = row[stamp] or (own and _moment(own))
        if (since and since < midnight) or rng.random() < 0.3:
            continue
        later = midnight + dt.timedelta(days=rng.choice((0, 1, rng.randint(0, 300))))
        for column in group:
            row[column] = _late_value(rng, column, later)
        if rng.random() < 0.5:
            row[stamp] = None  # known when it comes: on or after the day
        else:
            # Recorded on or after the day, so its value may say anything, also that it came before.
            row[stamp] = later
            row[group[0]] = rng.choice((*GARBAGE, dt.date(2020, 1, 1), day - dt.timedelta(days=3)))
    return row


def _late_value(rng: Random, column: str, later: dt.datetime) -> Any:
    if column == "end_reason":
        return rng.choice(("voluntary", "involuntary", "merged", "nonsense", None))
    if column == "csat":
        return rng.choice((1, 5, 99))
    return later if column.endswith("_at") else later.date()
