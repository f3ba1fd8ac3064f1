"""Document: a version and the declared features in; the OpenAPI 3.1 document that is served at /openapi.json out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from serving.openapi.asked import request_schemas
from serving.openapi.refused import PROBLEM
from serving.openapi.routes import PATHS
from serving.openapi.told import ANSWERS
from serving.rows import DeclaredFeature

__all__ = ["document"]

_ABOUT = (
    "Which subscription accounts are about to leave, and why. Every answer is the same bytes for the same account and "
    "version; every refusal is problem details (RFC 9457), also for an address that is none (404) and a method that an "
    "address does not answer (405). Requests need a token with a scope, made by `tenure token create` and sent as "
    "`Authorization: Bearer`; the scopes imply nothing of one another. A token with the scope read alone may be bound "
    "to the book of one customer success manager, and then all other accounts are unknown to it."
)
_ID = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}


def document(version: str, declared: Iterable[DeclaredFeature] = ()) -> dict[str, Any]:
    """The document.

    Parameters
    ----------
    version : of this service.
    declared : today's features, which rows and changes may name; without them any name will do.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tenure",
            "version": version,
            "summary": "Calibrated probabilities that accounts churn, renew or expand.",
            "description": _ABOUT,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "accounts", "description": "Scores, their reasons, their history and what people make of them."},
            {"name": "service", "description": "For machines that watch over it, and this document."},
        ],
        "paths": PATHS,
        "components": {
            "schemas": {**request_schemas(declared), **ANSWERS, "Problem": PROBLEM},
            "parameters": {
                "RequestId": {
                    "name": "X-Request-Id",
                    "in": "header",
                    "required": False,
                    "description": "The caller's name for the request; anything but 1 to 64 letters, digits, "
                    "dots, hyphens and underscores is replaced by a random one.",
                    "schema": {"type": "string"},
                },
            },
            "headers": {
                "RequestId": {
                    "description": "The request, as the service's log has it.",
                    "required": True,
                    "schema": _ID,
                },
                "Age": {
                    "description": "Seconds since the scores were computed.",
                    "required": True,
                    "schema": {"type": "integer", "minimum": 0},
                },
                "Challenge": {
                    "description": "That a bearer token is wanted.",
                    "required": True,
                    "schema": {"type": "string", "pattern": "^Bearer"},
                },
                "RetryAfter": {
                    "description": "Seconds to wait before asking again.",
                    "required": True,
                    "schema": {"type": "integer", "minimum": 0},
                },
                "RetryMaybe": {
                    "description": "Seconds to wait before asking again, where that is all it takes.",
                    "schema": {"type": "integer", "minimum": 0},
                },
            },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "tnr_<id>_<secret>",
                    "description": "The roles named at an operation are the scopes of which the token needs one: "
                    "score, read or admin.",
                },
            },
        },
    }
