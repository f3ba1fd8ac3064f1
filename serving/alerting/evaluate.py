"""Evaluate: scored days that the rules have not looked at yet in; their alerts, and what is to be sent of them, out."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from features.alert_rules import AlertRule
from features.settings import Settings
from serving.alerting.messages import body_of, cleared_detail, opened_detail
from serving.alerting.outbox import queued
from serving.store.copying import insert
from serving.store.reading import Run, batches
from serving.store.store import Store
from serving.store.tables import alert_days, alert_state, alerts, outbox, runs
from success.alert_rows import absent_segments
from success.alerts import Cleared, Evaluated, Opened, Standing, evaluate, meaning
from success.book import records

__all__ = ["DayDone", "evaluate_day", "evaluate_days", "overtaken"]

_LOCK = 0x616C65727473  # the advisory lock on PostgreSQL: "alerts"
_TEXTS = ("account_id", "name", "csm_id", "top")


@dataclass(frozen=True)
class DayDone:
    """What came of a scored day.

    Parameters
    ----------
    opened, cleared : alerts, the withheld ones among them.
    withheld : that opened in a control arm.
    queued : messages for the receiver.
    warnings : sentences on rules that cannot be about what they say.
    """

    as_of: dt.date
    opened: int = 0
    cleared: int = 0
    withheld: int = 0
    queued: int = 0
    warnings: tuple[str, ...] = ()


def evaluate_days(
    store: Store, settings: Settings, *, since: dt.date | None = None, until: dt.date | None = None
) -> Iterator[DayDone]:
    """Look at every scored day that a rule has not looked at, oldest first, one transaction each.

    A rule goes on after the last day that it has looked at; a day before that one which is scored late is left out,
    and so is one that is scored again, since what was told of it was told.

    Parameters
    ----------
    since : the first day of a rule that has looked at none; the first scored day when not given.
    until : the last day; the last scored one when not given.

    Raises
    ------
    StoreError : the store cannot be read or written; the days before are done.
    """
    rules = _rules(settings)
    with store.reading() as connection:
        last = _last_days(connection, list(rules))
        days = _scored_days(connection)
    for day in days:
        due = {key: rule for key, rule in rules.items() if day > last.get(key, dt.date.min)}
        due = {key: rule for key, rule in due.items() if key in last or since is None or day >= since}
        if due and (until is None or day <= until):
            done = evaluate_day(store, settings, day, due)
            if done is not None:
                yield done


def overtaken(store: Store, settings: Settings) -> list[dt.date]:
    """Scored days that were left out by a rule, since it had looked at a later one before they were scored."""
    rules = list(_rules(settings))
    with store.reading() as connection:
        asked = sa.select(alert_days.c.rule_hash, alert_days.c.as_of).where(alert_days.c.rule_hash.in_(rules))
        looked: dict[str, set[dt.date]] = {}
        for key, day in connection.execute(asked):
            looked.setdefault(key, set()).add(day)
        days = _scored_days(connection)
    return [day for day in days if any(min(at) < day < max(at) and day not in at for at in looked.values())]


def evaluate_day(store: Store, settings: Settings, day: dt.date, rules: Mapping[str, AlertRule]) -> DayDone | None:
    """Look at one scored day: alerts, messages, where the accounts stand and the mark of the day are stored as one.

    Parameters
    ----------
    rules : by their keys.

    Returns
    -------
    None where nothing was left to do, because another process has done it.
    """
    run = store.run_of(day)
    if run is None:
        return None
    book = store.book(run)
    texts = [name for name in _TEXTS if name in book.columns]
    rows = {row["account_id"]: row for row in records(book, texts)}
    with store.writing() as connection:
        if connection.dialect.name == "postgresql":  # SQLite's transaction is the only one that writes
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        last = _last_days(connection, list(rules))
        due = {key: rule for key, rule in rules.items() if day > last.get(key, dt.date.min)}
        if not due:
            return None
        writing = _Day(connection, settings, run, rows)
        looked = connection.scalar(sa.select(sa.func.max(alert_days.c.as_of)))
        if looked is None or day > looked:  # what is over is over now, whatever past a new rule looks at
            writing.retire()
        for key, rule in due.items():
            asked = sa.select(alert_state.c.account_id, alert_state.c.state).where(alert_state.c.rule_hash == key)
            before = {account: Standing.from_json(text) for account, text in connection.execute(asked)}
            found = evaluate(rule, book, day, before, key)
            writing.warn(rule, absent_segments(rule, book))
            writing.clear(found.cleared, {key: rule})
            writing.open(key, rule, found.opened)
            _keep(connection, key, found)
            connection.execute(sa.insert(alert_days).values(rule_hash=key, as_of=day, run_key=run.key))
        writing.send()
    return writing.done()


class _Day:
    """One day's alerts and messages on their way into the store."""

    def __init__(self, connection: sa.Connection, settings: Settings, run: Run, rows: Mapping[str, Any]) -> None:
        self.connection, self.settings, self.run, self.rows = connection, settings, run, rows
        self.opened = self.cleared = self.withheld = 0
        self.messages: list[dict[str, Any]] = []
        self.warnings: list[str] = []

    def open(self, key: str, rule: AlertRule, found: Sequence[Opened]) -> None:
        """Store alerts; an account in a control arm gets one that nobody is told of."""
        stored = []
        for one in found:
            row = self.rows[one.account_id]
            detail = opened_detail(rule, one, row, self.run.as_of, self.settings.plays)
            stored.append(
                {
                    "key": one.key,
                    "rule": rule.name,
                    "rule_hash": key,
                    "account_id": one.account_id,
                    "csm_id": row.get("csm_id"),
                    "opened_on": self.run.as_of,
                    "value": one.value,
                    "detail": json.dumps(detail, ensure_ascii=False, allow_nan=False),
                    "withheld": None if one.arm is None else f"It is in the control arm {one.arm}.",
                }
            )
            if one.arm is None and self.settings.webhook.url is not None:
                self._queue(one.key, "opened", rule.name, one.account_id, detail)
        if stored:
            insert(self.connection, alerts, stored)
        self.opened += len(stored)
        self.withheld += sum(one["withheld"] is not None for one in stored)

    def clear(self, found: Sequence[Cleared], rules: Mapping[str, AlertRule]) -> None:
        """Close alerts; whoever was told that one opened is told that it is over."""
        told = queued(self.connection, [one.key for one in found])
        stands: dict[str, Any] = {}
        for batch in batches([one.key for one in found]):
            stands |= {
                row.key: row for row in self.connection.execute(sa.select(alerts).where(alerts.c.key.in_(batch)))
            }
        for one in found:
            row = stands[one.key]
            opening = json.loads(row.detail)
            name = str(self.rows.get(one.account_id, {}).get("name") or opening["name"])
            detail = cleared_detail(row.rule, rules.get(row.rule_hash), one, name)
            values = {
                "closed_on": self.run.as_of,
                "detail": json.dumps(opening | {"cleared": detail}, ensure_ascii=False),
            }
            self.connection.execute(sa.update(alerts).where(alerts.c.key == one.key).values(**values))
            if one.key in told:
                self._queue(one.key, "cleared", row.rule, one.account_id, detail, row.csm_id)
        self.cleared += len(found)

    def retire(self) -> None:
        """Close the alerts of rules that are not set any more, and forget where accounts stood with them."""
        rules = list(_rules(self.settings))
        orphans = (alerts.c.closed_on.is_(None), alerts.c.rule_hash.not_in(rules))
        asked = sa.select(alerts.c.key, alerts.c.account_id, alerts.c.opened_on).where(*orphans).order_by(alerts.c.id)
        self.clear([Cleared(*row, None, "rule_gone") for row in self.connection.execute(asked)], {})
        self.connection.execute(sa.delete(alert_state).where(alert_state.c.rule_hash.not_in(rules)))

    def warn(self, rule: AlertRule, absent: Sequence[str]) -> None:
        """Say that a rule is about segments that no account has."""
        if absent:
            told = f"segment{'s' if len(absent) > 1 else ''} " + ", ".join(f'"{name}"' for name in absent)
            self.warnings.append(
                f'The alert "{rule.name}" in [[alerts]] is about the {told}, which no account of {self.run.as_of} has.'
            )

    def send(self) -> None:
        """Put the messages of the day into the outbox."""
        if self.messages:
            insert(self.connection, outbox, self.messages)

    def done(self) -> DayDone:
        told = len(self.messages)
        return DayDone(self.run.as_of, self.opened, self.cleared, self.withheld, told, tuple(self.warnings))

    def _queue(
        self, key: str, kind: str, rule: str, account_id: str, detail: Mapping[str, Any], csm_id: str | None = None
    ) -> None:
        id_, body = body_of(
            key=key,
            kind=kind,
            rule=rule,
            account_id=account_id,
            csm_id=self.rows.get(account_id, {}).get("csm_id", csm_id),
            as_of=self.run.as_of,
            detail=detail,
        )
        told = {"id": id_, "alert_key": key, "kind": kind, "body": body, "created_on": self.run.as_of, "attempts": 0}
        self.messages.append(told)


def _keep(connection: sa.Connection, key: str, found: Evaluated) -> None:
    """Store where the accounts stand now."""
    for batch in batches([*found.gone, *found.standings]):
        here = (alert_state.c.rule_hash == key, alert_state.c.account_id.in_(batch))
        connection.execute(sa.delete(alert_state).where(*here))
    rows = [
        {"rule_hash": key, "account_id": account, "state": now.to_json()} for account, now in found.standings.items()
    ]
    if rows:
        insert(connection, alert_state, rows)


def _rules(settings: Settings) -> dict[str, AlertRule]:
    """By what they say, and those that say the same by their order too."""
    found: dict[str, AlertRule] = {}
    for rule in settings.alerts:
        key, twins = meaning(rule), 0
        while key in found:
            twins += 1
            key = hashlib.sha256(f"{meaning(rule)} {twins}".encode()).hexdigest()
        found[key] = rule
    return found


def _last_days(connection: sa.Connection, rules: Sequence[str]) -> dict[str, dt.date]:
    """The last day that each rule has looked at; rules that have looked at none are left out."""
    asked = sa.select(alert_days.c.rule_hash, sa.func.max(alert_days.c.as_of)).where(alert_days.c.rule_hash.in_(rules))
    return {row[0]: row[1] for row in connection.execute(asked.group_by(alert_days.c.rule_hash))}


def _scored_days(connection: sa.Connection) -> list[dt.date]:
    return list(connection.scalars(sa.select(runs.c.as_of).distinct().order_by(runs.c.as_of)))
