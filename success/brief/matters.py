"""Matters: an account in; what is open with it, and how it uses the product, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from success.brief.drivers import BEHIND
from success.brief.markup import one_line
from success.brief.subject import LONG_PAST, Subject, as_day, named
from success.brief.words import ago, ahead, came, kind, lasting, since, some
from success.phrases import counted, listed_out, money, on_day, verb

__all__ = ["open_matters", "use"]


def open_matters(it: Subject) -> Iterator[str]:
    """Tickets, invoices, failed payments, the card, and milestones past their day."""
    yield from _tickets(it)
    yield from _money(it)
    if not it.young:
        yield from _milestones(it)


def _tickets(it: Subject) -> Iterator[str]:
    tickets = it.part("tickets")
    if tickets is None:
        yield "Support tickets are not on record."
        return
    new, still = tickets.get("opened_90d") or 0, tickets.get("open")
    urgent = tickets.get("urgent_90d") or 0
    if new == 1 and urgent:
        lately = "1, of high or urgent priority, was opened in the last 90 days"
    else:
        lately = f"{f'{new:,}' if new else 'none'} {verb(new or 1, 'was', 'were')} opened in the last 90 days"
        lately += f", {urgent:,} of high or urgent priority" if urgent else ""
    if still is None:
        yield f"Which support tickets are open is not on record; {lately}."
    elif not still:
        yield f"No support ticket is open; {lately}."
    else:
        told = [f"{counted(still, 'support ticket')} {verb(still, 'is', 'are')} open"]
        if oldest := as_day(tickets.get("oldest_open_on")):
            told.append(f"{'opened' if still == 1 else 'the oldest opened'} {ago(oldest, it.as_of)}")
        if worst := named(tickets.get("worst"), 30):
            told.append(f"of {kind(worst)} priority" if still == 1 else f"the worst of {kind(worst)} priority")
        if escalated := tickets.get("escalated"):
            told.append("escalated" if still == 1 else f"{escalated:,} escalated")
        yield f"{', '.join(told)}; {lately}."


def _money(it: Subject) -> Iterator[str]:
    invoices, payments = it.part("invoices"), it.part("payments")
    if invoices is None:
        yield "Whether invoices are past due is not on record."
    elif n := invoices.get("overdue"):
        oldest = as_day(invoices.get("oldest_due_on"))
        when = f", {'by' if n == 1 else 'the oldest by'} {lasting((it.as_of - oldest).days)}" if oldest else ""
        currency = named(it.fact("currency"), 8)
        amount = f"{money(float(invoices.get('amount') or 0))}{f' {currency}' if currency else ''}"
        yield f"{some(n, 'invoice')} of {amount}{' in all' if n > 1 else ''} {verb(n, 'is', 'are')} past due{when}."
    else:
        yield "No invoice is past due."
    last = as_day(payments.get("last_failed_on")) if payments else None
    if payments and last and (payments.get("failed_90d") or not payments.get("paid_since")):
        failed = payments.get("failed_90d") or 0
        why = f"; {kind(named(payments.get('reason'), 40))}" if payments.get("reason") else ""
        how = "one has succeeded since" if payments.get("paid_since") else "none has succeeded since"
        many = f"{counted(failed, 'attempt')} to collect a payment failed in the last 90 days, " if failed else ""
        many += f"{'the last ' if failed > 1 else ''}" if failed else "The last attempt to collect a payment failed "
        yield f"{many}on {on_day(last)} ({ago(last, it.as_of)}{why}); {how}."
    if card := it.fact_day("card_expires_on"):
        told = f"expired on {since(card, it.as_of)}" if card < it.as_of else ""
        yield f"The card on file {told or f'expires on {on_day(card)} ({ahead(card, it.as_of)})'}."


def _milestones(it: Subject) -> Iterator[str]:
    due = [(day, name) for day, name in it.open_milestones if day is not None]
    late = [f"{name} (due {ago(day, it.as_of)})" for day, name in due if 0 < (it.as_of - day).days <= LONG_PAST]
    old = [f"{name} (due {ago(day, it.as_of)})" for day, name in due if (it.as_of - day).days > LONG_PAST]
    coming = [f"{name} (due {ahead(day, it.as_of)})" for day, name in due if day >= it.as_of]
    if late:
        yield f"Past {'its' if len(late) == 1 else 'their'} day and not reached: {listed_out(late)}."
    if old and any(driver.get("feature") == "milestones_overdue" for driver in it.drivers):
        # They are not what to see to now, but a driver counts them, and whoever reads it looks for which.
        yield f"Long past and not reached: {listed_out(old)}."
    if coming:
        yield f"Milestones to come: {listed_out(coming)}."


def use(it: Subject) -> Iterator[str]:
    """When the product was last used, how much week by week, by how many, and which features."""
    usage, users = it.part("usage"), it.part("users")
    if usage is None:
        yield "Use of the product is not on record."
        return
    last = as_day(usage.get("last_on"))
    if last is None:
        yield "Nobody there has used the product, as far as is on record."
        return
    weeks = [int(n) for n in usage.get("weeks") or []]
    people, before = usage.get("people_28d"), usage.get("people_before")
    told = f"It was last used {ago(last, it.as_of)}"
    if isinstance(people, int) and isinstance(before, int):
        told += f"; by {counted(people, 'person', 'people')} in the last four weeks"
        if it.age >= BEHIND:
            told += ", as in the four before" if before == people else f", {before or 'none'} in the four before"
    yield f"{told}."
    if any(weeks):
        shown = ", ".join(f"{n:,}" for n in weeks)
        yield f"Actions in each of the last {len(weeks)} weeks, the latest last: {shown}."
    elif weeks:
        yield f"No use in the last {lasting(7 * len(weeks))}."
    features = it.part("features") or {}
    most = [one_line(name, 40) for name, *_ in features.get("most") or []]
    unused, count = [one_line(name, 40) for name in features.get("unused") or []], features.get("unused_count")
    told = f"Used most in four weeks: {listed_out(most)}" if most else ""
    if isinstance(count, int) and count and most:
        more = [f"{count - len(unused):,} more"] if count > len(unused) else []
        told += f"; in the plan and not used: {listed_out([*unused, *more])}"
    if told:
        yield f"{told}."
    if users and isinstance(ever := users.get("ever_used"), int) and users.get("registered") and not it.young:
        yield f"{came(ever, users['registered'], 'ever registered')}."
