"""Stages: the same answer as by reading one row at a time, in any kind of rows, with anything missing."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.practice import StageSettings
from features.stages import STAGES, stages_of
from training.kernel.rows import Columns

COLUMNS = {
    "tenure_days": st.integers(0, 400),
    "days_to_renewal": st.integers(0, 400),
    "term_months": st.sampled_from([1, 1.5, 2, 3, 12]),
    "mrr_change_180d": st.sampled_from([-0.5, 0.0, 0.05, 0.1, 0.2, 3.0]),
    "upgrades_365d": st.integers(0, 2),
    "milestones_reached_share": st.sampled_from([0.0, 0.5, 1.0]),
    "milestones_overdue": st.integers(0, 2),
    "days_to_first_value": st.integers(1, 90),
}
Row = dict[str, float | None]


def _by_hand(row: Row, settings: StageSettings) -> str:
    """One row, read as the sentence says it."""

    def known(name: str) -> float | None:
        return row.get(name)

    tenure = known("tenure_days")
    if tenure is not None:
        if tenure < settings.onboarding_days:
            return "onboarding"
        share, overdue = known("milestones_reached_share"), known("milestones_overdue")
        recorded = share is not None or (overdue is not None and overdue > 0)
        told = "days_to_first_value" in row
        if tenure < 2 * settings.onboarding_days and told and recorded and row["days_to_first_value"] is None:
            return "onboarding"
    term, left = known("term_months"), known("days_to_renewal")
    if term is not None and left is not None and term > 1.5 and left < settings.renewal_days:
        return "renewal"
    change, upgrades = known("mrr_change_180d"), known("upgrades_365d")
    if change is not None and change >= settings.expansion_growth:
        return "expansion"
    if upgrades and tenure is not None and tenure <= 180:
        return "expansion"
    return "adoption"


@st.composite
def tables(draw: st.DrawFn) -> list[Row]:
    """Rows with the same columns, any of which may lack."""
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), unique=True))
    count = draw(st.integers(0, 6))
    return [{name: draw(st.none() | COLUMNS[name]) for name in names} for _ in range(count)]


def _array(rows: list[Row], name: str) -> np.ndarray:
    return np.array([math.nan if row[name] is None else row[name] for row in rows], dtype=np.float64)


@given(tables(), st.integers(0, 200), st.integers(0, 200), st.sampled_from([0.05, 0.1, 0.2]))
def test_the_same_as_read_row_by_row(rows: list[Row], onboarding: int, renewal: int, growth: float) -> None:
    settings = StageSettings(onboarding, renewal, growth)
    wanted = [_by_hand(row, settings) for row in rows]
    arrays = {name: _array(rows, name) for name in (rows[0] if rows else {})}
    frame = pd.DataFrame(arrays, index=range(len(rows)))
    assert stages_of(frame, settings).tolist() == wanted
    assert stages_of(Columns(arrays, len(rows)), settings).tolist() == wanted
    nullable = frame.astype("Float64")
    assert stages_of(nullable, settings).tolist() == wanted
    alone = [stages_of(frame.iloc[[place]], settings)[0] for place in range(len(rows))]
    assert alone == wanted


def test_each_stage_by_an_example() -> None:
    year = {"days_to_renewal": 200.0, "term_months": 12.0}
    examples = {
        "onboarding": {"tenure_days": 89.0, **year},
        "renewal": {"tenure_days": 900.0, "days_to_renewal": 89.0, "term_months": 12.0, "mrr_change_180d": 0.5},
        "expansion": {"tenure_days": 900.0, **year, "mrr_change_180d": 0.1},
        "adoption": {"tenure_days": 90.0, **year, "mrr_change_180d": 0.09},
    }
    assert set(examples) == set(STAGES)
    for stage, row in examples.items():
        assert stages_of(pd.DataFrame([row])).tolist() == [stage]


def test_an_account_whose_milestones_say_it_is_not_live_is_onboarding_for_twice_as_long() -> None:
    rows = pd.DataFrame(
        {
            "tenure_days": [120.0, 120, 120, 120, 180],
            "milestones_reached_share": [0.0, 0.5, np.nan, np.nan, 0.0],
            "milestones_overdue": [0.0, 0, 0, 1, 2],
            "days_to_first_value": [np.nan, 40, np.nan, np.nan, np.nan],
        }
    )
    found = stages_of(rows).tolist()
    # Nothing on record says nothing: an account of a company without milestones is not onboarding for half a year.
    assert found == ["onboarding", "adoption", "adoption", "onboarding", "adoption"]
    assert set(stages_of(rows.drop(columns="days_to_first_value")).tolist()) == {"adoption"}


def test_a_tenth_is_a_tenth_whatever_the_rounding() -> None:
    rows = pd.DataFrame({"tenure_days": [500.0], "mrr_change_180d": [120 / 100 - 1]})
    assert rows["mrr_change_180d"][0] < 0.2
    assert stages_of(rows, StageSettings(expansion_growth=0.2)).tolist() == ["expansion"]


def test_an_upgrade_counts_where_it_must_lie_within_the_last_180_days() -> None:
    rows = pd.DataFrame({"tenure_days": [100.0, 180, 181, 400, np.nan], "upgrades_365d": [1.0, 2, 1, 1, 1]})
    assert stages_of(rows).tolist() == ["expansion", "expansion", "adoption", "adoption", "adoption"]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_rows_without_any_column(count: int) -> None:
    assert stages_of(Columns({}, count)).tolist() == ["adoption"] * count
    assert stages_of(pd.DataFrame(index=range(count))).tolist() == ["adoption"] * count


def test_stages_are_plain_text() -> None:
    found = stages_of(Columns({"tenure_days": np.array([3.0])}, 1))
    assert type(found[0]) is str
    assert found.shape == (1,)
