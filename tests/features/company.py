"""Makes small random companies, as lists of plain rows, and writes them as CSV or Parquet.

Every table of the contract has rows. Days are drawn near `around`, with the edges of the features' windows drawn more
often than chance. All rows are right: what is wrong is added by the tests that want it.
"""

from __future__ import annotations

import csv
import datetime as dt
from calendar import monthrange
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]
Tables = dict[str, list[Row]]

EDGES = (0, 1, 7, 8, 28, 29, 56, 57, 84, 85, 90, 91, 180, 181, 364, 365, 366, 392, 393, 420, 421)
"""Days before as_of at which some window begins or ends."""

COLUMNS = {
    "accounts": "account_id created_on name segment industry region employees touch_model strategic sold_on sold_by "
    "valid_from recorded_at sold_on_recorded_at",
    "users": "user_id account_id created_on role department deactivated_on valid_from recorded_at "
    "deactivated_on_recorded_at",
    "subscriptions": "subscription_id account_id plan started_on ended_on end_reason renews_on term_months seats mrr "
    "currency notice_on notice_withdrawn_on trial recorded_at ended_on_recorded_at notice_on_recorded_at "
    "notice_withdrawn_on_recorded_at",
    "usage": "account_id day feature events user_id minutes recorded_at",
    "entitlements": "plan feature core monthly_limit recorded_at",
    "milestones": "account_id milestone kind due_on reached_on recorded_at reached_on_recorded_at",
    "tickets": "ticket_id account_id opened_at priority category user_id first_response_at resolved_at reopened_at "
    "escalated_at csat csat_at recorded_at first_response_at_recorded_at resolved_at_recorded_at "
    "reopened_at_recorded_at escalated_at_recorded_at csat_at_recorded_at",
    "invoices": "invoice_id account_id issued_on due_on amount paid_on voided_on recorded_at "
    "paid_on_recorded_at voided_on_recorded_at",
    "payments": "invoice_id account_id attempted_at succeeded failure_reason recorded_at",
    "cards": "account_id added_on expires_on recorded_at",
    "surveys": "account_id kind responded_at score user_id sent_at recorded_at",
    "touches": "account_id csm_id occurred_at kind direction answered minutes proactive satisfaction recorded_at",
    "assignments": "account_id csm_id from_on to_on recorded_at to_on_recorded_at",
    "advocacy": "account_id occurred_on kind recorded_at",
    "exits": "account_id asked_on reason recorded_at",
    "costs": "month category amount csm_id segment recorded_at",
    "churns": "account_id churned_on reason recorded_at",
    "arms": "account_id arm from_on to_on recorded_at to_on_recorded_at",
}
EVENT: dict[str, tuple[str, ...]] = {
    "accounts": ("created_on",),
    "users": ("created_on",),
    "subscriptions": ("started_on",),
    "usage": ("day",),
    "entitlements": (),
    "milestones": ("due_on", "reached_on"),
    "tickets": ("opened_at",),
    "invoices": ("issued_on",),
    "payments": ("attempted_at",),
    "cards": ("added_on",),
    "surveys": ("responded_at",),
    "touches": ("occurred_at",),
    "assignments": ("from_on",),
    "advocacy": ("occurred_on",),
    "exits": ("asked_on",),
    "costs": ("month",),
    "churns": ("churned_on",),
    "arms": ("from_on",),
}
"""By table, the columns of which the earliest says when a row happened."""


def add_months(day: dt.date, months: int) -> dt.date:
    """The same day some months on, or the month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def make(rng: Random, around: dt.date, accounts: int = 6) -> Tables:
    """A company whose rows lie around a day, before and after it."""
    tables: Tables = {name: [] for name in COLUMNS}
    for number in range(accounts):
        _account(_Maker(rng, around, tables), f"A{number}")
    _whole_company(_Maker(rng, around, tables))
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
        return self.clock(self.day(first))

    def clock(self, day: dt.date) -> dt.datetime:
        clock = dt.time(0, 0) if self.rng.random() < 0.3 else dt.time(self.rng.randint(0, 23), self.rng.randint(0, 59))
        return dt.datetime.combine(day, clock)

    def stamp(self, since: dt.date | None, early: int = 0, late: int = 20) -> dt.datetime | None:
        """When something of a day was recorded; mostly nobody says."""
        if since is None or self.rng.random() < 0.6:
            return None
        start = since if isinstance(since, dt.datetime) else dt.datetime.combine(since, dt.time())
        hours = self.rng.choice((0, 0, 1, 13))
        return start + dt.timedelta(days=self.rng.randint(-early, late), hours=0 if early else hours)

    def add(self, table: str, **row: Any) -> None:
        self.tables[table].append(row)

    def maybe(self, value: Any, share: float = 0.7) -> Any:
        return value if self.rng.random() < share else None

    def one(self, *values: Any) -> Any:
        return self.rng.choice(values)

    def versions(self, table: str, created: dt.date, row: Row, draw: Callable[[], Row]) -> None:
        """One row, or several dated versions of it; some of them lie ahead or were recorded late."""
        stamp = {"recorded_at": self.stamp(created, 0, 12) if self.rng.random() < 0.3 else None}
        if self.rng.random() < 0.4:
            return self.add(table, **row, **draw(), **stamp)
        froms = {self.one(None, created, created + dt.timedelta(days=20))}
        froms |= {self.day(created) for _ in range(self.rng.randint(0, 3))}
        for number, start in enumerate(sorted(froms, key=lambda d: d or dt.date.min)):
            if number:
                stamp = {"recorded_at": self.stamp(max(start, created), 0, 40)}
            self.add(table, **row, **draw(), valid_from=start, **stamp)
        return None


def _account(m: _Maker, name: str) -> None:
    rng = m.rng
    created = m.around - dt.timedelta(
        days=rng.choice((rng.randint(0, 700), rng.randint(400, 900), rng.randint(-9, 90)))
    )
    sold = m.maybe(created - dt.timedelta(days=rng.randint(0, 30)))
    m.versions("accounts", created, {
        "account_id": name, "created_on": created, "name": f"Company {name}", "sold_on": sold,
        "sold_by": m.maybe("rep") if sold else None, "sold_on_recorded_at": m.stamp(sold),
    }, lambda: {
        "segment": m.maybe(m.one("small", "large")), "industry": m.maybe(m.one("steel", "tea")),
        "region": m.maybe(m.one("north", "south")), "employees": m.maybe(m.one(0, 40, 5000)),
        "touch_model": m.maybe(m.one("high", "low", "tech")), "strategic": m.maybe(m.one(True, False)),
    })  # fmt: skip
    money = m.one("EUR", "EUR", "EUR", None, "mixed")
    for suffix in ("", "x")[: m.one(1, 1, 2)]:
        _subscriptions(m, name, created, suffix, money)
    users = [f"{name}u{i}" for i in range(rng.randint(0, 5))]
    for user in users:
        joined = m.day(created)
        left = m.maybe(m.day(joined), 0.4)
        m.versions("users", joined, {
            "user_id": user, "account_id": name, "created_on": joined, "deactivated_on": left,
            "deactivated_on_recorded_at": m.stamp(left),
        }, lambda: {
            "role": m.maybe(m.one("champion", "champion", "admin", "decision_maker", "member"), 0.8),
            "department": m.maybe(m.one("sales", "it", "legal"), 0.8),
        })  # fmt: skip
    # Some of what people do is done by nobody who is registered, or by another account's user.
    _usage(m, name, created, [*users, f"{name}unregistered", "A0u0"])
    _support(m, name, created, [*users, "A0u0"])
    _money(m, name, created)
    _care(m, name, created)


def _usage(m: _Maker, name: str, created: dt.date, users: list[str]) -> None:
    """Days of use by a person; rows of one day are often recorded on different days, some of them of no use at all."""
    for _ in range(m.one(0, 8, 60)):
        day, user = m.day(created), m.maybe(m.one(*users), 0.9)
        for feature in m.rng.sample("abcde", m.one(1, 1, 2, 4)):
            m.add("usage", account_id=name, day=day, feature=feature, events=m.one(0, 0, 1, m.rng.randint(0, 99)),
                  user_id=user, minutes=m.maybe(Decimal(m.rng.randint(0, 600)) / 10),
                  recorded_at=m.stamp(day, m.one(0, 1), 9))  # fmt: skip


def _subscriptions(m: _Maker, name: str, created: dt.date, suffix: str, money: str | None) -> None:
    """Periods that follow each other: trials, changes of terms, ends, returns inside and outside the grace period."""
    rng = m.rng
    start = created + dt.timedelta(days=rng.choice((0, 0, 5, rng.randint(0, 60))))
    trial, before, sub = rng.random() < 0.2, None, ""
    mrr = m.one(Decimal("100"), Decimal("100.10"), Decimal("0"), Decimal(rng.randint(1, 99999)) / 100)
    term = rng.choice((1, 3, 12, None))
    for number in range(periods := rng.randint(1, 6)):
        if rng.random() < 0.2:
            start = max(start, start.replace(day=monthrange(start.year, start.month)[1]))
        if rng.random() < 0.4:
            term = rng.choice((1, 3, 12, None))
        renews = m.one(None, start, add_months(start, term or 1), start + dt.timedelta(days=rng.randint(1, 200)))
        end = m.maybe(
            start + dt.timedelta(days=rng.choice((30, 90, rng.randint(1, 200)))), 0.8 if number < periods - 1 else 0.3
        )
        reason = m.maybe(
            rng.choice(("voluntary", "involuntary", "superseded", "superseded", "completed", "merged")), 0.9
        )
        notice = m.maybe(start + dt.timedelta(days=rng.randint(0, 90)), 0.3)
        if notice and end and notice > end:
            notice = end
        withdrawn = m.maybe(notice + dt.timedelta(days=rng.randint(0, 60)), 0.5) if notice else None
        # Several periods of one subscription share its name; each starts later than the one before.
        if number == 0 or start == before or rng.random() < 0.6:
            sub = f"{name}s{suffix}{number}"
        m.add("subscriptions", subscription_id=sub, account_id=name,
              plan=rng.choice(("basic", "pro", "free")), started_on=start, ended_on=end,
              end_reason=reason if end else None, renews_on=renews, term_months=term,
              seats=m.maybe(rng.choice((0, 3, 10)), 0.8), mrr=mrr,
              currency=rng.choice(("EUR", "eur", "USD", None)) if money == "mixed" else money,
              notice_on=notice, notice_withdrawn_on=withdrawn, trial=trial or m.maybe(False),
              recorded_at=m.stamp(start, 5, 20), ended_on_recorded_at=m.stamp(end, 90, 20),
              notice_on_recorded_at=m.stamp(notice), notice_withdrawn_on_recorded_at=m.stamp(withdrawn))  # fmt: skip
        if end is None:
            break
        trial, before = False, start
        mrr = rng.choice((mrr, mrr + 10, max(mrr - 10, Decimal(0)), mrr * 2))
        start = end + dt.timedelta(days=0 if reason == "superseded" else rng.choice((0, 1, 10, 29, 30, 31, 60, 150)))


def _support(m: _Maker, name: str, created: dt.date, users: list[str]) -> None:
    rng = m.rng
    for number in range(rng.choice((0, 1, 8))):
        opened = m.moment(created)
        came = {c: m.maybe(opened + dt.timedelta(seconds=rng.randint(0, 40 * 86400)), 0.6)
                for c in ("first_response_at", "resolved_at", "reopened_at", "escalated_at", "csat_at")}  # fmt: skip
        stamps = {f"{c}_recorded_at": m.stamp(value) for c, value in came.items()}
        m.add("tickets", ticket_id=f"{name}t{number}", account_id=name, opened_at=opened,
              priority=m.maybe(rng.choice(("low", "normal", "high", "urgent"))),
              category=m.maybe(rng.choice(("bug", "question"))), user_id=m.maybe(rng.choice([*users, "nobody"])),
              csat=rng.randint(1, 5) if came["csat_at"] else None, recorded_at=m.stamp(opened), **came,
              **stamps)  # fmt: skip
    for _ in range(rng.choice((0, 1, 9))):
        answered, kind = m.moment(created), rng.choice(("nps", "nps", "nps", "csat", "ces", "csm_pulse"))
        top = {"nps": 10, "ces": 7}.get(kind, 5)
        m.add("surveys", account_id=name, kind=kind, responded_at=answered,
              score=rng.randint(0 if kind == "nps" else 1, top), user_id=m.maybe(rng.choice([*users, "nobody"])),
              sent_at=m.maybe(answered - dt.timedelta(hours=rng.randint(0, 90))),
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
              recorded_at=m.stamp(issued, 3), paid_on_recorded_at=m.stamp(paid),
              voided_on_recorded_at=m.stamp(voided))  # fmt: skip
        tried, worked = m.moment(created), rng.random() < 0.5
        m.add("payments", invoice_id=f"{name}i{number}", account_id=name, attempted_at=tried, succeeded=worked,
              failure_reason=None if worked else m.maybe(m.one("expired_card", "insufficient_funds", "hard_decline")),
              recorded_at=m.stamp(tried))  # fmt: skip
    for _ in range(rng.choice((0, 1, 3))):
        added = m.day(created)
        m.add("cards", account_id=name, added_on=added, expires_on=added + dt.timedelta(days=rng.randint(0, 900)),
              recorded_at=m.stamp(added))  # fmt: skip


def _care(m: _Maker, name: str, created: dt.date) -> None:
    """What the company does for the account, and what the account does for it."""
    rng = m.rng
    for number in range(rng.choice((0, 2, 7))):
        due = m.maybe(m.day(created))
        reached = m.maybe((due or m.day(created)) + dt.timedelta(days=rng.randint(-40, 60)), 0.6)
        # A plan may be written down long before it is due.
        recorded = m.stamp(created) if rng.random() < 0.5 else m.stamp(due)
        m.add("milestones", account_id=name, milestone=f"m{number}", kind=m.maybe(m.one("onboarding", "live", "goal")),
              due_on=due, reached_on=reached, recorded_at=recorded,
              reached_on_recorded_at=m.stamp(reached))  # fmt: skip
    for _ in range(rng.choice((0, 1, 9))):
        when = m.moment(created)
        m.add("touches", account_id=name, csm_id=m.one("c1", "c2"), occurred_at=when,
              kind=m.maybe(m.one("call", "qbr", "email", "training", "onboarding")),
              direction=m.maybe(m.one("in", "out", "out")), answered=m.maybe(m.one(True, False)),
              minutes=m.maybe(Decimal(rng.randint(0, 90))), proactive=m.maybe(m.one(True, False)),
              satisfaction=m.maybe(rng.randint(1, 5)), recorded_at=m.stamp(when))  # fmt: skip
    for table, column, values in (("assignments", "csm_id", ("c1", "c2", "c3")), ("arms", "arm", ("held", "open"))):
        start = created + dt.timedelta(days=rng.randint(0, 90))
        for _ in range(rng.randint(0, 4)):
            end = m.maybe(start + dt.timedelta(days=rng.choice((1, 28, 90, rng.randint(1, 200)))), 0.8)
            m.add(table, account_id=name, **{column: m.one(*values)}, from_on=start, to_on=end,
                  recorded_at=m.stamp(start, 5), to_on_recorded_at=m.stamp(end, 30))  # fmt: skip
            if end is None:
                break
            start = end + dt.timedelta(days=rng.choice((0, 0, 1, 20)))
    for _ in range(rng.choice((0, 0, 3))):
        day = m.day(created)
        m.add("advocacy", account_id=name, occurred_on=day, recorded_at=m.stamp(day),
              kind=m.maybe(m.one("reference", "case_study", "review", "webinar", "referral")))  # fmt: skip
    if rng.random() < 0.3:
        day = m.day(created)
        m.add("exits", account_id=name, asked_on=day, reason=m.one("price", "value"), recorded_at=m.stamp(day))
        m.add("churns", account_id=name, churned_on=day, reason=m.maybe("voluntary"), recorded_at=m.stamp(day))


def _whole_company(m: _Maker) -> None:
    """What belongs to no account: what plans include, and costs."""
    for plan in ("basic", "pro", "unsold"):
        for feature in m.rng.sample("abcdz", m.rng.randint(2, 5)):
            m.add("entitlements", plan=plan, feature=feature, core=m.maybe(m.one(True, False)),
                  monthly_limit=m.maybe(m.one(Decimal(0), Decimal(5), Decimal("99.5")), 0.6),
                  recorded_at=m.stamp(m.day(m.around - dt.timedelta(days=300))))  # fmt: skip
    for n in range(6):
        month = (m.around - dt.timedelta(days=40 * n)).replace(day=1)
        m.add("costs", month=month, category=m.one("csm", "tools", "cogs"), amount=Decimal(m.rng.randint(0, 9999)),
              csm_id=m.maybe("c1"), segment=m.maybe("small"), recorded_at=m.stamp(month, 9))  # fmt: skip


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
    if any(isinstance(v, dt.datetime) for v in values):
        values = [dt.datetime.combine(v, dt.time()) if type(v) is dt.date else v for v in values]
    if any(isinstance(v, Decimal) for v in values):
        return pa.array(values, pa.decimal128(18, 4))
    return pa.array(values)
