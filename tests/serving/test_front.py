"""The front: who answers which address, and the shape of what BentoML refuses."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp

from serving.front import Front
from serving.problems import MEDIA_TYPE


def call(bento: ASGIApp, path: str) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=Front(bento, PlainTextResponse("tenure")))
        async with httpx.AsyncClient(transport=transport, base_url="http://tenure") as client:
            return await client.get(path)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/", "bento"),
        ("/score", "bento"),
        ("/score_features", "bento"),
        ("/metrics", "bento"),
        ("/livez", "tenure"),
        ("/readyz", "tenure"),
        ("/healthz", "tenure"),
        ("/docs.json", "tenure"),
        ("/schema.json", "tenure"),
        ("/static_content/swagger-ui.css", "tenure"),
        ("/anything/else", "tenure"),
    ],
)
def test_bentoml_sees_only_the_addresses_that_it_is_meant_to_count(path: str, who: str) -> None:
    assert call(PlainTextResponse("bento"), path).text == who


@pytest.mark.parametrize(
    "refusal",
    [
        JSONResponse({"error": "Not able to process the request in 120 seconds"}, 504),
        JSONResponse({"error": "Too many requests"}, 429, {"retry-after": "3"}),
        PlainTextResponse("Internal Server Error", 500),
        Response(status_code=503),
    ],
)
def test_what_bentoml_refuses_leaves_as_a_problem(refusal: Response) -> None:
    response = call(refusal, "/score")
    assert response.status_code == refusal.status_code
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.headers.get("retry-after") == refusal.headers.get("retry-after")
    assert response.json()["status"] == refusal.status_code
    assert "error" not in response.json()


@pytest.mark.parametrize(
    "answer", [PlainTextResponse("fine"), Response('{"type":"about:blank","kept":1}', 503, media_type=MEDIA_TYPE)]
)
def test_answers_and_problems_pass_unchanged(answer: Response) -> None:
    response = call(answer, "/score")
    assert (response.status_code, response.content) == (answer.status_code, answer.body)


def test_other_scopes_reach_bentoml() -> None:
    seen: list[str] = []

    async def bento(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        raise AssertionError("nothing is to be sent or received")

    asyncio.run(Front(bento, nothing)({"type": "lifespan"}, nothing, nothing))
    assert seen == ["lifespan"]
