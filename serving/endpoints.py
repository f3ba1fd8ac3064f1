"""Endpoints: a request and its caller in; what the store or the model says, as a response, out."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import datetime as dt
import functools
import importlib.metadata
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from serving.access import Caller
from serving.answers import check_horizon, encode, feedback_document, history_answer, score_answer
from serving.bodies import MAX_FEATURES_BODY, MAX_SCORE_BODY, MAX_SMALL_BODY, read_body
from serving.champion import ChampionHolder
from serving.latest import Latest
from serving.metrics import Metrics
from serving.on_demand import feature_answers
from serving.openapi import document
from serving.page import HEADERS, PAGE
from serving.problems import ProblemError, too_busy
from serving.requests import FeaturesRequest, FeedbackRequest, HistoryRequest, ScoreRequest, WhatIfRequest
from serving.rows import DeclaredFeature
from serving.store.feedback import add_feedback, feedback_of
from serving.store.reading import Row, Run
from serving.together import Together
from serving.what_if import what_if_answer

__all__ = ["Endpoints", "book_of", "in_time", "json_response", "row_of", "unknown_account"]

T = TypeVar("T")

MODEL_THREADS = 2
"""Threads that the model works in; a second one lets a single row pass a request of ten thousand."""

MODEL_SECONDS = 120
"""Longer than the largest request takes on one thread; beyond it nobody is waiting any more."""

FEW_ROWS = 8
"""Rows in a request up to which it is scored together with others that came meanwhile."""

MODEL_PLACES = 64
"""Requests that have the model's attention or wait for it; each may hold a body of the largest size."""

_LARGE_BODY = 2**16
_FEWER = "send fewer rows at a time"


class Endpoints:
    """The endpoints; whatever waits for a database or computes runs in a thread, never on the event loop."""

    def __init__(
        self,
        latest: Latest,
        champion: ChampionHolder,
        declared: Iterable[DeclaredFeature],
        metrics: Metrics,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._latest, self._champion, self._metrics, self._clock = latest, champion, metrics, clock
        self._declared: Mapping[str, DeclaredFeature] = {feature.name: feature for feature in declared}
        self._models = ThreadPoolExecutor(MODEL_THREADS, "model")
        self._together = Together(self._scored, self._models)
        self._placed = 0
        self._openapi = encode(document(_version(), self._declared.values()))

    async def tokens(self) -> Mapping[str, Any]:
        return (await self._latest.now()).tokens

    async def last_tokens(self) -> Mapping[str, Any]:
        """For metrics, which must tell that the store is gone: a token revoked since then opens them meanwhile."""
        return (await self._latest.last_known()).tokens

    async def page(self, _: Request, __: Caller | None) -> Response:
        return Response(PAGE, headers=HEADERS, media_type="text/html")

    async def openapi(self, _: Request, __: Caller | None) -> Response:
        return json_response(self._openapi)

    async def livez(self, _: Request, __: Caller | None) -> Response:
        return json_response(b'{"status":"alive"}')

    async def metrics(self, _: Request, __: Caller | None) -> Response:
        body, media_type = await run_in_threadpool(self._metrics.exposition)
        return Response(body, media_type=media_type)

    async def score(self, request: Request, caller: Caller | None) -> Response:
        asked = await _parsed(ScoreRequest.parse, await read_body(request, MAX_SCORE_BODY))
        snapshot = await self._latest.now()
        run = snapshot.scored()
        check_horizon(run, asked.horizon)
        results = await self._latest.results(snapshot, asked.account_ids, asked.explain, book_of(caller))
        request.state.told = {"rows": len(results), "model_version": run.model_version}
        age = max(0, int((self._clock() - run.computed_at).total_seconds()))
        return json_response(score_answer(snapshot.head, results), headers={"Age": str(age)})

    async def score_features(self, request: Request, _: Caller | None) -> Response:
        with self._place():
            return await self._score_features(request)

    async def what_if(self, request: Request, caller: Caller | None) -> Response:
        with self._place():
            return await self._what_if(request, caller)

    async def _score_features(self, request: Request) -> Response:
        asked = await _parsed(FeaturesRequest.parse, await read_body(request, MAX_FEATURES_BODY))
        if len(asked.rows) <= FEW_ROWS:
            answer, version = await in_time(self._together.ask(asked), MODEL_SECONDS, _FEWER)
        else:
            ((answer, version),) = await self._on_model(lambda: self._scored([asked]))
        request.state.told = {"rows": len(asked.rows), "model_version": version}
        if isinstance(answer, Exception):
            raise answer
        return json_response(answer)

    def _scored(self, requests: Sequence[FeaturesRequest]) -> list[tuple[bytes | Exception, str]]:
        """The answers of requests for scores, or what keeps each from one, and the version that was asked."""
        champion = self._champion.get()
        answers = feature_answers(champion, requests, self._declared, self._clock())
        return [(answer, champion.version) for answer in answers]

    async def _what_if(self, request: Request, caller: Caller | None) -> Response:
        asked = WhatIfRequest.parse(await read_body(request, MAX_SMALL_BODY))
        snapshot = await self._latest.now()
        run = snapshot.scored()
        row = await row_of(self._latest, run, asked.account_id, caller)
        store = await self._latest.store()
        features = await self._latest.ask(store.features, run, asked.account_id)

        def answer() -> bytes:
            champion = self._champion.get()
            request.state.told = {"rows": 1, "model_version": champion.version}
            return what_if_answer(champion, run, row, features, asked, self._declared, self._clock())

        return json_response(await self._on_model(answer))

    async def history(self, request: Request, caller: Caller | None) -> Response:
        asked = HistoryRequest.parse(await read_body(request, MAX_SMALL_BODY))
        snapshot = await self._latest.now()
        store = await self._latest.store()
        if book_of(caller) is not None:
            await row_of(self._latest, snapshot.scored(), asked.account_id, caller)

        def answer() -> bytes:
            since = asked.since or dt.date.min
            newest = asked.since is None
            days = store.history(asked.account_id, since, asked.until, asked.limit + 1, newest=newest)
            if not days and not store.history(asked.account_id, dt.date.min, None, 1):
                raise unknown_account()
            said = feedback_of(store, asked.account_id, since)
            return history_answer(asked, [row for _, row in days], said)

        request.state.told = {"rows": 1}
        return json_response(await self._latest.ask(answer))

    async def feedback(self, request: Request, caller: Caller | None) -> Response:
        assert caller is not None
        asked = FeedbackRequest.parse(await read_body(request, MAX_SMALL_BODY), self._clock().date())
        snapshot = await self._latest.now()
        run = snapshot.scored()
        await row_of(self._latest, snapshot.scored(), asked.account_id, caller)
        store = await self._latest.store()
        given = await self._latest.ask(
            lambda: add_feedback(
                store,
                account_id=asked.account_id,
                verdict=asked.verdict,
                until=asked.until,
                as_of=run.as_of,
                token_id=caller.token_id,
                csm_id=caller.csm_id,
                given_at=self._clock(),
            )
        )
        self._metrics.feedback(asked.verdict)
        request.state.told = {"rows": 1}
        return json_response(encode(feedback_document(given)), 201)

    async def readyz(self, _: Request, __: Caller | None) -> Response:
        """Ready when at least one of stored scores and the champion is there to answer from; the body says which."""
        champion = self._champion.status()
        state: dict[str, Any] = {"champion": champion}
        run: Run | None = None
        try:
            run = (await self._latest.now()).scored()
            state["scores"] = _scores_state(run)
        except ProblemError as problem:
            absent = problem.kind == "no-scores"
            state["scores"] = {"status": "absent" if absent else "unreachable", "detail": problem.detail}
            if not absent or champion["status"] != "ready":
                # Without the store no token can be checked, so that nothing at all can be answered.
                reasons = [problem.detail] + ([champion["detail"]] if champion["status"] != "ready" else [])
                raise ProblemError(
                    503, "not-ready", " ".join(reasons), headers=problem.headers, members={"reasons": reasons, **state}
                ) from None
        ready = {
            "status": "ready",
            "model_version": run.model_version if run else champion["model_version"],
            "as_of": run.as_of.isoformat() if run else None,
            # Only health by rules stands in the scores; whether features can be scored, `champion` says.
            "rule_based": run is not None and bool(run.header["rule_based"]),
            **state,
        }
        return json_response(encode(ready))

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        """One of the places for requests that need the model, taken before their bodies are read.

        Raises
        ------
        ProblemError : 429, all are taken.
        """
        if self._placed >= MODEL_PLACES:
            raise too_busy()
        self._placed += 1
        try:
            yield
        finally:
            self._placed -= 1

    async def _on_model(self, answer: Callable[[], T]) -> T:
        """Run what needs the model in one of its threads; what had not begun when its time was over is dropped."""
        call = functools.partial(contextvars.copy_context().run, answer)  # so that what is logged has its request
        return await in_time(asyncio.get_running_loop().run_in_executor(self._models, call), MODEL_SECONDS, _FEWER)


async def row_of(latest: Latest, run: Run, account_id: str, caller: Caller | None) -> Row:
    """The row of an account that the caller may see.

    Raises
    ------
    ProblemError : 404, there is none, or it is in nobody's or another's book.
    """
    row = (await latest.ask_rows(run, [account_id], book_of(caller))).get(account_id)
    if row is None:
        raise unknown_account()
    return row


async def in_time(answer: Awaitable[T], seconds: float, less: str) -> T:
    """What a thread says, waited for so long and no longer.

    Parameters
    ----------
    less : what whoever asked can do.

    Raises
    ------
    ProblemError : 504, it took too long.
    """
    try:
        return await asyncio.wait_for(answer, seconds)
    except TimeoutError:
        raise ProblemError(504, "too-slow", f"The answer took too long and was given up; {less}.") from None


def _version() -> str:
    try:
        return importlib.metadata.version("tenure")
    except importlib.metadata.PackageNotFoundError:  # in a bento, which holds the packages as they are
        return "unpackaged"


async def _parsed(parse: Callable[[bytes], T], body: bytes) -> T:
    return parse(body) if len(body) <= _LARGE_BODY else await run_in_threadpool(parse, body)


def book_of(caller: Caller | None) -> str | None:
    """The CSM of whose accounts alone a caller may know; None for all."""
    return caller.csm_id if caller else None


def unknown_account() -> ProblemError:
    """The refusal of an account that is not there, or not for the caller."""
    return ProblemError(404, "unknown-account", "No account with this id is among those that are scored.")


def _scores_state(run: Run) -> dict[str, Any]:
    return {
        "status": "ready",
        "as_of": run.as_of.isoformat(),
        "model_version": run.model_version,
        "expansion_version": run.expansion_version,
        "rule_based": bool(run.header["rule_based"]),
        "computed_at": run.header["computed_at"],
        "accounts": run.accounts,
    }


def json_response(body: bytes, status: int = 200, *, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, "application/json")
