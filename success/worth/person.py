"""Person: a CSM's book and what stands beside it in; their part of the report, in figures and sentences, out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from success.metric import Metric
from success.phrases import counted, verb
from success.worth.chance import Interval
from success.worth.definitions import ROI
from success.worth.figures import YEAR, Book
from success.worth.inputs import RoiInputs
from success.worth.since import Since
from success.worth.standings import too_small, verdict
from success.worth.words import account_sentence, beyond, left_out_sentence, losses_sentence, number

__all__ = ["EXPLAINED", "Person", "person_of"]

EXPLAINED = 10
"""Accounts that are named for making the most of the difference."""


@dataclass(frozen=True)
class Person:
    """What a report says of one CSM.

    Parameters
    ----------
    roi, roi_low, roi_high : the multiple and its 90 % interval; None, with the reason in the metric's note.
    explained, changed_hands, withdrawn, won_back : lists of accounts as plain values.
    left_out : accounts that count on neither side.
    """

    csm_id: str
    book: Book
    cost: Metric
    roi: Metric
    roi_low: float | None
    roi_high: float | None
    verdict: str
    too_small: bool
    sentences: tuple[str, ...]
    since: Since
    explained: list[dict[str, Any]]
    changed_hands: list[dict[str, Any]]
    withdrawn: list[dict[str, Any]]
    won_back: list[dict[str, Any]]
    left_out: int

    def to_json(self) -> dict[str, Any]:
        """Plain values, money to the cent."""
        cost = replace(self.cost, value=None if self.cost.value is None else round(self.cost.value, 2))
        return {
            "csm_id": self.csm_id,
            **self.book.to_json(),
            "cost": cost.to_json(),
            "roi": {**self.roi.to_json(), "low": self.roi_low, "high": self.roi_high},
            "verdict": self.verdict,
            "too_small": self.too_small,
            "sentences": [*self.sentences],
            "since": self.since.to_json(),
            "explained": self.explained,
            "changed_hands": self.changed_hands,
            "notices_withdrawn": self.withdrawn,
            "won_back": self.won_back,
            "left_out": self.left_out,
        }


def person_of(inputs: RoiInputs, csm: str, book: Book, since: Since | None) -> Person:
    """What the report says of a CSM.

    Parameters
    ----------
    book : empty where the CSM held nothing that anything was expected of.
    """
    rows = inputs.rows[inputs.rows["csm_id"] == csm]
    cost = inputs.costs[csm]
    roi, interval = _roi(inputs, book, cost)
    aside = inputs.left_out.loc[inputs.left_out["csm_id"] == csm, "why"].value_counts()
    whys = {why: int(aside.get(why, 0)) for why in ("new", "ended", "free", "unforeseen")}
    return Person(
        csm,
        book,
        cost,
        roi,
        None if interval is None else interval.low,
        None if interval is None else interval.high,
        verdict(book),
        too_small(book),
        tuple(_sentences(inputs, rows, book, whys)),
        since or Since(0, 0, 0, 0, None, 0.0, 0.0, None, 0),
        _explained(rows, set(inputs.won_back.loc[inputs.won_back["inside"], "account_id"])),
        _listed(inputs.changed_hands, csm),
        _listed(inputs.withdrawn, csm),
        _listed(inputs.won_back, csm),
        sum(whys.values()),
    )


def _roi(inputs: RoiInputs, book: Book, cost: Metric) -> tuple[Metric, Interval | None]:
    """Exit impact x gross margin / loaded cost."""
    margin = inputs.gross_margin
    if not inputs.period.over_on(inputs.as_of):
        return Metric(ROI, None, note=f"Not defined: {inputs.period.name} is not over on {inputs.as_of}."), None
    if book.accounts <= 0:
        return Metric(ROI, None, denominator=cost.value, note="Not defined: there is no book in this period."), None
    for needed in (cost, margin):
        if needed.value is None:
            return Metric(ROI, None, denominator=cost.value, note=needed.note), None
    if not cost.value or cost.value < 0 or margin.value is None:
        return Metric(ROI, None, denominator=cost.value, note="Not defined: the cost is not above 0."), None
    made = book.impact_exit.times(margin.value / cost.value)
    return Metric(ROI, made.value, book.impact_exit.value * margin.value, cost.value, cost.note), made


def _sentences(inputs: RoiInputs, rows: pd.DataFrame, book: Book, whys: dict[str, int]) -> list[str]:
    """What to know of the figures, the most important first."""
    if rows.empty:
        told = [f"There is no account in this book in {inputs.period.name} of which anything was expected."]
        return told + ([left_out_sentence(whys)] if sum(whys.values()) else [])
    made = []
    if too_small(book):
        made.append(
            f"The book is too small to tell: {_parts(book.accounts, 'account')} and "
            f"{_parts(book.expected_churns, 'expected churn')}."
        )
    if book.remainder_exit is not None:
        made.append(beyond(book.remainder_exit, verdict(book)))
    made.append(losses_sentence(book))
    if len(shared := rows[rows["share"] < 1]):
        made.append(
            f"{counted(len(shared), 'account')} changed hands in the period and {verb(len(shared), 'counts', 'count')} "
            "by the days that each CSM held it."
        )
    if borrowed := int(rows["borrowed"].sum()):
        made.append(
            f"{counted(borrowed, 'account')} {verb(borrowed, 'is', 'are')} set against the forecast that was made for "
            "somebody else's book, because none was made for this one."
        )
    if seen := int((~rows["own_book_left_out"].astype(bool) & (rows["source"] == "model")).sum()):
        made.append(f"Of {counted(seen, 'account')} the forecast comes from a model that has seen this book.")
    if again := int(rows["reconstructed"].sum()):
        made.append(
            f"What was expected of {counted(again, 'account')} was worked out afterwards, from what was known then."
        )
    if sum(whys.values()):
        made.append(left_out_sentence(whys))
    return made


def _parts(count: float, noun: str) -> str:
    """A count that may hold parts, with its noun.

    >>> [_parts(x, "account") for x in (1.0, 12.52, 0.02)]
    ['1 account', '12.5 accounts', 'hardly any account']
    """
    shown = number(count)
    return f"hardly any {noun}" if shown == "0" else f"{shown} {noun}{'' if shown == '1' else 's'}"


def _explained(rows: pd.DataFrame, back: set[str]) -> list[dict[str, Any]]:
    """The accounts that make the most of the difference at the end; amounts a month, the difference for a year."""
    share = rows["share"].to_numpy(dtype=np.float64)
    expected, came = (rows[f"{n}_exit"].to_numpy(dtype=np.float64) for n in ("expected", "realised"))
    impact = YEAR * share * (came - expected)
    order = np.lexsort((rows["account_id"].to_numpy(dtype=object).astype(str), -np.abs(impact)))[:EXPLAINED]
    made = []
    for n in order:
        row = rows.iloc[n]
        day = None if pd.isna(row["left_on"]) else row["left_on"].date()
        facts = {**row, "left_on": day, "back": row["account_id"] in back}
        made.append(
            {
                "account_id": str(row["account_id"]),
                "name": row["name"],
                "share": round(float(share[n]), 6),
                "expected": round(float(expected[n]), 2) + 0.0,
                "realised": round(float(came[n]), 2) + 0.0,
                "difference": round(float(impact[n]), 2) + 0.0,
                "sentence": account_sentence(facts, row["source"] == "grace"),
            }
        )
    return made


def _listed(frame: pd.DataFrame, csm: str) -> list[dict[str, Any]]:
    """A CSM's rows of a list as plain values."""
    mine = frame[frame["csm_id"] == csm].drop(columns="csm_id")
    return [{str(name): _plain(value) for name, value in row.items()} for row in mine.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp | dt.datetime | dt.date):
        return None if pd.isna(value) else f"{value:%Y-%m-%d}"
    if isinstance(value, float):
        return None if np.isnan(value) else round(value, 6) + 0.0
    if isinstance(value, np.generic):
        return value.item()
    return None if value is pd.NaT else value
