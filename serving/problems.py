"""Errors over HTTP: every refusal is an RFC 9457 problem document, made and answered in one place."""

from __future__ import annotations

import http
import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

__all__ = ["MEDIA_TYPE", "ProblemError", "http_problem", "problem_type", "too_busy"]

MEDIA_TYPE = "application/problem+json"

_PLAIN = {
    404: "Nothing is served at this address; those that there are stand in the document at /openapi.json.",
    405: "This address does not answer this method; the header Allow lists those that it does.",
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

    @property
    def name(self) -> str:
        """The kind, or the status in its place: what problems are counted and logged by.

        >>> ProblemError(404, None, "Nothing is served at this address.").name
        'http-404'
        """
        return self.kind or f"http-{self.status}"

    def response(self, request_id: str | None = None) -> Response:
        """The document: type, title, status, detail and the request as `instance`, then the extension members."""
        phrase = http.HTTPStatus(self.status).phrase
        document = {
            "type": problem_type(self.kind) if self.kind else "about:blank",
            # With about:blank the title is the status phrase (RFC 9457, section 4.2.1).
            "title": self.kind.replace("-", " ").capitalize() if self.kind else phrase,
            "status": self.status,
            "detail": self.detail,
            **({"instance": f"urn:tenure:request:{request_id}"} if request_id else {}),
            **self.members,
        }
        body = json.dumps(document, allow_nan=False)
        return Response(body, self.status, {"Cache-Control": "no-store", **self.headers}, MEDIA_TYPE)


def http_problem(status: int, headers: Mapping[str, str] | None = None) -> ProblemError:
    """The problem for an HTTP status that says it all (404, 405, ...)."""
    detail = _PLAIN.get(status)
    if detail is None:
        fault = "The service failed; its log says why." if status >= 500 else "The request was refused."
        detail = f"{http.HTTPStatus(status).description or http.HTTPStatus(status).phrase}. {fault}"
    return ProblemError(status, None, detail, headers=headers)


def too_busy() -> ProblemError:
    """The refusal of a request that came while all places were taken."""
    detail = "Too many requests are being answered; send this one again in a moment."
    return ProblemError(429, "too-busy", detail, headers={"Retry-After": "1"})
