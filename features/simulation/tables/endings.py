"""advocacy, exits and churns: who speaks for the product, and who left, why, and by another book."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.frame import frame, look_up
from features.simulation.late import delays
from features.simulation.streams import stream
from features.simulation.tables.activity import Activity
from features.simulation.truth import GRACE, resumptions
from features.simulation.world import World

__all__ = ["advocacy", "churns", "exits"]

ADVOCACY = ("reference", "case_study", "review", "webinar", "referral")
ADVOCACY_SHARE = (0.35, 0.10, 0.30, 0.10, 0.15)
ADVOCACY_A_WEEK = 0.003
EXIT_REASONS = ("onboarding", "bad_fit", "value", "product", "support", "price", "competitor", "closed")
SAYS_WHY = 0.55


def advocacy(world: World, seen: Activity, seed: int) -> pd.DataFrame:
    """Now and then an account speaks up, the more the better it fares; sorted by day."""
    timeline, rng = world.timeline, stream(seed, "advocacy")
    week, account = np.nonzero(rng.random(seen.level.shape) < ADVOCACY_A_WEEK * np.exp(0.9 * seen.level))
    day = week * 7 + rng.integers(0, 7, len(week))
    recorded = day + 0.5 + delays(rng, len(week))
    kind = rng.choice(5, len(week), p=ADVOCACY_SHARE)
    order = np.lexsort((account, day))
    order = order[seen.held(account[order], day[order]) & (recorded[order] < timeline.days)]
    return frame(
        "advocacy",
        timeline,
        {
            "account_id": look_up(world.population.account_id, account[order]),
            "occurred_on": day[order],
            "kind": look_up(ADVOCACY, kind[order]),
            "recorded_at": recorded[order],
        },
    )


def exits(world: World, seed: int) -> pd.DataFrame:
    """What those who left say, some of them, in the fortnight after: mostly what weighed most; sorted by day."""
    lives, timeline, people, state = world.lives, world.timeline, world.population, world.state
    rng, gone = stream(seed, "exits"), np.flatnonzero(np.isin(lives.reason, (1, 2)) & (lives.end < timeline.days))
    account, end, n = lives.account[gone], lives.end[gone], len(gone)
    week = np.minimum(np.minimum(lives.notice[gone], end) // 7, len(state.mood) - 1)
    young = np.maximum(0, 1 - (end - lives.start[gone]) / 150)
    pain = world.hazards.prices.pain(week, lives.start[gone])
    weight = np.stack(
        [
            -1.2 * people.onboarding[account] * young,
            -0.6 * people.fit[account],
            -0.8 * state.mood[week, account],
            1.0 * state.gap[week, account],
            0.7 * state.debt[week, account],
            0.2 + 2 * pain,
            np.full(n, 0.2),
            np.where(lives.reason[gone] == 2, 1.0, -0.5),
        ]
    )
    reason = (weight + 0.5 * rng.gumbel(size=weight.shape)).argmax(axis=0)
    asked = end + rng.integers(0, 14, n)
    recorded = asked + 0.5 + delays(rng, n)
    order = np.lexsort((account, asked))
    order = order[(rng.random(n) < SAYS_WHY)[order] & (recorded[order] < timeline.days)]
    return frame(
        "exits",
        timeline,
        {
            "account_id": look_up(people.account_id, account[order]),
            "asked_on": asked[order],
            "reason": look_up(EXIT_REASONS, reason[order]),
            "recorded_at": recorded[order],
        },
    )


def churns(world: World, seed: int) -> pd.DataFrame:
    """Finance's own book of who is lost, from which those are struck who come back in time; sorted by day."""
    lives, timeline = world.lives, world.timeline
    rng, resumes = stream(seed, "churns"), resumptions(lives)
    recorded = lives.end + 0.5 + delays(rng, len(lives.end))
    struck = (resumes - lives.end <= GRACE) & (resumes < timeline.days)
    lost = np.flatnonzero(np.isin(lives.reason, (1, 2)) & ~struck & (recorded < timeline.days))
    lost = lost[np.lexsort((lives.account[lost], lives.end[lost]))]
    return frame(
        "churns",
        timeline,
        {
            "account_id": look_up(world.population.account_id, lives.account[lost]),
            "churned_on": lives.end[lost],
            "reason": look_up(("voluntary", "involuntary"), lives.reason[lost] - 1),
            "recorded_at": recorded[lost],
        },
    )
