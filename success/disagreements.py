"""Disagreements: a book in; the accounts that the model, the rules and the CSM's pulse see differently, out.

None of the three is overwritten by another: they stand side by side, and who is the more pessimistic is said.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.errors import TenureError
from features.settings import Settings
from success.book import bands_of, day_of, days_since, displayed, numbers, rule_health_of, status_in, table, texts
from success.listing import Listing
from success.phrases import counted, money

__all__ = ["LEAST_DIFFERENCE", "OLD_PULSE_DAYS", "PAIRS", "disagreements"]

PAIRS = {"model-pulse": ("model", "pulse"), "model-rules": ("model", "rules"), "rules-pulse": ("rules", "pulse")}
"""Whose views are compared: the first by bands, which differ where they lie two apart, the others by rank."""

LEAST_DIFFERENCE = 40
"""Percentile points from which two views differ that are compared by their ranks within the day."""

OLD_PULSE_DAYS = 90
"""A pulse that is older is marked as old."""

_CARRIED = ("account_id", "name", "csm_id", "segment", "stage", "pulse_on", "renews_on")
_WHO = {"model": "the model", "rules": "the scorecard", "pulse": "the CSM"}


def disagreements(
    book: pd.DataFrame,
    settings: Settings,
    pair: str | None = None,
    count: int | None = None,
    whole: pd.DataFrame | None = None,
) -> Listing:
    """Accounts with two views that lie far apart, the most revenue first.

    The model and the pulse differ where their bands lie two apart. The scorecard's level is another than theirs, so it
    is compared by rank: its percentile and the other's among the accounts with both differ by `LEAST_DIFFERENCE`.

    Parameters
    ----------
    pair : one of `PAIRS`; each account's largest difference of all three without it.
    count : rows at most.
    whole : the accounts among which ranks are told; those of the book when not given.

    Returns
    -------
    Rows account_id, name, csm_id, segment, stage, pulse_on, renews_on, mrr, model, rules and pulse (0 to 100 as shown),
    pair, difference (points; by rank, percentile points), pessimist (who sees it darker), bands_apart, pairs (how many
    of them differ), pulse_days and pulse_old, sentence; left out are accounts without two views to compare.

    Raises
    ------
    TenureError : there is no such pair.
    """
    rows, total, single = _rows(book, settings, pair, count, whole)
    notes = (
        "The scorecard's level is not the model's or the CSM's, so with it views are compared by their rank within the "
        f"day and differ by {LEAST_DIFFERENCE} percentile points or more; the model and the CSM differ where their "
        "bands lie two apart.",
        "A difference is a reason to look, not an error.",
    )
    return Listing(rows, {"without_two_views": single}, notes if len(rows) else (), {"pairs": list(PAIRS)}, total)


def _rows(
    book: pd.DataFrame, settings: Settings, pair: str | None, count: int | None, whole: pd.DataFrame | None
) -> tuple[pd.DataFrame, int, int]:
    """The rows that are shown, how many there are in all, and how many accounts have no two views."""
    if pair is not None and pair not in PAIRS:
        raise TenureError(f'There is no pair "{pair}" of views; there are {", ".join(PAIRS)}.')
    views = _views(book)
    frame = pd.DataFrame(views)
    bands = {name: bands_of(frame, settings.health.bands, settings.health.edges, name) for name in views}
    asked = PAIRS if pair is None else {pair: PAIRS[pair]}
    ranks = {name: _ranks(book, book if whole is None else whole, *of) for name, of in asked.items() if "rules" in of}
    sides = {name: ranks.get(name, (views[one], views[other])) for name, (one, other) in asked.items()}
    gaps = np.column_stack([one - other for one, other in sides.values()])
    apart = np.column_stack([np.abs(bands[one] - bands[other]) for one, other in asked.values()])
    there = ~np.isnan(gaps)
    by_rank = np.array([name in ranks for name in asked])
    differ = there & np.where(by_rank, np.abs(gaps) >= LEAST_DIFFERENCE, apart >= 2)
    gone = status_in(book, "churned", "notice_given")
    chosen = differ.any(axis=1) & ~gone
    single = int((~there.any(axis=1) & ~gone & frame.notna().any(axis=1).to_numpy()).sum())

    mrr, places = numbers(book, "mrr"), np.flatnonzero(chosen)
    size = np.where(differ, np.abs(gaps), -1.0)
    largest = size.argmax(axis=1)
    order = pd.DataFrame({"mrr": mrr[places], "gap": size.max(axis=1)[places], "id": texts(book, "account_id")[places]})
    order = order.sort_values(["mrr", "gap", "id"], ascending=[False, False, True], na_position="last")
    places = places[order.index.to_numpy()[:count]]

    rows, which, names = book.iloc[places], largest[places], list(asked)
    told: dict[str, Any] = {name: texts(rows, name) for name in _CARRIED}
    told |= {"mrr": mrr[places]} | {name: view[places] for name, view in views.items()}
    told["by_rank"] = by_rank[which]
    both = [[side[j] for side in sides[names[i]]] for i, j in zip(which, places, strict=True)]
    told["sides"] = [(min(pair_of), max(pair_of)) for pair_of in both]
    told["pair"] = np.array([names[i] for i in which], dtype=object)
    gap = gaps[places, which]
    told |= {"difference": np.abs(gap), "bands_apart": apart[places, which], "pairs": differ[places].sum(axis=1)}
    told["pessimist"] = np.array([asked[names[i]][int(g > 0)] for i, g in zip(which, gap, strict=True)], dtype=object)
    today = day_of(book)
    told["pulse_days"] = np.array([days_since(on, today) for on in told["pulse_on"]], dtype=float)
    told["pulse_old"] = told["pulse_days"] > OLD_PULSE_DAYS
    told["sentence"] = [_sentence({name: values[i] for name, values in told.items()}) for i in range(len(rows))]
    order_of = (*_CARRIED, "mrr", *views, "pair", "difference", "pessimist", "bands_apart", "pairs", "pulse_days",
                "pulse_old", "sentence")  # fmt: skip
    return table(told, order_of), len(order), single


def _ranks(book: pd.DataFrame, whole: pd.DataFrame, one: str, other: str) -> tuple[np.ndarray, np.ndarray]:
    """(n,) percentile of two views, exact as they are stored, among the customers that have both; NaN without both."""
    among = whole[~status_in(whole, "churned", "notice_given")]
    views, those = _exact(book), _exact(among)
    known = ~np.isnan(those[one]) & ~np.isnan(those[other])
    there = ~np.isnan(views[one]) & ~np.isnan(views[other])
    told = []
    for name in (one, other):
        usual = np.sort(those[name][known])
        below, upto = (np.searchsorted(usual, views[name], side=side) for side in ("left", "right"))
        told.append(np.where(there, 100 * (below + upto) / 2 / max(len(usual), 1), np.nan))
    return told[0], told[1]


def _views(book: pd.DataFrame) -> dict[str, np.ndarray]:
    """(n,) each view as it is shown, 0 to 100."""
    return {name: displayed(view) for name, view in _exact(book).items()}


def _exact(book: pd.DataFrame) -> dict[str, np.ndarray]:
    """(n,) each view; a rule-based health is the rules' view, not a model's."""
    by_rules = texts(book, "health_source") == "rule_based"
    return {
        "model": np.where(by_rules, np.nan, numbers(book, "health")),
        "rules": rule_health_of(book),
        "pulse": numbers(book, "pulse"),
    }


def _sentence(told: dict[str, Any]) -> str:
    one, other = PAIRS[told["pair"]]
    dark, bright = (one, other) if told["pessimist"] == one else (other, one)
    if told["by_rank"]:
        low, high = (f"{round(side)} %" for side in told["sides"])
        text = f"{_WHO[dark]} sees it healthier than {low} of accounts and {_WHO[bright]} than {high}"
    else:
        text = f"{_WHO[dark]} says {told[dark]:.0f} of 100 and {_WHO[bright]} {told[bright]:.0f}"
    text = text[:1].upper() + text[1:]
    if "pulse" in (one, other) and told["pulse_old"]:
        text += f", though the CSM's view is {counted(int(told['pulse_days']), 'day')} old"
    return f"{text}; {_paid(told['mrr'])}."


def _paid(mrr: float) -> str:
    return "what it pays is not known" if np.isnan(mrr) else f"it pays {money(mrr)} a month"
