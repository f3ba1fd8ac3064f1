"""Appendix: a report on revenue in; every figure with what it is made of, and groups side by side, out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.quarter.footnotes import Footnotes
from serving.quarter.formulas import MOVEMENT
from serving.quarter.words import NONE, amount, figure, is_number, safe

__all__ = ["every_figure", "groups_table"]

Document = Mapping[str, Any]

_BY_GROUP = ("nrr", "grr", "logo_retention", "renewal_rate", "customer_churn", "arpa", "crc_ratio", "renewal_cost_12m")
_MONEY: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("at the<br>start", ("opening",)),
    ("new", ("new",)),
    ("expansion", ("expansion",)),
    ("contraction", ("contraction",)),
    ("churn,<br>voluntary", ("churn_voluntary",)),
    ("churn,<br>involuntary", ("churn_involuntary",)),
    ("ended, paused<br>or returned", ("ended", "paused", "resumed", "reactivation")),
    ("moved between<br>groups", ("transferred_in", "transferred_out")),
    ("at the<br>end", ("closing",)),
)
"""Columns that add up to the last one, and what each is the sum of."""


def every_figure(report: Document, notes: Footnotes) -> str:
    """All figures of the whole company, each with its numerator, denominator, unit and footnote."""
    total = report["total"]
    moved = {
        MOVEMENT + name: {"value": value, "numerator": value, "unit": "money"}
        for name, value in total.get("movement", {}).items()
    }
    body = "".join(_line(name, metric, notes) for name, metric in {**moved, **total.get("metrics", {})}.items())
    return (
        '<table class="dense"><thead><tr><th scope="col" style="width:38%">Figure</th><th class="n" scope="col">Value'
        '</th><th class="n" scope="col">Numerator</th><th class="n" scope="col">Denominator</th>'
        '<th scope="col">Unit</th><th scope="col" style="width:28%">To know</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _line(name: str, metric: Document, notes: Footnotes) -> str:
    sides = "".join(f'<td class="n">{_side(metric.get(side))}</td>' for side in ("numerator", "denominator"))
    return (
        f'<tr><th scope="row">{safe(metric.get("title") or notes.title(name))}{notes.mark(name, metric)}</th>'
        f'<td class="n">{figure(metric.get("value"), str(metric.get("unit")))}</td>{sides}'
        f"<td>{safe(metric.get('unit') or '')}</td><td>{safe(metric.get('note') or '')}</td></tr>"
    )


def _side(value: float | None) -> str:
    if value is None or not is_number(value):
        return ""
    return amount(value, 0 if float(value).is_integer() or abs(value) >= 1000 else 3 if abs(value) < 1 else 2)


def groups_table(report: Document, notes: Footnotes) -> str:
    """Groups side by side: how their revenue moved, and how much of it they kept."""
    first = report["total"].get("metrics", {})
    shares = [name for name in _BY_GROUP if name in first]
    money = "".join(
        f'<th class="n" scope="col">{title}{notes.mark(MOVEMENT + names[0]) if len(names) == 1 else ""}</th>'
        for title, names in _MONEY
    )
    kept = "".join(
        f'<th class="n" scope="col">{safe(_short(first[name]["title"]))}{notes.mark(name, first[name])}</th>'
        for name in shares
    )
    everything = [*report["groups"], {**report["total"], "group": "All", "last": True}]
    moves = "".join(_row(one, [_money(one, names) for _, names in _MONEY]) for one in everything)
    rates = "".join(_row(one, [_rate(one, name) for name in shares]) for one in everything)
    name = "CSM" if report["by"] == "csm" else safe(str(report["by"]).capitalize())
    return (
        f'<h3>How monthly recurring revenue moved</h3><table class="dense"><thead><tr><th scope="col">{name}</th>'
        f"{money}</tr></thead><tbody>{moves}</tbody></table>"
        f'<h3>How much was kept, and at what cost</h3><table class="dense"><thead><tr><th scope="col">{name}</th>'
        f"{kept}</tr></thead><tbody>{rates}</tbody></table>"
    )


def _short(title: str) -> str:
    """A title's abbreviation, where it has one.

    >>> _short("Net revenue retention (NRR)"), _short("Renewal rate"), _short("Time to live (median)")
    ('NRR', 'Renewal rate', 'Time to live (median)')
    """
    found = title.partition("(")[2].partition(")")[0]
    return found if found[:2].isupper() else title


def _row(group: Document, cells: list[str]) -> str:
    kind = ' class="total"' if group.get("last") else ""
    body = "".join(f'<td class="n">{cell}</td>' for cell in cells)
    return f'<tr{kind}><th scope="row">{safe(group.get("group") or "none")}</th>{body}</tr>'


def _money(group: Document, names: tuple[str, ...]) -> str:
    values = [value for name in names if is_number(value := group.get("movement", {}).get(name))]
    return amount(sum(values), sign=names[0] not in ("opening", "closing")) if values else NONE


def _rate(group: Document, name: str) -> str:
    metric = group.get("metrics", {}).get(name) or {}
    return figure(metric.get("value"), str(metric.get("unit") or "share"))
