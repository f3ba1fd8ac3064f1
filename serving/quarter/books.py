"""The CSMs' page: every CSM's book in; one line each with its interval, and who can be told apart, out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from serving.quarter.drawings import interval_bar
from serving.quarter.footnotes import Footnotes
from serving.quarter.words import NONE, amount, between, compact, figure, is_number, number, points, safe, signed
from success.worth.words import NOT_FOR_PAY

__all__ = ["books_page", "widest_of"]

Document = Mapping[str, Any]

_SHARES = {"money": "Of its MRR", "losses": "Of expected churns,<br>those that did not come"}
"""What estimates are shares of, by how CSMs are ranked."""
_NUMBER = ' class="n"'
_COLUMNS = (
    ("CSM", "", "", 7.5),
    ("Accounts", "accounts", _NUMBER, 8.5),
    ("MRR at<br>the start", "mrr", _NUMBER, 9.5),
    ("Exit impact,<br>a year", "impact_exit", _NUMBER, 13.0),
    ("Own remainder,<br>a year", "remainder_exit", _NUMBER, 13.0),
)
_AFTER = (
    ("Accounts<br>saved", "saves", _NUMBER, 10.0),
    ("ROI", "roi", _NUMBER, 9.0),
    ("Verdict", "", "", 11.0),
)
"""Columns before and after the one with the drawings: title, figure, alignment and share of the width."""


def books_page(roi: Document, notes: Footnotes) -> str:
    """The parts below the heading."""
    csms: Sequence[Document] = roi.get("csms") or []
    nobody = roi.get("nobody")
    low, high = widest_of(one.get("remainder_exit") for one in [*csms, *([nobody] if nobody else [])])
    own = {"roi": csms[0].get("roi")} if csms else {}
    head = "".join(
        f'<th scope="col"{kind} style="width:{width}%">{title}{notes.mark(name, own.get(name)) if name else ""}</th>'
        for title, name, kind, width in (*_COLUMNS, (_axis(low, high), "", "", 18.0), *_AFTER)
    )
    body = "".join(_row(one, low, high) for one in csms)
    if nobody:
        body += _row({**nobody, "csm_id": "no CSM", "quiet": True}, low, high)
    if roi.get("company"):
        body += _total(roi["company"])
    return (
        f'{_lead(roi, csms)}<table class="fixed dense"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        '<p class="caption">Below each figure its 90&nbsp;% interval: the accounts\N{RIGHT SINGLE QUOTATION MARK} own '
        "chance, the forecast\N{RIGHT SINGLE QUOTATION MARK}s error, which all books share, and shocks to the market. "
        "A filled dot: 0 lies outside.</p>"
        f"{_to_know(csms)}{_shift(roi, notes)}{_ranking(roi, notes)}"
    )


def widest_of(figures: Iterable[Document | None]) -> tuple[float, float]:
    """The axis that holds all intervals and 0."""
    ends = [float(fig[end]) for fig in figures if fig for end in ("value", "low", "high") if is_number(fig.get(end))]
    return min([*ends, 0.0]), max([*ends, 0.0])


def _verdict(csm: Document) -> str:
    """better, worse or that it cannot be told, as coloured text."""
    if not csm.get("accounts"):
        return '<span class="soft">no book</span>'
    if csm.get("too_small"):
        return '<span class="soft">too small to tell</span>'
    verdict = str(csm.get("verdict") or "")
    return (
        f'<span class="{verdict}">{verdict}</span>'
        if verdict in ("better", "worse")
        else f'<span class="soft">{safe(verdict)}</span>'
    )


def _axis(low: float, high: float, told: Callable[..., str] = compact) -> str:
    return f'<span class="axis"><span>{told(low, sign=True)}</span><span>{told(high, sign=True)}</span></span>'


def _lead(roi: Document, csms: Sequence[Document]) -> str:
    better = [str(one["csm_id"]) for one in csms if one.get("verdict") == "better" and not one.get("too_small")]
    worse = [str(one["csm_id"]) for one in csms if one.get("verdict") == "worse" and not one.get("too_small")]
    small = sum(bool(one.get("too_small")) for one in csms if one.get("accounts"))
    none = sum(not one.get("accounts") for one in csms)
    rest = len(csms) - len(better) - len(worse) - small - none
    said = []
    if better:
        said.append(f"{_listed(better)} did better than the average CSM by more than chance explains.")
    if worse:
        said.append(f"{_listed(worse)} did worse by more than chance explains.")
    if rest:
        who = f"The other {rest}" if better or worse else f"{rest} CSM{'' if rest == 1 else 's'}"
        said.append(f"{who} cannot be told from the average CSM by this period alone.")
    if small:
        said.append(f"{small} book{' is' if small == 1 else 's are'} too small to tell.")
    question = f"<p>{safe(roi.get('question') or '', 600)} <strong>{safe(NOT_FOR_PAY)}</strong></p>"
    return f'<p class="lead">{safe(" ".join(said), 900)}</p>{question}'


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _ranged(fig: Document | None, digits: int | None = None) -> str:
    return f'<td class="n">{signed(fig, digits or 0)}<span class="range">{between(fig, digits)}</span></td>'


def _row(one: Document, low: float, high: float) -> str:
    name = safe(one.get("csm_id") or NONE)
    remainder = one.get("remainder_exit") or {}
    bar = interval_bar(remainder, low, high, f"Own remainder {signed(remainder)}, 90 % interval {between(remainder)}")
    quiet = bool(one.get("quiet"))
    title = f"<span class='soft'>{name}</span>" if quiet else name
    return (
        f'<tr><th scope="row">{title}</th><td class="n">{number(one.get("accounts"))}</td>'
        f'<td class="n">{amount(one.get("mrr"))}</td>{_ranged(one.get("impact_exit"))}{_ranged(remainder)}'
        f'<td class="bar">{bar}</td>{_ranged(one.get("saves"), 1)}{_roi(one.get("roi"))}'
        f"<td>{NONE if quiet else _verdict(one)}</td></tr>"
    )


def _roi(metric: Document | None) -> str:
    if not metric or not is_number(metric.get("value")):
        return f'<td class="n">{NONE}</td>'
    ends = [amount(metric.get(end), 1) for end in ("low", "high")]
    return f'<td class="n">{figure(metric["value"], "multiple")}<span class="range">{" to ".join(ends)}</span></td>'


def _to_know(csms: Sequence[Document]) -> str:
    """Why some have no ROI, and what to know of the others'."""
    whose: dict[str, list[str]] = {}
    for one in csms:
        if note := (one.get("roi") or {}).get("note"):
            whose.setdefault(str(note), []).append(str(one["csm_id"]))
    said = "".join(f"<p>ROI of {safe(_listed(names))}: {safe(note)}</p>" for note, names in whose.items())
    return f'<div class="said small">{said}</div>' if said else ""


def _total(book: Document) -> str:
    return (
        f'<tr class="total"><th scope="row">All</th><td class="n">{number(book.get("accounts"))}</td>'
        f'<td class="n">{amount(book.get("mrr"))}</td>{_ranged(book.get("impact_exit"))}'
        f'<td class="n">{NONE}</td><td></td>{_ranged(book.get("saves"), 1)}<td class="n"></td><td></td></tr>'
    )


def _shift(roi: Document, notes: Footnotes) -> str:
    shift = roi.get("shift") or {}
    if not shift.get("sentence"):
        return ""
    return f"<h3>What all books have in common{notes.mark('shift_exit')}</h3><p>{safe(shift['sentence'], 600)}</p>"


def _ranking(roi: Document, notes: Footnotes) -> str:
    ranking = roi.get("ranking") or {}
    rows = [row for row in ranking.get("rows") or [] if is_number(row.get("shrunken"))]
    if not ranking.get("sentence"):
        return ""
    said = (
        f"<h3>In order, drawn towards the average{notes.mark('shrunken')}</h3><p>{safe(ranking['sentence'], 600)}</p>"
    )
    if not rows or all(row.get("rank") is None for row in rows):
        return said
    figs = [{"value": row["shrunken"], "low": row.get("low"), "high": row.get("high")} for row in rows]
    low, high = widest_of(figs)
    share = _SHARES.get(str(ranking.get("method")), "Estimate")
    body = "".join(
        f'<tr><td class="n">{row.get("rank") or NONE}</td><th scope="row">{safe(row["csm_id"])}</th>'
        f'<td class="bar">{interval_bar(fig, low, high, points(fig["value"]), 330)}</td>'
        f'<td class="n">{points(fig["value"])}</td>'
        f'<td class="n">{points(fig["low"])} to {points(fig["high"])}</td></tr>'
        for row, fig in zip(rows, figs, strict=True)
    )
    return (
        f'{said}<table><thead><tr><th scope="col" class="n">Rank</th><th scope="col">CSM</th><th scope="col" '
        f'style="width:44%">{_axis(low, high, points)}</th><th scope="col" class="n">{share}</th>'
        f'<th scope="col" class="n">90&nbsp;% interval</th></tr></thead><tbody>{body}</tbody></table>'
    )
