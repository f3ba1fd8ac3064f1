from __future__ import annotations

import datetime as dt
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import TenureError
from training.blocks import Blocks, cut_blocks, refit_blocks

DAY = dt.timedelta(days=1)
START = dt.date(2023, 1, 2)


def weekly(n: int) -> list[dt.date]:
    return [START + 7 * i * DAY for i in range(n)]


def cut(days: list[dt.date], gap: int, known_on: dt.date, **borders: dt.date | None) -> Blocks:
    return cut_blocks(days, gap, known_on, first_day=START - 28 * DAY, warmup_days=28, **borders)


@given(
    n=st.integers(1, 90),
    gap=st.integers(1, 200),
    later=st.integers(0, 400),
    calibration=st.none() | st.integers(0, 600),
    holdout=st.none() | st.integers(0, 600),
)
def test_the_gap_holds_whatever_is_asked(
    n: int, gap: int, later: int, calibration: int | None, holdout: int | None
) -> None:
    days, known_on = weekly(n), START + later * DAY
    calibration_from = None if calibration is None else START + calibration * DAY
    holdout_from = None if holdout is None else START + holdout * DAY
    try:
        blocks = cut(days, gap, known_on, calibration_from=calibration_from, holdout_from=holdout_from)
    except TenureError:
        # Refused only where it must be: without borders, three gaps fit into any history this long.
        assert known_on < START + (3 * (gap + 6)) * DAY or n < 3 * (gap // 7 + 2) or calibration_from or holdout_from
        return
    assert blocks.train
    assert blocks.calibration
    assert blocks.holdout
    assert blocks.train[-1] + gap * DAY <= blocks.calibration[0]
    assert blocks.calibration[-1] + gap * DAY <= blocks.holdout[0]
    assert blocks.holdout[-1] + gap * DAY <= known_on
    assert set(blocks.train + blocks.calibration + blocks.holdout) <= set(days)
    # Nothing is dropped but for the gap: the next day of each block would break it.
    for block, after in ((blocks.train, blocks.calibration[0]), (blocks.calibration, blocks.holdout[0])):
        assert block[-1] + 7 * DAY + gap * DAY > after
    if calibration_from is not None:
        assert blocks.calibration[0] == min(d for d in days if d >= calibration_from)
    if holdout_from is not None:
        assert blocks.holdout[0] == min(d for d in days if d >= holdout_from)


@given(gap=st.integers(1, 150), extra=st.integers(0, 300))
def test_a_history_of_the_length_the_refusal_names_is_enough(gap: int, extra: int) -> None:
    with pytest.raises(TenureError) as refused:
        cut(weekly(200), gap, START + (3 * gap - 1) * DAY)
    needed = int(str(refused.value).split("about ")[1].split(" days")[0])
    assert f"there are {28 + 3 * gap - 1};" in str(refused.value)
    assert cut(weekly(200), gap, START - 28 * DAY + (needed + extra) * DAY).train


def test_blocks_are_about_60_20_20() -> None:
    blocks = cut(weekly(100), 28, weekly(100)[-1] + 28 * DAY)
    kept = len(blocks.train) + len(blocks.calibration) + len(blocks.holdout)
    assert kept == 100 - 2 * 3
    assert abs(len(blocks.train) / kept - 0.6) < 0.02
    assert abs(len(blocks.holdout) - len(blocks.calibration)) <= 1


def test_two_days_a_block_come_before_the_shares() -> None:
    # 7 days less two gaps of one day each: 3 / 1 / 1 would be nearer to 60 / 20 / 20 than 1 / 2 / 2.
    blocks = cut(weekly(8), 8, weekly(8)[-1] + 8 * DAY)
    assert (len(blocks.train), len(blocks.calibration), len(blocks.holdout)) == (2, 2, 2)


def test_a_worked_monthly_example() -> None:
    months = [dt.date(2023 + m // 12, m % 12 + 1, 1) for m in range(24)]
    blocks = cut_blocks(
        months, 122, dt.date(2025, 1, 1), first_day=dt.date(2022, 12, 1), warmup_days=28,
        calibration_from=dt.date(2024, 1, 15), holdout_from=dt.date(2024, 8, 1),
    )  # fmt: skip
    assert blocks.train[-1] == dt.date(2023, 10, 1)  # 122 days later is 31 January 2024, before 1 February
    assert blocks.calibration == (dt.date(2024, 2, 1), dt.date(2024, 3, 1), dt.date(2024, 4, 1))
    assert blocks.holdout == (dt.date(2024, 8, 1), dt.date(2024, 9, 1))


def _every_cut(days: list[dt.date], gap: int) -> list[Blocks]:
    """All blocks that keep the gap and drop nothing but for it, in plain loops."""
    found = []
    for c, h in product(days, days):
        train = tuple(d for d in days if d + gap * DAY <= c)
        calibration = tuple(d for d in days if c <= d and d + gap * DAY <= h)
        if train and calibration:
            found.append(Blocks(train, calibration, tuple(d for d in days if d >= h), gap))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_borders_follow_the_events_and_honour_what_is_enough(seed: int) -> None:
    rng = Random(seed)
    days, gap = weekly(rng.randint(14, 26)), rng.choice((7, 14, 21, 30))
    events = {day: float(rng.choice((0, 1, 3, 40))) for day in days}

    def weight(part: tuple[dt.date, ...]) -> float:
        return sum(events[day] for day in part)

    def lopsided(blocks: Blocks) -> tuple[bool, float]:
        parts = (blocks.train, blocks.calibration, blocks.holdout)
        total = sum(map(weight, parts)) or 1.0
        off = sum((weight(p) / total - aim) ** 2 for p, aim in zip(parts, (0.6, 0.2, 0.2), strict=True))
        return min(map(len, parts)) < 2, off

    def asked(least: float) -> Blocks:
        return cut_blocks(
            days, gap, days[-1] + gap * DAY, first_day=START, warmup_days=0, events=events,
            enough=lambda b: min(weight(b.train) / 2, weight(b.calibration), weight(b.holdout)) >= least,
        )  # fmt: skip

    choices = sorted(_every_cut(days, gap), key=lopsided)
    assert len(choices) < 400
    assert lopsided(asked(0)) == pytest.approx(lopsided(choices[0]))
    for least in (1, 20, 60, 90):
        good = [b for b in choices if min(weight(b.train) / 2, weight(b.calibration), weight(b.holdout)) >= least]
        # Where nothing holds enough, the best cut is kept, and whoever asked says what it lacks.
        assert lopsided(asked(least)) == pytest.approx(lopsided((good or choices)[0]))
        if good:
            assert weight(asked(least).calibration) >= least


def test_a_refit_calibrates_on_the_latest_matured_days() -> None:
    days = weekly(40)
    blocks = refit_blocks(days, 28, days[35] + 28 * DAY, 5)
    assert blocks.calibration == tuple(days[31:36])
    assert blocks.train == tuple(days[:28])
    assert blocks.holdout == ()
    with pytest.raises(TenureError, match="Nothing is left"):
        refit_blocks(days, 28, days[35] + 28 * DAY, 34)


def test_blocks_cannot_be_made_too_close() -> None:
    with pytest.raises(ValueError, match="closer than the gap"):
        Blocks((START,), (START + 27 * DAY,), (), 28)
