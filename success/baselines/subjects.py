"""Subjects: a history and a day in; every account of which revenue is expected from then on, and how it stands, out."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from features.books import holders
from features.cohort import account_statuses
from features.history import History
from features.ledger import Ledger, ledger_of
from features.subscriptions import paid_subscriptions

__all__ = ["GRACE", "NOTICE", "SCORED", "subjects_of"]

SCORED, NOTICE, GRACE = "scored", "notice", "grace"


def subjects_of(history: History, day: dt.date, ledger: Ledger | None = None) -> pd.DataFrame:
    """Every account with an MRR above 0 on the day before, or inside the grace period then, as known on the day.

    Parameters
    ----------
    ledger : of that day; it is made where there is none.

    Returns
    -------
    account_id, csm_id (who looked after it on the day before, of an account in grace when it left; "" for nobody),
    segment (None where unknown), standing (`SCORED`: the models speak of it; `NOTICE`: it has given notice; `GRACE`),
    mrr (of one in grace what it paid last), leaves_on (of one under notice, the end that is written down ahead; NaT
    where none is), left_on (of one in grace); sorted by account_id.
    """
    ledger = ledger or ledger_of(history, day)
    paying = ledger.mrr_on(day - dt.timedelta(1))
    known = account_statuses(history, day).set_index("account_id")
    active = known[known["status"].isin(["ok", "notice_given"])]
    mrr = paying.reindex(active.index).fillna(0.0)
    active = active.assign(mrr=mrr)[mrr > 0]
    rows = pd.DataFrame(
        {
            "account_id": active.index.to_numpy(dtype=object),
            "standing": np.where(active["status"] == "ok", SCORED, NOTICE),
            "mrr": active["mrr"].to_numpy(dtype=np.float64),
            "leaves_on": _ends(history, day, active).to_numpy(),
            "left_on": np.datetime64("NaT", "us"),
        }
    )
    rows = pd.concat([rows, _in_grace(ledger, day, history.settings.churn.grace_days)], ignore_index=True)
    rows["segment"] = _text(known["segment"].reindex(rows["account_id"]))
    rows["csm_id"] = _held(history, day, rows)
    return rows.sort_values("account_id", ignore_index=True)


def _ends(history: History, day: dt.date, active: pd.DataFrame) -> pd.Series:
    """Of accounts under notice the end that is written down ahead; NaT for others and where none is."""
    ahead = history.con.execute(
        f"""
        SELECT CAST(account_id AS VARCHAR) AS account_id, CAST(max(ended_on) AS TIMESTAMP) AS ended_on
        FROM {paid_subscriptions(history, day)} WHERE ended_on >= DATE '{day.isoformat()}' GROUP BY account_id
        """
    ).df()
    ends = ahead.set_index("account_id")["ended_on"].astype("datetime64[us]").reindex(active.index)
    return ends.where(active["status"] == "notice_given")


def _in_grace(ledger: Ledger, day: dt.date, grace: int) -> pd.DataFrame:
    """Accounts that left so shortly before the day that they may still be back in time."""
    last = ledger.steps.drop_duplicates("account_id", keep="last")
    gone = last.dropna(subset=["until_on"]).merge(ledger.periods, left_on=["account_id", "until_on"],
                                                  right_on=["account_id", "left_on"])  # fmt: skip
    since = (pd.Timestamp(day) - gone["left_on"]).dt.days
    gone = gone[gone["churned"].astype(bool) & (since >= 0) & (since < grace) & (gone["cents"] > 0)]
    return pd.DataFrame(
        {
            "account_id": gone["account_id"].to_numpy(dtype=object),
            "standing": GRACE,
            "mrr": gone["cents"].to_numpy(dtype=np.float64) / 100,
            "leaves_on": np.full(len(gone), np.datetime64("NaT", "us")),
            "left_on": gone["left_on"].to_numpy(dtype="datetime64[us]"),
        }
    )


def _held(history: History, day: dt.date, rows: pd.DataFrame) -> list[str]:
    """Who looked after each account on the day before, or on its last day as a customer."""
    found = holders(history, day)
    at = rows["left_on"].astype("datetime64[us]").fillna(pd.Timestamp(day)) - pd.Timedelta(days=1)
    asked = pd.DataFrame({"account_id": rows["account_id"].astype("str"), "at": at, "place": np.arange(len(rows))})
    met = pd.merge_asof(
        asked.sort_values("at", kind="stable"),
        found.sort_values("from_on", kind="stable"),
        left_on="at",
        right_on="from_on",
        by="account_id",
    ).sort_values("place")
    holds = met["csm_id"].notna() & ~(met["to_on"] <= met["at"])
    return [csm if held else "" for csm, held in zip(met["csm_id"].tolist(), holds.tolist(), strict=True)]


def _text(values: pd.Series) -> pd.Series:
    """Texts as objects, None where there is none."""
    found = values.astype(object)
    return found.where(found.notna(), None).reset_index(drop=True)
