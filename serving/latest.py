"""What a worker answers look-ups from: newest run, tokens and rows rendered so far, half a second old at most."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from features.errors import TenureError
from serving.answers import head_of, rendered, unknown_account
from serving.kept import Kept
from serving.problems import ProblemError
from serving.questions import STALLED, Questions, unreachable
from serving.shelf import Shelf
from serving.store.errors import StoreUnreachableError
from serving.store.reading import Run
from serving.store.store import Store
from serving.store.tokens import Token, all_tokens

__all__ = ["Latest", "Snapshot", "Watcher"]

logger = logging.getLogger("tenure.serving")

LOOK_SECONDS = 3.0
"""So long a request waits for a look at the store; a database that is frozen closes no connection and says nothing."""

GIVE_UP_SECONDS = 60.0
"""After so long a look will never end."""

_THREADS = 8


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
    kept: Kept = field(default_factory=lambda: Kept(0), repr=False)

    def scored(self) -> Run:
        """The newest run.

        Raises
        ------
        ProblemError : 503, no day is scored yet.
        """
        if self.run is None:
            raise ProblemError(503, "no-scores", "No day is scored yet; run `tenure score` to score one.")
        return self.run


_Seen = tuple[float, Snapshot | TenureError]


@dataclass
class _Look:
    """A look at the store, since when, and what it will find; `stalled` once somebody has waited for it in vain."""

    began: float
    future: concurrent.futures.Future[_Seen]
    stalled: bool = False


class Watcher(Protocol):
    """Who is told what the store says, for metrics."""

    def store(self, up: bool) -> None: ...
    def run(self, run: Run) -> None: ...


class Latest(Questions):
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
        self._store: Store | None = None
        self._seen: _Seen | None = None
        self._good: Snapshot | None = None
        self._look: _Look | None = None
        self._threads = ThreadPoolExecutor(_THREADS, "store")
        self._shelf = Shelf()

    async def now(self) -> Snapshot:
        """The store as it is, or was at most `max_age` seconds ago.

        Raises
        ------
        ProblemError : 503, the store does not answer.
        """
        seen, asked = self._seen, self._monotonic()
        if seen is None or asked - seen[0] >= self._max_age:
            seen = await self._looked_after(asked)
        elif asked - seen[0] >= self._max_age / 2 and isinstance(seen[1], Snapshot):
            self._under_way()  # ahead of time, so that under load nobody ever waits for a look
        if isinstance(seen[1], TenureError):
            raise unreachable(seen[1])
        return seen[1]

    async def last_known(self) -> Snapshot:
        """As `now`, or as the store last was while it does not answer: for who must be told that it does not.

        Raises
        ------
        ProblemError : 503, it has never answered.
        """
        try:
            return await self.now()
        except ProblemError:
            if self._good is None:
                raise
            return self._good

    def warm_up(self) -> None:
        """Open the store before the first request needs it; what fails here is told to that request."""
        self._under_way()

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
        book : of whose accounts alone anything is told; None for all. What is not in it is looked for as what is
            nowhere, so that not even the time taken tells them apart.

        Raises
        ------
        ProblemError : 503, rows had to be read and the store does not answer.
        """
        run, kept = snapshot.scored(), snapshot.kept
        told = [kept.get(account_id, explain) if isinstance(account_id, str) else None for account_id in ids]
        if book is not None:
            told = [one if one and one[0] == book else None for one in told]
        missing = dict.fromkeys(i for i, one in zip(ids, told, strict=True) if one is None and isinstance(i, str))
        if missing:
            read = await self.ask(self._read, run, list(missing), explain, book)
            for account_id, (csm_id, body) in read.items():
                kept.put(account_id, explain, csm_id, body)
            told = [one or (read.get(i) if isinstance(i, str) else None) for i, one in zip(ids, told, strict=True)]
        return [one[1] if one else unknown_account(i, run.as_of) for i, one in zip(ids, told, strict=True)]

    def _read(
        self, run: Run, ids: Sequence[str], explain: int, book: str | None
    ) -> dict[str, tuple[str | None, bytes]]:
        assert self._store is not None
        rows = self._store.rows(run, ids, book)
        return {account_id: (row.csm_id, rendered(row, explain)) for account_id, row in rows.items()}

    async def _looked_after(self, asked: float) -> _Seen:
        """What a look that began after a moment has found; two at most are waited for.

        Raises
        ------
        ProblemError : 503, none has ended in time.
        """
        for _ in range(2):
            look = self._under_way()
            left = look.began + LOOK_SECONDS - self._monotonic()
            try:
                seen = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(look.future)), max(0.0, left))
            except TimeoutError:
                if not look.stalled:
                    look.stalled = True
                    logger.error("the store has not answered for %g seconds", LOOK_SECONDS)
                    if self._watcher:
                        self._watcher.store(False)
                raise unreachable(STALLED) from None
            if seen[0] >= asked:
                break
        return seen

    def _under_way(self) -> _Look:
        """The look that is under way; begun if there is none, or if the last one will never end."""
        look = self._look
        now = self._monotonic()
        if look is not None and not look.future.done():
            if now - look.began < GIVE_UP_SECONDS:
                return look
            # Its thread may hang for ever in a connection that nobody closes; it and the store are left to themselves.
            logger.error("the store is opened anew: a look at it has not ended for %g seconds", GIVE_UP_SECONDS)
            self._store, self._threads = None, ThreadPoolExecutor(_THREADS, "store")
        look = self._look = _Look(now, concurrent.futures.Future())
        self._threads.submit(self._carry_out, look)
        return look

    def _carry_out(self, look: _Look) -> None:
        found: Snapshot | TenureError
        store = self._store
        good = isinstance(self._seen[1], Snapshot) if self._seen else None
        try:
            store = store or self._open()
            found = self._snapshot(store)
            if good is False:
                logger.warning("the store answers again")
        except TenureError as error:
            found = error
            if good is not False:
                logger.error("the store does not answer: %s", error)
        except Exception:  # whatever else a broken store makes a library raise
            found = StoreUnreachableError("The store cannot be read; the service's log says why.")
            if good is not False:
                logger.exception("the store cannot be read")
        # A failed look may have taken seconds; what counts is when it was known.
        seen = (look.began if isinstance(found, Snapshot) else self._monotonic(), found)
        if self._look is look:  # and has not been given up
            self._store, self._seen = store, seen
            self._good = found if isinstance(found, Snapshot) else self._good
            if self._watcher:
                self._watcher.store(isinstance(found, Snapshot))
        look.future.set_result(seen)

    def _snapshot(self, store: Store) -> Snapshot:
        run, tokens = store.latest(), {token.id: token for token in all_tokens(store)}
        before = self._good
        if run and before and before.run and before.run.key == run.key:
            return Snapshot(before.run, tokens, before.head, before.kept)
        if run and self._watcher:
            self._watcher.run(run)
        return Snapshot(run, tokens, head_of(run) if run else b"", Kept(self._cache_bytes))
