"""Made: a score row, its drivers and the facts of an account in; the brief that a CSM reads before a call out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from features.settings import Settings
from success.brief.changes import changes
from success.brief.dealings import departure, renewal, time_as_customer, worth
from success.brief.markup import one_line
from success.brief.matters import open_matters, use
from success.brief.onboarding import beginnings
from success.brief.page import markdown
from success.brief.relations import relations
from success.brief.standing import standing
from success.brief.steps import steps
from success.brief.subject import Subject, named
from success.brief.words import since
from success.health import display
from success.phrases import on_day

__all__ = ["brief", "brief_parts"]

_SAID = {"churned": "left", "notice_given": "notice given", "insufficient_data": "not scored by a model"}


def brief(
    row: Mapping[str, Any],
    drivers: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any] | None,
    settings: Settings,
    *,
    features: Mapping[str, Any] | None = None,
    earlier: Mapping[str, Any] | None = None,
    frozen: Mapping[str, Any] | None = None,
    feedback: Sequence[Mapping[str, Any]] = (),
) -> str:
    """One page of Markdown on an account; every sentence is from data, and what is unknown is said to be.

    Parameters are those of `brief_parts`.
    """
    return markdown(
        brief_parts(row, drivers, facts, settings, features=features, earlier=earlier, frozen=frozen, feedback=feedback)
    )


def brief_parts(
    row: Mapping[str, Any],
    drivers: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any] | None,
    settings: Settings,
    *,
    features: Mapping[str, Any] | None = None,
    earlier: Mapping[str, Any] | None = None,
    frozen: Mapping[str, Any] | None = None,
    feedback: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What the brief of an account says, section by section.

    Parameters
    ----------
    row : the figures of its score row, with account_id, as_of and status.
    drivers : of churn, the largest first, as stored.
    facts : of `success.facts`; None where nothing is stored of it.
    settings : bands, plays and thresholds.
    features : what the models were given, by name.
    earlier : the figures of the row of about a week before, as told then.
    frozen : of an account that left, its last score with its drivers.
    feedback : {verdict, until, given_at} each, the newest last.

    Returns
    -------
    account_id, name, as_of, status, title, about, health {score, exact, band, source, cell} or None, sections (each
    key, heading and lines of plain text), steps (each kind, text, because, dimension, feature).
    """
    it = Subject(row, drivers, facts, settings, features, earlier, frozen, feedback)
    account = one_line(row.get("account_id"), 120)
    name = it.text("name", 120)
    next_steps = steps(it)
    sections = [
        {"key": key, "heading": heading, "lines": told}
        for key, heading, lines in _sections(it, [step.sentence() for step in next_steps])
        if (told := list(lines))
    ]
    return {
        "account_id": row.get("account_id"),
        "name": row.get("name"),
        "as_of": it.as_of.isoformat(),
        "status": it.status,
        "title": f"{name} ({account})" if name else account,
        "about": _about(it),
        "health": _health(it),
        "sections": sections,
        "steps": [step._asdict() for step in next_steps],
    }


def _sections(it: Subject, todo: list[str]) -> Iterable[tuple[str, str, Iterable[str]]]:
    """Key, heading and lines of each section, in the order of the page."""
    yield "time", "How long a customer", time_as_customer(it)
    if it.status == "churned":
        yield "departure", "Why it left", departure(it)
        yield "health", "How it stood before it left", _frozen(it)
    elif it.status == "notice_given":
        yield "departure", "When it ends, and why", departure(it)
        yield "worth", "What it is worth", worth(it)
        yield "health", "How healthy it was", _before_notice(it)
    else:
        yield "renewal", "When is the renewal", renewal(it)
        yield "worth", "What it is worth", worth(it)
        if it.young:
            yield "onboarding", "How its start goes", beginnings(it)
        yield "health", "How healthy, and why", standing(it)
        if it.number("health") is not None:
            yield "changes", "What changed", changes(it)
    if it.facts is not None:
        if it.status != "churned":
            yield "use", "How they use it", use(it)
            yield "open", "What is open", open_matters(it)
        yield "relations", "What we have talked about", relations(it)
    yield "steps", "What to do next", todo


def _about(it: Subject) -> str:
    """The line under the title."""
    told = {"segment": it.text("segment"), "stage": it.text("stage")}
    told["CSM"] = it.text("csm_id") or named((it.part("csm") or {}).get("id"))
    known = ", ".join(f"{name} {value}" for name, value in told.items() if value)
    status = f" ({_SAID[it.status]})" if it.status in _SAID else ""
    return f"As of {on_day(it.as_of)}{status}{f': {known}' if known else ''}."


def _health(it: Subject) -> dict[str, Any] | None:
    exact = it.number("health")
    if exact is None:
        return None
    told = {"band": "band", "source": "health_source", "cell": "health_cell"}
    return {"score": display(exact), "exact": exact, **{name: it.row.get(column) for name, column in told.items()}}


def _before_notice(it: Subject) -> Iterable[str]:
    """The score of about a week before, for an account of which nothing is forecast any more."""
    if it.earlier and (score := it.number("health", it.earlier)) is not None and it.earlier.get("as_of"):
        then = dataclasses.replace(it, row=dict(it.earlier), drivers=[], earlier=None)
        yield f"On {on_day(then.as_of)} health was {display(score)} of 100 ({then.text('band')})."
    if reason := it.text("reason", 300):
        yield reason


def _frozen(it: Subject) -> Iterable[str]:
    """The last score, as it was told then."""
    last = it.frozen
    if not last or not last.get("as_of"):
        yield "It was never scored before it left." if it.status == "churned" else "It has no score from before."
        return
    drivers = last.get("drivers")
    then = dataclasses.replace(
        it, row=dict(last), drivers=drivers if isinstance(drivers, list) else [], earlier=None, frozen=None
    )
    yield f"Its last score is of {since(then.as_of, it.as_of)}; what follows was said then."
    yield from standing(then)
