"""Errors over HTTP: every refusal is an RFC 9457 problem document, made and answered in one place."""

from __future__ import annotations

import functools
import http
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

__all__ = ["MEDIA_TYPE", "ProblemError", "answering", "http_problem", "problem_type"]

MEDIA_TYPE = "application/problem+json"

logger = logging.getLogger("tenure.serving")

_PLAIN = {
    404: "Nothing is served at this address; the routes are POST /score, POST /score_features, GET /livez, "
    "GET /readyz and GET /metrics.",
    405: "This address does not answer this method; the header Allow lists those that it does.",
    429: "Too many requests are being answered; send this one again in a moment.",
    504: "The answer took too long and was given up; send fewer rows at a time.",
}


def problem_type(kind: str) -> str:
    """The stable identifier that programs tell problems apart by.

    >>> problem_type("unknown-account")
    'urn:tenure:problem:unknown-account'
    """
    return f"urn:tenure:problem:{kind}"


class ProblemError(Exception):
    """A refusal of a whole request.

    Parameters
    ----------
    status : HTTP status code.
    kind : short name that the `type` member is made of; None for what the status says already.
    detail : one or more plain sentences saying what is wrong and what to do.
    headers : further response headers.
    members : extension members of the document (RFC 9457, section 3.2).
    """

    def __init__(
        self,
        status: int,
        kind: str | None,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.headers, self.members = dict(headers or {}), dict(members or {})

    def response(self) -> Response:
        """The document: type, title, status and detail, then the extension members."""
        phrase = http.HTTPStatus(self.status).phrase
        document = {
            "type": problem_type(self.kind) if self.kind else "about:blank",
            # With about:blank the title is the status phrase (RFC 9457, section 4.2.1).
            "title": self.kind.replace("-", " ").capitalize() if self.kind else phrase,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        body = json.dumps(document, allow_nan=False)
        return Response(body, self.status, {"Cache-Control": "no-store", **self.headers}, MEDIA_TYPE)


def http_problem(status: int, headers: Mapping[str, str] | None = None) -> ProblemError:
    """The problem for an HTTP status that says it all (404, 405, 504, ...)."""
    detail = _PLAIN.get(status)
    if detail is None:
        fault = "The service failed; its log says why." if status >= 500 else "The request was refused."
        detail = f"{http.HTTPStatus(status).description or http.HTTPStatus(status).phrase}. {fault}"
    return ProblemError(status, None, detail, headers=headers)


def answering(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Wrap an endpoint so that every exception becomes a problem and only unexpected ones are logged.

    Done here and not by Starlette's handler for `Exception`, which raises again after answering and so
    has the server log every fault twice.
    """

    @functools.wraps(endpoint)
    async def wrapped(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ProblemError as problem:
            return problem.response()
        except HTTPException as error:
            return http_problem(error.status_code, error.headers).response()
        except ClientDisconnect:
            return http_problem(400).response()  # nobody is left to read it
        except Exception:  # the last line of defence: a caller never sees a traceback, the log does
            logger.exception("%s %s failed", request.method, request.url.path)
            return ProblemError(500, "internal", "The service failed; its log says why.").response()

    return wrapped
