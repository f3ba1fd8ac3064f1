"""Periods: months, quarters and years by their names, against the calendar day by day."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import TenureError
from success.periods import Period, month_of, months_after

NAMES = st.integers(1901, 2200).flatmap(
    lambda year: st.one_of(
        st.just(f"{year}"),
        st.integers(1, 4).map(lambda quarter: f"{year}Q{quarter}"),
        st.integers(1, 12).map(lambda month: f"{year}-{month:02d}"),
    )
)


@given(NAMES)
def test_a_period_has_its_days_and_its_neighbours(name: str) -> None:
    period = Period.parse(name)
    assert period.name == name
    days = [period.start + dt.timedelta(n) for n in range((period.until - period.start).days)]
    if "Q" in name:
        assert {(day.year, (day.month - 1) // 3 + 1) for day in days} == {(int(name[:4]), int(name[5]))}
    else:
        assert {f"{day:%Y-%m}"[: len(name)] for day in days} == {name}
    assert period.months == tuple(day for day in days if day.day == 1)
    assert {len(period.months)} == {{4: 12, 6: 3, 7: 1}[len(name)]}
    assert month_of(days[-1]) == period.months[-1]
    assert period.until == months_after(period.start, len(period.months))
    assert period.before.until == period.start
    assert len(period.before.months) == len(period.year_before.months) == len(period.months)
    assert period.year_before.start == period.start.replace(year=period.start.year - 1)
    assert Period.parse(period.before.name) == period.before
    assert Period.parse(period.year_before.name) == period.year_before


@given(st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)), st.integers(-300, 300))
def test_months_after_go_back_the_same_way(day: dt.date, count: int) -> None:
    month = month_of(day)
    there = months_after(month, count)
    assert there.day == 1
    assert months_after(there, -count) == month
    assert (there > month) == (count > 0)


def test_a_period_is_over_on_the_day_after_its_last() -> None:
    quarter = Period.parse(" 2025q3 ")
    assert (quarter.name, Period.parse("2025-Q3")) == ("2025Q3", quarter)
    assert [quarter.over_on(dt.date(2025, 9, 30)), quarter.over_on(dt.date(2025, 10, 1))] == [False, True]
    assert quarter.known_until(dt.date(2025, 8, 15)) == dt.date(2025, 8, 15)
    assert quarter.known_until(dt.date(2026, 1, 1)) == quarter.until


NO_PERIODS = (
    *("", "soon", "Q3", "25Q3", "2025Q0", "2025Q5", "2025Q3 Q4", "2025M7"),
    *("2025-7", "2025-00", "2025-13", "2025-07-01", "0000-01", "1899", "9999", "²025"),
)


@pytest.mark.parametrize("text", NO_PERIODS)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(TenureError, match=r"is no period; write a quarter as 2025Q3") as refusal:
        Period.parse(text)
    assert "\n" not in str(refusal.value)
