"""Origins: in order, disjoint, all that is usable, and never a label of a day on which it was not known."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import TenureError
from training.blocks import Blocks
from training.plan import Plan, make_plan
from training.tuning.origins import _even, cut_origins, untouched

NEEDED = (100, 50, 50)


@given(st.lists(st.integers(0, 40).map(float), max_size=40), st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_stretches_are_whole_in_order_and_even(events: list[float], count: int) -> None:
    found = _even(events, count)
    if not found:
        # Only where some stretch would hold no day, which cannot be where each day weighs less than a stretch does.
        assert len(events) < count or not sum(events) or max(events) * count > sum(events)
        return
    assert len(found) == count
    assert [place for stretch in found for place in stretch] == list(range(len(events)))
    for stretch in found:
        # A day belongs where its middle lies, so that half a day's events may be missing or too many at either end.
        assert abs(sum(events[place] for place in stretch) - sum(events) / count) <= max(events) + 1e-9


@given(st.integers(1, 5), st.integers(1, 60))
def test_equal_days_make_equal_stretches(count: int, days: int) -> None:
    sizes = [len(stretch) for stretch in _even([3.0] * days, count)]
    assert bool(sizes) == (days >= count)
    assert not sizes or max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("outcome", ["churn", "expansion"])
def test_what_is_learned_was_known_when_the_stretch_begins(make_dataset: Any, outcome: str, seed: int) -> None:
    dataset = make_dataset(accounts=300 + 200 * seed, months=13 + seed, seed=seed)
    labelled = dataset.at(outcome, 90)
    before = dataset.known_on - dt.timedelta(40 * seed)
    known = [day for day in labelled.as_ofs if day + dt.timedelta(92) <= before]
    origins = cut_origins(dataset, outcome, 90, before, NEEDED)
    assert 2 <= len(origins) <= 4
    held = [day for origin in origins for day in origin.held.as_ofs]
    assert held == known[known.index(held[0]) :]
    for origin in origins:
        first = origin.held.as_of.min()
        assert first == np.datetime64(origin.held.as_ofs[0])
        assert origin.train.as_of.max() + np.timedelta64(92) <= first
        assert origin.held.as_of.max() + np.timedelta64(92) <= np.datetime64(before)
        # Everything that was known by then, and nothing else.
        all_known = labelled.as_of + np.timedelta64(92) <= first
        np.testing.assert_array_equal(origin.train.place, labelled.place[all_known])
        np.testing.assert_array_equal(origin.train.labels, labelled.labels[all_known])
        np.testing.assert_array_equal(
            origin.held.place, labelled.place[np.isin(labelled.as_of, np.array(origin.held.as_ofs, "datetime64[D]"))]
        )
        assert len(set(origin.train.accounts[origin.train.labels == 1])) >= NEEDED[0]
        assert len(set(origin.held.accounts[origin.held.labels == 1])) >= NEEDED[2]
    # The day before would have had too little to learn from.
    earlier = [day for day in known if day < held[0]]
    assert all(len(_churned(labelled, day)) < NEEDED[0] for day in earlier)


def _churned(labelled: Any, day: dt.date) -> set[str]:
    known = labelled.as_of + np.timedelta64(labelled.gap_days) <= np.datetime64(day)
    return set(labelled.accounts[known & (labelled.labels == 1)])


def test_fewer_and_longer_stretches_where_four_hold_too_little(make_dataset: Any) -> None:
    dataset = make_dataset(accounts=500)
    before = dataset.known_on
    counts, told = [], []
    for least in (50, 200, 340, 480):
        try:
            counts.append(len(cut_origins(dataset, "churn", 90, before, (100, 50, least))))
        except TenureError as error:
            counts.append(0)
            told.append(str(error))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 4
    assert counts[-1] == 0
    assert {2, 3} & set(counts)
    assert told[-1].startswith("There is too little to search for a recipe at 90 days: of 2 stretches")
    assert " of 480 accounts with the event; bring more history." in told[-1]


def test_too_little_to_learn_from_is_told_with_the_numbers(make_dataset: Any) -> None:
    dataset = make_dataset(accounts=100)
    day = dataset.as_ofs[8]
    known = dataset.at("churn", 90)
    last = max(d for d in known.as_ofs if d + dt.timedelta(92) <= day)
    with pytest.raises(TenureError) as caught:
        cut_origins(dataset, "churn", 90, day, (10_000, 1, 1))
    found = len(_churned(known, last))
    assert f"at 90 days: {found} of 10000 accounts with the event were known" in str(caught.value)
    assert f"known by {day};" in str(caught.value)
    with pytest.raises(TenureError, match=r": 0 of 100 accounts"):
        cut_origins(dataset, "churn", 90, dataset.as_ofs[0], NEEDED)


def test_a_search_stops_looking_on_the_first_holdout_day_of_any_horizon(make_dataset: Any, settings: Any) -> None:
    days = [dt.date(2024, month, 1) for month in range(1, 13)]
    early = Blocks((days[0],), (days[3],), (days[6], days[7]), 32)
    late = Blocks((days[0],), (days[4],), (days[8],), 92)
    for blocks in ({30: early, 90: late}, {30: late, 90: early}):
        assert untouched(Plan("churn", (30, 90, 365), blocks, {}, {})) == days[6]
    assert untouched(Plan("churn", (365,), {}, {}, {})) is None
    plan = make_plan(make_dataset(), "churn", settings)
    firsts = {horizon: blocks.holdout[0] for horizon, blocks in plan.blocks.items()}
    assert len(set(firsts.values())) > 1, "both begin on one day, so that this tells nothing"
    assert untouched(plan) == min(firsts.values())
    assert untouched(dataclasses.replace(plan, blocks={90: plan.blocks[90]})) == firsts[90]
