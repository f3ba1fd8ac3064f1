"""Rewrites a company's tables at random, but only what becomes known on or after a day.

Rows known from that day on are deleted, changed and added (also in floods, also garbage); of rows known before it only
later columns whose time had not come are rewritten, and dated versions whose day had not. What somebody saw before the
day is left exactly as it was.
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
    "accounts": [("sold_on", "sold_by")],
    "users": [("deactivated_on",)],
    "subscriptions": [("ended_on", "end_reason"), ("notice_on",), ("notice_withdrawn_on",)],
    "milestones": [("reached_on",)],
    "tickets": [("first_response_at",), ("resolved_at",), ("reopened_at",), ("escalated_at",), ("csat_at", "csat")],
    "invoices": [("paid_on",), ("voided_on",)],
    "assignments": [("to_on",)],
    "arms": [("to_on",)],
}
"""Columns that are filled in together; the first one says when, and carries the stamp."""
KEYS = {"accounts": "account_id", "users": "user_id"}
"""Tables whose rows may be dated versions, with what names the thing."""


def _moment(value: dt.date) -> dt.datetime:
    return value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())


def known(row: Row, event: tuple[str, ...]) -> dt.datetime:
    """When somebody first had a row: the later of its event and its record."""
    times = [row[c] if c != "reached_on" else _late_time(row, c) for c in event]
    happened = min((_moment(t) for t in times if t), default=None)
    if "reached_on" in event and row["due_on"] is None and row["recorded_at"]:
        return row["recorded_at"]  # a plan without a date is known from its record alone
    if event and happened is None:
        return dt.datetime.max
    return max(happened or dt.datetime.min, row["recorded_at"] or dt.datetime.min)


def _late_time(row: Row, column: str) -> dt.datetime | None:
    """When a later value came to be known; one recorded ahead of its day counts from its day."""
    if row[column] is None:
        return None
    return max(_moment(row[column]), row[f"{column}_recorded_at"] or dt.datetime.min)


def rewrite(
    rng: Random, tables: Tables, day: dt.date, event: dict[str, tuple[str, ...]], flood: bool = False
) -> Tables:
    """The same company as seen before `day`, another one from then on."""
    changed: Tables = {}
    for name, rows in tables.items():
        changed[name] = []
        for row in rows:
            if known(row, event[name]) < _moment(day):
                changed[name].append(_rewrite_late(rng, name, dict(row), day))
            elif rng.random() < 0.4:
                changed[name].append(row)
            elif rng.random() < 0.6:
                changed[name].append(_later(rng, _spoil(rng, row), event[name], day))
        for _ in range(len(rows) * 3 if flood else rng.randint(0, 6)):
            if rows:
                share = 0.5 if flood else rng.choice((0.0, 0.1, 0.5))
                changed[name].append(_later(rng, _spoil(rng, rng.choice(rows), share), event[name], day))
        if name in KEYS:
            seen = [row for row in rows if known(row, event[name]) < _moment(day)]
            _add_versions(rng, changed[name], seen, KEYS[name], day)
    return changed


def cut(tables: Tables, day: dt.date, event: dict[str, tuple[str, ...]]) -> Tables:
    """The company as a copy made at the start of a day: no row and no later value that was not known by then."""
    midnight, kept = _moment(day), {}
    for name, rows in tables.items():
        kept[name] = [dict(row) for row in rows if known(row, event[name]) < midnight]
        for row in kept[name]:
            for group in LATE_GROUPS.get(name, []):
                since = _late_time(row, group[0])
                if since and (row[f"{group[0]}_recorded_at"] or since) >= midnight:
                    row.update(dict.fromkeys((*group, f"{group[0]}_recorded_at")))
    return kept


def _spoil(rng: Random, row: Row, share: float = 0.3) -> Row:
    return {column: rng.choice(GARBAGE) if rng.random() < share else value for column, value in row.items()}


def _later(rng: Random, row: Row, event: tuple[str, ...], day: dt.date) -> Row:
    """The row, known only from the day on: by its event time, by its record, or by both."""
    row = dict(row)
    later = _moment(day) + dt.timedelta(days=rng.choice((0, 0, 1, rng.randint(0, 400))))
    if event and rng.random() < 0.5:
        for column in event:
            row[column] = later.date()
        if "reached_on" in event and rng.random() < 0.5:
            # Reached before the day, they say, but only now.
            row["reached_on"], row["reached_on_recorded_at"] = day - dt.timedelta(days=30), later
        if rng.random() < 0.5:
            row["recorded_at"] = rng.choice((None, later, "nonsense", _moment(day) - dt.timedelta(days=40)))
    else:
        row["recorded_at"] = later
    return row


def _rewrite_late(rng: Random, table: str, row: Row, day: dt.date) -> Row:
    midnight = _moment(day)
    for group in LATE_GROUPS.get(table, []):
        first, stamp = group[0], f"{group[0]}_recorded_at"
        since = row[stamp] or (row[first] and _moment(row[first]))
        if (row[first] and since < midnight) or rng.random() < 0.3:
            continue
        later = midnight + dt.timedelta(days=rng.choice((0, 1, rng.randint(0, 300))))
        for column in group:
            row[column] = _late_value(rng, column, later)
        if rng.random() < 0.5:
            row[stamp] = None  # known when it comes: on or after the day
        else:
            # Recorded on or after the day, so its value may say anything, also that it came before.
            row[stamp] = later
            row[first] = rng.choice((*GARBAGE, dt.date(2020, 1, 1), *(day - dt.timedelta(days=n) for n in (3, 40, 90))))
    if table in KEYS and row["valid_from"] and row["valid_from"] >= day:
        row.update(_attributes(rng, row))
    return row


def _late_value(rng: Random, column: str, later: dt.datetime) -> Any:
    if column == "end_reason":
        return rng.choice(("voluntary", "involuntary", "merged", "superseded", "nonsense", None))
    if column == "sold_by":
        return "somebody"
    if column == "csat":
        return rng.choice((1, 5, 99))
    return later if column.endswith("_at") else later.date()


def _attributes(rng: Random, row: Row) -> Row:
    """Other values of what a dated version says."""
    said = {"segment": "huge", "region": "west", "employees": 7, "role": "champion", "department": "board"}
    return {c: v for c, v in said.items() if c in row and rng.random() < 0.6}


def _add_versions(rng: Random, rows: list[Row], seen: list[Row], key: str, day: dt.date) -> None:
    """More dated versions of what was seen: valid from the day on, or recorded from then on and reaching back."""
    for row in rng.sample(seen, min(len(seen), 4)):
        start, stamp = day + dt.timedelta(days=rng.choice((0, 1, 90))), row["recorded_at"]
        if rng.random() < 0.5:
            start = rng.choice((row["created_on"], day - dt.timedelta(days=rng.randint(0, 90))))
            stamp = _moment(day) + dt.timedelta(days=rng.randint(0, 9))
        if start not in {r["valid_from"] for r in rows if r[key] == row[key]}:
            rows.append(row | _attributes(rng, row) | {"valid_from": start, "recorded_at": stamp})
