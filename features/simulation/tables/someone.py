"""A user of an account who is there on a day."""

from __future__ import annotations

import numpy as np

from features.simulation.team import People

__all__ = ["someone"]


def someone(rng: np.random.Generator, them: People, account: np.ndarray, day: np.ndarray) -> np.ndarray:
    """A user of each account, one of those who are there on that day; -1 where nobody is.

    Drawn only from those present: one draw from all who ever come would fail more often for accounts that
    still have newcomers ahead of them, and so tell the future.
    """
    first = np.searchsorted(them.account, account)
    count = np.searchsorted(them.account, account, side="right") - first
    request = np.repeat(np.arange(len(account)), count)
    user = np.arange(len(request)) - np.repeat(count.cumsum() - count, count) + first[request]
    there = (them.created[user] <= day[request]) & (them.deactivated[user] > day[request])
    request, user = request[there], user[there]
    order = np.lexsort((rng.random(len(user)), request))
    request, user = request[order], user[order]
    found = np.full(len(account), -1)
    found[request[::-1]] = user[::-1]  # the first of each request is written last
    return found
