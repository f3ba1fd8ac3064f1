"""Origins: a dataset and a day in; several stretches of days known by then, each with what it may learn from, out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from features.errors import TenureError
from training.dataset import Dataset, Labelled
from training.plan import Plan, events_by_day

__all__ = ["Origin", "cut_origins", "untouched"]

_MOST, _FEWEST = 4, 2


@dataclass(frozen=True)
class Origin:
    """One stretch of days to forecast.

    Parameters
    ----------
    train : rows whose labels were known on the first day of the stretch.
    held : the rows of the stretch.
    """

    train: Labelled
    held: Labelled


def untouched(plan: Plan) -> dt.date | None:
    """The day before which a search must have stopped looking: the first day that any holdout of the plan begins on.

    A recipe chosen by what happened in a holdout would be judged on what it was chosen by. None where no horizon is
    validated in time, so that there is no such day.
    """
    return min((blocks.holdout[0] for blocks in plan.blocks.values()), default=None)


def cut_origins(
    dataset: Dataset, outcome: str, horizon: int, before: dt.date, needed: tuple[int, int, int]
) -> list[Origin]:
    """Up to four stretches of days, one after the other and with about as many events each.

    Parameters
    ----------
    before : no label is used that was not known by then.
    needed : distinct accounts to which it happened; the first number to learn from, the last one to be judged on.

    Raises
    ------
    TenureError : not even two stretches hold enough events, with the numbers.
    """
    labelled = dataset.at(outcome, horizon)
    gap = dt.timedelta(labelled.gap_days)
    days = [day for day in labelled.as_ofs if day + gap <= before]
    by_day = events_by_day(labelled)
    best = 0
    usable: list[dt.date] = []
    for place, day in enumerate(days):
        found = labelled.on([known for known in days[:place] if known + gap <= day]).events
        best = max(best, found)
        if found >= needed[0]:
            usable = days[place:]
            break
    if not usable:
        raise TenureError(
            f"There is too little to search for a recipe at {horizon} days: {best} of {needed[0]} accounts with the "
            f"event were known to learn from before the days that were known by {before}; bring more history."
        )
    weakest = 0
    for count in range(_MOST, _FEWEST - 1, -1):
        stretches = _even([by_day[day] for day in usable], count)
        cut = [labelled.on([usable[place] for place in stretch]) for stretch in stretches]
        weakest = min(held.events for held in cut) if cut else 0
        if len(cut) == count and weakest >= needed[2]:
            return [Origin(labelled.on([d for d in days if d + gap <= held.as_ofs[0]]), held) for held in cut]
    raise TenureError(
        f"There is too little to search for a recipe at {horizon} days: of {_FEWEST} stretches of time known by "
        f"{before} one holds {weakest} of {needed[2]} accounts with the event; bring more history."
    )


def _even(events: list[float], count: int) -> list[list[int]]:
    """The places of consecutive days in `count` stretches with about as many events each, none of them empty."""
    if len(events) < count:
        return []
    middle = np.cumsum(events) - np.asarray(events) / 2
    stretch = np.minimum((middle / max(sum(events), 1e-12) * count).astype(int), count - 1)
    found = [np.flatnonzero(stretch == number).tolist() for number in range(count)]
    return found if all(found) else []
