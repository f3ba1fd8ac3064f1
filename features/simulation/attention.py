"""How likely an account is to be reached in a week, given its hidden state: what future touches are drawn from.

The CSMs go by what is recorded, and what will be recorded in a possible future is not played out. A logistic curve,
fitted on the weeks that were played, stands for it: how often accounts in such a hidden state were reached.

Measured over 16 companies of 1,500 accounts and 30 months: 17,783 churns within 90 days where 18,015 were expected, 1.2
standard errors; among accounts in recorded trouble on that day, which are reached more often than the curve says,
5,701 and 5,881, or 2 standard errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulation.desk import TOUCH_MODELS
from features.simulation.latent import State, engagement
from features.simulation.world import World

__all__ = ["Attention", "fit_attention"]

Floats = NDArray[np.float32]

SETTLED_DAYS = 84  # from then on a fall of use can be seen
NEW_DAYS = 60
SAMPLE = 300_000
MOVING = ("level", "level if settled", "debt", "failed", "gap")
FIXED = ("unheard", "settled", "new")


@dataclass(frozen=True)
class Attention:
    """Coefficients of the log odds: by touch model, of what stays as it is, and of what moves with the state."""

    model: Floats
    fixed: Floats
    moving: Floats

    def standing(self, world: World, account: NDArray[np.int64], week: NDArray[np.int64], age: NDArray) -> Floats:
        """The part of the log odds that no chance moves, (m,); never touched: minus infinity.

        Parameters
        ----------
        age : days since the contract began.
        """
        desk = world.desk
        facts = _fixed(desk.unheard[account], week, age)
        odds = self.model[desk.touch_model[account]] + facts @ self.fixed
        return np.where(desk.control[account] | (age < -6), -np.inf, odds).astype(np.float32)

    def probability(self, standing: Floats, settled: Floats, state: State, level: Floats) -> Floats:
        """Of being reached in this week; `standing` and `settled` broadcast against the state."""
        a, b, c, d, e = self.moving
        odds = standing + (a + b * settled) * level + c * state.debt + d * state.failed + e * state.gap
        return 1 / (1 + np.exp(-odds))


def settled(week: NDArray[np.int64], age: NDArray) -> Floats:
    """1 where use can be compared with that of earlier weeks."""
    return ((week >= SETTLED_DAYS // 7) & (age > SETTLED_DAYS)).astype(np.float32)


def _fixed(unheard: Floats, week: NDArray[np.int64], age: NDArray) -> Floats:
    return np.stack([unheard, settled(week, age), (age < NEW_DAYS).astype(np.float32)], axis=-1)


def fit_attention(world: World) -> Attention:
    """Fit the curve by Newton's method on the account-weeks under contract, outside the control arm."""
    lives, people, desk, record = world.lives, world.population, world.desk, world.recorded
    week, account = np.nonzero(world.alive & ~desk.control)
    stride = 1 + len(week) // SAMPLE
    week, account = week[::stride], account[::stride]
    life = lives.running(account, record.touch_day[week, account].astype(np.int64))
    week, account, life = week[life >= 0], account[life >= 0], life[life >= 0]
    if len(week) < 200:
        return Attention(np.full(len(TOUCH_MODELS), -3, np.float32), np.zeros(3, np.float32), np.zeros(5, np.float32))
    state, age = world.state.take((week, account)), week * 7 - lives.start[life]
    level = engagement(state, people.fit[account].astype(np.float32))
    moving = np.stack([level, level * settled(week, age), state.debt, state.failed, state.gap], axis=-1)
    model = np.eye(len(TOUCH_MODELS), dtype=np.float32)[desk.touch_model[account]]
    facts = np.concatenate([model, _fixed(desk.unheard[account], week, age), moving], axis=1).astype(np.float64)
    reached = record.answered[week, account]
    beta = np.zeros(facts.shape[1])
    beta[: len(TOUCH_MODELS)] = -3
    ridge = 1e-2 * np.eye(len(beta))
    for _ in range(12):
        p = 1 / (1 + np.exp(-(facts @ beta)))
        slope = facts.T @ (reached - p) - ridge @ (beta - np.r_[np.full(4, -3.0), np.zeros(len(beta) - 4)])
        move = np.linalg.solve((facts * (p * (1 - p))[:, None]).T @ facts + ridge, slope)
        beta = beta + np.clip(move, -2, 2)
        if np.abs(move).max() < 1e-6:
            break
    split = beta.astype(np.float32)
    return Attention(split[:4], split[4:7], split[7:])
