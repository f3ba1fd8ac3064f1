"""Words: days, shares and names from data in; how a brief says them out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from success.phrases import counted, listed_out, on_day
from training.kernel.sentences import shown

__all__ = ["ago", "ahead", "came", "change", "kind", "lasting", "names", "opening", "signed", "since", "some", "unlike"]

_KINDS = {
    "qbr": "business review",
    "nps": "recommendation question",
    "case_study": "case study",
    "decision_maker": "decision maker",
    "first_project": "first project",
}


def kind(name: str | None, fallback: str = "contact") -> str:
    """A kind of something as a person says it.

    >>> kind("qbr"), kind("expired_card"), kind(None)
    ('business review', 'expired card', 'contact')
    """
    return _KINDS.get(name, name.replace("_", " ")) if name else fallback


def lasting(days: int) -> str:
    """A stretch of time.

    >>> [lasting(n) for n in (1, 64, 100, 800)]
    ['1 day', '64 days', '3 months', '2 years and 2 months']
    """
    return counted(days, "day") if days < 92 else shown("age", float(days))


def ago(day: dt.date, as_of: dt.date) -> str:
    """How long before a day another lies.

    >>> [ago(dt.date(2026, 3, day), dt.date(2026, 3, 10)) for day in (10, 9, 1)]
    ['today', 'yesterday', '9 days ago']
    """
    days = (as_of - day).days
    return "today" if days == 0 else "yesterday" if days == 1 else f"{lasting(days)} ago"


def ahead(day: dt.date, as_of: dt.date) -> str:
    """How long after a day another lies.

    >>> [ahead(dt.date(2026, 3, day), dt.date(2026, 3, 10)) for day in (10, 11, 30)]
    ['today', 'tomorrow', 'in 20 days']
    """
    days = (day - as_of).days
    return "today" if days == 0 else "tomorrow" if days == 1 else f"in {lasting(days)}"


def since(day: dt.date, as_of: dt.date) -> str:
    """A day in the past and how long ago it was.

    >>> since(dt.date(2026, 3, 1), dt.date(2026, 3, 10))
    '1 March 2026 (9 days ago)'
    """
    return f"{on_day(day)} ({ago(day, as_of)})"


def change(before: float, now: float) -> str:
    """Growth from one amount to another.

    >>> change(100, 114), change(100, 100.2), change(100, 350)
    ('14 % more', 'the same', '3.5 times as much')
    """
    ratio = now / before
    if ratio >= 3:
        return f"{ratio:.2g} times as much"
    percent = round(100 * abs(ratio - 1))
    return "the same" if percent == 0 else f"{percent} % {'more' if ratio > 1 else 'less'}"


def came(people: int, of: int, which: str) -> str:
    """How many of some people have used the product.

    >>> for people in (0, 1, 4): print(came(people, 4, "registered so far"))
    Of 4 users registered so far, none has used it
    Of 4 users registered so far, 1 has used it
    All 4 users registered so far have used it
    """
    if people == of:
        all_of_them = "The one user" if of == 1 else "Both users" if of == 2 else f"All {of:,} users"
        return f"{all_of_them} {which} {'have' if of > 1 else 'has'} used it"
    used = f"{people:,} {'has' if people == 1 else 'have'}" if people else "none has"
    return f"Of {counted(of, 'user')} {which}, {used} used it"


def signed(points: float) -> str:
    """Points with their sign, whole.

    >>> [signed(x) for x in (4.6, -3.2, 0.3, -0.2)]
    ['+5', '−3', '0', '0']
    """
    whole = round(points)
    return "0" if whole == 0 else f"{'+' if whole > 0 else '−'}{abs(whole):,}"


def names(found: Sequence[str], count: int, one: str) -> str:
    """Some names of a number of things.

    >>> names(["a", "b"], 2, "champion"), names(["a", "b"], 5, "champion"), names([], 0, "champion")
    ('2 champions (a and b)', '5 champions (a, b and 3 more)', 'no champion')
    """
    if not count:
        return f"no {one}"
    listed = [*found, f"{count - len(found):,} more"] if count > len(found) else list(found)
    return f"{counted(count, one)} ({listed_out(listed)})"


def some(number: int, one: str, many: str = "") -> str:
    """As `counted`, as a person begins a sentence.

    >>> some(0, "invoice"), some(2, "invoice")
    ('No invoice', '2 invoices')
    """
    return f"No {one}" if number == 0 else counted(number, one, many)


def opening(text: str) -> str:
    """The same with a capital at its start."""
    return text[:1].upper() + text[1:]


def unlike(earlier: str, later: str) -> str:
    """The part of a sentence by which it differs from another; all of it where they have little in common.

    >>> unlike("Each user took 8 actions in four weeks", "Each user took 16 actions in four weeks")
    '8 actions'
    >>> unlike("No card is on record", "The card on file expires in 9 days")
    'no card is on record'
    >>> unlike("No attempts failed in the last 90 days", "3 attempts failed in the last 90 days")
    'none'
    """
    one, other = earlier.split(), later.split()
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    part = one[start : len(one) - end]
    if [word.lower() for word in part] == ["no"]:
        return "none"
    if not part or 2 * (start + end) < len(one):
        return earlier[:1].lower() + earlier[1:]
    following = one[len(one) - end] if end else ""
    unit = following == "%" or following.endswith("s") or following == "people"
    return " ".join([*part, *([following] if unit and part[-1][:1].isdigit() else [])])
