from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.catalogue import CATALOGUE
from training.importance import groups_of, importance

SHARES = st.floats(-0.5, 0.5, allow_nan=False)


@given(arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 5)), elements=SHARES), st.data())
def test_a_group_moves_by_the_sum_of_its_points(points: np.ndarray, data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.sampled_from("abc"), min_size=points.shape[1], max_size=points.shape[1]))
    found = importance(points, groups, resamples=20).set_index("name")["value"]
    assert set(found.index) == set(groups)
    for name in set(groups):
        by_hand = [abs(sum(p for p, g in zip(row, groups, strict=True) if g == name)) for row in points.tolist()]
        assert found[name] == pytest.approx(sum(by_hand) / len(by_hand), abs=1e-12)
    assert list(found) == sorted(found, reverse=True)


def test_the_interval_is_that_of_a_mean_over_accounts() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(900, 1))
    found = importance(points, ["a"], resamples=2000).iloc[0]
    half = 1.645 * np.abs(points).std() / 30
    assert found["high"] - found["value"] == pytest.approx(half, rel=0.1)
    assert found["value"] - found["low"] == pytest.approx(half, rel=0.1)
    # The same rows nine times over say no more about who is in the book.
    again = importance(np.tile(points, (9, 1)), ["a"], np.tile(np.arange(900), 9), resamples=2000).iloc[0]
    assert again["high"] - again["low"] == pytest.approx(2 * half, rel=0.1)


def test_an_account_counts_by_its_rows() -> None:
    points = np.array([[1.0], [1.0], [1.0], [5.0]])
    found = importance(points, ["a"], np.array(["x", "x", "x", "y"]), resamples=500).iloc[0]
    assert found["value"] == 2.0
    assert (found["low"], found["high"]) == (1.0, 5.0)


def test_groups_are_the_catalogues() -> None:
    names = [CATALOGUE.names[0], CATALOGUE.names[-1], "mine"]
    assert groups_of(names, "dimension") == [CATALOGUE[names[0]].dimension, CATALOGUE[names[1]].dimension, "mine"]
    assert groups_of(names, "topic") == [CATALOGUE[names[0]].driver, CATALOGUE[names[1]].driver, "mine"]


@pytest.mark.parametrize(("points", "groups"), [(np.zeros((0, 1)), ["a"]), (np.zeros((2, 2)), ["a"])])
def test_nothing_to_rank_is_refused(points: np.ndarray, groups: list[str]) -> None:
    with pytest.raises(ValueError, match="needs rows"):
        importance(points, groups)
