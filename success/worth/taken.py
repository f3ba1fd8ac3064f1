"""Taken: what was expected of accounts on the day a CSM took them in; what has come of them since, out.

The forecast frozen at an assignment is never reset, so that a book in good health shows what the care behind it was
worth. It is measured where the CSM's part ends: on the day another CSM took the account, else at the end of the period,
with nothing for an account that left. Every assignment counts, also one that is over: an account that was lost last
year is part of what became of a CSM's accounts.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from features.history import History
from features.ledger import Ledger
from success.baselines import Expectation, first_expected
from success.worth.fates import fates_of, mrr_at
from success.worth.holdings import assignments_of

__all__ = ["TAKEN", "since_taken"]

TAKEN = (
    "account_id", "csm_id", "taken_on", "until_on", "outcome", "mrr", "p", "expected", "kept", "sd", "realised",
    "level_sd", "shock_sd", "growth_sd", "reconstructed", "source", "base_on", "late",
)  # fmt: skip
"""The columns of what `since_taken` gives."""


def since_taken(history: History, ledger: Ledger, taken: Expectation, until: dt.date, as_of: dt.date) -> pd.DataFrame:
    """What was expected of each assignment, and what came of it, in MRR.

    Returns
    -------
    `TAKEN`, one row for each assignment with a baseline that began before `until`: taken_on (datetime64), until_on
    (datetime64: up to when it is measured), outcome (held, handed_over or left), mrr (when it was taken), p (of having
    left by then), expected, kept (given that it stays), sd, realised (MRR on the day before until_on; 0 where it left),
    the errors that rows share, reconstructed, source of the forecast, base_on (datetime64: its first day), late (bool:
    it was taken before anything could be expected, and counts from the first month on of which something could; who had
    left by then is in no row, since the history does not have all of them). Accounts that ended without a churn are in
    none.
    """
    rows = taken.rows
    ours = (rows["kind"] == "assignment") & (pd.to_datetime(rows["as_of"]) < pd.Timestamp(until))
    ours &= rows["csm_id"].astype(object).fillna("") != ""
    taken = taken.take(ours.to_numpy(dtype=bool))
    asked = _asked(taken, assignments_of(history, as_of), until)
    # Who leaves on the day its assignment ends has left its CSM's book, and was not handed over.
    looked = asked["ends_on"] + pd.to_timedelta(asked["handed_over"].astype(int), unit="D")
    fate = fates_of(ledger, asked.assign(since=asked["since_on"], until=looked))
    left = fate["left"].to_numpy(dtype=bool)
    day = asked["ends_on"].where(~left, pd.Timestamp(until))
    handed = asked["handed_over"].to_numpy(dtype=bool) & ~left
    base = asked["base_on"]
    begun = asked["taken_on"] + pd.offsets.MonthBegin(0)  # the first of the first month that it was held at
    late = (base == pd.Timestamp(first_expected(history, as_of))) & (begun < base)
    measured = (day > base) & fate["known"] & ~fate["ended"]
    places = np.flatnonzero(measured)
    chosen, day = taken.take(places), day[measured].reset_index(drop=True)
    moments = chosen.until([stamp.date() for stamp in day])
    paid = mrr_at(ledger, chosen.rows["account_id"], day - pd.Timedelta(days=1))
    made = pd.DataFrame(
        {
            "account_id": chosen.rows["account_id"].astype(object),
            "csm_id": chosen.rows["csm_id"].astype(object),
            "taken_on": asked["taken_on"].to_numpy()[places],
            "until_on": day,
            "outcome": np.where(left, "left", np.where(handed, "handed_over", "held"))[places],
            "mrr": chosen.rows["mrr"].to_numpy(dtype=np.float64),
            "p": moments.churn,
            "expected": moments.exit,
            "kept": moments.kept_exit,
            "sd": moments.sd_exit,
            "realised": np.where(left[places], 0.0, paid),
            "reconstructed": chosen.rows["reconstructed"].to_numpy(dtype=bool),
            "source": chosen.rows["source"].astype(object),
            "base_on": base[measured].to_numpy(),
            "late": late.to_numpy(dtype=bool)[places],
        }
    )
    for name in chosen.shared.columns:
        made[name] = chosen.shared[name].fillna(0.0).to_numpy(dtype=np.float64)
    # As in `inputs`: it is an error 90 days on, and grows with the root of time.
    made["growth_sd"] *= np.sqrt((made["until_on"] - made["base_on"]).dt.days / 90)
    return made[list(TAKEN)].sort_values(["csm_id", "account_id", "taken_on"], ignore_index=True)


def _asked(taken: Expectation, assignments: pd.DataFrame, until: dt.date) -> pd.DataFrame:
    """For each baseline of an assignment, in its order: when it began, and when it ends.

    Returns
    -------
    account_id, base_on (first day of the forecast), taken_on, since_on (on which it was a customer,
    or in grace), ends_on (the day another CSM took it or the assignment ended, at the latest `until`), handed_over.
    """
    frame = pd.DataFrame(
        {
            "account_id": taken.rows["account_id"].astype("str"),
            "csm_id": taken.rows["csm_id"].astype("str"),
            "base_on": pd.to_datetime(taken.rows["as_of"]).astype("datetime64[us]"),
            "from_on": pd.to_datetime(taken.rows["period"]).astype("datetime64[us]"),
        }
    )
    known = assignments.astype({"account_id": "str", "csm_id": "str"})
    known = known.drop_duplicates(["account_id", "csm_id", "from_on"])
    found = frame.merge(known, on=["account_id", "csm_id", "from_on"], how="left")
    end, eve = pd.Timestamp(until), found["base_on"] - pd.Timedelta(days=1)
    over = found["until_on"] < end
    return pd.DataFrame(
        {
            "account_id": found["account_id"],
            "base_on": found["base_on"],
            "taken_on": found["from_on"],
            # On the eve of the forecast, or, of who became a customer by that very assignment, on its day.
            "since_on": found["from_on"].where(found["from_on"] > eve, eve),
            "ends_on": found["until_on"].where(over, end),
            "handed_over": over,
        }
    )
