"""What chance makes of books: drawn as the forecast says, intervals that cover, and errors that all books share."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import norm

from success.worth.chance import Errors, Interval, drawn, interval
from success.worth.figures import Books
from success.worth.parts import Expected, expected_of
from success.worth.standings import verdict
from tests.success.expectations import make_expectation
from tests.success.worth.outcomes import drawn_rows

P, KEPT, GONE = np.array([0.1, 0.4, 0.7]), np.array([100.0, 50.0, 80.0]), np.array([0.0, 20.0, 15.0])
NONE = np.zeros(3)
SHARED = {"level_sd": 0.2, "shock_sd": 0.2, "growth_sd": 0.02}


def _drawn(errors: Errors, spread: np.ndarray = NONE, draws: int = 40_000):
    expected = Expected(P, KEPT, GONE, spread)
    codes = np.arange(3)
    return drawn({"exit": expected}, errors, np.ones(3), codes, np.zeros(3, dtype=int), 1, draws)


def test_accounts_alone_come_out_as_often_as_they_should() -> None:
    made = _drawn(Errors(NONE, NONE, NONE))
    found = made.loss["exit"][0]
    expected = float(((1 - P) * KEPT + P * GONE).sum())
    for fate in itertools.product((0, 1), repeat=3):
        gone = np.array(fate, dtype=bool)
        chance = float(np.prod(np.where(gone, P, 1 - P)))
        value = float(np.where(gone, GONE, KEPT).sum()) - expected
        assert np.mean(np.abs(found - value) < 1e-6) == pytest.approx(chance, abs=4 * np.sqrt(chance / 40_000))
    assert np.all(made.growth["exit"] == 0)


def test_what_is_uncertain_moves_nothing_on_average() -> None:
    sd = np.full(3, 0.8)
    made = _drawn(Errors(sd, sd, np.full(3, 0.3)), np.array([5.0, 10.0, 0.0]))
    noise = 5 / np.sqrt(40_000)
    for part in (made.loss["exit"], made.growth["exit"], made.left):
        assert abs(part.mean()) < noise * part.std()


def test_draws_spread_as_the_frozen_forecast_says() -> None:
    sd = np.array([40.0, 30.0, 60.0])
    own = expected_of(P, (1 - P) * KEPT + P * GONE, KEPT, sd)
    for n in range(3):
        one = Expected(*(part[n : n + 1] for part in own))
        zero = np.zeros(1)
        made = drawn({"x": one}, Errors(zero, zero, zero), np.ones(1), np.zeros(1, int), np.zeros(1, int), 1, 40_000)
        assert (made.loss["x"] + made.growth["x"]).std() == pytest.approx(sd[n], rel=0.03)


def test_parts_of_one_account_leave_together() -> None:
    expected = Expected(P[:2] * 0 + 0.5, KEPT[:2] * 0 + 100, NONE[:2], NONE[:2])
    nothing = Errors(NONE[:2], NONE[:2], NONE[:2])
    whole = drawn({"exit": expected}, nothing, np.array([0.4, 0.6]), np.array([0, 0]), np.array([0, 1]), 2, 1000)
    first, second = whole.loss["exit"]
    assert np.allclose(first / 0.4, second / 0.6)


def test_an_interval_holds_its_figure_and_every_way_a_small_book_can_come_out() -> None:
    never = interval(0.05, np.where(np.arange(1000) < 10, -0.95, 0.05))
    assert never == Interval(0.05, 0.0, 0.05)
    assert not never.excludes(0.0)
    assert interval(10.0, np.linspace(-1, 1, 2001)).excludes(0.0)
    assert Interval(2.0, 1.0, 4.0).times(-2) == Interval(-4.0, -8.0, -2.0)


@pytest.mark.parametrize("shared", [{}, SHARED], ids=["own", "shared"])
def test_equal_csms_are_called_better_or_worse_no_more_often_than_chance_allows(shared: dict) -> None:
    """In a world drawn by other code, in which all CSMs are equal, nine of ten intervals hold 0."""
    called, books, held = 0, 0, dict.fromkeys(("remainder_exit", "remainder_revenue", "impact_exit", "ratio"), 0)
    runs = 20
    for seed in range(runs):
        expectation = make_expectation(240, seed, csms=6, **shared)
        found = Books(drawn_rows(expectation, 1000 + seed, **shared))
        for name in found.names:
            book = found.book(name)
            books += 1
            called += verdict(book) in ("better", "worse")
            for figure in ("remainder_exit", "remainder_revenue", "impact_exit"):
                held[figure] += not getattr(book, figure).excludes(0.0)
            held["ratio"] += not book.expected_over_realised.excludes(1.0)
    allowed = 0.1 + norm.ppf(0.999) * np.sqrt(0.1 * 0.9 / runs)  # books of one run share their fate
    assert called / books <= 0.1 + norm.ppf(0.999) * np.sqrt(0.1 * 0.9 / books)
    assert {figure: n / books for figure, n in held.items() if n / books < 1 - allowed} == {}


def test_a_good_csm_is_found() -> None:
    verdicts = []
    for seed in range(3):
        expectation = make_expectation(1200, seed, csms=4, monthly_churn=0.06, mrr=np.full(1200, 500.0), **SHARED)
        rows = drawn_rows(expectation, seed, hazards={"c-1": 0.4, "c-4": 1.6}, **SHARED)
        found = Books(rows)
        verdicts += [(verdict(found.book("c-1")), verdict(found.book("c-4")))]
    assert verdicts == [("better", "worse")] * 3


def test_what_all_books_share_is_in_no_remainder() -> None:
    """A quarter in which everybody loses twice as much as expected is nobody's fault."""
    expectation = make_expectation(2000, 3, csms=4, mrr=np.full(2000, 500.0), monthly_churn=0.03, shock_sd=0.4)
    found = Books(drawn_rows(expectation, 5, hazards={f"c-{n}": 2.0 for n in range(1, 5)}))
    books = [found.book(name) for name in found.names]
    assert all(book.shift_exit < 0 and abs(book.remainder_exit.value) < -0.4 * book.shift_exit for book in books)
    assert all(book.impact_exit.high - book.impact_exit.low > 2 * (b.high - b.low) for book in books
               for b in [book.remainder_exit])  # fmt: skip


def test_accounts_of_nobody_are_set_against_the_average_of_csms_and_not_part_of_it() -> None:
    expectation = make_expectation(900, 1, csm_id=["c-1", "c-2", ""] * 300, mrr=np.full(900, 500.0), monthly_churn=0.03)
    found = Books(drawn_rows(expectation, 2, hazards={"": 2.0}))
    first, second, nobody = (found.book(name).remainder_exit.value for name in ("c-1", "c-2", ""))
    assert found.names == ["c-1", "c-2", ""]
    assert first + second == pytest.approx(0, abs=1e-6)
    assert nobody < -5 * abs(first)
    csms = found.book("c-1", "c-2")
    assert found.common_to_all("exit") == pytest.approx(csms.impact_exit.value)
