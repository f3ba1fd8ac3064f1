"""What the studies of the service believe: that a wrong, a refused and a lost answer are each seen as such."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from aiohttp import web

from benchmarks.prove.serving import moves, outages
from benchmarks.prove.serving.sameness import results_of
from benchmarks.serving.homes import crowd
from benchmarks.serving.load import Plan, drive

PROBLEM = {"type": "urn:tenure:problem:store-unreachable"}


async def _answer(request: web.Request) -> web.StreamResponse:
    """Answers as the body asks for, so that the test says what happens to each request."""
    asked = (await request.json())["ask"]
    if asked == "drop":
        assert request.transport is not None
        request.transport.close()
    if asked in ("refuse", "refuse rudely"):
        headers = {"Retry-After": "1"} if asked == "refuse" else {}
        return web.json_response(PROBLEM, status=503, headers=headers)
    if asked == "fail":
        return web.Response(text="oops", status=500)
    now = str(asyncio.get_running_loop().time())
    return web.Response(text=json.dumps({"computed_at": now, "said": asked}, separators=(",", ":")))


def _driven(asked: list[str], right: list[list[str]] | None = None, **options: Any) -> list[int | str]:
    """The verdicts, in the order of the bodies."""

    async def run() -> dict[str, Any]:
        app = web.Application()
        app.router.add_post("/score", _answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        bodies = [json.dumps({"ask": one}) for one in asked]
        expected = None if right is None else [[_body(text) for text in some] for some in right]
        plan = Plan(f"http://127.0.0.1:{port}", "/score", {}, bodies, expected, len(bodies), timed=True, **options)
        try:
            return await drive(plan)
        finally:
            await runner.cleanup()

    return [verdict for _, _, verdict in asyncio.run(run())["answers"]]


def _body(said: str) -> str:
    return '{"computed_at":"1","said":"' + said + '"}'


def test_every_answer_is_compared_and_every_failure_is_told() -> None:
    asked = ["a", "b", "other", "refuse", "refuse rudely", "fail", "drop", "a"]
    right = [["a"], ["a", "b"], ["a"], ["x"], ["x"], ["x"], ["x"], ["a"]]
    assert _driven(asked, right) == [
        0,
        1,
        "wrong",
        "503 store-unreachable",
        "503 store-unreachable without Retry-After",
        "500 no problem document",
        "ServerDisconnectedError",
        0,
    ]


def test_requests_go_on_from_the_place_that_is_named() -> None:
    assert _driven(["a", "b"], [["a"], ["x", "b"]], since=1) == [1, 0]


def test_results_are_cut_out_as_they_came() -> None:
    head, found = results_of('{"as_of":"2026-02-01","results":[{"a": [1,"]"]},{"b":"},{"}]}')
    assert json.loads(head + '"results":[]}') == {"as_of": "2026-02-01", "results": []}
    assert found == ['{"a": [1,"]"]}', '{"b":"},{"}']
    assert results_of('{"results":[]}') == ("{", [])


def test_a_crowd_has_as_many_accounts_as_wanted_each_once(tmp_path: Path) -> None:
    pd.DataFrame({"account_id": ["a", "b", "c"], "mrr": [1.0, 2.0, 3.0]}).to_parquet(tmp_path / "scores.parquet")
    found = crowd(tmp_path / "scores.parquet", 7)
    assert found["account_id"].is_unique
    assert (len(found), found["mrr"].sum()) == (7, 6.0 + 6.0 + 1.0)


def test_an_outage_lasts_until_the_last_refusal_after_the_database_is_back() -> None:
    answers = [[3.0, 0.1, 0], [4.6, 0.2, "503 store-unreachable"], [5.0, 0.1, 0], [8.4, 0.1, "503 store-unreachable"],
               [8.6, 0.1, 0]]  # fmt: skip
    told = {"/score": {"began": 1000.0, "answers": answers}}
    seen = outages._seen({"how": "SIGINT", "began": 1004.0, "ended": 1008.0}, told)
    assert seen["seconds_until_first_told"] == pytest.approx(0.8)
    assert seen["seconds_until_all_answered"] == pytest.approx(0.5)
    assert (seen["refused"], seen["answered_meanwhile"]) == (2, 1)


def test_a_move_is_done_when_no_request_gets_the_old_version_any_more() -> None:
    answers = [[1.0, 0.1, 0], [3.5, 0.2, 1], [4.5, 0.1, 0], [5.0, 0.1, 1]]
    seen = moves._seen(1003.0, 2, [{"began": 1000.0, "answers": answers}])
    assert (seen["first_new"], seen["last_old"]) == (pytest.approx(0.7), pytest.approx(1.5))
