"""Cohort: who is scored at a day, and why the others are not."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from features.history import History, only
from features.subscriptions import account_states

__all__ = ["COHORT", "account_statuses"]

COHORT = "active AND NOT notice"
"""SQL over `account_states`: an active paid subscription and no notice given.

An account inside the grace period has no active subscription, so it is outside by the same rule.
"""


def account_statuses(history: History, as_of: dt.date) -> pd.DataFrame:
    """Every account visible at a day with its status.

    Returns
    -------
    Columns account_id, name, segment, status (`ok` for the cohort, `notice_given`, `churned` for a customer of the
    past, `insufficient_data` for one that never paid), mrr (float), renews_on, plan; sorted by account_id.
    """
    return history.con.execute(
        f"""
        SELECT account_id, name, segment,
               CASE WHEN {COHORT} THEN 'ok' WHEN active THEN 'notice_given'
                    WHEN ever_paid THEN 'churned' ELSE 'insufficient_data' END AS status,
               CAST(mrr AS DOUBLE) AS mrr, renews_on, plan
        FROM {account_states(history, only(as_of))} ORDER BY account_id
        """
    ).df()
