"""Shelf: a book is loaded once for all who ask, kept while it is wanted, and tried again where loading failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pandas as pd
import pytest

from serving.shelf import GIVE_UP_SECONDS, Shelf


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Loads:
    """Books of one cell, the run's key; it counts what it loads."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.fault: Exception | None = None
        self.hold: threading.Event | None = None

    def __call__(self, key: str) -> Callable[[], pd.DataFrame]:
        def load() -> pd.DataFrame:
            self.loaded.append(key)
            if self.hold:
                self.hold.wait(10)
            if self.fault:
                raise self.fault
            return pd.DataFrame({"key": [key]})

        return load


@pytest.fixture
def loads() -> Iterator[Loads]:
    made = Loads()
    yield made
    if made.hold:
        made.hold.set()


def key_of(future: Future[pd.DataFrame]) -> str:
    return str(future.result(5).loc[0, "key"])


def test_many_who_ask_at_once_cause_one_load(loads: Loads) -> None:
    shelf, loads.hold = Shelf(), threading.Event()
    asked = [shelf.book("one", loads("one"), newest=True) for _ in range(20)]
    loads.hold.set()
    assert {key_of(future) for future in asked} == {"one"}
    assert key_of(shelf.book("one", loads("one"), newest=False)) == "one"
    assert loads.loaded == ["one"]


def test_the_newest_stays_and_of_others_the_last_few(loads: Loads) -> None:
    shelf = Shelf(others=2)
    assert key_of(shelf.book("new", loads("new"), newest=True)) == "new"
    for key in ("a", "b", "a", "c", "a", "c"):
        assert key_of(shelf.book(key, loads(key), newest=False)) == key
    assert loads.loaded == ["new", "a", "b", "c"], "a was asked for after b, so that b had to go"
    shelf.book("new", loads("new"), newest=True).result(5)
    assert loads.loaded == ["new", "a", "b", "c"], "others never drive it out"
    assert key_of(shelf.book("b", loads("b"), newest=False)) == "b"
    assert loads.loaded[4:] == ["b"]


def test_the_newest_before_is_one_of_the_others(loads: Loads) -> None:
    shelf = Shelf(others=1)
    for key in ("one", "two"):
        shelf.book(key, loads(key), newest=True).result(5)
    shelf.book("one", loads("one"), newest=False).result(5)
    assert loads.loaded == ["one", "two"]
    shelf.book("three", loads("three"), newest=True).result(5)
    shelf.book("one", loads("one"), newest=False).result(5)
    shelf.book("two", loads("two"), newest=False).result(5)
    assert loads.loaded == ["one", "two", "three", "two"], "of the two one had to go: the one asked for longer ago"


def test_what_failed_is_told_to_all_and_tried_again(loads: Loads) -> None:
    shelf, loads.fault, loads.hold = Shelf(), ZeroDivisionError("no"), threading.Event()
    asked = [shelf.book("one", loads("one"), newest=True) for _ in range(3)]
    loads.hold.set()
    for future in asked:
        with pytest.raises(ZeroDivisionError):
            future.result(5)
    loads.fault = None
    assert key_of(shelf.book("one", loads("one"), newest=True)) == "one"
    assert loads.loaded == ["one", "one"]


def test_what_never_ends_is_left_to_itself(loads: Loads) -> None:
    clock = Clock()
    shelf, loads.hold = Shelf(monotonic=clock), threading.Event()
    stuck = shelf.book("one", loads("one"), newest=True)
    clock.now += GIVE_UP_SECONDS - 1
    assert shelf.book("one", loads("one"), newest=True) is stuck
    clock.now += 1
    hung, loads.hold = loads.hold, None
    again = shelf.book("one", loads("one"), newest=True)
    assert key_of(again) == "one", "it does not wait for the thread that hangs"
    hung.set()


def test_books_are_loaded_one_after_the_other(loads: Loads) -> None:
    shelf, loads.hold = Shelf(), threading.Event()
    asked = [shelf.book(key, loads(key), newest=False) for key in ("one", "two")]
    assert not asked[1].running()
    loads.hold.set()
    assert [key_of(future) for future in asked] == ["one", "two"]
