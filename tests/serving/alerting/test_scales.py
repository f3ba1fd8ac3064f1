"""success.alerts, day by day: on another scale a sum of days and a path begin anew, and the calendar is no fall."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pandas as pd
import pytest

from features.alert_rules import AlertRule
from success.alerts import Opened, Standing, evaluate

from .conftest import FIRST, HEALTH


def told(rule: AlertRule, *days: dict[str, Any]) -> list[tuple[int, str, float | None]]:
    """What is told of one account that is scored each day: the day's number, "opened" or why it is over, the value."""
    standings: dict[str, Standing] = {}
    found = []
    for n, figures in enumerate(days):
        before_on = FIRST + dt.timedelta(days=n - 1) if n else None
        row = {"account_id": "a-1", "status": "ok", "segment": "mid", "stage": "adoption", "health_source": "model"}
        row |= {"model_version": "3", "points_to_double": 10.0, "health_before_on": before_on, "change_data": 0.0}
        day = evaluate(rule, pd.DataFrame([row | figures]), FIRST + dt.timedelta(days=n), standings)
        standings |= day.standings
        found += [
            (n, "opened" if isinstance(one, Opened) else one.why, one.value) for one in (*day.cleared, *day.opened)
        ]
    return found


@pytest.mark.parametrize("other", [{"points_to_double": 5.0}, {"model_version": "4"}])
def test_a_sum_of_days_adds_up_days_of_one_scale_alone(other: dict[str, Any]) -> None:
    """Twelve points in the odds double them, six of either scale do not."""
    rule = AlertRule("The odds grew", "odds_of_leaving", times=2.0, since_days=10)
    half = 3.0 if "points_to_double" in other else 6.0
    days = [{"change_customer": None}, {"change_customer": 0.0}, {"change_customer": -6.0}, {"change_customer": -half}]
    assert told(rule, *days[:3], {"change_customer": -6.0}) == [(3, "opened", pytest.approx(2**1.2))]
    days[3] |= other
    assert told(rule, *days) == []
    further = {"change_customer": -half, **other}
    assert told(rule, *days, further) == [(4, "opened", pytest.approx(2**1.2))]


def test_health_on_another_scale_is_not_led_on_from_the_path_of_the_one_before() -> None:
    """By what the model of today says of yesterday, it was below already: the account's own step brought nothing."""
    same = {"health": 44.0, "health_before_now": 48.0, "change_customer": -4.0}
    assert told(HEALTH, {"health": 48.0}, same, {"health": 39.0, "change_customer": -5.0}) == [(2, "opened", 39.0)]
    other = {"health": 30.0, "health_before_now": 35.0, "change_customer": -5.0, "model_version": "4"}
    assert told(HEALTH, {"health": 48.0}, {"health": 44.0, "change_customer": -4.0}, other) == []


def test_days_below_on_another_scale_are_not_counted_on() -> None:
    """Of three days below, the first was so on another scale, on which it had crossed."""
    rule = AlertRule("Health is low", "health", below=40.0, for_days=2)
    fell = [{"health": 48.0}, {"health": 38.0, "change_customer": -10.0}]
    stays = {"health": 38.0, "change_customer": 0.0}
    assert told(rule, *fell, stays, stays) == [(3, "opened", 38.0)]
    other = stays | {"model_version": "4"}
    crossed = other | {"health_before_now": 41.0, "change_customer": -3.0}
    assert told(rule, *fell, crossed, other) == []
    assert told(rule, *fell, crossed, other, other) == [(4, "opened", 38.0)]


def test_where_no_earlier_day_is_known_no_data_is_blamed() -> None:
    fell = [{"health": 48.0}, {"health": 38.0, "change_customer": -10.0}]
    back = {"health": 45.0, "model_version": "4", "health_before_on": None, "change_data": None}
    assert told(HEALTH, *fell, back)[1:] == [(2, "otherwise", 45.0)]


def test_a_contract_by_rules_is_not_followed_on_days_on_which_the_calendar_moves() -> None:
    rule = AlertRule("The contract looks bad", "health_contract", below=40.0)

    def by_rules(contract: float, renewal: float) -> dict[str, Any]:
        scores = [
            {"name": "renewal", "feature": "days_to_renewal", "value": 9.0, "score": renewal, "weight": 1.0},
            {"name": "price", "feature": "price_per_seat", "value": 9.0, "score": 50.0, "weight": 1.0},
        ]
        figures = {"health_source": "rule_based", "model_version": None, "rule_scores": json.dumps(scores)}
        return figures | {"health_contract": contract}

    assert told(rule, by_rules(50.0, 60.0), by_rules(30.0, 20.0)) == []
    assert told(rule, by_rules(50.0, 60.0), by_rules(30.0, 60.0)) == [(1, "opened", 30.0)]
