"""What a worker answers look-ups from: newest run, tokens and rows rendered so far, half a second old at most."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool

from features.errors import TenureError
from serving.answers import head_of, rendered, unknown_account
from serving.problems import ProblemError
from serving.store.errors import StoreAbsentError, StoreUnreachableError
from serving.store.reading import Run
from serving.store.store import Store
from serving.store.tokens import Token, all_tokens

__all__ = ["Latest", "Snapshot", "Watcher"]

logger = logging.getLogger("tenure.serving")

_IN_PLACE = 500
"""Rows that are put together on the event loop; it is microseconds a row, and more would keep others waiting."""


class _Rendered:
    """Rows of one run as they were answered, the least recently used first; bounded in bytes. For one thread."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._kept: OrderedDict[tuple[str, int], tuple[str | None, bytes]] = OrderedDict()

    def get(self, account_id: str, explain: int) -> tuple[str | None, bytes] | None:
        key = (account_id, explain)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, account_id: str, explain: int, csm_id: str | None, body: bytes) -> None:
        key = (account_id, explain)
        before = self._kept.pop(key, None)
        self._size += len(body) - (len(before[1]) if before else 0)
        self._kept[key] = (csm_id, body)
        while self._size > self._limit and self._kept:
            self._size -= len(self._kept.popitem(last=False)[1][1])


@dataclass(frozen=True)
class Snapshot:
    """The store as it was at one moment.

    Parameters
    ----------
    run : the newest; None where nothing is scored yet.
    tokens : by id, with those that were revoked.
    head : how every answer from this run begins.
    """

    run: Run | None
    tokens: Mapping[str, Token]
    head: bytes = b""
    kept: _Rendered = field(default_factory=lambda: _Rendered(0), repr=False)

    def scored(self) -> Run:
        """The newest run.

        Raises
        ------
        ProblemError : 503, no day is scored yet.
        """
        if self.run is None:
            raise ProblemError(503, "no-scores", "No day is scored yet; run `tenure score` to score one.")
        return self.run


class Watcher(Protocol):
    """Who is told what the store says, for metrics."""

    def store(self, up: bool) -> None: ...
    def run(self, run: Run) -> None: ...


class Latest:
    """The newest snapshot of a store, looked at again when a request finds it too old.

    Only one look is under way at a time, in a thread; whoever needs it waits for it. A store that does not answer is
    not asked again within the same time, so that a hundred waiting requests do not each try.

    Parameters
    ----------
    open_store : called until it succeeds; the store is then kept for good.
    max_age : seconds that a snapshot is used for.
    cache_bytes : of rendered rows, at most.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        *,
        max_age: float = 0.5,
        cache_bytes: int = 64 * 2**20,
        watcher: Watcher | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open, self._max_age, self._cache_bytes = open_store, max_age, cache_bytes
        self._watcher, self._monotonic = watcher, monotonic
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._seen: tuple[float, Snapshot | TenureError] | None = None
        self._good: Snapshot | None = None
        self._under_way = False

    async def now(self) -> Snapshot:
        """The store as it is, or was at most `max_age` seconds ago.

        Raises
        ------
        ProblemError : 503, the store does not answer.
        """
        seen, asked = self._seen, self._monotonic()
        if seen is None or asked - seen[0] >= self._max_age:
            seen = await run_in_threadpool(self._look, asked)
        elif asked - seen[0] >= self._max_age / 2 and not self._under_way and isinstance(seen[1], Snapshot):
            # Ahead of time, so that under load nobody ever waits for a look.
            self._under_way = True
            asyncio.get_running_loop().run_in_executor(None, self._look, asked)
        if isinstance(seen[1], TenureError):
            raise unreachable(seen[1])
        return seen[1]

    def warm_up(self) -> None:
        """Open the store before the first request needs it; what fails here is told to that request."""
        self._look(self._monotonic())

    async def store(self) -> Store:
        """The store itself, for what no snapshot holds.

        Raises
        ------
        ProblemError : 503, the store does not answer.
        """
        await self.now()
        assert self._store is not None
        return self._store

    async def results(self, snapshot: Snapshot, ids: Sequence[Any], explain: int, book: str | None) -> list[bytes]:
        """The results of accounts in the order asked for, each as JSON.

        Parameters
        ----------
        book : of whose accounts alone anything is told; None for all.

        Raises
        ------
        ProblemError : 503, rows had to be read and the store does not answer.
        """
        if len(ids) > _IN_PLACE:
            missing = list(dict.fromkeys(i for i in ids if isinstance(i, str) and not snapshot.kept.get(i, explain)))
        else:
            missing = [i for i in ids if isinstance(i, str) and not snapshot.kept.get(i, explain)]
        found: dict[str, tuple[str | None, bytes]] = {}
        if missing:
            found = await run_in_threadpool(self._read, snapshot.scored(), missing, explain)
            for account_id, (csm_id, body) in found.items():
                snapshot.kept.put(account_id, explain, csm_id, body)
        as_of = snapshot.scored().as_of
        results = []
        for account_id in ids:
            told = None
            if isinstance(account_id, str):
                told = found.get(account_id) or snapshot.kept.get(account_id, explain)
            if told is None or (book is not None and told[0] != book):
                results.append(unknown_account(account_id, as_of))
            else:
                results.append(told[1])
        return results

    def _read(self, run: Run, ids: Sequence[str], explain: int) -> dict[str, tuple[str | None, bytes]]:
        assert self._store is not None
        try:
            rows = self._store.rows(run, ids)
        except TenureError as error:
            raise unreachable(error) from None
        return {account_id: (row.csm_id, rendered(row, explain)) for account_id, row in rows.items()}

    def _look(self, asked: float) -> tuple[float, Snapshot | TenureError]:
        with self._lock:
            seen = self._seen
            if seen is not None and seen[0] >= asked:
                return seen  # somebody else has looked since
            began = self._monotonic()
            found: Snapshot | TenureError
            try:
                if self._store is None:
                    self._store = self._open()
                found = self._good = self._snapshot(self._store)
                if seen is not None and isinstance(seen[1], TenureError):
                    logger.warning("the store answers again")
            except TenureError as error:
                found = error
                if seen is None or isinstance(seen[1], Snapshot):
                    logger.error("the store does not answer: %s", error)
            except Exception:  # whatever else a broken store makes a library raise
                found = StoreUnreachableError("The store cannot be read; the service's log says why.")
                if seen is None or isinstance(seen[1], Snapshot):
                    logger.exception("the store cannot be read")
            finally:
                self._under_way = False
            if self._watcher:
                self._watcher.store(isinstance(found, Snapshot))
            # A failed look may have taken seconds; what counts is when it was known.
            self._seen = (began if isinstance(found, Snapshot) else self._monotonic(), found)
            return self._seen

    def _snapshot(self, store: Store) -> Snapshot:
        run, tokens = store.latest(), {token.id: token for token in all_tokens(store)}
        before = self._good
        if run and before and before.run and before.run.key == run.key:
            return Snapshot(before.run, tokens, before.head, before.kept)
        if run and self._watcher:
            self._watcher.run(run)
        return Snapshot(run, tokens, head_of(run) if run else b"", _Rendered(self._cache_bytes))


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
