"""assignments, touches and arms: who looked after whom, what they did, and who was left alone on purpose."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.frame import frame, look_up
from features.simulation.late import delays
from features.simulation.streams import stream
from features.simulation.tables.activity import Activity
from features.simulation.timeline import NEVER
from features.simulation.world import World

__all__ = ["ARMS", "arms", "assignments", "touches"]

ARMS = ("alerts", "control")
KINDS = ("call", "qbr", "email", "training", "onboarding")
IN_TROUBLE = (0.55, 0.02, 0.35, 0.08, 0.0)
IN_QUIET = (0.25, 0.25, 0.40, 0.10, 0.0)
MINUTES = np.array([30.0, 60.0, 5.0, 75.0, 60.0])
INBOUND = 0.12


def assignments(world: World, seed: int) -> pd.DataFrame:
    """One row an account and CSM for as long as both last: through every contract, without gap and overlap.

    A change of hands is entered up to ten days ahead.
    """
    lives, timeline, desk = world.lives, world.timeline, world.desk
    week, account = np.nonzero(desk.csm[1:] != desk.csm[:-1])
    handed_on = 7 * (week + 1)
    life = lives.running(account, handed_on)
    inside = (life >= 0) & (handed_on < timeline.days) & (handed_on > lives.start[life])
    account = np.r_[lives.account, account[inside]]
    begin = np.r_[lives.start, handed_on[inside]]
    life = np.r_[np.arange(len(lives.start)), life[inside]]
    order = np.lexsort((begin, account))
    account, begin, life = account[order], begin[order], life[order]
    followed = np.r_[life[1:] == life[:-1], False]
    end = np.where(followed, np.r_[begin[1:], NEVER], lives.end[life])
    rng, n = stream(seed, "assignments"), len(account)
    handed = np.r_[False, followed[:-1]]
    entered = begin + np.where(handed, -10 * rng.random(n), 0.5 * rng.random(n))
    ended = end + np.where(followed, np.r_[entered[1:] - begin[1:], 0], delays(rng, n, longest=7))
    known = ended < timeline.days
    return frame(
        "assignments",
        timeline,
        {
            "account_id": look_up(world.population.account_id, account),
            "csm_id": look_up(desk.csm_id, desk.csm[np.maximum(begin, 0) // 7, account]),
            "from_on": begin,
            "to_on": np.where(known, end, NEVER),
            "recorded_at": entered,
            "to_on_recorded_at": np.where(known, ended, np.nan),
        },
    )


def touches(world: World, seen: Activity, seed: int) -> pd.DataFrame:
    """Every attempt to reach an account, sorted by time; those that were answered are those that help."""
    timeline, desk, record = world.timeline, world.desk, world.recorded
    rng = stream(seed, "touch details")
    week, account = np.nonzero(record.tried)
    n, answered, trouble = len(week), record.answered[week, account], record.trouble[week, account]
    day = record.touch_day[week, account].astype(np.int64)
    occurred = day + (9 + 8 * rng.random(n)) / 24
    new = day - world.population.start[account] < 60
    kind = np.where(trouble, rng.choice(5, n, p=IN_TROUBLE), rng.choice(5, n, p=IN_QUIET))
    kind = np.where(new & (rng.random(n) < 0.6), KINDS.index("onboarding"), kind)
    inbound = answered & (rng.random(n) < INBOUND)
    skill = desk.skill_in(week, account)
    pleased = np.clip(np.rint(3.3 + 0.5 * skill + 0.4 * seen.level[week, account] + 0.7 * rng.normal(size=n)), 1, 5)
    says = answered & (rng.random(n) < 0.15)
    recorded = occurred + delays(rng, n, longest=14)
    order = np.lexsort((account, occurred))
    order = order[recorded[order] < timeline.days]
    rows = frame(
        "touches",
        timeline,
        {
            "account_id": look_up(world.population.account_id, account),
            "csm_id": look_up(desk.csm_id, desk.csm[week, account]),
            "occurred_at": occurred,
            "kind": look_up(KINDS, kind),
            "direction": look_up(("out", "in"), inbound.astype(np.int64)),
            "answered": answered,
            "minutes": np.where(answered, np.rint(MINUTES[kind] * np.exp(0.3 * rng.normal(size=n))), 1.0),
            "proactive": ~trouble & ~inbound,
            "satisfaction": np.where(says, pleased, np.nan),
            "recorded_at": recorded,
        },
    )
    return rows.iloc[order].reset_index(drop=True)


def arms(world: World, seed: int) -> pd.DataFrame:
    """The arm of each account from its first contract or the first day of the history on."""
    people, timeline = world.population, world.timeline
    who = np.flatnonzero(people.start < timeline.days)
    begin = np.maximum(people.start[who], 0)
    return frame(
        "arms",
        timeline,
        {
            "account_id": look_up(people.account_id, who),
            "arm": look_up(ARMS, world.desk.control[who].astype(np.int64)),
            "from_on": begin,
            "to_on": np.full(len(who), NEVER),
            "recorded_at": begin + 0.2,
        },
    )
