"""users: the people of each account, with dated versions of their role and department."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.frame import frame, look_up
from features.simulation.streams import stream
from features.simulation.team import ROLES
from features.simulation.timeline import NEVER
from features.simulation.world import World

__all__ = ["users"]

DEPARTMENTS = ("operations", "sales", "marketing", "finance", "product", "support")
MOVES_A_YEAR = 0.08  # to another department
RISES_A_YEAR = 0.04  # a member becomes an admin or a decision maker


def users(world: World, seed: int) -> pd.DataFrame:
    """The table, sorted by user_id and day of the version; a user has one version or two."""
    them, timeline = world.recorded.people, world.timeline
    rng, n = stream(seed, "departments"), len(them.account)
    department = rng.integers(0, len(DEPARTMENTS), n)
    other = (department + rng.integers(1, len(DEPARTMENTS), n)) % len(DEPARTMENTS)
    rises = (ROLES.index("member") == them.role) & (rng.random(n) < RISES_A_YEAR / (RISES_A_YEAR + MOVES_A_YEAR))
    higher = rng.integers(1, 3, n)
    wait = 365 / (RISES_A_YEAR + MOVES_A_YEAR) * rng.exponential(size=n)
    day = np.maximum(them.created, 0) + 1 + np.floor(wait).astype(np.int64)
    moved = np.flatnonzero(day < np.minimum(them.deactivated, timeline.days))
    user = np.r_[np.arange(n), moved]
    later = np.r_[np.zeros(n, bool), np.ones(len(moved), bool)]
    rows = frame(
        "users",
        timeline,
        {
            "user_id": look_up(them.user_id, user),
            "account_id": look_up(world.population.account_id, them.account[user]),
            "created_on": them.created[user],
            "role": look_up(ROLES, np.where(later & rises[user], higher[user], them.role[user])),
            "department": look_up(DEPARTMENTS, np.where(later & ~rises[user], other[user], department[user])),
            "deactivated_on": np.where(them.deactivated[user] < NEVER, them.deactivated[user], NEVER),
            "valid_from": np.where(later, day[user], them.created[user]),
        },
    )
    return rows.sort_values(["user_id", "valid_from"], ignore_index=True)
