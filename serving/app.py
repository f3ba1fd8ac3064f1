"""The HTTP routes as a plain ASGI application over a store and the champions; knows nothing of what serves it."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from features.settings import Settings
from serving.book_endpoints import BookEndpoints
from serving.champion import ChampionHolder
from serving.door import Door
from serving.endpoints import Endpoints
from serving.latest import Latest
from serving.metrics import Metrics
from serving.money_endpoints import MoneyEndpoints
from serving.rows import DeclaredFeature

__all__ = ["create_app"]

_SCORE, _READ, _ADMIN = frozenset({"score"}), frozenset({"read"}), frozenset({"admin"})


def create_app(
    latest: Latest,
    champion: ChampionHolder,
    *,
    declared: Iterable[DeclaredFeature],
    metrics: Metrics,
    settings: Settings | None = None,
    clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    max_in_flight: int = 256,
) -> Starlette:
    """The application of one process.

    Parameters
    ----------
    latest : the score store as this worker sees it.
    champion : the models; its thread is started when the application starts.
    declared : today's features, which rows are checked against.
    settings : how the team works, for lists and briefs; the defaults without them.
    clock : the present in UTC; tests set it.
    max_in_flight : requests that are answered at once; more are asked to come again (429).
    """
    ends = Endpoints(latest, champion, declared, metrics, clock)
    books = BookEndpoints(latest, settings or Settings(), clock)
    money = MoneyEndpoints(latest)
    door = Door(ends.tokens, metrics=metrics, clock=clock, max_in_flight=max_in_flight)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # Both in threads and not awaited: the process answers /livez at once, and /score while a model loads.
        latest.warm_up()
        champion.start()
        yield
        champion.stop()

    app = Starlette(
        routes=[
            door.route("/score", ends.score, scopes=_SCORE | _READ, name="score"),
            door.route("/score_features", ends.score_features, scopes=_SCORE, name="score_features"),
            door.route("/what_if", ends.what_if, scopes=_SCORE, name="what_if"),
            door.route("/history", ends.history, scopes=_READ, name="history"),
            door.route("/feedback", ends.feedback, scopes=_READ, name="feedback"),
            door.route("/lists", books.lists, scopes=_READ, name="lists"),
            door.route("/brief", books.brief, scopes=_READ, name="brief"),
            door.route("/blindsided", books.blindsided, scopes=_READ, name="blindsided"),
            door.route("/alerts", books.alerts, scopes=_READ, name="alerts"),
            door.route("/roi", money.roi, scopes=_READ, name="roi"),
            door.route("/revenue", money.revenue, scopes=_READ, name="revenue"),
            door.route("/metrics", ends.metrics, method="GET", scopes=_ADMIN, name="metrics", tokens=ends.last_tokens),
            door.route("/", ends.page, method="GET", scopes=None, name="page"),
            door.route("/openapi.json", ends.openapi, method="GET", scopes=None, name="openapi"),
            door.route("/livez", ends.livez, method="GET", scopes=None, name="livez"),
            door.route("/readyz", ends.readyz, method="GET", scopes=None, name="readyz"),
        ],
        exception_handlers={HTTPException: door.unrouted},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # an address is right or it is not; redirected bodies get lost
    return app
