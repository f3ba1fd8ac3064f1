"""Starting: who paid on the day before a period in; what each of them pays at its end, or why nothing, out."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from features.history import History
from features.ledger import Ledger

__all__ = ["FATES", "starting_accounts"]

FATES = ("kept", "churn_voluntary", "churn_involuntary", "ended", "paused", "free")
"""What became of an account by the period's end; free: still a customer, for an MRR of 0 or less."""


def starting_accounts(
    history: History, ledger: Ledger, steps: pd.DataFrame, start: dt.date, until: dt.date
) -> pd.DataFrame:
    """The accounts with a paid subscription on the day before start, and what became of them by the day before until.

    Who left and came back before the end is kept; who left, came back and left again left for the last reason. Who was
    gone on the last day and came back within the grace period is paused.

    Parameters
    ----------
    steps : of `success.revenue.groups.grouped_steps`.

    Returns
    -------
    account_id, group (on the day before start), opening (cents; may be 0 or less), closing (cents; 0 where nothing is
    paid), fate (of FATES), bad_fit (bool: it said so when asked why it left, as known at the ledger's day).
    """
    found = _on(steps, start)[["account_id", "group", "cents"]].rename(columns={"cents": "opening"})
    end = _on(steps, until).set_index("account_id")["cents"]
    found["closing"] = found["account_id"].map(end).fillna(0).astype("int64")
    last = _last_periods(ledger, until).reindex(found["account_id"])
    left = (last["left_on"] < pd.Timestamp(until)).to_numpy()
    churned = last["churned"].eq(True).to_numpy()
    fate = pd.Series("churn_" + last["end_reason"].fillna("").to_numpy(), index=found.index).where(churned, "ended")
    fate = fate.where(left, "paused").mask(found["account_id"].isin(end.index), "free")
    found["fate"] = fate.mask(found["closing"] > 0, "kept")
    found["bad_fit"] = found["account_id"].isin(_bad_fits(history, ledger, last)) & found["fate"].str.startswith(
        "churn"
    )
    return found.reset_index(drop=True)


def _on(steps: pd.DataFrame, until: dt.date) -> pd.DataFrame:
    """The steps that cover the day before a day."""
    at = pd.Timestamp(until) - pd.Timedelta(days=1)
    return steps[(steps["from_on"] <= at) & ~(steps["until_on"] <= at)]


def _last_periods(ledger: Ledger, until: dt.date) -> pd.DataFrame:
    """By account_id its last customer period that began before a day, and the day on which the next one began."""
    periods = ledger.periods.assign(next_on=ledger.periods.groupby("account_id")["began_on"].shift(-1))
    periods = periods[periods["began_on"] < pd.Timestamp(until)]
    return periods.drop_duplicates("account_id", keep="last").set_index("account_id")


def _bad_fits(history: History, ledger: Ledger, last: pd.DataFrame) -> set[str]:
    """Accounts that named a bad fit when they were asked about the end of these periods."""
    if "exits" not in history.tables:
        return set()
    said = history.con.execute(
        f"""
        SELECT CAST(account_id AS VARCHAR) AS account_id, CAST(asked_on AS TIMESTAMP) AS asked_on
        FROM {history.visible("exits", ledger.known_on)} WHERE lower(trim(reason)) = 'bad_fit'
        """
    ).df()
    met = said.join(last, on="account_id", how="inner")
    return set(met[(met["asked_on"] >= met["began_on"]) & ~(met["asked_on"] >= met["next_on"])]["account_id"])
