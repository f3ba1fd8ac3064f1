"""Without signal nothing observed tells those who leave within 90 days from those who stay."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from features.simulation import Company, simulate
from features.simulation.desk import draw_desk
from features.simulation.options import Options
from features.simulation.population import draw_population
from features.simulation.timeline import Timeline
from features.simulation.world import play

HAZARD = 0.02 / 30.44


def observed(company: Company) -> pd.DataFrame:
    """Simple facts of each account known before each month start, and whether it left within 90 days."""
    tables = company.tables
    truth = company.truth.dropna(subset="churned_90d")
    parts = []
    for as_of, rows in truth.groupby("as_of"):
        if as_of < pd.Timestamp("2023-03-01"):
            continue
        usage = tables["usage"]
        before = usage[(usage.day < as_of) & (usage.day >= as_of - pd.Timedelta(days=56))]
        late = before[before.day >= as_of - pd.Timedelta(days=28)].groupby("account_id").events.sum()
        early = before[before.day < as_of - pd.Timedelta(days=28)].groupby("account_id").events.sum()
        at = as_of.tz_localize("UTC")
        pays = tables["payments"]
        failed = pays[~pays.succeeded & (pays.attempted_at < at) & (pays.attempted_at >= at - pd.Timedelta(days=60))]
        tickets = tables["tickets"]
        asked = tickets[(tickets.opened_at < at) & (tickets.opened_at >= at - pd.Timedelta(days=90))]
        surveys = tables["surveys"]
        said = surveys[(surveys.kind == "nps") & (surveys.recorded_at < at)].groupby("account_id").score.mean()
        recent = surveys[(surveys.recorded_at < at) & (surveys.recorded_at >= at - pd.Timedelta(days=180))]
        users = tables["users"]
        gone = users[(users.role == "champion") & (users.deactivated_on < as_of)].groupby("account_id").size()
        subscriptions = tables["subscriptions"]
        terms = subscriptions[(subscriptions.started_on < as_of) & ~subscriptions.trial]
        terms = terms.sort_values("started_on").groupby("account_id").last()
        name = rows.account_id
        facts = pd.DataFrame({"account_id": name, "left": rows.churned_90d})
        used = np.log1p(name.map(late).fillna(0))
        facts["trend"] = used - np.log1p(name.map(early).fillna(0))
        facts["failed_payments"] = name.map(failed.groupby("account_id").size()).fillna(0)
        facts["tickets"] = name.map(asked.groupby("account_id").size()).fillna(0)
        facts["nps"] = name.map(said)
        facts["answers"] = name.map(recent.groupby("account_id").size()).fillna(0)
        facts["newcomers"] = name.map(
            users[(users.created_on < as_of) & (users.created_on >= as_of - pd.Timedelta(days=90))]
            .groupby("account_id")
            .size()
        ).fillna(0)
        facts["champions_gone"] = name.map(gone).fillna(0)
        facts["annual"] = (name.map(terms.term_months) == 12).astype(float)
        facts["seats"] = np.log(name.map(terms.seats))
        facts["use"] = used - facts.seats  # per seat
        since = (as_of - name.map(terms.started_on)).dt.days
        facts["tenure"] = np.log(since)
        facts["to_renewal"] = np.where(facts.annual == 1, -since % 365, np.nan)
        parts.append(facts)
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def facts(null: Company) -> pd.DataFrame:
    return observed(null)


def z_score(facts: pd.DataFrame, name: str) -> float:
    """Covariance of a fact with leaving, in standard errors, with an account's months taken together."""
    rows = facts.dropna(subset=name)
    value, left = rows[name], rows.left
    terms = ((value - value.mean()) / value.std() * (left - left.mean())).groupby(rows.account_id).sum()
    return float(terms.sum() / np.sqrt((terms**2).sum()))


FACTS = (
    *("use", "trend", "failed_payments", "tickets", "nps", "answers"),
    *("newcomers", "champions_gone", "annual", "seats", "tenure", "to_renewal"),
)


@pytest.mark.parametrize("name", FACTS)
def test_nothing_known_before_tells_who_leaves(facts: pd.DataFrame, name: str) -> None:
    assert facts.left.sum() > 500
    assert abs(z_score(facts, name)) < 3


def test_the_same_test_finds_the_signal() -> None:
    """The tolerance can fail: a company with signal fails it on use and on what its users say."""
    facts = observed(simulate(accounts=800, months=20, seed=13))
    assert z_score(facts, "use") < -3
    assert z_score(facts, "nps") < -3


def test_the_hazard_is_the_constant() -> None:
    """Each day an account is active is one more chance to leave, at one rate, whatever its term and plan."""
    timeline = Timeline(dt.date(2023, 1, 1), 24)
    lost, expected = np.zeros((2, 3)), np.zeros((2, 3))
    for seed in range(10, 20):
        people = draw_population(1000, timeline, seed)
        options = Options(null=True)
        lives = play(people, draw_desk(people, timeline, seed, options), timeline, seed, options, touches=False).lives
        left = np.isin(lives.reason, (1, 2)) & (lives.end < timeline.days)
        days = np.minimum(lives.end, timeline.days) - np.maximum(lives.start + 1, 0)
        group = (people.term[lives.account] == 12).astype(int), people.plan[lives.account]
        np.add.at(lost, group, left)
        np.add.at(expected, group, HAZARD * np.maximum(days, 0))
    assert expected.min() > 150
    assert np.abs((lost - expected) / np.sqrt(expected)).max() < 3.5


def test_nobody_gives_notice_and_the_truth_is_one_number(null: Company) -> None:
    assert null.tables["subscriptions"].notice_on.isna().all()
    assert not null.truth.notice_given.any()
    p = null.truth.p_churn_90d
    assert p.nunique() == 1
    # A merger may come first; without any the number would be 1 - exp(-90 hazard).
    assert 0.99 < p.iloc[0] / -np.expm1(-90 * HAZARD) < 1


def test_expansion_is_one_constant_too(null: Company) -> None:
    rows = null.tables["subscriptions"][lambda s: ~s.trial].sort_values(["account_id", "started_on"])
    before = rows.groupby("account_id")[["mrr", "end_reason"]].shift()
    ratio = (rows.mrr / before.mrr)[before.end_reason == "superseded"]
    assert len(ratio) > 150
    assert (ratio >= 1.1).all()
    until = pd.Timestamp("2025-01-01")
    days = (rows.ended_on.fillna(until) - rows.started_on.clip(lower=pd.Timestamp("2023-01-01"))).dt.days
    for _, part in rows.groupby([rows.term_months, rows.plan]):
        grown = (part.end_reason == "superseded").sum()
        expected = 0.015 / 30.44 * days[part.index].sum()
        assert abs(grown - expected) < 3.5 * np.sqrt(expected)


def test_same_people_with_and_without_signal() -> None:
    """What is drawn by other streams is drawn alike, so a later concern moves no earlier one."""
    one, two = simulate(50, 3, seed=1), simulate(50, 3, seed=1, null=True)
    columns = ["account_id", "created_on", "segment", "industry", "sold_on", "name", "touch_model"]
    first, second = (c.tables["accounts"].drop_duplicates("account_id", ignore_index=True) for c in (one, two))
    pd.testing.assert_frame_equal(first[columns], second[columns])
