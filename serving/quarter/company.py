"""The company's page: reports of revenue and the books together in; the first page of the printed quarter out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serving.quarter.drawings import columns, lines, waterfall
from serving.quarter.footnotes import Footnotes
from serving.quarter.formulas import MOVEMENT
from serving.quarter.style import BLUE, ORANGE, QUIET
from serving.quarter.words import (
    NONE,
    amount,
    between,
    beyond_chance,
    counted,
    figure,
    is_number,
    number,
    safe,
    short_period,
    signed,
)

__all__ = ["company_page", "made_of", "pairs"]

Document = Mapping[str, Any]

_TILES = ("nrr", "grr", "logo_retention", "renewal_rate")
_SMALLER = ("customer_churn", "revenue_churn", "arpa", "cltv_margin", "net_revenue_churn", "cltv_over_cac")
_STEPS: tuple[tuple[str, str, str], ...] = (
    ("new", "New", "gain"),
    ("expansion", "Expansion", "gain"),
    ("reactivation", "Reactivated", "gain"),
    ("resumed", "Resumed", "gain"),
    ("contraction", "Contraction", "loss"),
    ("churn_voluntary", "Churn,\nvoluntary", "loss"),
    ("churn_involuntary", "Churn,\ninvoluntary", "loss"),
    ("ended", "Completed\nor merged", ""),
    ("paused", "Paused", ""),
    ("transferred_in", "Moved in", ""),
    ("transferred_out", "Moved out", ""),
)
_CRC = ("crc_ratio_year_before", "crc_ratio_3q_before", "crc_ratio_2q_before", "crc_ratio_1q_before", "crc_ratio")
_RENEWAL_COST = ("renewal_cost_12m_year_before", "renewal_cost_12m")


def company_page(roi: Document, revenues: Sequence[Document], notes: Footnotes) -> str:
    """The parts below the heading.

    Parameters
    ----------
    revenues : reports of the whole company, oldest first; the last one is the period's. Several make a trend.
    """
    parts = []
    if revenues:
        now = revenues[-1]["total"]
        parts += [
            _lead(revenues[-1]),
            _tiles(revenues, notes),
            _smaller(now.get("metrics", {}), notes),
            _movement(now, notes),
            _trends(revenues, notes),
        ]
        parts += [_flags(now)]
    if roi.get("company"):
        parts.append(_books(roi, notes))
    return "".join(parts)


def made_of(metric: Document) -> str:
    """What a figure is made of, in few words: its numerator and denominator, or why there is none."""
    top, bottom = metric.get("numerator"), metric.get("denominator")
    if metric.get("value") is None:
        return safe(metric.get("note") or "Not defined.")
    if not (is_number(top) and is_number(bottom)):
        return ""
    return (
        f"{amount(top)} of {amount(bottom)}" if metric.get("unit") == "share" else f"{amount(top)} / {amount(bottom)}"
    )


def pairs(told: Sequence[tuple[str, Document]], notes: Footnotes) -> str:
    """Figures of which only the value is told, side by side; those without one are left out."""
    cells = "".join(
        f'<div class="pair"><span class="soft">{safe(metric["title"])}{notes.mark(name, metric)}</span> '
        f"<strong>{figure(metric['value'], metric['unit'])}</strong></div>"
        for name, metric in told
        if is_number(metric.get("value"))
    )
    return f'<div class="pairs">{cells}</div>' if cells else ""


def _lead(report: Document) -> str:
    movement = report["total"].get("movement", {})
    opening, closing = movement.get("opening"), movement.get("closing")
    if not (is_number(opening) and is_number(closing)):
        return ""
    went = "rose" if closing > opening else "fell" if closing < opening else "stayed"
    change = f" ({figure((closing - opening) / opening, 'share', sign=True)})" if opening > 0 else ""
    said = (
        f"Monthly recurring revenue {went} from <strong>{amount(opening)}</strong> to "
        f"<strong>{amount(closing)}</strong>{change}."
    )
    lost = -sum(movement.get(name) or 0.0 for name in ("churn_voluntary", "churn_involuntary"))
    gained = movement.get("new") or 0.0
    said += f" New customers brought {amount(gained)}, customers who left took {amount(lost)} with them."
    return f'<p class="lead">{said}</p>'


def _tiles(revenues: Sequence[Document], notes: Footnotes) -> str:
    metrics = revenues[-1]["total"].get("metrics", {})
    # A part of a period keeps more than a whole one, so that they are not set side by side.
    before = revenues[-2] if len(revenues) > 1 and not revenues[-1].get("partial_until") else None
    return f'<div class="tiles">{"".join(_tile(n, metrics[n], before, notes) for n in _TILES if n in metrics)}</div>'


def _tile(name: str, metric: Document, before: Document | None, notes: Footnotes) -> str:
    was = (before or {"total": {}})["total"].get("metrics", {}).get(name, {}).get("value")
    then = f"<br>{figure(was, metric['unit'])} in {safe(before['period'])}" if before and is_number(was) else ""
    none = "" if is_number(metric.get("value")) else " none"
    value = figure(metric.get("value"), metric["unit"]) if not none else "not defined"
    return (
        f'<div class="tile"><div class="name">{safe(metric["title"])}{notes.mark(name, metric)}</div>'
        f'<div class="value{none}">{value}</div><div class="made">{made_of(metric)}'
        f'<span class="soft">{then}</span></div></div>'
    )


def _smaller(metrics: Document, notes: Footnotes) -> str:
    """Further figures, each on one line."""
    return pairs([(name, metrics[name]) for name in _SMALLER if name in metrics], notes)


def _movement(group: Document, notes: Footnotes) -> str:
    movement = group.get("movement", {})
    if not all(is_number(movement.get(end)) for end in ("opening", "closing")):
        return ""
    steps = [
        (name, movement[key], kind) for key, name, kind in _STEPS if is_number(movement.get(key)) and movement[key]
    ]
    nothing = [
        name.replace("\n", " ").lower() for key, name, _ in _STEPS if movement.get(key) == 0 and "Moved" not in name
    ]
    spoken = ", ".join(f"{name.replace(chr(10), ' ')} {amount(change, sign=True)}" for name, change, _ in steps)
    title = f"From {amount(movement['opening'])} to {amount(movement['closing'])}: {spoken}"
    drawing = waterfall(movement["opening"], steps, movement["closing"], title)
    none = f" Nothing to show: {', '.join(nothing)}." if nothing else ""
    return (
        f"<h3>How monthly recurring revenue moved{notes.mark(MOVEMENT + 'closing')}</h3><figure>{drawing}<figcaption>"
        f"The steps add up to the cent. The vertical axis does not begin at 0.{none}</figcaption></figure>"
    )


def _trends(revenues: Sequence[Document], notes: Footnotes) -> str:
    metrics = revenues[-1]["total"].get("metrics", {})
    panels = [_retention(revenues, notes), _crc(metrics, notes), _renewal_cost(metrics, notes)]
    shown = [panel for panel in panels if panel]
    return f'<div class="panels">{"".join(shown)}</div>' if shown else ""


def _panel(heading: str, drawing: str, below: str) -> str:
    return f'<div class="panel"><h3>{heading}</h3>{drawing}<p class="caption">{below}</p></div>'


def _retention(revenues: Sequence[Document], notes: Footnotes) -> str:
    if len(revenues) < 2:
        return ""
    names = [short_period(str(report["period"])) + "*" * bool(report.get("partial_until")) for report in revenues]

    def values(name: str) -> list[float | None]:
        return [report["total"].get("metrics", {}).get(name, {}).get("value") for report in revenues]

    series = [("NRR", values("nrr"), BLUE), ("Logos", values("logo_retention"), QUIET), ("GRR", values("grr"), ORANGE)]
    spoken = "; ".join(f"{name} {', '.join(figure(v, 'share') for v in found)}" for name, found, _ in series)
    drawing = lines(series, names, f"{', '.join(names)}: {spoken}")
    mark = notes.mark("nrr", revenues[-1]["total"]["metrics"].get("nrr"))
    below = "Each of its own period, on the customers of its first day. Dashed: 100&nbsp;%."
    below += " *: of a part of the period only." if revenues[-1].get("partial_until") else ""
    return _panel(f"Retention{mark}", drawing, below) if drawing else ""


def _crc(metrics: Document, notes: Footnotes) -> str:
    told = [metrics[name] for name in _CRC if name in metrics]
    if not told:
        return ""
    values = [metric.get("value") for metric in told]
    said = [f"{amount(100 * v, 1)} %" if v is not None and is_number(v) else NONE for v in values]
    names = ["year ago", "", "", "", "now"] if len(told) == len(_CRC) else [""] * (len(told) - 1) + ["now"]
    drawing = columns(values, said, names, f"CRC ratio of four trailing quarters, oldest first: {', '.join(said)}")
    note = metrics.get("crc_change", {}).get("note") or metrics.get("crc_ratio", {}).get("note") or ""
    return _panel(f"Retention cost (CRC){notes.mark('crc_ratio', metrics.get('crc_ratio'))}", drawing, safe(note))


def _renewal_cost(metrics: Document, notes: Footnotes) -> str:
    told = [metrics[name] for name in _RENEWAL_COST if name in metrics]
    if not told:
        return ""
    values = [metric.get("value") for metric in told]
    said = [figure(value, "per 1,000") for value in values]
    drawing = columns(values, said, ["year ago", "now"][-len(told) :], f"Cost to renew 1,000: {', '.join(said)}")
    note = metrics.get("renewal_cost_change", {}).get("note") or told[-1].get("note") or ""
    mark = notes.mark("renewal_cost_12m", metrics.get("renewal_cost_12m"))
    return _panel(f"Cost to renew 1,000{mark}", drawing, safe(note))


def _flags(group: Document) -> str:
    flags = group.get("flags") or []
    return f'<div class="said">{"".join(f"<p>{safe(flag)}</p>" for flag in flags)}</div>' if flags else ""


def _books(roi: Document, notes: Footnotes) -> str:
    """What all books together did against what was expected of them."""
    book = roi["company"]
    side = beyond_chance(book.get("impact_exit"))
    impact = float((book.get("impact_exit") or {}).get("value") or 0.0)
    way = "above" if impact > 0 else "below"
    verdict = "more than chance explains" if side else "which chance alone may have made"
    rows = [
        ("Revenue in the period", "expected_revenue", "realised_revenue", "impact_revenue", ""),
        ("MRR at the end", "expected_exit_mrr", "realised_exit_mrr", "impact_exit", " a year"),
    ]
    body = "".join(
        f'<tr><th scope="row">{title}</th><td class="n">{amount(book.get(expected))}</td>'
        f'<td class="n">{amount(book.get(realised))}</td><td class="n">{signed(book.get(impact))}'
        f"{notes.mark(impact)}{yearly}</td>"
        f'<td class="n">{between(book.get(impact))}</td></tr>'
        for title, expected, realised, impact, yearly in rows
    )
    saves = book.get("saves") or {}
    body += (
        f'<tr><th scope="row">Accounts lost</th><td class="n">{number(book.get("expected_churns"))}</td>'
        f'<td class="n">{number(book.get("churns"))}</td>'
        f'<td class="n">{signed(saves, 1)} saved{notes.mark("saves")}</td><td class="n">{between(saves, 1)}</td></tr>'
    )
    return (
        f"<h3>All books together against what was expected of them</h3><p>{counted(book.get('accounts'), 'account')} "
        f"paying {amount(book.get('mrr'))} a month at the start ended {amount(abs(impact))} a year {way} what "
        f"was expected on the first day, {verdict}. New customers are on neither side.</p>"
        '<table><thead><tr><th scope="col"></th><th class="n" scope="col">expected</th>'
        '<th class="n" scope="col">realised</th><th class="n" scope="col">difference</th>'
        f'<th class="n" scope="col">90&nbsp;% interval</th></tr></thead><tbody>{body}</tbody></table>'
    )
