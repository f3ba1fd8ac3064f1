"""Chance: frozen expectations of accounts in books in; what the books could bring if the forecast held, drawn, out.

Three things are random: the accounts themselves (each leaves with its probability, and brings more or less), the
forecast's own error, which all books share, and shocks of the market that hit everybody. A figure's 90 % interval is
the figure less what chance alone does in nine of ten draws, from `impact - q95` to `impact - q05`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from success.worth.parts import Expected, Floats

__all__ = ["DRAWS", "Draws", "Errors", "Interval", "drawn", "interval"]

DRAWS = 2000
"""At which a 5 % quantile is known to a twentieth of a standard deviation."""
COVERAGE = 0.90
_SEED = 20_250_701
_CHUNK = 2000
"""Accounts at once, so that memory does not grow with the company."""
_OF_DAYS = {"revenue": 3**-0.5}
"""What who is retained brings wanders from what is expected: of a sum of days it is off by less than at the end."""
_TOUCH = 1e-9
"""Of the size of what is drawn: sums of the same numbers in another order differ by less."""


class Errors(NamedTuple):
    """What rows share, (n,) each: standard deviations of the log of cumulative hazards, and of kept at the end,
    relative."""

    level: Floats
    shock: Floats
    growth: Floats


class Draws(NamedTuple):
    """Draws of each book, (books, draws) float64, as differences from what is expected.

    Attributes
    ----------
    loss, growth : by amount (say exit, revenue), the two parts.
    left : accounts that left, less as many as were expected to.
    """

    loss: dict[str, Floats]
    growth: dict[str, Floats]
    left: Floats


class Interval(NamedTuple):
    """A figure and its 90 % interval, which always holds the figure."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Interval:
        """The same in another unit."""
        low, high = sorted((self.low * factor, self.high * factor))
        return Interval(self.value * factor, low, high)

    def to_json(self, digits: int = 2) -> dict[str, float]:
        """value, low and high; amounts of money to the cent."""
        return {name: round(part, digits) + 0.0 for name, part in self._asdict().items()}

    def excludes(self, value: float) -> bool:
        """Whether a value lies outside."""
        slack = _TOUCH * max(abs(self.low), abs(self.high), abs(self.value))
        return value < self.low - slack or value > self.high + slack


def interval(value: float, draws: Floats) -> Interval:
    """What of a difference is beyond chance.

    Parameters
    ----------
    draws : (draws,) the same difference by chance alone. Counted outwards to a whole draw, so that of books that can
        only come out in few ways none is left out, and widened to hold the value: without a loss in a small book,
        chance says little of how much good luck was in it.
    """
    tail = (1 - COVERAGE) / 2
    low = value - float(np.quantile(draws, 1 - tail, method="higher"))
    high = value - float(np.quantile(draws, tail, method="lower"))
    return Interval(value, min(low, value), max(high, value))


def drawn(
    amounts: dict[str, Expected],
    errors: Errors,
    weight: Floats,
    account: NDArray[np.int64],
    book: NDArray[np.int64],
    books: int,
    draws: int = DRAWS,
    seed: int = _SEED,
) -> Draws:
    """What books bring by chance.

    Parameters
    ----------
    amounts : by name, what is expected of each row; they share p, and whether an account leaves.
    weight : (n,) the part of the account that the row's book has.
    account : (n,) codes from 0; rows of one account leave together.
    book : (n,) codes below `books`.
    """
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((3, draws))
    shape = (books, draws)
    made = Draws({n: np.zeros(shape) for n in amounts}, {n: np.zeros(shape) for n in amounts}, np.zeros(shape))
    order = np.argsort(account, kind="stable")
    edges = np.searchsorted(account[order], np.arange(0, (account.max(initial=-1) + 1) + _CHUNK, _CHUNK))
    for first, until in pairwise(edges):
        rows = order[first:until]
        if not len(rows):
            continue
        local = account[rows] - account[rows[0]]
        size = (int(local[-1]) + 1, draws)
        own, noise = (make(size, dtype=np.float32)[local] for make in (rng.random, rng.standard_normal))
        part = csr_array((weight[rows], (book[rows], np.arange(len(rows)))), shape=(books, len(rows)))
        p = next(iter(amounts.values())).p[rows][:, None]
        left = own < _odds(p, errors.level[rows, None] * common[0] + errors.shock[rows, None] * common[1])
        gone = left - p
        made.left[:] += part @ gone
        grown = errors.growth[rows, None] * common[2]
        for name, expected in amounts.items():
            stake, kept, spread = (x[rows][:, None] for x in (expected.stake, expected.kept, expected.spread))
            made.loss[name][:] -= part @ (stake * gone)
            made.growth[name][:] += part @ (
                np.where(left, 0.0, kept * (grown * _OF_DAYS.get(name, 1.0))) + spread * noise
            )
    return made


def _odds(p: Floats, shared: Floats) -> NDArray[np.float32]:
    """(n, draws) probabilities when the log of the cumulative hazards moves by so much; over all draws their mean is p.

    Without that last step a forecast would be wrong on average by being uncertain: what is expected is the mean. They
    are compared with numbers of single precision, and have no more of it themselves.
    """
    hazard = -np.log1p(-np.minimum(p, 1 - 1e-12))
    moved = -np.expm1((-hazard * np.exp(shared)).astype(np.float32))
    mean = moved.mean(axis=1, keepdims=True, dtype=np.float64)
    # Towards whichever end is nearer, so that nothing leaves [0, 1].
    low = p <= mean
    down = np.divide(p, mean, out=np.ones_like(mean), where=low & (mean > 0)).astype(np.float32)
    up = np.divide(1 - p, 1 - mean, out=np.ones_like(mean), where=~low & (mean < 1)).astype(np.float32)
    return np.where(low, moved * down, 1 - (1 - moved) * up)
