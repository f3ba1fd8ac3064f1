"""Standing: an account in; how healthy it is and why, in sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from features.feature import DIMENSIONS
from success.brief.drivers import against, in_favour, sentence_of, size_of
from success.brief.markup import one_line
from success.brief.subject import Subject, as_day
from success.brief.words import kind, opening, signed
from success.health import TYPICAL, band_of, display
from success.phrases import LEAST_POINTS, beside, by_day, listed_out, on_day
from success.wording import odds

__all__ = ["standing"]

_NEAR = 2.0
"""A dimension within so many points of 50 is about typical."""
_AGAINST, _FOR, _TOLD = 3, 2, 1.0
"""So many drivers each way at most, from so many points on."""


def standing(it: Subject) -> Iterator[str]:
    """Health, odds, dimensions, what is apart from health, the largest drivers, and what rules and the CSM say."""
    yield _health_line(it)
    yield from _odds_line(it)
    yield from _dimensions(it)
    yield from _apart(it)
    yield from _driver_lines(it)
    yield from _others(it)


def _health_line(it: Subject) -> str:
    """The score, its band, and what its points mean."""
    health = it.number("health")
    if health is None:
        return f"It has no health score. {it.text('reason', 300) or ''}".strip()
    band = it.text("band") or _band(it, health)
    told = f"Health is {display(health)} of 100 ({band})"
    if it.row.get("health_source") == "rule_based":
        return f"{told}, by the rules of the scorecard. {it.text('reason', 300) or ''}".strip()
    cell = it.text("health_cell")
    typical = "account" if cell in (None, "everyone") else f"account of {cell}"
    doubled = it.number("points_to_double") or it.settings.health.points_to_double
    return f"{told}; 50 is the typical {typical}, and {doubled:g} points double or halve the odds of staying."


def _odds_line(it: Subject) -> Iterator[str]:
    """The probability as odds, beside the typical account's and what was told a week before."""
    if it.churn is None or it.horizon is None:
        return
    typical = it.number(f"typical_{it.horizon}d")
    told, usual = beside(it.churn, typical) if typical is not None else (f"{odds(it.churn)} accounts like this", None)
    sentence = f"{opening(told)} leave {by_day(it.as_of, it.horizon)}"
    sentence += f", against {usual} of typical accounts" if usual else ""
    before = it.number(f"churn_{it.horizon}d", it.earlier) if it.earlier else None
    day = as_day(it.earlier.get("as_of")) if it.earlier else None
    if before is not None and day is not None:
        was, now = odds(before), odds(it.churn)
        sentence += f"; on {on_day(day)} it was {'the same' if was == now else was.removeprefix('about ')}"
    yield f"{sentence}."
    if it.status == "stale" and (reason := it.text("reason", 300)):
        yield reason


def _dimensions(it: Subject) -> Iterator[str]:
    """The dimensions that pull health down, that lift it, that are about typical, and those without data."""
    by_rule = it.row.get("health_source") == "rule_based"
    known = {name: value for name in DIMENSIONS if (value := it.number(f"health_{name}")) is not None}
    if not known:
        return
    order = sorted(known, key=lambda name: known[name])
    if by_rule:
        yield f"By dimension: {', '.join(f'{name} {display(known[name])}' for name in order)}."
        return
    # The exact points, which sum to health: a dimension may lie outside of 0 to 100.
    groups = {
        "below typical": [f"{name} {round(known[name])}" for name in order if known[name] < 50 - _NEAR],
        "about typical": [name for name in order if abs(known[name] - 50) <= _NEAR],
        "above typical": [f"{name} {round(known[name])}" for name in reversed(order) if known[name] > 50 + _NEAR],
        "no data": [name for name in DIMENSIONS if f"health_{name}" in it.row and name not in known],
    }
    yield f"By dimension: {'; '.join(f'{title}: {listed_out(found)}' for title, found in groups.items() if found)}."


def _apart(it: Subject) -> Iterator[str]:
    """Points that are not the customer's own; those of the calendar stand with the renewal."""
    plan, no_data = it.number("plan_points"), it.number("no_data_points")
    told = [] if plan is None or abs(plan) < LEAST_POINTS else [f"what its plan does not include ({signed(plan)})"]
    told += [] if no_data is None or abs(no_data) < LEAST_POINTS else [f"tables that are not there ({signed(no_data)})"]
    if told:
        yield f"Not part of health, in the same points: {listed_out(told)}."


def _driver_lines(it: Subject) -> Iterator[str]:
    worst, best = against(it, _TOLD)[:_AGAINST], in_favour(it, _TOLD)[:_FOR]
    for cost, driver in worst:
        yield f"Against it: {sentence_of(driver, it.age)} ({size_of(driver, cost)})."
    for cost, driver in best:
        yield f"For it: {sentence_of(driver, it.age)} ({size_of(driver, cost)})."
    if it.drivers and not worst and not best:
        yield "Nothing about it stands out from what is usual."


def _others(it: Subject) -> Iterator[str]:
    """The scorecard's view and the CSM's, beside the model's."""
    rules, pulse, on = it.number("rule_health"), it.number("pulse"), it.day("pulse_on")
    told = []
    scores = [r for r in it.rule_scores if isinstance(r.get("score"), (int, float))]
    scores = sorted((r for r in scores if r["score"] < TYPICAL), key=lambda r: r["score"])
    lowest = [f"{_rule(r)} {display(r['score'])}" for r in scores[:3]]
    if it.row.get("health_source") == "rule_based":
        if lowest:
            yield f"Lowest {'rule' if len(lowest) == 1 else 'rules'}: {listed_out(lowest)} of 100."
    elif rules is not None:
        why = f"; lowest: {listed_out(lowest)}" if lowest else ""
        told.append(f"the rules of the scorecard put it at {display(rules)} ({_band(it, rules)}{why})")
    if pulse is not None:
        when = f" on {on_day(on)}" if on else ""
        told.append(f"its CSM{'' if told else ' put it'} at {round(pulse)} ({_band(it, pulse)}){when}")
    if told:
        yield f"{opening(listed_out(told))}."


def _rule(score: Mapping[str, Any]) -> str:
    """The name of a rule, as a person says it; one that nobody named has that of its feature."""
    return kind(re.sub(r"_\d+d$", "", one_line(score.get("name") or score.get("feature"), 60)))


def _band(it: Subject, score: float) -> str | None:
    return band_of(score, it.settings.health.bands, it.settings.health.edges)
