"""Accounts on a CSM's page: the report's lists of accounts in; a table and what happened to each out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serving.quarter.drawings import difference_bar
from serving.quarter.footnotes import Footnotes
from serving.quarter.words import NONE, amount, safe, told_day

__all__ = ["lists_of"]

Document = Mapping[str, Any]

_LISTS = (
    ("notices_withdrawn", "Notices withdrawn"),
    ("won_back", "Won back, counted apart"),
    ("changed_hands", "Changed hands, split by days"),
)
_MOST = 8
"""Accounts of one list that are named."""
_ALONE = 3
"""Up to so many stand below each other and not in two columns."""


def lists_of(csm: Document, notes: Footnotes) -> str:
    """The accounts that explain most of the difference, then those of the other lists."""
    told = [(title, csm[key]) for key, title in _LISTS if csm.get(key)]
    others = "".join(_list(title, rows, alone=len(told) == 1) for title, rows in told)
    beside = f'<div class="lists">{others}</div>' if len(told) > 1 else others
    return _explained(csm.get("explained") or [], notes) + beside


def _explained(rows: Sequence[Document], notes: Footnotes) -> str:
    if not rows:
        return ""
    widest = max(abs(row.get("difference") or 0.0) for row in rows)
    body = "".join(
        f'<tr><th scope="row">{_account(row)}</th><td class="n">{amount(row.get("expected"))}</td>'
        f'<td class="n">{amount(row.get("realised"))}</td><td class="n">{amount(row.get("difference"), sign=True)}</td>'
        f'<td class="bar" style="width:12%">{difference_bar(row.get("difference"), widest, "")}</td>'
        f'<td style="width:45%">{safe(row.get("sentence") or "")}</td></tr>'
        for row in rows
    )
    told = {1: "The account that explains", 10: "The ten accounts that explain"}
    heading = told.get(len(rows), f"The {len(rows)} accounts that explain")
    return (
        f'<h3>{heading} most of the difference{notes.mark("impact_exit")}</h3><table class="dense"><thead><tr>'
        '<th scope="col">Account</th><th scope="col" class="n">expected<br>MRR</th><th scope="col" class="n">MRR at<br>'
        'the end</th><th scope="col" class="n">difference,<br>a year</th><th></th><th scope="col">What happened</th>'
        f"</tr></thead><tbody>{body}</tbody></table>"
    )


def _account(row: Document) -> str:
    name, code = row.get("name"), row.get("account_id")
    share = row.get("share")
    part = "" if share is None or share > 0.9995 or "days" in row else f", {amount(100 * share)}\N{NO-BREAK SPACE}%"
    if not name or name == code:
        return f'{safe(code or NONE, 60)}<span class="code">{part}</span>'
    return f'{safe(name, 60)} <span class="code">{safe(code, 40)}{part}</span>'


def _list(title: str, rows: Sequence[Document], alone: bool) -> str:
    items = "".join(f"<li><strong>{_account(row)}</strong>: {_happened(row)}.</li>" for row in rows[:_MOST])
    wide = " split" if alone and len(rows) > _ALONE else ""
    rest = f'<p class="caption">And {len(rows) - _MOST:,} more.</p>' if len(rows) > _MOST else ""
    return f'<div><h3>{title}</h3><ul class="small{wide}">{items}</ul>{rest}</div>'


def _happened(row: Document) -> str:
    """What one row of a list says, whichever list it is.

    >>> _happened({"share": 0.355, "days": 32, "until_on": "2025-02-02"})
    'held on 32 days, 36\\xa0% of it counts here'
    >>> _happened({"notice_on": "2025-02-02", "withdrawn_on": "2025-02-20", "mrr": 820.0})
    'notice of 2 February 2025 withdrawn on 20 February 2025; pays 820 a month at the end'
    >>> _happened({"left_on": "2025-01-09", "returned_on": "2025-03-01", "mrr": 75.0, "inside": True})
    'left on 9 January 2025, back on 1 March 2025; pays 75 a month at the end; in the figures it counts as lost'
    """
    pays = f"pays {amount(row.get('mrr'))} a month at the end"
    if row.get("returned_on"):
        lost = "; in the figures it counts as lost" if row.get("inside") else ""
        return f"left on {told_day(row['left_on'])}, back on {told_day(row['returned_on'])}; {pays}{lost}"
    if row.get("withdrawn_on"):
        return f"notice of {told_day(row['notice_on'])} withdrawn on {told_day(row['withdrawn_on'])}; {pays}"
    days, share = row.get("days") or 0, amount(100 * (row.get("share") or 0.0))
    return f"held on {amount(days)} day{'' if days == 1 else 's'}, {share}\N{NO-BREAK SPACE}% of it counts here"
