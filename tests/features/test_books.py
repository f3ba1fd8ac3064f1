"""Books: who looked after whom, as plain loops over days find it, cut so that one CSM at a time holds an account."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features.books import books_ever, holders
from features.history import History

Open = Callable[..., History]
FIRST = dt.date(2024, 1, 1)
LAST = 40
"""Days that the made-up assignments lie within."""
HEAD = "account_id, csm_id, from_on, to_on, recorded_at, to_on_recorded_at"


class Row(NamedTuple):
    """An assignment; days count from `FIRST`, None for none."""

    csm: str
    begin: int
    end: int | None = None
    recorded: int | None = None
    end_recorded: int | None = None


def on(day: int | None) -> str:
    return "" if day is None else (FIRST + dt.timedelta(day)).isoformat()


def history_of(open_tables: Open, accounts: dict[str, Sequence[Row]]) -> History:
    lines = [f"{account}, {r.csm}, {on(r.begin)}, {on(r.end)}, {on(r.recorded)}, {on(r.end_recorded)}"
             for account, rows in accounts.items() for r in rows]  # fmt: skip
    history = open_tables(
        {
            "accounts": "account_id, created_on\n" + "".join(f"{account}, 2022-01-01\n" for account in accounts),
            "subscriptions": "subscription_id, account_id, plan, mrr, started_on\n"
            + "".join(f"{n}, {account}, pro, 10, 2023-01-01\n" for n, account in enumerate(accounts)),
            "usage": f"account_id, day, feature, events\n{next(iter(accounts))}, 2023-12-01, report, 1",
            "assignments": "\n".join([HEAD, *lines]),
        }
    )
    assert history.report.failing == {}
    return history


def stretches(history: History, known_on: int) -> dict[str, list[tuple[str, int, int | None]]]:
    """What `holders` says, in days from `FIRST`."""
    found = holders(history, FIRST + dt.timedelta(known_on))
    assert [str(dtype) for dtype in found.dtypes] == ["str", "str", "datetime64[us]", "datetime64[us]"]
    assert list(found.columns) == ["account_id", "csm_id", "from_on", "to_on"]
    assert found[["account_id", "from_on"]].equals(
        found[["account_id", "from_on"]].sort_values(["account_id", "from_on"])
    )
    told: dict[str, list[tuple[str, int, int | None]]] = {}
    for account, csm, begin, end in found.itertuples(index=False):
        since = (begin.date() - FIRST).days
        until = None if pd.isna(end) else (end.date() - FIRST).days
        told.setdefault(account, []).append((csm, since, until))
    return told


def day_by_day(rows: Sequence[Row], known_on: int) -> list[tuple[str, int, int | None]]:
    """The oracle: the holder of each day by itself, and days in a row with the same one as one stretch."""
    seen = []
    for row in rows:
        if max(row.begin, row.recorded or 0) < known_on:
            ended = row.end is not None and (row.end if row.end_recorded is None else row.end_recorded) < known_on
            seen.append((row.begin, row.end if ended else None, row.csm))
    owners: list[str | None] = []
    for day in range(LAST + 2):
        here = [(-begin, csm) for begin, end, csm in seen if begin <= day and (end is None or day < end)]
        owners.append(min(here)[1] if here else None)
    found: list[tuple[str, int, int | None]] = []
    for owner, group in itertools.groupby(range(LAST + 2), key=lambda day: owners[day]):
        days = list(group)
        if owner is not None:
            found.append((owner, days[0], None if days[-1] > LAST else days[-1] + 1))
    return found


DAY = st.integers(0, LAST)


@st.composite
def assignments(draw: st.DrawFn) -> Row:
    begin = draw(DAY)
    length = draw(st.one_of(st.none(), st.integers(0, 12)))
    end = None if length is None else min(begin + length, LAST)
    recorded = begin + draw(st.integers(0, 6)) if draw(st.booleans()) else None
    # Some ends are written down ahead, some late.
    told = max(end + draw(st.integers(-8, 6)), recorded or begin) if end is not None and draw(st.booleans()) else None
    return Row(draw(st.sampled_from(["ann", "bob", "cid"])), begin, end, recorded, told)


def apart(rows: list[Row]) -> list[Row]:
    """Without those that overlap an earlier one of the same CSM, of which validation sets one aside."""
    kept: list[Row] = []
    for row in rows:
        mine = [other for other in kept if other.csm == row.csm]
        if all(
            one.end is not None and one.end <= other.begin for a in mine for one, other in [sorted((a, row), key=by)]
        ):
            kept.append(row)
    return kept


def by(row: Row) -> tuple[int, int]:
    return row.begin, LAST + 1 if row.end is None else row.end


def test_holders_are_those_of_each_day_by_itself(open_tables: Open) -> None:
    accounts = st.lists(st.lists(assignments(), min_size=1, max_size=6).map(apart), min_size=40, max_size=40)

    @settings(max_examples=3, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(accounts, st.lists(st.integers(1, LAST + 10), min_size=3, max_size=3))
    def check(books: list[list[Row]], days: list[int]) -> None:
        named = {f"a{n:02d}": rows for n, rows in enumerate(books)}
        history = history_of(open_tables, named)
        for known_on in [*days, LAST + 20]:
            found = stretches(history, known_on)
            expected = {account: day_by_day(rows, known_on) for account, rows in named.items()}
            assert found == {account: told for account, told in expected.items() if told}
            ever = books_ever(history, FIRST + dt.timedelta(known_on))
            pairs: dict[tuple[str, str], int] = {}
            for account, told in expected.items():
                for csm, begin, _ in told:
                    pairs[account, csm] = min(begin, pairs.get((account, csm), begin))
            days = [(since.date() - FIRST).days for since in ever["since"]]
            found_pairs = list(zip(ever["account_id"], ever["csm_id"], days, strict=True))
            assert found_pairs == [(*pair, pairs[pair]) for pair in sorted(pairs)]

    check()


CASES = {
    "one for good": ([Row("ann", 3)], [("ann", 3, None)]),
    "who is assigned last holds": ([Row("ann", 0, 30), Row("bob", 10)], [("ann", 0, 10), ("bob", 10, None)]),
    "a stand-in gives it back": (
        [Row("ann", 0), Row("bob", 10, 20)],
        [("ann", 0, 10), ("bob", 10, 20), ("ann", 20, None)],
    ),
    "a gap is nobody's": ([Row("ann", 0, 5), Row("ann", 8, 12)], [("ann", 0, 5), ("ann", 8, 12)]),
    "no gap is one stretch": ([Row("ann", 0, 5), Row("ann", 5, 12)], [("ann", 0, 12)]),
    "who was there all along": ([Row("bob", 0), Row("ann", 0, 9), Row("ann", 9)], [("ann", 0, None)]),
    "at once the first by name": ([Row("bob", 0, 5), Row("ann", 0, 3)], [("ann", 0, 3), ("bob", 3, 5)]),
    "never a day": ([Row("ann", 4, 4)], []),
}


def test_overlaps_gaps_and_stretches(open_tables: Open) -> None:
    found = stretches(history_of(open_tables, {case: rows for case, (rows, _) in CASES.items()}), LAST + 20)
    assert {case: found.get(case, []) for case in CASES} == {case: told for case, (_, told) in CASES.items()}


def test_only_what_was_known_counts(open_tables: Open) -> None:
    rows = [Row("ann", 0, 20, None, 10), Row("bob", 20, None, 30), Row("cid", 39, None, 5)]
    history = history_of(open_tables, {"a": rows})
    told = {day: stretches(history, day).get("a") for day in (0, 1, 10, 11, 21, 30, 31, 39, 40)}
    ahead, gone, handed = [("ann", 0, None)], [("ann", 0, 20)], [("ann", 0, 20), ("bob", 20, None)]
    last = [("ann", 0, 20), ("bob", 20, 39), ("cid", 39, None)]
    assert told == {0: None, 1: ahead, 10: ahead, 11: gone, 21: gone, 30: gone, 31: handed, 39: handed, 40: last}


def test_without_assignments_nobody_holds_anything(open_tables: Open) -> None:
    history = history_of(open_tables, {"a": [Row("ann", 9)]})
    for bare in (history, _without(history)):
        found = holders(bare, FIRST)
        assert found.empty
        assert [str(dtype) for dtype in found.dtypes] == ["str", "str", "datetime64[us]", "datetime64[us]"]
        assert books_ever(bare, FIRST).empty


def _without(history: History) -> History:
    history.sources.pop("assignments")
    return history
