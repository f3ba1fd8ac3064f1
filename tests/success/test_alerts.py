"""Alerts as episodes: what opens once and clears once, and why; what is bridged, waited for and left alone."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from features.practice import DEFAULT_ALERTS, AlertRule
from success.alert_rows import absent_segments
from success.alerts import Opened, key_of, meaning
from tests.success.replays import BILLING, CHANCE, FIRST, HEALTH, ODDS, SCALED, day, kinds, of_values, replay, row


def test_a_fall_is_told_once_and_its_end_once() -> None:
    assert of_values(HEALTH, {0: 55, 1: 39, 2: 30, 3: 38, 4: 40, 5: 60, 6: 20}) == [
        (1, "opened"), (4, "back"), (6, "opened"),
    ]  # fmt: skip


def test_what_is_at_the_threshold_is_not_below_it() -> None:
    assert of_values(HEALTH, {0: 55, 1: 40.0}) == []
    assert of_values(dataclasses.replace(HEALTH, below=None, above=60.0), {0: 55, 1: 60.0, 2: 60.1, 3: 60.0}) == [
        (2, "opened"), (3, "back"),
    ]  # fmt: skip


def test_it_has_to_stay_for_so_many_days() -> None:
    fell = dict.fromkeys(range(1, 12), 30.0)
    assert of_values(dataclasses.replace(HEALTH, for_days=7), {0: 55.0, **fell}) == [(8, "opened")]
    assert of_values(dataclasses.replace(HEALTH, for_days=7), {0: 55.0, **fell, 5: 41.0}) == []
    assert of_values(dataclasses.replace(HEALTH, for_days=7), {0: 55.0, **fell, 5: 41.0, 12: 30.0, 13: 30.0}) == [
        (13, "opened")
    ]


def test_days_are_those_of_the_calendar_and_a_week_between_two_is_bridged() -> None:
    weekly = dataclasses.replace(HEALTH, for_days=14)
    assert of_values(weekly, {0: 55, 7: 30, 14: 30, 21: 30}) == [(21, "opened")]
    assert of_values(weekly, {0: 55, 7: 30, 15: 30, 21: 30, 28: 30, 29: 30}) == [(29, "opened")]


def test_it_clears_where_the_rule_says() -> None:
    rule = dataclasses.replace(HEALTH, clear=50.0)
    assert of_values(rule, {0: 55, 1: 39, 2: 45, 3: 38, 4: 49.9, 5: 50}) == [(1, "opened"), (5, "back")]


def test_days_without_a_value_wait() -> None:
    rule = dataclasses.replace(BILLING, for_days=3)
    values = {0: 55.0, 1: 30.0, 2: None, 3: None, 4: 30.0, 5: None, 6: None, 7: 45.0}
    told = of_values(rule, values)
    assert told == [(4, "opened"), (7, "back")]


@pytest.mark.parametrize("rule", [HEALTH, BILLING, CHANCE, AlertRule("P", "pulse", below=40.0)])
def test_a_fall_that_nobody_saw_is_none(rule: AlertRule) -> None:
    rule = dataclasses.replace(rule, for_days=0)
    bad, good = (0.9, 0.1) if rule is CHANCE or rule.when.startswith("churn") else (20.0, 60.0)
    assert of_values(rule, dict.fromkeys(range(9), bad)) == []
    if not rule.when.startswith("churn"):
        assert of_values(rule, {0: bad, 1: bad, 2: good, 3: bad}) == [(3, "opened")]


def test_a_rule_that_begins_with_a_fall_of_last_night_leaves_it() -> None:
    rows = [row(0, -1, health=35.0, health_before=50.0, health_before_now=50.0, change_customer=-15.0)]
    assert replay(HEALTH, {0: rows}) == []
    rows = [row(0, -1, health=35.0, change_7d_customer=-20.0)]
    assert replay(ODDS, {0: rows, 1: [row(1, 0, health=35.0, change_7d_customer=-20.0)]}) == []


def test_values_that_are_back_by_something_else_are_no_recovery() -> None:
    rule = dataclasses.replace(BILLING, for_days=0)
    fell = {0: [row(0, health_billing=50.0)], 1: [row(1, 0, health_billing=30.0)]}
    for figures, why in (
        ({}, "back"),
        ({"change_data": 12.0}, "data"),  # the payments have vanished
        ({"change_data": None}, "data"),
        ({"model_version": "4"}, "otherwise"),
        (SCALED, "otherwise"),
        ({"stage": "renewal"}, "otherwise"),
    ):
        days = fell | {2: [row(2, 1, health_billing=50.0) | figures]}
        assert kinds(replay(rule, days)) == [(1, "opened"), (2, why)]
    fell = {0: [row(0, health=50.0)], 1: [row(1, 0, health=30.0, change_customer=-20.0)]}
    for customer, data, why in ((15.0, 5.0, "back"), (5.0, 15.0, "data"), (5.0, 0.0, "otherwise")):
        parts = {"change_customer": customer, "change_data": data, "health_before_now": 30.0}
        assert kinds(replay(HEALTH, fell | {2: [row(2, 1, health=50.0, **parts)]})) == [(1, "opened"), (2, why)]


@pytest.mark.parametrize(
    ("status", "why"), [("churned", "churned"), ("notice_given", "gave_notice"), ("insufficient_data", None)]
)
def test_an_account_that_leaves_takes_its_alert_with_it(status: str, why: str | None) -> None:
    days = {0: [row(0, health=50.0)], 1: [row(1, 0, health=30.0, change_customer=-20.0)], 2: [row(2, 1, status=status)]}
    assert kinds(replay(HEALTH, days)) == [(1, "opened"), *([(2, why)] if why else [])]


def test_an_account_that_is_missing_is_taken_for_gone_after_a_week() -> None:
    fell = {0: [row(0, health=50.0)], 1: [row(1, 0, health=30.0, change_customer=-20.0)]}
    assert kinds(replay(HEALTH, fell | {2: [], 8: []})) == [(1, "opened")]
    assert kinds(replay(HEALTH, fell | {2: [], 9: [], 10: []})) == [(1, "opened"), (9, "left")]
    back = {2: [], 3: [row(3, 1, health=50.0, change_customer=20.0)]}
    assert kinds(replay(HEALTH, fell | back)) == [(1, "opened"), (3, "back")]


def test_accounts_that_a_rule_is_not_about() -> None:
    rule = dataclasses.replace(HEALTH, segments=("mid",), stages=("renewal",))
    days = {
        0: [row(0, health=50.0)],
        1: [row(1, 0, health=30.0, change_customer=-20.0)],
        2: [row(2, 1, health=29.0, stage="renewal", change_customer=-1.0, health_before=30.0)],
        3: [row(3, 2, health=50.0, stage="renewal", change_customer=21.0)],
        4: [row(4, 3, health=30.0, stage="renewal", change_customer=-20.0)],
        5: [row(5, 4, health=30.0, stage="expansion", change_customer=0.0)],
    }
    assert kinds(replay(rule, days)) == [(4, "opened"), (5, "outside")]


def test_segments_are_met_in_any_letter_case() -> None:
    rule = dataclasses.replace(HEALTH, segments=("MID ",))
    days = {0: [row(0, health=50.0)], 1: [row(1, 0, health=30.0, change_customer=-20.0)]}
    assert kinds(replay(rule, days)) == [(1, "opened")]
    assert meaning(rule) == meaning(dataclasses.replace(HEALTH, segments=("mid",)))
    assert absent_segments(dataclasses.replace(rule, segments=("MID ", "Midd")), pd.DataFrame([row(0)])) == ["Midd"]


def test_the_key_is_of_the_meaning_the_account_and_the_day() -> None:
    renamed = dataclasses.replace(BILLING, name="Finance", play="Call them")
    assert meaning(renamed) == meaning(BILLING) == meaning(dataclasses.replace(BILLING, below=40))
    told = {meaning(rule) for rule in (*DEFAULT_ALERTS, HEALTH, CHANCE, dataclasses.replace(BILLING, for_days=8))}
    assert len(told) == 5
    assert meaning(BILLING) == "9d00c92447d7c7d96e0bf833f01b3961adab34e962c4926be7231eb85e2fb71f"
    assert key_of("r", "a", FIRST) == key_of("r", "a", FIRST)
    assert (
        len({key_of("r", "a", FIRST), key_of("r", "b", FIRST), key_of("r", "a", day(1)), key_of("s", "a", FIRST)}) == 4
    )


def test_the_arm_is_that_of_the_day_on_which_it_opens() -> None:
    days = {0: [row(0, health=50.0)], 1: [row(1, 0, health=30.0, change_customer=-20.0, arm="control")]}
    ((_, opened),) = replay(HEALTH, days)
    assert isinstance(opened, Opened)
    assert (opened.arm, opened.before, opened.before_on, opened.since) == ("control", 50.0, day(0), day(1))


def test_a_book_without_the_columns_says_nothing() -> None:
    rows = [{"account_id": "a-1", "status": "ok"}]
    for rule in (*DEFAULT_ALERTS, HEALTH, CHANCE, AlertRule("R", "rule_health", below=40.0)):
        assert replay(rule, {0: rows, 1: rows}) == []
