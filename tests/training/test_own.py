import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.renewing import kernel, rows_of
from training.own import CALENDAR, own, reference_calendar


def log_odds(p: np.ndarray) -> np.ndarray:
    return np.log(p / (1 - p))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), model=st.integers(0, 2))
def test_the_parts_are_the_probability(seed: int, model: int) -> None:
    rows = rows_of(60, seed)
    told = own(kernel(model), rows, 90, reference_calendar(kernel(model), 90))
    whole = told.base + told.attributions.sum(axis=1) + told.calendar
    assert whole == pytest.approx(log_odds(kernel(model).probabilities(rows, 90)), abs=1e-9)


@pytest.mark.parametrize(("days", "term"), [(3.0, 12.0), (30.0, 12.0), (300.0, 24.0), (10.0, 1.0)])
def test_the_calendar_moves_its_own_part_alone(days: float, term: float) -> None:
    rows = rows_of(80, 5)
    calendar = reference_calendar(kernel(), 90)
    as_it_is = own(kernel(), rows, 90, calendar)
    other = own(kernel(), rows.assign(days_to_renewal=days, term_months=term), 90, calendar)
    assert np.array_equal(as_it_is.attributions, other.attributions)
    assert not np.allclose(as_it_is.calendar, other.calendar)


def test_at_the_reference_there_is_no_calendar_part() -> None:
    calendar = reference_calendar(kernel(), 90)
    assert calendar == {"days_to_renewal": 45.0, "term_months": 12.0}
    told = own(kernel(), rows_of(20, 1).assign(**calendar), 90, calendar)
    assert told.calendar == pytest.approx(np.zeros(20), abs=1e-12)


def test_where_everybody_renews_monthly_no_day_stands_out() -> None:
    monthly = kernel(1)
    monthly.typical.update(term_months=1.0, days_to_renewal=14.0)
    try:
        assert reference_calendar(monthly, 90) == {"days_to_renewal": 14.0, "term_months": 1.0}
    finally:
        monthly.typical.update(term_months=12.0, days_to_renewal=170.0)


def test_a_row_is_told_the_same_alone_and_in_a_batch() -> None:
    rows, calendar = rows_of(40, 9), reference_calendar(kernel(), 90)
    together = own(kernel(), rows, 90, calendar)
    for place in (0, 17, 39):
        alone = own(kernel(), rows.iloc[[place]], 90, calendar)
        assert np.array_equal(alone.attributions[0], together.attributions[place])
        assert alone.calendar[0] == together.calendar[place]


def test_the_calendar_features_are_declared() -> None:
    from features.catalogue import CATALOGUE

    assert set(CALENDAR) <= set(CATALOGUE.names)
