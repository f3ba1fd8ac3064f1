"""Worlds played without their tables, for tests of what goes on in them."""

import datetime as dt

import numpy as np

from features.simulation.desk import Desk, draw_desk
from features.simulation.options import Options
from features.simulation.population import draw_population
from features.simulation.terms import Terms, lay_out
from features.simulation.timeline import Timeline
from features.simulation.world import World, play

START = dt.date(2023, 1, 1)


def both_worlds(
    seed: int, accounts: int = 500, months: int = 18, options: Options | None = None, skill: float | None = None
) -> tuple[World, World]:
    """A world with touches and the same one without; every CSM has the given skill where one is given."""
    options = options or Options()
    timeline = Timeline(START, months)
    people = draw_population(accounts, timeline, seed)
    desk = draw_desk(people, timeline, seed, options)
    if skill is not None:
        desk = Desk(**{**vars(desk), "skill": np.full(len(desk.skill), skill)})
    with_touches = play(people, desk, timeline, seed, options)
    return with_touches, play(people, desk, timeline, seed, options, touches=False)


def kept_at_the_end(world: World) -> np.ndarray:
    """(n,) whether each account is a customer on the last day."""
    terms: Terms = lay_out(world)
    n = len(world.population)
    return terms.at(np.arange(n), np.full(n, world.timeline.days - 1)) >= 0
