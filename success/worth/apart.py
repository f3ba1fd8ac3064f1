"""Apart: accounts of books that count on neither side, or of which something is told beside the figures, as lists."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from features.history import History
from features.ledger import Ledger
from success.worth.fates import mrr_at, returns_of
from success.worth.holdings import holders_on

__all__ = ["changed_hands", "left_out", "withdrawn", "won_back"]


def left_out(
    ledger: Ledger, accounts: pd.DataFrame, spans: pd.DataFrame, start: dt.date, until: dt.date
) -> pd.DataFrame:
    """Accounts with a paid subscription in the period that count on neither side.

    Parameters
    ----------
    accounts : account_id, known, ended: those of which something was expected, and whether they ended without a churn.
    spans : who held what in the period.

    Returns
    -------
    account_id, csm_id (one row for each CSM who held it; "" for nobody), why: ended (as completed or merged, which is
    no churn), new (no customer at the start), free (paid nothing at the start), unforeseen (nothing was frozen of it).
    Sorted by account_id and csm_id.
    """
    steps = ledger.steps
    paid = steps[(steps["from_on"] < pd.Timestamp(until)) & ~(steps["until_on"] <= pd.Timestamp(start))]
    counted = set(accounts.loc[accounts["known"] & ~accounts["ended"], "account_id"])
    found = pd.DataFrame({"account_id": sorted(set(paid["account_id"]) - counted)}, dtype="str")
    ended = found["account_id"].isin(set(accounts.loc[accounts["ended"], "account_id"]))
    before = ledger.on(start - dt.timedelta(days=1))["cents"]
    at_start = before.reindex(found["account_id"]).set_axis(found.index)
    found["why"] = np.select([ended, at_start.isna(), at_start <= 0], ["ended", "new", "free"], "unforeseen")
    held = spans[["account_id", "csm_id"]].drop_duplicates()
    found = found.merge(held, on="account_id", how="left")
    found["csm_id"] = found["csm_id"].astype(object).where(found["csm_id"].notna(), "")
    return found[["account_id", "csm_id", "why"]].sort_values(["account_id", "csm_id"], ignore_index=True)


def changed_hands(rows: pd.DataFrame, spans: pd.DataFrame) -> pd.DataFrame:
    """Accounts that more than one CSM held in the period.

    Returns
    -------
    account_id, name, csm_id, share, days, until_on (datetime64: when the CSM's last span of it in the period ended).
    """
    many = rows[rows.duplicated("account_id", keep=False)]
    last = spans.groupby(["account_id", "csm_id"], as_index=False)["until_on"].max()
    return many[["account_id", "name", "csm_id", "share", "days"]].merge(last, on=["account_id", "csm_id"], how="left")


def withdrawn(
    history: History,
    ledger: Ledger,
    spans: pd.DataFrame,
    names: pd.Series,
    start: dt.date,
    until: dt.date,
    as_of: dt.date,
) -> pd.DataFrame:
    """Notices that accounts withdrew in the period.

    Returns
    -------
    account_id, name, csm_id (who held it that day), notice_on, withdrawn_on (datetime64), mrr (at the period's end).
    """
    found = history.con.execute(
        f"""
        SELECT CAST(account_id AS VARCHAR) AS account_id, CAST(min(notice_on) AS TIMESTAMP) AS notice_on,
               CAST(notice_withdrawn_on AS TIMESTAMP) AS withdrawn_on
        FROM {history.visible("subscriptions", as_of)}
        WHERE NOT coalesce(trial, false) AND notice_withdrawn_on >= notice_on
          AND notice_withdrawn_on >= DATE '{start}' AND notice_withdrawn_on < DATE '{until}'
        GROUP BY account_id, notice_withdrawn_on ORDER BY notice_withdrawn_on, account_id
        """
    ).df()
    return _told(found, "withdrawn_on", ledger, spans, names, until)


def won_back(ledger: Ledger, spans: pd.DataFrame, names: pd.Series, start: dt.date, until: dt.date) -> pd.DataFrame:
    """Accounts that came back in the period after a churn.

    Returns
    -------
    account_id, name, csm_id (who held it that day, else on the period's last), left_on, returned_on (datetime64), mrr
    (at the period's end), inside (bool: the churn was in the period too, so that it counts as lost in the figures).
    """
    found = returns_of(ledger, start, until).sort_values(["returned_on", "account_id"], ignore_index=True)
    found["inside"] = found["left_on"] >= pd.Timestamp(start)
    return _told(found, "returned_on", ledger, spans, names, until)


def _told(
    found: pd.DataFrame, moment: str, ledger: Ledger, spans: pd.DataFrame, names: pd.Series, until: dt.date
) -> pd.DataFrame:
    """The same with name, csm_id and mrr."""
    last = pd.Series(pd.Timestamp(until) - pd.Timedelta(days=1), index=found.index, dtype="datetime64[us]")
    then, later = (holders_on(spans, found["account_id"], day) for day in (found[moment], last))
    name = found["account_id"].map(names).astype(object)
    return found.assign(
        name=name.where(name.notna(), None),
        csm_id=np.where(then == "", later, then),
        mrr=mrr_at(ledger, found["account_id"], last),
    )
