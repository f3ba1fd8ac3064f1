"""Standings: the books of all CSMs in; their remainders drawn together and ranked, and a verdict on each, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from success.worth.figures import YEAR, Book
from success.worth.parts import Floats
from success.worth.ranks import FEWEST, Shrunken, shrunken_losses, shrunken_money

__all__ = ["FEWEST_ACCOUNTS", "FEWEST_CHURNS", "Method", "Ranking", "shrunken", "too_small", "verdict"]

Method = Literal["money", "losses"]

FEWEST_ACCOUNTS = 10
FEWEST_CHURNS = 1.5
"""Accounts and expected churns below which a book is too small to tell anything by."""


@dataclass(frozen=True)
class Ranking:
    """CSMs in the order of what remains beside the common shift.

    Parameters
    ----------
    csms : the best first.
    figures : aligned with csms.
    method : what they are ranked by.
    """

    csms: tuple[str, ...]
    figures: Shrunken
    method: Method
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """The sentence and a row for each CSM; no ranks where no difference can be seen."""
        columns = (self.figures.estimate, self.figures.low, self.figures.high)
        rows = zip(self.csms, self.figures.ranks(), *(np.round(x, 6) + 0.0 for x in columns), strict=True)
        return {
            "sentence": self.sentence,
            "method": self.method,
            "seen": self.figures.seen,
            "spread": round(self.figures.spread, 6),
            "rows": [
                {"csm_id": csm, "rank": rank, "shrunken": float(value), "low": float(low), "high": float(high)}
                for csm, rank, value, low, high in rows
            ],
        }


def too_small(book: Book) -> bool:
    """Whether a book is too small to tell anything by."""
    return book.accounts < FEWEST_ACCOUNTS or book.expected_churns < FEWEST_CHURNS


def verdict(book: Book) -> str:
    """better or worse than the average of CSMs, where what remains is beyond chance in nine of ten draws."""
    if too_small(book):
        return "too small to tell"
    if book.remainder_exit is None or not book.remainder_exit.excludes(0.0):
        return "cannot be told"
    return "better" if book.remainder_exit.value > 0 else "worse"


def shrunken(books: Mapping[str, Book], method: Method = "money") -> Ranking:
    """CSMs ranked on estimates that are drawn towards each other by how unsure they are.

    Parameters
    ----------
    books : by csm_id; nobody's book ("") is left out.
    method : "money" for the remainder of the exit impact as a share of the starting MRR, which says a little more of
        true skill on made-up companies; "losses" for the share of the expected churns that did not come, each account
        alike, which a few large accounts cannot decide.
    """
    csms = [csm for csm, book in books.items() if csm and book.remainder_exit is not None and book.mrr > 0]
    if method == "losses":
        counts = [(books[csm].churns, books[csm].expected_churns) for csm in csms]
        made = shrunken_losses(*_columns(counts))
    else:
        made = shrunken_money(*_columns([_rate(books[csm]) for csm in csms]))
    order = sorted(range(len(csms)), key=lambda n: (-made.estimate[n], csms[n]))
    figures = Shrunken(made.estimate[order], made.low[order], made.high[order], made.spread, made.seen)
    return Ranking(tuple(csms[n] for n in order), figures, method, _sentence(len(csms), figures.seen, method))


def _columns(pairs: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _rate(book: Book) -> tuple[float, float]:
    """The remainder over a year's starting MRR, and its variance by chance."""
    year = YEAR * book.mrr
    remainder = book.remainder_exit.value if book.remainder_exit is not None else 0.0
    return remainder / year, ((book.remainder_sd or 0.0) / year) ** 2


def _sentence(csms: int, seen: bool, method: Method) -> str:
    if csms < FEWEST:
        return f"With fewer than {FEWEST} CSMs nothing can be learned of how CSMs differ, and nobody is ranked."
    if not seen:
        return "No difference between CSMs can be seen beyond chance, and nobody is ranked."
    by = (
        "the share of the expected churns that did not come, beside what all books have in common"
        if method == "losses"
        else "what remains of the exit impact beside what all books have in common, as a share of the starting MRR"
    )
    return (
        f"CSMs stand in the order of {by}, each drawn towards the average by how unsure it is; where intervals overlap "
        "the order may well be another."
    )
