"""What was said of accounts: of the newest days that were judged, with the call lists of those days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pandas as pd
import pytest
import sqlalchemy as sa

from serving.said import Sayings
from serving.store.feedback import add_feedback
from serving.store.store import Store
from serving.store.writing import write_day

NOW = dt.datetime(2026, 2, 5, 4, tzinfo=dt.UTC)
TODAY = NOW.date()
FIRST = dt.date(2026, 2, 1)
Frames = Callable[..., pd.DataFrame]


def ranked(make_frame: Frames, day: dt.date, place: int) -> pd.DataFrame:
    """A day on which one account alone is on a call list."""
    frame = make_frame(day)
    return frame.assign(list_rank=pd.Series([1.0 if n == place else None for n in range(len(frame))], dtype=float))


def say(store: Store, account_id: str, day: dt.date) -> None:
    add_feedback(
        store,
        account_id=account_id,
        verdict="handled",
        until=None,
        as_of=day,
        token_id="0" * 12,
        csm_id=None,
        given_at=NOW,
    )


@pytest.fixture
def days(store: Store, make_frame: Frames) -> list[dt.date]:
    """Four scored days, on each of which another account is listed; of all but the third something was said."""
    found = [FIRST + dt.timedelta(days=n) for n in range(4)]
    for n, day in enumerate(found):
        write_day(store, ranked(make_frame, day, n), day)
    for n in (0, 1, 3):
        say(store, f"a-{n}", found[n])
    return found


def lists_of(sayings: Sayings, store: Store) -> list[tuple[dt.date, str]]:
    lists = sayings.of(store, "calls", TODAY).lists
    assert lists is not None
    return list(zip(lists["as_of"], lists["account_id"], strict=True))


def test_each_judged_day_has_its_own_list(store: Store, days: list[dt.date]) -> None:
    sayings = Sayings()
    for _ in range(2):  # the second time from what is kept
        assert lists_of(sayings, store) == [(days[n], f"a-{n}") for n in (0, 1, 3)]


def test_only_the_newest_judged_days_count(store: Store, days: list[dt.date], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.said.JUDGED_DAYS", 2)
    assert lists_of(Sayings(), store) == [(days[1], "a-1"), (days[3], "a-3")]
    assert [one["account_id"] for one in Sayings().of(store, "calls", TODAY).verdicts] == ["a-1", "a-3"]


def test_what_was_said_of_a_day_more_than_a_year_ago_counts_no_more(store: Store, make_frame: Frames) -> None:
    old = TODAY - dt.timedelta(days=366)
    for day in (old, old + dt.timedelta(days=1)):
        write_day(store, ranked(make_frame, day, 0), day)
        say(store, "a-0", day)
    assert lists_of(Sayings(), store) == [(old + dt.timedelta(days=1), "a-0")]


def test_a_scoring_that_took_anothers_place_has_its_own_list(
    store: Store, days: list[dt.date], make_frame: Frames
) -> None:
    sayings = Sayings()
    lists_of(sayings, store)
    write_day(store, ranked(make_frame, days[3], 2).assign(model_version="9"), days[3])
    assert lists_of(sayings, store)[-1] == (days[3], "a-2")


def test_a_damaged_book_is_made_anew_and_one_of_an_earlier_version_has_no_list(
    store: Store, days: list[dt.date], make_frame: Frames
) -> None:
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE tenure_books SET checksum = 7"))
    assert lists_of(Sayings(), store) == [(days[n], f"a-{n}") for n in (0, 1, 3)]
    with store.writing() as connection:
        connection.execute(sa.text("DELETE FROM tenure_books"))
    assert lists_of(Sayings(), store) == []
    write_day(store, make_frame(days[3]), days[3])  # without list_rank
    assert lists_of(Sayings(), store) == []


def test_lists_that_need_nothing_of_it_ask_for_nothing(store: Store, days: list[dt.date]) -> None:
    assert Sayings().of(store, "health", TODAY).lists is None
    assert Sayings().of(store, "billing", TODAY).verdicts == ()
