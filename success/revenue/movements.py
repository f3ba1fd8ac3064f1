"""Movements: what accounts pay on each day in; what came, grew, shrank and left, which adds up to the cent, out."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from features.ledger import Ledger
from success.metric import Definition

__all__ = ["DEFINITIONS", "MOVEMENTS", "events_of", "movement_of", "movements"]

MOVEMENTS = (
    "new",
    "expansion",
    "contraction",
    "churn_voluntary",
    "churn_involuntary",
    "ended",
    "paused",
    "resumed",
    "reactivation",
    "transferred_in",
    "transferred_out",
)
"""What MRR moves by between opening and closing."""

_SUM = "opening + " + " + ".join(MOVEMENTS) + " = closing"
DEFINITIONS = (
    Definition(
        "opening", "MRR at the start", "sum of MRR on the day before the period", "money", "MRR of all accounts"
    ),
    Definition("new", "New", "sum of MRR won", "money", "first MRR above 0 that an account ever has"),
    Definition("expansion", "Expansion", "sum of rises", "money", "rises of MRR of accounts that pay already"),
    Definition("contraction", "Contraction", "sum of falls", "money", "falls of MRR of accounts that go on"),
    Definition(
        "churn_voluntary", "Churn, voluntary", "sum of MRR lost", "money", "MRR of accounts that left and chose to"
    ),
    Definition(
        "churn_involuntary",
        "Churn, involuntary",
        "sum of MRR lost",
        "money",
        "MRR of accounts that left because payments failed or the like",
    ),
    Definition(
        "ended",
        "Ended",
        "sum of MRR that ended",
        "money",
        "MRR of accounts that completed or merged, which is no churn",
    ),
    Definition(
        "paused", "Paused", "sum of MRR that paused", "money", "MRR that ended and was back within the grace period"
    ),
    Definition(
        "resumed", "Resumed", "sum of MRR that resumed", "money", "MRR of accounts back within the grace period"
    ),
    Definition(
        "reactivation", "Reactivation", "sum of MRR won back", "money", "MRR of accounts back after the grace period"
    ),
    Definition(
        "transferred_in", "Transferred in", "sum of MRR taken over", "money", "MRR of accounts that joined the group"
    ),
    Definition(
        "transferred_out", "Transferred out", "sum of MRR handed over", "money", "MRR of accounts that left the group"
    ),
    Definition("closing", "MRR at the end", _SUM, "money", "MRR of all accounts on the last day"),
)


def events_of(ledger: Ledger, steps: pd.DataFrame) -> pd.DataFrame:
    """Every change of an account's MRR or group, each on its day.

    What an account pays on a day differs from the day before by one movement. An end is dated by the last day's end of
    the subscriptions. It is paused where the account is back within the grace period and then resumed; otherwise it is
    churn or ended, by why it ended, and a later return is a reactivation. The first MRR above 0 is new, however long
    the account was a customer for nothing. Who changes groups takes the MRR of the day before along, and what changes
    on that day changes in the new group; who leaves on that day leaves the old one.

    Parameters
    ----------
    steps : of `success.revenue.groups.grouped_steps`.

    Returns
    -------
    Columns account_id, day (datetime64[us]), group, movement (of MOVEMENTS), cents (int64, what is lost below 0; never
    0).
    """
    all_steps = _in_periods(ledger, steps)
    before = all_steps.groupby("account_id").shift()
    after = all_steps.groupby("account_id").shift(-1)
    follows = before["until_on"] == all_steps["from_on"]
    goes_on = after["from_on"] == all_steps["until_on"]
    accounts = all_steps["account_id"]
    ever = all_steps["cents"].gt(0).groupby(accounts).cummax().groupby(accounts).shift(fill_value=False)
    first = (all_steps["cents"] > 0) & ~ever
    held = before["cents"].fillna(0).astype("int64")
    moved = follows & (before["group"] != all_steps["group"])

    delta = all_steps["cents"] - held.where(follows, 0)
    stays = np.where(delta > 0, "expansion", "contraction")
    comes = np.where(before["began_on"] == all_steps["began_on"], "resumed", "reactivation")
    comes = np.where(all_steps["cents"] > 0, comes, "contraction")
    named = np.where(first, "new", np.where(follows, stays, comes))
    ends = all_steps["until_on"].notna() & ~goes_on
    parts = (
        _part(all_steps, "from_on", named, delta),
        _part(all_steps[moved], "from_on", "transferred_in", held[moved]),
        _part(all_steps[moved].assign(group=before["group"][moved]), "from_on", "transferred_out", -held[moved]),
        _part(all_steps[ends], "until_on", _ended(all_steps, after)[ends], -all_steps["cents"][ends]),
    )
    events = pd.concat(parts, ignore_index=True)
    return events[events["cents"] != 0].sort_values(["account_id", "day"], kind="stable").reset_index(drop=True)


def _in_periods(ledger: Ledger, steps: pd.DataFrame) -> pd.DataFrame:
    """The steps with the customer period in which they lie: began_on and end_reason."""
    periods = ledger.periods[["account_id", "began_on", "end_reason"]].sort_values("began_on", kind="stable")
    found = pd.merge_asof(
        steps.sort_values("from_on", kind="stable"), periods, left_on="from_on", right_on="began_on", by="account_id"
    )
    return found.sort_values(["account_id", "from_on"]).reset_index(drop=True)


def _ended(steps: pd.DataFrame, after: pd.DataFrame) -> pd.Series:
    """What the end of each step is where nothing goes on."""
    churned = steps["end_reason"].isin(["voluntary", "involuntary"])
    named = ("churn_" + steps["end_reason"].astype("str")).where(churned, "ended")
    return named.mask(after["began_on"] == steps["began_on"], "paused")


def _part(steps: pd.DataFrame, day: str, movement: str | np.ndarray | pd.Series, cents: pd.Series) -> pd.DataFrame:
    columns = {"account_id": steps["account_id"], "day": steps[day], "group": steps["group"]}
    return pd.DataFrame(columns).assign(movement=movement, cents=cents.astype("int64"))


def movements(steps: pd.DataFrame, events: pd.DataFrame, start: dt.date, until: dt.date) -> pd.DataFrame:
    """What MRR moved by on the days `[start, until)`, by group, in cents.

    opening and closing are counted from the steps, of the day before start and of the day before until; that the
    movements lead from one to the other is for a test to hold.

    Returns
    -------
    Indexed by group (sorted; those that had MRR or movements): opening, each of MOVEMENTS, closing (int64).
    """
    inside = (events["day"] >= pd.Timestamp(start)) & (events["day"] < pd.Timestamp(until))
    found = events[inside].groupby(["group", "movement"])["cents"].sum().unstack(fill_value=0)
    found = found.reindex(columns=list(MOVEMENTS), fill_value=0)
    for name, day in (("opening", start), ("closing", until)):
        at = pd.Timestamp(day) - pd.Timedelta(days=1)
        covering = steps[(steps["from_on"] <= at) & ~(steps["until_on"] <= at)]
        found = found.join(covering.groupby("group")["cents"].sum().rename(name), how="outer")
    found = found.fillna(0).astype("int64").rename_axis(index="group", columns=None).sort_index()
    return found[["opening", *MOVEMENTS, "closing"]]


def movement_of(row: pd.Series) -> dict[str, float]:
    """A row of `movements` in money."""
    return {str(name): int(cents) / 100 for name, cents in row.items()}
