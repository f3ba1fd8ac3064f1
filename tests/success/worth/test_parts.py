"""What was expected and what came, taken apart: it adds up, and nothing is over where the forecast holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from success.worth.parts import common_shift, expected_of, parts_of

N = 6
SHARES = arrays(np.float64, N, elements=st.floats(0, 1))
MONEY = arrays(np.float64, N, elements=st.floats(0, 1e6))


@given(SHARES, MONEY, MONEY, MONEY, arrays(bool, N), MONEY)
def test_the_two_parts_add_up_to_the_difference(p, expected, kept, sd, left, realised) -> None:
    made = expected_of(p, expected, kept, sd)
    parts = parts_of(made, left, realised)
    scale = 1 + np.abs(expected) + np.abs(realised) + np.abs(made.kept)
    assert np.all(np.abs(made.total - expected) <= 1e-9 * scale)
    assert np.all(np.abs(parts.total - (realised - expected)) <= 1e-9 * scale)
    assert np.all(made.spread >= 0)


@given(SHARES, SHARES, MONEY, MONEY)
def test_what_is_expected_comes_apart_into_who_stays_and_who_leaves(p, part, kept, own) -> None:
    gone = part * kept
    sd = np.sqrt(p * (1 - p) * (kept - gone) ** 2 + own**2)
    made = expected_of(p, (1 - p) * kept + p * gone, kept, sd)
    sure = (p > 1e-3) & (p < 1 - 1e-3)
    assert np.allclose(made.kept[sure], kept[sure], rtol=1e-6, atol=1e-6)
    assert np.allclose(made.gone[sure], gone[sure], rtol=1e-6, atol=1e-3)
    assert np.allclose(made.spread[sure], own[sure], rtol=1e-3, atol=1 + 1e-4 * kept[sure].max(initial=0))


def test_each_part_is_nothing_on_average_where_the_forecast_holds() -> None:
    made = expected_of(np.array([0.3]), np.array([300 * 0.7 + 100 * 0.3]), np.array([300.0]), np.array([0.0]))
    left, stayed = (parts_of(made, np.array([gone]), np.array([x])) for gone, x in ((True, 100.0), (False, 300.0)))
    for part in ("loss", "growth"):
        assert 0.3 * getattr(left, part)[0] + 0.7 * getattr(stayed, part)[0] == pytest.approx(0)
    assert (left.loss[0], stayed.loss[0]) == (pytest.approx(-140), pytest.approx(60))


SOME = st.just(0.0) | st.floats(0.01, 1e6)
RISKS = arrays(np.float64, N, elements=SOME)


@given(MONEY, MONEY, RISKS, RISKS)
def test_the_shift_of_all_books_leaves_nothing_over(loss, growth, losses, stays) -> None:
    shift = common_shift(loss.sum(), growth.sum(), losses.sum(), stays.sum())
    if losses.sum() + stays.sum() > 0:
        made = shift.loss * losses + shift.growth * stays
        total = loss.sum() + growth.sum()
        assert made.sum() == pytest.approx(total, rel=1e-9, abs=1e-6)
