"""Reconstructing: what was not frozen is made from what was known then, marked, and made but once."""

from __future__ import annotations

import copy
import datetime as dt
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from features.build import build_features
from features.errors import TenureError
from features.history import History
from features.money import BaselineSettings, RevenueSettings
from features.settings import ChurnSettings, HistorySettings, Settings, TrainingSettings
from serving.baselines import expectations_for, freeze_day, made, reconstructing
from serving.baselines.made import expected_of
from serving.store.address import address_of
from serving.store.baselines import baselines_of
from serving.store.store import Store
from success.baselines import Expectation
from success.periods import Period
from tests.features import company as made_up
from tests.features import upheaval
from tests.serving.baselines.companies import (
    ASSIGNMENTS,
    BASE,
    HOLDERS,
    STANDING,
    SUBSCRIPTIONS,
    history_of,
    judges_of,
    model_of,
)
from training import registry
from training.judges import load_judges

QUARTER = Period.parse("2025Q3")
AS_OF = dt.date(2025, 10, 5)
NOW = dt.datetime(2025, 7, 1, 4, tzinfo=dt.UTC)
PAIRS = set(HOLDERS.items()) | {("handed", "bob")}
"""Who is judged by what in the quarter."""
TAKEN = {
    # account and CSM: the day of the assignment, and the first of a month that it is judged from; also what was lost
    # before the quarter, of whoever looks after something in it
    ("bobs", "bob"): ("2024-01-05", dt.date(2024, 2, 1)),
    ("gone", "ann"): ("2024-01-01", dt.date(2024, 2, 1)),
    ("leaving", "ann"): ("2024-01-01", dt.date(2024, 2, 1)),
    ("lost", "ann"): ("2024-06-01", dt.date(2024, 6, 1)),
    ("leaves later", "dan"): ("2025-03-03", dt.date(2025, 4, 1)),
    ("kept", "ann"): ("2025-03-10", dt.date(2025, 4, 1)),
    ("cids", "cid"): ("2025-03-20", dt.date(2025, 4, 1)),
    ("handed", "ann"): ("2025-06-10", dt.date(2025, 7, 1)),
    ("new", "ann"): ("2025-07-15", dt.date(2025, 8, 1)),
    ("handed", "bob"): ("2025-08-10", dt.date(2025, 9, 1)),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> History:
    return history_of(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module", autouse=True)
def quickly() -> Iterator[None]:
    """Features of a day are built once for all tests of a history."""
    built: dict[tuple[int, dt.date], tuple[History, pd.DataFrame]] = {}

    def build(history: History, days: list[dt.date]) -> pd.DataFrame:
        key = id(history), days[0]
        if key not in built:
            built[key] = history, build_features(history, days)
        return built[key][1].copy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made, "build_features", build)
        yield


def learning(patch: pytest.MonkeyPatch) -> list[dt.date]:
    """The days that are learned of from now on; before 2025 there is too little."""
    days: list[dt.date] = []

    def learn(history: History, settings: Settings, known_on: dt.date) -> Any:
        days.append(known_on)
        if known_on < dt.date(2025, 1, 1):
            raise TenureError("There is too little to learn from.")
        return judges_of(0)

    patch.setattr(reconstructing, "learn_judges", learn)
    return days


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> list[dt.date]:
    return learning(monkeypatch)


class Once(NamedTuple):
    """A report that had nothing to go on, and what it learned."""

    home: Path
    period: Expectation
    taken: Expectation
    learned: list[dt.date]


@pytest.fixture(scope="module")
def once(small: History, tmp_path_factory: pytest.TempPathFactory) -> Once:
    home = tmp_path_factory.mktemp("once")
    with pytest.MonkeyPatch.context() as patch, Store.open(address_of(home)) as store:
        days = learning(patch)
        return Once(home, *asked(small, home, store), days)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(address_of(tmp_path)) as empty:
        yield empty


def asked(history: History, home: Path, store: Store, period: Period = QUARTER) -> tuple[Expectation, Expectation]:
    return expectations_for(history, home, store, period, AS_OF)


def told(expectation: Expectation) -> dict[tuple[str, str], dict[str, Any]]:
    rows = expectation.rows.to_dict("records")
    found = {(row["account_id"], row["csm_id"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def same(one: Expectation, other: Expectation) -> bool:
    """In everything, in whatever order."""
    ours, theirs = (part.to_frame().sort_values(["account_id", "csm_id", "period"], ignore_index=True).astype(object)
                    for part in (one, other))  # fmt: skip
    return ours.where(ours.notna(), None).to_dict("list") == theirs.where(theirs.notna(), None).to_dict("list")


def test_what_was_not_frozen_is_made_of_what_could_be_learned_then(once: Once) -> None:
    period, taken = once.period, once.taken
    found = told(period)
    assert set(found) == PAIRS
    for (account, _), row in found.items():
        assert (row["reconstructed"], row["as_of"], row["period"]) == (True, BASE, "2025-07")
        assert row["source"] == STANDING[account]
        assert row["model_version"] == ("learned on 2025-07-01" if row["source"] == "model" else None)
    assert found["cids", "cid"]["own_book_left_out"] is False
    # Each by a model of its own group, also who took over later.
    place = period.rows.index[period.rows["account_id"] == "handed"]
    assert np.ptp(period.until(QUARTER.until).churn[place]) > 0
    handed = {pair: (row["period"], row["as_of"]) for pair, row in told(taken).items()}
    assert handed == TAKEN
    assert set(taken.rows["kind"]) == {"assignment"}
    assert taken.rows["reconstructed"].all()
    for row in taken.rows.itertuples():
        early = row.as_of < dt.date(2025, 1, 1)
        half = dt.date(row.as_of.year, 1 if row.as_of.month < 7 else 7, 1)
        assert (row.source, row.model_version) == (("rate", None) if early else ("model", f"learned on {half}"))
    # One model for each half-year, none of them of later than what it speaks of; what is known to be too early, once.
    assert once.learned == [dt.date(2025, 7, 1), dt.date(2025, 1, 1), dt.date(2024, 1, 1)]


def test_what_was_made_once_is_not_made_again(
    small: History, once: Once, tmp_path: Path, learned: list[dt.date]
) -> None:
    kept = sorted((once.home / reconstructing.FOLDER).iterdir())
    assert [one.name[:10] for one in kept] == ["2025-01-01", "2025-07-01"]
    with Store.open(address_of(once.home)) as store:
        rows = [baselines_of(store, kind=kind) for kind in ("period", "assignment")]
        again = asked(small, once.home, store)
        assert [baselines_of(store, kind=kind) for kind in ("period", "assignment")] == rows
    assert learned == []
    assert same(again[0], once.period)
    assert same(again[1], once.taken)
    # Another store of the same home makes its rows anew, of the same models.
    with Store.open(address_of(tmp_path)) as other:
        elsewhere = asked(small, once.home, other)
    assert learned == [dt.date(2024, 1, 1)]  # where there was too little there is nothing to keep
    assert same(elsewhere[0], once.period)
    assert same(elsewhere[1], once.taken)
    assert sorted((once.home / reconstructing.FOLDER).iterdir()) == kept


def test_models_that_depend_on_something_else_are_not_taken_for_these(small: History, tmp_path: Path) -> None:
    def digest(history: History) -> str:
        return reconstructing._Then(history, tmp_path, print)._digest()

    other = copy.copy(small)
    assert digest(other) == digest(small)
    found = {digest(small)}
    for settings in (replace(small.settings, baselines=BaselineSettings(2)),
                     replace(small.settings, churn=ChurnSettings(grace_days=7)),
                     replace(small.settings, training=TrainingSettings(seed=1)),
                     replace(small.settings, history=HistorySettings(recording_lag_days=3))):  # fmt: skip
        other.settings = settings
        found.add(digest(other))
    other.settings, other.fingerprint = small.settings, "another"
    found.add(digest(other))
    assert len(found) == 6


def test_what_was_frozen_in_time_stays_and_only_the_rest_is_made(
    small: History, store: Store, tmp_path: Path, learned: list[dt.date]
) -> None:
    freeze_day(small, tmp_path, store, model_of(tmp_path, "7", "2025-06-01", seed=1), BASE, NOW)
    before = {row.key: row for kind in ("period", "assignment") for row in baselines_of(store, kind=kind)}
    period, taken = asked(small, tmp_path, store)
    after = {row.key: row for kind in ("period", "assignment") for row in baselines_of(store, kind=kind)}
    assert {key: row for key, row in after.items() if key in before} == before
    late = {pair for pair, row in told(period).items() if row["reconstructed"]}
    assert late == {("handed", "bob")}
    assert set(told(period)) == PAIRS
    assert [pair for pair, row in told(taken).items() if not row["reconstructed"]] == [("handed", "ann")]


def test_a_champion_that_has_seen_nothing_later_does_it(
    small: History, store: Store, tmp_path: Path, learned: list[dt.date], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(tmp_path, "5", "2025-05-15", seed=1)
    monkeypatch.setattr(registry, "champion", lambda home: model)
    period, taken = asked(small, tmp_path, store)
    assert set(period.rows["model_version"].dropna()) == {"5"}
    assert period.rows["reconstructed"].all()
    by = {pair: row["model_version"] for pair, row in told(taken).items()}
    assert by["handed", "bob"] == by["new", "ann"] == "5"  # from September and from August on
    assert by["cids", "cid"] == "learned on 2025-01-01"  # from April on, before the champion had learned
    assert learned == [dt.date(2025, 1, 1), dt.date(2024, 1, 1)]
    assert set(period.shared["level_sd"]) == {0.2}


def test_where_there_was_too_little_rates_stand_in(
    small: History, store: Store, tmp_path: Path, learned: list[dt.date]
) -> None:
    period, _ = asked(small, tmp_path, store, Period.parse("2024Q3"))
    assert set(period.rows["source"]) == {"rate"}
    assert period.rows["model_version"].isna().all()
    assert period.rows["own_book_left_out"].all()
    assert learned == [dt.date(2024, 7, 1)]  # before that there was less
    assert not (tmp_path / reconstructing.FOLDER).exists()
    told = period.until(dt.date(2024, 10, 1))
    assert np.all((told.churn > 0.02) & (told.churn < 0.1))
    again, _ = asked(small, tmp_path, store, Period.parse("2024Q3"))
    assert same(again, period)
    assert len(learned) == 1


def test_a_period_that_has_not_begun_is_refused(small: History, store: Store, tmp_path: Path) -> None:
    with pytest.raises(TenureError, match=r"^2025Q4 begins on 2025-10-01, and nothing of it is known on 2025-10-01;"):
        expectations_for(small, tmp_path, store, Period.parse("2025Q4"), dt.date(2025, 10, 1))
    assert baselines_of(store, kind="period") == []


# ---- what comes later -------------------------------------------------------------------------------------------


def test_whatever_is_recorded_later_changes_no_number(once: Once, tmp_path: Path, learned: list[dt.date]) -> None:
    """Who leaves, gives notice, grows or comes in after the first day, and whose the others become."""
    base = str(BASE)
    later = []
    for row in SUBSCRIPTIONS:
        if row["started_on"] >= base:
            continue
        if row["account_id"] in ("kept", "cids", "leaving"):
            later.append(row | {"ended_on": "2025-07-02", "end_reason": "voluntary"})
        elif row["ended_on"]:
            later.append(row)
        else:
            later.append(row | {"notice_on": "2025-07-01"})
            later.append(
                row | {"subscription_id": f"{row['account_id']} more", "mrr": 9999, "started_on": "2025-07-02"}
            )
    later += [row | {"subscription_id": "early", "account_id": "early", "started_on": "2025-07-01"}
              for row in SUBSCRIPTIONS[:1]]  # fmt: skip
    others = history_of(tmp_path / "others", later, [row for row in ASSIGNMENTS if row["account_id"] != "new"])
    with Store.open(address_of(tmp_path)) as store:
        found = asked(others, tmp_path, store)[0]
    assert same(found, once.period)
    assert learned[0] == BASE
    # What was written down before the day does change it.
    changed = [row | ({"mrr": 101} if row["account_id"] == "kept" else {}) for row in SUBSCRIPTIONS]
    other = history_of(tmp_path / "changed", changed)
    changed_too = expected_of(other, lambda: (judges_of(0), "learned on 2025-07-01"), BASE, {"handed": ["bob"]},
                       reconstructed=True)  # fmt: skip
    mine = told(changed_too)
    assert {pair for pair, row in told(once.period).items() if row["mrr"] != mine[pair]["mrr"]} == {("kept", "ann")}
    assert not same(changed_too, once.period)


def test_whatever_becomes_known_later_changes_no_byte(tmp_path: Path) -> None:
    """Of a random company with every table, rewritten from the day on."""
    day = dt.date(2024, 6, 1)
    rng = Random(1)
    tables = made_up.make(rng, day, accounts=25)
    rates = {str(row["currency"]).strip().upper(): 1.25 for row in tables["subscriptions"] if row.get("currency")}
    settings = Settings(revenue=RevenueSettings(currency="EUR", rates=rates))
    changed = upheaval.rewrite(rng, tables, day, made_up.EVENT)
    for row in changed["subscriptions"]:
        if row.get("currency") and str(row["currency"]).strip().upper() not in {*rates, "EUR"}:
            row["currency"] = "EUR"  # one that nothing converts is refused, which is another matter
    found = []
    for name, some in (("before", tables), ("after", changed)):
        folder = tmp_path / name
        folder.mkdir()
        history = History.open(made_up.write(some, folder, "parquet"), settings)
        found.append(expected_of(history, lambda: (judges_of(0), "1"), day, {}))
    assert set(found[0].rows["source"]) >= {"model", "notice"}
    assert set(found[0].rows["csm_id"]) > {""}
    assert same(*found)


# ---- killed -----------------------------------------------------------------------------------------------------


def test_stopped_on_the_way_nothing_is_kept_by_halves(
    small: History, store: Store, tmp_path: Path, learned: list[dt.date], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(BaseException):
        pass

    def stop(*given: Any) -> None:
        raise Stopped

    place = tmp_path / reconstructing.FOLDER
    with monkeypatch.context() as patch:
        patch.setattr(reconstructing, "save_judges", stop)
        with pytest.raises(Stopped):
            asked(small, tmp_path, store)
    assert list(place.iterdir()) == []
    assert baselines_of(store, kind="period") == []
    with monkeypatch.context() as patch:
        patch.setattr(reconstructing, "freeze", stop)
        with pytest.raises(Stopped):
            asked(small, tmp_path, store)
    assert baselines_of(store, kind="period") == []
    del learned[:]
    assert [one.name[:10] for one in place.iterdir()] == ["2025-07-01"]
    assert reconstructing._Then(small, tmp_path, print).at(BASE, BASE)[1] == "learned on 2025-07-01"
    assert learned == []  # it was whole when its rows were lost


def test_killed_or_damaged_it_is_learned_again(small: History, tmp_path: Path, learned: list[dt.date]) -> None:
    place = tmp_path / reconstructing.FOLDER
    child = os.fork()
    if child == 0:  # it writes everybody's model, and dies before the judges
        reconstructing.save_judges = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
        reconstructing._Then(small, tmp_path, print)._learned(BASE)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    left = list(place.iterdir())
    assert [one for one in left if one.name.startswith("2025")] == []
    assert any(one.rglob("model.json") for one in left)
    kept = next(_learned_again(small, tmp_path, learned).glob("2025-07-01-*"))
    (kept / "judges" / "judges.json").write_text("{")
    _learned_again(small, tmp_path, learned)
    found = load_judges(kept)
    assert found is not None
    assert found.unforeseen == judges_of(0).unforeseen


def _learned_again(history: History, home: Path, learned: list[dt.date]) -> Path:
    del learned[:]
    found, told = reconstructing._Then(history, home, print).at(BASE, BASE)
    assert (found, told, learned) == (judges_of(0), "learned on 2025-07-01", [BASE])
    return home / reconstructing.FOLDER


def test_a_home_that_cannot_be_written_is_said(
    small: History, store: Store, tmp_path: Path, learned: list[dt.date]
) -> None:
    home = tmp_path / "home"
    home.write_text("a file")
    with pytest.raises(TenureError, match=r"The home folder .* cannot be written \(.*\); choose another with --home\."):
        expectations_for(small, home, store, QUARTER, AS_OF)
    assert baselines_of(store, kind="period") == []
