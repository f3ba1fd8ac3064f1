"""Apportioning: nothing is lost, nothing is made, and a plain loop day by day finds the same."""

from __future__ import annotations

import datetime as dt
import itertools
from calendar import monthrange
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from success.economics.apportioning import apportioned
from success.economics.managed import held_on, managed_revenue

FIRST = dt.date(2024, 1, 1)
NAMES = st.sampled_from(["", "x", "y"])
MONTHS = [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-02-01")]

cut = st.lists(st.tuples(st.integers(0, 130), st.sampled_from(["", "p", "q"])), min_size=1, max_size=4)
"""Days from which an account belongs to something."""
money = st.lists(st.tuples(st.integers(0, 120), st.integers(1, 60), st.integers(-500, 90_000)), max_size=4)
"""Subscriptions of an account, one after the other: days before it, days of it, cents."""
costs = st.lists(
    st.fixed_dictionaries(
        {
            "month": st.sampled_from(MONTHS),
            "category": st.sampled_from(["csm", "tools"]),
            "cents": st.integers(-100, 100_000),
            "csm_id": NAMES,
            "segment": NAMES,
        }
    ),
    min_size=1,
    max_size=6,
)
revenues = st.lists(
    st.fixed_dictionaries(
        {
            "month": st.sampled_from(MONTHS),
            "csm_id": NAMES,
            "segment": NAMES,
            "group": NAMES,
            "cents": st.integers(-50, 1000),
        }
    ),
    max_size=8,
)


def steps_of(accounts: dict[str, Any], nth: int) -> pd.DataFrame:
    """Steps cut by what accounts belong to; the last of each goes on where it is long."""
    rows = []
    for account, (paid, *belongings) in accounts.items():
        day = 0
        for before, length, cents in paid:
            day += before
            days = range(day, day + length)
            marks = sorted({days[0], days[-1] + 1, *(d for d, _ in belongings[nth] if d in days)})
            for start, until in itertools.pairwise(marks):
                rows.append((account, at(start), at(until), cents, belongs(belongings[nth], start)))
            day += length
    kinds = {"account_id": "str", "from_on": "datetime64[us]", "until_on": "datetime64[us]", "cents": "int64"}
    return pd.DataFrame(rows, columns=[*kinds, "group"]).astype({**kinds, "group": "str"})


def at(day: int) -> dt.datetime:
    return dt.datetime.combine(FIRST + dt.timedelta(days=day), dt.time())


def belongs(changes: list[tuple[int, str]], day: int) -> str:
    held = [name for since, name in sorted(changes, key=lambda change: change[0]) if since <= day]
    return held[-1] if held else ""


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abc"), st.tuples(money, cut, cut), min_size=1),
    st.integers(0, 60),
    st.integers(1, 90),
)
def test_managed_revenue_is_what_a_loop_over_days_finds(accounts: dict[str, Any], since: int, length: int) -> None:
    belonging = {"csm_id": steps_of(accounts, 0), "group": steps_of(accounts, 1)}
    start, until = FIRST + dt.timedelta(days=since), FIRST + dt.timedelta(days=since + length)
    found = managed_revenue(belonging, start, until)
    expected: dict[tuple[str, str, str], float] = {}
    for paid, *belongings in accounts.values():
        begins = 0
        for before, days, cents in paid:
            begins += before
            for day in range(begins, begins + days):
                date = FIRST + dt.timedelta(days=day)
                if since <= day < since + length:
                    key = (f"{date:%Y-%m}", *(belongs(changes, day) for changes in belongings))
                    expected[key] = expected.get(key, 0.0) + cents / monthrange(date.year, date.month)[1]
            begins += days
    told = zip(found["month"].dt.strftime("%Y-%m"), found["csm_id"], found["group"], strict=True)
    assert dict(zip(told, found["cents"], strict=True)) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), st.tuples(money, cut, cut), min_size=1), st.integers(0, 200))
def test_who_holds_an_account_on_a_day(accounts: dict[str, Any], day: int) -> None:
    steps = steps_of(accounts, 0)
    asked = pd.Series([*accounts, "unknown"], index=range(5, len(accounts) + 6))
    found = held_on(asked, FIRST + dt.timedelta(days=day), steps)
    assert list(found.index) == list(asked.index)
    for account, group in zip(asked, found, strict=True):
        active, begins = False, 0
        for before, days, _ in accounts.get(account, ([],))[0]:
            active |= begins + before <= day < begins + before + days
            begins += before + days
        assert group == (belongs(accounts[account][1], day) if active else "")


@settings(max_examples=60, deadline=None)
@given(costs, revenues, st.sampled_from(["csm", "segment", "plan"]))
def test_costs_are_divided_as_a_loop_divides_them(
    booked: list[dict[str, Any]], revenue: list[dict[str, Any]], by: str
) -> None:
    columns = ["month", "csm_id", "segment", "group", "cents"]
    kinds = {"csm_id": "str", "segment": "str", "group": "str", "month": "datetime64[us]", "cents": "float"}
    frame = pd.DataFrame(revenue, columns=columns).astype(kinds)
    found = apportioned(pd.DataFrame(booked).astype({"month": "datetime64[us]"}), frame, by)
    expected: dict[tuple[Any, ...], float] = {}
    for cost in booked:
        for group, part in divided(cost, revenue, by).items():
            key = (group, cost["month"], cost["category"])
            expected[key] = expected.get(key, 0.0) + part
    told = zip(found["group"], found["month"], found["category"], strict=True)
    assert dict(zip(told, found["cents"], strict=True)) == pytest.approx(expected, abs=1e-6)


def divided(cost: dict[str, Any], revenue: list[dict[str, Any]], by: str) -> dict[str, float]:
    """One cost by group."""
    own = {"csm": cost["csm_id"], "segment": cost["segment"]}.get(by)
    if own:
        return {own: cost["cents"]}
    csm, segment = cost["csm_id"], cost["segment"]
    pools = [(csm, segment)] if csm and segment else []
    pools += [("", segment)] if segment else []
    pools += [(csm, "")] if csm else []
    for wanted_csm, wanted_segment in [*pools, ("", "")]:
        weights: dict[str, float] = {}
        for row in revenue:
            meant = row["csm_id"] == wanted_csm or not wanted_csm
            if row["month"] == cost["month"] and meant and (row["segment"] == wanted_segment or not wanted_segment):
                weights[row["group"]] = weights.get(row["group"], 0) + row["cents"]
        positive = {group: weight for group, weight in weights.items() if weight > 0}
        if positive:
            whole = sum(positive.values())
            return {group: cost["cents"] * weight / whole for group, weight in positive.items()}
    return {}
