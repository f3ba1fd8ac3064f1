"""Bodies: a request in; its JSON object, read within a limit, or a `ProblemError`, out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Any

from starlette.requests import Request

from serving.problems import ProblemError

__all__ = ["MAX_FEATURES_BODY", "MAX_SCORE_BODY", "MAX_SMALL_BODY", "json_object", "quoted", "read_body"]

MAX_SCORE_BODY = 8 * 2**20
MAX_FEATURES_BODY = 32 * 2**20  # 10,000 rows of all features are 27 MB
MAX_SMALL_BODY = 2**20

BODY_SECONDS = 30.0
"""So long a body may take to arrive: its request has a place that others wait for."""

# An oversized body is read and thrown away up to here: a client that is still sending when the connection
# closes sees a broken pipe and never the answer that says why.
_DRAIN = 64 * 2**20


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a request that says it is JSON, of at most `limit` bytes.

    Raises
    ------
    ProblemError : 415 for another media type or an encoded body, 413 over the limit, 408 if it does not arrive in time.
    """
    media_type = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise ProblemError(
            415, "not-json", "The body must be JSON; send it with the header Content-Type: application/json."
        )
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ProblemError(415, "encoded", "Compressed bodies are not read; send the body without Content-Encoding.")
    chunks: list[bytes] = []
    declared = request.headers.get("content-length", "")
    size = int(declared[:12]) if declared.isdecimal() else 0
    if size <= _DRAIN:  # a body that says that it is larger is refused unread
        size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size <= limit:
                        chunks.append(chunk)
                    elif size > _DRAIN:
                        break
        except TimeoutError:
            raise ProblemError(
                408, "slow-body", "The body did not arrive in time; send it again.", headers={"Connection": "close"}
            ) from None
    if size > limit:
        raise ProblemError(
            413,
            "body-too-large",
            f"The body is over {limit // 2**20} MB; send it in several requests.",
            headers={"Connection": "close"},
            members={"max_bytes": limit},
        )
    return b"".join(chunks)


def json_object(body: bytes, known: Collection[str], example: str) -> dict[str, Any]:
    """The JSON object in a body, whose members are among the known ones.

    Raises
    ------
    ProblemError : 400, it is not JSON, or an object in it names a member twice; 422, it is no object, or has a member
        that is not known.
    """
    try:
        parsed = _JSON.decode(body.decode("utf-8"))
    except RecursionError:
        raise ProblemError(400, "bad-json", "The body is nested too deeply to be read.") from None
    except ValueError as error:  # JSONDecodeError, not UTF-8, an integer of thousands of digits
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise ProblemError(400, "bad-json", f"The body is not valid JSON in UTF-8{where}.") from None
    if not isinstance(parsed, dict):
        raise ProblemError(422, "bad-request", f"The body must be a JSON object, as in {example}.")
    if unknown := [name for name in parsed if name not in known]:
        raise ProblemError(
            422,
            "bad-request",
            f"The body has a member that is not known: {quoted(unknown[0])}; known are {', '.join(known)}.",
        )
    return parsed


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object; one that is named twice means one thing to one reader and another to the next."""
    found = dict(members)
    if len(found) < len(members):
        raise ProblemError(400, "bad-json", "An object in the body names a member twice; name each once.")
    return found


_JSON = json.JSONDecoder(object_pairs_hook=_once)


def quoted(text: str) -> str:
    """A name from outside, in quotes, printable and cut to a length that a sentence can bear."""
    return json.dumps(text if len(text) <= 60 else text[:57] + "...")
