"""Odds and dates as a person says them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from success.wording import odds, reading


@given(st.floats(0.0001, 0.9999), st.floats(0.0001, 0.9999))
def test_a_larger_probability_never_reads_as_a_smaller_one(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert said(odds(low)) <= said(odds(high))


def said(text: str) -> float:
    top, bottom = text.split()[-3], text.split()[-1]
    shift = {"fewer": -1e-3, "more": 1e-3}.get(text.split()[0], 0.0)
    return int(top) / int(bottom) + shift


@given(st.floats(0.005, 0.96))
def test_what_is_said_is_close(probability: float) -> None:
    assert said(odds(probability)) == pytest.approx(probability, rel=0.25)


def test_the_last_day_is_the_last_that_the_horizon_covers() -> None:
    # One day ahead of 1 March covers 1 March alone.
    assert reading(0.25, dt.date(2026, 3, 1), 1) == "about 1 in 4 accounts like this leave by 1 March 2026"
