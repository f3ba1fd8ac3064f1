"""Blindsided: who left and what was told of them before in; who was never flagged, and who of the flagged left, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from features.feature import DIMENSIONS
from success.book import finite
from success.health import display
from success.phrases import counted, listed_out, money, on_day, percent, verb
from success.wording import odds

__all__ = ["BEFORE", "EXPLAINED", "NOT_ON_RECORD", "NOT_STATED", "NO_DRIVER", "WITHIN", "Blindsided", "blindsided"]

BEFORE = (90, 60, 30)
"""Days before an account left at which it is looked at."""
WITHIN = 90
"""Days after it was first flagged within which an account leaves, or it was a false alarm."""
EXPLAINED = 60
"""Days before it left whose drivers stand beside the stated reason."""
NOT_STATED = "not stated"
NOT_ON_RECORD = "not on record"
"""The reason of an account of which nothing says whether one was stated."""
NO_DRIVER = "no driver"
_DRIVERS = 3


@dataclass(frozen=True)
class Blindsided:
    """A period, looked back at.

    Parameters
    ----------
    lost : of each account that left account_id, name, segment, csm_id, mrr, churned_on, end_reason, exit_reasons,
        flagged (whether it was in the worst band on any of the days looked at; None where none of them was scored),
        before (for 90, 60 and 30 days {as_of, status, band, health, churn}, or None: not scored then), drivers (of 60
        days before, those that raised the risk most), sentence. First those never flagged, then those never scored,
        then the others; within each the most monthly revenue first.
    summary : counts, see `blindsided`.
    agreement : by stated reason, by the dimension of the largest driver of 60 days before, how many accounts.
    sentences : the same for a person.
    """

    lost: list[dict[str, Any]]
    summary: dict[str, Any]
    agreement: dict[str, dict[str, int]]
    sentences: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON can say it."""
        return {
            "summary": self.summary,
            "sentences": self.sentences,
            "lost": self.lost,
            "agreement": self.agreement,
        }


def blindsided(
    lost: pd.DataFrame,
    past: pd.DataFrame,
    flagged: pd.DataFrame,
    *,
    worst: str,
    since: dt.date,
    until: dt.date,
    as_of: dt.date,
) -> Blindsided:
    """Whether those who left were seen coming, and whether those who were flagged left.

    Parameters
    ----------
    lost : account_id, name, segment, csm_id, mrr (of the last score, else what it paid last), churned_on (date),
        end_reason, exit_reasons (a list of texts; None where nothing says whether one was stated); one row an account.
    past : account_id, days_before (one of `BEFORE`), as_of (date), status, band, health, churn (None or NaN where
        unknown), drivers (a list, read where days_before is 60); no row where no scored day was near.
    flagged : account_id, first_on (the first scored day of the period in the worst band), churned_on (None where it is
        still a customer), notice (whether it is under notice by now).
    worst : the name of the worst band.
    since, until : the first day of the period and the last.
    as_of : the day up to which is known who left.

    Notes
    -----
    summary has since, until, as_of, lost {accounts, mrr}, flagged_before {days: {scored, flagged}}, never_flagged
    {accounts, mrr}, never_scored, flagged {accounts, left (within 90 days of the first flag), notice, undecided (these
    days are not over), stayed}. A flagged account that left later stayed those 90 days.
    """
    looks: dict[str, dict[int, dict[str, Any]]] = {}
    reasons_before: dict[str, list[dict[str, Any]]] = {}
    for row in past.to_dict("records"):
        account, days = str(row["account_id"]), int(row["days_before"])
        looks.setdefault(account, {})[days] = _look(row)
        if days == EXPLAINED:
            reasons_before[account] = _raising(row.get("drivers"))
    rows = lost.to_dict("records")
    told = [_told(row, looks, reasons_before, worst) for row in rows]
    unknown = {str(row["account_id"]) for row in rows if not isinstance(row.get("exit_reasons"), list)}
    order = {False: 0, None: 1, True: 2}
    told.sort(key=lambda row: (order[row["flagged"]], -(row["mrr"] or 0.0), row["account_id"]))
    summary = {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "as_of": as_of.isoformat(),
        "lost": _sum(told),
        "flagged_before": {str(days): _flagged_at(told, days, worst) for days in BEFORE},
        "never_flagged": _sum([row for row in told if row["flagged"] is False]),
        "never_scored": _sum([row for row in told if row["flagged"] is None]),
        "flagged": _outcomes(flagged, as_of),
    }
    return Blindsided(told, summary, _agreement(told, unknown), _sentences(summary, worst, since, until))


def _look(row: Mapping[Any, Any]) -> dict[str, Any]:
    health, churn = finite(row.get("health")), finite(row.get("churn"))
    return {
        "as_of": row["as_of"].isoformat(),
        "status": row["status"] if isinstance(row.get("status"), str) else None,
        "band": row["band"] if isinstance(row.get("band"), str) else None,
        "health": None if health is None else display(health),
        "churn": churn,
    }


def _told(
    row: Mapping[Any, Any],
    looks: Mapping[str, Mapping[int, dict[str, Any]]],
    drivers: Mapping[str, list[dict[str, Any]]],
    worst: str,
) -> dict[str, Any]:
    """An account that left, and what was told of it before."""
    account = str(row["account_id"])
    before = {str(days): looks.get(account, {}).get(days) for days in BEFORE}
    bands = [look["band"] for look in before.values() if look is not None and look["band"] is not None]
    told: dict[str, Any] = {
        "account_id": account,
        **{name: row[name] if isinstance(row.get(name), str) else None for name in ("name", "segment", "csm_id")},
        "mrr": finite(row.get("mrr")),
        "churned_on": row["churned_on"].isoformat(),
        "end_reason": row["end_reason"] if isinstance(row.get("end_reason"), str) else None,
        "exit_reasons": [str(reason) for reason in row.get("exit_reasons") or []],
        "flagged": worst in bands if bands else None,
        "before": before,
        "drivers": drivers.get(account, []),
    }
    told["sentence"] = _sentence(told, row["churned_on"])
    return told


def _raising(drivers: object) -> list[dict[str, Any]]:
    """The drivers about the customer that raised the risk most."""
    known = [d for d in drivers if isinstance(d, dict)] if isinstance(drivers, list) else []
    # What only says when the renewal falls has no points of health, and is no reason to leave.
    mine = [d for d in known if d.get("feature") and not ("health_points" in d and d["health_points"] is None)]
    raising = [d for d in mine if (finite(d.get("points")) or 0) > 0]
    raising.sort(key=lambda d: -float(d["points"]))
    return [{name: d.get(name) for name in ("feature", "dimension", "sentence")} for d in raising[:_DRIVERS]]


def _sentence(told: Mapping[str, Any], churned_on: dt.date) -> str:
    paid = "" if told["mrr"] is None else f" with {money(told['mrr'])} a month"
    how = " for want of payment" if told["end_reason"] == "involuntary" else ""
    seen = []
    for days, look in told["before"].items():
        if look is None or look["band"] is None:
            noticed = look is not None and look["status"] == "notice_given"
            seen.append(f"{'under notice' if noticed else 'not scored'} {days} days before")
        else:
            chance = "" if look["churn"] is None else f", {odds(look['churn'])}"
            seen.append(f"{look['band']} {days} days before ({look['health']}{chance})")
    return f"Left{how} on {on_day(churned_on)}{paid}: {listed_out(seen)}."


def _sum(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"accounts": len(rows), "mrr": round(sum(row["mrr"] or 0.0 for row in rows), 2)}


def _flagged_at(told: Sequence[Mapping[str, Any]], days: int, worst: str) -> dict[str, int]:
    looks = [look for row in told if (look := row["before"][str(days)]) is not None and look["band"] is not None]
    return {"scored": len(looks), "flagged": sum(look["band"] == worst for look in looks)}


def _outcomes(flagged: pd.DataFrame, as_of: dt.date) -> dict[str, int]:
    """What became of the accounts that were in the worst band in the period."""
    found = {"accounts": len(flagged), "left": 0, "notice": 0, "undecided": 0, "stayed": 0}
    for row in flagged.to_dict("records"):
        end, left = row["first_on"] + dt.timedelta(days=WITHIN), row.get("churned_on")
        if isinstance(left, dt.date) and left < end:
            found["left"] += 1
        elif as_of < end:
            found["notice" if row.get("notice") is True else "undecided"] += 1
        else:
            found["stayed"] += 1
    return found


def _agreement(told: Sequence[Mapping[str, Any]], unknown: Collection[str]) -> dict[str, dict[str, int]]:
    """Stated reasons beside the dimension of the largest driver; an account with two reasons counts for both."""
    found: dict[str, dict[str, int]] = {}
    for row in told:
        known = row["drivers"][0]["dimension"] if row["drivers"] else None
        dimension = known if known in DIMENSIONS else NO_DRIVER
        for reason in row["exit_reasons"] or [NOT_ON_RECORD if row["account_id"] in unknown else NOT_STATED]:
            counts = found.setdefault(reason, {})
            counts[dimension] = counts.get(dimension, 0) + 1
    place = {name: n for n, name in enumerate((*DIMENSIONS, NO_DRIVER))}
    by_size = sorted(
        found, key=lambda reason: (reason in (NOT_STATED, NOT_ON_RECORD), -sum(found[reason].values()), reason)
    )
    return {reason: dict(sorted(found[reason].items(), key=lambda c: place[c[0]])) for reason in by_size}


def _sentences(summary: Mapping[str, Any], worst: str, since: dt.date, until: dt.date) -> list[str]:
    """What the counts say."""
    n, never, unseen = summary["lost"], summary["never_flagged"], summary["never_scored"]
    days = f"from {on_day(since)} to {on_day(until)}"
    if not n["accounts"]:
        told = [f"No account left {days}."]
    else:
        told = [f"{counted(n['accounts'], 'account')} with {money(n['mrr'])} a month left {days}."]
        if never["accounts"]:
            told.append(
                f"{counted(never['accounts'], 'of them was', 'of them were')} never {worst} on the days looked at, "
                f"with {money(never['mrr'])} a month."
            )
        elif n["accounts"] > unseen["accounts"]:
            told.append(f"Each that was scored was {worst} at least once on the days looked at.")
        if unseen["accounts"]:
            told.append(f"{counted(unseen['accounts'], 'of them was', 'of them were')} scored on none of those days.")
        for number, seen in summary["flagged_before"].items():
            if seen["scored"]:
                share = percent(seen["flagged"] / seen["scored"])
                told.append(
                    f"{number} days before, {seen['flagged']:,} of {seen['scored']:,} that were scored {_were(seen)} "
                    f"{worst} ({share})."
                )
    return [*told, _of_flagged(summary["flagged"], worst)]


def _were(seen: Mapping[str, int]) -> str:
    return verb(seen["flagged"], "was", "were")


def _of_flagged(flagged: Mapping[str, int], worst: str) -> str:
    n = flagged["accounts"]
    if not n:
        return f"No account was {worst} on a scored day of this period."
    parts = [f"{flagged['left']:,} left within {WITHIN} days"]
    parts += [f"{flagged['stayed']:,} stayed"] if flagged["stayed"] else []
    parts += [f"{flagged['notice']:,} {verb(flagged['notice'], 'is', 'are')} under notice"] if flagged["notice"] else []
    if flagged["undecided"]:
        parts.append(f"of {flagged['undecided']:,} it is not decided yet")
    who = f"{counted(n, 'account')} {verb(n, 'was', 'were')} {worst} on a scored day of this period"
    return f"{who}: {listed_out(parts)}."
