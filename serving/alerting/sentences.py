"""Sentences: an alert that opens or clears in; what a person is told of it, in one sentence, out."""

from __future__ import annotations

import datetime as dt
import re

from features.alert_rules import ODDS_OF_LEAVING, AlertRule
from success.alerts import Cleared, Opened

__all__ = ["cleared_sentence", "opened_sentence", "rounded"]

_ENDS = {
    "churned": "{name} has churned",
    "gave_notice": "{name} has given notice",
    "left": "{name} is no longer among the accounts",
    "outside": "{name} is no longer in the segments or stages that this is about",
    "data": "{subject} can no longer be told as it was, since tables of its data came, went or stopped",
    "otherwise": "{subject} is {value} now, though not by what changed at the account alone",
    "rule_gone": "The rule is no longer in the settings, or says something else now",
}

_GROWING = {2.0: "doubling", 3.0: "tripling"}


def opened_sentence(rule: AlertRule, opened: Opened, name: str, as_of: dt.date) -> str:
    """What has happened, and since when.

    >>> opened = Opened("k", "a", 31.2, dt.date(2026, 3, 3), 52.4, dt.date(2026, 3, 2), None)
    >>> opened_sentence(AlertRule("A", "health_billing", below=40, for_days=7), opened, "Acme", dt.date(2026, 3, 10))
    'Billing health of Acme fell below 40 and has stayed there for 7 days; it is 31 now, and was 52 on 2 March 2026.'
    >>> opened_sentence(AlertRule("B", "odds_of_leaving", times=2), opened._replace(value=2.3), "Acme", dt.date.max)
    'The odds that Acme leaves have grown to 2.3 times what they were, within 7 days and by what changed at the
    account.'
    """
    if rule.when == ODDS_OF_LEAVING:
        times = _shown(rule, opened.value, rule.times)
        grown = f"have grown to {times} times what they were, within {_days(rule.since_days)}"
        return f"The odds that {name} leaves {grown} and by what changed at the account."
    limit, moved = (rule.below, "fell below") if rule.below is not None else (rule.above, "rose above")
    assert limit is not None
    stayed = (as_of - opened.since).days
    for_ = f" and has stayed there for {_days(stayed)}" if stayed else ""
    now = _shown(rule, opened.value, limit)
    was = "" if opened.before is None else f", and was {_shown(rule, opened.before, limit)} on {_day(opened.before_on)}"
    return f"{_subject(rule, name)} {moved} {_limit(rule, limit)}{for_}; it is {now} now{was}."


def cleared_sentence(rule: str, meant: AlertRule | None, cleared: Cleared, name: str) -> str:
    """Why an alert is over.

    Parameters
    ----------
    rule : its name, as it was told.
    meant : what it said; None where it is no longer set.

    >>> back = Cleared("k", "a", dt.date(2026, 3, 10), 46.0, "back")
    >>> cleared_sentence("A", AlertRule("A", "health_billing", below=40), back, "Acme")
    'Billing health of Acme is back at 46; the alert of 10 March 2026 is over.'
    >>> cleared_sentence("A", None, back._replace(why="churned"), "Acme")
    'Acme has churned; the alert of 10 March 2026 ("A") is over.'
    >>> cleared_sentence("B", AlertRule("B", "odds_of_leaving", times=2), back._replace(value=1.7), "Acme")
    'The odds that Acme leaves have stopped doubling: they are 1.7 times those of 7 days before, and the alert of
    10 March 2026 is over.'
    """
    if cleared.why not in ("back", "data", "otherwise") or meant is None or cleared.value is None:
        return f'{_ENDS[cleared.why].format(name=name)}; the alert of {_day(cleared.opened_on)} ("{rule}") is over.'
    over = f"the alert of {_day(cleared.opened_on)} is over."
    if meant.when == ODDS_OF_LEAVING:
        stopped = _GROWING.get(meant.times or 0.0) or f"growing {meant.times:g}-fold"
        now = f"they are {_shown(meant, cleared.value, meant.times)} times those of {_days(meant.since_days)} before"
        return f"The odds that {name} leaves have stopped {stopped}: {now}, and {over}"
    limit = meant.below if meant.below is not None else meant.above
    subject, value = _subject(meant, name), _shown(meant, cleared.value, limit)
    if cleared.why in _ENDS:
        return f"{_ENDS[cleared.why].format(subject=subject, value=value)}; {over}"
    return f"{subject} is back at {value}; {over}"


def rounded(rule: AlertRule | None, value: float | None) -> float | None:
    """A value as it is handed out: health from 0 to 100 with one digit, odds with two, chances with four."""
    if value is None or rule is None:
        return None
    if rule.when == ODDS_OF_LEAVING:
        return round(value, 2)
    return round(value, 4) if rule.when.startswith("churn_") else round(min(max(value, 0.0), 100.0), 1)


def _subject(rule: AlertRule, name: str) -> str:
    if days := re.fullmatch(r"churn_(\d+)d", rule.when):
        return f"The chance that {name} leaves within {_days(int(days[1]))}"
    known = {"health": "Health", "rule_health": "Health by your own rules", "pulse": "The CSM's pulse"}
    of = "on" if rule.when == "pulse" else "of"
    return f"{known.get(rule.when) or rule.when.removeprefix('health_').capitalize() + ' health'} {of} {name}"


def _shown(rule: AlertRule, value: float, limit: float | None) -> str:
    """A value with as few digits as leave it on its side of the threshold."""
    first, scale, unit = _scale(rule)
    value, limit = scale * value, None if limit is None else scale * limit
    if rule.when != ODDS_OF_LEAVING and scale == 1:
        value = min(max(value, 0.0), 100.0)
    texts = [f"{value:.{digits}f}" for digits in range(first, 5)]
    return next((told for told in texts if limit is None or (float(told) < limit) == (value < limit)), texts[-1]) + unit


def _limit(rule: AlertRule, value: float) -> str:
    """A threshold as it was written."""
    _, scale, unit = _scale(rule)
    return f"{scale * value:.6g}{unit}"


def _scale(rule: AlertRule) -> tuple[int, float, str]:
    """The digits that a value has at least, what it is multiplied by, and its unit."""
    if rule.when.startswith("churn_"):
        return 0, 100.0, " %"
    return (1, 1.0, "") if rule.when == ODDS_OF_LEAVING else (0, 1.0, "")


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _day(day: dt.date | None) -> str:
    return "" if day is None else f"{day.day} {day:%B %Y}"
