"""The truth is the truth: calibrated as a whole, by decile and by group, and no better than it should be."""

import datetime as dt
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from features.simulation import Company
from features.simulation.desk import draw_desk
from features.simulation.forecast import HORIZONS
from features.simulation.options import Options
from features.simulation.population import draw_population
from features.simulation.tables.contracts import subscriptions
from features.simulation.terms import lay_out
from features.simulation.timeline import Timeline
from features.simulation.truth import true_outcomes
from features.simulation.world import play

SEEDS = range(4)


@cache
def judged() -> pd.DataFrame:
    """The cohort's rows of several companies with what became of them, and the account's term and tenure."""
    parts = []
    for seed in SEEDS:
        timeline = Timeline(dt.date(2023, 1, 1), 20)
        people = draw_population(700, timeline, 100 + seed)
        world = play(people, draw_desk(people, timeline, 100 + seed, Options()), timeline, 100 + seed)
        terms = lay_out(world)
        found = true_outcomes(world, terms, 100 + seed)
        truth = found.churn.merge(found.growth, on=["account_id", "as_of"]).assign(alone=found.alone)
        truth = truth[truth.churned_90d.notna() & ~truth.notice_given]
        rows = subscriptions(world, terms, 100 + seed)
        contracts = rows[~rows.trial].sort_values("started_on")
        rows = pd.merge_asof(
            truth.sort_values("as_of"),
            contracts[["account_id", "started_on", "term_months", "renews_on"]],
            left_on="as_of",
            right_on="started_on",
            by="account_id",
            allow_exact_matches=False,
        )
        rows["key"] = rows.account_id + f"/{seed}"
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)


def z_score(rows: pd.DataFrame, happened: str = "churned_90d", expected: str = "p_churn_90d") -> float:
    """Realised minus expected in standard errors, with an account's months taken together."""
    rows = rows.dropna(subset=[happened, expected])
    surplus = (rows[happened] - rows[expected]).groupby(rows.key).sum()
    return float(surplus.sum() / np.sqrt((surplus**2).sum()))


def test_as_many_leave_as_expected() -> None:
    assert judged().churned_90d.sum() > 600
    assert abs(z_score(judged())) < 3


def test_calibrated_by_decile() -> None:
    rows = judged()
    scores = [z_score(part) for _, part in rows.groupby(pd.qcut(rows.p_churn_90d, 10), observed=True)]
    assert np.abs(scores).max() < 3.5


@pytest.mark.parametrize("group", ["term", "tenure", "month"])
def test_calibrated_by_group(group: str) -> None:
    rows = judged()
    days = (rows.as_of - rows.started_on).dt.days
    by = {
        "term": rows.term_months,
        "tenure": pd.cut(days, [0, 30, 90, 180, 365, 10_000]),
        "month": rows.as_of.dt.to_period("Q").astype(str),
    }[group]
    scores = {name: z_score(part) for name, part in rows.groupby(by, observed=True) if len(part) > 200}
    assert len(scores) >= 2
    assert max(abs(z) for z in scores.values()) < 3.5, scores


def test_truth_is_worth_something_but_not_everything() -> None:
    rows = judged()
    outcome = rows.churned_90d
    assert 0.78 < roc_auc_score(outcome, rows.p_churn_90d) < 0.90
    prior = log_loss(outcome, np.full(len(outcome), outcome.mean()))
    assert log_loss(outcome, rows.p_churn_90d) < 0.9 * prior


def test_losing_one_to_four_in_a_hundred_a_month(signal: Company) -> None:
    ends = signal.tables["subscriptions"].end_reason
    lost = ends.isin(["voluntary", "involuntary"]).sum()
    assert 0.01 < lost / len(signal.truth) < 0.04
    assert (ends == "involuntary").sum() > 3


def test_monte_carlo_error_is_small_and_rightly_stated(signal: Company) -> None:
    drawn = ~signal.truth.notice_given.to_numpy()
    assert signal.truth_error[drawn].mean() < 0.1 * signal.truth.p_churn_90d[drawn].mean()
    assert (signal.truth_error[drawn] > 0).all()


def test_under_notice_all_but_a_few_leave(signal: Company) -> None:
    given = signal.truth[signal.truth.notice_given]
    assert len(given) > 10
    assert given.p_churn_90d.between(0.88, 1).all()
    assert given.churned_90d.mean() > 0.8


def test_who_has_just_withdrawn_a_notice_stays_for_a_quarter(signal: Company) -> None:
    kept = signal.tables["subscriptions"].dropna(subset="notice_withdrawn_on")[["account_id", "notice_withdrawn_on"]]
    rows = signal.truth[~signal.truth.notice_given].merge(kept, on="account_id")
    since = (rows.as_of - rows.notice_withdrawn_on).dt.days
    bound = rows[since.between(1, 55)]
    assert len(bound) > 5
    # For want of payment it may be ended all the same.
    assert (bound.p_churn_30d == 0).mean() > 0.5
    assert bound.p_churn_30d.mean() < 0.25 * rows[since > 100].p_churn_30d.mean()


@pytest.mark.parametrize("horizon", HORIZONS)
def test_every_horizon_is_calibrated(horizon: int) -> None:
    rows = judged()
    assert rows[f"churned_{horizon}d"].sum() > 150
    assert abs(z_score(rows, f"churned_{horizon}d", f"p_churn_{horizon}d")) < 4
    assert rows[f"expanded_{horizon}d"].sum() > 150
    assert abs(z_score(rows, f"expanded_{horizon}d", f"p_expansion_{horizon}d")) < 4


def test_growth_is_calibrated_by_decile() -> None:
    rows = judged()
    scores = [
        z_score(part, "expanded_90d", "p_expansion_90d")
        for _, part in rows.groupby(pd.qcut(rows.p_expansion_90d, 10), observed=True)
    ]
    assert np.abs(scores).max() < 3.5


def test_a_longer_horizon_is_never_less_likely(signal: Company) -> None:
    for rows, kind in ((signal.truth, "churn"), (signal.expansion, "expansion")):
        p = rows[[f"p_{kind}_{h}d" for h in HORIZONS]].dropna().to_numpy()
        assert (np.diff(p, axis=1) >= 0).all()
        assert (p >= 0).all()
        assert (p <= 1 + 1e-9).all()


def test_care_keeps() -> None:
    rows = judged()
    # Whom care keeps from leaving may yet be ended for want of payment; that is all it can add.
    assert (rows.alone >= rows.p_churn_90d - 0.002).all()
    assert rows.alone.sum() > 1.05 * rows.p_churn_90d.sum()


def test_outcome_agrees_with_the_subscriptions(signal: Company) -> None:
    """Churn counted again from the table alone, by the words of the contract."""
    rows = signal.tables["subscriptions"][lambda s: ~s.trial]
    starts = rows.groupby("account_id").started_on.apply(list)
    churns: dict[str, list[pd.Timestamp]] = {}
    for end in rows[rows.end_reason.isin(["voluntary", "involuntary"])].itertuples():
        back = [s for s in starts[end.account_id] if 0 <= (s - end.ended_on).days <= 30]
        if not back:
            churns.setdefault(end.account_id, []).append(end.ended_on)
    for row in signal.truth.dropna(subset="churned_90d").itertuples():
        days = [(day - row.as_of).days for day in churns.get(row.account_id, [])]
        assert row.churned_90d == any(0 <= d < 90 for d in days), row


def test_undecided_months_are_missing_whichever_way_they_went(signal: Company) -> None:
    last = signal.truth[signal.truth.churned_90d.notna()].as_of.max()
    assert last == pd.Timestamp("2024-09-01")  # 120 days before 2025-01-01 is 2024-09-03
    assert signal.truth[signal.truth.as_of > last].churned_90d.isna().all()
