"""Change: accounts on two scored days in; what of the change of their health each cause made, out.

With h(x, c, T) the health that today's model gives features x in the segment and stage c where the tables T are there,
the way from the earlier day (0) to today (1) has four legs:

- model: from the health that was told then to h(x0, c0, T0), which is what today's model says of that day;
- customer: to h(xh, c0, T0), where xh is x1 but for the features of tables that came, went or stopped, which stay as
  they were;
- data: to h(x1, c0, T1), those features and tables as they are now;
- stage: to h(x1, c1, T1), what is usual in the new segment and stage instead of the old one.

Health leaves out when the renewal falls, so the calendar is no leg of it; its own points change beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from features.contract import CONTRACT
from features.feeds import fed_by
from success.gauge import Gauge
from success.health import Health
from training.own import Own

__all__ = ["Change", "Day", "Earlier", "absent_features", "change_of", "earlier_health", "features_of_data"]


@dataclass(frozen=True)
class Day:
    """n accounts on a scored day; everything is in the same order.

    Parameters
    ----------
    rows : features.
    segments, stages : (n,) what each was compared with.
    stale : (n,) whether usage had stopped coming in.
    tables : those that the history had; None where that is not known, which counts as no difference.
    """

    rows: pd.DataFrame
    segments: Sequence[str | None]
    stages: Sequence[str | None]
    stale: np.ndarray
    tables: frozenset[str] | None = None


@dataclass(frozen=True)
class Earlier:
    """What is stored of n accounts on an earlier scored day.

    Parameters
    ----------
    health, calendar : (n,) as they were told then; NaN where there are none.
    same : (n,) whether today's model, on today's scale, told them.
    known : (n,) whether the features of that day are known, as today's model takes them.
    """

    day: Day
    health: np.ndarray
    calendar: np.ndarray
    same: np.ndarray
    known: np.ndarray


class Change(NamedTuple):
    """The change of health of n accounts since an earlier day, in points.

    Attributes
    ----------
    before_now : (n,) health of that day under today's model; NaN where it cannot be told.
    customer, stage, data, model : (n,) they sum to today's health less the one that was told then.
    calendar : (n,) change of the points apart from health that say when the renewal falls, with the data as they were.
    whole : (n,) False where the change could not be told apart; all of it then counts as the model's.
    points : (n, k) the customer's part by feature; NaN where it was not asked for or cannot be told.
    """

    before_now: np.ndarray
    customer: np.ndarray
    stage: np.ndarray
    data: np.ndarray
    model: np.ndarray
    calendar: np.ndarray
    whole: np.ndarray
    points: np.ndarray


def absent_features(tables: frozenset[str] | None) -> frozenset[str]:
    """The features whose tables a history lacks."""
    return frozenset() if tables is None else fed_by(set(CONTRACT) - tables)


def features_of_data(before: frozenset[str] | None, after: frozenset[str] | None, *, stale: bool) -> frozenset[str]:
    """The features that say something else because tables came or went, or because usage has stopped on either day."""
    moved = frozenset() if before is None or after is None else before ^ after
    return fed_by(moved | {"usage"} if stale else moved)


def change_of(gauge: Gauge, earlier: Earlier, after: Day, told: Own, *, explain: bool = False) -> Change:
    """What of the change of health each cause made, see the module.

    Parameters
    ----------
    told : what the model says of today's rows.
    explain : whether the customer's part is wanted by feature; else the model is asked of the earlier day only for
        accounts whose stored health is another model's.
    """
    before = earlier.day
    absent = absent_features(after.tables)
    lost = absent if before.tables is None or after.tables is None else absent_features(before.tables)
    now = gauge.health(told, after.rows, after.segments, after.stages, absent)
    there = gauge.health(told, after.rows, before.segments, before.stages, absent)
    held, settled = _held(gauge, earlier, after, told, lost, there)
    before_now, calendar, own = earlier_health(gauge, earlier, lost, explain=explain)
    whole = settled & np.isfinite(before_now) & np.isfinite(held.health)
    nothing = np.zeros(len(whole))
    return Change(
        before_now,
        customer=np.where(whole, held.health - before_now, nothing),
        stage=np.where(whole, now.health - there.health, nothing),
        data=np.where(whole, there.health - held.health, nothing),
        model=np.where(whole, before_now, now.health) - earlier.health,
        calendar=held.calendar - calendar,
        whole=whole,
        points=np.where(whole[:, None], held.own - own, np.nan),
    )


def earlier_health(
    gauge: Gauge, earlier: Earlier, no_data: frozenset[str], *, explain: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Health and calendar points of the earlier day under today's model, (n,), and its points by feature, (n, k).

    NaN where they cannot be told; the points by feature also where the model was not asked, which it is for accounts
    whose stored health is another model's, and with `explain` for all.

    Parameters
    ----------
    no_data : features whose tables were not there.
    """
    stands = earlier.same & np.isfinite(earlier.health)
    health, calendar = (np.where(stands, value, np.nan) for value in (earlier.health, earlier.calendar))
    own = np.full((len(stands), len(gauge.scale.names)), np.nan)
    places = np.flatnonzero(earlier.known if explain else earlier.known & ~stands)
    if len(places):
        found = _asked(gauge, earlier.day.rows, earlier.day, places, no_data)
        fresh = ~stands[places]
        health[places[fresh]], calendar[places[fresh]] = found.health[fresh], found.calendar[fresh]
        own[places] = found.own
    return health, calendar, own


def _held(
    gauge: Gauge, earlier: Earlier, after: Day, told: Own, lost: frozenset[str], there: Health
) -> tuple[Health, np.ndarray]:
    """h(xh, c0, T0), and (n,) whether it can be told: what the features were must be known where they are held.

    Parameters
    ----------
    lost : features whose tables were not there then.
    there : h(x1, c0, T1).
    """
    before, known = earlier.day, earlier.known
    held = there
    if lost != absent_features(after.tables):
        held = gauge.health(told, after.rows, before.segments, before.stages, lost)
    settled, differs = np.ones(len(known), dtype=bool), np.zeros(len(known), dtype=bool)
    rows, stale = after.rows, before.stale | after.stale
    for late in (True, False):
        fed = features_of_data(before.tables, after.tables, stale=late) & set(gauge.scale.names)
        if fed and (stale == late).any():
            settled &= known | (stale != late)
            rows, moved = _with(rows, before.rows, sorted(fed), known & (stale == late))
            differs |= moved
    places = np.flatnonzero(differs)
    if not len(places):
        return held, settled
    found = _asked(gauge, rows, before, places, lost)
    health, own, calendar = held.health.copy(), held.own.copy(), held.calendar.copy()
    health[places], own[places], calendar[places] = found.health, found.own, found.calendar
    return held._replace(health=health, own=own, calendar=calendar), settled


def _asked(gauge: Gauge, rows: pd.DataFrame, day: Day, places: np.ndarray, no_data: frozenset[str]) -> Health:
    """The health of some of the rows, in the segments and stages of a day."""
    chosen = rows.iloc[places]
    segments, stages = ([names[i] for i in places.tolist()] for names in (day.segments, day.stages))
    return gauge.health(gauge.told(chosen), chosen, segments, stages, no_data)


def _with(
    rows: pd.DataFrame, others: pd.DataFrame, names: Sequence[str], chosen: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows with some features of others in the chosen ones, and (n,) which of them that changes."""
    mixed, differs = {}, np.zeros(len(rows), dtype=bool)
    for name in names:
        mine, theirs = (
            frame[name].to_numpy() if name in frame.columns else np.full(len(frame), np.nan) for frame in (rows, others)
        )
        differs |= chosen & ~((mine == theirs) | (pd.isna(mine) & pd.isna(theirs)))
        mixed[name] = pd.Series(np.where(chosen, theirs, mine), rows.index)
    return rows.assign(**mixed), differs
