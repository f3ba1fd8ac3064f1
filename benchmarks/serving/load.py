"""Load: requests over connections that stay open, from a process of its own; every answer is compared, byte by byte.

`python -m benchmarks.serving.load` reads a `Plan` as JSON from stdin and writes what `drive` returns to stdout, sooner
if it is sent SIGTERM.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import re
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any, cast

import aiohttp

__all__ = ["Plan", "drive"]

_COMPUTED = re.compile(rb'"computed_at":"[^"]*"')
_PAUSE = 0.02
"""Seconds that a connection waits after a failure, so that a server which is gone is not asked a million times."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to ask, how often and of whom.

    Parameters
    ----------
    address : as in http://127.0.0.1:3000.
    headers : sent with every request.
    bodies : what is sent, in turn.
    expected : for each body the answers that are right, as text; None where any answer is right.
    requests, seconds : how many requests are sent, or for how long; one of the two.
    connections : requests under way at a time, each on a connection of its own.
    since : place of the body to begin with.
    timed : the answer tells when it was computed, which is left out of the comparison.
    keep : return the answers' texts as well.
    fresh : a new connection for every request.
    """

    address: str
    path: str
    headers: dict[str, str]
    bodies: Sequence[str]
    expected: Sequence[Sequence[str]] | None = None
    requests: int | None = None
    seconds: float | None = None
    connections: int = 1
    since: int = 0
    timed: bool = False
    keep: bool = False
    fresh: bool = False


async def drive(plan: Plan, stopped: asyncio.Event | None = None) -> dict[str, Any]:
    """Send the requests of a plan.

    Parameters
    ----------
    stopped : no request is sent any more once it is set.

    Returns
    -------
    began : moment of the first request, in seconds since 1970. wall, cpu : seconds from the first request to the last
    answer, and those of this process on the processor in between. answers : for each request, in the order of the
    answers, seconds from `began` until it was sent, seconds until it was answered, and its verdict: the place of the
    expected answer that it was, or 0 where none was given; otherwise "wrong", or the status and kind of the problem, or
    the name of what kept it from being answered. texts : of the answers, by the place of the request; with `keep`.
    """
    bodies = [text.encode() for text in plan.bodies]
    right = [[_told(answer.encode(), plan.timed) for answer in some] for some in plan.expected or ()]
    answers: list[tuple[float, float, int | str]] = []
    texts: dict[int, str] = {}
    numbers = itertools.count(plan.since)
    url = plan.address + plan.path
    connector = aiohttp.TCPConnector(limit=plan.connections, force_close=plan.fresh)
    timeout = aiohttp.ClientTimeout(total=120)
    headers = {"Content-Type": "application/json", **plan.headers}
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session:
        began, first, spent = time.time(), time.perf_counter(), time.process_time()
        until = None if plan.seconds is None else first + plan.seconds
        last = None if plan.requests is None else plan.since + plan.requests

        async def send() -> None:
            for number in numbers:
                sent = time.perf_counter()
                if (last is not None and number >= last) or (until is not None and sent >= until):
                    return
                if stopped is not None and stopped.is_set():
                    return
                place = number % len(bodies)
                failed = False
                try:
                    async with session.post(url, data=bodies[place]) as answer:
                        body = await answer.read()
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    verdict: int | str = type(error).__name__
                    failed = True
                else:
                    verdict = _verdict(answer, body, right[place] if right else None, plan.timed)
                answers.append((sent - first, time.perf_counter() - sent, verdict))
                if failed:
                    await asyncio.sleep(_PAUSE)
                elif plan.keep:
                    texts[number] = body.decode()

        await asyncio.gather(*(send() for _ in range(plan.connections)))
        wall, cpu = time.perf_counter() - first, time.process_time() - spent
    return {"began": began, "wall": wall, "cpu": cpu, "answers": answers, "texts": texts}


def _told(body: bytes, timed: bool) -> bytes:
    return _COMPUTED.sub(b"", body, count=1) if timed else body


def _verdict(answer: aiohttp.ClientResponse, body: bytes, right: list[bytes] | None, timed: bool) -> int | str:
    if answer.status >= 400:
        try:
            kind = str(json.loads(body)["type"]).removeprefix("urn:tenure:problem:")
        except (ValueError, KeyError, TypeError):
            kind = "no problem document"
        unsaid = answer.status in (429, 503) and "Retry-After" not in answer.headers
        return f"{answer.status} {kind}{' without Retry-After' if unsaid else ''}"
    if right is None:
        return 0
    said = _told(body, timed)
    return next((place for place, one in enumerate(right) if one == said), "wrong")


async def _until_told(plan: Plan) -> dict[str, Any]:
    """The same, but SIGTERM ends it in good order."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    return await drive(plan, stopped)


if __name__ == "__main__":
    # JSON gives back what `dataclasses.asdict` took apart.
    asked = Plan(**cast("dict[str, Any]", json.load(sys.stdin)))
    json.dump(asyncio.run(_until_told(asked)), sys.stdout)
