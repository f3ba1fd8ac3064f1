"""Alerts of the scorecard: its own part of a change, without the calendar, and what is another scorecard."""

from __future__ import annotations

import json
from typing import Any

import pytest

from features.practice import AlertRule
from success.alert_rows import CALENDAR
from tests.success.replays import kinds, replay, row


def by_rules(n: int, scores: list[tuple[str, float | None, float, float]], **figures: Any) -> dict[str, Any]:
    """A row of the scorecard: feature, value, points and weight of each rule."""
    told = [{"name": f, "feature": f, "value": v, "score": s, "weight": w} for f, v, s, w in scores]
    value = sum(s * w for _, _, s, w in scores) / sum(w for *_, w in scores)
    return row(n, **{"rule_health": value, "rule_scores": json.dumps(told), "model_version": None} | figures)


@pytest.mark.parametrize("when", ["rule_health", "health"])
def test_a_scorecard_without_a_model_has_alerts_too(when: str) -> None:
    rule, extra = AlertRule("R", when, below=40.0), {"health_source": "rule_based"}
    rows = [by_rules(n, [("seats", 1.0, s, 1.0), ("nps", 9.0, 50.0, 1.0)], **extra) for n, s in enumerate((60, 20, 60))]
    rows = [one | {"health": one["rule_health"]} for one in rows]
    assert kinds(replay(rule, {n: [one] for n, one in enumerate(rows)})) == [(1, "opened"), (2, "back")]


@pytest.mark.parametrize(
    "after",
    [
        [("seats", 1.0, 60.0, 1.0), ("nps", None, 0.0, 1.0)],  # its table vanished, and missing counts as the worst
        [("seats", 1.0, 60.0, 1.0), ("logins", 1.0, 0.0, 1.0)],  # somebody wrote other rules
        [("seats", 1.0, 20.0, 9.0), ("nps", 9.0, 60.0, 1.0)],  # or other weights
    ],
)
def test_a_scorecard_that_became_another_is_no_fall(after: list[tuple[str, float | None, float, float]]) -> None:
    first = [("seats", 1.0, 60.0, 1.0), ("nps", 9.0, 60.0, 1.0)]
    days = {0: [by_rules(0, first)], 1: [by_rules(1, after)], 2: [by_rules(2, after)]}
    assert days[1][0]["rule_health"] < 40
    assert replay(AlertRule("R", "rule_health", below=40.0), days) == []


def test_the_calendar_in_a_scorecard_is_no_fall() -> None:
    def scores(renewal: float, seats: float) -> list[tuple[str, float | None, float, float]]:
        return [("days_to_renewal", 100.0, renewal, 1.0), ("seats", 1.0, seats, 1.0)]

    rule = AlertRule("R", "rule_health", below=40.0)
    nearer = {n: [by_rules(n, scores(90.0 - 20 * n, 30.0))] for n in range(4)}
    assert replay(rule, nearer) == []
    both = {n: [by_rules(n, scores(90.0 - 20 * n, 30.0 - 10 * n))] for n in range(4)}
    assert kinds(replay(rule, both)) == [(3, "opened")]


def test_the_calendar_is_that_of_health() -> None:
    from training import own

    assert own.CALENDAR == CALENDAR
