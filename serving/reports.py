"""Reports as they are told: a kept report and who asks in; what that one may read of it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.answers import utc
from serving.store.holders import Seen
from serving.store.reports import Report
from success.phrases import counted, verb
from success.worth.words import NOT_FOR_PAY

__all__ = ["GROUPINGS", "HELD_LAST", "bound_revenue", "bound_roi", "named_accounts", "revenue_document", "roi_document"]

GROUPINGS = ("segment", "plan", "csm", "seller", "cohort")
"""What revenue is told by."""

ROWS = ("explained", "changed_hands", "notices_withdrawn", "won_back")
"""The lists of accounts that the report on a CSM has."""

HELD_LAST = "held_last"
"""Of a kept report: who held each account that it names last, as it knew. It decides what a book is told, and is not
told."""

_OTHERS = ("company", "nobody", "shift", "ranking", "reconstructed")
"""What is made of other CSMs' books too."""


def roi_document(report: Report, csm_id: str | None = None) -> dict[str, Any] | None:
    """The report on CSMs, of one of them or all; None where it has no such CSM.

    What is common to all books stays in it: what one CSM did is told beside it.
    """
    told = _dated(report)
    if csm_id is None:
        return told
    ours = [one for one in told["csms"] if one["csm_id"] == csm_id]
    return {**told, "csms": ours} if ours else None


def named_accounts(report: Report) -> set[str]:
    """The accounts that the report on CSMs names, of all of them."""
    return {row["account_id"] for csm in report.body["csms"] for name in ROWS for row in csm[name]}


def bound_roi(report: Report, csm_id: str, seen: Mapping[str, Seen]) -> dict[str, Any] | None:
    """The report on the CSM of one book, for who may know of no other; None where it has no such CSM.

    Accounts that went on to another book are not named any more, and only in what all add up to: neither those that
    are there now nor those that left from there.

    Parameters
    ----------
    seen : in whose book each account that it names was seen last, on a scored day.
    """
    told = roi_document(report, csm_id)
    if told is None:
        return None
    (ours,) = told["csms"]
    named = {row["account_id"] for name in ROWS for row in ours[name]}
    gone = {account for account in named if not _still(report, csm_id, account, seen.get(account))}
    lists = {name: [row for row in ours[name] if row["account_id"] not in gone] for name in ROWS}
    sentences = list(ours["sentences"])
    if gone:
        many = counted(len(gone), "account")
        sentences.append(f"{many} of it went to another book since and {verb(len(gone), 'is', 'are')} not named here.")
    margin = {**told["gross_margin"], "numerator": None, "denominator": None}  # the whole company's costs and revenue
    cut = {"gross_margin": margin, "notes": [note for note in told["notes"] if note == NOT_FOR_PAY]}
    return {**told, **dict.fromkeys(_OTHERS), **cut, "csms": [{**ours, **lists, "sentences": sentences}]}


def _still(report: Report, csm_id: str, account: str, seen: Seen | None) -> bool:
    """Whether the last who is known to have held an account is that CSM; not, where nobody is known."""
    if seen is not None and (seen.csm_id != csm_id or seen.as_of >= report.as_of):
        return seen.csm_id == csm_id
    known: Mapping[str, str] = report.body.get(HELD_LAST) or {}
    if account not in known:  # of a report that was kept without it
        return seen is not None
    return known[account] == csm_id


def revenue_document(report: Report) -> dict[str, Any]:
    """The revenue of a period as it is told."""
    return _dated(report)


def bound_revenue(report: Report, csm_id: str) -> dict[str, Any] | None:
    """Of the revenue by CSM what the CSM of one book may read: that book's; None where there is none."""
    told = _dated(report)
    ours = [group for group in told["groups"] if group["group"] == csm_id]
    return {**told, "total": None, "groups": ours, "notes": []} if ours else None


def _dated(report: Report) -> dict[str, Any]:
    told = {name: part for name, part in report.body.items() if name != HELD_LAST}
    return {**told, "computed_at": utc(report.computed_at)}
