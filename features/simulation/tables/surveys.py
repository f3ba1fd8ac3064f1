"""surveys: what customers say when asked, and what their CSM makes of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.frame import frame, look_up
from features.simulation.late import delays
from features.simulation.streams import stream
from features.simulation.tables.activity import Activity
from features.simulation.tables.someone import someone
from features.simulation.world import World

__all__ = ["surveys"]

KINDS = ("nps", "csat", "ces", "csm_pulse")
CSAT_A_WEEK, CES_A_WEEK = 0.02, 0.012  # asked of an account
PULSE_EVERY_WEEKS = 4


def surveys(world: World, seen: Activity, seed: int) -> pd.DataFrame:
    """Users asked each quarter (nps) and now and then (csat, ces), and a note of the CSM each month; by response."""
    timeline, them, told = world.timeline, world.recorded.people, world.recorded.answers
    rng, shape = stream(seed, "surveys"), seen.level.shape
    asked = np.stack([rng.random(shape) < CSAT_A_WEEK, rng.random(shape) < CES_A_WEEK])
    kind, week, account = np.nonzero(asked)
    feeling, n = seen.level[week, account], len(week)
    sent = week * 7 + rng.integers(0, 7, n) + 9 / 24
    responded = sent + rng.exponential(1.5, n) + 0.01
    recorded = responded + delays(rng, n, longest=10)
    csat = np.clip(np.rint(4.0 + 0.55 * feeling + 0.8 * rng.normal(size=n)), 1, 5)
    ces = np.clip(np.rint(5.0 + 0.6 * feeling + 1.2 * rng.normal(size=n)), 1, 7)
    answers = rng.random(n) < np.clip(0.36 + 0.10 * feeling, 0.05, 0.8)

    account = np.concatenate([told.account, account[answers]])
    sent = np.concatenate([told.sent, sent[answers]])
    responded = np.concatenate([told.responded, responded[answers]])
    recorded = np.concatenate([told.recorded, recorded[answers]])
    score = np.concatenate([told.score, np.where(kind == 0, csat, ces)[answers]])
    kind = np.concatenate([np.zeros(len(told.account), np.int64), 1 + kind[answers]])
    day = np.floor(sent).astype(np.int64)
    user = someone(rng, them, account, day)
    # Nobody answers one survey twice: a second answer that would be the same person's comes without a name.
    order = np.lexsort((responded, sent, kind, user))
    same = (np.diff(user[order]) == 0) & (np.diff(kind[order]) == 0) & (np.diff(sent[order]) == 0)
    user[order[1:][same]] = -1
    inside = seen.held(account, day) & seen.held(account, np.floor(responded).astype(np.int64))

    pulse = _pulses(world, seen, seed)
    account, sent, responded, recorded, score, kind, user = (
        np.concatenate([customer[inside], csm])
        for customer, csm in zip((account, sent, responded, recorded, score, kind, user), pulse, strict=True)
    )
    known = recorded < timeline.days
    rows = frame(
        "surveys",
        timeline,
        {
            "account_id": look_up(world.population.account_id, account),
            "kind": look_up(KINDS, kind),
            "responded_at": responded,
            "score": score,
            "user_id": look_up(them.user_id, user),
            "sent_at": sent,
            "recorded_at": recorded,
        },
    )[known]
    return rows.sort_values(["responded_at", "account_id", "user_id"], kind="stable", ignore_index=True)


def _pulses(world: World, seen: Activity, seed: int) -> tuple[np.ndarray, ...]:
    """What CSMs think of their accounts, 1 to 5, every four weeks: account, times, score, kind, user."""
    rng, (weeks, n) = stream(seed, "pulse"), seen.level.shape
    turn = (np.arange(weeks)[:, None] + rng.integers(0, PULSE_EVERY_WEEKS, n)) % PULSE_EVERY_WEEKS == 0
    week, account = np.nonzero(turn & (world.desk.touch_model < 3))
    asked = week * 7 + 9 / 24
    responded = asked + 0.1 + 2 * rng.random(len(week))
    score = np.clip(np.rint(3.4 + 0.7 * seen.level[week, account] + 0.9 * rng.normal(size=len(week))), 1, 5)
    recorded = responded + delays(rng, len(week), longest=5)
    inside = seen.held(account, np.floor(responded).astype(np.int64)) & seen.held(account, week * 7)
    kind, user = np.full(len(week), KINDS.index("csm_pulse")), np.full(len(week), -1)
    return tuple(column[inside] for column in (account, asked, responded, recorded, score, kind, user))
