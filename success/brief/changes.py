"""Changes: an account in; how its health moved since earlier days, and what moved it, in sentences."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from success.belied import belied
from success.book import as_json
from success.brief.drivers import WINDOWS, lately
from success.brief.markup import one_line
from success.brief.subject import Subject
from success.brief.words import ago, signed, unlike
from success.health import display
from success.phrases import LEAST_POINTS, listed_out, on_day, points

__all__ = ["changes"]

_CAUSES = (
    ("change_customer", "what changed at the account"),
    ("change_stage", "a new segment or stage"),
    ("change_data", "what data there are"),
    ("change_model", "another model"),
)


def changes(it: Subject) -> Iterator[str]:
    """Trend over a week and four weeks, the split since the last scored day, the topics that moved, days listed."""
    health = it.number("health")
    before, on = it.number("health_before"), it.day("health_before_on")
    week, week_on = it.number("health_7d"), it.day("health_7d_on")
    month, month_on = it.number("health_28d"), it.day("health_28d_on")
    told = False
    if health is not None and week is not None and week_on is not None:
        told = True
        yield _moved(it.as_of, week_on, week, health, _week_causes(it, display(health) - display(week)))
    if health is not None and before is not None and on is not None and on != week_on:
        told = True
        yield _moved(it.as_of, on, before, health, _parts(it, _CAUSES, display(health) - display(before)))
    if health is not None and month is not None and month_on is not None and month_on not in (week_on, on):
        told = True
        yield _moved(it.as_of, month_on, month, health, [])
    if not told:
        yield "There is no earlier score to compare today's with."
    calendar = it.number("change_calendar")
    if calendar is not None and abs(calendar) >= LEAST_POINTS and on is not None:
        likely = "less" if calendar > 0 else "more"
        yield (
            f"When the renewal falls, which is no part of health, makes leaving {likely} likely than on {on_day(on)}, "
            f"by {points(calendar)}."
        )
    for topic in as_json(it.row.get("moved"))[:3]:
        now, then, moved = topic.get("sentence"), topic.get("sentence_before"), it.number("points", topic)
        feature = str(topic.get("feature"))
        if not now or moved is None or it.age < WINDOWS.get(feature, 0):
            continue
        sentence, earlier = (lately(one_line(told or "", 300).removesuffix(".")) for told in (now, then))
        if belied(feature, sentence, earlier, moved):
            continue
        was = f" (before: {unlike(earlier, sentence)})" if earlier and earlier != sentence else ""
        yield f"{'Better' if moved > 0 else 'Worse'} by {points(moved)}: {sentence}{was}."
    since, rank = it.day("listed_since"), it.list_rank
    if since is not None:
        place = f", in place {rank}" if rank is not None else ""
        if since >= it.as_of:
            yield f"It came onto its CSM's call list today{place}."
        else:
            yield f"It has been on its CSM's call list since {on_day(since)} ({ago(since, it.as_of)}){place}."


def _moved(as_of: dt.date, day: dt.date, before: float, now: float, causes: list[str]) -> str:
    """One trend: from, to, and by what."""
    one, other = display(before), display(now)
    if one == other:
        return f"Since {on_day(day)} ({ago(day, as_of)}) health stayed at {other}."
    way = f"{'fell' if other < one else 'rose'} from {one} to"
    why = f"{', ' if len(causes) == 1 else ': '}{listed_out(causes)}" if causes else ""
    return f"Since {on_day(day)} ({ago(day, as_of)}) health {way} {other}{why}."


def _week_causes(it: Subject, shown: int) -> list[str]:
    parts = (("change_7d_customer", "what changed at the account"), ("change_7d_other", "its segment, stage or data"))
    return _parts(it, parts, shown)


def _parts(it: Subject, named: Sequence[tuple[str, str]], shown: int) -> list[str]:
    """Each cause with its whole points, which add up to what is shown of the change; one alone needs none."""
    sizes = [(size, words) for name, words in named if abs(size := it.number(name) or 0.0) >= LEAST_POINTS]
    if len(sizes) < 2:
        return [f"by {words}" for _, words in sizes]
    whole = [round(size) for size, _ in sizes]
    largest = max(range(len(sizes)), key=lambda n: abs(sizes[n][0]))
    if abs(shown - sum(whole)) <= len(whole):  # further off only where health lies outside of what is shown
        whole[largest] += shown - sum(whole)
    return [f"{signed(size)} by {words}" for size, (_, words) in zip(whole, sizes, strict=True)]
