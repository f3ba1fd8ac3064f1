"""The door: a request in; who may enter, how many at once, and what every answer carries and leaves behind, out."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from serving.access import Caller, UnauthorizedError, caller_of
from serving.logs import REQUEST_ID, audit
from serving.metrics import Metrics
from serving.problems import ProblemError, http_problem, too_busy
from serving.store.tokens import Token

__all__ = ["Door", "Endpoint"]

Endpoint = Callable[[Request, Caller | None], Awaitable[Response]]
Tokens = Callable[[], Awaitable[Mapping[str, Token]]]

logger = logging.getLogger("tenure.serving")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

_LARGE = 2**16  # bytes of an answer that whoever reads it may be waited for
_PIECE = 2**22  # bytes of it that are handed over at once
_PIECE_SECONDS = 30.0

_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
_UNLESS_SET = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
]


class Door:
    """What every route is entered through.

    In this order: the request's id; the limit of requests in flight (429); the token (401), before any of the body is
    read; its scopes (403); the endpoint, whose every exception becomes a problem; security headers; metrics; and, on
    routes that need a token, one audit line. All of that costs about 35 microseconds of Python, the audit line 20 of
    them. For one event loop.

    Parameters
    ----------
    tokens : gives the tokens by id; a ProblemError of its is the answer.
    max_in_flight : requests of routes that need a token, in this process, seven of eight of one token. Open routes and
        those with `tokens` of their own are never refused: a probe that fails because there is much to do would have
        the process killed for it.
    clock : the present in UTC; tests set it.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        metrics: Metrics,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        max_in_flight: int = 256,
    ) -> None:
        self._tokens, self._metrics, self._clock = tokens, metrics, clock
        self._max_in_flight, self._in_flight = max_in_flight, 0
        self._held: dict[str, int] = {}  # requests in flight by token

    def route(
        self,
        path: str,
        endpoint: Endpoint,
        *,
        method: str = "POST",
        scopes: frozenset[str] | None,
        name: str,
        tokens: Tokens | None = None,
    ) -> Route:
        """A route through this door.

        Parameters
        ----------
        endpoint : (request, caller) -> response, or a ProblemError; what `request.state.told` holds afterwards, a
            dict of a few numbers and words of no person, stands in the audit line.
        scopes : one of which a token needs; None for an open route, whose caller is None.
        name : the route in metrics and logs.
        tokens : for operators, who must get in when others cannot: gives the tokens in place of the door's, and the
            route is not limited.
        """
        entrance = _Entrance(self, endpoint, scopes, name, f"{method} {path}", tokens)
        return Route(path, entrance, methods=[method], name=name)

    async def unrouted(self, request: Request, error: Exception) -> Response:
        """What the router refuses by itself, an unknown path or a wrong method; Starlette's handler for HTTPException.

        Counted, but no audit line: nothing was accessed, and anybody can send any number of these.
        """
        started = time.perf_counter()
        assert isinstance(error, HTTPException)
        self._metrics.entered()
        request_id, _ = _told_by(request.scope["headers"])
        problem = http_problem(error.status_code, error.headers)
        response = problem.response(request_id)
        response.raw_headers = _headers(response.raw_headers, request_id)
        self._metrics.answered("unknown", problem.status, time.perf_counter() - started, problem.name)
        return response

    async def _enter(self, entrance: _Entrance, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; an exception leaves only if it arises in sending."""
        started = time.perf_counter()
        request_id, authorization = _told_by(scope["headers"])
        status = 500  # if the answer cannot even be begun

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _headers(message["headers"], request_id)
            elif len(message.get("body", b"")) > _LARGE:
                return await _in_pieces(message["body"], send)
            await send(message)

        context = REQUEST_ID.set(request_id)
        guarded = entrance.scopes is not None
        limited = guarded and entrance.tokens is None
        self._in_flight += limited
        self._metrics.entered()
        request, caller, problem, held = Request(scope, receive, send), None, None, ""
        try:
            try:
                if guarded:
                    caller = await self._admit(entrance, authorization)
                    if limited:
                        held = self._hold(caller)
                response = await entrance.endpoint(request, caller)
            except Exception as error:  # the last line of defence: a caller never sees a traceback, the log does
                problem = self._problem(error, entrance)
                response = problem.response(request_id)
            try:
                await response(scope, receive, answer)
            except TimeoutError:
                logger.warning("%s was given up: nobody read its answer", entrance.says)
        finally:
            self._in_flight -= limited
            if held:
                self._held[held] -= 1
                if not self._held[held]:
                    del self._held[held]
            seconds = time.perf_counter() - started
            self._metrics.answered(entrance.name, status, seconds, problem.name if problem else None)
            if guarded:
                _write(entrance, request_id, status, seconds, scope, caller, problem)
            REQUEST_ID.reset(context)

    async def _admit(self, entrance: _Entrance, authorization: str | None) -> Caller:
        """Who is calling, if they may; nothing of the request's body has been read."""
        assert entrance.scopes is not None
        if self._in_flight > self._max_in_flight and entrance.tokens is None:
            raise too_busy()
        caller = caller_of(authorization, await (entrance.tokens or self._tokens)(), self._clock())
        if entrance.scopes.isdisjoint(caller.scopes):
            wanted = sorted(entrance.scopes)
            detail = f"This token may not do this; {entrance.says} needs one with the scope {' or '.join(wanted)}."
            challenge = f'Bearer error="insufficient_scope", scope="{" ".join(wanted)}"'
            raise _ForbiddenError(caller, detail, challenge)
        return caller

    def _hold(self, caller: Caller) -> str:
        """Count one more request of a caller, who may have seven places of eight, so that others still get in."""
        if self._held.get(caller.token_id, 0) >= self._max_in_flight - self._max_in_flight // 8:
            raise too_busy()
        self._held[caller.token_id] = self._held.get(caller.token_id, 0) + 1
        return caller.token_id

    def _problem(self, error: Exception, entrance: _Entrance) -> ProblemError:
        """The problem that an exception is told as; only unexpected ones are logged."""
        if isinstance(error, ProblemError):
            return error
        if isinstance(error, HTTPException):
            return http_problem(error.status_code, error.headers)
        if isinstance(error, ClientDisconnect):
            return http_problem(400)  # nobody is left to read it
        logger.error("%s failed", entrance.says, exc_info=error)
        return ProblemError(500, "internal", "The service failed; its log says why.")


class _ForbiddenError(ProblemError):
    """A refusal of a caller who is known."""

    def __init__(self, caller: Caller, detail: str, challenge: str) -> None:
        super().__init__(403, "insufficient-scope", detail, headers={"WWW-Authenticate": challenge})
        self.token_id = caller.token_id


class _Entrance:
    """One route as an ASGI application, which costs less than Starlette's wrapping of a function."""

    __slots__ = ("_door", "endpoint", "name", "says", "scopes", "tokens")

    def __init__(
        self,
        door: Door,
        endpoint: Endpoint,
        scopes: frozenset[str] | None,
        name: str,
        says: str,
        tokens: Tokens | None,
    ) -> None:
        self._door, self.endpoint, self.scopes, self.tokens = door, endpoint, scopes, tokens
        self.name, self.says = name, says

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._door._enter(self, scope, receive, send)


def _told_by(headers: list[tuple[bytes, bytes]]) -> tuple[str, str | None]:
    """The request's id, the caller's if it can be taken, and the header Authorization.

    A header that came several times is joined, which makes neither an id nor a token: a proxy that looks at one of
    two must not be told another story than this service.
    """
    asked: bytes | None = None
    authorization: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            authorization = value if authorization is None else authorization + b", " + value
        elif name == b"x-request-id":
            asked = value if asked is None else asked + b", " + value
    taken = _REQUEST_ID.fullmatch(asked) if asked is not None else None
    request_id = taken[0].decode("ascii") if taken else secrets.token_hex(8)
    return request_id, None if authorization is None else authorization.decode("latin-1")


async def _in_pieces(body: bytes, send: Send) -> None:
    """Send a large body piece by piece, each within a time: who asks for much and reads nothing keeps no memory.

    Raises
    ------
    TimeoutError : a piece was not taken in time; the connection is then of no use any more.
    """
    for start in range(0, len(body), _PIECE):
        piece = body[start : start + _PIECE] if len(body) > _PIECE else body
        async with asyncio.timeout(_PIECE_SECONDS):
            await send({"type": "http.response.body", "body": piece, "more_body": start + _PIECE < len(body)})


def _headers(headers: list[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """An answer's headers with those that all answers have; a new list, since an answer may be kept and sent again."""
    names = {name for name, _ in headers}
    missing = [header for header in _UNLESS_SET if header[0] not in names]
    return [*headers, *missing, *_ALWAYS, (b"x-request-id", request_id.encode("ascii"))]


def _write(
    entrance: _Entrance,
    request_id: str,
    status: int,
    seconds: float,
    scope: Scope,
    caller: Caller | None,
    problem: ProblemError | None,
) -> None:
    """The audit line: which token did what, and with what success; of no account and from no address."""
    told = scope.get("state", {}).get("told") or {}
    fields = {
        **told,
        "request_id": request_id,
        "token": caller.token_id if caller else getattr(problem, "token_id", None),
        "route": entrance.name,
        "status": status,
        "ms": round(seconds * 1000, 3),
    }
    if problem is not None:
        fields["problem"] = problem.name
    if isinstance(problem, UnauthorizedError):
        fields["why"] = problem.why
    audit(fields)
