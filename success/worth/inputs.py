"""Inputs: a history, a period and what was frozen in; the frames that a report on CSMs is worked out from, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.errors import TenureError
from features.history import History
from features.ledger import Ledger, ledger_of
from success.baselines import Expectation, first_expected
from success.economics.loaded import gross_margin, loaded_cost
from success.economics.spending import spending
from success.metric import Metric
from success.periods import Period
from success.worth.apart import changed_hands, left_out, withdrawn, won_back
from success.worth.fates import fates_of, mrr_at, without_returns
from success.worth.holdings import holders_on, shares_of, spans_of
from success.worth.taken import since_taken

__all__ = ["ROWS", "RoiInputs", "gather"]

ROWS = (
    "account_id", "name", "csm_id", "share", "mrr", "p", "expected_exit", "kept_exit", "sd_exit", "realised_exit",
    "expected_revenue", "kept_revenue", "sd_revenue", "realised_revenue", "left", "left_on", "level_sd", "shock_sd",
    "growth_sd", "source", "borrowed", "reconstructed", "own_book_left_out",
)  # fmt: skip
"""The columns of `RoiInputs.rows`."""


@dataclass(frozen=True)
class RoiInputs:
    """What a report on CSMs is worked out from; all money is in the reporting currency.

    Parameters
    ----------
    until : the end of the period as far as it is known, not part of it.
    rows : `ROWS`, one for each account and CSM who held it in the period ("" where nobody ever did): share of the
        account (of one account they add up to 1), mrr (at the start), p (of having left by the end), expected, kept
        (given that it stays), sd (the account's own randomness) and realised, each of exit (MRR on the last day) and
        revenue (of the period's days), left (bool) and left_on, the errors that rows share, source of the forecast,
        borrowed (bool: made for another CSM's book), reconstructed, own_book_left_out. Amounts are of the whole
        account, whatever its share. Sorted by account_id.
    taken : as from `since_taken`.
    left_out : account_id, csm_id, why (new, ended, free or unforeseen): accounts in books that count on neither side.
    changed_hands, withdrawn, won_back : lists of accounts, by csm_id.
    costs : by CSM, the loaded cost of the period; also of who has no book.
    open_ends : accounts that left so lately that a return would undo it.
    grace : days within which a return undoes an end.
    begins : the first day of the history, where the period began too early for anything to be expected; else None.
    """

    period: Period
    as_of: dt.date
    until: dt.date
    currency: str | None
    rows: pd.DataFrame
    taken: pd.DataFrame
    left_out: pd.DataFrame
    changed_hands: pd.DataFrame
    withdrawn: pd.DataFrame
    won_back: pd.DataFrame
    costs: Mapping[str, Metric]
    gross_margin: Metric
    open_ends: int
    grace: int
    begins: dt.date | None = None


def gather(
    history: History,
    period: Period,
    as_of: dt.date,
    expectation: Expectation,
    taken: Expectation,
    ledger: Ledger | None = None,
) -> RoiInputs:
    """What a report on a period needs, as known on a day.

    Parameters
    ----------
    expectation : frozen for the period; rows of another day than its first are not looked at.
    taken : frozen when accounts were assigned: of every assignment, also of accounts that have left since or are
        somebody else's now. A report of those that are still there would find every CSM good.
    ledger : of the same history and day, where there is one already.

    Raises
    ------
    TenureError : the period has not begun on that day.
    """
    if as_of <= period.start:
        raise TenureError(
            f"{period.name} begins on {period.start}, and nothing of it is known on {as_of}; ask for an earlier period "
            "or a later day."
        )
    until = period.known_until(as_of)
    ledger = ledger_of(history, as_of) if ledger is None else ledger
    frozen = _frozen(expectation, period)
    spans = spans_of(history, period.start, until, as_of)
    names = _names(history, as_of)
    accounts = pd.DataFrame({"account_id": sorted(set(frozen.rows["account_id"]))}, dtype="str")
    fates = fates_of(
        ledger,
        accounts.assign(since=pd.Timestamp(period.start) - pd.Timedelta(days=1), until=pd.Timestamp(until)),
    )
    accounts = accounts.join(fates)
    counted = accounts[accounts["known"] & ~accounts["ended"]].reset_index(drop=True)
    shares = shares_of(counted, pd.concat([spans, _before(history, counted, spans, period.start, as_of)]))
    rows = _rows(frozen, counted, shares, ledger, period.start, until)
    rows["name"] = _named(rows, names)
    costs = spending(history, as_of)
    with_cost = {str(csm) for csm in costs.rows.loc[costs.rows["month"].isin(_stamps(period)), "csm_id"] if csm}
    csms = sorted({str(c) for c in [*rows["csm_id"], *spans["csm_id"]] if c} | with_cost)
    left_on = counted.loc[counted["left"], "left_on"]
    grace = history.settings.churn.grace_days
    return RoiInputs(
        period,
        as_of,
        until,
        ledger.currency,
        rows[list(ROWS)],
        since_taken(history, ledger, taken, until, as_of),
        left_out(ledger, accounts, spans, period.start, until),
        changed_hands(rows, spans),
        withdrawn(history, ledger, spans, names, period.start, until, as_of),
        won_back(ledger, spans, names, period.start, until),
        {csm: loaded_cost(costs, csm, period, as_of) for csm in csms},
        gross_margin(costs, ledger, period, as_of),
        int((left_on >= pd.Timestamp(as_of) - pd.Timedelta(days=grace)).sum()),
        grace,
        None if len(frozen) or period.start >= first_expected(history, as_of) else history.observed_period(as_of)[0],
    )


def _before(
    history: History, accounts: pd.DataFrame, spans: pd.DataFrame, start: dt.date, as_of: dt.date
) -> pd.DataFrame:
    """Spans of a day each, of accounts that left on the first day or before and that nobody held after that.

    They belong to who held them on their last day as a customer, as the forecast has it.
    """
    early = accounts[(accounts["left_on"] <= pd.Timestamp(start)) & ~accounts["account_id"].isin(spans["account_id"])]
    if early.empty:
        return spans.iloc[:0]
    last = early["left_on"] - pd.Timedelta(days=1)
    known = spans_of(history, last.min().date(), start, as_of)
    csm = holders_on(known, early["account_id"], last)
    made = pd.DataFrame(
        {"account_id": early["account_id"], "csm_id": csm, "from_on": last, "until_on": early["left_on"]}
    )
    return made[made["csm_id"] != ""]


def _frozen(expectation: Expectation, period: Period) -> Expectation:
    """What was expected on the period's first day of accounts with revenue to expect, each once for a book."""
    rows = expectation.rows
    ours = (rows["kind"] == "period") & (pd.to_datetime(rows["as_of"]) == pd.Timestamp(period.start))
    ours &= (rows["mrr"].astype(np.float64) > 0) | (rows["source"] == "grace")
    ours &= ~rows[ours].duplicated(["account_id", "csm_id"]).reindex(rows.index, fill_value=False)
    return expectation.take(ours.to_numpy(dtype=bool))


def _rows(
    frozen: Expectation, accounts: pd.DataFrame, shares: pd.DataFrame, ledger: Ledger, start: dt.date, until: dt.date
) -> pd.DataFrame:
    """One row for each account and CSM: what was expected, and what came in."""
    shares = shares.assign(own=_chosen(frozen, shares))
    chosen = frozen.take(shares["own"].to_numpy(dtype=np.int64))
    moments = chosen.until(until)
    fate = shares[["account_id"]].merge(accounts, on="account_id", how="left")
    gone = accounts.loc[accounts["left"]].set_index("account_id")["left_on"]
    stayed = without_returns(ledger, gone)
    revenue = stayed.revenue(start, until)
    whose = chosen.rows["csm_id"].astype(object).fillna("").to_numpy(dtype=object)
    last = pd.Series(np.full(len(shares), np.datetime64(until) - np.timedelta64(1, "D")).astype("datetime64[us]"))
    made = shares.drop(columns="own").assign(
        mrr=chosen.rows["mrr"].to_numpy(dtype=np.float64),
        p=moments.churn,
        expected_exit=moments.exit,
        kept_exit=moments.kept_exit,
        sd_exit=moments.sd_exit,
        realised_exit=mrr_at(stayed, shares["account_id"], last),
        expected_revenue=moments.revenue,
        kept_revenue=moments.kept_revenue,
        sd_revenue=moments.sd_revenue,
        realised_revenue=revenue.reindex(shares["account_id"]).fillna(0.0).to_numpy(dtype=np.float64),
        left=fate["left"].to_numpy(dtype=bool),
        left_on=fate["left_on"],
        source=chosen.rows["source"].astype(object),
        borrowed=whose != shares["csm_id"].to_numpy(dtype=object),
        reconstructed=chosen.rows["reconstructed"].to_numpy(dtype=bool),
        own_book_left_out=chosen.rows["own_book_left_out"].to_numpy(dtype=bool),
    )
    for name in chosen.shared.columns:
        made[name] = chosen.shared[name].fillna(0.0).to_numpy(dtype=np.float64)
    made["growth_sd"] *= ((until - start).days / 90) ** 0.5
    return made


def _chosen(frozen: Expectation, shares: pd.DataFrame) -> np.ndarray:
    """(n,) positions: the forecast made for the holder's book, else for the first holder's, else the first there is."""
    at = frozen.rows[["account_id", "csm_id"]].astype(object)
    at["csm_id"] = at["csm_id"].where(at["csm_id"].notna(), "")
    places = pd.Series(np.arange(len(at)), index=pd.MultiIndex.from_frame(at))
    anyone = places.groupby(level=0).first()
    first = shares.groupby("account_id")["csm_id"].transform("first")
    own = places.reindex(pd.MultiIndex.from_frame(shares[["account_id", "csm_id"]].astype(object))).to_numpy()
    firsts = places.reindex(pd.MultiIndex.from_arrays([shares["account_id"].astype(object), first])).to_numpy()
    either = np.where(np.isnan(own), firsts, own)
    found = np.where(np.isnan(either), anyone.reindex(shares["account_id"]).to_numpy(dtype=np.float64), either)
    return np.asarray(found, dtype=np.int64)


def _names(history: History, as_of: dt.date) -> pd.Series:
    """What accounts are called, by account_id."""
    found = history.con.execute(
        f"SELECT CAST(account_id AS VARCHAR) AS account_id, name FROM {history.visible('accounts', as_of)}"
    ).df()
    return found.drop_duplicates("account_id").set_index("account_id")["name"].astype(object)


def _named(rows: pd.DataFrame, names: pd.Series) -> pd.Series:
    found = rows["account_id"].map(names).astype(object)
    return found.where(found.notna(), None)


def _stamps(period: Period) -> list[pd.Timestamp]:
    return [pd.Timestamp(month) for month in period.months]
