"""Health beside a forecast: the same in parts of any size, without a history, and before and after supposed changes."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from features.contract import CONTRACT
from features.settings import Settings
from serving.champion import Champion
from serving.drafts import Drafts
from serving.forecast import Forecast, Model
from serving.healths import Healths, healths_of
from serving.on_demand import columns_of
from serving.parts import told_of
from serving.requests import WhatIfRequest
from serving.what_if import what_if_answer
from tests.training.renewing import kernel, rows_of
from training.anchors import compared_stages, make_anchors
from training.own import Own

DAY, NOW = dt.date(2026, 2, 1), dt.datetime(2026, 2, 1, 4, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def forecast() -> Forecast:
    rows = rows_of(900, 41)
    anchors = make_anchors(kernel(), rows, np.arange(900).astype(str).astype(object), compared_stages(rows), 90)
    return Forecast(Model("1", kernel(), digest="d" * 64, anchors=anchors))


@pytest.fixture(scope="module")
def healths(forecast: Forecast) -> Healths:
    found = healths_of(forecast, Settings())
    assert found is not None
    return found


def accounts(n: int, seed: int) -> pd.DataFrame:
    return rows_of(n, seed).assign(account_id=[f"a-{i:03d}" for i in range(n)])


def same(one: Own | None, other: Own) -> bool:
    return one is not None and all(
        np.array_equal(a, b, equal_nan=True)
        for a, b in ((one.attributions, other.attributions), (one.calendar, other.calendar))
    )


def test_in_parts_of_any_size_and_from_drafts_it_is_told_once_and_the_same(
    forecast: Forecast, healths: Healths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = accounts(45, 7)
    whole = told_of(forecast, rows, healths=healths)
    assert same(whole.own, healths.own(rows))
    assert not [name for name in whole.frame.columns if " " in name]
    assert whole.frame["health"].tolist() == healths.of(rows, healths.own(rows)).health.tolist()
    told = told_of(forecast, rows, Drafts(tmp_path), size=10, healths=healths)
    pd.testing.assert_frame_equal(told.frame, whole.frame, check_exact=True)
    monkeypatch.setattr(Healths, "own", None)  # nothing is left to be asked
    again = told_of(forecast, rows, Drafts(tmp_path), size=10, healths=healths)
    assert again.resumed == 45
    assert same(again.own, whole.own)
    pd.testing.assert_frame_equal(again.frame, whole.frame, check_exact=True)


def test_other_settings_take_up_no_draft(forecast: Forecast, healths: Healths, tmp_path: Path) -> None:
    rows = accounts(8, 7)
    told_of(forecast, rows, Drafts(tmp_path), healths=healths)
    assert told_of(forecast, rows, Drafts(tmp_path), healths=healths).resumed == 8
    lacking = Healths(healths.gauge, healths.settings, frozenset({"tickets_open"}))
    assert told_of(forecast, rows, Drafts(tmp_path), healths=lacking).resumed == 0
    assert told_of(forecast, rows, Drafts(tmp_path)).resumed == 0


def test_a_row_on_which_the_model_fails_has_no_health_and_its_neighbours_have(
    forecast: Forecast, healths: Healths, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, known = accounts(20, 9), Healths.own

    def failing(self: Healths, rows: Any) -> Own:
        if (rows["account_id"] == "a-011").any():
            raise FloatingPointError("the model fails on this one")
        return known(self, rows)

    expected = told_of(forecast, rows, healths=healths)
    monkeypatch.setattr(Healths, "own", failing)
    told = told_of(forecast, rows, healths=healths)
    failed = told.frame["error"].notna().to_numpy()
    assert np.flatnonzero(failed).tolist() == [11]
    assert told.own is not None
    assert expected.own is not None
    assert np.isnan(told.own.attributions[11]).all()
    assert np.array_equal(told.own.attributions[~failed], expected.own.attributions[~failed])
    assert told.frame.loc[~failed, "health"].tolist() == expected.frame.loc[~failed, "health"].tolist()
    assert np.isnan(told.frame.loc[11, "health"])


def test_of_a_row_without_a_history_a_dimension_of_which_it_says_nothing_is_not_scored(
    forecast: Forecast, healths: Healths
) -> None:
    known: dict[str, float | str] = {"active_users_28d": 4.0, "days_to_renewal": 40.0, "segment": "smb"}
    columns = columns_of(forecast, [known, {**known, "tickets_open": 2.0}])
    told = healths.own(columns)
    silent, asked = (healths.of(columns, told, alone=alone).dimensions["support"] for alone in (True, False))
    assert np.isnan(silent).tolist() == [True, False]
    assert np.isfinite(asked).all()
    found = healths.of(columns, told, alone=True)
    assert np.isfinite(found.dimensions["engagement"]).all()
    assert (found.no_data[0] != 0, np.isfinite(found.health).all()) == (True, True)


def test_what_if_reads_health_with_the_tables_of_the_scored_day(forecast: Forecast, healths: Healths) -> None:
    champion = Champion("1", CATALOGUE.hash, forecast, lambda p, day, horizon: "so it is", healths=healths)
    row: Any = SimpleNamespace(account_id="a-1", status="ok", figures=json.dumps({"churn_30d": 0.1, "churn_90d": 0.2}))
    features = {"active_users_28d": 4.0, "tickets_open": 1.0, "overdue_invoices": 0.0, "tenure_days": 400.0,
                "days_to_renewal": 200.0, "term_months": 12.0, "segment": "mid"}  # fmt: skip
    asked = WhatIfRequest("a-1", {"active_users_28d": 20}, 5)
    declared: Any = {
        name: SimpleNamespace(name=name, kind="number", low=0.0, high=None) for name in ("active_users_28d",)
    }
    for tables, support in ((None, True), (sorted(CONTRACT), True), (sorted(set(CONTRACT) - {"tickets"}), False)):
        run: Any = SimpleNamespace(
            as_of=DAY, catalogue_hash=CATALOGUE.hash, header={} if not tables else {"tables": tables}
        )
        told = json.loads(what_if_answer(champion, run, row, features, asked, declared, NOW))
        before, after = told["before"], told["after"]
        assert (before["health_support"] is not None) is support
        assert (after["health_support"] is not None) is support
        assert after["health"] > before["health"] + 1
        assert after["health_engagement"] > before["health_engagement"]
