"""Sameness: one account asked for a thousand times, alone and in company, on both databases; the bytes must be one."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prove.serving.kills import explained, until_ready
from benchmarks.prove.serving.place import databases, filled, studied
from benchmarks.serving.homes import Home, token
from benchmarks.serving.load import Plan
from benchmarks.serving.servers import Server, load, running, tenure

__all__ = ["results_of", "same_answers"]

_DECODER = json.JSONDecoder()


def same_answers(out: Path, seeds: int) -> bool:
    """One account a thousand times, alone, in batches and on both databases: byte-identical, stored or on demand."""
    summary = studied(
        out / "same-answers.json",
        "Three accounts on SQLite and on PostgreSQL, each asked for 1,000 times by POST /score and 250 times by POST "
        "/score_features, half of the times alone and half among up to 20 others in any order: how many "
        "different texts came back for it, but for the time of computing",
        _same,
        max(1, seeds // 7),
        lambda runs: {
            "accounts": sum(len(run["accounts"]) for run in runs),
            "asked": sum(account["asked"] for run in runs for account in run["accounts"]),
            "texts_of_an_account": sorted({account["texts"] for run in runs for account in run["accounts"]}),
            "headers_of_a_route": sorted({texts for run in runs for texts in run["headers"].values()}),
        },
    )
    return bool(summary["texts_of_an_account"] == [1] and summary["headers_of_a_route"] == [1] and summary["asked"])


def results_of(answer: str) -> tuple[str, list[str]]:
    """What an answer says before its results, and the text of each of them, as they came.

    >>> results_of('{"as_of":"2026-02-01","results":[{"a":[1, 2]},{"a":3}]}')
    ('{"as_of":"2026-02-01",', ['{"a":[1, 2]}', '{"a":3}'])
    """
    head, _, rest = answer.partition('"results":[')
    found, place = [], 0
    while rest[place] != "]":
        _, end = _DECODER.raw_decode(rest, place)
        found.append(rest[place:end])
        place = end + (rest[end] == ",")
    return head, found


def _same(home: Home, number: int) -> dict[str, Any]:
    random = np.random.default_rng(number)
    texts: dict[tuple[str, str], Counter[str]] = {}
    heads: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as place, databases(home, Path(place)) as kinds:
        for own, url in kinds.values():
            frame = filled(own, url, 600)
            headers = token(own.folder, url)
            with running(tenure(own.folder, 1, url), Path(place)) as server:
                until_ready(server)
                ids = frame["account_id"].tolist()
                for status in ("ok", "churned", "notice_given"):
                    alike = frame.loc[frame["status"] == status, "account_id"]
                    account = ids[0] if alike.empty else alike.iloc[number % len(alike)]
                    others = [one for one in ids if one != account]
                    bodies = _bodies("account_ids", account, others, random, 500)
                    _collect(texts, heads, server, "/score", headers, bodies, account)
                rows = [json.loads(body)["rows"][0] for body in explained(home)]
                for row in rows[:3]:
                    others = [other for other in rows if other != row]
                    bodies = _bodies("rows", row, others, random, 125)
                    _collect(texts, heads, server, "/score_features", headers, bodies, row["account_id"])
    return {
        "accounts": [
            {"route": route, "asked": found.total(), "texts": len(found)} for (route, _), found in texts.items()
        ],
        "headers": {route: len(found) for route, found in heads.items()},
    }


def _bodies(member: str, one: Any, others: list[Any], random: np.random.Generator, count: int) -> list[str]:
    """Half of them ask for one alone, the others for it among up to 20 others."""
    found = []
    for n in range(count):
        company = [] if n % 2 else list(random.choice(len(others), int(random.integers(1, 21)), replace=False))
        asked = [others[place] for place in company]
        asked.insert(int(random.integers(0, len(asked) + 1)), one)
        found.append(json.dumps({member: asked, "explain": 5}))
    return found


def _collect(
    texts: dict[tuple[str, str], Counter[str]],
    heads: dict[str, Counter[str]],
    server: Server,
    route: str,
    headers: dict[str, str],
    bodies: list[str],
    account: str,
) -> None:
    told = load(Plan(server.address, route, headers, bodies, requests=len(bodies), connections=8, keep=True))
    if len(told["texts"]) != len(bodies) or any(verdict != 0 for *_, verdict in told["answers"]):
        raise RuntimeError(f"{route} does not answer")
    for answer in told["texts"].values():
        head, results = results_of(answer)
        document = json.loads(head + '"results":[]}')
        if route == "/score_features":
            document.pop("computed_at")
        heads.setdefault(route, Counter())[json.dumps(document)] += 1
        mine = [text for text in results if text.startswith(f'{{"account_id":{json.dumps(account)},')]
        texts.setdefault((route, account), Counter()).update(mine)
