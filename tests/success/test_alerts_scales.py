"""Alerts across scales: another model, stage or number of points to double is no fall, and no end of one."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.practice import AlertRule
from success.alerts import Opened
from tests.success.replays import BILLING, HEALTH, SCALED, kinds, replay, row


@pytest.mark.parametrize(
    ("last", "now", "figures", "told"),
    [
        (48.0, 44.0, {"health_before_now": 46.0, "change_customer": -2.0}, [(1, "opened")]),
        (48.0, 44.0, {"health_before_now": 44.5, "change_customer": -0.5}, []),  # it was below already
        (48.0, 42.0, {"health_before_now": 46.0, "change_customer": -0.5, "change_data": -3.5}, []),
        (48.0, 30.0, {"change_customer": -18.0}, []),  # what it was on this scale is not known
        (48.0, 44.0, {"health_before_now": None, "health_7d": 47.0, "change_7d_customer": -3.0}, [(1, "opened")]),
    ],
)
def test_on_another_scale_what_was_before_is_what_this_one_says_of_it(
    last: float, now: float, figures: dict[str, Any], told: list[tuple[int, str]]
) -> None:
    rule = dataclasses.replace(HEALTH, below=45.0)
    days = {0: [row(0, health=last)], 1: [row(1, 0, health=now, health_before=last) | SCALED | figures]}
    found = replay(rule, days)
    assert kinds(found) == told
    for _, one in found:  # nor is it told what health was on the other scale
        assert isinstance(one, Opened)
        assert one.before == figures["health_before_now"]


def test_days_below_another_scales_threshold_do_not_count() -> None:
    rule = dataclasses.replace(HEALTH, below=45.0, for_days=2)
    days = {0: [row(0, health=48.0)], 1: [row(1, 0, health=44.0, change_customer=-4.0)]}
    days[2] = [row(2, 1, health=44.0, health_before_now=46.0, change_customer=-2.0) | SCALED]
    days[3] = [row(3, 2, health=44.0, health_before_now=44.0, change_customer=0.0) | SCALED]
    days[4] = [row(4, 3, health=44.0, health_before_now=44.0, change_customer=0.0) | SCALED]
    assert kinds(replay(rule, days)) == [(4, "opened")]


@pytest.mark.parametrize("when", ["health", "health_billing"])
@settings(max_examples=25, deadline=None)
@given(values=st.lists(st.floats(-30, 30), min_size=2, max_size=20), at=st.integers(1, 19))
def test_another_scale_opens_nothing_that_was_beyond_on_it_before(when: str, values: list[float], at: int) -> None:
    """Twice the points to double from a day on: on that day nothing opens but what has crossed on the new scale."""
    days, told = {}, [50 + (1 if n < at else 2) * value for n, value in enumerate(values)]
    for n in range(len(values)):
        scale = 1 if n < at else 2
        before = None if n == 0 else 50 + scale * values[n - 1]
        change = None if before is None else told[n] - before
        figures = {when: told[n], "health_before_now": before, "points_to_double": 10.0 * scale}
        days[n] = [row(n, n - 1 if n else None, change_customer=change, **figures)]
    opened = [n for n, what in kinds(replay(AlertRule("R", when, below=45.0), days)) if what == "opened"]
    assert at not in opened or (when == "health" and 50 + 2 * values[at - 1] >= 45 > told[at])
    for n in opened:  # a value on a day is set beside one of the same scale alone
        assert 50 + (1 if n < at else 2) * values[n - 1] >= 45 > told[n]


@pytest.mark.parametrize(
    "other", [{"model_version": "4"}, {"health_cell": "adoption"}, {"points_to_double": 20.0}, {"change_data": -3.0}]
)
def test_a_dimension_is_not_followed_on_a_day_with_another_cause(other: dict[str, Any]) -> None:
    rule = dataclasses.replace(BILLING, for_days=0)
    days = {0: [row(0, health_billing=50.0)], 1: [row(1, 0, health_billing=30.0) | other]}
    assert replay(rule, days) == []
    same = {key: value for key, value in other.items() if key != "change_data"}
    days[2] = [row(2, 1, health_billing=15.0) | same]
    told = kinds(replay(rule, days))
    assert told == ([] if same else [(2, "opened")])  # the fifteen points since then are its own, on the same scale
    days |= {3: [row(3, 2, health_billing=45.0) | same], 4: [row(4, 3, health_billing=30.0) | same]}
    assert (4, "opened") in kinds(replay(rule, days))
