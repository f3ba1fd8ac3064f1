"""Quarter page: the stored reports on revenue and on CSMs in; one HTML page to print, a sheet for each CSM, out.

The page loads nothing from anywhere and runs no script. It is made of the reports alone, so that it can be printed
again whenever they are still stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serving.quarter.appendix import every_figure, groups_table
from serving.quarter.books import books_page
from serving.quarter.company import company_page
from serving.quarter.csm import csm_page
from serving.quarter.footnotes import Footnotes
from serving.quarter.formulas import formulas
from serving.quarter.style import STYLE
from serving.quarter.words import days_of, safe, told_day
from success.worth.words import NOT_FOR_PAY

__all__ = ["quarter_html"]

Document = Mapping[str, Any]

_PERIODS = 5
"""Of a trend: a period, and those of the year before it where it is a quarter."""


def quarter_html(roi: Document, revenues: Sequence[Document] = (), title: str = "") -> str:
    """A whole HTML document: the company, all CSMs, each CSM, every figure, and how each is made.

    Parameters
    ----------
    roi : the report on CSMs, as its `to_json` tells it; it may be cut down to one CSM.
    revenues : reports on revenue as their `to_json` tells it, of any periods and groups and in any order. Those of the
        whole company make the first sheet, with earlier periods of the same length as its trend; those by a group are
        tables of their own. None at all is fine.
    title : what the company is called.
    """
    whole, grouped = _chosen(roi, revenues)
    notes = Footnotes(formulas(roi.get("definitions") or {}))
    parts = _parts(roi, whole, grouped, notes, title or "The company")
    parts.append(("How each figure is made", notes.listed() + _foot(roi)))
    parts[0] = (parts[0][0], _cautions(roi, whole) + parts[0][1])
    sheets = [f'<section class="sheet">{_heading(roi, heading)}{body}</section>' for heading, body in parts]
    name = safe(f"{title + ': ' if title else ''}{roi['period']}, what a CSM is worth")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>{''.join(sheets)}</main>\n"
        "</body>\n</html>\n"
    )


def _parts(
    roi: Document, whole: Sequence[Document], grouped: Sequence[Document], notes: Footnotes, title: str
) -> list[tuple[str, str]]:
    """Heading and body of each sheet but the last; of what only a whole company has, where the reports tell of one."""
    csms = roi.get("csms") or []
    parts = []
    if whole or roi.get("company"):
        parts.append((title, company_page(roi, whole, notes)))
    if roi.get("company") or len(csms) > 1:
        parts.append(("What each CSM\N{RIGHT SINGLE QUOTATION MARK}s book did", books_page(roi, notes)))
    desks = {str(one["group"]): one for report in grouped if report["by"] == "csm" for one in report["groups"]}
    parts += [(f"CSM {one['csm_id']}", csm_page(one, notes, desks.get(str(one["csm_id"])))) for one in csms]
    for report in grouped:
        if report.get("total"):
            by = "CSM" if report["by"] == "csm" else report["by"]
            parts.append((f"Revenue by {by}", groups_table(report, notes)))
    if whole:
        parts.append(("Every figure of the company", every_figure(whole[-1], notes)))
    return parts


def _chosen(roi: Document, revenues: Sequence[Document]) -> tuple[list[Document], list[Document]]:
    """Reports of the whole company until the period, oldest first, and those of the period by a group."""
    now = [one for one in revenues if one["period"] == roi["period"]]
    grouped = {str(one["by"]): one for one in now if one.get("by") and one.get("groups")}
    whole = [
        one for one in revenues if one.get("total") and one["from"] <= roi["from"] and _months(one) == _months(roi)
    ]
    by_period = {str(one["period"]): one for one in sorted(whole, key=lambda one: str(one["from"]))}
    if str(roi["period"]) not in by_period:
        return [], list(grouped.values())
    return list(by_period.values())[-_PERIODS:], list(grouped.values())


def _months(report: Document) -> int:
    first, last = str(report["from"]), str(report["until"])
    return 12 * (int(last[:4]) - int(first[:4])) + int(last[5:7]) - int(first[5:7])


def _heading(roi: Document, name: str) -> str:
    """What a sheet is of, and which days."""
    money = f" Amounts in {safe(roi['currency'])}." if roi.get("currency") else ""
    until = roi.get("partial_until")
    partial = f", <strong>partial: known before {told_day(str(until))}</strong>" if until else ""
    return (
        f'<header class="head"><p class="over">{_period(str(roi["period"]))}</p><h1>{safe(name)}</h1>'
        f'<p class="soft">{days_of(str(roi["from"]), str(roi["until"]))}{partial}, as known on '
        f"{told_day(str(roi['as_of']))}.{money}</p></header>"
    )


def _period(name: str) -> str:
    """A period as a heading has it.

    >>> _period("2025Q3"), _period("2025-07"), _period("2025")
    ('Customer success, Q3 2025', 'Customer success, July 2025', 'Customer success, 2025')
    """
    if name[4:5] == "Q":
        return f"Customer success, {name[4:]} {name[:4]}"
    return f"Customer success, {told_day(name + '-01').split(' ', 1)[1] if '-' in name else safe(name)}"


def _cautions(roi: Document, whole: Sequence[Document]) -> str:
    """What a reader has to know before any figure: what is partial, what was made afterwards, and what is missing."""
    said = [*(roi.get("notes") or []), *(whole[-1].get("notes") or [] if whole else [])]
    kept = [str(one) for one in dict.fromkeys(said) if one != NOT_FOR_PAY]
    odd = " odd" if roi.get("partial_until") or roi.get("reconstructed") else ""
    return f'<div class="warn{odd}">{"".join(f"<p>{safe(one)}</p>" for one in kept)}</div>' if kept else ""


def _foot(roi: Document) -> str:
    return (
        '<div class="foot"><p>Intervals hold nine cases of ten. Amounts are rounded for print and not before. Made by '
        f"<code>tenure roi</code> of {safe(roi['period'])} as of {safe(roi['as_of'])}.</p></div>"
    )
