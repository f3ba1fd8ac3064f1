"""success.alerts against a stand-in for a company whose every change has a known cause, and an oracle by hand."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.practice import DEFAULT_ALERTS, AlertRule
from success.alert_rows import CALENDAR, absent_segments
from success.alerts import Cleared, Opened, Standing, evaluate, key_of, meaning

FIRST = dt.date(2026, 1, 1)
HEALTH = AlertRule("Health fell", "health", below=40.0)
BILLING = AlertRule("Billing health fell", "health_billing", below=40.0, for_days=7)
CHANCE = AlertRule("Likely to leave", "churn_90d", above=0.5)
ODDS = AlertRule("The odds of leaving doubled", "odds_of_leaving", times=2.0)


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


BACK = ("back", "data", "otherwise")


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


SCALED = {"points_to_double": 20.0}


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


def test_segments_are_met_in_any_letter_case() -> None:
    rule = dataclasses.replace(HEALTH, segments=("MID ",))
    days = {0: [row(0, health=50.0)], 1: [row(1, 0, health=30.0, change_customer=-20.0)]}
    assert kinds(replay(rule, days)) == [(1, "opened")]
    assert meaning(rule) == meaning(dataclasses.replace(HEALTH, segments=("mid",)))
    assert absent_segments(dataclasses.replace(rule, segments=("MID ", "Midd")), pd.DataFrame([row(0)])) == ["Midd"]


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


@pytest.mark.parametrize("since_days", [7, 28, 10])
def test_the_odds_double_by_what_the_customer_did(since_days: int) -> None:
    rule = dataclasses.replace(ODDS, since_days=since_days)
    column = f"change_{since_days}d_customer"
    falls = [0.0, -4.0, -4.0, -4.0, *[0.0] * 40]
    days = {}
    for n in range(1, 44):
        window = math.fsum(falls[max(1, n - since_days + 1) : n + 1])
        days[n] = [row(n, n - 1, health=50.0, change_customer=falls[n], change_model=-30.0, **{column: window})]
    told = replay(rule, days)
    assert kinds(told) == [(3, "opened"), (since_days + 1, "back")]
    assert isinstance(told[0][1], Opened)
    assert told[0][1].value == pytest.approx(2**1.2)


CAUSES = st.lists(
    st.fixed_dictionaries(
        {
            "customer": st.floats(-12, 12),
            "stage": st.sampled_from([0.0, 0.0, -30.0, 25.0]),
            "data": st.sampled_from([0.0, 0.0, 0.0, -30.0, 25.0]),
            "model": st.sampled_from([0.0, 0.0, 0.0, -30.0, 25.0]),
            "calendar": st.floats(-20, 20),
            "gap": st.sampled_from([1, 1, 1, 2, 9]),
        }
    ),
    min_size=3,
    max_size=40,
)


def company(causes: list[dict[str, float]]) -> dict[int, list[dict[str, Any]]]:
    """One account whose health moves as told, and everything of its row that follows from that."""
    health, billing, calendar, n, last = 55.0, 55.0, 0.0, 0, None
    model, stages = 3, ["adoption", "expansion"]
    days = {}
    for cause in causes:
        n += int(cause["gap"])
        if last is None:
            cause = dict.fromkeys(cause, 0.0)
        parts = {name: cause[name] for name in ("customer", "stage", "data", "model")}
        before = health
        health += sum(parts.values())
        billing += sum(parts.values())
        calendar += cause["calendar"]
        model += cause["model"] != 0
        stages = stages[::-1] if cause["stage"] else stages
        told = {f"change_{name}": None if last is None else value for name, value in parts.items()}
        risk = -2.0 - (health - 50 + calendar) * math.log(2) / 10
        days[n] = [
            row(
                n,
                last,
                **told,
                health=health,
                health_before=None if last is None else before,
                health_before_now=None if last is None else before + cause["model"],
                health_billing=billing,
                churn_90d=1 / (1 + math.exp(-risk)),
                model_version=str(model),
                stage=stages[0],
                health_cell=f"mid, {stages[0]}",
            )
        ]
        last = n
    return days


@pytest.mark.parametrize("when", ["health", "health_billing", "churn_90d"])
@settings(max_examples=15, deadline=None)
@given(causes=CAUSES)
def test_nothing_but_the_customer_opens_an_alert(when: str, causes: list[dict[str, float]]) -> None:
    """Whatever model, stage, data and calendar do: a customer that does nothing, or only good, opens nothing."""
    better = [cause | {"customer": abs(cause["customer"])} for cause in causes]
    limit: dict[str, Any] = {"above": 0.5} if when.startswith("churn") else {"below": 40.0}
    assert not [one for _, one in replay(AlertRule("R", when, **limit), company(better)) if isinstance(one, Opened)]


@settings(max_examples=15, deadline=None)
@given(causes=CAUSES)
def test_it_opens_where_the_customer_alone_has_brought_it(causes: list[dict[str, float]]) -> None:
    """Told by hand from the parts: since health was last at 40 or more, the customer's parts add up to below 40.

    On a day with another model they begin with what that says of the day before, if it was 40 or more.
    """
    days = company(causes)
    path, is_open, told = math.nan, False, []
    for n, (one,) in sorted(days.items()):
        value = one["health"]
        brought = path + (one["change_customer"] or 0.0)
        if one["change_model"]:
            brought = one["health_before_now"] + one["change_customer"] if one["health_before_now"] >= 40 else math.nan
        path = value if value >= 40 else brought
        if is_open and value >= 40:
            is_open = False
            told.append((n, "back" if brought >= 40 else "data" if abs(one["change_data"]) > 1e-6 else "otherwise"))
        elif not is_open and path < 40:
            is_open = True
            told.append((n, "opened"))
    assert kinds(replay(HEALTH, days)) == told


@settings(max_examples=15, deadline=None)
@given(causes=CAUSES, for_days=st.integers(0, 12))
def test_it_opens_after_so_many_days_below(causes: list[dict[str, float]], for_days: int) -> None:
    """Where nothing but the customer changes, told by hand from the values alone."""
    causes = [cause | dict.fromkeys(("stage", "data", "model"), 0.0) for cause in causes]
    days = company(causes)
    for when in ("health", "health_billing"):
        since, last, is_open, told = None, None, False, []
        for n, (one,) in sorted(days.items()):
            below = one[when] < 40
            fresh = since is None or n - (last or n) > 7
            since = None if not below else n if fresh else since
            if is_open and not below:
                is_open = False
                told.append((n, "back"))
            elif not is_open and since is not None and n - since >= for_days:
                is_open = True
                told.append((n, "opened"))
            last = n
        assert kinds(replay(AlertRule("R", when, below=40.0, for_days=for_days), days)) == told


@settings(max_examples=15, deadline=None)
@given(causes=CAUSES, clear=st.floats(40, 60), for_days=st.integers(0, 5))
def test_each_episode_opens_once_and_clears_once(causes: list[dict[str, float]], clear: float, for_days: int) -> None:
    told = replay(AlertRule("R", "health", below=40.0, clear=clear, for_days=for_days), company(causes))
    names = ["back" if name in BACK else name for _, name in kinds(told)]
    assert names == (["opened", "back"] * len(names))[: len(names)]
    keys = [one.key for _, one in told if isinstance(one, Opened)]
    assert len(set(keys)) == len(keys)
    assert [one.key for _, one in told if isinstance(one, Cleared)] == keys[: len(names) // 2]


def test_many_accounts_at_once() -> None:
    """The laws above on 100 accounts and 40 days; every tenth account does nothing but good."""
    rng = np.random.default_rng(5)
    days: dict[int, list[dict[str, Any]]] = {}
    expected = {}
    for n in range(100):
        causes = [
            {
                "customer": abs(c) if n % 10 == 0 else c,
                "stage": s * (rng.random() < 0.1),
                "data": d * (rng.random() < 0.1),
                "model": m * (rng.random() < 0.05),
                "calendar": k,
                "gap": 1,
            }
            for c, s, d, m, k in rng.normal(0, [4, 20, 20, 20, 9], (40, 5)).tolist()
        ]
        own = company(causes)
        name = f"a-{n}"
        whats = kinds(replay(HEALTH, own)) if n < 8 else None
        expected[name] = None if whats is None else ["back" if what in BACK else what for _, what in whats]
        for at, (one,) in own.items():
            days.setdefault(at, []).append(one | {"account_id": name})
    for rule in (HEALTH, dataclasses.replace(BILLING, for_days=0), CHANCE):
        told = replay(rule, days)
        assert len(told) > 30
        by_account: dict[str, list[str]] = {}
        for (_, one), (_, what) in zip(told, kinds(told), strict=True):
            by_account.setdefault(one.account_id, []).append("back" if what in BACK else what)
        assert not [name for name in by_account if int(name[2:]) % 10 == 0]
        for whats in by_account.values():
            assert whats == (["opened", "back"] * len(whats))[: len(whats)]
        if rule is HEALTH:
            assert {name: by_account.get(name, []) for name in list(expected)[:8]} == {
                name: whats for name, whats in expected.items() if whats is not None
            }


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


def test_the_calendar_is_that_of_health() -> None:
    from training import own

    assert own.CALENDAR == CALENDAR
