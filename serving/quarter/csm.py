"""A CSM's page: one CSM's part of the report in; what the book did against what was expected of it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serving.quarter.accounts import lists_of
from serving.quarter.books import widest_of
from serving.quarter.company import pairs
from serving.quarter.drawings import interval_bar
from serving.quarter.footnotes import Footnotes
from serving.quarter.words import NONE, amount, between, counted, figure, is_number, number, safe, signed
from success.worth.words import NOT_FOR_PAY

__all__ = ["csm_page"]

Document = Mapping[str, Any]

_DESK = ("nrr", "grr", "logo_retention", "renewal_rate", "adoption", "weekly_active", "health_by_mrr", "nps",
         "touch_satisfaction", "days_to_live")  # fmt: skip


def csm_page(csm: Document, notes: Footnotes, desk: Document | None = None) -> str:
    """The parts below the heading.

    Parameters
    ----------
    desk : the CSM's group of the report on revenue by CSM, where there is one.
    """
    figures = ""
    if csm.get("accounts"):
        figures = _verdict(csm) + _tiles(csm, notes)  # first, as footnotes are numbered where they are first made
        figures += f'<div class="two"><div>{_period(csm, notes)}</div><div>{_parts(csm, notes)}</div></div>'
    rest = f"{_since(csm, notes)}{lists_of(csm, notes)}{_desk(desk or {}, notes)}{_sentences(csm)}"
    return figures + rest


def _verdict(csm: Document) -> str:
    told = {
        "better": '<span class="better">Better than the average CSM</span>, by more than chance explains.',
        "worse": '<span class="worse">Worse than the average CSM</span>, by more than chance explains.',
    }.get(str(csm.get("verdict")), "Whether this is better or worse than the average CSM cannot be told from chance.")
    if csm.get("too_small"):
        told = "This book is too small to tell anything of how its CSM did."
    outside = csm.get("left_out") or 0
    out = f" {counted(outside, 'account')} on neither side, such as new customers." if outside else ""
    size = f"{counted(csm.get('accounts'), 'account')} paying {amount(csm.get('mrr'))} a month at the start.{out}"
    return f'<p class="verdict">{told} <span class="soft">{size}</span></p>'


def _tiles(csm: Document, notes: Footnotes) -> str:
    over = csm.get("expected_over_realised") or {}
    impact, saves = csm.get("impact_exit"), csm.get("saves")
    tiles = (
        _tile("Exit impact, a year", "impact_exit", signed(impact), between(impact), notes),
        _tile("Accounts saved", "saves", signed(saves, 1), between(saves, 1), notes),
        _tile(
            "Expected over realised revenue",
            "expected_over_realised",
            amount(over.get("value"), 3),
            between(over, 3, sign=False),
            notes,
        ),
        _roi_tile(csm.get("roi") or {}, csm.get("cost") or {}, notes),
    )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _tile(name: str, key: str, value: str, interval: str, notes: Footnotes) -> str:
    return (
        f'<div class="tile"><div class="name">{name}{notes.mark(key)}</div><div class="value">{value}</div>'
        f'<div class="made soft">90&nbsp;%: {interval}</div></div>'
    )


def _roi_tile(roi: Document, cost: Document, notes: Footnotes) -> str:
    name = f'<div class="name">Return on cost (ROI){notes.mark("roi", roi)}</div>'
    if not is_number(roi.get("value")):
        why = safe(roi.get("note") or cost.get("note") or "")
        none = f'<div class="value none">not defined</div><div class="made soft">{why}</div>'
        return f'<div class="tile">{name}{none}</div>'
    ends = " to ".join(figure(roi.get(end), "multiple") for end in ("low", "high"))
    paid = f"{amount(cost.get('value'))}{notes.mark('loaded_cost', cost)} cost; 1.0 breaks even"
    paid += f"<br>{safe(roi['note'])}" if roi.get("note") else ""
    return (
        f'<div class="tile">{name}<div class="value">{figure(roi["value"], "multiple")}</div>'
        f'<div class="made soft">90&nbsp;%: {ends}<br>{paid}</div></div>'
    )


def _period(csm: Document, notes: Footnotes) -> str:
    """Expected and realised, and the difference in the same unit."""
    expected, realised = amount(csm.get("expected_revenue")), amount(csm.get("realised_revenue"))
    rows = [
        _line("Revenue in the period", "impact_revenue", expected, realised, csm.get("impact_revenue"), None, notes)
    ]
    expected, realised = amount(csm.get("expected_exit_mrr")), amount(csm.get("realised_exit_mrr"))
    monthly = _monthly(csm.get("impact_exit"))
    rows.append(_line("MRR at the end", "expected_exit_mrr", expected, realised, monthly, None, notes))
    expected, realised = number(csm.get("expected_churns")), number(csm.get("churns"))
    rows.append(_line("Accounts lost", "expected_churns", expected, realised, _negated(csm.get("saves")), 1, notes))
    return (
        '<h3>This period</h3><table><thead><tr><th></th><th class="n" scope="col">expected</th><th class="n" '
        'scope="col">realised</th><th class="n" scope="col">difference<br>and its 90&nbsp;% interval</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _line(
    title: str, key: str, expected: str, realised: str, fig: Document | None, digits: int | None, notes: Footnotes
) -> str:
    return (
        f'<tr><th scope="row">{title}{notes.mark(key)}</th><td class="n">{expected}</td><td class="n">{realised}</td>'
        f'<td class="n">{signed(fig, digits or 0)}<span class="range">{between(fig, digits)}</span></td></tr>'
    )


def _monthly(fig: Document | None) -> dict[str, Any]:
    """A figure of a year as one of a month."""
    return {part: value / 12 for part, value in (fig or {}).items() if is_number(value)}


def _negated(fig: Document | None) -> dict[str, Any]:
    """A figure with its sign and its ends turned."""
    fig = fig or {}
    turned = {"value": fig.get("value"), "low": fig.get("high"), "high": fig.get("low")}
    return {part: -value for part, value in turned.items() if value is not None and is_number(value)}


def _parts(csm: Document, notes: Footnotes) -> str:
    """The exit impact by what all books share and what is this book's own, and by who left and what others pay."""
    told: Sequence[tuple[str, str, Document]] = (
        ("Exit impact", "impact_exit", csm.get("impact_exit") or {}),
        ("of it common to all", "shift_exit", {"value": csm.get("shift_exit")}),
        ("of it this book\N{RIGHT SINGLE QUOTATION MARK}s own", "remainder_exit", csm.get("remainder_exit") or {}),
        ("or: by who left", "saves_worth", csm.get("saves_worth") or {}),
        ("by what others pay", "expansion", csm.get("expansion") or {}),
    )
    told = [(name, key, fig) for name, key, fig in told if is_number(fig.get("value"))]
    low, high = widest_of(fig for _, _, fig in told)
    body = "".join(
        f'<tr><th scope="row">{name}{notes.mark(key)}</th><td class="bar" style="width:36%">'
        f"{interval_bar(fig, low, high, f'{name} {signed(fig)}, {between(fig)}', 130)}</td>"
        f'<td class="n">{signed(fig)}</td></tr>'
        for name, key, fig in told
    )
    return (
        '<h3>What it is made of, a year</h3><table><thead><tr><th></th><th scope="col">90&nbsp;% interval</th>'
        f'<th class="n" scope="col">money</th></tr></thead><tbody>{body}</tbody></table>'
    )


def _since(csm: Document, notes: Footnotes) -> str:
    since = csm.get("since") or {}
    if not since.get("sentence"):
        return ""
    fig = since.get("impact_exit") or {}
    told = ""
    if is_number(fig.get("value")):
        interval = f'<span class="soft">(90&nbsp;%: {between(fig)})</span>'
        told = f"<strong>{signed(fig)} a year{notes.mark('since_impact_exit')}</strong> {interval} "
    sentence = safe(since["sentence"], 700)
    return f'<h3>Since the accounts were taken</h3><div class="said"><p>{told}{sentence}</p></div>'


def _desk(group: Document, notes: Footnotes) -> str:
    """What the report on revenue says of the same book."""
    metrics = group.get("metrics", {})
    told = pairs([(name, metrics[name]) for name in _DESK if name in metrics], notes)
    return f"<h3>The same book in revenue and care</h3>{told}" if told else ""


def _sentences(csm: Document) -> str:
    said = dict.fromkeys([*(csm.get("sentences") or []), NOT_FOR_PAY])
    return f'<div class="said small split">{"".join(f"<p>{safe(one or NONE)}</p>" for one in said)}</div>'
