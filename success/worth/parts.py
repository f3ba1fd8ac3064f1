"""Parts: what was expected of accounts and what came in; how much of the difference is leaving, how much growth, out.

An account is expected to have left by the end with probability p. Given that it stays it is expected to bring `kept`,
given that it leaves `gone`, so that (1 - p) kept + p gone is expected of it. With `stake` = kept - gone, and left = 1
if it did leave,

    realised - expected  =  stake (p - left)  +  realised - (kept if it stayed, else gone).
                            ----------------     -----------------------------------------
                            loss part            growth part

Both are 0 on average where the forecast holds. For MRR at the end gone is 0; for the revenue of a period it is what
came in until the account left.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Expected", "Parts", "Shift", "common_shift", "expected_of", "parts_of", "sums"]

Floats: TypeAlias = NDArray[np.float64]
_SURE = 1e-9
"""Probabilities nearer than this to 0 or 1 are 0 or 1."""


class Expected(NamedTuple):
    """What is expected of each of n rows, in money; each is (n,) float64.

    Attributes
    ----------
    p : probability of having left by the end.
    kept, gone : what it brings given that it stays, and given that it leaves.
    spread : standard deviation of the row's own randomness around what it brings, once it is known whether it left.
    """

    p: Floats
    kept: Floats
    gone: Floats
    spread: Floats

    @property
    def total(self) -> Floats:
        """What it is expected to bring."""
        return (1 - self.p) * self.kept + self.p * self.gone

    @property
    def stake(self) -> Floats:
        """What is lost if it leaves."""
        return self.kept - self.gone


def expected_of(p: Floats, expected: Floats, kept: Floats, sd: Floats) -> Expected:
    """The same from a frozen forecast.

    Parameters
    ----------
    p : probability of having left.
    expected : what the row is expected to bring.
    kept : the same given that it stays.
    sd : standard deviation of what it brings; NaN counts as what leaving alone makes of it.

    Returns
    -------
    Expected, whose total is `expected`. gone lies between 0 and kept; where what is expected is too little or too much
    for that, what is kept gives way. The spread is what remains of sd beside leaving or not, sqrt(p (1 - p)) x stake.
    """
    p = np.clip(p, 0.0, 1.0)
    p = np.where(p < _SURE, 0.0, np.where(p > 1 - _SURE, 1.0, p))
    some, stays = np.where(p > 0, p, 1.0), np.where(p < 1, 1 - p, 1.0)
    top = np.maximum(np.where(np.isfinite(kept), kept, expected), 0.0)
    gone = np.clip(np.where(p > 0, (expected - (1 - p) * top) / some, 0.0), 0.0, top)
    kept = np.where(p < 1, (expected - p * gone) / stays, top)
    # At p = 1 nothing but gone can carry what is expected.
    gone = np.where(p < 1, gone, expected)
    rest = np.where(np.isfinite(sd), sd, 0.0) ** 2 - p * (1 - p) * (kept - gone) ** 2
    return Expected(p, kept, gone, np.sqrt(np.maximum(rest, 0.0)))


class Parts(NamedTuple):
    """What came of it, less what was expected; each is (n,) float64, in money.

    Attributes
    ----------
    loss : by accounts leaving less or more than expected.
    growth : by accounts bringing more or less than expected of who stays, or of who leaves.
    """

    loss: Floats
    growth: Floats

    @property
    def total(self) -> Floats:
        return self.loss + self.growth


def parts_of(expected: Expected, left: NDArray[np.bool_], realised: Floats) -> Parts:
    """Realised less expected, split into leaving and growing."""
    loss = expected.stake * (expected.p - left)
    return Parts(loss, realised - np.where(left, expected.gone, expected.kept))


class Shift(NamedTuple):
    """What all books have in common, one number each or (draws,) of them.

    Attributes
    ----------
    loss : lambda, the share of the expected losses that did not come.
    growth : gamma, what accounts brought more than expected, as a share of what was expected of who stays.
    """

    loss: Floats
    growth: Floats


def common_shift(loss: Floats, growth: Floats, losses: float, stays: float) -> Shift:
    """The shift that leaves nothing over when it is applied to everything that it was made of.

    It makes `shift.loss x losses + shift.growth x stays` of any books, or accounts.

    Parameters
    ----------
    loss, growth : sums of the two parts over all books.
    losses, stays : sums of stake x p and of kept x (1 - p) over the same; where one of them is 0 the other carries
        both parts, and where both are there is no shift.
    """
    loss, growth = np.asarray(loss, dtype=np.float64), np.asarray(growth, dtype=np.float64)
    if losses > 0 and stays > 0:
        return Shift(loss / losses, growth / stays)
    none = np.zeros_like(loss)
    if stays > 0:
        return Shift(none, (loss + growth) / stays)
    return Shift((loss + growth) / losses, none) if losses > 0 else Shift(none, none)


def sums(values: Floats, book: NDArray[np.int64], books: int) -> Floats:
    """(books,) sums of (n,) values by book."""
    return np.bincount(book, weights=values, minlength=books).astype(np.float64)
