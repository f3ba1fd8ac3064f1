"""The front: sends every request to Tenure's application, past BentoML's own layers; BentoML keeps the process."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Front"]


class Front:
    """What every request meets first.

    BentoML's layers (access log, traces, metrics, time limits) cost several times what a look-up does, count every path
    that anybody makes up as a label for good, and answer some addresses and errors in a shape of their own. Tenure's
    application has all that itself, so that only what is no request (the start and the end of a process) is BentoML's.
    """

    def __init__(self, bento: ASGIApp, tenure: ASGIApp) -> None:
        self._bento, self._tenure = bento, tenure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Websockets too, which Tenure refuses: BentoML would count each made-up path of theirs as a label.
        await (self._bento if scope["type"] == "lifespan" else self._tenure)(scope, receive, send)
