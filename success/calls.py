"""Calls: a book in; whom each CSM should call first, and whom billing should write to, out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from features.plays import Plays
from features.practice import CallSettings, HealthSettings
from success.book import (
    day_of,
    days_since,
    displayed,
    headline_of,
    numbers,
    status_in,
    table,
    texts,
    value_of,
)
from success.levers import lever, not_falling
from success.listing import Listing
from success.phrases import beside, by_day, counted, money, percent, verb
from success.ranking import ranked

__all__ = [
    "NOT_ON_RECORD",
    "billing",
    "calls",
    "listed",
    "lowest_health",
]

NOT_ON_RECORD = "Contacts are not on record."
"""What is said of every account where the history tells of no conversation with anybody."""

_ROWS = (
    "csm_id", "rank", "account_id", "name", "segment", "stage", "mrr", "value", "churn", "typical", "at_stake", "by",
    "why", "health", "band", "driver", "driver_feature", "driver_dimension", "play", "days_since_contact", "contact",
    "renews_on", "listed_since", "days_listed", "involuntary_share",
)  # fmt: skip
_PLAYS = Plays()  # the defaults
_HEALTH = HealthSettings()


def calls(
    book: pd.DataFrame,
    settings: CallSettings,
    capacity: int,
    snoozed: Collection[str] = (),
    plays: Plays = _PLAYS,
    health: HealthSettings = _HEALTH,
    contacts: bool | None = None,
) -> Listing:
    """The accounts that each CSM should call first, by the monthly revenue at risk beyond the usual.

    Ordered by `value * (p - typical)`: a large account with an ordinary risk is not urgent because it is large. An
    account that only the rules judged comes after all of those, by monthly revenue times what its health lacks to 100.
    Not in it: accounts without revenue or without a risk above the usual, those with less than `LEAST_AT_STAKE` at
    stake, those in the best band of health unless their risk is high, those that gave notice, and those of
    `billing`.

    Parameters
    ----------
    capacity : accounts of each CSM at most; those without a CSM are cut to it too.
    snoozed : accounts to leave out.
    contacts : whether conversations are on record at all; as the book says when not given.

    Returns
    -------
    Rows csm_id (None last), rank (1 and up for each CSM), account_id, name, segment, stage, mrr, value (revenue, times
    `strategic_weight` where strategic), churn and typical (at the headline horizon), at_stake (what it is ordered by),
    by ("probability" or "rules"), why (the sentence that explains the rank), health and band, driver (the sentence of
    the largest driver that can be acted on), driver_feature, driver_dimension, play, days_since_contact and contact,
    renews_on, listed_since and days_listed (unknown where the account comes up for one that is snoozed),
    involuntary_share; left out are accounts by reason.
    """
    found = ranked(book, settings, health)
    ours = found[found["worth"] & ~found["billing"]]
    snoozing = ours["account_id"].isin(list(snoozed))
    away = int(snoozing.sum())
    rows = _told(_cut(ours[~snoozing], capacity), book, settings, plays, contacts=contacts)
    left_out = {
        "snoozed": away,
        "beyond_capacity": len(ours) - away - len(rows),
        "billing": int(found["billing"].sum()),
        "healthy": int((found["healthy"] & ~found["billing"]).sum()),
        "little_at_stake": int((~found["worth"] & ~found["healthy"] & ~found["billing"]).sum()),
        "notice_given": int(status_in(book, "notice_given").sum()),
    }
    notes = []
    if away:
        notes.append(f"{counted(away, 'account')} {verb(away, 'is', 'are')} snoozed and left out.")
    if (rows["by"] == "rules").any():
        notes.append("Accounts without a probability are ranked by their rule-based health and what they pay.")
    return Listing(rows, left_out, tuple(notes), {"capacity": capacity})


def billing(
    book: pd.DataFrame, settings: CallSettings, snoozed: Collection[str] = (), plays: Plays = _PLAYS
) -> Listing:
    """The accounts whose risk is mainly that payments fail, in one list for billing; columns as of `calls`."""
    found = ranked(book, settings, _HEALTH)  # their health keeps nobody out of it
    ours = found[found["billing"]]
    snoozing = ours["account_id"].isin(list(snoozed))
    ours = ours[~snoozing].assign(rank=np.arange(1, 1 + (~snoozing).sum()))
    rows = _told(ours, book, settings, plays, for_billing=True)
    share = percent(settings.involuntary_share)
    note = f"More than {share} of the risk of each of these accounts is that payments fail, not that it decides to go."
    return Listing(rows, {"snoozed": int(snoozing.sum())}, (note,) if len(rows) else ())


def listed(
    book: pd.DataFrame,
    previous: pd.DataFrame | None,
    calls: CallSettings,
    capacity: int,
    health: HealthSettings = _HEALTH,
) -> pd.DataFrame:
    """Each CSM's call list as it is kept with the day's scores; nobody is snoozed, so it is the same whenever made.

    Parameters
    ----------
    previous : the book of the scored day before, with `listed_since`; None where there is none.

    Returns
    -------
    account_id, list_rank (1 and up for each CSM), listed_since: the previous one's where the account was on that list
    too, else the book's day; sorted by account_id.
    """
    found = ranked(book, calls, health)
    found = _cut(found[found["worth"] & ~found["billing"]], capacity)
    since: dict[Any, Any] = {}
    if previous is not None:
        since = dict(zip(texts(previous, "account_id"), texts(previous, "listed_since"), strict=True))
    today = day_of(book)
    kept = [since.get(account) or today for account in found["account_id"]]
    told = {"account_id": found["account_id"], "list_rank": found["rank"], "listed_since": kept}
    return table(told).sort_values("account_id", ignore_index=True)


def lowest_health(scores: pd.DataFrame, count: int = 5) -> pd.DataFrame:
    """The paying accounts with the lowest health, where there is no probability to go by.

    Parameters
    ----------
    scores : columns health (0 to 100, higher is healthier), mrr.
    count : rows at most.

    Returns
    -------
    Their rows, the lowest first; of accounts with the same health the one that pays more.
    """
    known = scores[scores["health"].notna() & (scores["mrr"] > 0)]
    return known.sort_values(["health", "mrr"], ascending=[True, False], kind="stable").head(count)


def _cut(found: pd.DataFrame, capacity: int) -> pd.DataFrame:
    """The first ones of each CSM, with `rank`; CSM by CSM, accounts without one last."""
    whose, names = pd.factorize(found["csm_id"], sort=True)
    whose = np.where(whose < 0, len(names), whose)
    rank = found.groupby(whose).cumcount() + 1
    cut = found.assign(rank=rank, whose=whose)[rank <= capacity]
    return cut.sort_values(["whose", "rank"])


def _told(
    found: pd.DataFrame,
    book: pd.DataFrame,
    calls: CallSettings,
    plays: Plays,
    *,
    for_billing: bool = False,
    contacts: bool | None = None,
) -> pd.DataFrame:
    """The columns of `calls` for the rows that are shown."""
    rows, day = book.iloc[found["place"].to_numpy()], day_of(book)
    h = headline_of(book)
    told: dict[str, Any] = {name: texts(rows, name) for name in ("csm_id", "account_id", "name", "segment", "stage")}
    told |= {name: texts(rows, name) for name in ("band", "renews_on", "listed_since")}
    told |= {"mrr": numbers(rows, "mrr"), "value": value_of(rows, calls.strategic_weight)}
    told |= {"churn": numbers(rows, f"churn_{h}d"), "typical": numbers(rows, f"typical_{h}d")}
    told |= {name: found[name].to_numpy() for name in ("rank", "at_stake", "involuntary_share")}
    by_rules, rules = found["by_rules"].to_numpy(dtype=bool), found["rule_health"].to_numpy(dtype=float)
    told["by"] = np.where(by_rules, "rules", "probability").astype(object)
    told["health"] = np.where(by_rules, rules, displayed(numbers(rows, "health")))
    why = []
    for i in range(len(rows)):
        times = f", counted {calls.strategic_weight:g}-fold as strategic" if told["value"][i] != told["mrr"][i] else ""
        start = f"{money(told['mrr'][i])} a month at stake{times}: "
        if by_rules[i]:
            why.append(f"{start}{_why_by_rules(rules[i], told['at_stake'][i])}")
            continue
        share = told["involuntary_share"][i] if for_billing else None
        when = by_day(day, h or 0)
        why.append(f"{start}{_why(told['churn'][i], told['typical'][i], when, told['at_stake'][i], share)}")
    told["why"] = why
    tops, scores = texts(rows, "top"), texts(rows, "rule_scores")
    first = "billing" if for_billing else None
    asked = zip(tops, scores, not_falling(rows), strict=True)
    levers = [lever(top, plays, rules_told, fine, first) for top, rules_told, fine in asked]
    for place, name in enumerate(("driver", "driver_feature", "driver_dimension", "play")):
        told[name] = [one[place] for one in levers]
    told["days_since_contact"] = numbers(rows, "f_days_since_two_way_contact")
    if contacts is None:
        contacts = bool((~np.isnan(numbers(book, "f_days_since_two_way_contact"))).any())
    told["contact"] = [_contact(n) if contacts else NOT_ON_RECORD for n in told["days_since_contact"]]
    told["days_listed"] = np.array([days_since(since, day) for since in told["listed_since"]], dtype=float)
    return table(told, _ROWS)


def _why(p: float, typical: float, when: str, at_stake: float, involuntary: float | None) -> str:
    these, usual = beside(p, typical)
    part = f" ({percent(involuntary)} of them because payments fail)" if involuntary is not None else ""
    return (
        f"{these} leave {when}{part} against {usual} usually, which puts {money(at_stake)} a month at risk "
        "beyond the usual."
    )


def _why_by_rules(health: float, at_stake: float) -> str:
    return (
        f"no probability is known, but rule-based health of {health:.0f} of 100 ranks it by {money(at_stake)}, "
        "what it pays times what its health lacks to 100."
    )


def _contact(ago: float) -> str:
    if np.isnan(ago):
        return "It was never spoken with, both ways."
    return "Last spoke both ways today." if ago == 0 else f"Last spoke both ways {counted(int(ago), 'day')} ago."
