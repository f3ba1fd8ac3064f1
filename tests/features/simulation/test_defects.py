"""Planted defects: exactly the rows that are listed are set aside, each by the rule that is listed."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features.history import History
from features.simulation import Company, simulate

LAST_DAY = dt.date(2024, 6, 30)


@pytest.fixture(scope="module")
def broken() -> Company:
    return simulate(accounts=250, months=18, seed=31, defects=True)


def test_exactly_the_planted_rows_are_set_aside(broken: Company, tmp_path: Path) -> None:
    broken.write(tmp_path)
    listed = pd.read_csv(tmp_path / "truth" / "defects.csv")
    history = History.open(tmp_path, today=LAST_DAY)
    found = {(bad["table"], bad["row"], bad["rule"]) for bad in history.quarantine()}
    assert found == set(listed.itertuples(index=False, name=None))
    assert history.observed_period() == (dt.date(2023, 1, 1), LAST_DAY + dt.timedelta(days=1))
    history.require_sound(dt.date.max)


def test_every_rule_is_broken_somewhere(broken: Company) -> None:
    assert {defect.rule for defect in broken.defects} >= {
        "wrong type",
        "missing value",
        "in the future",
        "out of range",
        "end before start",
        "unknown account",
        "usage before the account",
        "duplicate key",
        "recorded before it happened",
        "overlapping periods",
        "contradicts its invoice",
    }


def test_the_rest_of_the_company_is_the_same_without_them(broken: Company) -> None:
    whole = simulate(accounts=250, months=18, seed=31)
    for name, rows in whole.tables.items():
        planted = [defect.row - 1 for defect in broken.defects if defect.table == name]
        kept = broken.tables[name].drop(index=planted).reset_index(drop=True)
        assert len(kept) == len(rows)
        if name not in {d.table for d in broken.defects if d.rule == "wrong type"}:
            pd.testing.assert_frame_equal(kept, rows)
    assert whole.defects == ()
    pd.testing.assert_frame_equal(whole.truth, broken.truth)


def test_a_tiny_company_gets_what_can_be_planted() -> None:
    tiny = simulate(accounts=5, months=1, seed=0, defects=True)
    assert {d.rule for d in tiny.defects} >= {"missing value", "unknown account"}
