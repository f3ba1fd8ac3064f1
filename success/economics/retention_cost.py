"""Retention cost: costs and managed revenue by month in; the CRC ratio, what it is made of and where it goes, out."""

from __future__ import annotations

import datetime as dt

from features.money import COST_CATEGORIES
from success.economics.basis import Basis, no_trend, trailing_year
from success.economics.spending import missing_sentence
from success.metric import Definition, Metric, ratio
from success.periods import Period, months_after
from success.phrases import on_day

__all__ = ["DEFINITIONS", "retention_metrics"]

_COST = "retention costs ([revenue] retention_costs) of the twelve months, in the reporting currency"
_REVENUE = (
    "MRR of each day / days in its month, summed over the same twelve months; accounts lost since then are in it "
    "for as long as they paid"
)


def _at(name: str, when: str) -> Definition:
    """The CRC ratio of the twelve months that end some time before the period does."""
    formula = f"retention costs / recurring revenue managed, both of the twelve months until {when}"
    title = "Customer retention cost ratio (CRC ratio)"
    return Definition(name, title if name == "crc_ratio" else f"{title}, {when}", formula, "share", _COST, _REVENUE)


_RATIOS = {
    0: _at("crc_ratio", "the period's end"),
    3: _at("crc_ratio_1q_before", "one quarter before the period's end"),
    6: _at("crc_ratio_2q_before", "two quarters before the period's end"),
    9: _at("crc_ratio_3q_before", "three quarters before the period's end"),
    12: _at("crc_ratio_year_before", "a year before the period's end"),
}
"""By how many months before the period's end the twelve months end."""
_CHANGE = Definition(
    "crc_change",
    "CRC ratio, change over a year",
    "CRC ratio - CRC ratio a year before; below zero it is falling",
    "share",
    "CRC ratio of the twelve months until the period's end, minus that of the twelve months before",
)
_MANAGED = Definition(
    "managed_revenue",
    "Recurring revenue managed",
    "sum over the days of the twelve months until the period's end of MRR that day / days in its month",
    "money",
    _REVENUE,
)
_TOTAL = Definition(
    "retention_cost",
    "Retention cost",
    "sum of the retention costs of the twelve months until the period's end",
    "money",
    _COST,
)


def _category(category: str) -> Definition:
    title = f"Retention cost: {category.replace('_', ' ')}"
    formula = f"sum of the costs of {category} of the twelve months until the period's end"
    return Definition(f"retention_cost_{category}", title, formula, "money", f"costs of {category}, where that counts")


_CATEGORIES = {category: _category(category) for category in COST_CATEGORIES}
DEFINITIONS = (*_RATIOS.values(), _CHANGE, _TOTAL, *_CATEGORIES.values(), _MANAGED)


def retention_metrics(basis: Basis, period: Period, group: str | None) -> dict[str, Metric]:
    """The CRC ratio with its trend, and its two sides, of a group (of all for None).

    The categories that count are listed each with its amount. A figure for which the costs of a month are missing is
    not defined; nor is a trend without the figure of a year before.
    """
    ratios = [_ratio(basis, months_after(period.until, -back), group, made) for back, made in _RATIOS.items()]
    told = {metric.definition.name: metric for metric in (*ratios, _change(ratios))}
    months, categories = trailing_year(period.until), basis.costs.settings.retention_costs
    revenue = basis.revenue_of(months, group)
    told[_MANAGED.name] = Metric(_MANAGED, revenue, revenue, note=_covered(months[0], period, basis.costs.as_of))
    if missing := basis.costs.missing_months(months, categories):
        why = missing_sentence(basis.costs, missing, "retention costs")
        return told | {made.name: Metric(made, None, note=why) for made in (_TOTAL, *_counted(categories))}
    parts = {category: basis.cost_of(months, (category,), group) for category in categories}
    total = sum(parts.values())
    told[_TOTAL.name] = Metric(_TOTAL, total, total, note=_listed(parts))
    for category, amount in parts.items():
        made = _CATEGORIES[category]
        told[made.name] = Metric(made, amount, amount)
    return told


def _covered(since: dt.date, period: Period, as_of: dt.date) -> str:
    """The days that there are of the twelve months, where the period is not over."""
    if period.over_on(as_of):
        return ""
    last = as_of - dt.timedelta(days=1)
    return f"{period.name} is not over: what is told covers the days from {on_day(since)} to {on_day(last)}."


def _counted(categories: tuple[str, ...]) -> list[Definition]:
    return [_CATEGORIES[category] for category in categories]


def _listed(parts: dict[str, float]) -> str:
    """Every category that counts, with its amount."""
    return "Counted: " + ", ".join(f"{name.replace('_', ' ')} {amount:,.2f}" for name, amount in parts.items()) + "."


def _ratio(basis: Basis, until: dt.date, group: str | None, made: Definition) -> Metric:
    """The CRC ratio of the twelve months until a day."""
    months, categories = trailing_year(until), basis.costs.settings.retention_costs
    revenue = basis.revenue_of(months, group)
    if missing := basis.costs.missing_months(months, categories):
        return Metric(made, None, None, revenue, missing_sentence(basis.costs, missing, "retention costs"))
    found = ratio(made, basis.cost_of(months, categories, group), revenue, "Not defined: no revenue was managed.")
    note = basis.costs.lacking(months, categories) if found.value is not None else found.note
    return Metric(made, found.value, found.numerator, found.denominator, note)


def _change(ratios: list[Metric]) -> Metric:
    """The trend, which says more than the level."""
    now, *quarters, year_before = ratios
    if now.value is None or year_before.value is None:
        return Metric(_CHANGE, None, note=no_trend(now, year_before))
    change = now.value - year_before.value
    word = "Unchanged" if _shown(now.value) == _shown(year_before.value) else "Falling" if change < 0 else "Rising"
    between = [_shown(metric.value) if metric.value is not None else "not defined" for metric in reversed(quarters)]
    sentence = (
        f"{word}: {_shown(now.value)} after {_shown(year_before.value)} a year before; at the ends of the three "
        f"quarters between {', '.join(between)}. Companies often report 5 to 15 %; the trend says more than the level."
    )
    return Metric(_CHANGE, change, change, note=sentence)


def _shown(share: float) -> str:
    return f"{100 * share:.1f} %"
