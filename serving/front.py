"""The front: stands before BentoML's application and keeps what BentoML would answer itself from showing."""

from __future__ import annotations

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.app import PATHS
from serving.problems import MEDIA_TYPE, http_problem

__all__ = ["Front"]

# Answered by Tenure's application behind BentoML's metrics, traces, access log and time limit.
_BEHIND = (PATHS - {"/livez", "/readyz"}) | {"/metrics"}


class Front:
    """What every request passes first.

    BentoML answers its probes, `/schema.json` and `/healthz` before anything mounted, counts every path that
    anybody makes up as a label of its metrics for good, and has its own shape of errors. So Tenure's probes and
    unknown paths go straight to Tenure's application, and what BentoML refuses leaves as problem details.
    """

    def __init__(self, bento: ASGIApp, tenure: ASGIApp) -> None:
        self._bento, self._tenure = bento, tenure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._bento(scope, receive, send)
        elif scope["path"] in _BEHIND:
            await self._bento(scope, receive, _as_problems(scope, receive, send))
        else:
            await self._tenure(scope, receive, send)


def _as_problems(scope: Scope, receive: Receive, send: Send) -> Send:
    """A send that replaces an error which is not problem details yet."""
    replaced = False

    async def wrapped(message: Message) -> None:
        nonlocal replaced
        if message["type"] == "http.response.start" and message["status"] >= HTTPStatus.BAD_REQUEST:
            headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in message["headers"]}
            if not headers.get("content-type", "").startswith(MEDIA_TYPE):
                replaced = True
                kept = {name: headers[name] for name in ("allow", "retry-after") if name in headers}
                await http_problem(message["status"], kept).response()(scope, receive, send)
        if not replaced:
            await send(message)

    return wrapped
