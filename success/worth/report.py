"""Report: what `gather` found in; what each CSM's book was worth against what was expected of it, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from success.metric import Metric
from success.phrases import counted, on_day, verb
from success.worth.chance import Interval
from success.worth.definitions import BY_NAME, DEFINITIONS
from success.worth.figures import Book, Books
from success.worth.inputs import RoiInputs
from success.worth.person import Person, person_of
from success.worth.since import since_of
from success.worth.standings import Method, Ranking, shrunken
from success.worth.words import NOT_FOR_PAY, QUESTION, shift_sentence, too_early_sentence

__all__ = ["RoiReport", "roi_report"]

_OTHERWISE = {
    "notice": "the end that was known from its notice, and how often notices are withdrawn",
    "grace": "how often accounts come back within the grace period",
    "rate": "the rate of its segment, because no model could score it",
}
"""What stands in for the model's forecast, by source."""


@dataclass(frozen=True)
class RoiReport:
    """What the books of a period were worth against what was expected of them.

    Parameters
    ----------
    company : all books as one, with nobody's; nobody : None where every account was held.
    people : every CSM who held an account in the period or cost something, by csm_id.
    shift : lambda and gamma of the exit MRR, and what they make of the books that they were learned from.
    """

    inputs: RoiInputs
    company: Book
    people: tuple[Person, ...]
    nobody: Book | None
    shift: dict[str, Any]
    ranking: Ranking
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The whole report as plain values."""
        inputs = self.inputs
        over = inputs.period.over_on(inputs.as_of)
        return {
            "period": inputs.period.name,
            "from": inputs.period.start.isoformat(),
            "until": inputs.period.until.isoformat(),
            "as_of": inputs.as_of.isoformat(),
            "partial_until": None if over else inputs.until.isoformat(),
            "currency": inputs.currency,
            "gross_margin": inputs.gross_margin.to_json(),
            "question": QUESTION,
            "notes": [*self.notes],
            "company": self.company.to_json(),
            "csms": [person.to_json() for person in self.people],
            "nobody": None if self.nobody is None else self.nobody.to_json(),
            "shift": self.shift,
            "reconstructed": int(inputs.rows["reconstructed"].sum()),
            "ranking": self.ranking.to_json(),
            "definitions": {
                made.name: {
                    "title": made.title,
                    "formula": made.formula,
                    "unit": made.unit,
                    "numerator": made.numerator,
                    "denominator": made.denominator,
                }
                for made in DEFINITIONS
            },
        }

    def rows(self) -> list[dict[str, Any]]:
        """A flat table: period, group (a CSM, "company" or "" for nobody), metric, value, low, high, unit, numerator,
        denominator, note and formula."""
        made = [row for name, book in (("company", self.company), ("", self.nobody)) for row in self._of(name, book)]
        for person in self.people:
            made += self._of(person.csm_id, person.book)
            made.append(self._metric(person.csm_id, "loaded_cost", person.cost, None, None))
            made.append(self._metric(person.csm_id, "roi", person.roi, person.roi_low, person.roi_high))
            made.append(self._row(person.csm_id, "since_impact_exit", person.since.impact))
        return made

    def _of(self, group: str, book: Book | None) -> list[dict[str, Any]]:
        return [] if book is None else [self._row(group, n, v) for n, v in vars(book).items() if n in BY_NAME]

    def _row(self, group: str, name: str, value: float | Interval | None) -> dict[str, Any]:
        metric = Metric(BY_NAME[name], value.value if isinstance(value, Interval) else value)
        low, high = (value.low, value.high) if isinstance(value, Interval) else (None, None)
        return self._metric(group, name, metric, low, high)

    def _metric(self, group: str, name: str, metric: Metric, low: float | None, high: float | None) -> dict[str, Any]:
        return {
            "period": self.inputs.period.name,
            "group": group,
            "metric": name,
            "value": metric.value,
            "low": low,
            "high": high,
            "unit": metric.definition.unit,
            "numerator": metric.numerator,
            "denominator": metric.denominator,
            "note": metric.note,
            "formula": metric.definition.formula,
        }


def roi_report(inputs: RoiInputs, method: Method = "money") -> RoiReport:
    """What the books of a period were worth against what was expected of them.

    Parameters
    ----------
    method : what CSMs are ranked by, see `success.worth.standings.shrunken`.
    """
    books = Books(inputs.rows)
    figures = {name: books.book(name) for name in books.names}
    since = since_of(inputs.taken)
    people = tuple(
        person_of(inputs, csm, figures.get(csm, Book.empty()), since.get(csm)) for csm in sorted(inputs.costs)
    )
    return RoiReport(
        inputs,
        books.book(*books.names) if books.names else Book.empty(),
        people,
        figures.get(""),
        _shift(books),
        shrunken(figures, method),
        tuple(_notes(inputs, books)),
    )


def _shift(books: Books) -> dict[str, Any]:
    """What the CSMs' books have in common, as plain values and a sentence."""
    csms = sum(name != "" for name in books.names)
    if not books.names or books.shift is None:
        sentence = (
            "Only one CSM has a book, so that nothing tells what is theirs from what all books would have in common."
            if books.names
            else "There is no account of which anything was expected."
        )
        return {"loss": None, "growth": None, "exit": None, "revenue": None, "sentence": sentence}
    loss, growth = (float(part) for part in books.shift["exit"])
    return {
        "loss": round(loss, 6),
        "growth": round(growth, 6),
        "exit": round(books.common_to_all("exit"), 2) + 0.0,
        "revenue": round(books.common_to_all("revenue"), 2) + 0.0,
        "sentence": shift_sentence(loss, growth, csms),
    }


def _notes(inputs: RoiInputs, books: Books) -> list[str]:
    """What holds of the report as a whole."""
    made = [NOT_FOR_PAY]
    if inputs.begins is not None:
        made.append(too_early_sentence(inputs.period.start, inputs.begins))
    if not inputs.period.over_on(inputs.as_of):
        last = inputs.until - np.timedelta64(1, "D").astype(object)
        made.append(f"{inputs.period.name} is not over: every figure is partial, up to and with {on_day(last)}.")
    if inputs.open_ends:
        made.append(
            f"{counted(inputs.open_ends, 'account')} left less than {inputs.grace} days before {inputs.as_of}; "
            f"a return within {inputs.grace} days would undo it."
        )
    if again := int(inputs.rows["reconstructed"].sum()):
        made.append(
            f"{counted(again, 'expectation')} {verb(again, 'was', 'were')} worked out after the period had begun, from "
            "what was known on its first day, and not frozen then."
        )
    sources = inputs.rows["source"].value_counts()
    for source, how in _OTHERWISE.items():
        if number := int(sources.get(source, 0)):
            made.append(f"{counted(number, 'account')} {verb(number, 'is', 'are')} set against {how}.")
    if any(csm for csm in books.names):
        made.append(
            "Of CSMs who all do equally well, about one in ten would still be called better or worse by chance alone."
        )
    return made
