"""Alert rows: a rule and a scored day's book in; what the rule reads of each account out."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from features.practice import ODDS_OF_LEAVING, AlertRule
from success.book import as_json, numbers, texts

__all__ = ["CALENDAR", "RULE_BASED", "WITH_A_SUM", "Row", "absent_segments", "folded", "rows_of"]

CALENDAR = ("days_to_renewal", "term_months")
"""The features that change with the date alone; `training.own.CALENDAR`, without importing what models need."""
RULE_BASED = "rule_based"

WITH_A_SUM = (7,)
"""The days for which a row says how much of the change came from the account, under one model."""


class Row(NamedTuple):
    """One account on one scored day, as a rule sees it; points are points of health.

    Attributes
    ----------
    value : the number that the rule is about; for the odds of leaving, how many times those of before. None: unknown.
    own : the value without what the calendar does to it.
    scale : text that differs where the value is measured otherwise: a value of one scale says nothing on another.
    same : text that differs where something else than what changed at the account may have moved the value.
    customer : points by what changed at the account since `before_on`; None where that is not known.
    data : points that the data did since then; None where that is not known.
    before, week, week_customer : health on the scored day before and about a week before, as today's model and scale
        see it, and the points by what changed at the account since the latter.
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
    scale: str
    same: str
    customer: float | None
    before_on: dt.date | None
    data: float | None
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
            "change_customer", "change_data", "health_before_now", "health_7d", "change_7d_customer",
            "points_to_double",
        )
    ]  # fmt: skip
    columns = [*words, *identity, texts(book, "health_before_on"), *figures, _values(rule, book)]
    for told in zip(*columns, strict=True):
        account, status, segment, stage, arm, source, model, cell, scores, before_on, *measured = told
        customer, data, before, week, week_customer, double, value = (_known(number) for number in measured)
        by_rules = rule.when == "rule_health" or (rule.when.startswith("health") and source == RULE_BASED)
        # What the stage and the segment did to health and to odds is a part by itself; of a dimension there is none.
        split = rule.when == "health" or not rule.when.startswith("health")
        own, scale = value, "" if rule.when == "pulse" else _digest(source, model, double, None if split else cell)
        same = _digest(stage, segment)
        if by_rules and value is not None:
            own, scale, same = _by_rules(rule, value, as_json(scores), stage, segment)
        yield Row(
            account, status, segment, stage, arm, source, value, own, scale, same, customer, before_on,
            0.0 if before_on is None else data, before, week, week_customer, double,
        )  # fmt: skip


def folded(names: Sequence[str]) -> list[str]:
    """Names in one letter case.

    >>> folded(["SMB ", "mid"])
    ['smb', 'mid']
    """
    return [name.strip().casefold() for name in names]


def absent_segments(rule: AlertRule, book: pd.DataFrame) -> list[str]:
    """The segments of a rule, as it writes them, that no account of the day has."""
    there = set(folded([name for name in set(texts(book, "segment")) if name is not None]))
    return [name for name, plain in zip(rule.segments, folded(rule.segments), strict=True) if plain not in there]


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
) -> tuple[float, str, str]:
    """A rule-based value without its calendar part, which rules made it, and of which known values."""
    weights = math.fsum(item.get("weight") or 0.0 for item in scores)
    dated = [item for item in scores if item.get("feature") in CALENDAR]
    if rule.when in ("health", "rule_health"):
        points = math.fsum((item.get("weight") or 0.0) * (item.get("score") or 0.0) for item in dated)
        value -= points / (weights or 1.0)
        dated = []
    made = sorted(repr((item.get("name"), item.get("feature"), item.get("weight"))) for item in scores)
    unknown = sorted(repr((item.get("name"), item.get("feature"))) for item in scores if item.get("value") is None)
    # Rules are no more told apart by dimension than their sum is, so a dimension with the calendar in it is not
    # followed on days on which that has moved.
    moved = [item.get("score") for item in dated] if rule.when == "health_contract" else []
    return value, _digest(RULE_BASED, made), _digest(stage, segment, unknown, moved)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
