"""Laws of alerts: a company whose every change has a known cause, and an oracle by hand."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.practice import AlertRule
from success.alerts import Cleared, Opened
from tests.success.replays import BACK, BILLING, CHANCE, HEALTH, kinds, replay, row

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
