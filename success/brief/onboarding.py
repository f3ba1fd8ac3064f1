"""Onboarding: a young account in; how it fits, how far its start has come and who has come, in sentences."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from success.brief.subject import Subject, as_day
from success.brief.words import ago, ahead, came, lasting, since
from success.health import TYPICAL
from success.phrases import LEAST_POINTS, counted, listed_out, points, verb

__all__ = ["beginnings"]


def beginnings(it: Subject) -> Iterator[str]:
    """Of an account that is being onboarded: fit, first use, first log-ins, milestones reached and due, first value."""
    start = it.fact_day("since") or it.fact_day("customer_since")
    if start:
        yield f"It began {ago(start, it.as_of)} and counts as being onboarded, so there is little behind it to go by."
    fit = it.number("health_contract")
    if fit is not None:
        off, cell = fit - TYPICAL, it.text("health_cell")
        usual = "what is usual" + ("" if cell in (None, "everyone") else f" for {cell}")
        how = f"{points(off)} {'above' if off > 0 else 'below'} {usual}" if abs(off) >= LEAST_POINTS else f"{usual}"
        yield f"Its fit, by what it is and what it bought, is {how}."
    yield from _first_use(it)
    yield from _milestones(it)


def _first_use(it: Subject) -> Iterator[str]:
    usage, users = it.part("usage"), it.part("users")
    start = it.fact_day("customer_since")
    if usage is None:
        yield "Log-ins are not on record."
    elif (first := as_day(usage.get("first_on"))) is None:
        yield "Nobody there has used the product yet."
    elif start:
        when = _after((first - start).days, "its first subscription began")
        yield f"It was first used on {since(first, it.as_of)}, {when}."
    if users and isinstance(ever := users.get("ever_used"), int) and users.get("registered"):
        yield f"{came(ever, users['registered'], 'registered so far')}."


def _milestones(it: Subject) -> Iterator[str]:
    found = it.part("milestones")
    if found is None:
        yield "Milestones are not on record."
        return
    if not found.get("count"):
        yield "No milestone has been planned for it."
        return
    reached = found.get("reached") or 0
    yield f"Of {counted(found['count'], 'milestone')}, {reached:,} {verb(reached, 'is', 'are')} reached."
    late, coming, undated = [], [], []
    for day, name in sorted(it.open_milestones, key=lambda due: due[0] or dt.date.max):
        if day is None:
            undated.append(name)
        elif day < it.as_of:
            late.append(f"{name} (due {ago(day, it.as_of)})")
        else:
            coming.append(f"{name} ({ahead(day, it.as_of)})")
    if late:
        yield f"Past due: {listed_out(late)}."
    if coming:
        yield f"Due next: {listed_out(coming)}."
    if undated:
        yield f"Not reached, without a day: {listed_out(undated)}."
    if "first_value_on" in found and found["first_value_on"] is None:
        return
    start, value = it.fact_day("customer_since"), as_day(found.get("first_value_on"))
    if value and start:
        when = _after((value - start).days, "its start")
        yield f"It went live or reached its first goal on {since(value, it.as_of)}, {when}."
    else:
        yield "It has not gone live or reached a goal yet."


def _after(days: int, what: str) -> str:
    if days == 0:
        return "on the day it began"
    return f"{lasting(abs(days))} {'after' if days > 0 else 'before'} {what}"
