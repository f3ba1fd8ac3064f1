"""Makes small random companies, as lists of plain rows, and writes them as CSV or Parquet.

Every day of interest is drawn near `around`, with the edges of the features' windows drawn more often than chance.
All rows are right: what is wrong is added by the tests that want it.
"""

from __future__ import annotations

import csv
import datetime as dt
from calendar import monthrange
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]
Tables = dict[str, list[Row]]

EDGES = (0, 1, 7, 8, 28, 29, 56, 57, 84, 85, 90, 91, 180, 181, 365, 366)
"""Days before as_of at which some window begins or ends."""

COLUMNS = {
    "accounts": "account_id created_on name segment industry region recorded_at",
    "users": "user_id account_id created_on role deactivated_on recorded_at deactivated_on_recorded_at",
    "subscriptions": "subscription_id account_id plan started_on ended_on end_reason renews_on term_months seats mrr "
    "notice_on trial recorded_at ended_on_recorded_at notice_on_recorded_at",
    "usage": "account_id day feature events user_id minutes recorded_at",
    "tickets": "ticket_id account_id opened_at priority resolved_at csat csat_at recorded_at "
    "resolved_at_recorded_at csat_recorded_at",
    "invoices": "invoice_id account_id issued_on due_on amount paid_on voided_on recorded_at "
    "paid_on_recorded_at voided_on_recorded_at",
    "payments": "invoice_id account_id attempted_at succeeded failure_reason recorded_at",
    "cards": "account_id added_on expires_on recorded_at",
    "surveys": "account_id kind responded_at score user_id recorded_at",
}
EVENT = {
    "accounts": "created_on",
    "users": "created_on",
    "subscriptions": "started_on",
    "usage": "day",
    "tickets": "opened_at",
    "invoices": "issued_on",
    "payments": "attempted_at",
    "cards": "added_on",
    "surveys": "responded_at",
}
LATE = {
    "users": {"deactivated_on": "deactivated_on"},
    "subscriptions": {"ended_on": "ended_on", "end_reason": "ended_on", "notice_on": "notice_on"},
    "tickets": {"resolved_at": "resolved_at", "csat": "csat_at"},
    "invoices": {"paid_on": "paid_on", "voided_on": "voided_on"},
}
"""By table, each column that is filled in later with the column that says when."""


def add_months(day: dt.date, months: int) -> dt.date:
    """The same day some months on, or the month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def make(rng: Random, around: dt.date, accounts: int = 6) -> Tables:
    """A company whose rows lie around a day, before and after it."""
    tables: Tables = {name: [] for name in COLUMNS}
    for number in range(accounts):
        _account(_Maker(rng, around, tables), f"A{number}")
    for name, rows in tables.items():
        for row in rows:
            row.update({c: row.get(c) for c in COLUMNS[name].split()})
    return tables


class _Maker:
    """Draws days and writes rows of one company."""

    def __init__(self, rng: Random, around: dt.date, tables: Tables) -> None:
        self.rng, self.around, self.tables = rng, around, tables

    def day(self, first: dt.date, after: int = 60) -> dt.date:
        """A day from `first` on, often at the edge of a window."""
        edge = self.around - dt.timedelta(days=self.rng.choice(EDGES))
        if self.rng.random() < 0.3 and edge >= first:
            return edge
        last = max(self.around + dt.timedelta(days=after), first)
        return first + dt.timedelta(days=self.rng.randint(0, (last - first).days))

    def moment(self, first: dt.date) -> dt.datetime:
        clock = dt.time(0, 0) if self.rng.random() < 0.3 else dt.time(self.rng.randint(0, 23), self.rng.randint(0, 59))
        return dt.datetime.combine(self.day(first), clock)

    def stamp(self, since: dt.date | None, early: int = 0, late: int = 20) -> dt.datetime | None:
        """When something of a day was recorded; mostly nobody says."""
        if since is None or self.rng.random() < 0.6:
            return None
        start = since if isinstance(since, dt.datetime) else dt.datetime.combine(since, dt.time())
        return start + dt.timedelta(days=self.rng.randint(-early, late))

    def add(self, table: str, **row: Any) -> None:
        self.tables[table].append(row)

    def maybe(self, value: Any, share: float = 0.7) -> Any:
        return value if self.rng.random() < share else None


def _account(m: _Maker, name: str) -> None:
    rng = m.rng
    created = m.around - dt.timedelta(days=rng.choice((rng.randint(0, 500), rng.randint(-30, 90))))
    m.add(
        "accounts",
        account_id=name,
        created_on=created,
        name=f"Company {name}",
        segment=m.maybe(rng.choice(("small", "large"))),
        industry=m.maybe(rng.choice(("steel", "tea"))),
        region=m.maybe(rng.choice(("north", "south"))),
    )
    _subscriptions(m, name, created, "")
    if rng.random() < 0.4:
        _subscriptions(m, name, created, "x")
    users = [f"{name}u{i}" for i in range(rng.randint(0, 5))]
    for user in users:
        joined = m.day(created)
        left = m.maybe(m.day(joined), 0.4)
        role = m.maybe(rng.choice(("champion", "champion", "admin")), 0.8)
        m.add("users", user_id=user, account_id=name, created_on=joined, role=role, deactivated_on=left,
              recorded_at=m.stamp(joined), deactivated_on_recorded_at=m.stamp(left))  # fmt: skip
    for _ in range(rng.choice((0, 8, 40))):
        day, user = m.day(created), m.maybe(rng.choice(users or ["unregistered"]), 0.9)
        minutes = m.maybe(Decimal(rng.randint(0, 600)) / 10)
        m.add("usage", account_id=name, day=day, feature=rng.choice("abcd"), events=rng.randint(0, 9),
              user_id=user, minutes=minutes, recorded_at=m.stamp(day, 1, 9))  # fmt: skip
    _support(m, name, created)
    _money(m, name, created)


def _subscriptions(m: _Maker, name: str, created: dt.date, suffix: str) -> None:
    """Periods that follow each other: trials, changes of terms, ends, returns inside and outside the grace period."""
    rng = m.rng
    start = created + dt.timedelta(days=rng.choice((0, 0, 5, rng.randint(0, 60))))
    trial = rng.random() < 0.2
    for number in range(rng.randint(1, 4)):
        if rng.random() < 0.3:
            start = max(start, start.replace(day=monthrange(start.year, start.month)[1]))
        term = rng.choice((1, 3, 12, None))
        renews = add_months(start, term or 1) if start.day > 28 or rng.random() < 0.5 else None
        end = m.maybe(start + dt.timedelta(days=rng.choice((30, 90, rng.randint(1, 300)))), 0.7)
        reason = m.maybe(rng.choice(("voluntary", "involuntary", "superseded", "completed", "merged")), 0.9)
        notice = m.maybe(start + dt.timedelta(days=rng.randint(0, 90)), 0.25)
        if notice and end and notice > end:
            notice = end
        m.add("subscriptions", subscription_id=f"{name}s{suffix}{number}", account_id=name,
              plan=rng.choice(("basic", "pro")), started_on=start, ended_on=end, end_reason=reason if end else None,
              renews_on=renews, term_months=term, seats=m.maybe(rng.choice((0, 3, 10)), 0.8),
              mrr=rng.choice((Decimal("100"), Decimal("100.10"), Decimal("0"), Decimal(rng.randint(1, 99999)) / 100)),
              notice_on=notice, trial=trial or m.maybe(False), recorded_at=m.stamp(start, 5, 20),
              ended_on_recorded_at=m.stamp(end, 90, 20), notice_on_recorded_at=m.stamp(notice))  # fmt: skip
        if end is None:
            break
        trial = False
        start = end + dt.timedelta(days=0 if reason == "superseded" else rng.choice((0, 1, 10, 29, 30, 31, 60, 150)))


def _support(m: _Maker, name: str, created: dt.date) -> None:
    rng = m.rng
    for number in range(rng.choice((0, 1, 6))):
        opened = m.moment(created)
        solved = m.maybe(opened + dt.timedelta(seconds=rng.randint(0, 40 * 86400)), 0.7)
        rated = m.maybe(opened + dt.timedelta(days=rng.randint(0, 60)), 0.5)
        m.add("tickets", ticket_id=f"{name}t{number}", account_id=name, opened_at=opened,
              priority=m.maybe(rng.choice(("low", "high", "urgent"))), resolved_at=solved,
              csat=rng.randint(1, 5) if rated else None, csat_at=rated, recorded_at=m.stamp(opened),
              resolved_at_recorded_at=m.stamp(solved), csat_recorded_at=m.stamp(rated))  # fmt: skip
    for _ in range(rng.choice((0, 1, 6))):
        answered, kind = m.moment(created), rng.choice(("nps", "nps", "csat", "ces"))
        m.add("surveys", account_id=name, kind=kind, responded_at=answered,
              score=rng.randint(0, 10) if kind == "nps" else rng.randint(1, 5),
              recorded_at=m.stamp(answered))  # fmt: skip


def _money(m: _Maker, name: str, created: dt.date) -> None:
    rng = m.rng
    for number in range(rng.choice((0, 1, 6))):
        issued = m.day(created)
        due = issued + dt.timedelta(days=rng.choice((0, 14, 30)))
        paid = m.maybe(issued + dt.timedelta(days=rng.randint(0, 90)), 0.6)
        voided = m.maybe(m.day(issued), 0.15)
        m.add("invoices", invoice_id=f"{name}i{number}", account_id=name, issued_on=issued, due_on=due,
              amount=Decimal(rng.randint(-500, 90000)) / 100, paid_on=paid, voided_on=voided,
              recorded_at=m.stamp(issued), paid_on_recorded_at=m.stamp(paid),
              voided_on_recorded_at=m.stamp(voided))  # fmt: skip
        tried = m.moment(created)
        m.add("payments", invoice_id=f"{name}i{number}", account_id=name, attempted_at=tried,
              succeeded=rng.random() < 0.5, recorded_at=m.stamp(tried))  # fmt: skip
    for _ in range(rng.choice((0, 1, 3))):
        added = m.day(created)
        m.add("cards", account_id=name, added_on=added, expires_on=added + dt.timedelta(days=rng.randint(0, 900)),
              recorded_at=m.stamp(added))  # fmt: skip


def write(tables: Tables, folder: Path, suffix: str = "csv", shuffle: Random | None = None) -> Path:
    """Write each table as one file, its rows in their order or shuffled."""
    for name, rows in tables.items():
        rows = shuffle.sample(rows, len(rows)) if shuffle else rows
        columns = COLUMNS[name].split()
        if suffix == "csv":
            with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
                writer = csv.writer(stream)
                writer.writerow(columns)
                writer.writerows([["" if row[c] is None else row[c] for c in columns] for row in rows])
        else:
            arrays = [_array([row[c] for row in rows]) for c in columns]
            pq.write_table(pa.table(arrays, names=columns), folder / f"{name}.parquet")
    return folder


def _array(values: list[Any]) -> pa.Array:
    if any(isinstance(v, str) for v in values):
        values = [None if v is None else str(v) for v in values]
    if any(isinstance(v, Decimal) for v in values):
        return pa.array(values, pa.decimal128(18, 4))
    return pa.array(values)
