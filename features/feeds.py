"""Feeds: a feature in; the tables of the history that it is measured on, and what that makes its gaps mean, out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from functools import cache

from features import algebra as a
from features.catalogue import CATALOGUE
from features.contract import CONTRACT
from features.feature import Catalogue, Feature

__all__ = ["fed_by", "plan_dependent", "tables_of"]

_OF_PLANS = ("entitled", "core")
"""Conditions that ask what the account's plans include."""


def tables_of(feature: Feature) -> frozenset[str]:
    """The tables that a feature is measured on, roles and plans of its conditions included.

    A state comes from `accounts` where that is the account's own attribute, else from `subscriptions`.

    >>> sorted(tables_of(CATALOGUE["seats_used_share"]))
    ['subscriptions', 'usage']
    """
    return _tables_of(feature.measure)


def fed_by(tables: Iterable[str], catalogue: Catalogue = CATALOGUE) -> frozenset[str]:
    """Names of the features that are measured on any of some tables, alone or beside others."""
    named = frozenset(tables)
    return frozenset(feature.name for feature in catalogue if tables_of(feature) & named)


def plan_dependent(catalogue: Catalogue = CATALOGUE) -> frozenset[str]:
    """Names of the features whose missing value can mean that the account's plan does not include what they measure."""
    return frozenset(f.name for f in catalogue if any(_asks_plans(part) for part in _parts(f.measure)))


@cache
def _tables_of(measure: a.Expression) -> frozenset[str]:
    found: set[str] = set()
    for part in _parts(measure):
        match part:
            case a.State("as_of"):
                pass
            case a.State(column):
                found.add("accounts" if column in CONTRACT["accounts"].by_name else "subscriptions")
            case a.Window(table, whole=whole):
                found.add(table)
                found |= {"subscriptions"} if whole else set()  # it asks when the first subscription began
            case a.Condition(test="role"):
                found.add("users")
        if _asks_plans(part):
            found |= {"entitlements", "subscriptions"}  # which plans the account has is in its subscriptions
    return frozenset(found)


def _asks_plans(part: object) -> bool:
    """Whether a part of a measure asks what the account's plans include."""
    return isinstance(part, a.Included | a.LimitShare) or (isinstance(part, a.Condition) and part.test in _OF_PLANS)


def _parts(measure: object) -> Iterator[object]:
    """A measure and all that it is made of: expressions, windows and conditions."""
    yield measure
    for field in dataclasses.fields(measure) if dataclasses.is_dataclass(measure) else ():
        value = getattr(measure, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, a.Expression | a.Window | a.Condition):
                yield from _parts(part)
