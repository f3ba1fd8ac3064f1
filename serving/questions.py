"""Questions: what a request asks the store beyond a snapshot; its answer, or how a store that is away is told, out."""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import functools
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import pyarrow as pa

from features.errors import TenureError
from serving.problems import ProblemError
from serving.shelf import Shelf
from serving.store.errors import StoreAbsentError, StoreUnreachableError
from serving.store.reading import Row, Run
from serving.store.store import Store

if TYPE_CHECKING:
    from serving.latest import Snapshot

__all__ = ["STALLED", "Questions", "unreachable"]

T = TypeVar("T")

logger = logging.getLogger("tenure.serving")

ASK_SECONDS = 20.0
"""So long a request waits for what it asks the store: longer than the store lets a statement take."""

STALLED = StoreUnreachableError("The store does not answer in time.")


class Questions(ABC):
    """What may be asked of a store, each in a thread and waited for so long and no longer.

    Every question raises `ProblemError`, 503, where the store does not answer.
    """

    _threads: ThreadPoolExecutor
    _shelf: Shelf

    @abstractmethod
    async def now(self) -> Snapshot:
        """The store as it is."""

    @abstractmethod
    async def store(self) -> Store:
        """The store itself."""

    async def ask(self, question: Callable[..., T], *arguments: Any) -> T:
        """What the store says."""
        call = functools.partial(contextvars.copy_context().run, question, *arguments)
        future = self._threads.submit(call)
        try:
            return await self._answer(future)
        finally:
            future.cancel()  # unless it has begun: nobody waits for it any more

    async def ask_book(self) -> tuple[Run, pd.DataFrame]:
        """The newest run and its book, which is loaded once and kept for as long as the run is the newest.

        Whoever alters the frame alters a copy of their own.

        Raises
        ------
        ProblemError : 503 also where no day is scored yet.
        """
        run = (await self.now()).scored()
        return run, await self._book(run, newest=True)

    async def ask_book_of(self, day: dt.date) -> tuple[Run, pd.DataFrame] | None:
        """The run that holds for a day and its book; None where the day is not scored. A few are kept."""
        newest = (await self.now()).run
        if newest is not None and newest.as_of == day:
            return newest, await self._book(newest, newest=True)
        run = await self.ask((await self.store()).run_of, day)
        return None if run is None else (run, await self._book(run, newest=False))

    async def ask_rows(self, run: Run, ids: Sequence[str], book: str | None = None) -> dict[str, Row]:
        """As `Store.rows`."""
        return await self.ask((await self.store()).rows, run, ids, book)

    async def _book(self, run: Run, *, newest: bool) -> pd.DataFrame:
        store = await self.store()
        whole = await self._answer(self._shelf.book(run.key, functools.partial(_loaded, store, run), newest=newest))
        return whole.copy(deep=False)  # pandas copies what is written to

    async def _answer(self, future: Future[T]) -> T:
        """What a thread comes back with; others may wait for the same."""
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), ASK_SECONDS)
        except TimeoutError:
            logger.error("the store has not answered for %g seconds", ASK_SECONDS)
            raise unreachable(STALLED) from None
        except TenureError as error:
            raise unreachable(error) from None


def _loaded(store: Store, run: Run) -> pd.DataFrame:
    book = store.book(run)
    pa.default_memory_pool().release_unused()  # twice what the book takes, kept for a next one that may never come
    return book


def unreachable(error: TenureError) -> ProblemError:
    """The refusal of whatever needs a store that does not answer.

    The error's own sentence names the database, which is nobody's business before a token is shown; the log has it.
    """
    if isinstance(error, StoreUnreachableError):
        detail = "The score store does not answer; ask again in a moment."
        return ProblemError(503, "store-unreachable", detail, headers={"Retry-After": "1"})
    if isinstance(error, StoreAbsentError):
        return ProblemError(503, "store-unusable", "No day is scored yet; run `tenure score` to score one.")
    return ProblemError(503, "store-unusable", "The score store cannot be used as it is; the service's log says why.")
