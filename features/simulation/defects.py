"""Bad rows on purpose: a few for every rule of validation, each breaking that rule alone, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from features.simulation.frame import as_text
from features.simulation.spoilt import PLANS, Plan
from features.simulation.streams import stream
from features.simulation.timeline import Timeline

__all__ = ["Defect", "plant"]

EACH = 2  # planted rows a plan


@dataclass(frozen=True, order=True)
class Defect:
    """One planted row.

    Parameters
    ----------
    table : its table.
    row : its place in the written file, from 1, the header not counted.
    rule : the rule that it breaks.
    """

    table: str
    row: int
    rule: str


@dataclass
class _Bad:
    """The rows planted into one table so far, with the rule of each and the text put into its cells."""

    rows: list[pd.DataFrame] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    texts: list[dict[str, str]] = field(default_factory=list)


def plant(
    tables: dict[str, pd.DataFrame], timeline: Timeline, seed: int
) -> tuple[dict[str, pd.DataFrame], tuple[Defect, ...]]:
    """Put spoilt copies of good rows at random places between them.

    A table that gets a value which is none of its type comes back as text, to be written as CSV. A plan that finds no
    row to copy, as may be in a tiny company, plants nothing.

    Returns
    -------
    The tables, those without defects as they were, and what was planted, by table and row.
    """
    rng = stream(seed, "defects")
    bad: dict[str, _Bad] = {}
    for number, plan in enumerate(PLANS):
        rows = tables[plan.table]
        fit = np.flatnonzero(plan.fit(rows, tables, timeline.days))
        into = bad.setdefault(plan.table, _Bad())
        for copy, at in enumerate(rng.choice(fit, size=min(EACH, len(fit)), replace=False)):
            into.rows.append(_spoil(plan, rows.iloc[[at]], tables, f"X{number}{copy}", timeline))
            into.rules.append(plan.rule)
            into.texts.append(plan.text)
    done, defects = dict(tables), []
    for name, found in bad.items():
        if found.rows:
            done[name], places = _mix(name, tables[name], found, rng)
            defects += [Defect(name, place, rule) for place, rule in zip(places, found.rules, strict=True)]
    return done, tuple(sorted(defects))


def _spoil(
    plan: Plan, row: pd.DataFrame, tables: dict[str, pd.DataFrame], name: str, timeline: Timeline
) -> pd.DataFrame:
    """A copy of one row, under a name of its own unless the plan keeps it, changed as planned."""
    spoilt = row.copy()
    at = spoilt.index[0]
    if plan.renames:
        spoilt.loc[at, plan.renames] = name
    until = pd.Timestamp(timeline.start) + pd.Timedelta(days=timeline.days)
    for column, value in plan.spoil(row.iloc[0], tables, until).items():
        spoilt.loc[at, column] = value
    return spoilt


def _mix(name: str, good: pd.DataFrame, bad: _Bad, rng: np.random.Generator) -> tuple[pd.DataFrame, list[int]]:
    """Good and bad rows mixed, and the places of the bad ones from 1."""
    key = np.r_[np.arange(len(good)), len(good) * rng.random(len(bad.rows))]
    order = np.argsort(key, kind="stable")
    mixed = pd.concat([good, *bad.rows], ignore_index=True).iloc[order].reset_index(drop=True)
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    where = places[len(good) :]
    if any(bad.texts):
        mixed = as_text(mixed, name)
        for place, texts in zip(where, bad.texts, strict=True):
            for column, text in texts.items():
                mixed.loc[place, column] = text
    return mixed, [int(place) + 1 for place in where]
