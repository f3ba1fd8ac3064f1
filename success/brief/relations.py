"""Relations: an account in; who looks after it, who is there, what was talked about and what its people say, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from success.brief.markup import one_line
from success.brief.subject import Subject, as_day, named
from success.brief.words import kind, names, since
from success.phrases import counted, listed_out, on_day
from training.kernel.sentences import shown

__all__ = ["relations"]

_TOUCHES = 3
_SCALES = {"nps": ("NPS", 10), "csat": ("CSAT", 5), "ces": ("CES", 7)}
_WAYS = {"answered": "answered", "unanswered": "not answered", "in": "begun by the account", "out": ""}


def relations(it: Subject) -> Iterator[str]:
    """The CSM, contacts, sponsors, answers to surveys, recommendations."""
    yield _csm(it)
    yield from _contact(it)
    yield from _sponsors(it)
    yield _answers(it)
    advocacy = it.part("advocacy")
    last = as_day(advocacy.get("last_on")) if advocacy else None
    if last:
        assert advocacy is not None
        what = kind(named(advocacy.get("kind")), "recommendation")
        yield f"It last spoke up for the product on {since(last, it.as_of)}: {what}."


def _csm(it: Subject) -> str:
    csm = it.part("csm")
    name = it.text("csm_id") or (named(csm.get("id")) if csm else None)
    day = as_day(csm.get("since")) if csm and named(csm.get("id")) == name else None
    if name is None:
        return "Who looks after it is not on record." if csm is None else "No CSM looks after it."
    return f"{name} has looked after it since {on_day(day)}." if day else f"{name} looks after it."


def _contact(it: Subject) -> Iterator[str]:
    contact = it.part("contact")
    if contact is None:
        yield "Contacts with it are not on record."
        return
    touches = [touch for touch in contact.get("touches") or [] if as_day(touch.get("on"))]
    if not touches:
        yield "No contact with it is on record."
        return
    recent = contact.get("count_90d") or 0
    in_90 = f"{counted(recent, 'contact') if recent else 'none'} in the last 90 days"
    if "two_way" in contact and contact["two_way"] is None:
        yield f"Which contacts went both ways is not on record; {in_90}."
    elif (both := contact.get("two_way")) and (day := as_day(both.get("on"))):
        yield f"The last contact that went both ways was on {since(day, it.as_of)}: {_what(both)}; {in_90}."
    else:
        yield f"No contact that went both ways is on record; {in_90}."
    for touch in touches[:_TOUCHES]:
        day = as_day(touch["on"])
        assert day is not None
        told = [_what(touch), _WAYS.get(str(touch.get("way")), "")]
        if isinstance(minutes := touch.get("minutes"), (int, float)) and touch.get("way") != "unanswered":
            told.append(counted(round(minutes), "minute"))
        if isinstance(rated := touch.get("satisfaction"), (int, float)):
            told.append(f"rated {shown('number', float(rated))}")
        yield f"{on_day(day)}: {', '.join(part for part in told if part)}."


def _what(touch: Mapping[str, Any]) -> str:
    csm = named(touch.get("csm"))
    return f"{kind(named(touch.get('kind')))}{f' with {csm}' if csm else ''}"


def _sponsors(it: Subject) -> Iterator[str]:
    found = it.part("sponsors")
    if found is None:
        yield "Who champions the product there, and who decides, is not on record."
        return
    told = []
    for role, one in (("champions", "champion"), ("decision_makers", "decision maker")):
        those = found.get(role) or {}
        told.append(names([one_line(name, 40) for name in those.get("ids") or []], those.get("count") or 0, one))
    yield f"Among its users: {listed_out(told)}."
    if found.get("left"):
        gone = []
        for one_left in found["left"]:
            day = as_day(one_left.get("on"))
            who = f"{one_line(one_left.get('id'), 40)}, {kind(named(one_left.get('role')), 'user')}"
            gone.append(f"{who}{f', on {on_day(day)}' if day else ''}")
        yield f"Left within a year: {'; '.join(gone)}."


def _answers(it: Subject) -> str:
    found = it.part("surveys")
    if found is None:
        return "Answers to surveys are not on record."
    told = []
    for name, (title, most) in _SCALES.items():
        one = found.get(name)
        if not one:
            continue
        day, role = as_day(one.get("on")), named(one.get("role"))
        by = [*([kind(role)] if role else []), *([on_day(day)] if day else [])]
        score = shown("number", float(one["score"]))
        told.append(f"{title} {score} of {most}" + (f" ({', '.join(by)})" if by else ""))
    return f"Last answers: {listed_out(told)}." if told else "It has not answered a survey yet."
