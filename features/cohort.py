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
    past, `insufficient_data` for one that never paid), mrr (float), renews_on, plan, csm_id (who looked after it on
    that day as known then, the one assigned last where there are several; missing where there was nobody); sorted by
    account_id.
    """
    return history.con.execute(
        f"""
        SELECT account_id, name, segment,
               CASE WHEN {COHORT} THEN 'ok' WHEN active THEN 'notice_given'
                    WHEN ever_paid THEN 'churned' ELSE 'insufficient_data' END AS status,
               CAST(mrr AS DOUBLE) AS mrr, renews_on, plan, csm_id
        FROM {account_states(history, only(as_of))} LEFT JOIN {_owners(history, as_of)} USING (account_id)
        ORDER BY account_id
        """
    ).df()


def _owners(history: History, as_of: dt.date) -> str:
    """SQL: account_id and csm_id of the assignments that hold on a day."""
    if "assignments" not in history.tables:
        return "(SELECT '' AS account_id, CAST(NULL AS VARCHAR) AS csm_id WHERE false)"
    day = f"DATE '{as_of.isoformat()}'"
    return f"""(
        SELECT account_id, first(csm_id ORDER BY from_on DESC, csm_id) AS csm_id
        FROM {history.visible("assignments", as_of)}
        WHERE from_on < {day} AND (to_on IS NULL OR to_on >= {day}) GROUP BY account_id
    )"""
