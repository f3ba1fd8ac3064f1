"""Watching a made-up company: nothing recorded later counts, and whatever is missing is one plain sentence."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.prove.replays import _until
from features.build import build_features
from features.catalogue import CATALOGUE
from features.errors import TenureError
from features.history import History
from features.settings import Settings
from features.simulation import Company, simulate
from training.monitoring import REFERENCE_FILE, make_reference, monitor, watch

TRAINED, DAY = dt.date(2023, 6, 1), dt.date(2023, 8, 15)
INPUTS = tuple(feature.name for feature in CATALOGUE if not feature.csm_controlled)


class Recency:
    """Stands in for a stored model: the longer unused, the likelier to leave."""

    horizons = (30, 90)
    feature_names = INPUTS

    def probabilities(self, rows: pd.DataFrame, horizon: int) -> np.ndarray:
        days = rows["days_since_last_use"].fillna(30).to_numpy(dtype=np.float64)
        return horizon / 90 * np.clip(0.03 + 0.01 * days, 0.01, 0.5)


@pytest.fixture(scope="module")
def company() -> Company:
    return simulate(accounts=100, months=10, seed=3)


@pytest.fixture(scope="module")
def whole(company: Company, tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("whole")
    company.write(folder)
    return History.open(folder)


@pytest.fixture(scope="module")
def built(whole: History) -> pd.DataFrame:
    """The features of every day these tests ask for."""
    return build_features(whole, [dt.date(2023, m, 1) for m in range(3, 9)])


@pytest.fixture
def quick(built: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features are taken from those built once."""

    def on(history: History, days: list[dt.date]) -> pd.DataFrame:
        return built[built["as_of"].isin([pd.Timestamp(day) for day in days])]

    monkeypatch.setattr("features.build.build_features", on)


@pytest.fixture
def present(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A registered champion, without a store."""
    card = {"known_on": TRAINED.isoformat(), "blocks": {"refit_calibration": {"churned_accounts": 60}}}
    found = SimpleNamespace(version="7", catalogue_hash=CATALOGUE.hash, folder=tmp_path, card=card)
    monkeypatch.setattr("training.registry.champion", lambda home: found)
    monkeypatch.setattr("training.kernel.load_kernel", lambda folder: Recency())
    return found


def test_what_was_recorded_later_does_not_count(company: Company, whole: History, present: Any, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.mkdir()
    for name, table in company.tables.items():
        _until(table, name, DAY).to_parquet(cut / f"{name}.parquet", index=False)
    report = monitor(whole, Settings(), tmp_path, known_on=DAY)
    assert report.day == DAY
    assert report.latest_as_of == dt.date(2023, 8, 1)
    assert [(r.horizon, r.first, r.last) for r in report.realised] == [(30, "2023-06-01", "2023-06-01")]
    assert report.to_json() == monitor(History.open(cut), Settings(), tmp_path).to_json()


@pytest.mark.usefixtures("quick")
def test_with_a_reference_and_with_a_broken_one(
    whole: History, built: pd.DataFrame, present: Any, tmp_path: Path
) -> None:
    rows = built[built["as_of"] <= pd.Timestamp(TRAINED)]
    kernel = Recency()
    made = make_reference(
        rows[list(INPUTS)],
        {h: kernel.probabilities(rows, h) for h in kernel.horizons},
        rows["account_id"].to_numpy(dtype=object),
        rows["as_of"].to_numpy().astype("datetime64[D]"),
        tables=[*whole.tables, "advocates"],
    )
    (tmp_path / REFERENCE_FILE).write_text(json.dumps(made, allow_nan=False))
    report = monitor(whole, Settings(), tmp_path, known_on=DAY)
    assert [s.horizon for s in report.scores] == [30, 90]
    assert report.leaving is not None
    assert any("The table advocates was there in training" in r.text for r in report.reasons)
    (tmp_path / REFERENCE_FILE).write_text(json.dumps({"format": "of another time"}))
    assert any(r.kind == "no reference" for r in monitor(whole, Settings(), tmp_path, known_on=DAY).reasons)
    horizons = [{"days": 30, "blocks": {"refit_calibration": {"churned_accounts": n}}} for n in (41, 80)]
    present.card = {"known_on": TRAINED.isoformat(), "horizons": horizons}
    assert watch(present).calibration_churned == 41
    (tmp_path / REFERENCE_FILE).write_text("{")
    with pytest.raises(TenureError, match="is not valid JSON"):
        monitor(whole, Settings(), tmp_path, known_on=DAY)


@pytest.mark.usefixtures("quick")
def test_before_a_label_and_before_the_training(whole: History, present: Any, tmp_path: Path) -> None:
    report = monitor(whole, Settings(), tmp_path, known_on=TRAINED)
    assert (report.verdict, report.realised) == ("keep", [])
    assert any(r.kind == "waiting" for r in report.reasons)
    with pytest.raises(TenureError, match="has learned what was known until 2023-06-01, and 2023-05-31 comes before"):
        monitor(whole, Settings(), tmp_path, known_on=TRAINED - dt.timedelta(1))


@pytest.mark.usefixtures("quick")
def test_no_champion_an_outdated_one_and_one_that_cannot_be_read(
    whole: History, present: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    present.catalogue_hash = "0" * 64
    report = monitor(whole, Settings(), tmp_path, known_on=DAY)
    assert report.verdict == "retrain"
    assert [r.kind for r in report.reasons] == ["outdated"]
    assert json.dumps(report.to_json(), allow_nan=False)
    present.catalogue_hash = CATALOGUE.hash
    present.card["grace_days"] = 14
    (other,) = monitor(whole, Settings(), tmp_path, known_on=DAY).reasons
    assert "with 14 days of grace, and the settings say" in other.text
    present.card = {}
    with pytest.raises(TenureError, match=r"The champion, version 7, cannot be read"):
        monitor(whole, Settings(), tmp_path, known_on=DAY)
    monkeypatch.setattr("training.registry.champion", lambda home: None)
    with pytest.raises(TenureError, match="No model is champion yet"):
        monitor(whole, Settings(), tmp_path, known_on=DAY)
