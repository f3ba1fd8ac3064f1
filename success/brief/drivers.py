"""Drivers: an account in; what speaks against it and for it, each as a sentence, and what is better not told, out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from features.catalogue import CATALOGUE
from success.belied import count_said
from success.brief.markup import one_line
from success.brief.subject import LONG_PAST, Subject, named
from success.levers import topic_of
from success.phrases import points

__all__ = ["BEHIND", "WINDOWS", "against", "in_favour", "is_settled", "lately", "sentence_of", "size_of"]

_TYPICAL = re.compile(r" \(typical: ([^()]*)\)$")
_BEFORE = re.compile(
    r"(?P<now>no|[\d,.]+) [^,]* in the last four weeks"
    r"(?P<then>, against (?P<before>no|[\d,.]+)(?: [^,;]*)? in the four before)"
)
_ARREARS = ("overdue", "late_payments")
"""Topics that say by themselves that something is wrong: that others pay late too is no comfort."""
WINDOWS = {"new_users_90d": 90, "users_change_90d": 90, "new_features_90d": 90, "new_departments_180d": 180}
"""Days over which a feature looks back; of a younger account it only says that there was a beginning."""
BEHIND = 56
"""Days that an account must have behind it for there to be four weeks before the last four."""
_FAILURES = ("failed_payments_90d", "hard_decline_failures_90d", "expired_card_failures_90d")
_SILENT = 28
"""Days without use from which every feature of use says the same."""


def against(it: Subject, least: float) -> list[tuple[float, Mapping[str, Any]]]:
    """The drivers that cost so many points or more, the largest first."""
    return _told(it, least, 1)


def in_favour(it: Subject, least: float) -> list[tuple[float, Mapping[str, Any]]]:
    """The drivers that give so many points or more, the largest first, each with what it costs (below 0)."""
    return _told(it, least, -1)


def _told(it: Subject, least: float, way: int) -> list[tuple[float, Mapping[str, Any]]]:
    costs = [(cost, d) for d in it.drivers if (cost := _cost(d)) is not None and way * cost >= least]
    found, silences = [], set()
    for cost, driver in sorted(costs, key=lambda c: -way * c[0]):
        window = WINDOWS.get(str(driver.get("feature")), 0)
        silence = _silence(driver)
        if silence in silences or it.age < window or _belies(driver, way):
            continue
        if silence:
            silences.add(silence)
        found.append((cost, driver))
    return found


def _cost(driver: Mapping[str, Any]) -> float | None:
    """Points of health that a driver takes; those that it gives are negative. None where it is not about the customer.

    A driver of a day that had no points of health is measured in percentage points of probability.
    """
    name = "health_points" if "health_points" in driver else "points"
    value = driver.get(name)
    if driver.get("feature") is None or isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return -float(value) if name == "health_points" else 100 * float(value)


def sentence_of(driver: Mapping[str, Any], age: int = 10_000) -> str:
    """What a driver says, beside its peers where they are known, else beside the typical account.

    Parameters
    ----------
    age : days since the account began; what lies before that is not told.
    """
    told = _compared(one_line(driver.get("sentence") or "", 300).removesuffix("."), _cost(driver), age)
    peer = driver.get("peer")
    if topic_of(str(driver.get("feature"))) in _ARREARS:
        return _TYPICAL.sub("", told)
    if not isinstance(peer, Mapping) or peer.get("text") is None or driver.get("value") is None:
        return _TYPICAL.sub(r"; typical: \1", told)
    told, value = _TYPICAL.sub("", told), one_line(peer["text"])
    if re.search(rf"(?i)(?<![\w.,]){re.escape(value)}(?!\w)", told):
        return told  # theirs is the same to the eye
    whose = one_line(peer.get("of") or "renewed accounts")
    return f"{told}; {whose}: {'none' if value.startswith('no ') else value}"


def lately(told: str) -> str:
    """A sentence of the last four weeks without what was before.

    >>> lately("People there took 4 actions in the last four weeks, against 7 actions in the four before")
    'People there took 4 actions in the last four weeks'
    """
    found = _BEFORE.search(told)
    return told.replace(found["then"], "") if found else told


def size_of(driver: Mapping[str, Any], cost: float) -> str:
    """What a driver is about, and by how much it counts."""
    told = points(cost) if "health_points" in driver else points(cost).replace("point", "percentage point")
    name = named(driver.get("dimension"))
    return f"{name}, {told}" if name else told


def is_settled(it: Subject, feature: str) -> bool:
    """Whether a driver is of payments that failed although one has succeeded since, or of milestones all long past."""
    if feature == "milestones_overdue":
        late = [(it.as_of - day).days for day, _ in it.open_milestones if day is not None and day < it.as_of]
        return bool(late) and min(late) > LONG_PAST
    return feature in _FAILURES and bool((it.part("payments") or {}).get("paid_since"))


def _compared(told: str, cost: float | None, age: int) -> str:
    """A sentence of the last four weeks; of what was before, only what bears it out, where there was a before."""
    found = _BEFORE.search(told)
    if not found:
        return told
    now, before = count_said(found["now"]), count_said(found["before"])
    if now == before and now:
        return told.replace(found["then"], ", as in the four before")
    if age < BEHIND or now == before or (cost is not None and (now > before) == (cost > 0)):
        return lately(told)
    return told


def _belies(driver: Mapping[str, Any], way: int) -> bool:
    """Whether a driver reads as the contrary of what it is told for: use that rose against an account, or fell for it.

    The count of four weeks still stands where it lies on the right side of that of its peers.
    """
    feature, value = str(driver.get("feature")), driver.get("value")
    declared = CATALOGUE[feature] if feature in CATALOGUE else None  # noqa: SIM401
    if declared is None or declared.good not in ("high", "low") or not isinstance(value, (int, float)):
        return False
    good = 1 if declared.good == "high" else -1
    if declared.show in ("change", "difference"):
        return way * good * value > 0
    found = _BEFORE.search(one_line(driver.get("sentence") or "", 300))
    peer = driver.get("peer")
    usual = peer.get("value") if isinstance(peer, Mapping) else None
    if not found or (count_said(found["now"]) - count_said(found["before"])) * way * good <= 0:
        return False
    return not isinstance(usual, (int, float)) or way * good * (value - usual) >= 0


def _silence(driver: Mapping[str, Any]) -> str | None:
    """What a driver says the absence of, where several would say the same: answers to surveys, or use."""
    feature, dimension, value = driver.get("feature"), driver.get("dimension"), driver.get("value")
    if dimension == "sentiment" and feature != "csm_pulse_latest":
        return "surveys" if value is None or feature == "days_since_survey" else None
    if dimension == "engagement":
        idle = isinstance(value, (int, float)) and (
            value >= _SILENT if feature == "days_since_last_use" else value == (-1 if "change" in str(feature) else 0)
        )
        return "use" if value is None or idle else None
    return None
