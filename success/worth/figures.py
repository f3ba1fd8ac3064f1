"""Figures: rows of accounts and the books they are in, in; what each book was expected to bring and what it did, out.

What concerns MRR at the end is told for a year (x 12), but for the two MRRs themselves. Of every book:

    impact_exit = 12 x (realised_exit_mrr - expected_exit_mrr) = saves_worth + expansion
                = shift_exit + remainder_exit
    impact_revenue = realised_revenue - expected_revenue = shift_revenue + remainder_revenue

The shift is made of the CSMs' books alone, so that remainders say how each CSM did against the average of CSMs: theirs
add up to zero, and the accounts that nobody holds are set against the same average.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from success.worth.chance import Errors, Interval, drawn, interval
from success.worth.parts import Expected, Floats, Shift, common_shift, expected_of, parts_of, sums

__all__ = ["YEAR", "Book", "Books"]

YEAR = 12
"""Months of an amount that is told for a year."""
_DIGITS = {"expected_over_realised": 6, "saves": 4, "accounts": 4, "expected_churns": 4, "churns": 4}
"""Of what is no money."""


@dataclass(frozen=True)
class Book:
    """What was expected of some accounts and what came; the names are explained in `success.worth.definitions`.

    Parameters
    ----------
    shift_exit, shift_revenue, remainder_exit, remainder_revenue : None where only one CSM has a book.
    remainder_sd : of remainder_exit, by chance.
    """

    accounts: float
    mrr: float
    expected_revenue: float
    realised_revenue: float
    impact_revenue: Interval
    expected_exit_mrr: float
    realised_exit_mrr: float
    impact_exit: Interval
    expected_over_realised: Interval | None
    expected_churns: float
    churns: float
    saves: Interval
    saves_worth: Interval
    expansion: Interval
    shift_exit: float | None
    remainder_exit: Interval | None
    shift_revenue: float | None
    remainder_revenue: Interval | None
    remainder_sd: float | None

    @classmethod
    def empty(cls) -> Book:
        """Of no account."""
        none = Interval(0.0, 0.0, 0.0)
        return cls(
            accounts=0.0, mrr=0.0, expected_revenue=0.0, realised_revenue=0.0, impact_revenue=none,
            expected_exit_mrr=0.0, realised_exit_mrr=0.0, impact_exit=none, expected_over_realised=None,
            expected_churns=0.0, churns=0.0, saves=none, saves_worth=none, expansion=none, shift_exit=None,
            remainder_exit=None, shift_revenue=None, remainder_revenue=None, remainder_sd=None,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain values: money to the cent, each interval as value, low and high, all three null where there is none."""
        told: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, Interval):
                told[name] = value.to_json(_DIGITS.get(name, 2))
            elif value is not None:
                told[name] = round(value, _DIGITS.get(name, 2)) + 0.0
            else:
                told[name] = None if name.startswith("shift") else {"value": None, "low": None, "high": None}
        del told["remainder_sd"]
        return told


class _Amount:
    """One amount, exit or revenue, of every row, book and draw."""

    def __init__(self, rows: pd.DataFrame, name: str, book: NDArray[np.int64], books: int) -> None:
        def column(what: str) -> Floats:
            return rows[what].to_numpy(dtype=np.float64)

        share = column("share")
        self.expected: Expected = expected_of(
            column("p"), column(f"expected_{name}"), column(f"kept_{name}"), column(f"sd_{name}")
        )
        self.came = column(f"realised_{name}")
        self.parts = parts_of(self.expected, rows["left"].to_numpy(dtype=bool), self.came)
        risks = (self.expected.stake * self.expected.p, self.expected.kept * (1 - self.expected.p))
        self.total, self.realised, self.loss, self.growth, self.losses, self.stays = (
            sums(x * share, book, books) for x in (self.expected.total, self.came, *self.parts, *risks)
        )

    def common(self, loss: Floats, growth: Floats, whose: NDArray[np.bool_]) -> Shift:
        """What some books have in common; loss and growth are (books,) or (books, draws)."""
        return common_shift(
            loss[whose].sum(axis=0),
            growth[whose].sum(axis=0),
            float(self.losses[whose].sum()),
            float(self.stays[whose].sum()),
        )

    def shifted(self, shift: Shift) -> Floats:
        """(books,) or (books, draws) of what a shift makes of each book."""
        return np.multiply.outer(self.losses, shift.loss) + np.multiply.outer(self.stays, shift.growth)


class Books:
    """The books of a period.

    Attributes
    ----------
    names : csm_id of each book, in order; "" is nobody's and stands last.
    shift : by amount (exit, revenue), what the CSMs' books have in common, or all there is where no CSM has one; None
        where only one CSM has.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        whose = rows["csm_id"].to_numpy(dtype=object)
        self.names = sorted(set(whose), key=lambda csm: (csm == "", csm))
        places = {name: n for n, name in enumerate(self.names)}
        book, count = np.array([places[csm] for csm in whose], dtype=np.int64), len(self.names)
        share = rows["share"].to_numpy(dtype=np.float64)
        self._amounts = {name: _Amount(rows, name, book, count) for name in ("exit", "revenue")}
        account = np.unique(rows["account_id"].to_numpy(dtype=object).astype(str), return_inverse=True)[1]
        errors = Errors(*(rows[name].to_numpy(dtype=np.float64) for name in ("level_sd", "shock_sd", "growth_sd")))
        expected = {name: amount.expected for name, amount in self._amounts.items()}
        self._draws = drawn(expected, errors, share, account.astype(np.int64), book, count)
        counted = (np.ones(len(rows)), rows["mrr"], expected["exit"].p, rows["left"])
        self._accounts, self._mrr, self._leaving, self._left = (
            sums(np.asarray(x, dtype=np.float64) * share, book, count) for x in counted
        )
        csms = np.array([name != "" for name in self.names], dtype=bool)
        # Without a CSM there is nobody to be compared with, and all there is, is common.
        self._common = csms if csms.any() else ~csms
        self.shift: dict[str, Shift] | None = None
        if csms.sum() != 1:
            self.shift = {n: a.common(a.loss, a.growth, self._common) for n, a in self._amounts.items()}
        # Taken apart by the same rule: errors that all books share go, and the noise of the shift itself comes in.
        self._rest = {n: self._by_chance(n) for n in (self.shift or ())}

    def _by_chance(self, name: str) -> Floats:
        """(books, draws) of what remains beside the shift."""
        amount, loss, growth = self._amounts[name], self._draws.loss[name], self._draws.growth[name]
        return np.asarray(loss + growth - amount.shifted(amount.common(loss, growth, self._common)))

    def common_to_all(self, name: str) -> float:
        """What the shift of an amount makes of the books that it was learned from, in money; for exit, a year's."""
        return self._remains(name, self._common)[0]

    def book(self, *names: str) -> Book:
        """Some books as one."""
        which = np.array([name in names for name in self.names], dtype=bool)
        exits, revenue = self._amounts["exit"], self._amounts["revenue"]
        loss, growth = (self._drawn(draws["exit"], which) for draws in (self._draws.loss, self._draws.growth))
        earned = self._drawn(self._draws.loss["revenue"] + self._draws.growth["revenue"], which)
        came, total = float(revenue.realised[which].sum()), float(revenue.total[which].sum())
        impact = interval(came - total, earned)
        remains = {name: self._remains(name, which) for name in self._amounts}
        leaving, left = float(self._leaving[which].sum()), float(self._left[which].sum())
        worth, grown = float(exits.loss[which].sum()), float(exits.growth[which].sum())
        return Book(
            accounts=float(self._accounts[which].sum()),
            mrr=float(self._mrr[which].sum()),
            expected_revenue=total,
            realised_revenue=came,
            impact_revenue=impact,
            expected_exit_mrr=float(exits.total[which].sum()),
            realised_exit_mrr=float(exits.realised[which].sum()),
            impact_exit=interval(worth + grown, loss + growth).times(YEAR),
            expected_over_realised=_over(total, came, impact),
            expected_churns=leaving,
            churns=left,
            saves=interval(leaving - left, -self._drawn(self._draws.left, which)),
            saves_worth=interval(worth, loss).times(YEAR),
            expansion=interval(grown, growth).times(YEAR),
            shift_exit=None if self.shift is None else remains["exit"][0],
            remainder_exit=remains["exit"][1],
            shift_revenue=None if self.shift is None else remains["revenue"][0],
            remainder_revenue=remains["revenue"][1],
            remainder_sd=remains["exit"][2],
        )

    @staticmethod
    def _drawn(draws: Floats, which: NDArray[np.bool_]) -> Floats:
        return np.asarray(draws[which].sum(axis=0))

    def _remains(self, name: str, which: NDArray[np.bool_]) -> tuple[float, Interval | None, float | None]:
        """The shift of some books, what remains beside it, and the standard deviation of that by chance."""
        if self.shift is None:
            return 0.0, None, None
        amount = self._amounts[name]
        factor = YEAR if name == "exit" else 1
        shift = float(amount.shifted(self.shift[name])[which].sum())
        rest = float(amount.loss[which].sum() + amount.growth[which].sum()) - shift
        draws = self._drawn(self._rest[name], which)
        return factor * shift, interval(rest, draws).times(factor), factor * float(draws.std())


def _over(expected: float, realised: float, impact: Interval) -> Interval | None:
    """Expected over realised revenue; 1 lies in its interval where 0 lies in that of the impact."""
    if not realised > 0:
        return None
    # What was expected, had chance gone the other way: realised less what of the impact is beyond it.
    return Interval(expected / realised, (realised - impact.high) / realised, (realised - impact.low) / realised)
