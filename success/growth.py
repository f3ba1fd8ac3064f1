"""Growth: a book in; the accounts that may buy more, what of, and what says so, out."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from features.settings import Settings
from success.book import day_of, displayed, headline_of, numbers, status_in, table, texts
from success.listing import Listing
from success.matrix import high_risk
from success.phrases import beside, by_day, counted, listed_out, money, percent

__all__ = ["WELL_ABOVE", "growth"]

WELL_ABOVE = 2.0
"""An account without a signal is listed from so many times the usual probability of growing."""

_USERS_DAYS, _DEPARTMENTS_DAYS = 90, 180
"""Days that new users and new departments are counted over."""
_CARRIED = ("account_id", "name", "csm_id", "segment", "stage", "plan", "band", "renews_on")
_ROWS = (
    *_CARRIED, "mrr", "kind", "why", "signals", "expansion", "typical", "to_grow", "health", "limit_used_share",
    "seats_used_share", "new_users", "new_departments", "days_since_contact",
)  # fmt: skip


def growth(book: pd.DataFrame, settings: Settings, count: int | None = None) -> Listing:
    """Paying accounts to grow, neither at risk nor on a call list, by monthly revenue times the probability of growing.

    Accounts with a signal but no such probability come after those with one, by what they pay. An account without a
    signal is in it only where growing is `WELL_ABOVE` times as likely as usual.

    Parameters
    ----------
    count : rows at most.

    Returns
    -------
    Rows account_id, name, csm_id, segment, stage, plan, band, renews_on, mrr, kind ("upsell": near a limit, seats
    nearly all used, new users; "cross_sell": new departments and none of those; "likely": no signal), why, signals
    (how many), expansion and typical (at the horizon of expansion nearest to the headline), to_grow (mrr times
    expansion), health, limit_used_share, seats_used_share, new_users, new_departments, days_since_contact; left out
    are accounts with a signal, by reason.
    """
    chosen, signals, left_out = _judged(book, settings)
    rows = _worded(book, chosen, signals, count)
    notes = []
    if left_out["at_risk"]:
        notes.append(f"Left out for being at risk although they show a signal: {left_out['at_risk']:,}.")
    if len(rows) and rows["expansion"].isna().all():
        notes.append("There is no model of expansion, so accounts are in the order of what they pay.")
    return Listing(rows, left_out, tuple(notes), total=int(chosen.sum()))


def _worded(book: pd.DataFrame, chosen: np.ndarray, signals: dict[str, np.ndarray], count: int | None) -> pd.DataFrame:
    """The columns of `growth`; sentences take the longest, so only the rows that are shown get one."""
    h, mrr = _horizon(book), numbers(book, "mrr")
    to_grow = mrr * numbers(book, f"expansion_{h}d")
    places = np.flatnonzero(chosen)
    order = pd.DataFrame({"to_grow": to_grow[places], "mrr": mrr[places], "id": texts(book, "account_id")[places]})
    order = order.sort_values(["to_grow", "mrr", "id"], ascending=[False, False, True], na_position="last")
    places = places[order.index.to_numpy()[:count]]
    rows = book.iloc[places]
    frame: dict[str, Any] = {name: texts(rows, name) for name in _CARRIED}
    frame |= {"mrr": mrr[places], "to_grow": to_grow[places], "health": displayed(numbers(rows, "health"))}
    frame["expansion"] = numbers(rows, f"expansion_{h}d")
    frame["typical"] = numbers(rows, f"expansion_typical_{h}d")
    frame["limit_used_share"] = numbers(rows, "f_limit_used_share_30d")
    frame["seats_used_share"] = numbers(rows, "f_seats_used_share")
    frame["new_users"] = numbers(rows, "f_new_users_90d")
    frame["new_departments"] = numbers(rows, "f_new_departments_180d")
    frame["days_since_contact"] = numbers(rows, "f_days_since_two_way_contact")
    shown = {name: shows[places] for name, shows in signals.items()}
    upsell = shown["limit"] | shown["seats"] | shown["users"]
    frame["kind"] = np.where(upsell, "upsell", np.where(shown["departments"], "cross_sell", "likely")).astype(object)
    frame["signals"] = np.sum(list(shown.values()), axis=0).astype(int)
    by = by_day(day_of(book), h or 0)
    frame["why"] = [_why(frame, shown, i, by) for i in range(len(rows))]
    return table(frame, _ROWS)


def _horizon(book: pd.DataFrame) -> int | None:
    """The horizon of expansion nearest to the headline's; None where the book has none."""
    found = [int(match[1]) for name in book.columns if (match := re.fullmatch(r"expansion_(\d+)d", str(name)))]
    return min(found, key=lambda h: (abs(h - (headline_of(book) or 90)), h)) if found else None


def _judged(book: pd.DataFrame, settings: Settings) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, int]]:
    """(n,) who is on the list, (n,) who shows which signal, and who is not on it although they show one."""
    wanted = settings.growth
    tenure = numbers(book, "f_tenure_days")
    signals = {
        "limit": numbers(book, "f_limit_used_share_30d") >= wanted.limit_share,
        "seats": numbers(book, "f_seats_used_share") >= wanted.seats_share,
        # Of a young account everything is new: what is counted must have begun after its onboarding, or existed before.
        "users": (numbers(book, "f_new_users_90d") >= wanted.new_users)
        & (tenure >= settings.stages.onboarding_days + _USERS_DAYS),
        "departments": (numbers(book, "f_new_departments_180d") >= 1) & (tenure >= _DEPARTMENTS_DAYS),
    }
    h = _horizon(book)
    p, typical = numbers(book, f"expansion_{h}d"), numbers(book, f"expansion_typical_{h}d")
    likely = p >= WELL_ABOVE * typical
    gone = status_in(book, "churned", "notice_given")
    some = np.logical_or.reduce(list(signals.values()))
    asked = (some | likely) & (np.nan_to_num(numbers(book, "mrr")) > 0) & ~gone
    risky, health = high_risk(book, settings), displayed(numbers(book, "health"))
    ill = health < wanted.least_health
    called = ~np.isnan(numbers(book, "list_rank"))
    left_out = {
        "at_risk": int((asked & some & risky).sum()),
        "low_health": int((asked & some & ~risky & ill).sum()),
        "on_call_list": int((asked & some & ~risky & ~ill & called).sum()),
    }
    return asked & ~risky & ~ill & ~called, signals, left_out


def _why(frame: dict[str, Any], signals: dict[str, np.ndarray], i: int, by: str) -> str:
    said = []
    if signals["limit"][i]:
        said.append(f"it used {percent(frame['limit_used_share'][i])} of a monthly limit in the last 30 days")
    if signals["seats"][i]:
        said.append(f"{percent(frame['seats_used_share'][i])} of its seats are in use")
    if signals["users"][i]:
        said.append(f"it added {counted(int(frame['new_users'][i]), 'user')} in 90 days")
    if signals["departments"][i]:
        n = int(frame["new_departments"][i])
        said.append(f"its users come from {counted(n, 'more department')} than 180 days ago")
    start = {"upsell": "Upsell", "cross_sell": "Cross-sell"}.get(frame["kind"][i], "")
    signal = f"{start}: {listed_out(said)}" if said else "No signal stands out"
    mrr, p, typical, to_grow = (frame[name][i] for name in ("mrr", "expansion", "typical", "to_grow"))
    if np.isnan(p):
        return f"{signal}; it pays {money(mrr)} a month, and how likely it is to grow is not known."
    usual = ""
    these = beside(p, typical if not np.isnan(typical) else p)[0]
    if not np.isnan(typical):
        usual = f" against {beside(p, typical)[1]} usually"
    joined = "; " if said else ", but "
    rank = f"which ranks it by {money(to_grow)}, the {money(mrr)} a month that it pays times those odds"
    return f"{signal}{joined}{these} grow {by}{usual}, {rank}."
