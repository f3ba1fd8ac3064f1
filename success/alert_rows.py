"""Alert rows: a rule and a scored day's book in; what the rule reads of each account out."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from features.practice import ODDS_OF_LEAVING, AlertRule
from success.book import as_json, numbers, texts

__all__ = ["CALENDAR", "RULE_BASED", "WITH_A_SUM", "Row", "rows_of"]

CALENDAR = ("days_to_renewal", "term_months")
"""The features that change with the date alone; `training.own.CALENDAR`, without importing what models need."""
RULE_BASED = "rule_based"

WITH_A_SUM = (7, 28)
"""The days for which a row says how much of the change was the customer's, under one model."""


class Row(NamedTuple):
    """One account on one scored day, as a rule sees it; points are points of health.

    Attributes
    ----------
    value : the number that the rule is about; for the odds of leaving, how many times those of before. None: unknown.
    own : the value without what the calendar does to it.
    same : text that differs where something else than the customer may have changed the value.
    customer : points that the customer did since `before_on`; None where that is not known.
    data : points that the data did since then.
    before, week, week_customer : health on the scored day before and about a week before, as it was stored then and
        as today's model sees it, and what the customer did since the latter.
    arm : the control arm that the account is in.
    """

    account_id: str
    status: str
    segment: str | None
    stage: str | None
    arm: str | None
    source: str | None
    value: float | None
    own: float | None
    same: str
    customer: float | None
    before_on: dt.date | None
    data: float
    before: float | None
    week: float | None
    week_customer: float | None
    points_to_double: float | None


def rows_of(rule: AlertRule, book: pd.DataFrame) -> Iterator[Row]:
    """Each account of a book, in its order; columns that the book lacks are unknown."""
    words = [texts(book, name) for name in ("account_id", "status", "segment", "stage", "arm", "health_source")]
    identity = [texts(book, name) for name in ("model_version", "health_cell", "rule_scores")]
    figures = [
        numbers(book, name)
        for name in (
            "change_customer", "change_data", "health_before", "health_7d", "change_7d_customer", "points_to_double",
        )
    ]  # fmt: skip
    columns = [*words, *identity, texts(book, "health_before_on"), *figures, _values(rule, book)]
    for told in zip(*columns, strict=True):
        account, status, segment, stage, arm, source, model, cell, scores, before_on, *measured = told
        customer, data, before, week, week_customer, double, value = (_known(number) for number in measured)
        by_rules = rule.when == "rule_health" or (rule.when.startswith("health") and source == RULE_BASED)
        own, same = value, _digest(source, model, cell, stage, segment, double)
        if by_rules and value is not None:
            own, same = _by_rules(rule, value, as_json(scores), stage, segment)
        yield Row(
            account, status, segment, stage, arm, source, value, own, same, customer, before_on, data or 0.0, before,
            week, week_customer, double,
        )  # fmt: skip


def _values(rule: AlertRule, book: pd.DataFrame) -> np.ndarray:
    """(n,) the number that a rule is about; NaN where it is unknown."""
    if rule.when != ODDS_OF_LEAVING:
        return numbers(book, rule.when)
    if rule.since_days not in WITH_A_SUM:
        return np.full(len(book), np.nan)  # it is summed up from day to day
    points = numbers(book, f"change_{rule.since_days}d_customer")
    return np.asarray(np.exp2(-points / numbers(book, "points_to_double")))


def _known(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def _by_rules(
    rule: AlertRule, value: float, scores: list[dict[str, Any]], stage: str | None, segment: str | None
) -> tuple[float, str]:
    """A rule-based value without its calendar part, and which rules made it of which known values."""
    weights = math.fsum(item.get("weight") or 0.0 for item in scores)
    dated = [item for item in scores if item.get("feature") in CALENDAR]
    if rule.when in ("health", "rule_health"):
        points = math.fsum((item.get("weight") or 0.0) * (item.get("score") or 0.0) for item in dated)
        value -= points / (weights or 1.0)
        dated = []
    made = [(item.get("name"), item.get("feature"), item.get("weight"), item.get("value") is None) for item in scores]
    # Rules are no more told apart by dimension than their sum is, so a dimension with the calendar in it is not
    # followed on days on which that has moved.
    moved = [item.get("score") for item in dated] if rule.when == "health_contract" else []
    return value, _digest(RULE_BASED, stage, segment, sorted(map(repr, made)), moved)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
