"""accounts and milestones: who the customers are, how they grow, and how they got started."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.desk import TOUCH_MODELS
from features.simulation.frame import frame, look_up
from features.simulation.late import delays
from features.simulation.population import SEGMENTS
from features.simulation.streams import stream
from features.simulation.tables.activity import Activity
from features.simulation.tables.names import FIRST, FORM, SECOND
from features.simulation.timeline import NEVER
from features.simulation.world import World

__all__ = ["accounts", "milestones"]

INDUSTRIES = ("software", "retail", "health", "education", "finance", "manufacturing", "logistics", "media")
REGIONS = ("north_america", "europe", "asia_pacific", "latin_america")
SELLERS = tuple(f"S{i:02}" for i in range(1, 9))
PLAN = (
    ("kickoff", "onboarding", 7),
    ("first_project", "onboarding", 30),
    ("team_trained", "onboarding", 60),
    ("go_live", "live", 45),
    ("first_goal", "goal", 180),
)
OUTGROWS = np.array([18, 55, NEVER])  # seats from which an account belongs to the next segment


def accounts(world: World, seen: Activity, seed: int) -> pd.DataFrame:
    """Accounts created inside the observed period or before it, with a dated version each time they grow.

    The numbers of employees follow the seats; an account that outgrows its segment is moved to the next one.
    """
    people, timeline, terms = world.population, world.timeline, seen.terms
    rng, n = stream(seed, "accounts"), len(people)
    words = rng.permutation(len(FIRST) * len(SECOND) * len(FORM))[np.arange(n) % 9600]
    first, rest = np.divmod(words, len(SECOND) * len(FORM))
    second, form = np.divmod(rest, len(FORM))
    names = np.array([f"{FIRST[a]} {SECOND[b]} {FORM[c]}" for a, b, c in zip(first, second, form, strict=True)])
    sold = people.start < timeline.days
    seller = rng.integers(0, 8, n)
    industry, region = rng.integers(0, len(INDUSTRIES), n), rng.choice(4, size=n, p=(0.45, 0.35, 0.13, 0.07))
    heads = np.ceil(people.seats * np.exp(1.2 + 0.7 * rng.normal(size=n)))
    strategic = rng.random(n) < np.array([0.01, 0.06, 0.30])[people.segment]

    grown = np.flatnonzero((terms.seats > people.seats[terms.account]) & (terms.begin < timeline.days))
    who = np.r_[np.arange(n), terms.account[grown]]
    ratio = np.r_[np.ones(n), terms.seats[grown] / people.seats[terms.account[grown]]]
    employees = np.ceil(heads[who] * ratio)
    segment = people.segment[who]
    segment = segment + (np.r_[people.seats, terms.seats[grown]] >= OUTGROWS[segment]) * (ratio > 1.3)
    since = np.r_[people.created, terms.begin[grown]]
    order = np.lexsort((since, who))
    order = order[(people.created < timeline.days)[who[order]]]
    who, employees, segment, since = who[order], employees[order], segment[order], since[order]
    # A version that says nothing new is none; a segment, once left behind, is not come back to.
    same = np.r_[False, who[1:] == who[:-1]]
    for at in np.flatnonzero(same):
        segment[at] = max(segment[at], segment[at - 1])
    new = ~same | np.r_[True, (employees[1:] != employees[:-1]) | (segment[1:] != segment[:-1])]
    who, employees, segment, since = who[new], employees[new], segment[new], since[new]
    return frame(
        "accounts",
        timeline,
        {
            "account_id": look_up(people.account_id, who),
            "created_on": people.created[who],
            "name": look_up(names, who),
            "segment": look_up(SEGMENTS, segment),
            "industry": look_up(INDUSTRIES, industry[who]),
            "region": look_up(REGIONS, region[who]),
            "employees": employees,
            "touch_model": look_up(TOUCH_MODELS, world.desk.touch_model[who]),
            "strategic": strategic[who],
            "sold_on": np.where(sold, people.start, NEVER)[who],
            "sold_by": look_up(SELLERS, np.where(sold, seller, -1)[who]),
            "valid_from": since,
        },
    )


def milestones(world: World, seed: int) -> pd.DataFrame:
    """The plan of each account's first contract, made when it was signed; late or never reached where that went badly.

    Onboarding decides about all but the goal, which an account in use of the product reaches more often.
    """
    people, timeline = world.population, world.timeline
    rng, n = stream(seed, "milestones"), len(people)
    due_after = np.array([days for _, _, days in PLAN])
    drive = np.repeat(people.onboarding[:, None], len(PLAN), axis=1)
    drive[:, -1] = 0.7 * people.fit + 0.3 * people.onboarding
    late = np.exp(0.45 * rng.normal(size=(n, len(PLAN))) - 0.5 * drive - 0.1)
    took = np.ceil(due_after * late).astype(np.int64)
    reached = people.start[:, None] + took
    noted = reached + delays(rng, n * len(PLAN), longest=14).reshape(n, len(PLAN))
    first_end = np.full(n, NEVER)
    first_end[world.lives.account[::-1]] = world.lives.end[::-1]  # in order of starts: the first one stays
    never = (took > 3 * due_after) | (reached >= np.minimum(first_end, timeline.days)[:, None])
    never |= noted >= timeline.days
    who, which = np.divmod(np.arange(n * len(PLAN)), len(PLAN))
    rows = frame(
        "milestones",
        timeline,
        {
            "account_id": look_up(people.account_id, who),
            "milestone": look_up(tuple(name for name, _, _ in PLAN), which),
            "kind": look_up(tuple(kind for _, kind, _ in PLAN), which),
            "due_on": (people.start[:, None] + due_after).ravel(),
            "reached_on": np.where(never, NEVER, reached).ravel(),
            "recorded_at": people.start[who] + 9.5 / 24,
            "reached_on_recorded_at": np.where(never, np.nan, noted).ravel(),
        },
    )
    return rows[(people.start < timeline.days)[who]].reset_index(drop=True)
