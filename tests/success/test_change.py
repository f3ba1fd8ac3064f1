"""Whatever happens between two days, each cause gets its part of the change of health and no other's."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from success.change import Change, Day, Earlier, absent_features, change_of, earlier_health
from success.gauge import Gauge
from tests.success.gauges import ALL, STAGES, day_of, gauge, stored
from tests.training.renewing import rows_of
from training.own import CALENDAR, Own, own

N = 24
OPTIONAL = st.frozensets(st.sampled_from(["tickets", "invoices", "entitlements", "surveys"])).map(
    lambda gone: ALL - gone
)
SEED = st.integers(0, 10_000)
some = settings(max_examples=25, deadline=None, derandomize=True, database=None)


class Counting(Gauge):
    """Counts the rows that the model is asked of."""

    def told(self, rows: pd.DataFrame) -> Own:
        self.__dict__["asked"] = self.__dict__.get("asked", 0) + len(rows)
        return super().told(rows)


def changed(of: Gauge, earlier: Earlier, after: Day, explain: bool = True) -> Change:
    return change_of(of, earlier, after, of.told(after.rows), explain=explain)


def health_of(of: Gauge, day: Day) -> np.ndarray:
    return stored(of, day).health


def by_hand(of: Gauge, row: pd.DataFrame, segment: str | None, stage: str | None, tables: frozenset[str]) -> float:
    """The health of one account, feature by feature."""
    scale, total = of.scale, 0.0
    told = own(of.kernel, row, 90, scale.anchors.calendar).attributions[0].tolist()
    usual = scale.anchors.cells[scale.anchors.place(segment, stage)].attributions
    for name, phi in zip(scale.names, told, strict=True):
        unplanned = name in scale.plan_dependent and pd.isna(row[name].iloc[0])
        if name not in CALENDAR and name not in absent_features(tables) and not unplanned:
            total += phi - usual[name]
    return 50 - 10 / math.log(2) * total


@some
@given(seed=SEED, t0=OPTIONAL, t1=OPTIONAL, stale=st.tuples(st.booleans(), st.booleans()), same=st.booleans(),
       known=st.booleans(), explain=st.booleans())  # fmt: skip
def test_the_parts_sum_to_the_change_whatever_comes(
    seed: int, t0: frozenset[str], t1: frozenset[str], stale: tuple[bool, bool], same: bool, known: bool, explain: bool
) -> None:
    before, after = day_of(rows_of(N, seed), seed, t0, stale[0]), day_of(rows_of(N, seed + 1), seed + 1, t1, stale[1])
    earlier = stored(gauge(0 if same else 1), before, same=same, known=known)
    found = changed(gauge(), earlier, after, explain)
    parts = found.customer + found.stage + found.data + found.model
    assert parts == pytest.approx(health_of(gauge(), after) - earlier.health, abs=1e-9)
    read = (t0 ^ t1) - {"surveys"}  # which feed no feature of this model
    told_apart = known or (same and not read and not any(stale))
    assert found.whole.tolist() == [told_apart] * N
    if not told_apart:
        assert not np.concatenate([found.customer, found.stage, found.data]).any()
    elif same:
        assert not found.model.any()
    if told_apart and known and explain:
        assert found.points.sum(axis=1) == pytest.approx(found.customer, abs=1e-9)


@some
@given(seed=SEED, t0=OPTIONAL, t1=OPTIONAL, same=st.booleans())
def test_each_leg_is_what_one_account_alone_comes_to_by_hand(
    seed: int, t0: frozenset[str], t1: frozenset[str], same: bool
) -> None:
    before, after = day_of(rows_of(3, seed), seed, t0), day_of(rows_of(3, seed + 1), seed + 1, t1)
    earlier = stored(gauge(0 if same else 1), before, same=same)
    found = changed(gauge(), earlier, after, explain=False)
    fed = {"tickets": ["tickets_open"], "invoices": ["overdue_invoices"], "entitlements": ["core_features_share_28d"]}
    held = [name for table in t0 ^ t1 for name in fed.get(table, [])]
    for n in range(3):
        x0, x1 = before.rows.iloc[[n]], after.rows.iloc[[n]]
        xh = x1.assign(**{name: x0[name].tolist() for name in held})
        c0, c1 = (before.segments[n], before.stages[n]), (after.segments[n], after.stages[n])
        corners = [by_hand(gauge(), x0, *c0, t0), by_hand(gauge(), xh, *c0, t0), by_hand(gauge(), x1, *c0, t1),
                   by_hand(gauge(), x1, *c1, t1)]  # fmt: skip
        assert found.before_now[n] == pytest.approx(corners[0], abs=1e-9)
        legs = [found.model[n], found.customer[n], found.data[n], found.stage[n]]
        assert legs == pytest.approx(np.diff([earlier.health[n], *corners]).tolist(), abs=1e-9)


@some
@given(seed=SEED, t0=OPTIONAL, t1=OPTIONAL)
def test_where_only_tables_came_or_went_the_customer_has_done_exactly_nothing(
    seed: int, t0: frozenset[str], t1: frozenset[str]
) -> None:
    rows = rows_of(N, seed)
    before, after = day_of(rows, seed, t0), day_of(rows, seed, t1)
    found = changed(gauge(), stored(gauge(), before), after)
    assert not np.concatenate([found.customer, found.stage, found.model, found.calendar]).any()
    assert found.data == pytest.approx(health_of(gauge(), after) - health_of(gauge(), before), abs=1e-12)
    assert not found.points.any()


def test_a_table_that_is_lost_does_change_health() -> None:
    rows = rows_of(N, 5)
    found = changed(gauge(), stored(gauge(), day_of(rows, 5)), day_of(rows, 5, ALL - {"tickets"}))
    assert (np.abs(found.data) > 0.5).sum() > N / 2


@some
@given(seed=SEED, stale=st.sampled_from([(True, False), (False, True), (True, True)]))
def test_where_usage_stopped_its_features_are_no_deed_of_the_customer(seed: int, stale: tuple[bool, bool]) -> None:
    rows, later = rows_of(N, seed), rows_of(N, seed + 1)
    fed = ["active_users_28d", "core_features_share_28d"]
    before, after = day_of(rows, seed, stale=stale[0]), day_of(rows.assign(**later[fed]), seed, stale=stale[1])
    found = changed(gauge(), stored(gauge(), before), after)
    assert not found.customer.any()
    assert found.data == pytest.approx(health_of(gauge(), after) - health_of(gauge(), before), abs=1e-12)
    assert np.abs(found.data).max() > 1
    awake = changed(gauge(), stored(gauge(), before), replace(after, stale=np.zeros(N, dtype=bool)))
    if not stale[0]:
        assert awake.customer == pytest.approx(found.data, abs=1e-12)


def test_usage_may_have_stopped_for_some_accounts_only() -> None:
    rows, later = rows_of(N, 1), rows_of(N, 2)
    late = np.arange(N) % 2 == 0
    before = day_of(rows, 1)
    after = replace(day_of(rows.assign(active_users_28d=later["active_users_28d"]), 1), stale=late)
    found = changed(gauge(), stored(gauge(), before), after)
    assert not found.customer[late].any()
    assert not found.data[~late].any()
    assert np.abs(found.data[late]).max() > 1
    assert np.abs(found.customer[~late]).max() > 1


@some
@given(seed=SEED, tables=OPTIONAL, moves=st.booleans())
def test_where_only_the_calendar_moved_nothing_but_the_stage_can_change_health(
    seed: int, tables: frozenset[str], moves: bool
) -> None:
    rows = rows_of(N, seed)
    before = day_of(rows, seed, tables)
    after = day_of(rows.assign(days_to_renewal=(rows["days_to_renewal"] + 200) % 365), seed, tables)
    if moves:
        after = replace(after, stages=[STAGES[n % 4] for n in range(N)])
    found = changed(gauge(), stored(gauge(), before), after)
    assert not np.concatenate([found.customer, found.data, found.model]).any()
    assert found.stage == pytest.approx(health_of(gauge(), after) - health_of(gauge(), before), abs=1e-12)
    assert found.stage.any() == moves
    assert not moves or np.abs(found.stage).max() > 0.5


def test_the_calendar_changes_points_of_its_own() -> None:
    rows = rows_of(N, 3).assign(days_to_renewal=200.0, term_months=12.0)
    before, after = day_of(rows, 3), day_of(rows.assign(days_to_renewal=20.0), 3)
    for earlier in (stored(gauge(), before), stored(gauge(1), before, same=False)):
        found = changed(gauge(), earlier, after)
        then, now = (
            gauge().health(gauge().told(day.rows), day.rows, day.segments, day.stages) for day in (before, after)
        )
        assert found.calendar == pytest.approx(now.calendar - then.calendar, abs=1e-12)
        assert found.calendar.mean() < -5  # a renewal that is near costs points, though none of health


@some
@given(seed=SEED, tables=OPTIONAL, explain=st.booleans())
def test_where_only_the_model_was_changed_all_of_it_is_the_models(
    seed: int, tables: frozenset[str], explain: bool
) -> None:
    day = day_of(rows_of(N, seed), seed, tables)
    earlier = stored(gauge(1), day, same=False)
    found = changed(gauge(), earlier, day, explain)
    assert not np.concatenate([found.customer, found.stage, found.data]).any()
    assert found.model == pytest.approx(health_of(gauge(), day) - earlier.health, abs=1e-12)
    assert np.abs(found.model).max() > 0.5


def test_a_day_without_stored_health_is_scored_and_one_without_features_is_not() -> None:
    before, after = day_of(rows_of(N, 1), 1), day_of(rows_of(N, 2), 2)
    whole = stored(gauge(), before)
    none = np.full(N, np.nan)
    half = replace(
        whole, health=np.where(np.arange(N) < 4, np.nan, whole.health), calendar=none, same=np.arange(N) >= 4
    )
    health, calendar, _ = earlier_health(gauge(), half, frozenset())
    assert health.tolist() == whole.health.tolist()
    assert np.isfinite(calendar[:4]).all()
    assert not math.isfinite(calendar[5])
    lost = changed(gauge(), replace(half, known=np.zeros(N, dtype=bool)), after)
    assert lost.whole.tolist() == [n >= 4 for n in range(N)]
    assert np.isnan(lost.before_now[:4]).all()
    assert np.isnan(lost.points).all()


def test_the_model_is_asked_of_no_more_rows_than_it_must() -> None:
    of = Counting(gauge().kernel, gauge().scale)
    rows, later = rows_of(N, 1), rows_of(N, 2)
    before, after = day_of(rows, 1), day_of(later, 2)
    told = of.told(after.rows)
    earlier = stored(gauge(), before)

    def asked(earlier: Earlier, after: Day = after, explain: bool = False) -> int:
        of.__dict__["asked"] = 0
        change_of(of, earlier, after, told, explain=explain)
        return int(of.__dict__["asked"])

    assert asked(earlier) == 0
    assert asked(earlier, explain=True) == N
    assert asked(replace(earlier, same=np.arange(N) > 2)) == 3
    lost = day_of(later, 2, ALL - {"tickets"})
    had = before.rows["tickets_open"].notna().sum()
    assert asked(earlier, lost) == had  # only of those whose tickets were known is there something to hold
    assert asked(replace(earlier, day=replace(before, tables=None)), lost) == 0


def test_a_row_on_which_the_model_fails_fails_no_other() -> None:
    rows = rows_of(9, 4)
    wrong = rows.assign(active_users_28d=rows["active_users_28d"].astype(object))
    wrong.loc[4, "active_users_28d"] = "many"
    found, sound = gauge().told(wrong), gauge().told(rows)
    others = np.arange(9) != 4
    assert np.isnan(found.attributions[4]).all()
    assert found.attributions[others].tolist() == sound.attributions[others].tolist()
    assert gauge().anchors(["smb", None], ["adoption", None]).tolist() == [
        gauge().health(sound, rows, ["smb"] * 9, ["adoption"] * 9).anchor[0],
        gauge().health(sound, rows, [None] * 9, [None] * 9).anchor[0],
    ]


def test_a_day_that_does_not_say_its_tables_had_those_of_today() -> None:
    tables, rows = ALL - {"tickets"}, rows_of(N, 6)
    day = day_of(rows, 6, tables)
    found = changed(gauge(), replace(stored(gauge(), day), day=replace(day, tables=None)), day)
    again = changed(gauge(), replace(stored(gauge(1), day, same=False), day=replace(day, tables=None)), day)
    for change in (found, again):
        assert not np.concatenate([change.customer, change.stage, change.data]).any()
    assert not found.model.any()
