"""Endpoints on whole books: a request and its caller in; lists, briefs, what was missed and alerts out."""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from features.errors import TenureError
from features.settings import Settings
from serving.access import Caller
from serving.alerting.reading import alerts_of
from serving.answers import encode, plain
from serving.blindsided import OutdatedScoresError, look_back
from serving.bodies import MAX_SMALL_BODY, read_body
from serving.book_requests import AlertsRequest, BlindsidedRequest, BriefRequest, ListRequest
from serving.briefs import brief_document
from serving.endpoints import book_of, in_time, json_response, row_of
from serving.latest import Latest
from serving.lists import list_document
from serving.problems import ProblemError
from serving.questions import unreachable
from serving.said import Sayings

if TYPE_CHECKING:
    import pandas as pd

    from serving.store.reading import Run
    from serving.store.store import Store

__all__ = ["BookEndpoints"]

T = TypeVar("T")

BOOK_THREADS = 2
"""Threads that work on whole books; more at once would only slow each other down."""

BOOK_SECONDS = 30.0
"""Far longer than any answer takes; beyond it nobody is waiting any more."""

MAX_ALERTS = 10_000
"""Alerts in one answer, the newest of those that there are."""


class BookEndpoints:
    """The endpoints that answer from all accounts of a day.

    What works on a book runs in threads of its own, so that neither the event loop nor a look-up of one account waits
    for it.

    Parameters
    ----------
    settings : how the team works: what it can call, from which health on an account is red, which play answers what.
    clock : the present in UTC.
    """

    def __init__(self, latest: Latest, settings: Settings, clock: Callable[[], dt.datetime]) -> None:
        self._latest, self._settings, self._clock = latest, settings, clock
        self._threads = ThreadPoolExecutor(BOOK_THREADS, "book-work")
        self._sayings = Sayings()

    async def lists(self, request: Request, caller: Caller | None) -> Response:
        asked = ListRequest.parse(await read_body(request, MAX_SMALL_BODY))
        bound = book_of(caller)
        run, book = await self._day(asked.as_of)
        if bound is not None and asked.as_of is not None:
            # What is another's by now is not told of any more, as by POST /history.
            book = book[book["account_id"].isin(await self._ours(bound) or ())]
        store = await self._latest.store()
        said = await self._latest.ask(self._sayings.of, store, asked.name, self._clock().date())
        document = functools.partial(list_document, asked.name, run, book, self._settings, said, asked.asked, bound)

        def answer() -> bytes:
            told = document()
            request.state.told = {"rows": len(told["rows"]), "model_version": run.model_version}
            return encode(told)

        return json_response(await self._work(answer))

    async def brief(self, request: Request, caller: Caller | None) -> Response:
        asked = BriefRequest.parse(await read_body(request, MAX_SMALL_BODY))
        newest = (await self._latest.now()).scored()
        row = await row_of(self._latest, newest, asked.account_id, caller)
        run = newest
        store = await self._latest.store()
        if asked.as_of not in (None, newest.as_of):
            assert asked.as_of is not None
            found = await self._latest.ask(store.run_of, asked.as_of)
            if found is None:
                raise unknown_day(asked.as_of)
            run = found
            row = await row_of(self._latest, run, asked.account_id, None)  # whoever looked after it then
        request.state.told = {"rows": 1, "model_version": run.model_version}
        told = await self._latest.ask(brief_document, store, run, row, self._settings)
        return json_response(encode(told))

    async def blindsided(self, request: Request, caller: Caller | None) -> Response:
        asked = BlindsidedRequest.parse(await read_body(request, MAX_SMALL_BODY))
        run, book = await self._latest.ask_book()
        store, bound = await self._latest.store(), book_of(caller)

        def answer() -> bytes:
            try:
                told = look_back(store, run, book, self._settings, asked.since, asked.until, bound).to_json()
            except OutdatedScoresError as error:
                raise ProblemError(409, "scores-outdated", str(error)) from None
            request.state.told = {"rows": len(told["lost"]), "model_version": run.model_version}
            return encode(plain(told))

        return json_response(await self._work(answer))

    async def alerts(self, request: Request, caller: Caller | None) -> Response:
        asked = AlertsRequest.parse(await read_body(request, MAX_SMALL_BODY))
        ours = await self._ours(book_of(caller))
        store = await self._latest.store()
        told = await self._latest.ask(_alerts, store, asked, ours)
        request.state.told = {"rows": len(told["alerts"])}
        return json_response(await self._work(lambda: encode(told)))

    async def _ours(self, bound: str | None) -> frozenset[str] | None:
        """The accounts that are in a CSM's book today; None for all.

        Raises
        ------
        ProblemError : 503, no day is scored yet.
        """
        if bound is None:
            (await self._latest.now()).scored()
            return None
        _, book = await self._latest.ask_book()
        return frozenset(book.loc[book["csm_id"] == bound, "account_id"]) if "csm_id" in book.columns else frozenset()

    async def _day(self, as_of: dt.date | None) -> tuple[Run, pd.DataFrame]:
        """The run and the book of a day, the newest for None.

        Raises
        ------
        ProblemError : 404, the day is not scored.
        """
        if as_of is None:
            return await self._latest.ask_book()
        (await self._latest.now()).scored()
        found = await self._latest.ask_book_of(as_of)
        if found is None:
            raise unknown_day(as_of)
        return found

    async def _work(self, answer: Callable[[], T]) -> T:
        """Run what works on a book in one of its threads.

        Raises
        ------
        ProblemError : 504, it took too long; 503, the store that it asks does not answer.
        """
        call = functools.partial(contextvars.copy_context().run, answer)
        work = asyncio.get_running_loop().run_in_executor(self._threads, call)
        try:
            return await in_time(work, BOOK_SECONDS, "ask for less at a time")
        except TenureError as error:
            raise unreachable(error) from None


def _alerts(store: Store, asked: AlertsRequest, ours: frozenset[str] | None) -> dict[str, Any]:
    """The answer to POST /alerts; what is withheld because of a control arm is never in it.

    Parameters
    ----------
    ours : the accounts that may be told of; None for all.
    """
    known = [
        one
        for one in alerts_of(store, closed=asked.open is not True, since=asked.since)
        if (asked.open is None or (one.closed_on is None) == asked.open) and (ours is None or one.account_id in ours)
    ]
    return {"alerts": [plain(one.to_json()) for one in known[:MAX_ALERTS]], "total": len(known)}


def unknown_day(day: dt.date) -> ProblemError:
    """The refusal of a day that is not scored."""
    detail = f'The day {day.isoformat()} is not scored; leave "as_of" out for the newest, or name another day.'
    return ProblemError(404, "unknown-day", detail)
