from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from features.algebra import Count, Window
from features.catalogue import CATALOGUE
from features.errors import TenureError
from features.feature import Catalogue, Feature
from features.history import History
from features.settings import ChurnSettings, ExpansionSettings, HistorySettings, Settings
from training.dataset import load_dataset
from training.forecasts import refit
from training.recipe import Recipe

START, END = dt.date(2024, 1, 1), dt.date(2024, 9, 30)
SETTINGS = Settings(
    churn=ChurnSettings(horizons=(30, 90), grace_days=10),
    expansion=ExpansionSettings(horizons=(30, 60)),
    history=HistorySettings(recording_lag_days=5),
)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Twelve accounts used every week; account 0 leaves on 10 April, account 1 on 25 July."""
    folder = tmp_path_factory.mktemp("company")
    left = {0: dt.date(2024, 4, 10), 1: dt.date(2024, 7, 25)}
    accounts = ["account_id,created_on"] + [f"a{i},2023-06-01" for i in range(12)]
    subscriptions = ["subscription_id,account_id,plan,started_on,ended_on,end_reason,mrr"]
    usage = ["account_id,day,feature,events"]
    for i in range(12):
        end = left.get(i)
        subscriptions.append(f"s{i},a{i},pro,2023-06-01,{end or ''},{'voluntary' if end else ''},100")
        day = START
        while day <= END and (end is None or day < end):
            usage.append(f"a{i},{day},report,{3 + i}")
            day += dt.timedelta(days=7 if day + dt.timedelta(7) <= END or day == END else 1)
    for name, lines in (("accounts", accounts), ("subscriptions", subscriptions), ("usage", usage)):
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return History.open(folder, SETTINGS)


Known = dict[tuple[str, str], float]


def labels_of(history: History, horizon: int, known_on: dt.date | None = None) -> Known:
    data = load_dataset(history, SETTINGS, known_on).at("churn", horizon)
    return {
        (account, str(day)): label for account, day, label in zip(data.accounts, data.as_of, data.labels, strict=True)
    }


def test_rows_labels_and_days_are_those_of_the_history(history: History) -> None:
    data = load_dataset(history, SETTINGS)
    assert data.targets["churn"].gaps == (45, 105)
    assert data.targets["expansion"].gaps == (35, 65)
    assert data.known_on == dt.date(2024, 10, 1)
    months = [f"2024-0{m}-01" for m in range(2, 9)]
    assert [str(day) for day in data.as_ofs] == months  # 1 August + 45 is matured
    churn = {h: data.at("churn", h) for h in (30, 90)}
    assert [str(day) for day in churn[30].as_ofs] == months
    assert [str(day) for day in churn[90].as_ofs] == months[:5]  # 1 June + 105 is matured
    assert [str(day) for day in data.at("expansion", 60).as_ofs] == months[:6]
    churned = {h: {(a, str(d)[:7]) for a, d, y in zip(c.accounts, c.as_of, c.labels, strict=True) if y == 1}
               for h, c in churn.items()}  # fmt: skip
    assert churned[30] == {("a0", "2024-04"), ("a1", "2024-07")}
    assert churned[90] == {
        ("a0", "2024-02"),
        ("a0", "2024-03"),
        ("a0", "2024-04"),
        ("a1", "2024-05"),
        ("a1", "2024-06"),
    }
    assert {h: c.events for h, c in churn.items()} == {30: 2, 90: 2}
    assert list(data.rows.columns) == [f.name for f in CATALOGUE if not f.csm_controlled]
    assert data.fingerprint == history.fingerprint
    assert data.catalogue_hash == CATALOGUE.hash
    assert data.tables == ("accounts", "subscriptions", "usage")
    for name in CATALOGUE.numbers:
        assert name not in data.rows or data.rows[name].dtype == np.float64
    april = churn[30].on([dt.date(2024, 4, 1)])
    assert sorted(april.accounts) == sorted(f"a{i}" for i in range(12))
    assert len(april.rows) == 12
    with pytest.raises(ValueError, match=r"no labels at 45 days; there are at \[30, 90\]"):
        data.at("churn", 45)


def test_what_became_of_each_row_is_told_beside_its_label(history: History) -> None:
    data = load_dataset(history, SETTINGS)
    target = data.targets["churn"]
    assert target.involuntary is not None
    left = {"a0": dt.date(2024, 4, 10), "a1": dt.date(2024, 7, 25)}
    for i, (account, day) in enumerate(zip(data.accounts, data.as_of.astype(object), strict=True)):
        days = (left[account] - day).days if account in left else np.nan
        assert data.days_to_churn[i] == pytest.approx(days, nan_ok=True)
        assert data.mrr[i] == 100
        for column, horizon in enumerate(target.horizons):
            label = target.labels[i, column]
            if np.isnan(label):
                assert day + dt.timedelta(target.gaps[column]) > data.known_on
                assert np.isnan(data.retained_ratio[i, column])
            else:
                assert label == (days < horizon)
                assert target.involuntary[i, column] == 0
                assert data.retained_ratio[i, column] == pytest.approx(np.nan if label else 1.0, nan_ok=True)
    assert np.all(np.diff(data.as_of.astype(int)) >= 0)
    assert np.isnan(data.days_to_notice).all()


def test_parts_of_a_dataset_keep_their_places(history: History) -> None:
    data = load_dataset(history, SETTINGS)
    whole = data.at("churn", 30)
    odd, even = whole.on(whole.as_ofs[1::2]), whole.on(whole.as_ofs[::2])
    both = odd.joined(even)
    assert both.place.tolist() == whole.place.tolist()
    assert both.as_ofs == whole.as_ofs
    assert both.accounts.tolist() == whole.accounts.tolist()
    assert both.labels.tolist() == whole.labels.tolist()
    assert both.rows.equals(whole.rows)
    some = whole.only(np.array([5, 2, 9]))
    assert some.accounts.tolist() == [whole.accounts[i] for i in (5, 2, 9)]
    assert data.accounts[some.place].tolist() == some.accounts.tolist()
    assert whole.on([]).labels.shape == (0,)


def test_an_earlier_day_knows_less_and_nothing_else(history: History) -> None:
    for horizon, months in ((30, (2, 3, 4, 5)), (90, (2, 3))):
        earlier, all_of_it = labels_of(history, horizon, dt.date(2024, 6, 20)), labels_of(history, horizon)
        assert {day for _, day in earlier} == {f"2024-0{m}-01" for m in months}
        assert earlier.items() <= all_of_it.items()
        assert labels_of(history, horizon, dt.date(2030, 1, 1)) == all_of_it  # observed only until usage ends


def test_a_day_before_any_label_is_refused_with_the_numbers(history: History) -> None:
    with pytest.raises(TenureError, match="a label takes 35 days"):
        load_dataset(history, SETTINGS, dt.date(2024, 3, 1))


def test_a_catalogue_with_one_more_and_one_fewer_goes_all_the_way(history: History) -> None:
    rows = Feature(
        name="usage_rows_14d",
        dimension="engagement",
        measure=Count(Window("usage", days=14)),
        unit="rows",
        show="count|row",
        sentence="{value} of use came in during two weeks",
        missing="No usage data is on record",
        good="high",
    )
    catalogue = CATALOGUE.with_(rows).without("active_days_7d")
    plain = load_dataset(history, SETTINGS)
    found = load_dataset(history, SETTINGS, catalogue=catalogue)
    assert set(found.rows.columns) - set(plain.rows.columns) == {"usage_rows_14d"}
    assert set(plain.rows.columns) - set(found.rows.columns) == {"active_days_7d"}
    assert (found.catalogue, found.catalogue_hash) == (catalogue, catalogue.hash)
    assert plain.catalogue_hash == CATALOGUE.hash != catalogue.hash
    assert set(found.rows["usage_rows_14d"]) <= {2.0, 3.0}
    np.testing.assert_array_equal(found.targets["churn"].labels, plain.targets["churn"].labels)
    assert Recipe().directions("churn", found.catalogue)["usage_rows_14d"] == -1
    assert "usage_rows_14d" not in Recipe().directions("churn")


def test_what_is_good_and_how_it_reads_come_from_the_datasets_catalogue(
    fitted: Any, quick: Recipe, settings: Settings
) -> None:
    name = "days_since_last_use"
    turned = replace(CATALOGUE[name], good="high", sentence="Silent for {value}")
    catalogue = Catalogue(tuple(turned if feature.name == name else feature for feature in CATALOGUE))
    kernel = refit(replace(fitted.dataset, catalogue=catalogue), fitted.plan, quick, settings).kernel
    rows = fitted.dataset.rows.iloc[:200]
    for model, way in ((fitted.kernel, 1), (kernel, -1)):
        moved = [model.margins(rows.assign(**{name: days}), 30) for days in (1.0, 5.0, 25.0)]
        assert (way * np.diff(moved, axis=0) >= 0).all()
        assert fitted.kernel is not model or (np.diff(moved, axis=0) > 0).any()
    assert kernel.words[name].sentence == "Silent for {value}"
    assert fitted.kernel.words[name].sentence != "Silent for {value}"
