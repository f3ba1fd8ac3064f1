"""Expectation: what is told between the ends of months and beyond the year, and that nothing is lost on the way."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from success.baselines import COLUMNS, MONTHS, Expectation, Months
from success.periods import months_after
from tests.success.expectations import make_expectation

BASE = dt.date(2025, 7, 1)


def drawn(seed: int, n: int = 6, base: dt.date = BASE) -> Expectation:
    """Any months that can be: hazards and revenue grow, the rest wanders."""
    rng = np.random.default_rng(seed)
    made = make_expectation(n, seed, base=base)
    mrr = made.rows["mrr"].to_numpy()[:, None]
    churn = 1 - np.exp(-np.cumsum(rng.exponential(rng.choice([0.001, 0.05, 0.3], (n, 1)), (n, MONTHS)), axis=1))
    kept = mrr * np.exp(np.cumsum(rng.normal(0, 0.1, (n, MONTHS)), axis=1))
    kept_revenue = np.cumsum(kept, axis=1)
    revenue = np.cumsum(kept * (1 - churn), axis=1)
    months = Months(churn, kept, revenue, kept_revenue, *(rng.exponential(100, (2, n, MONTHS)).cumsum(axis=2)))
    return Expectation(made.rows, months, made.shared)


def day(months: int, base: dt.date = BASE) -> dt.date:
    return months_after(base, months)


@pytest.mark.parametrize("seed", range(3))
def test_at_the_ends_of_months_it_is_what_was_frozen(seed: int) -> None:
    made = drawn(seed)
    for k in range(MONTHS):
        told, month = made.until(day(k + 1)), Months(*(part[:, k] for part in made.months))
        assert told.churn == pytest.approx(month.churn, rel=1e-9)
        assert told.kept_exit == pytest.approx(month.kept_exit, rel=1e-12)
        assert told.exit == pytest.approx(month.kept_exit * (1 - month.churn), rel=1e-9)
        assert told.revenue == pytest.approx(month.revenue, rel=1e-12)
        assert told.kept_revenue == pytest.approx(month.kept_revenue, rel=1e-12)
        assert told.sd_exit**2 == pytest.approx(month.var_exit, rel=1e-9)
        assert told.sd_revenue**2 == pytest.approx(month.var_revenue, rel=1e-9)


def lines(made: Expectation, at: dt.date) -> np.ndarray:
    """(6, n) what runs in straight lines between the ends of months."""
    told = made.until(at)
    hazard = -np.log1p(-told.churn)
    return np.array([hazard, told.kept_exit, told.revenue, told.kept_revenue, told.sd_exit**2, told.sd_revenue**2])


@pytest.mark.parametrize("seed", range(3))
def test_between_two_months_everything_runs_straight(seed: int) -> None:
    """So that nothing jumps from one day to the next, at the ends of months and beyond the year neither."""
    made = drawn(seed)
    mrr, nothing = made.rows["mrr"].to_numpy(), np.zeros(len(made))
    start = np.array([nothing, mrr, nothing, nothing, nothing, nothing])
    for k in range(MONTHS + 5):
        first, last = day(k), day(k + 1)
        begin = lines(made, first) if k else start
        end = lines(made, last)
        length = (last - first).days
        for n in (1, length // 2, length - 1):
            found = lines(made, first + dt.timedelta(n))
            assert found == pytest.approx(begin + (end - begin) * n / length, rel=1e-7, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 1500), min_size=2, max_size=12))
def test_time_brings_no_one_back_and_takes_no_revenue(seed: int, days: list[int]) -> None:
    made = drawn(seed, n=4)
    told = [made.until(BASE + dt.timedelta(n)) for n in sorted(days)]
    for name in ("churn", "revenue", "kept_revenue"):
        values = np.array([getattr(one, name) for one in told])
        assert np.all(np.diff(values, axis=0) >= -1e-9 * np.abs(values[1:])), name
    for one in told:
        assert all(np.isfinite(part).all() for part in one)
        assert np.all((one.churn >= 0) & (one.churn <= 1))
        assert np.all((one.sd_exit >= 0) & (one.sd_revenue >= 0))
        assert one.exit == pytest.approx(one.kept_exit * (1 - one.churn), rel=1e-9)
        assert np.all(one.revenue <= one.kept_revenue * (1 + 1e-9))


def test_beyond_the_year_it_goes_on_at_its_pace() -> None:
    """Constant hazards and growth, so that the second year is known."""
    made = make_expectation(5, monthly_churn=[0.0, 0.01, 0.05, 0.3, 0.9], growth=0.02, spread=0.03)
    p, mrr = np.array([0.0, 0.01, 0.05, 0.3, 0.9]), made.rows["mrr"].to_numpy()
    for k in (13, 18, 24, 36):
        told = made.until(day(k))
        kept = mrr * 1.02**k
        assert told.churn == pytest.approx(1 - (1 - p) ** k, abs=1e-9)
        assert told.kept_exit == pytest.approx(kept)
        assert told.revenue == pytest.approx(sum(mrr * 1.02**m * (1 - p) ** m for m in range(1, k + 1)))
        assert told.kept_revenue == pytest.approx(sum(mrr * 1.02**m for m in range(1, k + 1)))
        staying = (1 - p) ** k
        variance = staying * (1 - staying) * kept**2 + staying * (0.03 * mrr) ** 2 * k
        assert told.sd_exit**2 == pytest.approx(variance, rel=1e-6, abs=1e-6)
    assert np.all(made.until(day(24)).sd_revenue >= made.until(day(12)).sd_revenue)


def test_an_mrr_of_nothing_stays_nothing() -> None:
    made = make_expectation(2, mrr=[0.0, 100.0], spread=0.0)
    told = made.until(day(30))
    for part in (told.exit, told.revenue, told.kept_exit, told.kept_revenue, told.sd_exit, told.sd_revenue):
        assert part[0] == 0
        assert part[1] > 0


def test_who_is_in_grace_pays_nothing_on_the_first_day() -> None:
    made = make_expectation(2, mrr=[100.0, 100.0], monthly_churn=0.0)
    rows = made.rows.assign(source=["grace", "model"])
    told = Expectation(rows, made.months, made.shared).until(BASE + dt.timedelta(1))
    assert told.kept_exit == pytest.approx([100 / 31, 100])


def test_there_is_nothing_to_tell_of_days_before() -> None:
    made = make_expectation(3)
    for before in (BASE, BASE - dt.timedelta(1), BASE - dt.timedelta(400)):
        assert all(np.isnan(part).all() for part in made.until(before))
    mixed = made.until([BASE, BASE + dt.timedelta(1), day(20)])
    assert np.isnan(mixed.exit).tolist() == [True, False, False]
    assert Expectation.empty().until(BASE).exit.shape == (0,)


def test_each_row_has_its_own_base_and_day() -> None:
    bases = [dt.date(2023, 2, 1), dt.date(2024, 2, 1), dt.date(2025, 12, 1)]
    parts = [drawn(n, 2, base) for n, base in enumerate(bases)]
    whole = parts[0].joined(*parts[1:])
    days = [dt.date(2025, 1, 31), dt.date(2024, 2, 15), dt.date(2024, 3, 1), dt.date(2024, 2, 1), dt.date(2025, 12, 2),
            dt.date(2028, 2, 29)]  # fmt: skip
    told = whole.until(days)
    for place, at in enumerate(days):
        alone = parts[place // 2].until(at)
        for name, part in told._asdict().items():
            assert part[place] == pytest.approx(getattr(alone, name)[place % 2], nan_ok=True, rel=1e-12)
    same = [BASE + dt.timedelta(40)] * len(parts[0])
    assert np.array_equal(parts[0].until(same).exit, parts[0].until(same[0]).exit)


def identical(one: Expectation, other: Expectation) -> None:
    pd.testing.assert_frame_equal(one.rows, other.rows)
    pd.testing.assert_frame_equal(one.shared, other.shared)
    for ours, theirs in zip(one.months, other.months, strict=True):
        assert ours.shape == theirs.shape
        assert np.array_equal(ours, theirs)


def test_a_frame_says_all_of_it() -> None:
    made = drawn(0, 5)
    rows = made.rows.assign(
        segment=pd.Series(["smb", None, "", "mid", None], dtype=object),
        model_version=pd.Series([None, "3", None, "learned on 2025-01-01", "3"], dtype=object),
        reconstructed=[True, False, True, False, False],
    )
    made = Expectation(rows, made.months, made.shared)
    identical(Expectation.of_frame(made.to_frame()), made)
    assert tuple(made.to_frame().columns[: len(COLUMNS)]) == COLUMNS
    identical(Expectation.of_frame(made.to_frame().iloc[::-1]), made.take(np.arange(5)[::-1]))
    empty = Expectation.of_frame(Expectation.empty().to_frame())
    assert (len(empty), empty.months.churn.shape) == (0, (0, MONTHS))


def test_parts_and_joins_keep_their_places() -> None:
    made = drawn(1, 6)
    some = made.take(made.rows["mrr"].to_numpy() > made.rows["mrr"].median())
    others = made.take([4, 1])
    assert others.rows["account_id"].tolist() == ["a-5", "a-2"]
    assert np.array_equal(others.months.revenue, made.months.revenue[[4, 1]])
    both = some.joined(others, Expectation.empty())
    assert both.rows["account_id"].tolist() == [*some.rows["account_id"], "a-5", "a-2"]
    identical(both.take(np.arange(len(some))), some)
    identical(made.take(np.zeros(6, dtype=bool)), made.take([]))
    assert len(made.take([])) == 0
    identical(Expectation.empty().joined(made), made)
