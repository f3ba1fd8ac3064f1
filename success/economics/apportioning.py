"""Apportioning: costs and the revenue managed in their months in; what each group's part of the costs is, out."""

from __future__ import annotations

import pandas as pd

__all__ = ["apportioned"]

_DIRECT = {"csm": "csm_id", "segment": "segment"}
"""By what is grouped, the column of a cost that names its group."""
_POOLS = (("csm_id", "segment"), ("segment",), ("csm_id",), ())
"""Whose revenue a cost is divided by: the narrowest that it names and that had revenue in its month."""


def apportioned(costs: pd.DataFrame, revenue: pd.DataFrame, by: str) -> pd.DataFrame:
    """Each cost divided among groups.

    A cost that names its group belongs to it. Any other is divided in proportion to the revenue of its month that each
    group had in the segment and the book of the CSM it names, where it names them and they had any, else in all. What
    is booked in a month without revenue belongs to no group.

    Parameters
    ----------
    costs : month, category, cents, csm_id, segment.
    revenue : month, csm_id, segment, group, cents; a month's negative sums count as none.
    by : "csm" or "segment" where groups are that, anything else otherwise.

    Returns
    -------
    Columns group, month, category, cents (float).
    """
    left = costs.assign(_row=range(len(costs)))
    parts = []
    if (direct := _DIRECT.get(by)) is not None:
        named = left[left[direct] != ""]
        parts.append(named.assign(group=named[direct]))
        left = left[left[direct] == ""]
    for pool in _POOLS:
        asking = left
        for column in pool:
            asking = asking[asking[column] != ""]
        divided = _divided(asking, revenue, ["month", *pool])
        parts.append(divided)
        left = left[~left["_row"].isin(divided["_row"])]
    columns = ["group", "month", "category", "cents"]
    found = pd.concat([part[columns].astype({"cents": float, "group": "str"}) for part in parts], ignore_index=True)
    return found.groupby(["group", "month", "category"])["cents"].sum().reset_index()


def _divided(costs: pd.DataFrame, revenue: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The costs whose keys had revenue, one row for each group that had some of it, with its part of the cents."""
    weights = revenue.groupby([*keys, "group"])["cents"].sum().rename("_weight").reset_index()
    weights = weights[weights["_weight"] > 0]
    weights["_share"] = weights["_weight"] / weights.groupby(keys)["_weight"].transform("sum")
    met = costs.merge(weights, on=keys, how="inner", suffixes=("", "_held"))
    return met.assign(cents=met["cents"] * met["_share"])
