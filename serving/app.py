"""The HTTP routes as a plain ASGI application over one home folder; knows nothing of what serves it."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.answers import encode, stored_answer
from serving.champion import Champion, ChampionHolder
from serving.on_demand import feature_answer
from serving.page import HEADERS, PAGE
from serving.problems import ProblemError, answering, http_problem
from serving.requests import MAX_FEATURES_BODY, MAX_SCORE_BODY, FeaturesRequest, ScoreRequest, read_body
from serving.rows import DeclaredFeature
from serving.scores import ScoredDay, ScoreStore

__all__ = ["PATHS", "create_app"]

logger = logging.getLogger("tenure.serving")

PATHS = frozenset({"/", "/score", "/score_features", "/livez", "/readyz"})


def create_app(
    home: Path,
    *,
    load_champion: Callable[[], Champion | None],
    declared: Iterable[DeclaredFeature],
    catalogue_hash: str,
    clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
) -> Starlette:
    """The application of one process.

    Parameters
    ----------
    home : where `scores/` lies.
    load_champion : called in a thread once the process serves, and again every few seconds while it gives None
        or raises; see `ChampionHolder`.
    declared, catalogue_hash : today's features, which rows are checked against.
    clock : the present in UTC; tests set it.
    """
    routes = _Routes(ScoreStore(home), ChampionHolder(load_champion, catalogue_hash), declared, clock)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # Off the event loop and not awaited: the process answers /livez and /score while a model loads.
        threading.Thread(target=routes.warm_up, name="warm-up", daemon=True).start()
        yield

    app = Starlette(
        routes=[
            Route("/", answering(routes.page), methods=["GET"]),
            Route("/score", answering(routes.score), methods=["POST"]),
            Route("/score_features", answering(routes.score_features), methods=["POST"]),
            Route("/livez", answering(routes.livez), methods=["GET"]),
            Route("/readyz", answering(routes.readyz), methods=["GET"]),
        ],
        exception_handlers={HTTPException: _http_exception},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # an address is right or it is not; redirected bodies get lost
    return app


def _http_exception(_: Request, error: Exception) -> Response:
    """What the router refuses by itself: an unknown path, a wrong method."""
    assert isinstance(error, HTTPException)
    return http_problem(error.status_code, error.headers).response()


class _Routes:
    """The endpoints; whatever reads files or computes runs in a thread, never on the event loop."""

    def __init__(
        self,
        store: ScoreStore,
        champion: ChampionHolder,
        declared: Iterable[DeclaredFeature],
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._store, self._champion, self._clock = store, champion, clock
        self._declared = {feature.name: feature for feature in declared}

    def warm_up(self) -> None:
        """Read what the first requests will need; what fails here is told to them."""
        for step in (self._day, self._champion.get):
            with contextlib.suppress(ProblemError):
                step()

    async def page(self, _: Request) -> Response:
        return Response(PAGE, headers=HEADERS, media_type="text/html")

    async def livez(self, _: Request) -> Response:
        return _json(b'{"status":"alive"}', {"Cache-Control": "no-store"})

    async def score(self, request: Request) -> Response:
        body = await read_body(request, MAX_SCORE_BODY)
        return await run_in_threadpool(self._score, body)

    async def score_features(self, request: Request) -> Response:
        body = await read_body(request, MAX_FEATURES_BODY)
        return await run_in_threadpool(self._score_features, body)

    async def readyz(self, _: Request) -> Response:
        return await run_in_threadpool(self._readyz)

    def _score(self, body: bytes) -> Response:
        asked = ScoreRequest.parse(body)
        day = self._day()
        return _json(stored_answer(day, asked), {"Age": str(self._age(day))})

    def _score_features(self, body: bytes) -> Response:
        asked = FeaturesRequest.parse(body)
        return _json(feature_answer(self._champion.get(), asked, self._declared, self._clock()))

    def _readyz(self) -> Response:
        """Ready when at least one of the two routes has something to answer from; the body says which."""
        champion = self._champion.status()
        day: ScoredDay | None = None
        scores: dict[str, Any]
        try:
            day = self._day()
            scores = {
                "status": "ready",
                "as_of": day.as_of.isoformat(),
                "model_version": day.model_version,
                "expansion_version": day.expansion_version,
                "rule_based": day.rule_based,
                "computed_at": day.computed_at.isoformat().replace("+00:00", "Z"),
                "accounts": len(day.rows),
            }
        except ProblemError as problem:
            scores = {"status": "absent", "detail": problem.detail}
        trouble = self._store.trouble
        state: dict[str, Any] = {"scores": scores, "champion": champion, "trouble": trouble}
        if day is None and champion["status"] != "ready":
            reasons = [scores["detail"], champion["detail"]]
            raise ProblemError(503, "not-ready", " ".join(reasons), members={"reasons": reasons, **state})
        version = day.model_version if day else champion["model_version"]
        ready = {
            "status": "ready",
            "model_version": version,
            "as_of": scores.get("as_of"),
            # Only health by rules stands in the scores; whether features can be scored, `champion` says.
            "rule_based": day is not None and day.rule_based,
            **state,
        }
        return _json(encode(ready), {"Cache-Control": "no-store"})

    def _day(self) -> ScoredDay:
        try:
            day = self._store.latest()
        except OSError as error:
            logger.error("the scores cannot be listed: %s", error)
            raise ProblemError(503, "scores-unreadable", "The folder of stored scores cannot be read.") from None
        if day is None:
            unreadable = self._store.trouble
            detail = " ".join(unreadable) or "No day is scored yet; run `tenure score` to score one."
            raise ProblemError(503, "no-scores", detail)
        return day

    def _age(self, day: ScoredDay) -> int:
        return max(0, int((self._clock() - day.computed_at).total_seconds()))


def _json(body: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(body, headers=headers, media_type="application/json")
