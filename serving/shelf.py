"""Shelf: what loads the book of a run in; that book out, loaded once for all who ask and kept while it is wanted."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import pandas as pd

__all__ = ["GIVE_UP_SECONDS", "Shelf"]

GIVE_UP_SECONDS = 60.0
"""After so long a book that is being loaded will never be there."""


class _Load(NamedTuple):
    began: float
    future: Future[pd.DataFrame]


class Shelf:
    """The newest run's book, and those of the few other runs that were asked for last; used by one event loop.

    Books are loaded one after the other in a thread of their own, so that neither their size nor the time that old
    runs take keeps anybody from the store.

    Parameters
    ----------
    others : books beside the newest, at most; the one before the newest is one of them.
    """

    def __init__(self, others: int = 2, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._others, self._monotonic = others, monotonic
        self._thread = ThreadPoolExecutor(1, "books")
        self._newest: str | None = None
        self._loads: OrderedDict[str, _Load] = OrderedDict()

    def book(self, key: str, load: Callable[[], pd.DataFrame], *, newest: bool) -> Future[pd.DataFrame]:
        """The book of a run, there or under way; one that could not be loaded is tried again by whoever asks next.

        Parameters
        ----------
        key : the run's.
        newest : whether it is the newest run.
        """
        if newest:
            self._newest = key
        if (known := self._loads.get(key)) is None or self._lost(known):
            self._loads[key] = _Load(self._monotonic(), self._thread.submit(load))
        self._loads.move_to_end(key)
        others = [kept for kept in self._loads if kept != self._newest]
        for oldest in others[: max(0, len(others) - self._others)]:
            del self._loads[oldest]
        return self._loads[key].future

    def _lost(self, load: _Load) -> bool:
        """Whether a load has failed or will never end."""
        if load.future.done():
            return load.future.cancelled() or load.future.exception() is not None
        if self._monotonic() - load.began < GIVE_UP_SECONDS:
            return False
        # Its thread may hang for ever; it is left to itself.
        self._thread = ThreadPoolExecutor(1, "books")
        return True
