"""Warning: the same as by hand and as by drawing the lots, and nothing is won by the order of equal scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.warning import Warned, listed, warnings_of

DAYS = np.array(["2024-01-01", "2024-02-01", "2024-03-01"], dtype="datetime64[D]")


def _told(found: Warned) -> list[float]:
    return [found.share, found.days, found.mean_days]


def test_by_hand() -> None:
    """Four accounts on three days; a gives notice on 11 March, b ends on 2 March, c and d stay."""
    accounts = np.array(list("abcd") * 3, dtype=object)
    as_of = np.repeat(DAYS, 4)
    left = np.array([70, 61, np.nan, np.nan, 39, 30, np.nan, np.nan, 10, 1, np.nan, np.nan])
    scores = {
        "early for a, never for b": np.array([9, 1, 2, 3, 9, 1, 2, 3, 9, 1, 2, 3.0]),
        "late for both": np.array([1, 1, 9, 2, 1, 1, 9, 2, 9, 8, 1, 1.0]),
        "says nothing": np.full(12, np.nan),
        "equal": np.zeros(12),
    }
    found = warnings_of(scores, accounts, as_of, left, horizon=90, capacity=1)
    assert (found.left, found.looked_back, found.capacity, found.step_days) == (2, 90, 1, 30)
    assert found.flagged == 0.25
    assert _told(found.scores["early for a, never for b"]) == [0.5, 70, 35]
    assert _told(found.scores["late for both"]) == [0.5, 10, 5]
    assert _told(found.scores["says nothing"]) == pytest.approx([0, math.nan, 0], nan_ok=True)
    assert found.scores["equal"] == found.by_lot
    # By lot: a is on the list of 1 January with a chance of 1/4, on that of 1 February first with 3/16, then 9/64.
    assert found.by_lot.share == pytest.approx(1 - (3 / 4) ** 3)
    assert found.by_lot.mean_days == pytest.approx(
        ((70 + 61) / 4 + (39 + 30) * 3 / 16 + (10 + 1) * 9 / 64) / 2
    )  # fmt: skip
    both = warnings_of(scores, accounts, as_of, left, horizon=90, capacity=2)
    assert _told(both.scores["late for both"]) == [1, 5.5, 5.5]
    # Only the lists of the last 60 days before the notice count.
    near = warnings_of(scores, accounts, as_of, left, horizon=60, capacity=1)
    assert _told(near.scores["early for a, never for b"]) == [0.5, 39, 19.5]
    # A list of as many days before as are looked at lies outside, as a label of so many days ends before that day.
    edge = warnings_of(scores, accounts, as_of, left, horizon=70, capacity=1)
    assert _told(edge.scores["early for a, never for b"]) == [0.5, 39, 19.5]


def test_an_account_that_leaves_twice_is_two_and_one_nobody_left_has_no_figures() -> None:
    accounts = np.array(["a", "a", "b", "b"], dtype=object)
    as_of = np.array([DAYS[0], DAYS[2], DAYS[0], DAYS[2]])
    risk = {"p": np.array([1.0, 1.0, 0.0, 0.0])}
    twice = warnings_of(risk, accounts, as_of, np.array([20, 5, np.nan, np.nan]), 90, 1)
    assert twice.left == 2
    assert _told(twice.scores["p"]) == [1, 12.5, 12.5]
    nobody = warnings_of(risk, accounts, as_of, np.full(4, np.nan), 90, 1)
    assert nobody.left == 0
    assert all(math.isnan(x) for x in _told(nobody.scores["p"]))
    one = warnings_of({"p": risk["p"][:1]}, accounts[:1], as_of[:1], np.array([3.0]), 90, 25)
    assert math.isnan(one.step_days)
    assert (one.flagged, _told(one.scores["p"])) == (1.0, [1, 3, 3])


def test_arrays_that_do_not_fit_are_refused() -> None:
    accounts, as_of = np.array(["a", "b"]), np.array([DAYS[0]] * 2)
    with pytest.raises(ValueError, match="days_left must have one value"):
        warnings_of({}, accounts, as_of, np.zeros(3), 90, 1)
    with pytest.raises(ValueError, match="p must have one value"):
        warnings_of({"p": np.zeros(1)}, accounts, as_of, np.zeros(2), 90, 1)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, 1, 2, math.nan])), min_size=1, max_size=30),
    st.integers(1, 6),
)
def test_a_days_list_is_full_and_nobody_worse_is_left_out(rows: list[tuple[int, float]], capacity: int) -> None:
    day, risk = np.array([d for d, _ in rows]), np.array([r for _, r in rows])
    chance = listed(risk, day, capacity)
    assert np.all((chance >= 0) & (chance <= 1))
    for d in np.unique(day):
        here = day == d
        known = here & ~np.isnan(risk)
        assert chance[here].sum() == pytest.approx(min(capacity, known.sum()))
        assert not chance[here & np.isnan(risk)].any()
        for value in np.unique(risk[known]):
            equal = chance[known & (risk == value)]
            assert np.all(equal == equal[0])
            if equal[0] < 1:
                assert not chance[known & (risk < value)].any()


def test_the_same_as_by_drawing_the_lots() -> None:
    rng = np.random.default_rng(5)
    accounts = np.tile(np.array([f"a{i}" for i in range(12)], dtype=object), 3)
    as_of = np.repeat(DAYS, 12)
    gone = rng.integers(62, 100, 12)  # on or after the last list
    left = np.where(np.tile(np.arange(12) < 8, 3), np.tile(gone, 3) - np.repeat([0, 31, 60], 12), np.nan)
    risk = rng.integers(0, 3, 36).astype(float)
    found = warnings_of({"p": risk}, accounts, as_of, left, 365, 4).scores["p"]
    days: list[list[float]] = []
    for _ in range(4000):
        drawn = risk + rng.random(36) * 0.5
        first: dict[str, float] = {}
        for place in range(len(DAYS)):
            rows = np.arange(12) + 12 * place
            for row in rows[np.argsort(-drawn[rows])[:4]]:
                if not math.isnan(left[row]):
                    first.setdefault(accounts[row], left[row])
        days.append(list(first.values()))
    assert found.share == pytest.approx(np.mean([len(one) / 8 for one in days]), abs=0.01)
    assert found.mean_days == pytest.approx(np.mean([sum(one) / 8 for one in days]), abs=0.6)
    # The median may lie halfway between two days; drawn lots fall on either of them.
    low, high = np.quantile(np.concatenate(days), [0.48, 0.52])
    assert low <= found.days <= high


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_neither_the_order_of_the_rows_nor_the_scale_of_a_score_matters(seed: int, capacity: int) -> None:
    rng = np.random.default_rng(seed)
    accounts = np.tile(np.array(list("abcdefg"), dtype=object), 3)
    as_of = np.repeat(DAYS, 7)
    left = np.where(
        np.tile(rng.random(7) < 0.6, 3), np.tile(rng.integers(61, 80, 7), 3) - np.repeat([0, 31, 60], 7), np.nan
    )
    risk = rng.integers(0, 4, 21).astype(float)
    order = rng.permutation(21)
    first = warnings_of({"p": risk}, accounts, as_of, left, 90, capacity)
    again = warnings_of({"p": np.exp(risk)[order]}, accounts[order], as_of[order], left[order], 90, capacity)
    assert first.left == again.left
    assert _told(first.scores["p"]) == pytest.approx(_told(again.scores["p"]), nan_ok=True)
    assert _told(first.by_lot) == pytest.approx(_told(again.by_lot), nan_ok=True)
    # Nothing warns of more accounts, or on average earlier, than knowing who leaves when.
    best = warnings_of({"p": np.nan_to_num(1000 - left)}, accounts, as_of, left, 90, 7).scores["p"]
    assert best.mean_days >= first.scores["p"].mean_days - 1e-9 or math.isnan(best.mean_days)
