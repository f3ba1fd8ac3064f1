"""Days of a real store, looked back at: what health was, under which model, and what moved it since."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from features.settings import Settings
from serving.healths import Healths
from serving.lookback import LOOKBACK_COLUMNS, lookback
from serving.store.address import address_of
from serving.store.store import Store
from serving.store.writing import write_day
from success.change import absent_features
from success.gauge import Gauge
from tests.success.gauges import ALL, day_of, gauge
from tests.training.renewing import rows_of
from training.anchors import compared_stages

N = 10
DAY = dt.date(2026, 2, 9)  # a Monday


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(address_of(tmp_path, None)) as store:
        yield store


class Company:
    """Scores days of N accounts as the job would, by any gauge, and stores them."""

    def __init__(self, store: Store, make_frame: Callable[..., pd.DataFrame]) -> None:
        self.store, self.make_frame = store, make_frame

    def scored(self, day: dt.date, rows: pd.DataFrame, of: Gauge | None, seed: int = 0, status: str = "ok",
               tables: frozenset[str] = ALL) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
        """Features by account, and the score frame; the last account gave notice and has no health."""
        state = day_of(rows, seed, tables)
        features = state.rows.set_axis(pd.Index([f"a-{n}" for n in range(N)], name="account_id"), axis=0)
        frame = self.make_frame(day, accounts=N)
        frame.loc[frame["status"] == "ok", "status"] = status
        frame = frame.assign(catalogue_hash=CATALOGUE.hash, tables=json.dumps(sorted(tables)), segment=state.segments)
        columns = {"health": np.linspace(5, 95, N), "calendar_points": np.nan, "health_anchor": np.nan}
        if of is not None:
            found = of.health(of.told(features), features, state.segments, state.stages, absent_features(tables))
            columns = {"health": found.health, "calendar_points": found.calendar, "health_anchor": found.anchor,
                       "points_to_double": of.scale.points_to_double}  # fmt: skip
        scored = frame["status"] == status
        for name, values in columns.items():
            frame[name] = np.where(scored, values, np.nan)
        source = "model" if of is not None else "rule_based"
        frame["health_source"] = pd.Series([source if s else None for s in scored], dtype=object)
        frame["health_stage"] = pd.Series(
            [t if s else None for t, s in zip(state.stages, scored, strict=True)], dtype=object
        )
        return features, frame

    def store_day(self, day: dt.date, rows: pd.DataFrame, of: Gauge | None, **how: object) -> pd.DataFrame:
        features, frame = self.scored(day, rows, of, **how)
        write_day(self.store, frame, day, features)
        return frame.set_index("account_id")

    def look(self, day: dt.date, rows: pd.DataFrame, of: Gauge | None, **how: object) -> tuple[pd.DataFrame, ...]:
        features, frame = self.scored(day, rows, of, **how)
        return lookback(self.store, day, features, frame, of), frame.set_index("account_id")


@pytest.fixture
def company(store: Store, make_frame: Callable[..., pd.DataFrame]) -> Company:
    return Company(store, make_frame)


def back(days: int) -> dt.date:
    return DAY - dt.timedelta(days=days)


def parts(found: pd.DataFrame) -> pd.Series:
    return found["change_customer"] + found["change_stage"] + found["change_data"] + found["change_model"]


def test_scores_and_their_lookback_read_health_alike_to_the_last_digit() -> None:
    of, rows = gauge(), rows_of(40, 3)
    healths = Healths(of, Settings())
    stored = healths.of(rows, healths.own(rows))
    segments, stages = rows["segment"].tolist(), compared_stages(rows).tolist()
    found = of.health(of.told(rows), rows, segments, stages)
    assert found.health.tolist() == stored.health.tolist()
    assert of.anchors(segments, stages).tolist() == stored.anchor.tolist()


def test_on_the_first_day_there_is_nothing_to_look_back_at(company: Company) -> None:
    found, _ = company.look(DAY, rows_of(N, 1), gauge())
    assert tuple(found.columns) == LOOKBACK_COLUMNS
    assert found.isna().all(axis=None)
    assert found["moved"].tolist() == [None] * N
    assert pd.api.types.is_object_dtype(found["moved"].dtype)
    assert found["change_model"].dtype == np.float64


def test_the_parts_sum_under_one_model_from_what_is_stored(company: Company) -> None:
    before = company.store_day(back(1), rows_of(N, 1), gauge(), seed=3)
    found, today = company.look(DAY, rows_of(N, 2), gauge(), seed=4)
    rest = found.iloc[:-1]
    assert rest["health_before"].tolist() == before["health"].tolist()[:-1]
    assert rest["health_before_now"].tolist() == rest["health_before"].tolist()
    assert rest["health_before_on"].tolist() == [back(1)] * (N - 1)
    assert parts(rest).tolist() == pytest.approx((today["health"] - before["health"]).tolist()[:-1], abs=1e-9)
    assert not rest["change_model"].any()
    assert not rest["change_data"].any()
    assert rest["change_stage"].abs().max() > 0.1
    assert rest["change_customer"].abs().min() > 0
    calendar = (today["calendar_points"] - before["calendar_points"]).tolist()[:-1]
    assert rest["change_calendar"].tolist() == pytest.approx(calendar)
    assert found.iloc[-1].isna().all()  # it gave notice, so it has no health that could have moved
    assert found["health_7d"].isna().all()
    assert found["moved"].isna().all()


def test_a_change_of_model_is_told_apart_from_what_the_customer_did(company: Company) -> None:
    company.store_day(back(7), rows_of(N, 1), gauge(1))
    before = company.store_day(back(1), rows_of(N, 1), gauge(1))
    found, today = company.look(DAY, rows_of(N, 1), gauge())
    rest = found.iloc[:-1]
    now = today["health"].tolist()[:-1]
    assert rest["health_before"].tolist() == before["health"].tolist()[:-1]
    assert rest["health_before_now"].tolist() == now
    assert rest["change_model"].tolist() == pytest.approx((today["health"] - before["health"]).tolist()[:-1])
    assert rest["change_model"].abs().max() > 1
    for name in ("change_customer", "change_stage", "change_data", "change_calendar", "change_7d_customer",
                 "change_7d_other"):  # fmt: skip
        assert not rest[name].any(), name
    assert rest["health_7d"].tolist() == now
    assert rest["moved"].tolist() == ["[]"] * (N - 1)


def test_points_that_double_are_told_as_the_models_doing(company: Company) -> None:
    of = gauge()
    company.store_day(back(1), rows_of(N, 1), of)
    coarse = Gauge(of.kernel, of.scale.__class__(of.scale.anchors, of.scale.names, of.scale.dimensions, 20.0,
                                                 of.scale.plan_dependent))  # fmt: skip
    found, today = company.look(DAY, rows_of(N, 1), coarse)
    rest = found.iloc[:-1]
    assert rest["health_before_now"].tolist() == today["health"].tolist()[:-1]
    assert rest["change_model"].tolist() == pytest.approx(((today["health"] - 50) / 2).tolist()[:-1])
    assert not rest["change_customer"].any()


def test_a_lost_table_and_stopped_usage_are_told_as_data(company: Company) -> None:
    rows = rows_of(N, 1)
    company.store_day(back(1), rows, gauge())
    found, today = company.look(DAY, rows, gauge(), tables=ALL - {"tickets"})
    rest = found.iloc[:-1]
    assert not rest[["change_customer", "change_stage", "change_model"]].any(axis=None)
    moved = (today["health"] - rest["health_before"]).iloc[:-1]
    assert rest["change_data"].tolist() == pytest.approx(moved.tolist(), abs=1e-12)
    assert rest["change_data"].abs().max() > 0.5
    stopped, _ = company.look(DAY, rows.assign(active_users_28d=0.0), gauge(), status="stale")
    assert not stopped["change_customer"].iloc[:-1].any()
    assert (stopped["change_data"].iloc[:-1] < 0).mean() > 0.8
    awake, _ = company.look(DAY, rows.assign(active_users_28d=0.0), gauge())
    assert awake["change_customer"].tolist()[:-1] == stopped["change_data"].tolist()[:-1]


@pytest.mark.parametrize(
    ("stored", "week", "month"),
    [
        ([1, 6], None, None),
        ([1, 7, 8], 7, None),
        ([7, 14, 21, 28, 35], 7, 28),
        ([13, 14, 34], 13, 34),
        ([14, 27, 35], None, None),
        ([1, 9, 12, 29, 31], 9, 29),
    ],
)
def test_a_week_and_a_month_ago_are_the_newest_scored_days_that_are_as_old(
    company: Company, stored: list[int], week: int | None, month: int | None
) -> None:
    days = {days: company.store_day(back(days), rows_of(N, days), gauge(), seed=days) for days in stored}
    company.store_day(DAY + dt.timedelta(days=1), rows_of(N, 50), gauge())  # later days are not looked at
    company.store_day(DAY, rows_of(N, 51), gauge())  # nor is the day itself, where it is scored again
    found, today = company.look(DAY, rows_of(N, 2), gauge())
    assert found["health_before_on"].iloc[0] == back(min(stored))
    for name, ago in (("7d", week), ("28d", month)):
        if ago is None:
            assert found[[f"health_{name}", f"health_{name}_on"]].isna().all(axis=None)
        else:
            assert found[f"health_{name}_on"].tolist() == [back(ago)] * (N - 1) + [None]
            assert found[f"health_{name}"].tolist()[:-1] == days[ago]["health"].tolist()[:-1]
    if week is not None:
        both = (found["change_7d_customer"] + found["change_7d_other"]).iloc[:-1]
        assert both.tolist() == pytest.approx((today["health"] - found["health_7d"]).tolist()[:-1], abs=1e-9)


def test_what_moved_is_told_with_both_days_sentences(company: Company) -> None:
    rows = rows_of(N, 1).assign(active_users_28d=12.0)
    company.store_day(back(7), rows, gauge())
    found, _ = company.look(DAY, rows.assign(active_users_28d=2.0), gauge())
    for text, customer in zip(found["moved"][:-1], found["change_7d_customer"][:-1], strict=True):
        first = json.loads(text)[0]
        assert first["feature"] == "active_users_28d"
        assert "2 people" in first["sentence"]
        assert "12 people" in first["sentence_before"]
        assert first["points"] < -0.5
        assert customer < 0


def test_under_another_model_a_week_and_a_month_ago_are_scored_again(company: Company) -> None:
    week = company.scored(back(7), rows_of(N, 1), gauge(), seed=1)[1]
    month = company.scored(back(28), rows_of(N, 3), gauge(), seed=3)[1]
    company.store_day(back(7), rows_of(N, 1), gauge(1), seed=1)
    company.store_day(back(28), rows_of(N, 3), gauge(1), seed=3)
    found, _ = company.look(DAY, rows_of(N, 2), gauge())
    assert found["health_7d"].tolist()[:-1] == week["health"].tolist()[:-1]
    assert found["health_28d"].tolist()[:-1] == month["health"].tolist()[:-1]
    assert found["health_before"].iloc[0] != found["health_before_now"].iloc[0]


def test_days_of_other_declarations_or_without_features_are_the_models_alone(company: Company) -> None:
    features, frame = company.scored(back(7), rows_of(N, 1), gauge(1))
    for written, given in ((frame.assign(catalogue_hash="other"), features), (frame, None)):
        write_day(company.store, written, back(7), given)
        found, today = company.look(DAY, rows_of(N, 2), gauge())
        rest = found.iloc[:-1]
        changed = (today["health"] - frame.set_index("account_id")["health"]).tolist()[:-1]
        assert rest["change_model"].tolist() == pytest.approx(changed)
        told_apart = ["health_before_now", "change_customer", "change_stage", "change_data", "change_calendar",
                      "health_7d", "health_7d_on", "change_7d_customer", "change_7d_other", "moved"]  # fmt: skip
        assert rest[told_apart].isna().all(axis=None)


def test_runs_that_say_nothing_of_health_are_scored_from_their_features(company: Company) -> None:
    features, frame = company.scored(back(7), rows_of(N, 1), gauge())
    old = frame.drop(columns=["health", "calendar_points", "health_anchor", "points_to_double", "health_source",
                              "health_stage", "tables"])  # fmt: skip
    write_day(company.store, old, back(7), features)
    found, _ = company.look(DAY, rows_of(N, 1), gauge())
    rest = found.iloc[:-1]
    assert rest["health_7d"].notna().all()
    assert rest["health_7d_on"].tolist() == [back(7)] * (N - 1)
    assert not rest["change_7d_customer"].any()
    assert rest[["health_before", "health_before_on", "health_before_now", "change_model"]].isna().all(axis=None)


def test_health_by_rules_is_set_beside_health_by_rules_alone(company: Company) -> None:
    rules = company.store_day(back(7), rows_of(N, 1), None)
    found, _ = company.look(DAY, rows_of(N, 2), None)
    assert found["health_before"].tolist()[:-1] == rules["health"].tolist()[:-1]
    assert found["health_7d_on"].tolist()[:-1] == [back(7)] * (N - 1)
    assert found[["change_customer", "change_model", "moved"]].isna().all(axis=None)
    by_model, today = company.look(DAY, rows_of(N, 1), gauge())
    assert by_model["change_model"].tolist()[:-1] == pytest.approx((today["health"] - rules["health"]).tolist()[:-1])
    assert not by_model["change_customer"].iloc[:-1].any()
    company.store_day(back(1), rows_of(N, 1), gauge())
    after, _ = company.look(DAY, rows_of(N, 2), None)
    assert after["health_before"].isna().all()
    assert after["health_7d"].tolist()[:-1] == rules["health"].tolist()[:-1]


def test_accounts_that_come_and_go_disturb_no_other(company: Company) -> None:
    rows = rows_of(N, 1)
    company.store_day(back(7), rows, gauge())
    features, frame = company.scored(DAY, rows_of(N, 2), gauge())
    whole = lookback(company.store, DAY, features, frame, gauge())
    names = {f"a-{n}": f"new-{n}" for n in (0, 3)}
    features = features.rename(index=names).iloc[::-1]
    frame["account_id"] = frame["account_id"].replace(names)
    found = lookback(company.store, DAY, features, frame, gauge())
    assert found.index.tolist() == features.index.tolist()
    assert found.loc[["new-0", "new-3"]].isna().all(axis=None)
    others = [name for name in found.index if name in whole.index]
    pd.testing.assert_frame_equal(found.loc[others], whole.loc[others])
