"""Alerts: a rule, a scored day's book and where each account stood in; where it stands now, what opened and what
cleared, out.

An alert is an episode: it opens once, on the day its condition has held for long enough, and clears once. Only what
changed at the account opens one. Each account has a *path*: while its value is on the quiet side of the threshold the
path is the value; beyond it, the path goes on by the account's own part of each day's change alone, so that another
model, another stage, a table that vanished or the renewal coming nearer brings no path across.

- health: its change is stored in parts, and the account's own is taken.
- churn_<h>d: the same part, as log-odds.
- health_<dimension>, rule_health and rule-based health are stored without parts: a day's whole change counts where
  stage, segment and what is known were those of the day before and no data changed; otherwise none of it does.
- pulse is what a person said, and counts as it is; the odds of leaving are made of such parts to begin with.

A path is of one scale: model, points to double, rules, and of a dimension the anchor cell. On a day with another one
health goes on from what today's model says of earlier days, if that was on the quiet side; everything else, and health
of which that is not known, begins anew.

A fall that nobody saw is none: an account that is beyond the threshold when it is first looked at, or when its path
begins anew, stands aside until it has been on the quiet side. What cannot be split counts as no change, so an alert may
be missed, and none is false.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from features.practice import ODDS_OF_LEAVING, AlertRule
from success.alert_rows import RULE_BASED, WITH_A_SUM, Row, folded, rows_of

__all__ = ["GAP_DAYS", "Cleared", "Evaluated", "Opened", "Standing", "evaluate", "key_of", "meaning"]

GAP_DAYS = 7
"""So many days without a value are bridged: a count of days goes on, and an account is not taken for gone."""

_ENDED = {"churned": "churned", "notice_given": "gave_notice"}
_SETTLED = 1e-6  # points that data may change without having changed


@dataclass(frozen=True)
class Standing:
    """Where an account stands with a rule.

    Parameters
    ----------
    seen : the last scored day that it was there.
    on : the last one with a value; `own`, `path`, `scale` and `same` are of that day.
    path : None until the value was on the quiet side.
    since : from when on the path is beyond the threshold, without a gap.
    opened_on : of the open alert.
    quiet, quiet_on : the last value on the quiet side, and when.
    steps, steps_scale : days and the account's own points since then, where the rule sums them up by itself, and the
        scale of all of them.
    """

    seen: dt.date
    on: dt.date | None = None
    own: float | None = None
    path: float | None = None
    scale: str = ""
    same: str = ""
    since: dt.date | None = None
    opened_on: dt.date | None = None
    quiet: float | None = None
    quiet_on: dt.date | None = None
    steps: tuple[tuple[dt.date, float], ...] = ()
    steps_scale: str = ""

    def to_json(self) -> str:
        """As text; numbers come back to the last bit."""
        told = {name: value for name, value in vars(self).items() if value not in (None, "", ())}
        return json.dumps(told, default=dt.date.isoformat, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Standing:
        """What `to_json` has written."""
        told: dict[str, Any] = json.loads(text)
        for name in ("seen", "on", "since", "opened_on", "quiet_on"):
            if name in told:
                told[name] = dt.date.fromisoformat(told[name])
        steps = tuple((dt.date.fromisoformat(day), points) for day, points in told.pop("steps", ()))
        return cls(**told, steps=steps)


class Opened(NamedTuple):
    """An alert that opens.

    Attributes
    ----------
    since : from when on its condition holds.
    before, before_on : the last value on the quiet side, and when; None where there is none.
    arm : the control arm that the account is in: nobody is told.
    """

    key: str
    account_id: str
    value: float
    since: dt.date
    before: float | None
    before_on: dt.date | None
    arm: str | None


class Cleared(NamedTuple):
    """An alert that is over, and why.

    Attributes
    ----------
    why : back; data or otherwise, where the value is back but what changed at the account has not brought it there;
        churned, gave_notice, outside (of the rule's accounts), left, or rule_gone.
    """

    key: str
    account_id: str
    opened_on: dt.date
    value: float | None
    why: str


@dataclass(frozen=True)
class Evaluated:
    """What became of a rule on a day.

    Parameters
    ----------
    standings : of the accounts whose standing has changed.
    gone : accounts that have none any more.
    """

    standings: dict[str, Standing] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)
    cleared: list[Cleared] = field(default_factory=list)


def meaning(rule: AlertRule) -> str:
    """SHA-256 of what a rule says, whatever it is called and whatever is done about it."""
    told = {k: v for k, v in dataclasses.asdict(rule).items() if k not in ("name", "play")}
    told |= {"segments": sorted(folded(rule.segments)), "stages": sorted(rule.stages)}
    # A whole number and the same number with a point are one threshold.
    told |= {k: float(v) for k, v in told.items() if isinstance(v, (int, float))}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def key_of(rule_hash: str, account_id: str, opened_on: dt.date) -> str:
    """The alert's key: the same episode has the same one, however often and wherever it is evaluated."""
    return hashlib.sha256(json.dumps([rule_hash, account_id, opened_on.isoformat()]).encode()).hexdigest()


def evaluate(
    rule: AlertRule, book: pd.DataFrame, as_of: dt.date, standings: Mapping[str, Standing], rule_hash: str | None = None
) -> Evaluated:
    """Look at every account on one scored day.

    Parameters
    ----------
    standings : by account_id, as they were after the scored day before; days are evaluated oldest first.
    rule_hash : what its alerts are known by; its meaning when not given.
    """
    found, rule_hash, there = Evaluated(), rule_hash or meaning(rule), set()
    for row in rows_of(rule, book):
        there.add(row.account_id)
        was = standings.get(row.account_id)
        if rule.when == ODDS_OF_LEAVING and rule.since_days not in WITH_A_SUM:
            row, was = _summed(rule, row, was, as_of)
        now, why = _next(rule, row, was, as_of)
        if was and was.opened_on and why:
            key = key_of(rule_hash, row.account_id, was.opened_on)
            found.cleared.append(Cleared(key, row.account_id, was.opened_on, row.value, why))
        if now is None:
            found.gone.extend([row.account_id] if was else [])
            continue
        if now.opened_on == as_of and row.value is not None:
            key = key_of(rule_hash, row.account_id, as_of)
            since = now.since or as_of
            found.opened.append(Opened(key, row.account_id, row.value, since, now.quiet, now.quiet_on, row.arm))
        found.standings[row.account_id] = now
    for account, was in standings.items():
        if account not in there and (as_of - was.seen).days > GAP_DAYS:
            found.gone.append(account)
            if was.opened_on:
                key = key_of(rule_hash, account, was.opened_on)
                found.cleared.append(Cleared(key, account, was.opened_on, None, "left"))
    return found


def _next(rule: AlertRule, row: Row, was: Standing | None, as_of: dt.date) -> tuple[Standing | None, str | None]:
    """Where an account stands now, None for nowhere; and why its alert, if one is open, is over."""
    if row.status in _ENDED:
        return None, _ENDED[row.status]
    about = not rule.segments or folded([row.segment or ""])[0] in folded(rule.segments)
    if not about or (rule.stages and row.stage not in rule.stages):
        return None, "outside"
    was = was or Standing(as_of)
    now = dataclasses.replace(was, seen=as_of)
    if row.value is None or row.own is None:
        return now, None
    quiet = not _beyond(rule, row.value)
    brought = _path(rule, row, was)
    path = row.value if quiet else brought
    since = was.since if was.on and (as_of - was.on).days <= GAP_DAYS else None
    if row.scale != was.scale:  # what was told on another scale is no earlier value of this one
        now = dataclasses.replace(now, quiet=None, quiet_on=None)
        if rule.when == "health" and row.before is not None and not _beyond(rule, row.before):
            since, now = None, dataclasses.replace(now, quiet=row.before, quiet_on=row.before_on)
    since = None if path is None or not _beyond(rule, path) else since or as_of
    over = was.opened_on is not None and quiet and _back(rule, row.value)
    opened_on = None if over else was.opened_on
    if opened_on is None and since is not None and (as_of - since).days >= rule.for_days:
        opened_on = as_of
    now = dataclasses.replace(now, on=as_of, own=row.own, path=path, since=since, opened_on=opened_on)
    now = dataclasses.replace(now, scale=row.scale, same=row.same)
    if quiet:
        now = dataclasses.replace(now, quiet=row.value, quiet_on=as_of)
    return now, _why_back(rule, row, brought) if over else None


def _beyond(rule: AlertRule, value: float) -> bool:
    """Whether a value is where the rule tells of it."""
    if rule.below is not None:
        return value < rule.below
    return value > rule.above if rule.above is not None else value >= (rule.times or math.inf)


def _back(rule: AlertRule, value: float) -> bool:
    """Whether a value on the quiet side is far enough on it for an alert to be over."""
    return rule.clear is None or (value >= rule.clear if rule.below is not None else value <= rule.clear)


def _why_back(rule: AlertRule, row: Row, brought: float | None) -> str:
    """Whether what changed at the account has brought a value back, or something else has."""
    if brought is not None and not _beyond(rule, brought):
        return "back"
    return "data" if row.data is None or abs(row.data) > _SETTLED else "otherwise"


def _path(rule: AlertRule, row: Row, was: Standing) -> float | None:
    """Where the account alone has brought a value; None where it has not been on the quiet side as far as is known."""
    assert row.value is not None
    assert row.own is not None
    if was.path is None:
        return None
    if rule.when in (ODDS_OF_LEAVING, "pulse"):
        return row.value
    chained = row.before_on is not None and row.before_on == was.on
    if rule.when == "health" and row.source != RULE_BASED:
        if chained and row.customer is not None and row.scale == was.scale:
            return was.path + row.customer
        for base, change in ((row.before, row.customer), (row.week, row.week_customer)):  # as today's model sees it
            if base is not None and change is not None and not _beyond(rule, base):
                return base + change
    if row.scale != was.scale:
        return None
    if rule.when.startswith("churn_"):
        if chained and row.customer is not None and row.points_to_double:
            return _likelier(was.path, row.customer / row.points_to_double)
    elif rule.when != "health" or row.source == RULE_BASED:
        by_rules = rule.when == "rule_health" or row.source == RULE_BASED
        settled = chained and row.data is not None and abs(row.data) <= _SETTLED
        if was.own is not None and was.same == row.same and (by_rules or settled):
            return was.path + row.own - was.own
    return was.path


def _likelier(chance: float, halvings: float) -> float:
    """A probability after its odds were halved so many times.

    >>> round(_likelier(0.5, -1.0), 3)
    0.667
    """
    p = min(max(chance, 1e-12), 1 - 1e-12)
    odds = p / (1 - p) * 2**-halvings
    return odds / (1 + odds)


def _summed(rule: AlertRule, row: Row, was: Standing | None, as_of: dt.date) -> tuple[Row, Standing | None]:
    """How many times the earlier odds there are, where the row has no sum for that many days."""
    if row.before_on is None or row.customer is None or not row.points_to_double:
        return row, was
    was = was or Standing(as_of)
    if row.scale != was.steps_scale:
        was = dataclasses.replace(was, steps=(), steps_scale=row.scale)
    steps = (*(step for step in was.steps if step[0] < row.before_on), (row.before_on, row.customer))
    steps = tuple(step for step in steps if (as_of - step[0]).days <= rule.since_days)
    times = 2 ** (-math.fsum(points for _, points in steps) / row.points_to_double)
    return row._replace(value=times, own=times), dataclasses.replace(was, steps=steps)
