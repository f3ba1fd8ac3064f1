"""The same company without a single touch, from the same random numbers, and what each CSM's touches were worth."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.terms import Terms
from features.simulation.truth import Truth, what_happened
from features.simulation.world import World

__all__ = ["compare", "skills"]


def compare(world: World, without: World, terms: Terms, bare: Terms, truth: Truth) -> pd.DataFrame:
    """Both worlds side by side, per account and month start at which it is a customer in one of them.

    Parameters
    ----------
    without, bare : the world without touches, and its terms.

    Returns
    -------
    account_id, as_of, csm_id (who looks after it), mrr, churned_90d, expanded_90d and p_churn_90d, and the same with
    `_without`; by (as_of, account_id). MRR is 0 where the account is no customer, the others are then missing.
    """
    people, timeline, n = world.population, world.timeline, len(world.population)
    starts = timeline.month_starts()
    as_of, account = np.repeat(starts, n), np.tile(np.arange(n), len(starts))
    mrr, mrr_without = terms.mrr_on(account, as_of - 1), bare.mrr_on(account, as_of - 1)
    either = (terms.at(account, as_of - 1) >= 0) | (bare.at(account, as_of - 1) >= 0)
    as_of, account, mrr, mrr_without = as_of[either], account[either], mrr[either], mrr_without[either]
    csm = world.desk.csm[np.clip(as_of // 7, 0, timeline.weeks - 1), account]
    rows = pd.DataFrame(
        {
            "account_id": pd.array(people.account_id[account], dtype="str"),
            "as_of": timeline.dates(as_of),
            "csm_id": pd.array(world.desk.csm_id[csm], dtype="str"),
            "mrr": mrr,
            "mrr_without": mrr_without,
        }
    )
    keys = ["account_id", "as_of"]
    seen = truth.churn[[*keys, "churned_90d", "p_churn_90d"]].assign(
        expanded_90d=truth.growth["expanded_90d"], p_churn_90d_without=truth.alone
    )
    beside = what_happened(without, bare).rename(columns=lambda name: name if name in keys else f"{name}_without")
    rows = rows.merge(seen, on=keys, how="left").merge(beside, on=keys, how="left")
    names = ("churned_90d", "expanded_90d", "p_churn_90d")
    outcomes = [f"{name}{suffix}" for name in names for suffix in ("", "_without")]
    return rows[[*keys, "csm_id", "mrr", "mrr_without", *outcomes]]


def skills(world: World, pairs: pd.DataFrame, terms: Terms, bare: Terms) -> pd.DataFrame:
    """Each CSM's skill and what their touches saved.

    Returns
    -------
    csm_id, skill, accounts (looked after while customers), touches_answered, mrr_months_saved (sum over month starts
    of the MRR that would not have been there, by who looked after the account then), mrr_saved and logos_saved (at
    the end of the history, by who looked after the account when the two worlds first parted).
    """
    desk, timeline, n = world.desk, world.timeline, len(world.population)
    last = np.full(n, timeline.days - 1)
    every = np.arange(n)
    gap = terms.mrr_on(every, last) - bare.mrr_on(every, last)
    logos = (terms.at(every, last) >= 0).astype(int) - (bare.at(every, last) >= 0)
    parted = _first_parting(world, terms, bare)
    holder = desk.csm[np.minimum(parted // 7, timeline.weeks - 1), every]
    c = len(desk.csm_id)
    week, account = np.nonzero(world.recorded.answered)
    reached = np.bincount(desk.csm[week, account], minlength=c)
    months = (pairs["mrr"] - pairs["mrr_without"]).groupby(pairs["csm_id"]).sum()
    looked_after = pairs[pairs["mrr"] > 0].groupby("csm_id")["account_id"].nunique()
    name = pd.Series(desk.csm_id)
    rows = pd.DataFrame(
        {
            "csm_id": pd.array(desk.csm_id, dtype="str"),
            "skill": desk.skill,
            "accounts": name.map(looked_after).fillna(0).astype("int64").to_numpy(),
            "touches_answered": reached.astype("int64"),
            "mrr_months_saved": name.map(months).fillna(0.0).round(2).to_numpy(),
            "mrr_saved": np.bincount(holder, weights=gap, minlength=c).round(2),
            "logos_saved": np.bincount(holder, weights=logos, minlength=c).astype("int64"),
        }
    )
    return rows.sort_values("csm_id", ignore_index=True)


def _first_parting(world: World, terms: Terms, bare: Terms) -> np.ndarray:
    """(n,) the first day on which an account's MRR differs between the worlds, or the last day of the history."""
    timeline, n = world.timeline, len(world.population)
    first = np.full(n, timeline.days - 1)
    edges = [(t.account, day) for t in (terms, bare) for day in (t.begin, t.end)]
    account, day = (np.concatenate(column) for column in zip(*edges, strict=True))
    inside = (day >= 0) & (day < timeline.days)
    account, day = account[inside], day[inside]
    differs = terms.mrr_on(account, day) != bare.mrr_on(account, day)
    np.minimum.at(first, account[differs], day[differs])
    return first
