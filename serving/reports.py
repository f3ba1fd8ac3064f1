"""Reports as they are told: a kept report and who asks in; what that one may read of it out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from serving.answers import utc
from serving.store.reports import Report
from success.phrases import counted, verb
from success.worth.words import NOT_FOR_PAY

__all__ = ["GROUPINGS", "bound_revenue", "bound_roi", "revenue_document", "roi_document"]

GROUPINGS = ("segment", "plan", "csm", "seller", "cohort")
"""What revenue is told by."""

ROWS = ("explained", "changed_hands", "notices_withdrawn", "won_back")
"""The lists of accounts that the report on a CSM has."""

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


def bound_roi(report: Report, csm_id: str, theirs: Collection[str]) -> dict[str, Any] | None:
    """The report on the CSM of one book, for who may know of no other; None where it has no such CSM.

    Parameters
    ----------
    theirs : accounts that are in others' books by now, of which nothing is told any more but what they add up to.
    """
    told = roi_document(report, csm_id)
    if told is None:
        return None
    (ours,) = told["csms"]
    lists = {name: [row for row in ours[name] if row["account_id"] not in theirs] for name in ROWS}
    gone = {row["account_id"] for name in ROWS for row in ours[name]} & set(theirs)
    sentences = list(ours["sentences"])
    if gone:
        many = counted(len(gone), "account")
        sentences.append(f"{many} of it {verb(len(gone), 'is', 'are')} in another book by now and not named here.")
    margin = {**told["gross_margin"], "numerator": None, "denominator": None}  # the whole company's costs and revenue
    cut = {"gross_margin": margin, "notes": [note for note in told["notes"] if note == NOT_FOR_PAY]}
    return {**told, **dict.fromkeys(_OTHERS), **cut, "csms": [{**ours, **lists, "sentences": sentences}]}


def revenue_document(report: Report) -> dict[str, Any]:
    """The revenue of a period as it is told."""
    return _dated(report)


def bound_revenue(report: Report, csm_id: str) -> dict[str, Any] | None:
    """Of the revenue by CSM what the CSM of one book may read: that book's; None where there is none."""
    told = _dated(report)
    ours = [group for group in told["groups"] if group["group"] == csm_id]
    return {**told, "total": None, "groups": ours, "notes": []} if ours else None


def _dated(report: Report) -> dict[str, Any]:
    return {**report.body, "computed_at": utc(report.computed_at)}
