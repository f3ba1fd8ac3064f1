"""Beginning: before a quarter of the history was observed nothing is expected, and nothing is frozen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.errors import TenureError
from serving.baselines import expectations_for, freeze_day, reconstructing
from serving.store.address import address_of
from serving.store.baselines import baselines_of
from serving.store.store import Store
from success.periods import Period
from success.worth import gather, roi_report
from tests.serving.baselines.companies import BASE, HOLDERS, history_of, model_of

AS_OF = dt.date(2025, 10, 5)
QUARTER = Period.parse("2025Q3")
NOW = dt.datetime(2025, 7, 1, 4, tzinfo=dt.UTC)
ON_THE_DAY, TOO_LATE = "2025-04-02", "2025-04-03"
"""90 days before the quarter, and one too few."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(address_of(tmp_path / "home")) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    def learn(*of: object) -> None:
        raise TenureError("There is too little to learn from.")

    monkeypatch.setattr(reconstructing, "learn_judges", learn)


def test_no_month_is_frozen_that_began_too_early(store: Store, tmp_path: Path) -> None:
    model = model_of(tmp_path, "3", "2025-06-20")
    history = history_of(tmp_path / "late", began=TOO_LATE)
    assert freeze_day(history, tmp_path, store, model, BASE, NOW) == 0
    assert baselines_of(store, kind="period") == baselines_of(store, kind="assignment") == []
    # One day more, and whatever anybody holds is taken to be taken over as it is then.
    history = history_of(tmp_path / "in time", began=ON_THE_DAY)
    assert freeze_day(history, tmp_path, store, model, BASE, NOW) > 0
    assert {row.account_id for row in baselines_of(store, kind="period")} == set(HOLDERS)
    taken = {(row.account_id, row.csm_id): (row.period, row.as_of) for row in baselines_of(store, kind="assignment")}
    assert taken == {
        ("bobs", "bob"): ("2024-01-05", BASE),
        ("cids", "cid"): ("2025-03-20", BASE),
        ("handed", "ann"): ("2025-06-10", BASE),
        ("kept", "ann"): ("2025-03-10", BASE),
        ("leaves later", "dan"): ("2025-03-03", BASE),
        ("leaving", "ann"): ("2024-01-01", BASE),
    }


def test_a_period_that_began_too_early_has_no_verdict_and_says_why(store: Store, tmp_path: Path) -> None:
    history = history_of(tmp_path, began=TOO_LATE)
    period, taken = expectations_for(history, tmp_path, store, QUARTER, AS_OF)
    assert len(period) == 0
    assert baselines_of(store, kind="period") == []
    # Who had left before is in no figure; the others count from the first month on that something is known of.
    from_august = {
        ("bobs", "bob"): "2024-01-05",
        ("cids", "cid"): "2025-03-20",
        ("handed", "ann"): "2025-06-10",
        ("kept", "ann"): "2025-03-10",
        ("leaves later", "dan"): "2025-03-03",
        ("leaving", "ann"): "2024-01-01",
        ("new", "ann"): "2025-07-15",
    }
    assert {(row.account_id, row.csm_id): (row.period, row.as_of) for row in taken.rows.itertuples()} == {
        **{pair: (day, dt.date(2025, 8, 1)) for pair, day in from_august.items()},
        ("handed", "bob"): ("2025-08-10", dt.date(2025, 9, 1)),
    }
    told = roi_report(gather(history, QUARTER, AS_OF, period, taken)).to_json()
    assert (
        "Nothing could be expected on 1 July 2025: the history begins on 3 April 2025, and 90 days of it are needed."
        in told["notes"]
    )
    assert told["company"]["accounts"] == 0
    assert {csm["verdict"] for csm in told["csms"]} == {"too small to tell"}
    ann = next(csm["since"] for csm in told["csms"] if csm["csm_id"] == "ann")
    assert "3 of them were taken before anything could be expected; they count from 1 August 2025." in ann["sentence"]
    # Of the fourth it was known that it had given notice.
    assert ann["sentence"].endswith("Of 3 of them the rate of their segment stood in for a model.")
    before = Period.parse("2025Q1")
    early = roi_report(gather(history, before, AS_OF, *expectations_for(history, tmp_path, store, before, AS_OF)))
    assert (
        "Nothing could be expected on 1 January 2025: the history begins on 3 April 2025." in early.to_json()["notes"]
    )
    assert {csm["since"]["accounts"] for csm in early.to_json()["csms"]} == {0}


def test_what_was_frozen_stays_when_the_beginning_of_the_history_is_thrown_away(store: Store, tmp_path: Path) -> None:
    whole = history_of(tmp_path / "whole")
    first = expectations_for(whole, tmp_path, store, QUARTER, AS_OF)
    cut = history_of(tmp_path / "cut", began="2025-06-20")
    again = expectations_for(cut, tmp_path, store, QUARTER, AS_OF)
    assert [part.rows.to_dict("list") for part in again] == [part.rows.to_dict("list") for part in first]
    notes = roi_report(gather(cut, QUARTER, AS_OF, *again)).notes
    assert not any("could be expected" in note for note in notes)
