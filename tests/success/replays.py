"""Replays: a rule and the rows of each day in; what opens and clears, as if every day were scored, out."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from features.practice import AlertRule
from success.alerts import Cleared, Opened, Standing, evaluate

__all__ = [
    "BACK",
    "BILLING",
    "CHANCE",
    "FIRST",
    "HEALTH",
    "ODDS",
    "SCALED",
    "day",
    "kinds",
    "of_values",
    "replay",
    "row",
]

FIRST = dt.date(2026, 1, 1)
HEALTH = AlertRule("Health fell", "health", below=40.0)
BILLING = AlertRule("Billing health fell", "health_billing", below=40.0, for_days=7)
CHANCE = AlertRule("Likely to leave", "churn_90d", above=0.5)
ODDS = AlertRule("The odds of leaving doubled", "odds_of_leaving", times=2.0)
SCALED = {"points_to_double": 20.0}
BACK = ("back", "data", "otherwise")


def day(n: int) -> dt.date:
    return FIRST + dt.timedelta(days=n)


def row(n: int, before: int | None = None, account: str = "a-1", **figures: Any) -> dict[str, Any]:
    """An account on day n; on `before` it was scored last."""
    base = {
        "account_id": account,
        "status": "ok",
        "segment": "mid",
        "stage": "adoption",
        "arm": None,
        "health_source": "model",
        "model_version": "3",
        "health_cell": "mid, adoption",
        "points_to_double": 10.0,
        "health_before_on": None if before is None else day(before),
        "change_data": None if before is None else 0.0,
    }
    return base | figures


def replay(rule: AlertRule, days: dict[int, list[dict[str, Any]]]) -> list[tuple[int, Opened | Cleared]]:
    """All that opens and clears, by day; where accounts stand is written down and read again every day."""
    stored: dict[str, str] = {}
    told: list[tuple[int, Opened | Cleared]] = []
    for n, rows in sorted(days.items()):
        standings = {account: Standing.from_json(text) for account, text in stored.items()}
        found = evaluate(rule, pd.DataFrame(rows, columns=list(row(0)) if not rows else None), day(n), standings)
        stored |= {account: now.to_json() for account, now in found.standings.items()}
        for account in found.gone:
            del stored[account]
        told += [(n, one) for one in (*found.cleared, *found.opened)]
    return told


def of_values(rule: AlertRule, values: dict[int, float | None], **figures: Any) -> list[tuple[int, str]]:
    """What is told of one account that changes by its own doing alone."""
    days, last = {}, None
    for n, value in sorted(values.items()):
        known = None if last is None or value is None else value - (values[last] or 0.0)
        days[n] = [row(n, last, **{rule.when: value, "change_customer": known}, **figures)]
        last = n if value is not None else last
    return kinds(replay(rule, days))


def kinds(told: list[tuple[int, Opened | Cleared]]) -> list[tuple[int, str]]:
    return [(n, "opened" if isinstance(one, Opened) else one.why) for n, one in told]
