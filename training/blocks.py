"""Time-ordered blocks: as_of days in; train, calibration and holdout days with the gaps between them out."""

from __future__ import annotations

import bisect
import datetime as dt
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from features.errors import TenureError

__all__ = ["Blocks", "cut_blocks", "matured", "refit_blocks"]

_TRIED = 400


@dataclass(frozen=True)
class Blocks:
    """The as_of days of each block, ascending; `holdout` is empty for a refit.

    Notes
    -----
    The gap is horizon + grace + recording lag days: the last as_of of a block plus the gap is no later than
    the first as_of of the next. With a horizon of 90 days, 30 of grace and a lag of 2, a training block that
    ends on 1 January is followed by a calibration block that starts on 3 May at the earliest.
    """

    train: tuple[dt.date, ...]
    calibration: tuple[dt.date, ...]
    holdout: tuple[dt.date, ...]
    gap_days: int

    def __post_init__(self) -> None:
        for earlier, later in ((self.train, self.calibration), (self.calibration, self.holdout)):
            if earlier and later and earlier[-1] + dt.timedelta(self.gap_days) > later[0]:
                raise ValueError("These blocks are closer than the gap.")


def matured(as_ofs: Sequence[dt.date], gap_days: int, known_on: dt.date) -> list[dt.date]:
    """The as_of days whose labels are fully known on a day, ascending.

    >>> matured([dt.date(2025, 1, 1), dt.date(2025, 2, 1)], 120, dt.date(2025, 5, 1))
    [datetime.date(2025, 1, 1)]
    """
    return sorted(day for day in as_ofs if day + dt.timedelta(gap_days) <= known_on)


def cut_blocks(
    as_ofs: Sequence[dt.date],
    gap_days: int,
    known_on: dt.date,
    *,
    first_day: dt.date,
    warmup_days: int,
    calibration_from: dt.date | None = None,
    holdout_from: dt.date | None = None,
    events: Mapping[dt.date, float] | None = None,
    enough: Callable[[Blocks], bool] | None = None,
) -> Blocks:
    """Cut as_of days into train, calibration and holdout.

    Borders that are given are kept, and the block before ends where the gap says. The others are placed so
    that of the events on the days kept, about 60 / 20 / 20 % fall into each block, with two days or more where that
    fits; among such borders, those at which each block holds enough come first.

    Parameters
    ----------
    as_ofs : candidate days; those not matured on `known_on` are left out.
    first_day, warmup_days : only for saying how much history is missing.
    events : by day, how many events its rows hold; every day weighs the same when not given.
    enough : whether blocks hold enough to learn from and to judge by.

    Raises
    ------
    TenureError : the history is too short, or a given border leaves a block empty.
    """
    days = matured(as_ofs, gap_days, known_on)
    choices = _choices(days, gap_days, calibration_from, holdout_from, events or {})
    if choices:
        # The first few hundred are close to 60 / 20 / 20; further ones would buy a minimum with a lopsided cut.
        close = choices[:_TRIED] if enough else []
        return next((blocks for blocks in close if enough and enough(blocks)), choices[0])
    if calibration_from is not None or holdout_from is not None:
        borders = " and ".join(
            f"{name} = {value}"
            for name, value in (("calibration_from", calibration_from), ("holdout_from", holdout_from))
            if value is not None
        )
        matured_until = f"run from {days[0]} to {days[-1]}" if days else "are none"
        raise TenureError(
            f"With {borders} no day is left for one of the blocks: each must end {gap_days} days (horizon, grace "
            f"and recording lag) before the next begins, and the usable as_of days {matured_until}; move the borders."
        )
    step = max(((later - day).days for day, later in itertools.pairwise(sorted(as_ofs))), default=31)
    needed = warmup_days + 3 * gap_days + 3 * (step - 1)
    raise TenureError(
        f"The history is too short to train and validate in time: it needs about {needed} days from the first usage "
        f"(three blocks, each followed by {gap_days} days of horizon, grace and recording lag) and there are "
        f"{max((known_on - first_day).days, 0)}; use a shorter horizon or a weekly grid, or wait."
    )


def refit_blocks(as_ofs: Sequence[dt.date], gap_days: int, known_on: dt.date, calibration_days: int) -> Blocks:
    """Blocks of the model that is registered: calibrated on the latest matured days, no holdout.

    Raises
    ------
    TenureError : nothing is left to train on before a calibration block of that many days.
    """
    days = matured(as_ofs, gap_days, known_on)
    calibration = days[-calibration_days:]
    train = days[: _count_before(days, calibration[0], gap_days)] if calibration else []
    if not train:
        raise TenureError(
            f"Nothing is left to train on {gap_days} days before a calibration block of {calibration_days} as_of "
            "days; a longer history is needed."
        )
    return Blocks(tuple(train), tuple(calibration), (), gap_days)


def _count_before(days: Sequence[dt.date], border: dt.date, gap_days: int) -> int:
    """How many of the ascending days lie at least the gap before a border."""
    return bisect.bisect_right(days, border - dt.timedelta(gap_days))


def _choices(
    days: list[dt.date],
    gap_days: int,
    calibration_from: dt.date | None,
    holdout_from: dt.date | None,
    events: Mapping[dt.date, float],
) -> list[Blocks]:
    """All blocks that are allowed, the closest to 60 / 20 / 20 first."""
    weights = [events.get(day, 0.0) for day in days] if events else [1.0] * len(days)
    sums = [0.0, *itertools.accumulate(weights)]
    ranked: list[tuple[tuple[bool, float], tuple[int, int, int, int]]] = []
    for h in _starts(days, holdout_from):
        calibration_end = _count_before(days, days[h], gap_days)
        for c in _starts(days[:calibration_end], calibration_from):
            train_end = _count_before(days, days[c], gap_days)
            if not train_end:
                continue
            weighed = (sums[train_end], sums[calibration_end] - sums[c], sums[-1] - sums[h])
            total = sum(weighed) or 1.0
            distance = sum((part / total - aim) ** 2 for part, aim in zip(weighed, (0.6, 0.2, 0.2), strict=True))
            few = min(train_end, calibration_end - c, len(days) - h) < 2
            ranked.append(((few, distance), (train_end, c, calibration_end, h)))
    ranked.sort()
    return [Blocks(tuple(days[:t]), tuple(days[c:e]), tuple(days[h:]), gap_days) for _, (t, c, e, h) in ranked]


def _starts(days: list[dt.date], border: dt.date | None) -> Sequence[int]:
    if border is None:
        return range(len(days))
    return [position for position, day in enumerate(days) if day >= border][:1]
