"""Freezing: once a month, from what was known when it began, by a model that knew no more; and never again."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from features.history import History
from serving.baselines import freeze_day
from serving.baselines.freezing import bases_of, judges_known
from serving.baselines.frozen import expectation_of, rows_of
from serving.store.address import address_of
from serving.store.baselines import Baseline, baselines_of, freeze
from serving.store.store import Store
from success.baselines import Expectation
from success.periods import months_after
from tests.serving.baselines.companies import (
    BASE,
    HOLDERS,
    STANDING,
    features_of,
    history_of,
    judges_of,
    model_of,
    relearned,
)
from training import registry
from training.judges import load_judges
from training.kernel.curve import curve_of
from training.registry import RegisteredModel

NOW = dt.datetime(2025, 7, 3, 4, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(60)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> History:
    return history_of(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RegisteredModel]:
    """Two versions that say different things, learned before the quarter began."""
    folder = tmp_path_factory.mktemp("models")
    return {version: model_of(folder, version, "2025-06-20", seed) for seed, version in enumerate("34")}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(address_of(tmp_path)) as made:
        yield made


@pytest.fixture
def registered(models: dict[str, RegisteredModel], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions that were asked for."""
    asked: list[str] = []
    monkeypatch.setattr(registry, "version", lambda home, number: asked.append(number) or models[number])
    return asked


def period_rows(store: Store, month: str = "2025-07") -> list[Baseline]:
    return baselines_of(store, kind="period", period=month)


def by_pair(rows: list[Baseline]) -> dict[tuple[str, str], Baseline]:
    found = {(row.account_id, row.csm_id): row for row in rows}
    assert len(found) == len(rows)
    return found


def test_the_first_day_that_is_scored_freezes_its_month_as_it_began(
    small: History, models: dict[str, RegisteredModel], store: Store, tmp_path: Path
) -> None:
    day = BASE + dt.timedelta(2)  # nothing ran on the first; by now somebody else has given notice
    new = freeze_day(small, tmp_path, store, models["3"], day, NOW)
    rows = period_rows(store)
    assert {pair: row.detail["source"] for pair, row in by_pair(rows).items() if row.detail} == {
        (account, csm): STANDING[account] for account, csm in HOLDERS.items()
    }
    assert {row.as_of for row in rows} == {BASE}
    assert not any(row.detail["reconstructed"] for row in rows if row.detail)
    # Each by the model that has not seen its book; Cid's has, and says so.
    told = expectation_of(rows)
    features = features_of(small, BASE)
    churn = told.until(BASE + dt.timedelta(92)).churn
    for place, row in enumerate(told.rows.itertuples()):
        assert row.own_book_left_out == (row.csm_id != "cid")
        assert row.model_version == ("3" if row.source == "model" else None)
        if row.source == "model":
            kernel, _ = judges_of(0).kernel_of(row.csm_id)
            # Between 31 July and 30 September the last horizon of the kernel, 90 days, is passed.
            p = kernel.probabilities(features.loc[[row.account_id]].reset_index(), 90)[0]
            assert churn[place] == pytest.approx(1 - (1 - p) ** (92 / 90), rel=1e-6)
    assert np.ptp(churn[told.rows["source"] == "model"]) > 0.01
    # What Ann took over in June is what she was handed with this month.
    taken = baselines_of(store, kind="assignment")
    assert [(row.account_id, row.csm_id, row.period, row.as_of) for row in taken] == [
        ("handed", "ann", "2025-06-10", BASE)
    ]
    assert taken[0].detail == by_pair(rows)["handed", "ann"].detail
    assert new == len(rows) + 1


def test_what_was_frozen_stays_whatever_scores_next(
    small: History, models: dict[str, RegisteredModel], store: Store, tmp_path: Path, registered: list[str]
) -> None:
    freeze_day(small, tmp_path, store, models["3"], BASE, NOW)
    before = period_rows(store), baselines_of(store, kind="assignment")
    for day in (BASE, BASE + dt.timedelta(1), BASE + dt.timedelta(30)):
        assert freeze_day(small, tmp_path, store, models["4"], day, LATER) == 0
    assert (period_rows(store), baselines_of(store, kind="assignment")) == before
    assert registered == []


def test_who_takes_over_in_the_quarter_gets_a_baseline_of_its_first_day_by_the_same_version(
    small: History, models: dict[str, RegisteredModel], store: Store, tmp_path: Path, registered: list[str]
) -> None:
    freeze_day(small, tmp_path, store, models["3"], BASE, NOW)
    before = by_pair(period_rows(store))
    # August's: of one who is new, and not of one whose grace is over; Ann took the new one over in July.
    assert freeze_day(small, tmp_path, store, models["4"], dt.date(2025, 8, 10), NOW) == len(before) + 1
    assert by_pair(period_rows(store)) == before  # Bob has it from today on, of which no day is known
    assert freeze_day(small, tmp_path, store, models["4"], dt.date(2025, 8, 12), LATER) == 2
    after = by_pair(period_rows(store))
    assert {pair: row for pair, row in after.items() if pair in before} == before
    assert set(after) - set(before) == {("handed", "bob")}
    late = after["handed", "bob"]
    assert (late.as_of, late.model_version, late.computed_at) == (BASE, "3", LATER)
    assert registered == ["3", "4"]  # July's and August's rows, each by the version that made the others
    features = features_of(small, BASE).loc[["handed"]].reset_index()
    p = judges_of(0).kernels[1].probabilities(features, 30)[0]
    end = expectation_of([late]).until(BASE + dt.timedelta(31)).churn[0]
    assert p <= end <= judges_of(0).kernels[1].probabilities(features, 90)[0]
    assert late.expected_mrr != before["handed", "ann"].expected_mrr
    assert late.detail is not None
    assert (late.detail["own_book_left_out"], late.detail["reconstructed"]) == (True, False)
    # What Bob took over in August is judged from September on.
    assert freeze_day(small, tmp_path, store, models["4"], dt.date(2025, 9, 1), LATER) > 0
    taken = {(row.account_id, row.csm_id): row for row in baselines_of(store, kind="assignment")}
    assert (taken["handed", "bob"].period, taken["handed", "bob"].as_of) == ("2025-08-10", dt.date(2025, 9, 1))


def test_a_model_that_has_seen_what_came_later_freezes_nothing(
    small: History, models: dict[str, RegisteredModel], store: Store, tmp_path: Path
) -> None:
    model = models["3"]
    for one in (relearned(model, "2025-07-02"), relearned(model, "2026-01-01"), dataclasses.replace(model, card={}),
                dataclasses.replace(model, card={"known_on": 20250601})):  # fmt: skip
        assert judges_known(one, BASE) is None
        assert freeze_day(small, tmp_path, store, one, BASE + dt.timedelta(5), NOW) == 0
    assert period_rows(store) == []
    on_the_day = relearned(model, "2025-07-01")
    assert judges_known(on_the_day, BASE) is not None
    # Nor does a version of an earlier release, which has no judges.
    bare = dataclasses.replace(model, folder=tmp_path / "bare")
    assert freeze_day(small, tmp_path, store, bare, BASE, NOW) == 0


def test_what_no_registered_version_froze_is_left_to_a_report(
    small: History, models: dict[str, RegisteredModel], store: Store, tmp_path: Path, registered: list[str]
) -> None:
    with Store.open(address_of(tmp_path / "other")) as other:
        freeze_day(small, tmp_path, other, models["3"], BASE, NOW)
        rows = period_rows(other)
    version = "learned on 2025-07-01"
    freeze(store, [dataclasses.replace(row, model_version=row.model_version and version) for row in rows])
    freeze_day(small, tmp_path, store, models["4"], dt.date(2025, 8, 12), NOW)
    assert len(period_rows(store)) == len(rows)
    assert registered == []


def test_damaged_judges_are_said(small: History, store: Store, tmp_path: Path) -> None:
    model = model_of(tmp_path, "9", "2025-06-20")
    (model.folder / "judges" / "judges.json").write_text("{")
    with pytest.raises(ValueError, match=r"judges\.json cannot be read or is damaged; train again\."):
        freeze_day(small, tmp_path, store, model, BASE, NOW)
    assert period_rows(store) == []


def test_a_day_lies_in_a_month_a_quarter_and_a_year() -> None:
    assert bases_of(dt.date(2025, 8, 12)) == [dt.date(2025, 1, 1), dt.date(2025, 7, 1), dt.date(2025, 8, 1)]
    assert bases_of(dt.date(2025, 4, 1)) == [dt.date(2025, 1, 1), dt.date(2025, 4, 1)]
    assert bases_of(dt.date(2025, 1, 31)) == [dt.date(2025, 1, 1)]


def test_scoring_froze_the_month_with_what_training_had_fitted(scored_home: Path, history: History) -> None:
    """As `tenure train` and `tenure score` leave it: each book by the judge of its group."""
    champion = registry.champion(scored_home)
    assert champion is not None
    judges = load_judges(champion.folder)
    assert judges is not None
    assert set(judges.groups.values()) == {0, 1}
    assert judges.alone == frozenset()
    base = history.observed_until.replace(day=1)
    with Store.open(address_of(scored_home)) as store:
        rows = period_rows(store, f"{base:%Y-%m}")
    if champion.card["known_on"] > base.isoformat():
        assert rows == []
        return
    told: Expectation = expectation_of(rows)
    assert rows_of(told, rows[0].computed_at) == rows
    assert told.rows["own_book_left_out"].all()
    assert set(told.rows.loc[told.rows["source"] == "model", "model_version"]) == {champion.version}
    features = features_of(history, base)
    end = months_after(base, 1)
    modelled = told.rows[(told.rows["source"] == "model") & (told.rows["csm_id"] != "")]
    for csm in modelled["csm_id"].value_counts().index[:4]:
        mine = told.take(((told.rows["csm_id"] == csm) & (told.rows["source"] == "model")).to_numpy())
        rows_then = features.loc[mine.rows["account_id"].tolist()].reset_index()
        # Put right by size, whoever it is said of.
        factor = judges.tilt.factor(mine.rows["mrr"].to_numpy(dtype=np.float64))
        wanted = [1 - (1 - curve_of(kernel, rows_then).churn([(end - base).days])[:, 0]) ** factor
                  for kernel in (judges.kernel_of(csm)[0], judges.everybody)]  # fmt: skip
        assert len(mine) > 10
        assert mine.until(end).churn == pytest.approx(wanted[0], rel=1e-6)
        assert np.abs(wanted[0] - wanted[1]).max() > 1e-4
