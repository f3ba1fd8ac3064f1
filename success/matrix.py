"""Matrix: a book in; its paying accounts by risk and value, in four named quadrants, out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.settings import Settings
from success.book import bands_of, churn_of, displayed, numbers, scored, status_in, table, texts, typical_of, value_of
from success.listing import Listing
from success.phrases import counted, money, verb

__all__ = ["QUADRANTS", "high_risk", "matrix", "quadrants", "value_threshold"]

QUADRANTS = ("call_now", "automated_play", "grow", "leave_alone")
"""High risk and high value, high risk and low value, low risk and high value, low risk and low value."""

_CARRIED = ("account_id", "name", "csm_id", "segment", "stage")
_SAYS = {
    "call_now": ("at high risk and of high value", "call now"),
    "automated_play": ("at high risk and of low value", "send what needs no call"),
    "grow": ("at low risk and of high value", "look for what to sell"),
    "leave_alone": ("at low risk and of low value", "leave alone"),
}


def high_risk(book: pd.DataFrame, settings: Settings) -> np.ndarray:
    """(n,) whether an account is at risk: in the worst band, or likelier by `[calls] high_risk` to leave than usual."""
    p, typical = churn_of(book), typical_of(book)
    likely = scored(book) & (p >= settings.calls.high_risk * typical)
    return np.asarray(likely | (_band(book, settings) == 0))


def value_threshold(book: pd.DataFrame, settings: Settings) -> float:
    """The monthly revenue from which value is high: that of `[calls] high_value`, else the median of paying accounts.

    The median is over accounts with a probability, where there are any; infinite without a paying account.
    """
    if settings.calls.high_value is not None:
        return settings.calls.high_value
    mrr, told = numbers(book, "mrr"), scored(book)
    paying = mrr[(mrr > 0) & (told if told.any() else _placed(book, settings))]
    return float(np.median(paying)) if len(paying) else float("inf")


def quadrants(book: pd.DataFrame, settings: Settings, threshold: float | None = None) -> pd.DataFrame:
    """Each account of known risk and revenue with its quadrant, the most monthly revenue first.

    Parameters
    ----------
    threshold : the monthly revenue from which value is high, for a book that is only part of one; see
        `value_threshold`.

    Returns
    -------
    account_id, name, csm_id, segment, stage, mrr, value (revenue, times `strategic_weight` where strategic), churn,
    typical, times_typical, health, band, quadrant.
    """
    least = value_threshold(book, settings) if threshold is None else threshold
    value = value_of(book, settings.calls.strategic_weight)
    risky, dear = high_risk(book, settings), value >= least
    p, typical = churn_of(book), typical_of(book)
    told = {name: texts(book, name) for name in _CARRIED}
    told |= {"mrr": numbers(book, "mrr"), "value": value, "churn": p, "typical": typical}
    told["times_typical"] = np.divide(p, typical, out=np.full(len(book), np.nan), where=typical > 0)
    told["health"], told["band"] = displayed(numbers(book, "health")), texts(book, "band")
    told["quadrant"] = np.where(
        risky,
        np.where(dear, "call_now", "automated_play"),
        np.where(dear, "grow", "leave_alone"),
    ).astype(object)
    known = _placed(book, settings) & ~np.isnan(numbers(book, "mrr"))
    found = table(told)[known]
    return found.sort_values(["mrr", "account_id"], ascending=[False, True], ignore_index=True)


def matrix(book: pd.DataFrame, settings: Settings, threshold: float | None = None) -> Listing:
    """The four quadrants: how many accounts, what they pay, and what to do with them.

    Returns
    -------
    Rows quadrant, accounts, mrr, mrr_at_risk (monthly revenue times probability; unknown without a model), sentence;
    `high_value` and `high_risk`, the thresholds; left out are accounts without a risk or without a known revenue.
    """
    least = value_threshold(book, settings) if threshold is None else threshold
    placed = quadrants(book, settings, least)
    placed["mrr_at_risk"] = placed["mrr"] * placed["churn"]
    groups = placed.groupby("quadrant")
    sums = groups[["mrr", "mrr_at_risk"]].sum(min_count=1).reindex(QUADRANTS)
    counts = groups.size().reindex(QUADRANTS, fill_value=0)
    rows = pd.DataFrame({"quadrant": list(QUADRANTS), "accounts": counts.to_numpy(dtype=int)})
    rows["mrr"] = sums["mrr"].fillna(0.0).to_numpy(dtype=float)
    rows["mrr_at_risk"] = sums["mrr_at_risk"].to_numpy(dtype=float)
    rows["sentence"] = [
        _sentence(name, n, mrr) for name, n, mrr in zip(QUADRANTS, rows["accounts"], rows["mrr"], strict=True)
    ]
    with_risk = _placed(book, settings)
    left_out = {
        "without_risk": int((~with_risk).sum()),
        "without_revenue": int((with_risk & np.isnan(numbers(book, "mrr"))).sum()),
    }
    extra = {
        "high_risk": settings.calls.high_risk,
        "high_value": least if np.isfinite(least) else None,
        "weighted": settings.calls.strategic_weight != 1,
    }
    return Listing(rows, left_out, _notes(settings, least), extra)


def _notes(settings: Settings, least: float) -> tuple[str, ...]:
    times, worst = f"{settings.calls.high_risk:g}", settings.health.bands[0]
    risk = f"Risk is high from {times} times the usual probability of leaving, and in the band {worst}."
    if not np.isfinite(least):
        return (risk, "No account pays anything, so none is of high value.")
    whose = "" if settings.calls.high_value is not None else ", the median of the paying accounts"
    return (risk, f"Value is high from {money(least)} a month{whose}.")


def _sentence(quadrant: str, accounts: int, mrr: float) -> str:
    what, do = _SAYS[quadrant]
    if not accounts:
        return f"No account is {what}."
    subject = counted(accounts, "account")
    pays = f"{verb(accounts, 'pays', 'pay')} {money(mrr)} a month" + ("" if accounts == 1 else " together")
    return f"{subject} {verb(accounts, 'is', 'are')} {what} and {pays}: {do}."


def _band(book: pd.DataFrame, settings: Settings) -> np.ndarray:
    return bands_of(book, settings.health.bands, settings.health.edges)


def _placed(book: pd.DataFrame, settings: Settings) -> np.ndarray:
    """(n,) whether an account's risk is known: by a probability or by its band; those that leave have neither."""
    gone = status_in(book, "churned", "notice_given")
    return np.asarray((scored(book) | (_band(book, settings) >= 0)) & ~gone)
