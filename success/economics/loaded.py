"""Loaded: booked costs in; what one CSM costs with everything that belongs to them, and the gross margin, out."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from features.ledger import Ledger
from success.economics.basis import trailing_year
from success.economics.spending import Costs, missing_sentence, months_told
from success.metric import Definition, Metric
from success.periods import Period

__all__ = ["DEFINITIONS", "gross_margin", "loaded_cost"]

_OWN = "csm"
"""The category by whose rows the costs that name nobody are divided."""

_LOADED = Definition(
    "loaded_cost",
    "Loaded cost of a CSM",
    "own costs + part of the costs that name nobody, each month by the CSM's part of all CSMs' own csm costs",
    "money",
    "loaded costs ([revenue] loaded_costs) of the months of the period, in the reporting currency",
)
_MARGIN = Definition(
    "gross_margin",
    "Gross margin",
    "[revenue] gross_margin, or else 1 - cogs / recurring revenue of the twelve months until the period's end",
    "share",
    "recurring revenue of the twelve months, minus cogs of the same twelve months",
    "recurring revenue of the twelve months",
)
DEFINITIONS = (_LOADED, _MARGIN)


def loaded_cost(costs: Costs, csm_id: str, period: Period, as_of: dt.date) -> Metric:
    """What a CSM costs in a period: their own loaded costs and their part of those that name neither CSM nor segment.

    Not defined, with the sentence why, where a month is missing or not over on as_of, where nothing is booked for the
    CSM, or nothing of a month in which accounts were theirs, and where a month's costs name no CSM by whom to divide
    what names nobody.
    """
    if not period.over_on(as_of):
        return Metric(_LOADED, None, note=f"Not defined: {period.name} is not over on {as_of}, nor its costs known.")
    categories = costs.settings.loaded_costs
    if missing := costs.missing_months(period.months, categories):
        return Metric(_LOADED, None, note=missing_sentence(costs, missing))
    found = costs.of(period.months, categories)
    own = found[found["csm_id"] == csm_id]
    if own.empty or not csm_id:
        return Metric(_LOADED, None, note=f"Not defined: no cost of {csm_id or 'nobody'} is booked in {period.name}.")
    if unbooked := _unbooked(costs, csm_id, period, own):
        told = months_told(unbooked)
        why = f"Not defined: no cost of {csm_id} is booked in {told}, when accounts were theirs."
        return Metric(_LOADED, None, note=why)
    common = found[(found["csm_id"] == "") & (found["segment"] == "")].groupby("month")["cents"].sum()
    shares = _shares(costs, csm_id, period).reindex(common.index)
    if shares.isna().any():
        month = f"{min(common.index[shares.isna()]):%Y-%m}"
        why = f"Not defined: the costs of {month} name no CSM, so what names nobody cannot be divided among them."
        return Metric(_LOADED, None, note=why)
    total = (int(own["cents"].sum()) + float((common * shares).sum())) / 100
    return Metric(_LOADED, total, total, note=_to_know(costs, csm_id, period))


def _unbooked(costs: Costs, csm_id: str, period: Period, own: pd.DataFrame) -> list[dt.date]:
    """The months in which accounts were a CSM's and nothing is booked of what they cost themselves."""
    salary = own[own["category"] == _OWN]
    booked = {*(own if salary.empty else salary)["month"].dt.date}
    return [month for month in period.months if month not in booked and (csm_id, month) in costs.held]


def _shares(costs: Costs, csm_id: str, period: Period) -> pd.Series:
    """By month, a CSM's part of what all CSMs cost themselves; months are absent in which none of them does."""
    named = costs.of(period.months, (_OWN,))
    named = named[named["csm_id"] != ""]
    every = named.groupby("month")["cents"].sum()
    own = named[named["csm_id"] == csm_id].groupby("month")["cents"].sum()
    every = every[every > 0]
    return own.reindex(every.index, fill_value=0) / every


def _to_know(costs: Costs, csm_id: str, period: Period) -> str:
    """What a reader would otherwise take to be in the figure."""
    found = costs.of(period.months, costs.settings.loaded_costs)
    own = found.loc[found["csm_id"] == csm_id, "month"].nunique()
    others = int(found.loc[(found["csm_id"] == "") & (found["segment"] != ""), "cents"].sum()) / 100
    sentences = [costs.lacking(period.months, costs.settings.loaded_costs)]
    if own < len(period.months):
        sentences.append(
            f"Costs of {csm_id} are booked in {own} of {len(period.months)} months; no account was theirs in the "
            "others."
        )
    if others:
        sentences.append(f"Costs of {others:,.2f} that name a segment and no CSM are in no CSM's cost.")
    return " ".join(sentence for sentence in sentences if sentence)


def gross_margin(costs: Costs, ledger: Ledger, period: Period, as_of: dt.date) -> Metric:
    """What remains of recurring revenue after what it costs to deliver: as set, else of the trailing twelve months."""
    if (given := costs.settings.gross_margin) is not None:
        return Metric(_MARGIN, given, note="As set under [revenue] gross_margin.")
    if not period.over_on(as_of):
        return Metric(_MARGIN, None, note=f"Not defined: {period.name} is not over on {as_of}, nor its costs known.")
    months = trailing_year(period.until)
    if missing := costs.missing_months(months, ("cogs",)):
        why = missing_sentence(costs, missing, "cogs").removesuffix(".")
        return Metric(_MARGIN, None, note=f"{why}; write gross_margin under [revenue] to set it.")
    revenue = float(ledger.revenue(months[0], period.until).sum())
    cogs = int(costs.of(months, ("cogs",))["cents"].sum()) / 100
    if revenue <= 0:
        return Metric(_MARGIN, None, revenue - cogs, revenue, "Not defined: there was no recurring revenue.")
    return Metric(_MARGIN, 1 - cogs / revenue, revenue - cogs, revenue)
