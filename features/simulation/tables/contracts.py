"""subscriptions and entitlements: what was sold, on which terms, and how it ended."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.contracts import REASONS
from features.simulation.frame import frame, look_up
from features.simulation.late import delays
from features.simulation.population import PLANS
from features.simulation.streams import stream
from features.simulation.terms import Terms
from features.simulation.timeline import NEVER
from features.simulation.world import World

__all__ = ["CORE", "ENTITLED", "FEATURES", "entitlements", "subscriptions"]

FEATURES = ("projects", "tasks", "comments", "search", "reports", "dashboards", "automation", "exports", "api", "sso")
CORE = 3  # the first so many features
ENTITLED = (5, 8, 10)  # so many of the features, by plan
END_REASONS = (*REASONS, "superseded")
CURRENCY = "USD"


def entitlements() -> pd.DataFrame:
    """Which plan includes which feature; the same for every company."""
    pairs = [(p, f) for p in range(len(PLANS)) for f in range(ENTITLED[p])]
    limits = {(0, FEATURES.index("exports")): 20.0, (1, FEATURES.index("exports")): 100.0}
    return pd.DataFrame(
        {
            "plan": pd.array([PLANS[p] for p, _ in pairs], dtype="str"),
            "feature": pd.array([FEATURES[f] for _, f in pairs], dtype="str"),
            "core": [f < CORE for _, f in pairs],
            "monthly_limit": [limits.get(pair, np.nan) for pair in pairs],
        }
    )


def subscriptions(world: World, terms: Terms, seed: int) -> pd.DataFrame:
    """One row a period of constant terms, sorted by account and start; nothing from after the observed period.

    Ends and changes are written down late now and then: an end that stands nowhere yet is not in the table.
    """
    people, timeline, lives, kept = world.population, world.timeline, world.lives, world.withdrawals
    account, begins, life = terms.account, terms.begin, terms.life
    ends = terms.end
    reason = np.where(terms.last, lives.reason[life], len(REASONS))
    notice = np.where(terms.last, lives.notice[life], NEVER)
    withdrawn = np.full(len(account), NEVER)
    held = terms.at(kept.account, kept.notice)
    notice[held], withdrawn[held] = kept.notice, kept.day
    term = people.term[account]
    _, renews = timeline.anniversaries(lives.start[life], begins, term)

    tried = np.flatnonzero((people.trial_ends < NEVER) & (people.first_use < timeline.days))
    trial_reason = np.where(people.trial_ends == people.start, len(REASONS), REASONS.index("completed"))[tried]
    m, k = len(account), len(tried)
    account, begins = np.concatenate([account, tried]), np.concatenate([begins, people.first_use[tried]])
    ends, reason = np.concatenate([ends, people.trial_ends[tried]]), np.concatenate([reason, trial_reason])
    notice, withdrawn, renews = (np.concatenate([a, np.full(k, NEVER)]) for a in (notice, withdrawn, renews))
    term = np.concatenate([term, np.ones(k, np.int64)])
    seats, plan = np.concatenate([terms.seats, people.seats[tried]]), np.concatenate([terms.plan, people.plan[tried]])
    price = np.concatenate([terms.mrr, np.zeros(k)])
    trial = np.r_[np.zeros(m, bool), np.ones(k, bool)]

    order = np.lexsort((begins, account))
    order = order[begins[order] < timeline.days]
    account, begins, ends, reason, notice, withdrawn, renews, term, seats, plan, price, trial = (
        a[order] for a in (account, begins, ends, reason, notice, withdrawn, renews, term, seats, plan, price, trial)
    )
    rng, n = stream(seed, "subscriptions"), len(account)
    numbers = np.sort(rng.choice(9_000_000, size=n, replace=False)) + 1_000_000
    # A first contract is signed on its day; what follows a period is entered together with that period's end.
    entered = begins + rng.random(n) * 0.9
    closed = ends + delays(rng, n)
    follows = np.r_[False, (account[1:] == account[:-1]) & (reason[:-1] == len(REASONS)) & (ends[:-1] == begins[1:])]
    entered[follows] = closed[:-1][follows[1:]]
    told, taken_back = notice + delays(rng, n, longest=5), withdrawn + delays(rng, n, longest=5)
    ended = closed < timeline.days
    said = told < np.minimum(timeline.days, np.where(ends < NEVER, closed, NEVER))
    told = np.minimum(told, np.where(withdrawn < NEVER, taken_back, told))
    back = said & (taken_back < timeline.days)
    known = entered < timeline.days
    rows = frame(
        "subscriptions",
        timeline,
        {
            "subscription_id": pd.array(np.char.add("SUB", numbers.astype(str)), dtype="str"),
            "account_id": look_up(people.account_id, account),
            "plan": look_up(PLANS, plan),
            "started_on": begins,
            "ended_on": np.where(ended, ends, NEVER),
            "end_reason": look_up(END_REASONS, np.where(ended, reason, -1)),
            "renews_on": renews,
            "term_months": term,
            "seats": seats,
            "mrr": price,
            "currency": [CURRENCY] * n,
            "notice_on": np.where(said, notice, NEVER),
            "notice_withdrawn_on": np.where(back, withdrawn, NEVER),
            "trial": trial,
            "recorded_at": entered,
            "ended_on_recorded_at": np.where(ended, closed, np.nan),
            "notice_on_recorded_at": np.where(said, told, np.nan),
            "notice_withdrawn_on_recorded_at": np.where(back, taken_back, np.nan),
        },
    )
    return rows[known].reset_index(drop=True)
