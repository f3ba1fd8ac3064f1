"""Late records, versions, prices and the season: what makes a made-up history as awkward as a real one."""

from pathlib import Path

import pandas as pd
import pytest

from features.contract import CONTRACT
from features.history import History
from features.labels import recording_lag
from features.simulation import Company, simulate

UNTIL = pd.Timestamp("2025-01-01")


def moments(column: pd.Series) -> pd.Series:
    return column.dt.tz_localize(None) if isinstance(column.dtype, pd.DatetimeTZDtype) else column


def test_nothing_is_recorded_before_it_happened_but_plans(signal: Company) -> None:
    late = {}
    for name, rows in signal.tables.items():
        spec = CONTRACT[name]
        if "recorded_at" in rows and spec.event and not spec.planned:
            waited = moments(rows.recorded_at) - rows[list(spec.event)].apply(moments).min(axis=1)
            assert (waited >= pd.Timedelta(0)).all(), name
            late[name] = waited.dt.total_seconds() / 86_400
        for column in spec.columns:
            stamp = f"{column.name}_recorded_at"
            if stamp in rows:
                known = rows[column.name].notna()
                assert (known == rows[stamp].notna()).all(), (name, stamp)
                waited = (moments(rows[stamp]) - moments(rows[column.name]))[known]
                if name != "assignments":  # changes of hands are planned ahead
                    assert (waited >= -pd.Timedelta(days=1)).all(), (name, stamp)
    assert set(late) >= {"payments", "surveys", "touches", "advocacy", "exits", "churns"}
    everything = pd.concat(late.values())
    assert everything.median() < 1
    assert 0.02 < (everything > 2).mean() < 0.12
    assert everything.max() > 7


def test_the_recording_lag_is_not_nothing(signal: Company, tmp_path: Path) -> None:
    signal.write(tmp_path)
    history = History.open(tmp_path)
    assert 1 <= recording_lag(history, history.observed_until) <= 10


def test_accounts_that_grow_have_dated_versions(signal: Company) -> None:
    rows = signal.tables["accounts"]
    counts = rows.account_id.value_counts()
    assert 30 < (counts > 1).sum() < 0.6 * len(counts)
    first = rows[~rows.account_id.duplicated()]
    assert (first.valid_from == first.created_on).all()
    later = rows[rows.account_id.duplicated()]
    assert (later.valid_from > later.created_on).all()
    constant = ["created_on", "name", "industry", "region", "touch_model", "sold_on"]
    assert (rows.groupby("account_id")[constant].nunique(dropna=False) == 1).all(axis=None)
    rank = rows.segment.map({"smb": 0, "mid": 1, "enterprise": 2})
    assert (rank.groupby(rows.account_id).diff().dropna() >= 0).all()
    assert (rank.groupby(rows.account_id).diff() > 0).any()


def test_users_change_role_or_department(signal: Company) -> None:
    rows = signal.tables["users"]
    moved = rows[rows.user_id.duplicated(keep=False)].groupby("user_id")
    assert len(moved) > 100
    assert ((moved.role.nunique() == 2) ^ (moved.department.nunique() == 2)).all()
    assert moved.role.nunique().eq(2).sum() > 20


def test_milestones_are_known_as_a_plan_before_they_are_due(signal: Company) -> None:
    rows = signal.tables["milestones"]
    assert (moments(rows.recorded_at) < rows.due_on).all()
    assert set(rows.kind) == {"onboarding", "live", "goal"}


def test_use_falls_at_year_end_and_at_weekends(signal: Company) -> None:
    days = signal.tables["usage"].groupby("day").size()
    christmas, november = days["2023-12-23":"2023-12-31"], days["2023-11-06":"2023-12-03"]
    assert christmas.mean() < 0.7 * november.mean()
    weekend = days.index.day_of_week >= 5
    assert days[weekend].mean() < 0.4 * days[~weekend].mean()


def test_list_prices_rise_each_march_and_reach_everybody_by_renewal(signal: Company) -> None:
    rows = signal.tables["subscriptions"][lambda s: ~s.trial].sort_values(["account_id", "started_on"])
    before = rows.groupby("account_id")[["mrr", "seats", "plan", "end_reason", "renews_on"]].shift()
    same = (before.end_reason == "superseded") & (before.seats == rows.seats) & (before.plan == rows.plan)
    ratio = (rows.mrr / before.mrr)[same]
    risen = ratio[ratio > 1]
    assert len(risen) > 100
    assert (risen.between(1.035, 1.045) | risen.between(1.075, 1.09)).all()
    assert (rows.started_on.dt.day == before.renews_on.dt.day)[risen.index].mean() > 0.95
    annual = risen.index[rows.term_months[risen.index] == 12]
    assert (rows.started_on.dt.month == before.renews_on.dt.month)[annual].mean() > 0.95
    assert (rows.started_on[risen.index].dt.month == 3)[rows.term_months == 1].mean() > 0.95


def test_a_doubled_price_doubles_the_mrr_and_drives_away() -> None:
    plain, dear = (simulate(400, 16, seed=21, price_rise=rise) for rise in (None, (10, 2.0)))
    rise = pd.Timestamp("2023-10-01")
    for name in ("subscriptions", "touches"):
        event = CONTRACT[name].event[0]
        first, second = (c.tables[name][moments(c.tables[name][event]) < rise] for c in (plain, dear))
        columns = ["account_id", event]
        pd.testing.assert_frame_equal(first[columns].reset_index(drop=True), second[columns].reset_index(drop=True))
    p = [c.truth[~c.truth.notice_given & (c.truth.as_of == rise)].p_churn_90d.mean() for c in (plain, dear)]
    assert p[1] > 1.6 * p[0]
    paid = dear.tables["subscriptions"][lambda s: ~s.trial & (s.term_months == 1)]
    later = paid[paid.started_on.between(rise, rise + pd.Timedelta(days=35))].merge(
        paid[paid.ended_on.notna()], left_on=["account_id", "started_on"], right_on=["account_id", "ended_on"]
    )
    same = later[later.seats_x == later.seats_y]
    assert (same.mrr_x / same.mrr_y).median() == pytest.approx(2, abs=0.01)
    grown = dear.expansion[dear.expansion.as_of == rise]
    assert grown.expanded_90d.mean() > 0.4
    assert abs(grown.p_expansion_90d.mean() - grown.expanded_90d.mean()) < 0.05


def test_churns_are_those_of_the_subscriptions(signal: Company) -> None:
    paid = signal.tables["subscriptions"][lambda s: ~s.trial]
    starts = paid.groupby("account_id").started_on.apply(list)
    ended = paid[paid.end_reason.isin(["voluntary", "involuntary"])]
    left = {
        (row.account_id, row.ended_on)
        for row in ended.itertuples()
        if not any(0 <= (s - row.ended_on).days <= 30 for s in starts[row.account_id])
    }
    told = set(zip(signal.tables["churns"].account_id, signal.tables["churns"].churned_on, strict=True))
    assert len(told) > 50
    # What one book has and the other has not yet is of the last weeks.
    assert all(day > UNTIL - pd.Timedelta(days=22) for _, day in told ^ left)


def test_costs_name_each_csm_once_a_month(signal: Company) -> None:
    rows = signal.tables["costs"]
    salaries = rows[rows.category == "csm"]
    assert not salaries.duplicated(["month", "csm_id"]).any()
    assert salaries.csm_id.notna().all()
    assert set(salaries.csm_id) <= set(signal.skills.csm_id)
    assert (rows.amount > 0).all()
    assert (moments(rows.recorded_at) > rows.month + pd.Timedelta(days=30)).all()
    assert {"cogs", "support", "acquisition", "tools"} <= set(rows.category)


def test_surveys_are_of_every_kind_and_on_their_scales(signal: Company) -> None:
    rows = signal.tables["surveys"]
    scales = rows.groupby("kind").score.agg(["min", "max", "size"])
    assert list(scales.index) == ["ces", "csat", "csm_pulse", "nps"]
    assert (scales["size"] > 100).all()
    assert (rows.sent_at < rows.responded_at).all()
    assert rows[rows.kind == "csm_pulse"].user_id.isna().all()
    named = rows.dropna(subset="user_id")
    assert not named.duplicated(["user_id", "kind", "sent_at"]).any()
