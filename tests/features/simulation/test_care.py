"""CSMs: who looks after whom, whom they touch and why, and what that is worth beside a world without it."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from features.simulation import Company, simulate
from features.simulation.options import Options
from features.simulation.terms import lay_out
from tests.features.simulation.worlds import both_worlds, kept_at_the_end

UNTIL = pd.Timestamp("2025-01-01")
FAR = pd.Timestamp("2100-01-01")


@cache
def pairs() -> list:
    return [both_worlds(seed, accounts=700, months=24) for seed in range(200, 206)]


def test_every_day_under_contract_has_one_csm(signal: Company) -> None:
    rows = signal.tables["assignments"].sort_values(["account_id", "from_on"])
    following = rows.groupby("account_id").from_on.shift(-1)
    assert (rows.to_on.fillna(FAR)[following.notna()] <= following.dropna()).all()
    days = (rows.to_on.fillna(UNTIL) - rows.from_on).dt.days
    looked_after = days.groupby(rows.account_id).sum()
    paid = signal.tables["subscriptions"][lambda s: ~s.trial]
    served = (paid.ended_on.fillna(UNTIL) - paid.started_on).dt.days.groupby(paid.account_id).sum()
    # An end is written down later in one table than in the other now and then, and then not yet at all.
    assert (looked_after - served).abs().le(21).all()
    assert (looked_after == served).mean() > 0.98
    assert rows.groupby("account_id").csm_id.nunique().gt(1).sum() > 30


def test_touches_are_made_by_who_looks_after_the_account(signal: Company) -> None:
    touches, held = signal.tables["touches"], signal.tables["assignments"]
    touches = touches.assign(day=touches.occurred_at.dt.tz_localize(None)).sort_values("day")
    found = pd.merge_asof(
        touches, held.sort_values("from_on"), left_on="day", right_on="from_on", by="account_id", suffixes=("", "_held")
    )
    assert len(found) > 1000
    assert (found.csm_id == found.csm_id_held).all()
    assert (found.to_on.isna() | (found.day < found.to_on)).all()


def test_the_control_arm_is_never_touched(signal: Company) -> None:
    arms = signal.tables["arms"]
    control = set(arms[arms.arm == "control"].account_id)
    assert 0.06 < len(control) / len(arms) < 0.18
    assert not set(signal.tables["touches"].account_id) & control
    assert not arms.account_id.duplicated().any()
    same = signal.counterfactual[signal.counterfactual.account_id.isin(control)]
    assert (same.mrr == same.mrr_without).all()
    others = signal.counterfactual[~signal.counterfactual.account_id.isin(control)]
    assert (others.mrr != others.mrr_without).any()


def test_touches_go_mostly_to_accounts_in_recorded_trouble() -> None:
    world, _ = pairs()[0]
    record = world.recorded
    may = world.alive & ~world.desk.control
    in_trouble, quiet = record.tried[may & record.trouble].mean(), record.tried[may & ~record.trouble].mean()
    assert record.trouble[record.tried].mean() > 0.5
    assert in_trouble > 3 * quiet > 0.05


def test_without_skill_the_two_worlds_are_one() -> None:
    world, without = both_worlds(7, accounts=300, months=12, skill=0.0)
    assert world.recorded.answered.sum() > 500
    for name, column in vars(world.lives).items():
        np.testing.assert_array_equal(column, getattr(without.lives, name), name)
    np.testing.assert_array_equal(lay_out(world).mrr, lay_out(without).mrr)


def test_touches_keep_accounts_and_grow_them() -> None:
    saved, grown = [], []
    for world, without in pairs():
        saved.append(kept_at_the_end(world).sum() - kept_at_the_end(without).sum())
        grown.append(len(world.changes.day) - len(without.changes.day))
    assert min(saved) > 0
    assert np.mean(saved) > 15
    assert np.mean(grown) > 0


def test_the_more_skilled_keep_more() -> None:
    """What a book keeps beyond the world without touches rises with its CSM's skill, on average over seeds."""
    skill, saved = [], []
    for world, without in pairs():
        middle = world.desk.csm[world.timeline.weeks // 2]
        skill.append(world.desk.skill[middle][~world.desk.control])
        saved.append((kept_at_the_end(world).astype(int) - kept_at_the_end(without))[~world.desk.control])
    talent, worth = np.concatenate(skill), np.concatenate(saved)
    low, high = worth[talent < 0.75], worth[talent > 1.25]
    error = np.sqrt(low.var() / len(low) + high.var() / len(high))
    assert high.mean() - low.mean() > 3 * error


def test_nobody_who_stays_without_touches_leaves_for_them() -> None:
    """Common random numbers: a first contract lasts at least as long with touches as without, but for payments."""
    world, without = pairs()[1]
    first, bare = ({a: i for i, a in reversed(list(enumerate(w.lives.account)))} for w in (world, without))
    shorter = [a for a in first if world.lives.end[first[a]] < without.lives.end[bare[a]]]
    unpaid = [a for a in shorter if world.lives.reason[first[a]] == 2]
    assert len(shorter) - len(unpaid) <= 0.01 * len(first)


def test_equal_skill_moves_nothing_but_skill() -> None:
    one, two = simulate(60, 8, seed=3), simulate(60, 8, seed=3, equal_skill=True)
    assert (two.skills.skill == 1).all()
    assert one.skills.skill.nunique() > 1
    for name in ("accounts", "assignments", "arms"):
        columns = ["account_id"]
        assert one.tables[name][columns].drop_duplicates().equals(two.tables[name][columns].drop_duplicates())
    assert one.skills.csm_id.equals(two.skills.csm_id)


def test_what_nobody_records_draws_touches_and_drives_away() -> None:
    world, without = both_worlds(8, accounts=1500, months=18, options=Options(hidden_confounding=True))
    unheard = world.desk.unheard
    touched = world.recorded.tried[:, ~world.desk.control].sum(axis=0)
    assert np.corrcoef(touched, unheard[~world.desk.control])[0, 1] > 0.15
    lost = without.lives.account[without.lives.reason == 1]
    assert unheard[lost].mean() > 0.2
    plain, _ = both_worlds(8, accounts=50, months=6)
    assert (plain.desk.unheard == 0).all()


def test_skills_add_up_to_the_difference_between_the_worlds(signal: Company) -> None:
    rows, skills = signal.counterfactual, signal.skills
    assert skills.mrr_months_saved.sum() == pytest.approx((rows.mrr - rows.mrr_without).sum(), abs=1)
    assert (skills.skill.between(0, 2)).all()
    assert skills.touches_answered.sum() > 500


def test_mrr_of_this_world_is_the_subscriptions(signal: Company) -> None:
    paid = signal.tables["subscriptions"][lambda s: ~s.trial]
    rows = signal.counterfactual[signal.counterfactual.as_of <= UNTIL - pd.Timedelta(days=31)]
    for as_of, part in rows.groupby("as_of"):
        eve = as_of - pd.Timedelta(days=1)
        held = paid[(paid.started_on <= eve) & (paid.ended_on.isna() | (paid.ended_on > eve))]
        expected = part.account_id.map(held.set_index("account_id").mrr).fillna(0.0)
        np.testing.assert_allclose(part.mrr, expected)


def test_growth_is_what_the_subscriptions_say(signal: Company) -> None:
    paid = signal.tables["subscriptions"][lambda s: ~s.trial]
    rows = signal.expansion.dropna(subset="expanded_90d")
    rows = rows[rows.as_of <= UNTIL - pd.Timedelta(days=120)].merge(
        signal.counterfactual[["account_id", "as_of", "mrr"]], on=["account_id", "as_of"]
    )
    later = rows.reset_index().merge(paid, on="account_id", suffixes=("", "_then"))
    later = later[(later.started_on >= later.as_of) & (later.started_on < later.as_of + pd.Timedelta(days=90))]
    grown = set(later[later.mrr_then >= 1.1 * later.mrr - 1e-9]["index"])
    said = set(rows.index[rows.expanded_90d == 1])
    back = paid.groupby("account_id").end_reason.apply(set)
    # Accounts that came back with more are not growth; nobody else may differ.
    returned = {i for i in grown ^ said if back[rows.account_id[i]] & {"voluntary", "involuntary"}}
    assert len(said) > 100
    assert grown ^ said == returned
    assert len(returned) < 0.05 * len(said)
