"""Questions: what a worker asks a real store beyond a snapshot, once for all who ask, and what it says without one."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pandas as pd
import pytest

from serving.latest import Latest
from serving.problems import ProblemError
from serving.store.errors import StoreUnreachableError
from serving.store.reading import Run
from serving.store.store import Store
from serving.store.writing import write_day

T = TypeVar("T")
DAY = dt.date(2026, 2, 1)
NEXT = dt.date(2026, 2, 2)
Frames = Callable[..., pd.DataFrame]


def asked(question: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(question)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the runs whose books were loaded."""
    keys: list[str] = []
    whole = Store.book

    def counted(self: Store, run: Run) -> pd.DataFrame:
        keys.append(run.key)
        return whole(self, run)

    monkeypatch.setattr(Store, "book", counted)
    return keys


def test_the_newest_book_is_loaded_once_and_until_there_is_a_newer(
    store: Store, make_frame: Frames, loaded: list[str]
) -> None:
    latest = Latest(lambda: store, max_age=0)
    first = write_day(store, make_frame(), DAY)

    async def many() -> list[tuple[Run, pd.DataFrame]]:
        return await asyncio.gather(*(latest.ask_book() for _ in range(10)))

    for run, book in [*asked(many()), asked(latest.ask_book())]:
        assert run.key == first.key
        assert len(book) == 6
    assert loaded == [first.key]
    second = write_day(store, make_frame(NEXT, version="4"), NEXT)
    run, book = asked(latest.ask_book())
    assert (run.key, set(book["as_of"])) == (second.key, {NEXT})
    assert loaded == [first.key, second.key]


def test_nobody_alters_the_book_of_another(store: Store, make_frame: Frames) -> None:
    write_day(store, make_frame(), DAY)
    latest = Latest(lambda: store, max_age=0)
    _, mine = asked(latest.ask_book())
    mine["mrr"] = 0.0
    mine.loc[0, "name"] = "mine"
    mine.loc[99] = mine.loc[1]
    mine.iloc[:, 3] = None
    _, theirs = asked(latest.ask_book())
    run = store.latest()
    assert run is not None
    pd.testing.assert_frame_equal(theirs, store.book(run))


def test_the_book_of_a_day_is_that_of_the_run_that_holds(store: Store, make_frame: Frames, loaded: list[str]) -> None:
    latest = Latest(lambda: store, max_age=0)
    assert asked(latest.ask_book_of(DAY)) is None
    write_day(store, make_frame(), DAY)
    keys = [write_day(store, make_frame(version=version), DAY).key for version in ("4", "5")]
    newest = write_day(store, make_frame(NEXT), NEXT).key
    for _ in range(2):
        found = asked(latest.ask_book_of(DAY))
        assert found is not None
        assert (found[0].key, set(found[1]["model_version"])) == (keys[-1], {"5"})
        assert (asked(latest.ask_book_of(NEXT)) or found)[0].key == newest
    assert asked(latest.ask_book_of(dt.date(2026, 2, 3))) is None
    asked(latest.ask_book())
    assert loaded == [keys[-1], newest]


def test_rows_are_those_of_the_store(store: Store, make_frame: Frames) -> None:
    latest = Latest(lambda: store, max_age=0)
    write_day(store, make_frame(), DAY)
    run = asked(latest.ask_book())[0]
    ids = ["a-1", "a-2", "a-99"]
    assert asked(latest.ask_rows(run, ids)) == store.rows(run, ids)
    assert set(asked(latest.ask_rows(run, ids, "c-1"))) == {"a-1"}


def test_without_a_scored_day_there_is_no_book(store: Store) -> None:
    with pytest.raises(ProblemError) as caught:
        asked(Latest(lambda: store).ask_book())
    assert (caught.value.status, caught.value.kind) == (503, "no-scores")


def test_a_store_that_fails_is_said_and_asked_again(
    store: Store, make_frame: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_day(store, make_frame(), DAY)
    latest = Latest(lambda: store, max_age=0)

    def gone(*_: Any) -> pd.DataFrame:
        raise StoreUnreachableError("The store x does not answer.")

    with monkeypatch.context() as away:
        away.setattr(store, "book", gone)
        with pytest.raises(ProblemError) as caught:
            asked(latest.ask_book())
        assert (caught.value.status, caught.value.kind) == (503, "store-unreachable")
    assert len(asked(latest.ask_book())[1]) == 6


def test_a_book_that_takes_long_is_there_for_whoever_asks_later(
    store: Store, make_frame: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is not kept waiting for ever, and what was loaded for them is not lost."""
    write_day(store, make_frame(), DAY)
    latest, go_on, loads = Latest(lambda: store, max_age=0), threading.Event(), []
    whole = store.book

    def slowly(run: Run) -> pd.DataFrame:
        loads.append(run.key)
        assert go_on.wait(10)
        return whole(run)

    monkeypatch.setattr(store, "book", slowly)

    async def twice() -> tuple[Run, pd.DataFrame]:
        with monkeypatch.context() as hurry:
            hurry.setattr("serving.questions.ASK_SECONDS", 0.05)
            with pytest.raises(ProblemError) as caught:
                await latest.ask_book()
            assert caught.value.kind == "store-unreachable"
        assert await latest.ask(store.latest) is not None, "meanwhile the store is free for others"
        go_on.set()
        return await latest.ask_book()

    assert len(asked(twice())[1]) == 6
    assert len(loads) == 1
