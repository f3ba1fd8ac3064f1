"""The front: who gets what."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from serving.front import Front


@pytest.mark.parametrize(("kind", "who"), [("http", "tenure"), ("lifespan", "bento"), ("websocket", "tenure")])
def test_bentoml_sees_no_request(kind: str, who: str) -> None:
    seen: list[str] = []

    def application(name: str) -> Any:
        async def call(scope: Any, receive: Any, send: Any) -> None:
            seen.append(name)

        return call

    async def nothing(*_: Any) -> Any:
        raise AssertionError("nothing is to be sent or received")

    asyncio.run(Front(application("bento"), application("tenure"))({"type": kind, "path": "/score"}, nothing, nothing))
    assert seen == [who]
