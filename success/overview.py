"""Overview: a book in; health by segment, stage and CSM, and of everyone, out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.feature import DIMENSIONS
from features.settings import Settings
from success.book import bands_of, numbers, records, status_in, texts
from success.health import display
from success.phrases import LEAST_POINTS, counted, money, percent, points

__all__ = ["GROUPS", "health_by", "overview"]

GROUPS = {"segment": "segment", "stage": "stage", "csm": "csm_id"}
"""What health is told by, and the book's column of it."""


def health_by(book: pd.DataFrame, settings: Settings, by: str | None = None) -> pd.DataFrame:
    """Health of the customers that have one, by group, the most monthly revenue first.

    Parameters
    ----------
    by : one of `GROUPS`; one row of everyone without it.

    Returns
    -------
    group (None for accounts without one), accounts, mrr, mrr_at_risk, mean_health and median_health (exact, not
    clipped, so that mean_health - 50 is the sum over dimensions of their means - 50), mean_<dimension>, accounts_<band>
    and mrr_<band> (shares of the group's accounts and revenue), change_7d and change_7d_customer (means over
    `compared` accounts with a health of last week), compared.
    """
    health = numbers(book, "health")
    known = ~np.isnan(health) & ~status_in(book, "churned")
    mrr, bands = np.nan_to_num(numbers(book, "mrr")), bands_of(book, settings.health.bands, settings.health.edges)
    week = health - numbers(book, "health_7d")
    frame: dict[str, Any] = {"accounts": np.ones(len(book)), "mrr": mrr, "health": health}
    frame["mrr_at_risk"] = numbers(book, "mrr_at_risk")
    frame |= {f"mean_{name}": numbers(book, f"health_{name}") for name in DIMENSIONS}
    for place, band in enumerate(settings.health.bands):
        frame[f"accounts_{band}"], frame[f"mrr_{band}"] = (bands == place) * 1.0, (bands == place) * mrr
    frame |= {"change_7d": week, "compared": (~np.isnan(week)) * 1.0}
    frame["change_7d_customer"] = np.where(np.isnan(week), np.nan, numbers(book, "change_7d_customer"))
    whose = np.full(len(book), "", dtype=object) if by is None else texts(book, GROUPS[by])
    codes, names = pd.factorize(whose[known], sort=True)
    groups = pd.DataFrame(frame)[known].groupby(np.where(codes < 0, len(names), codes))
    sums, means = groups.sum(min_count=1), groups.mean()
    told: dict[str, Any] = {"accounts": sums["accounts"].astype(int), "mrr": sums["mrr"]}
    told["mrr_at_risk"] = sums["mrr_at_risk"]
    told |= {"mean_health": means["health"], "median_health": groups["health"].median()}
    told |= {f"mean_{name}": means[f"mean_{name}"] for name in DIMENSIONS}
    for band in settings.health.bands:
        told[f"accounts_{band}"] = means[f"accounts_{band}"]
        told[f"mrr_{band}"] = sums[f"mrr_{band}"] / sums["mrr"].where(sums["mrr"] > 0)
    told |= {"change_7d": means["change_7d"], "change_7d_customer": means["change_7d_customer"]}
    told["compared"] = sums["compared"].astype(int)
    table = pd.DataFrame(told)
    of = [None if by is None or code >= len(names) else names[code] for code in table.index]
    table.insert(0, "group", pd.Series(of, index=table.index, dtype=object))
    return table.sort_values("mrr", ascending=False, kind="stable", ignore_index=True)


def overview(book: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    """`health_by` of everyone and of each of `GROUPS`, as JSON can say it, with one line about everyone."""
    everyone = records(health_by(book, settings))
    line = _line(everyone[0], settings) if everyone else "No account has a health."
    churned = status_in(book, "churned")
    left_out = {
        "without_health": int((np.isnan(numbers(book, "health")) & ~churned).sum()),
        "churned": int(churned.sum()),
    }
    groups = {name: records(health_by(book, settings, name)) for name in GROUPS}
    return {
        "line": line,
        "overall": everyone[0] if everyone else None,
        **groups,
        "bands": list(settings.health.bands),
        "left_out": left_out,
        "notes": [],
    }


def _line(row: dict[str, Any], settings: Settings) -> str:
    n, worst = row["accounts"], settings.health.bands[0]
    health, in_worst, paid = display(row["median_health"]), row[f"accounts_{worst}"], row[f"mrr_{worst}"]
    if n == 1:
        text = f"The account with a health pays {money(row['mrr'])} a month; its health is {health} of 100"
        text += f", which is {'' if in_worst else 'not '}{worst}"
    else:
        text = f"{counted(n, 'account')} with a health pay {money(row['mrr'])} a month; their median health is {health}"
        money_of = "" if paid is None else f" with {percent(paid)} of the revenue"
        text += f" of 100, and {percent(in_worst)} of them{money_of} are {worst}"
    if row["change_7d"] is None:
        return f"{text}; there is no health of last week to compare with."
    if abs(row["change_7d"]) < LEAST_POINTS:
        return f"{text}; on average it has hardly moved in a week."
    way = "risen" if row["change_7d"] > 0 else "fallen"
    return f"{text}; on average it has {way} by {points(row['change_7d'])} in a week."
