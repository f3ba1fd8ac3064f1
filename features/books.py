"""Books: a history and a day in; which CSM has looked after which account out."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from features.history import History

__all__ = ["books_ever", "holders"]


def books_ever(history: History, known_on: dt.date) -> pd.DataFrame:
    """Who has ever looked after whom, as known on a day.

    Returns
    -------
    account_id, csm_id, since (datetime64[us]: the first day); each pair once, sorted.
    """
    found = holders(history, known_on).rename(columns={"from_on": "since"})[["account_id", "csm_id", "since"]]
    return found.sort_values(["account_id", "csm_id", "since"]).drop_duplicates(
        ["account_id", "csm_id"], ignore_index=True
    )


def holders(history: History, known_on: dt.date) -> pd.DataFrame:
    """Every assignment known on a day, cut so that an account has one CSM at a time: the one assigned last.

    Returns
    -------
    account_id, csm_id (text), from_on, to_on (datetime64[us], half-open; NaT: goes on), by account and day. Stretches
    of one CSM that follow each other without a gap are one.
    """
    if "assignments" not in history.tables:
        empty = pd.Series(dtype="datetime64[us]")
        return pd.DataFrame(
            {"account_id": pd.Series(dtype="str"), "csm_id": pd.Series(dtype="str"), "from_on": empty, "to_on": empty}
        )
    found = history.con.execute(
        f"""
        WITH held AS (
            SELECT DISTINCT CAST(account_id AS VARCHAR) AS account_id, CAST(csm_id AS VARCHAR) AS csm_id, from_on,
                   coalesce(to_on, DATE '9999-12-31') AS until_on
            FROM {history.visible("assignments", known_on)} WHERE to_on IS NULL OR to_on > from_on
        ),
        days AS (
            SELECT account_id, from_on AS day FROM held UNION SELECT account_id, until_on FROM held
        ),
        steps AS (
            SELECT account_id, day AS from_on, lead(day) OVER (PARTITION BY account_id ORDER BY day) AS until_on
            FROM days
        ),
        owned AS (
            SELECT steps.account_id, steps.from_on, steps.until_on,
                   first(held.csm_id ORDER BY held.from_on DESC, held.csm_id) AS csm_id
            FROM steps JOIN held ON held.account_id = steps.account_id
                AND held.from_on <= steps.from_on AND held.until_on > steps.from_on
            WHERE steps.until_on IS NOT NULL GROUP BY ALL
        ),
        marked AS (
            SELECT *, lag(csm_id) OVER told IS DISTINCT FROM csm_id OR lag(until_on) OVER told <> from_on AS begins
            FROM owned WINDOW told AS (PARTITION BY account_id ORDER BY from_on)
        ),
        numbered AS (
            SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY account_id ORDER BY from_on) AS stretch
            FROM marked
        )
        SELECT account_id, csm_id, CAST(min(from_on) AS TIMESTAMP) AS from_on,
               CAST(nullif(max(until_on), DATE '9999-12-31') AS TIMESTAMP) AS to_on
        FROM numbered GROUP BY account_id, csm_id, stretch ORDER BY account_id, from_on
        """
    ).df()
    return found.astype({"account_id": "str", "csm_id": "str", "from_on": "datetime64[us]", "to_on": "datetime64[us]"})
