"""subscriptions and entitlements: what was sold, on which terms, and how it ended."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.frame import frame, look_up
from features.simulation.population import PLANS, PRICES
from features.simulation.streams import stream
from features.simulation.timeline import NEVER
from features.simulation.world import REASONS, World

__all__ = ["CORE", "ENTITLED", "FEATURES", "entitlements", "subscriptions"]

FEATURES = ("projects", "tasks", "comments", "search", "reports", "dashboards", "automation", "exports", "api", "sso")
CORE = 3  # the first so many features
ENTITLED = (5, 8, 10)  # so many of the features, by plan
END_REASONS = (*REASONS, "superseded")


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


def subscriptions(world: World, seed: int) -> pd.DataFrame:
    """One row a period of constant terms, sorted by account and start; nothing from after the observed period."""
    people, timeline, lives, changes = world.population, world.timeline, world.lives, world.changes
    n_lives = len(lives.start)
    account = np.concatenate([lives.account, changes.account])
    begins = np.concatenate([lives.start, changes.day])
    opens = np.concatenate([np.arange(n_lives), np.full(len(changes.day), -1)])  # the contract a row opens
    # A contract that comes back resumes the seats and plan that were had last.
    seats = np.concatenate([np.full(n_lives, -1), changes.seats])
    plan = np.concatenate([np.full(n_lives, -1), changes.plan])
    order = np.lexsort((begins, account))
    account, begins, opens, seats, plan = (a[order] for a in (account, begins, opens, seats, plan))
    for at in range(len(account)):
        if seats[at] < 0:
            again = at > 0 and account[at - 1] == account[at]
            seats[at] = seats[at - 1] if again else people.seats[account[at]]
            plan[at] = plan[at - 1] if again else people.plan[account[at]]
    life = opens[np.maximum.accumulate(np.where(opens >= 0, np.arange(len(opens)), 0))]
    followed = np.r_[life[1:] == life[:-1], False]
    ends = np.where(followed, np.r_[begins[1:], NEVER], lives.end[life])
    reason = np.where(followed, len(REASONS), lives.reason[life])
    notice = np.where(followed, NEVER, lives.notice[life])
    term = people.term[account]
    _, renews = timeline.anniversaries(lives.start[life], begins, term)
    price = seats * PRICES[plan] * people.discount[account]

    tried = np.flatnonzero(people.trial_ends < NEVER)
    trial_reason = np.where(people.trial_ends == people.start, len(REASONS), REASONS.index("completed"))[tried]
    m = len(tried)
    account, begins = np.concatenate([account, tried]), np.concatenate([begins, people.first_use[tried]])
    ends = np.concatenate([ends, people.trial_ends[tried]])
    reason, notice = np.concatenate([reason, trial_reason]), np.concatenate([notice, np.full(m, NEVER)])
    renews, term = np.concatenate([renews, np.full(m, NEVER)]), np.concatenate([term, np.ones(m, dtype=np.int64)])
    seats, plan = np.concatenate([seats, people.seats[tried]]), np.concatenate([plan, people.plan[tried]])
    price = np.concatenate([price, np.zeros(m)])
    trial = np.r_[np.zeros(len(account) - m, bool), np.ones(m, bool)]

    order = np.lexsort((begins, account))
    order = order[begins[order] < timeline.days]
    numbers = np.sort(stream(seed, "subscriptions").choice(9_000_000, size=len(order), replace=False)) + 1_000_000
    ended = ends < timeline.days
    return frame(
        "subscriptions",
        timeline,
        {
            "subscription_id": pd.array(np.char.add("SUB", numbers.astype(str)), dtype="str"),
            "account_id": look_up(people.account_id, account[order]),
            "plan": look_up(PLANS, plan[order]),
            "started_on": begins[order],
            "ended_on": np.where(ended, ends, NEVER)[order],
            "end_reason": look_up(END_REASONS, np.where(ended, reason, -1)[order]),
            "renews_on": renews[order],
            "term_months": term[order],
            "seats": seats[order],
            "mrr": np.round(price[order], 2),
            "currency": ["USD"] * len(order),
            "notice_on": np.where(notice < timeline.days, notice, NEVER)[order],
            "trial": trial[order],
        },
    )
