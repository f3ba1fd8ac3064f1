"""Holdings: the assignments of a history in; who held each account on which days, and for how long, out.

Assignments run over days `[from_on, to_on)`. Where two cover a day, the account belongs to the CSM who was assigned
last. Nobody is "".
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from features.history import History

__all__ = ["assignments_of", "holders_on", "shares_of", "spans_of"]

_SPANS = ("account_id", "csm_id", "from_on", "until_on")
_ASSIGNMENTS = ("account_id", "csm_id", "from_on", "until_on")


def spans_of(history: History, start: dt.date, until: dt.date, as_of: dt.date) -> pd.DataFrame:
    """Who held each account on which of the days `[start, until)`, as known on a day.

    Returns
    -------
    account_id, csm_id, from_on, until_on (datetime64[us], half-open): spans of one account do not overlap, and days of
    nobody are in none. Sorted by account_id and from_on.
    """
    if "assignments" not in history.tables:
        return _empty(_SPANS)
    first, last = f"DATE '{start.isoformat()}'", f"DATE '{until.isoformat()}'"
    return _dated(
        history,
        f"""
        WITH held AS (
            SELECT CAST(account_id AS VARCHAR) AS account_id, CAST(csm_id AS VARCHAR) AS csm_id, from_on AS assigned_on,
                   greatest(from_on, {first}) AS begins, least(coalesce(to_on, {last}), {last}) AS ends
            FROM {history.visible("assignments", as_of)}
            WHERE from_on < {last} AND (to_on IS NULL OR to_on > {first})
        ),
        days AS (SELECT account_id, begins AS day FROM held UNION SELECT account_id, ends FROM held),
        spans AS (
            SELECT account_id, day, lead(day) OVER (PARTITION BY account_id ORDER BY day) AS next_day FROM days
        )
        SELECT spans.account_id, first(csm_id ORDER BY assigned_on DESC, csm_id) AS csm_id,
               CAST(day AS TIMESTAMP) AS from_on, CAST(next_day AS TIMESTAMP) AS until_on
        FROM spans JOIN held ON held.account_id = spans.account_id AND begins <= day AND ends > day
        WHERE next_day IS NOT NULL
        GROUP BY spans.account_id, day, next_day ORDER BY spans.account_id, day
        """,
    )


def assignments_of(history: History, as_of: dt.date) -> pd.DataFrame:
    """Every assignment as known on a day, with the day on which the account went to somebody else.

    Returns
    -------
    account_id, csm_id, from_on, until_on (datetime64[us]; the end of the assignment, or the day on which another CSM
    was assigned, whichever came first; NaT: goes on). Sorted by account_id, from_on and csm_id.
    """
    if "assignments" not in history.tables:
        return _empty(_ASSIGNMENTS)
    return _dated(
        history,
        f"""
        WITH mine AS (
            SELECT CAST(account_id AS VARCHAR) AS account_id, CAST(csm_id AS VARCHAR) AS csm_id, from_on, to_on
            FROM {history.visible("assignments", as_of)} WHERE from_on < DATE '{as_of.isoformat()}'
        )
        SELECT m.account_id, m.csm_id, CAST(m.from_on AS TIMESTAMP) AS from_on,
               CAST(least(m.to_on, min(o.from_on)) AS TIMESTAMP) AS until_on
        FROM mine AS m LEFT JOIN mine AS o
          ON o.account_id = m.account_id AND o.csm_id <> m.csm_id AND o.from_on > m.from_on
        GROUP BY m.account_id, m.csm_id, m.from_on, m.to_on ORDER BY m.account_id, m.from_on, m.csm_id, m.to_on
        """,
    )


def shares_of(accounts: pd.DataFrame, spans: pd.DataFrame) -> pd.DataFrame:
    """The part of each account that each CSM has: the days held, over the days that anybody held it.

    Parameters
    ----------
    accounts : account_id (each once) and left_on (datetime64; NaT where it did not leave): days from then on count for
        nobody, unless the account was only ever held after it had left.
    spans : as from `spans_of`.

    Returns
    -------
    account_id, csm_id, days, share (of one account they add up to 1), first (bool: held it first). An account that
    nobody ever held has one row, with csm_id "", days 0 and share 1. In the order of accounts, then of first days.
    """
    held = accounts[["account_id", "left_on"]].merge(spans, on="account_id", how="inner")
    whole = (held["until_on"] - held["from_on"]).dt.days
    until = held["until_on"].where(~(held["left_on"] < held["until_on"]), held["left_on"])
    held["days"] = (until - held["from_on"]).dt.days.clip(lower=0)
    served = held.groupby("account_id")["days"].transform("sum")
    held["days"] = held["days"].where(served > 0, whole)
    held = held[held["days"] > 0]
    by = held.groupby(["account_id", "csm_id"], as_index=False).agg(days=("days", "sum"), from_on=("from_on", "min"))
    made = accounts[["account_id"]].merge(by, on="account_id", how="left")
    made["csm_id"] = made["csm_id"].astype(object).where(made["csm_id"].notna(), "")
    made["days"] = made["days"].fillna(0).astype(np.int64)
    made["place"] = made["account_id"].map(pd.Series(np.arange(len(accounts)), index=accounts["account_id"]))
    made = made.sort_values(["place", "from_on", "csm_id"], kind="stable", ignore_index=True)
    total = made.groupby("account_id")["days"].transform("sum")
    made["share"] = np.where(total > 0, made["days"] / total.where(total > 0, 1), 1.0)
    made["first"] = ~made.duplicated("account_id")
    return made[["account_id", "csm_id", "days", "share", "first"]]


def _dated(history: History, sql: str) -> pd.DataFrame:
    return history.con.execute(sql).df().astype({"from_on": "datetime64[us]", "until_on": "datetime64[us]"})


def _empty(columns: tuple[str, ...]) -> pd.DataFrame:
    kinds = {"from_on": "datetime64[us]", "until_on": "datetime64[us]"}
    return pd.DataFrame({name: pd.Series([], dtype=kinds.get(name, "str")) for name in columns})


def holders_on(spans: pd.DataFrame, account_id: pd.Series, day: pd.Series) -> np.ndarray:
    """(n,) objects: who held an account on a day each, "" for nobody."""
    asked = pd.DataFrame({"account_id": account_id.astype("str").to_numpy(), "day": day.to_numpy("datetime64[us]")})
    asked = asked.astype({"account_id": "str"})
    asked["place"] = np.arange(len(asked))
    found = pd.merge_asof(
        asked.sort_values("day", kind="stable"),
        spans.astype({"account_id": "str"}).sort_values("from_on", kind="stable"),
        left_on="day",
        right_on="from_on",
        by="account_id",
    ).sort_values("place")
    holds = found["until_on"] > found["day"]
    return found["csm_id"].astype(object).where(holds, "").to_numpy(dtype=object)
