"""Wanted: whom somebody will be judged by, and from which day on, as plain loops over days find it."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.baselines.wanted import pairs_of, stretches_of

FIRST = dt.date(2025, 1, 1)
LENGTH = 200
Span = tuple[int, int | None]
"""Days `[from, to)` from `FIRST` on; None: it goes on."""


def day(n: int) -> dt.date:
    return FIRST + dt.timedelta(n)


def frame(rows: list[tuple[str, str, Span]]) -> pd.DataFrame:
    """Holders as `features.books.holders` has them."""
    found = pd.DataFrame(
        [(a, csm, day(begin), pd.NaT if end is None else day(end)) for a, csm, (begin, end) in rows],
        columns=["account_id", "csm_id", "from_on", "to_on"],
    )
    return found.astype({"account_id": "str", "csm_id": "str", "from_on": "datetime64[us]", "to_on": "datetime64[us]"})


def ledger(paid: dict[str, list[tuple[Span, int]]]) -> Any:
    """The steps of a ledger, with cents."""
    rows = [(a, day(s[0]), pd.NaT if s[1] is None else day(s[1]), cents) for a, own in paid.items() for s, cents in own]
    steps = pd.DataFrame(rows, columns=["account_id", "from_on", "until_on", "cents"])
    return SimpleNamespace(steps=steps.astype({"from_on": "datetime64[us]", "until_on": "datetime64[us]"}))


def inside(span: Span, n: int) -> bool:
    return span[0] <= n and (span[1] is None or n < span[1])


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    """Some that follow each other, with gaps or without."""
    cuts = sorted(draw(st.lists(st.integers(-40, LENGTH), min_size=1, max_size=6, unique=True)))
    found: list[Span] = list(zip(cuts, [*cuts[1:], None], strict=True))
    kept = draw(st.lists(st.booleans(), min_size=len(found), max_size=len(found)))
    return [span for span, keep in zip(found, kept, strict=True) if keep]


BOOKS = st.lists(st.tuples(spans(), spans()), min_size=1, max_size=4)
CSMS = ("ann", "bob", "cid")


@settings(max_examples=80, deadline=None)
@given(BOOKS, st.integers(0, 120), st.integers(0, 120), st.randoms(use_true_random=False))
def test_pairs_are_of_who_held_an_account_on_a_day(books: Any, start: int, length: int, rng: Any) -> None:
    rows = [(f"a{n}", rng.choice(CSMS), span) for n, (held, _) in enumerate(books) for span in held]
    found = pairs_of(frame(rows), day(start), day(start + length))
    wanted: dict[str, list[str]] = {}
    for account, csm, span in rows:
        days = range(start, start + length) if length else [start]
        touched = any(inside(span, n) for n in days) and (length > 0 or span[0] < start)
        if touched and csm not in wanted.setdefault(account, []):
            wanted[account].append(csm)
    assert found == {account: csms for account, csms in wanted.items() if csms}


@settings(max_examples=80, deadline=None)
@given(BOOKS, st.integers(1, LENGTH + 20), st.sampled_from([None, 0, 31, 90]), st.randoms(use_true_random=False))
def test_a_stretch_begins_with_the_first_month_that_a_customer_is_there_for(
    books: Any, until: int, first: int | None, rng: Any
) -> None:
    rows = [(f"a{n}", rng.choice(CSMS), span) for n, (held, _) in enumerate(books) for span in held]
    paid = {f"a{n}": [(span, rng.choice((0, 100))) for span in own] for n, (_, own) in enumerate(books)}
    told = () if first is None else (day(first),)
    found = stretches_of(frame(rows), ledger(paid), day(until), *told)
    wanted = []
    for account, csm, span in rows:
        months = [n for n in range(span[0], until) if inside(span, n) and day(n).day == 1 and n >= (first or n)]
        bases = [n for n in months if any(cents > 0 and inside(s, n - 1) for s, cents in paid[account])]
        if bases:
            wanted.append((account, csm, day(span[0]), day(bases[0])))
    assert [tuple(one) for one in found] == wanted


def test_who_holds_an_account_for_no_month_start_takes_nothing_over() -> None:
    held = frame([("a", "ann", (0, 10)), ("a", "bob", (10, 25)), ("a", "cid", (25, None))])
    always = ledger({"a": [((-100, None), 100)]})
    assert [(one.csm_id, one.base) for one in stretches_of(held, always, day(60))] == [
        ("ann", dt.date(2025, 1, 1)),
        ("cid", dt.date(2025, 2, 1)),
    ]
    assert stretches_of(held, ledger({}), day(60)) == []
    assert stretches_of(held.iloc[:0], always, day(60)) == []
    assert pairs_of(held.iloc[:0], day(0), day(60)) == {}
