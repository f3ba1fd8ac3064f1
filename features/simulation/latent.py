"""The hidden state of an account and how one week moves it; the world and its truth share this one step."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

__all__ = ["CARD_WEEKS", "Happened", "Shocks", "State", "draw_shocks", "engagement", "step"]

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Weeks = NDArray[np.int32]

MOOD_KEEPS = np.float32(0.95)  # AR(1) a week: half of a mood is gone after 13 weeks
MOOD_MOVES = np.float32(np.sqrt(1 - 0.95**2))
INCIDENT_RATE = np.float32(0.014)
DEBT_KEEPS = np.float32(0.93)
CHAMPION_LEAVES = np.float32(0.006)
CHAMPION_FOUND = np.float32(0.03)
GAP_MOVES = np.float32(0.25)
CARD_WEEKS = 156
CARD_DECLINED = np.float32(0.0018)
CARD_RENEWED_EARLY = np.float32(0.12)  # a week, in the last six weeks before it expires
CARD_RENEWED_LATE = np.float32(0.16)  # a week, once it no longer works


@dataclass
class State:
    """Arrays of one shape; what a week begins with and keeps until it ends.

    Parameters
    ----------
    mood : stationary N(0, 1); the part of engagement that comes and goes.
    debt : satisfaction lost to incidents, at least 0.
    champion : somebody in the account pulls for the product.
    gap : 0 to 1, how far the want of a champion has sunk in.
    card_left : weeks the card still works for; negative when it has expired.
    declined : the card is refused for another reason.
    failed : a payment has failed on a card that does not work, and nothing has mended it.
    """

    mood: Floats
    debt: Floats
    champion: Bools
    gap: Floats
    card_left: Weeks
    declined: Bools
    failed: Bools

    @property
    def blocked(self) -> Bools:
        """The card does not work."""
        return (self.card_left < 0) | self.declined

    def take(self, where: tuple[NDArray[np.int64] | slice, ...] | NDArray[np.int64]) -> State:
        """The same state at some positions."""
        return State(**{f.name: getattr(self, f.name)[where] for f in fields(self)})

    def put(self, where: Bools, other: State) -> None:
        """Overwrite, where told, with the same positions of another state."""
        for f in fields(self):
            getattr(self, f.name)[where] = getattr(other, f.name)[where]


@dataclass(frozen=True)
class Shocks:
    """One week's chance: a standard normal and three uniforms on [0, 1)."""

    mood: Floats
    incident: Floats
    champion: Floats
    card: Floats


@dataclass(frozen=True)
class Happened:
    """What one step brought about: incident size (0 for none) and three yes or no."""

    incident: Floats
    champion_left: Bools
    champion_found: Bools
    card_renewed: Bools


def draw_shocks(rng: np.random.Generator, shape: tuple[int, ...]) -> Shocks:
    """Independent shocks for one week."""
    uniform = rng.random((3, *shape), dtype=np.float32)
    return Shocks(rng.standard_normal(shape, dtype=np.float32), uniform[0], uniform[1], uniform[2])


def step(state: State, shocks: Shocks, card: Bools, billed: Bools) -> tuple[State, Happened]:
    """One week on.

    Parameters
    ----------
    state : at the week that ends.
    shocks : of the week that begins.
    card : pays by card.
    billed : an invoice fell due in the week that ends.
    """
    hit = shocks.incident < INCIDENT_RATE
    size = np.where(hit, 0.7 + 1.1 * shocks.incident / INCIDENT_RATE, 0).astype(np.float32)
    left = state.champion & (shocks.champion < CHAMPION_LEAVES)
    found = ~state.champion & (shocks.champion < CHAMPION_FOUND)
    champion = (state.champion & ~left) | found
    blocked = state.blocked
    chance = np.where(blocked, CARD_RENEWED_LATE, np.where(state.card_left <= 6, CARD_RENEWED_EARLY, 0))
    renewed = card & (shocks.card < chance)
    refused = card & (shocks.card > 1 - CARD_DECLINED)
    later = State(
        mood=MOOD_KEEPS * state.mood + MOOD_MOVES * shocks.mood,
        debt=DEBT_KEEPS * state.debt + size,
        champion=champion,
        gap=state.gap + GAP_MOVES * (~champion - state.gap),
        card_left=np.where(renewed, CARD_WEEKS, state.card_left - card),
        declined=(state.declined | refused) & ~renewed,
        failed=(state.failed | (blocked & billed)) & ~renewed,
    )
    return later, Happened(size, left, found, renewed)


def engagement(state: State, fit: Floats) -> Floats:
    """What shows in usage, answers and new users: about N(0, 0.8) in a quiet account."""
    return 0.65 * state.mood + 0.45 * fit - 0.35 * state.debt - 0.7 * state.gap
