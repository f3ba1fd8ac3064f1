"""What is true per account and month start: probabilities of leaving and growing, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulation.attention import fit_attention
from features.simulation.contracts import BOUND_DAYS, Lives
from features.simulation.forecast import GROWTH, HORIZONS, forecast
from features.simulation.hazards import NULL_CHURN, NULL_UPGRADE, OTHER_END, WITHDRAWN
from features.simulation.streams import stream
from features.simulation.terms import Terms
from features.simulation.timeline import NEVER, Days
from features.simulation.world import World

__all__ = ["GRACE", "Truth", "resumptions", "true_outcomes", "what_happened"]

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

GRACE = 30
CHUNK = 600  # rows at a time: the working arrays then stay in the processor's cache


@dataclass(frozen=True)
class Truth:
    """One row per account and month start with an active paid contract, sorted by (as_of, account_id).

    Parameters
    ----------
    churn : account_id, as_of, notice_given, and for each horizon p_churn_<h>d and churned_<h>d (NaN while not fully
        observed).
    growth : account_id, as_of, and for each horizon p_expansion_<h>d and expanded_<h>d (NaN while not fully observed
        and under notice).
    alone : (n,) probability of churn within 90 days without any touch, before or after; NaN under notice.
    churn_error, growth_error : (n,) Monte Carlo standard errors at 90 days; 0 where nothing is drawn.
    """

    churn: pd.DataFrame
    growth: pd.DataFrame
    alone: Floats
    churn_error: Floats
    growth_error: Floats


@dataclass(frozen=True)
class _Rows:
    """The rows, each a contract on a day; `notice` and `end` are those of a notice that stands on it."""

    life: NDArray[np.int64]
    as_of: Days
    notice: Days
    end: Days
    bound: Days

    @property
    def given(self) -> Flags:
        return self.notice < NEVER


def resumptions(lives: Lives) -> Days:
    """(lives,) the day the account's next contract begins, NEVER without one."""
    order = np.lexsort((lives.start, lives.account))
    resumes = np.full(len(lives.start), NEVER)
    same = lives.account[order[1:]] == lives.account[order[:-1]]
    resumes[order[:-1][same]] = lives.start[order[1:][same]]
    return resumes


def true_outcomes(world: World, terms: Terms, seed: int, progress: Callable[[str, float], None] | None = None) -> Truth:
    """Probabilities from the hidden state on each day, and what happened.

    Under notice the probability of churn is that of its not being withdrawn.
    """
    rows, null = _rows(world), world.hazards.null
    n = len(rows.life)
    p, q = np.zeros((n, len(HORIZONS))), np.zeros((n, len(HORIZONS)))
    alone, errors = np.full(n, np.nan), np.zeros((2, n))
    given = rows.given
    p[given], q[given] = _under_notice(rows)[given], np.nan
    free = np.flatnonzero(~given)
    if null:
        p[free], q[free] = _constants()
        alone[free] = p[free, HORIZONS.index(90)]
    elif len(free):
        rng, attention = stream(seed, "truth"), fit_attention(world)
        order = free[np.lexsort((rows.as_of[free], rows.life[free]))]  # months of one contract share its calendar
        for at in range(0, len(order), CHUNK):
            part = order[at : at + CHUNK]
            found = forecast(world, attention, rows.life[part], rows.as_of[part], rows.bound[part], rng)
            p[part], q[part], alone[part] = found.churn, found.growth, found.alone
            errors[0, part], errors[1, part] = found.churn_error, found.growth_error
            if progress is not None:
                progress("forecasting the truth", min(1.0, (at + CHUNK) / len(order)))
    names = _names(world, rows)
    churn, growth = {**names, "notice_given": given}, dict(names)
    for h, horizon in enumerate(HORIZONS):
        churn[f"p_churn_{horizon}d"], growth[f"p_expansion_{horizon}d"] = p[:, h], q[:, h]
        churn[f"churned_{horizon}d"], growth[f"expanded_{horizon}d"] = _happened(world, terms, rows, horizon)
    return Truth(pd.DataFrame(churn), pd.DataFrame(growth), alone, errors[0], errors[1])


def what_happened(world: World, terms: Terms) -> pd.DataFrame:
    """account_id, as_of, churned_90d and expanded_90d of the same rows, without probabilities."""
    rows = _rows(world)
    churned_90d, expanded_90d = _happened(world, terms, rows, 90)
    return pd.DataFrame({**_names(world, rows), "churned_90d": churned_90d, "expanded_90d": expanded_90d})


def _names(world: World, rows: _Rows) -> dict[str, Any]:
    ids = world.population.account_id[world.lives.account[rows.life]]
    return {"account_id": pd.array(ids, dtype="str"), "as_of": world.timeline.dates(rows.as_of)}


def _happened(world: World, terms: Terms, rows: _Rows, horizon: int) -> tuple[Floats, Floats]:
    """Whether each row churned and expanded; NaN while that is not fully observed, and for growth under notice."""
    over, until = rows.as_of + horizon, world.timeline.days
    left = np.where(over + GRACE <= until, _churned(world, rows, horizon), np.nan)
    grew = np.where((over <= until) & ~rows.given, _expanded(world, terms, rows, horizon), np.nan)
    return left, grew


def _rows(world: World) -> _Rows:
    """Every account and month start with an active paid contract, by (as_of, account)."""
    lives, kept = world.lives, world.withdrawals
    month_starts, every = world.timeline.month_starts(), np.arange(len(lives.start))
    as_of, life = np.repeat(month_starts, len(every)), np.tile(every, len(month_starts))
    active = (lives.start[life] < as_of) & (lives.end[life] >= as_of)
    as_of, life = as_of[active], life[active]
    order = np.lexsort((lives.account[life], as_of))
    as_of, life = as_of[order], life[order]
    given = lives.notice[life] < as_of
    notice, end = np.where(given, lives.notice[life], NEVER), np.where(given, lives.end[life], NEVER)
    bound = lives.bound[life].copy()
    # Of notices that were withdrawn, the last one before as_of: it stands, or has bound the account.
    if len(kept.account):
        order = np.lexsort((kept.notice, kept.account))
        key = kept.account[order] * (4 * NEVER) + kept.notice[order]
        found = np.searchsorted(key, lives.account[life] * (4 * NEVER) + as_of) - 1
        last = order[found]
        mine = (found >= 0) & (kept.account[last] == lives.account[life]) & (kept.notice[last] >= lives.start[life])
        stands = mine & (kept.day[last] >= as_of) & ~given
        notice, end = np.where(stands, kept.notice[last], notice), np.where(stands, kept.end[last], end)
        bound = np.where(mine & ~stands, np.maximum(bound, kept.day[last] + BOUND_DAYS), bound)
    return _Rows(life, as_of, notice, end, bound)


def _under_notice(rows: _Rows) -> Floats:
    """(n, horizons) probability that a notice which stands is not withdrawn, and its end comes in time.

    Who will withdraw does so on a day drawn evenly from those between notice and end.
    """
    between = np.maximum(rows.end - rows.notice - 1, 1)
    left = np.clip(rows.end - rows.as_of, 0, between)
    later = WITHDRAWN * left / between
    stays = (1 - WITHDRAWN) / ((1 - WITHDRAWN) + later)
    return np.stack([stays * (rows.end < rows.as_of + h) for h in HORIZONS], axis=1)


def _constants() -> tuple[Floats, Floats]:
    """Probabilities at each horizon where every hazard is constant."""
    days = np.array(HORIZONS)
    total = NULL_CHURN + OTHER_END
    with_growth = total + NULL_UPGRADE
    return NULL_CHURN / total * -np.expm1(-days * total), NULL_UPGRADE / with_growth * -np.expm1(-days * with_growth)


def _churned(world: World, rows: _Rows, horizon: int) -> Flags:
    """Whether the contract ended as churn within the horizon and did not resume within the grace period.

    A contract that resumed within it counts on: it may end as churn later.
    """
    lives = world.lives
    resumes = resumptions(lives)
    order = np.lexsort((lives.start, lives.account))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    lost = np.isin(lives.reason, (1, 2)) & (resumes - lives.end > GRACE)
    goes_on = np.isin(lives.reason, (1, 2)) & ~lost
    life, result = rows.life.copy(), np.zeros(len(rows.life), bool)
    open_ = np.ones(len(life), bool)
    for _ in range(6):  # returns in a row within one horizon; more do not happen
        inside = open_ & (lives.end[life] < rows.as_of + horizon)
        result |= inside & lost[life]
        open_ = inside & goes_on[life]
        if not open_.any():
            break
        life = np.where(open_, order[np.minimum(place[life] + 1, len(order) - 1)], life)
    return result


def _expanded(world: World, terms: Terms, rows: _Rows, horizon: int) -> Flags:
    """Whether the contract's MRR reached 1.1 times what it was before as_of, within the horizon."""
    lives = world.lives
    now = terms.mrr_on(lives.account[rows.life], rows.as_of - 1)
    first = np.searchsorted(terms.account * (4 * NEVER) + terms.begin + NEVER, _key(lives, rows), side="left")
    result, open_ = np.zeros(len(first), bool), np.ones(len(first), bool)
    at = first
    while open_.any():
        here = np.minimum(at, len(terms.life) - 1)
        open_ &= (at < len(terms.life)) & (terms.life[here] == rows.life)
        open_ &= terms.begin[here] < rows.as_of + horizon
        result |= open_ & (terms.mrr[here] >= GROWTH * now - 1e-9)
        at = at + 1
    return result


def _key(lives: Lives, rows: _Rows) -> NDArray[np.int64]:
    return lives.account[rows.life] * (4 * NEVER) + rows.as_of + NEVER
