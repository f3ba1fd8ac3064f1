"""Renewal cost: costs and value renewed in; what it costs to renew 1,000 of value, and whether that improves, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from success.economics.basis import Basis, no_trend, trailing_year
from success.economics.spending import missing_sentence
from success.metric import Definition, Metric, ratio
from success.periods import Period, months_after
from success.revenue.beginning import is_before, unknown_before

__all__ = ["DEFINITIONS", "renewal_metrics"]

_COST = "renewal costs ([revenue] renewal_costs) of {}, in the reporting currency"
_VALUE = "MRR after renewal x months of the term, of all terms longer than a month that were renewed in {}"


def _over(name: str, title: str, when: str) -> Definition:
    formula = f"renewal costs / value renewed x 1,000, both of {when}"
    return Definition(name, title, formula, "per 1,000", _COST.format(when), _VALUE.format(when))


_PERIOD = _over("renewal_cost", "Cost of renewals", "the period")
_YEAR = _over(
    "renewal_cost_12m", "Cost of renewals over twelve months (sum over sum)", "the twelve months until the period's end"
)
_BEFORE = _over(
    "renewal_cost_12m_year_before",
    "Cost of renewals over twelve months, a year before",
    "the twelve months until a year before the period's end",
)
_CHANGE = Definition(
    "renewal_cost_change",
    "Cost of renewals, change over a year",
    "cost of renewals over twelve months - the same a year before; below zero it is improving",
    "per 1,000",
    "cost of renewals over the twelve months until the period's end, minus that over the twelve months before",
)
DEFINITIONS = (_PERIOD, _YEAR, _BEFORE, _CHANGE)


def renewal_metrics(basis: Basis, period: Period, group: str | None) -> dict[str, Metric]:
    """What it costs a group (all of them for None) to renew 1,000 of value, in the period, over a year and before."""
    year_ago = months_after(period.until, -12)
    now = _ratio(_YEAR, basis, trailing_year(period.until), period.until, group)
    before = _ratio(_BEFORE, basis, trailing_year(year_ago), year_ago, group)
    told = (_ratio(_PERIOD, basis, period.months, period.until, group), now, before, _change(now, before))
    return {metric.definition.name: metric for metric in told}


def _ratio(made: Definition, basis: Basis, months: Sequence[dt.date], until: dt.date, group: str | None) -> Metric:
    """Renewal costs over value renewed, of some months until a day."""
    categories = basis.costs.settings.renewal_costs
    if is_before(months[0], basis.begins):
        return Metric(made, None, note=unknown_before(basis.begins))
    value = basis.renewed(months[0], until, group)
    if missing := basis.costs.missing_months(months, categories):
        return Metric(made, None, None, value, missing_sentence(basis.costs, missing, "renewal costs"))
    found = ratio(
        made,
        basis.cost_of(months, categories, group),
        value,
        "Not defined: nothing with a term longer than a month was renewed.",
    )
    if found.value is None:
        return found
    sentences = [basis.costs.lacking(months, categories)]
    if monthly := basis.renewed(months[0], until, group, monthly=True):
        sentences.append(f"Terms of one month are not in it; {monthly:,.2f} of them went on.")
    note = " ".join(sentence for sentence in sentences if sentence)
    return Metric(made, 1000 * found.value, found.numerator, found.denominator, note)


def _change(now: Metric, before: Metric) -> Metric:
    """Whether it costs less than a year before to renew as much."""
    if now.value is None or before.value is None:
        return Metric(_CHANGE, None, note=no_trend(now, before))
    change = now.value - before.value
    same = _shown(now.value) == _shown(before.value)
    word = "Unchanged" if same else "Improving" if change < 0 else "Worsening"
    sentence = f"{word}: {_shown(now.value)} per 1,000 renewed after {_shown(before.value)} a year before."
    return Metric(_CHANGE, change, change, note=sentence)


def _shown(cost: float) -> str:
    return f"{cost:,.1f}".removesuffix(".0")
