"""Retention: what became of the accounts of a period's start in; NRR, GRR, logo retention and churn out."""

from __future__ import annotations

import pandas as pd

from success.metric import Definition, Metric, ratio

__all__ = ["DEFINITIONS", "retention_metrics"]

_START = "MRR on the day before the period of all accounts that paid then"
_ACCOUNTS = "accounts that paid on the day before the period (MRR above 0)"
_NOBODY = "Not defined: no account paid on the day before the period."

_NRR = Definition(
    "nrr",
    "Net revenue retention (NRR)",
    "MRR at the end of the accounts of the start / MRR at the start",
    "share",
    "MRR on the last day of the accounts that paid on the day before the period; new ones and their MRR stay out",
    _START,
)
_GRR = Definition(
    "grr",
    "Gross revenue retention (GRR)",
    "sum over the accounts of the start of the lesser of MRR at the end and MRR at the start / MRR at the start",
    "share",
    "the lesser of MRR on the last day and MRR at the start, account by account",
    _START,
)
_LOGOS = Definition(
    "logo_retention",
    "Logo retention",
    "accounts of the start that pay at the end / accounts of the start",
    "share",
    "accounts that paid on the day before the period and pay on its last day (MRR above 0)",
    _ACCOUNTS,
)
_NET = Definition(
    "net_revenue_churn",
    "Net revenue churn",
    "1 - NRR; below zero the churn is negative",
    "share",
    "MRR at the start minus MRR on the last day of the same accounts",
    _START,
)
_GROSS = Definition(
    "gross_revenue_churn",
    "Gross revenue churn",
    "1 - GRR",
    "share",
    "MRR lost by the accounts of the start, whether they left, ended, paused or pay less",
    _START,
)
_STARTING = Definition("starting_accounts", "Accounts at the start", "count of accounts", "accounts", _ACCOUNTS)
_STARTING_MRR = Definition("starting_mrr", "MRR of the accounts at the start", "sum of MRR", "money", _START)
_WITHOUT = Definition(
    "accounts_without_mrr",
    "Accounts at the start without MRR",
    "count of accounts",
    "accounts",
    "accounts with a paid subscription on the day before the period and an MRR of 0 or less; in no rate",
)
_KINDS = {"": ("churn_voluntary", "churn_involuntary"), "_voluntary": ("churn_voluntary",)}
_KINDS["_involuntary"] = ("churn_involuntary",)


def _churn(what: str, kind: str, fit: bool) -> Definition:
    """Churn of customers or of revenue, of one kind, with or without those that were a bad fit."""
    told = f", {kind.removeprefix('_')}" if kind else ""
    who = f"accounts of the start that left as {kind.removeprefix('_') or 'voluntary or involuntary'}"
    who += " and pay nothing at the end"
    who += "" if fit else ", those left out that named a bad fit when asked why"
    counted = who if what == "customer" else f"MRR at the start of {who}"
    short = ("accounts that churned" if what == "customer" else "MRR at the start of accounts that churned") + told
    return Definition(
        f"{what}_churn{kind}{'' if fit else '_without_bad_fit'}",
        f"{what.capitalize()} churn{told}{'' if fit else ', without bad fit'}",
        f"{short}{'' if fit else ', bad fit left out'} / {'accounts' if what == 'customer' else 'MRR'} at the start",
        "share",
        counted,
        _ACCOUNTS if what == "customer" else _START,
    )


_CHURNS = {(w, k, f): _churn(w, k, f) for w in ("customer", "revenue") for k in _KINDS for f in (True, False)}
DEFINITIONS = (
    _STARTING, _STARTING_MRR, _WITHOUT, _NRR, _GRR, _LOGOS, _NET, _GROSS, *_CHURNS.values(),
)  # fmt: skip


def retention_metrics(starting: pd.DataFrame, exits: bool) -> dict[str, Metric]:
    """How much of what there was at the start there is at the end.

    Parameters
    ----------
    starting : of `success.revenue.starting.starting_accounts`, those of one group.
    exits : whether there is a table exits, so that a bad fit can be told.
    """
    paying = starting[starting["opening"] > 0]
    start, count = int(paying["opening"].sum()) / 100, len(paying)
    end = int(paying["closing"].sum()) / 100
    kept = int(paying[["opening", "closing"]].min(axis=1).sum()) / 100
    logos = int((paying["fate"] == "kept").sum())
    found = [
        Metric(_STARTING, float(count), float(count)),
        Metric(_STARTING_MRR, start, start),
        Metric(_WITHOUT, float(len(starting) - count), float(len(starting) - count)),
        _of_start(_NRR, end, start, _ended(paying)),
        _of_start(_GRR, kept, start, _ended(paying)),
        _of_start(_LOGOS, logos, count),
        _of_start(_NET, round(start - end, 2), start, _negative(start, end)),
        _of_start(_GROSS, round(start - kept, 2), start),
    ]
    for (what, kind, fit), definition in _CHURNS.items():
        gone = paying[paying["fate"].isin(_KINDS[kind])]
        if not fit and not exits:
            why = "Not defined: there is no table of exits, so nobody knows who was a bad fit."
            found.append(Metric(definition, None, None, count if what == "customer" else start, why))
            continue
        gone = gone if fit else gone[~gone["bad_fit"]]
        lost = float(len(gone)) if what == "customer" else int(gone["opening"].sum()) / 100
        found.append(_of_start(definition, lost, count if what == "customer" else start))
    return {metric.definition.name: metric for metric in found}


def _of_start(definition: Definition, numerator: float, denominator: float, note: str = "") -> Metric:
    made = ratio(definition, float(numerator), float(denominator), _NOBODY)
    return made if made.value is None or not note else Metric(definition, made.value, numerator, denominator, note)


def _ended(paying: pd.DataFrame) -> str:
    """What is in NRR and GRR and in no churn."""
    ended = paying[paying["fate"] == "ended"]
    paused = paying[paying["fate"] == "paused"]
    told = [
        f"{len(rows)} with an MRR of {int(rows['opening'].sum()) / 100:,.2f} {what}"
        for rows, what in ((ended, "completed or merged"), (paused, "paused over the period's end"))
        if len(rows)
    ]
    return f"Of the accounts of the start, {' and '.join(told)}: lost here, and no churn." if told else ""


def _negative(start: float, end: float) -> str:
    if end <= start:
        return ""
    return "Negative churn: the accounts of the start pay more than they did, those lost included."
