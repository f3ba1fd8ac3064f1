"""accounts and milestones: who the customers are and how they got started."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.frame import frame, look_up
from features.simulation.population import SEGMENTS
from features.simulation.streams import stream
from features.simulation.tables.activity import Activity
from features.simulation.timeline import NEVER
from features.simulation.world import World

__all__ = ["accounts", "milestones"]

FIRST = [
    "Amber",
    "Arctic",
    "Birch",
    "Bright",
    "Cedar",
    "Clear",
    "Coastal",
    "Copper",
    "Coral",
    "Crescent",
    "Delta",
    "Ember",
    "Evergreen",
    "Falcon",
    "Granite",
    "Harbor",
    "Hazel",
    "Highland",
    "Indigo",
    "Iron",
    "Juniper",
    "Lark",
    "Linden",
    "Lunar",
    "Maple",
    "Meridian",
    "Mosaic",
    "North",
    "Oak",
    "Onyx",
    "Orchard",
    "Pebble",
    "Pine",
    "Prairie",
    "Quartz",
    "Raven",
    "River",
    "Saffron",
    "Silver",
    "Summit",
]
SECOND = [
    "Analytics",
    "Apparel",
    "Atlas",
    "Bakery",
    "Bridge",
    "Capital",
    "Clinics",
    "Dynamics",
    "Education",
    "Energy",
    "Farms",
    "Foods",
    "Forge",
    "Foundry",
    "Freight",
    "Gardens",
    "Health",
    "Holdings",
    "Hotels",
    "Insurance",
    "Interiors",
    "Labs",
    "Logistics",
    "Marine",
    "Media",
    "Mills",
    "Mobility",
    "Networks",
    "Optics",
    "Partners",
    "Pharma",
    "Press",
    "Retail",
    "Robotics",
    "Software",
    "Studios",
    "Supply",
    "Systems",
    "Textiles",
    "Works",
]
FORM = ("Ltd", "Inc", "GmbH", "Group", "Co", "AB")
INDUSTRIES = ("software", "retail", "health", "education", "finance", "manufacturing", "logistics", "media")
REGIONS = ("north_america", "europe", "asia_pacific", "latin_america")
TOUCH = ("high", "mid", "low", "tech")
SELLERS = tuple(f"S{i:02}" for i in range(1, 9))
MILESTONES = (("kickoff", "onboarding", 7), ("first_project", "onboarding", 30), ("team_trained", "onboarding", 60))
LIVE = ("go_live", "live", 45)


def accounts(world: World, seed: int) -> pd.DataFrame:
    """Accounts created inside the observed period or before it; attributes never change."""
    people, timeline = world.population, world.timeline
    rng, n = stream(seed, "accounts"), len(people)
    words = rng.permutation(len(FIRST) * len(SECOND) * len(FORM))[np.arange(n) % 9600]
    first, rest = np.divmod(words, len(SECOND) * len(FORM))
    second, form = np.divmod(rest, len(FORM))
    names = [f"{FIRST[a]} {SECOND[b]} {FORM[c]}" for a, b, c in zip(first, second, form, strict=True)]
    sold = people.start < timeline.days
    seller = rng.integers(0, 8, n)
    touch = np.select([people.segment == 2, people.segment == 1], [0, 1], 2 + (rng.random(n) < 0.6))
    rows = frame(
        "accounts",
        timeline,
        {
            "account_id": look_up(people.account_id, np.arange(n)),
            "created_on": people.created,
            "name": names,
            "segment": look_up(SEGMENTS, people.segment),
            "industry": look_up(INDUSTRIES, rng.integers(0, len(INDUSTRIES), n)),
            "region": look_up(REGIONS, rng.choice(4, size=n, p=(0.45, 0.35, 0.13, 0.07))),
            "employees": np.ceil(people.seats * np.exp(1.2 + 0.7 * rng.normal(size=n))),
            "touch_model": look_up(TOUCH, touch),
            "strategic": rng.random(n) < np.array([0.01, 0.06, 0.30])[people.segment],
            "sold_on": np.where(sold, people.start, NEVER),
            "sold_by": look_up(SELLERS, np.where(sold, seller, -1)),
        },
    )
    return rows[people.created < timeline.days].reset_index(drop=True)


def milestones(world: World, seen: Activity, seed: int) -> pd.DataFrame:
    """The plan of each account's first contract; late or never reached where onboarding went badly."""
    people, timeline = world.population, world.timeline
    rng, n = stream(seed, "milestones"), len(people)
    plan = (*MILESTONES, LIVE)
    due_after = np.array([days for _, _, days in plan])
    late = np.exp(0.45 * rng.normal(size=(n, len(plan))) - 0.5 * people.onboarding[:, None] - 0.1)
    took = np.ceil(due_after * late).astype(np.int64)
    reached = people.start[:, None] + took
    never = (took > 3 * due_after) | (reached >= np.minimum(seen.last_end, timeline.days)[:, None])
    who, which = np.divmod(np.arange(n * len(plan)), len(plan))
    rows = frame(
        "milestones",
        timeline,
        {
            "account_id": look_up(people.account_id, who),
            "milestone": look_up(tuple(name for name, _, _ in plan), which),
            "kind": look_up(tuple(kind for _, kind, _ in plan), which),
            "due_on": (people.start[:, None] + due_after).ravel(),
            "reached_on": np.where(never, NEVER, reached).ravel(),
        },
    )
    return rows[(people.start < timeline.days)[who]].reset_index(drop=True)
