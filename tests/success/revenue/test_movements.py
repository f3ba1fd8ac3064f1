"""Movements: they lead from opening to closing to the cent, over random histories, and say what an oracle says."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.history import History
from features.ledger import Ledger, ledger_of
from features.settings import Settings
from success.periods import Period
from success.revenue.groups import GROUPINGS, grouped_steps
from success.revenue.movements import MOVEMENTS, events_of, movements
from tests.success.revenue import oracle
from tests.success.revenue.companies import Company, companies, literal

OULAD = (Path("tests/data/oulad"), Path("../shared/data/oulad"))
AS_OF = st.sampled_from([dt.date(2025, 4, 1), dt.date(2024, 10, 1), dt.date(2024, 8, 15)])
LAW = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))


def _moved(history: History, ledger: Ledger, by: str | None, start: dt.date, until: dt.date) -> pd.DataFrame:
    steps = grouped_steps(history, ledger, by, ledger.known_on)
    return movements(steps, events_of(ledger, steps), start, until)


def _reconciles(history: History, ledger: Ledger, by: str | None, quarters: tuple[str, ...]) -> None:
    """Every group adds up in every month and quarter, months add up to quarters, and groups to the total."""
    steps = grouped_steps(history, ledger, by, ledger.known_on)
    events = events_of(ledger, steps)
    for quarter in map(Period.parse, quarters):
        until = quarter.known_until(ledger.known_on)
        whole = movements(steps, events, quarter.start, until)
        days = [quarter.months[0], *(m for m in quarter.months[1:] if m < until), until]
        parts = [movements(steps, events, first, last) for first, last in pairwise(days)]
        for table in (whole, *parts):
            assert ((table["opening"] + table[list(MOVEMENTS)].sum(axis=1)) == table["closing"]).all()
            assert table["transferred_in"].sum() == -table["transferred_out"].sum()
        added = pd.concat(parts)[list(MOVEMENTS)].groupby(level=0).sum()
        pd.testing.assert_frame_equal(added, whole[list(MOVEMENTS)], check_names=False)
        total = _moved(history, ledger, None, quarter.start, until).sum()
        others = [name for name in total.index if not str(name).startswith("transferred")]
        pd.testing.assert_series_equal(whole.sum()[others], total[others])


@LAW
@given(companies(7), AS_OF, st.sampled_from([None, *GROUPINGS]))
def test_movements_reconcile_over_random_histories(company: Company, as_of: dt.date, by: str | None) -> None:
    history = company.open()
    _reconciles(history, ledger_of(history, as_of), by, ("2024Q1", "2024Q3"))


@LAW
@given(companies(), AS_OF, st.sampled_from([None, *GROUPINGS]))
def test_each_movement_is_that_of_plain_loops(company: Company, as_of: dt.date, by: str | None) -> None:
    history = company.open()
    ledger = ledger_of(history, as_of)
    lives = oracle.lives(company, as_of)
    for start, until in ((dt.date(2024, 2, 1), dt.date(2024, 5, 1)), (dt.date(2023, 11, 1), as_of)):
        found = _moved(history, ledger, by, start, until)
        told = {group: {name: int(cents) for name, cents in row.items() if cents} for group, row in found.iterrows()}
        expected = oracle.table(lives, by, start, until)
        kept = {group: {name: cents for name, cents in row.items() if cents} for group, row in expected.items()}
        assert {g: row for g, row in told.items() if row} == {g: row for g, row in kept.items() if row}


def test_movements_reconcile_in_the_simulated_company(history: History) -> None:
    as_of = history.observed_until
    ledger = ledger_of(history, as_of)
    for by in (None, *GROUPINGS):
        _reconciles(history, ledger, by, ("2024Q3",))
    year = _moved(history, ledger, "csm", dt.date(2024, 1, 1), dt.date(2025, 1, 1))
    assert (year[list(MOVEMENTS)] != 0).any().drop("ended").all(), "a company that shows each movement"


@pytest.mark.parametrize("folder", OULAD, ids=str)
def test_movements_reconcile_in_oulad(folder: Path) -> None:
    place = Path(__file__).parents[3] / folder
    if not place.exists():
        pytest.skip(f"{folder} is not here")
    history = History.open(place, Settings())
    as_of = history.observed_until
    for by in (None, "plan", "cohort"):
        _reconciles(history, ledger_of(history, as_of), by, (f"{as_of.year}Q{(as_of.month + 2) // 3}", "2013Q4"))


def test_a_transfer_takes_the_mrr_of_the_day_before_and_the_rest_moves_in_the_new_group() -> None:
    history = literal(
        {
            "accounts": "account_id,created_on\nA,2024-01-01",
            "usage": "account_id,day,feature,events\nA,2024-01-01,f,1",
            "subscriptions": """
                subscription_id,account_id,plan,started_on,ended_on,end_reason,mrr
                s1,A,basic,2024-01-10,2024-02-10,superseded,100
                s2,A,pro,2024-02-10,,,130
                s3,A,pro,2024-02-10,,,20
            """,
            "assignments": """
                account_id,csm_id,from_on,to_on
                A,ann,2024-01-05,2024-02-10
                A,bob,2024-02-10,
            """,
        }
    )
    ledger = ledger_of(history, dt.date(2024, 3, 1))
    found = _moved(history, ledger, "csm", dt.date(2024, 2, 1), dt.date(2024, 3, 1))
    assert {k: v for k, v in found.loc["ann"].items() if v} == {"opening": 100_00, "transferred_out": -100_00}
    assert {k: v for k, v in found.loc["bob"].items() if v} == {
        "transferred_in": 100_00, "expansion": 50_00, "closing": 150_00,
    }  # fmt: skip
