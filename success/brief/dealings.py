"""Dealings: an account in; how long it is a customer, when it renews or ends, and what it is worth, in sentences."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from success.brief.subject import Subject, as_day, named
from success.brief.words import ahead, change, kind, lasting, opening, since
from success.phrases import LEAST_POINTS, counted, listed_out, money, on_day, points
from success.wording import odds

__all__ = ["departure", "reasons", "renewal", "time_as_customer", "worth"]


def time_as_customer(it: Subject) -> Iterator[str]:
    """How long a customer."""
    if it.facts is None:
        yield "No facts of this account are stored with this day, so that what is said here comes from its scores."
        return
    first, again, gone = it.fact_day("customer_since"), it.fact_day("since"), it.fact_day("churned_on")
    if first is None:
        yield "It has not had a paid subscription yet, as far as is on record."
        return
    back = f", and again from {on_day(again)}" if again else ""
    renewals = it.fact("renewals")
    if gone is not None:
        begun = again or first
        yield (
            f"It was a customer from {on_day(first)}{back} to {on_day(gone)}: {lasting((gone - begun).days)}"
            f"{' the last time' if again else ''}."
        )
        return
    begun = again or first
    told = f"A customer since {on_day(begun)} ({lasting((it.as_of - begun).days)})"
    if again:
        told += f", after {'a time' if it.fact('returns') == 1 else 'times'} without a subscription (at first from "
        told += f"{on_day(first)})"
    if isinstance(renewals, int):
        told += f"; {counted(renewals, 'renewal')} behind it" if renewals else "; its first renewal is still to come"
    yield f"{told}."


def renewal(it: Subject) -> Iterator[str]:
    """When the next renewal is, how likely it is, and what its date makes of the probability."""
    day, term = it.day("renews_on") or it.fact_day("renews_on"), it.fact("term_months")
    if day is None:
        yield "When it renews is not on record."
    else:
        how = "" if not isinstance(term, int) else ", month by month" if term == 1 else f", for {term} months at a time"
        yield f"It renews {_when(day, it.as_of)}{how}."
    stays = it.number("renewal_next")
    if stays is not None:
        yield f"{opening(odds(stays))} accounts like this are still customers after it."
    elif day is not None and it.churn is not None:
        yield "It lies beyond the last day that is forecast."
    calendar = it.number("calendar_points")
    if calendar is not None and it.horizon:
        if abs(calendar) >= LEAST_POINTS:
            likely = f"{'more' if calendar < 0 else 'less'} likely than"
            apart = f", by {points(calendar)} that {'is' if round(abs(calendar)) == 1 else 'are'} no part of health"
        else:
            likely, apart = "as likely as", ""
        yield f"When it renews makes leaving within {it.horizon} days {likely} is usual for {_cell(it)}{apart}."


def departure(it: Subject) -> Iterator[str]:
    """Of an account under notice or gone: when it ends or ended, and what was said of why."""
    if it.status == "churned":
        gone = it.fact_day("churned_on") or it.day("churned_on")
        ended = {"involuntary": " for want of payment", "completed": ", as agreed", "merged": ", merged into another"}
        how = ended.get(str(it.fact("end_reason")), "")
        yield f"Its last paid subscription ended on {since(gone, it.as_of)}{how}." if gone else "It has left."
    else:
        noticed, ends = it.fact_day("notice_on"), it.ending
        yield f"Notice was given on {since(noticed, it.as_of)}." if noticed else "Notice has been given."
        if ends is None:
            yield "When it ends is not on record."
        elif ends < it.as_of:
            yield f"Its term ended on {since(ends, it.as_of)}."
        else:
            yield f"It ends {_when(ends, it.as_of)}."
    yield from reasons(it)


def reasons(it: Subject) -> Iterator[str]:
    """What was stated as the reason for leaving."""
    said = it.fact("exits")
    if not isinstance(said, list):
        yield "Reasons for leaving are not on record."
    elif not said:
        yield "No reason for leaving has been stated."
    else:
        told = []
        for one in said:
            day = as_day(one.get("on"))
            told.append(f"{kind(named(one.get('reason')), 'other')}{f' ({on_day(day)})' if day else ''}")
        yield f"Stated {'reason' if len(told) == 1 else 'reasons'} for leaving: {listed_out(told)}."


def worth(it: Subject) -> Iterator[str]:
    """What it pays, what of that is at risk, and whether it may grow."""
    paid, currency = it.number("mrr"), named(it.fact("currency"), 8)
    unit = f" {currency}" if currency else ""
    bought = []
    plan, seats = it.text("plan") or named(it.fact("plan")), it.fact("seats")
    bought += [f"on the plan {plan}"] if plan else []
    bought += [f"with {counted(seats, 'seat')}"] if isinstance(seats, int) else []
    what = f", {' '.join(bought)}" if bought else ""
    if paid is None:
        yield f"What it pays is not on record{what}."
        return
    year = float(f"{12 * paid:.3g}")  # a year of what is said of a month, rounded, would be another number
    yield (
        f"It pays {money(paid)}{unit} a month, about {money(year)} a year{what}." if paid else f"It pays nothing{what}."
    )
    if isinstance(before := it.fact("mrr_year_ago"), (int, float)):
        if before > 0 and paid > 0:
            compared = change(before, paid)
            yield f"A year ago it paid {money(before)}{unit} a month; {_than_then(compared)}."
        elif paid > 0:
            yield "A year ago it paid nothing."
    expected = it.number(f"expected_mrr_{it.horizon}d")
    risk = it.number("mrr_at_risk")
    if risk is not None and it.horizon and paid > 0:
        later = f", and {money(expected)} a month is expected at their end" if expected is not None else ""
        yield f"At its odds of leaving within {it.horizon} days, {money(risk)}{unit} a month is at risk{later}."
    grows = it.number(f"expansion_{it.horizon}d") if it.horizon else None
    if grows is not None:
        growth = f"{100 * it.settings.expansion.growth:g} %"
        yield f"{opening(odds(grows))} accounts like this grow by {growth} or more within {it.horizon} days."


def _than_then(compared: str) -> str:
    return "it pays the same today" if compared == "the same" else f"today it is {compared}"


def _when(day: dt.date, as_of: dt.date) -> str:
    return f"on {on_day(day)} ({ahead(day, as_of)})" if day >= as_of else f"since {since(day, as_of)}"


def _cell(it: Subject) -> str:
    cell = it.text("health_cell")
    return "accounts like it" if cell in (None, "everyone") else str(cell)
