"""The true probability of churn within 90 days, per account and month start, from the hidden state on that day."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulation.hazards import LEAD_DAYS, NULL_CHURN, OTHER_END, RETURN_IN_GRACE, SEGMENT_RISK
from features.simulation.latent import Shocks, State, draw_shocks, step
from features.simulation.streams import stream
from features.simulation.timeline import NEVER, Days
from features.simulation.world import World

__all__ = ["GRACE", "HORIZON", "describe", "true_churn"]

Floats = NDArray[np.float32]

HORIZON = 90
GRACE = 30
PAIRS = 32  # antithetic pairs of futures a row
CHUNK = 600  # rows at a time: the working arrays then stay in the processor's cache


def true_churn(
    world: World, seed: int, progress: Callable[[str, float], None] | None = None
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """One row per account and month start with an active paid contract, and each row's Monte Carlo error.

    Returns
    -------
    truth : account_id, as_of, p_churn_90d, notice_given, churned_90d (NaN while not fully observed); sorted by
        (as_of, account_id).
    error : (n,) standard error of p_churn_90d.

    Notes
    -----
    Only hidden states are drawn. Given a future of them the probability of churn is exact, day by day: the
    decision's probability times that of an end inside the horizon (Rao-Blackwell).
    """
    lives, timeline = world.lives, world.timeline
    month_starts, every = timeline.month_starts(), np.arange(len(lives.start))
    as_of, life = np.repeat(month_starts, len(every)), np.tile(every, len(month_starts))
    active = (lives.start[life] < as_of) & (lives.end[life] >= as_of)
    as_of, life = as_of[active], life[active]
    order = np.lexsort((lives.account[life], as_of))
    as_of, life = as_of[order], life[order]
    notice = lives.notice[life] < as_of
    p, error = np.ones(len(life)), np.zeros(len(life))
    if world.hazards.null:
        total = NULL_CHURN + OTHER_END
        p[:] = NULL_CHURN / total * -np.expm1(-HORIZON * total)
    else:
        rng = stream(seed, "truth")
        rows = np.flatnonzero(~notice)
        for at in range(0, len(rows), CHUNK):
            chunk = rows[at : at + CHUNK]
            p[chunk], error[chunk] = _forward(world, life[chunk], as_of[chunk], rng)
            if progress is not None:
                progress("forecasting the truth", min(1.0, (at + CHUNK) / len(rows)))
    account = lives.account[life]
    truth = pd.DataFrame(
        {
            "account_id": pd.array(world.population.account_id[account], dtype="str"),
            "as_of": timeline.dates(as_of),
            "p_churn_90d": p,
            "notice_given": notice,
            "churned_90d": np.where(as_of + HORIZON + GRACE <= timeline.days, _churned(world, life, as_of), np.nan),
        }
    )
    return truth, error


def _churned(world: World, life: NDArray[np.int64], as_of: Days) -> NDArray[np.float64]:
    """Whether the contract ended as churn within the horizon and did not resume within the grace period."""
    lives = world.lives
    order = np.lexsort((lives.start, lives.account))
    resumes = np.full(len(lives.start), NEVER)
    same = lives.account[order[1:]] == lives.account[order[:-1]]
    resumes[order[:-1][same]] = lives.start[order[1:][same]]
    lost = np.isin(lives.reason, (1, 2)) & (resumes - lives.end > GRACE)
    return (lost[life] & (lives.end[life] < as_of + HORIZON)).astype(float)


def _forward(
    world: World, life: NDArray[np.int64], as_of: Days, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard error over futures of the probability of churn in `[as_of, as_of + 90)`."""
    lives, people, hazards = world.lives, world.population, world.hazards
    account, start = lives.account[life], lives.start[life]
    wide = (len(life), 2 * PAIRS)
    week = as_of // 7
    logged = world.state.take((week, account))
    state = State(**{name: np.repeat(column[:, None], wide[1], axis=1) for name, column in vars(logged).items()})
    fit = people.fit[account].astype(np.float32)[:, None]
    onboarding = people.onboarding[account].astype(np.float32)[:, None]
    risk = SEGMENT_RISK[people.segment[account]][:, None]
    card = people.card[account][:, None]
    _, anchor_day = world.timeline.parts(start)
    bill_day = world.timeline.billing_days(world.timeline.weeks + HORIZON // 7 + 2)

    steps = HORIZON // 7 + 2
    days = week[:, None] * 7 + np.arange(steps * 7)
    calendar = hazards.calendar(start, people.term[account], days)
    may = (days >= as_of[:, None]) & (days < as_of[:, None] + HORIZON) & (days >= lives.bound[life][:, None])
    last_lead = as_of[:, None] + HORIZON - 1 - days  # a longer lead ends after the horizon
    span = LEAD_DAYS[1] - LEAD_DAYS[0] + 1
    drawn_in_time = np.clip((last_lead - LEAD_DAYS[0] + 1) / span, 0, 1)
    in_time = np.where(calendar.lead > 0, calendar.lead <= last_lead, drawn_in_time)
    stays_away = np.float32(1 - RETURN_IN_GRACE)
    counts = (calendar.notice * in_time + (1 - calendar.notice) * stays_away).astype(np.float32)

    alive, churned = np.ones(wide, np.float32), np.zeros(wide, np.float32)
    for i in range(steps):
        if i:
            billed_on = bill_day[week + i - 1, anchor_day]
            billed = ((billed_on < NEVER) & (billed_on >= start))[:, None]
            state, _ = step(state, _antithetic(draw_shocks(rng, (wide[0], PAIRS))), card, billed)
        age = ((week + i) * 7 - start)[:, None]
        voluntary = hazards.voluntary(state, fit, onboarding, age, risk)
        involuntary = hazards.involuntary(state)
        other = involuntary + np.float32(OTHER_END)
        for day in range(i * 7, i * 7 + 7):
            on = may[:, day, None]
            if not on.any():
                continue
            chosen = voluntary * calendar.weight[:, day, None]
            total = (chosen + other) * on
            gone = -np.expm1(-total) * alive
            part = chosen * counts[:, day, None] + involuntary * stays_away
            churned += gone * (part / (chosen + other))
            alive -= gone
    pairs = churned.reshape(wide[0], PAIRS, 2).mean(axis=2, dtype=np.float64)
    return pairs.mean(axis=1), pairs.std(axis=1, ddof=1) / np.sqrt(PAIRS)


def _antithetic(half: Shocks) -> Shocks:
    """Each future beside its mirror image, neighbours in the last axis: their errors largely cancel."""

    def mirrored(values: Floats, other: Floats) -> Floats:
        return np.stack([values, other], axis=-1).reshape(len(values), -1)

    one = np.float32(1 - 2**-24)  # keeps the mirrored uniform inside [0, 1)
    return Shocks(
        mirrored(half.mood, -half.mood),
        *(mirrored(u, one - u) for u in (half.incident, half.champion, half.card)),
    )


def describe(truth: pd.DataFrame, error: NDArray[np.float64], null: bool) -> str:
    """The text of truth/README.md, with the measured error of the probabilities."""
    drawn = error[~truth["notice_given"].to_numpy()]
    if null:
        how = "Every active account has the same constant hazard, so the probability is exact.\n"
    else:
        how = (
            f"Measured Monte Carlo standard error of `p_churn_90d` over {len(drawn)} rows without notice: "
            f"mean {drawn.mean():.5f}, 95th percentile {np.quantile(drawn, 0.95):.5f}, "
            f"largest {drawn.max():.5f} (mean probability {truth['p_churn_90d'].mean():.4f}). "
            f"{2 * PAIRS} futures of the hidden state a row, in antithetic pairs; given a future, the "
            "probability is exact.\n"
        )
    return f"""# What is true of this made-up company

`churn.parquet` has one row per account and first day of a month inside the history, while the account has an
active paid subscription. It is for judging models, never for training them.

| column | means |
| --- | --- |
| account_id | the account |
| as_of | the day the row speaks from, a date |
| p_churn_90d | probability that a voluntary or involuntary end falls into [as_of, as_of + {HORIZON}) and the \
account does not return within {GRACE} days, given its hidden state on that day; 1 where notice was given |
| notice_given | notice was given before as_of: outside the cohort |
| churned_90d | what happened: 1 or 0; empty where as_of + {HORIZON} + {GRACE} lies after the observed period |

{how}"""
