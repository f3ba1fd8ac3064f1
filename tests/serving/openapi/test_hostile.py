"""Hostile input: tables of requests that are none, with the answer to each."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from serving.openapi.routes import PATHS
from serving.requests import MAX_ROWS

MakeService = Callable[..., Any]
Conforms = Callable[[list[str], Any], None]

POSTS = [path for path, methods in PATHS.items() if "post" in methods]
GUARDED = [*POSTS, "/metrics"]
EXPLAINED = ["/score", "/score_features", "/what_if", "/history"]
ABOUT_ONE = ["/what_if", "/history", "/feedback", "/brief"]
BOUNDED = ["/history", "/feedback", "/blindsided"]


def method_of(path: str) -> str:
    return next(iter(PATHS[path])).upper()


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer tnr_", "Bearer tnr_x_y", "tnr_0_0", "Bearer \0", "Bearer é",
     "Bearer " + "a" * 9000, "unknown", "wrong", "revoked", "expired", "twice"],
)  # fmt: skip
def test_each_wrong_token_is_refused(service: Any, path: str, authorization: str | None) -> None:
    token = service.tokens.get(authorization, authorization)
    headers = [] if token is None else [(b"Authorization", token.encode("latin-1"))]
    if authorization == "twice":
        headers = [(b"Authorization", service.tokens["all"].encode())] * 2
    response = service.call(method_of(path), path, service.usual.get(path), token=None, headers=headers)
    told = service.problem(response)
    assert (told["status"], told["type"]) == (401, "urn:tenure:problem:unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"
    if authorization in ("unknown", "wrong", "revoked", "expired"):  # not to be told apart
        assert told == service.problem(service.call("POST", "/score", service.usual["/score"], token="unknown"))


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("scope", ["score", "read", "admin", "bound"])
def test_a_token_opens_what_it_has_the_scope_for(service: Any, path: str, scope: str) -> None:
    (operation,) = PATHS[path].values()
    opens = {"read" if scope == "bound" else scope} & {s for one in operation["security"] for s in one["token"]}
    response = service.call(method_of(path), path, service.usual.get(path), token=scope)
    assert response.status_code in ((200, 201) if opens else (403,)), response.text
    service.sealed(response)


IDS = [
    'a"b', "a'b; DROP TABLE tenure_scores; --", "a/b", "../a-1", "a\\b", "%00", "a%2Fb", "a\0b", "\0", "\n", "\r\nx: y",
    "🦉", "a\u202eb", "é", "e\u0301", "\ufeff", " a-1", "a-1 ", "A-1", "\ud800", "a\udfffb", "\ud83d", "\uffff",
    "x" * 100_000, "{}", "null", "-1", "<script>alert(1)</script>", "${jndi:ldap://x}", "' OR '1'='1",
]  # fmt: skip


@pytest.mark.parametrize("account_id", IDS, ids=[ascii(one)[:30] for one in IDS])
def test_any_text_is_an_account_that_is_not_known(service: Any, account_id: str) -> None:
    content = json.dumps({"account_ids": [account_id, "a-1"], "explain": 0}).encode()
    response = service.call("POST", "/score", content=content)
    assert response.status_code == 200
    unknown, known = json.loads(response.content)["results"]
    assert unknown["account_id"] == account_id
    assert unknown["error"]["type"] == "urn:tenure:problem:unknown-account"
    assert known["churn_90d"] > 0
    for path in ("/what_if", "/history", "/feedback", "/brief"):
        content = json.dumps({**service.usual[path], "account_id": account_id}).encode()
        told = service.problem(service.call("POST", path, content=content))
        assert (told["status"], told["type"]) == (404, "urn:tenure:problem:unknown-account")


def test_accounts_with_such_ids_are_answered_like_any_other(
    make_service: MakeService, make_frame: Callable[..., pd.DataFrame]
) -> None:
    ids = [one for one in IDS if "\0" not in one and one.isascii()] + ["🦉", "e\u0301", "a\u202eb"]
    ids = [one for one in ids if len(one) < 100]
    frame = make_frame(accounts=len(ids) + 1).assign(csm_id=None)
    frame["account_id"] = [*ids, "last"]
    service = make_service(frame)
    results = service.call("POST", "/score", {"account_ids": ids}).json()["results"]
    assert [row["account_id"] for row in results] == ids
    for account_id, row in zip(ids, results, strict=True):
        assert row["churn_90d"] > 0
        (day,) = service.call("POST", "/history", {"account_id": account_id, "explain": 5}).json()["days"]
        assert day == row
        said = service.call("POST", "/feedback", {"account_id": account_id, "verdict": "disagree"})
        assert (said.status_code, said.json()["account_id"]) == (201, account_id)


BODIES: list[tuple[str, bytes, int, str]] = [
    ("nothing", b"", 400, "bad-json"),
    ("half", b"{", 400, "bad-json"),
    ("single quotes", b"{'account_id': 'a'}", 400, "bad-json"),
    ("latin-1", b'{"account_id": "\xff"}', 400, "bad-json"),
    ("utf-16", '{"account_id": "a"}'.encode("utf-16"), 400, "bad-json"),
    ("utf-8 with a mark", b'\xef\xbb\xbf{"account_id": "a"}', 400, "bad-json"),
    ("surrogate in utf-8", b'{"account_id": "\xed\xa0\x80"}', 400, "bad-json"),
    ("deep lists", b"[" * 100_000, 400, "bad-json"),
    ("deep and whole", b"[" * 50_000 + b"]" * 50_000, 400, "bad-json"),
    ("deep objects", b'{"changes": ' * 50_000, 400, "bad-json"),
    ("endless number", b'{"explain": ' + b"9" * 5000 + b"}", 400, "bad-json"),
    ("a second document", b'{"account_id": "a"}{}', 400, "bad-json"),
    ("a comment", b'{"account_id": "a" /* b */}', 400, "bad-json"),
    ("twice the same member", b'{"explain": 1, "explain": 2}', 400, "bad-json"),
    ("twice, one escaped", b'{"explain": 1, "expl\\u0061in": 2}', 400, "bad-json"),
    ("a list", b"[]", 422, "bad-request"),
    ("null", b"null", 422, "bad-request"),
    ("not a number", b"NaN", 422, "bad-request"),
    ("text", b'"a-1"', 422, "bad-request"),
    ("an object without members", b"{}", 422, "bad-request"),
    ("a member too many", b'{"__proto__": {}}', 422, "bad-request"),
    ("a name of a megabyte", b'{"' + b"x" * 2**19 + b'": 1}', 422, "bad-request"),
]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(("body", "status", "kind"), [pytest.param(*one[1:], id=one[0]) for one in BODIES])
def test_each_body_that_is_no_request_is_refused(service: Any, path: str, body: bytes, status: int, kind: str) -> None:
    if path == "/alerts" and body == b"{}":  # which asks for all of them
        body = b'{"limit": 1}'
    told = service.problem(service.call("POST", path, content=body))
    assert (told["status"], told["type"]) == (status, f"urn:tenure:problem:{kind}")
    assert len(told["detail"]) < 300


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        *((path, {"explain": value}) for path in EXPLAINED for value in (-1, 101, 2.5, True, "5", None, [5], 10**30)),
        *((path, {"horizon": value}) for path in EXPLAINED[:3] for value in (0, -90, 1826, 90.5, True, "90", None)),
        *((path, {"account_id": value}) for path in ABOUT_ONE for value in ("", None, 1, ["a-1"], {})),
        *((path, {"until": value}) for path in BOUNDED for value in ("", None, "2026-02-31", "1969-12-31", 20260201)),
        ("/what_if", {"changes": []}),
        ("/what_if", {"changes": None}),
        ("/history", {"since": "2026-02-02", "until": "2026-02-01"}),
        ("/history", {"limit": 0}),
        ("/history", {"limit": 1001}),
        ("/feedback", {"until": "2026-01-31"}),
        ("/feedback", {"until": "2027-03-01"}),
        ("/feedback", {"verdict": ["handled"]}),
        ("/feedback", {"explain": 1}),
        *(("/lists", {"list": value}) for value in ("", None, 1, "Calls", ["calls"], "calls ")),
        *(("/lists", {"count": value}) for value in (0, 10_001, 1.5, True, "5", None)),
        *(("/lists", {name: value}) for name in ("csm_id", "segment", "band") for value in ("", None, 1, ["c-7"])),
        *(("/lists", {"stage": value}) for value in ("", None, "churned", 1)),
        *((path, {"as_of": value}) for path in ("/lists", "/brief") for value in ("", None, "2026-02-31", 20260201)),
        *((path, {"since": value}) for path in ("/blindsided", "/alerts") for value in ("", None, "yesterday", 1)),
        ("/blindsided", {"since": "2026-02-02", "until": "2026-02-01"}),
        ("/blindsided", {"since": "2020-01-01"}),
        *(("/alerts", {"open": value}) for value in (None, 1, "true", [])),
        ("/alerts", {"limit": 1}),
        *(
            (path, {"period": value})
            for path in ("/roi", "/revenue")
            for value in (
                "",
                None,
                2025,
                "2025Q5",
                "Q3",
                "2025-13",
                "2025-7",
                "1969",
                "2200Q1",
                " 2025",
                "２０２５",
                ["2025"],
            )
        ),
        *(("/roi", {"csm_id": value}) for value in ("", None, 7, ["c-7"])),
        *(("/revenue", {"by": value}) for value in ("", None, "CSM", "industry", ["csm"])),
    ],
)
def test_each_member_out_of_its_bounds_is_refused(service: Any, path: str, wrong: dict[str, Any]) -> None:
    told = service.problem(service.call("POST", path, {**service.usual[path], **wrong}))
    assert (told["status"], told["type"]) == (422, "urn:tenure:problem:bad-request")
    assert any(f'"{name}"' in told["detail"] for name in wrong)


def test_a_whole_number_is_one_however_it_is_written(service: Any) -> None:
    for path, said in (("/score", '"horizon": 90.0'), ("/history", '"limit": 4e2'), ("/what_if", '"explain": 5.0')):
        content = json.dumps(service.usual[path])
        assert (
            service.call("POST", path, content=f"{content[:-1]}, {said}}}").json()
            == service.call("POST", path, content=content).json()
        )


@pytest.mark.parametrize("path", ["/score", "/score_features"])
def test_as_many_as_are_allowed_are_answered(service: Any, path: str) -> None:
    body = {name: items * MAX_ROWS for name, items in service.usual[path].items()}
    response = service.call("POST", path, {**body, "explain": 0})
    assert response.status_code == 200
    assert len(response.json()["results"]) == MAX_ROWS


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/score/", 404),
        ("POST", "/SCORE", 404),
        ("POST", "/score%2f", 404),
        ("POST", "/%73core%00", 404),
        ("GET", "/..%2f..%2fetc/passwd", 404),
        ("GET", "/docs.json", 404),
        ("GET", "/static_content/index.html", 404),
        ("GET", "/score", 405),
        ("PUT", "/feedback", 405),
        ("DELETE", "/", 405),
        ("TRACE", "/score", 405),
        ("OPTIONS", "/score", 405),
        ("PROPFIND", "/openapi.json", 405),
        ("POST", "/metrics", 405),
    ],
)
def test_what_is_no_address_or_no_method_of_it(service: Any, method: str, path: str, status: int) -> None:
    response = service.call(method, path)
    told = service.problem(response)
    assert (told["status"], told["type"]) == (status, "about:blank")
    assert ("allow" in response.headers) == (status == 405)


def test_a_book_that_is_not_ones_own_is_told_like_no_account_at_all(service: Any) -> None:
    def asked(path: str, account_id: str, token: str) -> Any:
        ids = {"account_ids": [account_id]} if path == "/score" else {"account_id": account_id}
        response = service.call("POST", path, {**service.usual[path], **ids}, token=token)
        answer = response.json()
        answer.pop("instance", None)
        return response.status_code, json.loads(json.dumps(answer).replace(account_id, "ID"))

    for path in ("/score", "/history", "/feedback", "/brief"):
        unknown = asked(path, "nobody", "bound")
        for account_id in ("a-2", "a-3", "a-4"):  # of another CSM, and of none
            assert asked(path, account_id, "bound") == unknown
            assert asked(path, account_id, "read") != unknown
        assert asked(path, "a-1", "bound") == asked(path, "a-1", "read") or path == "/feedback"


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("abc-1.2_3", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("a\tb", False),
        ("é", False),
        ("", False),
    ],
)
def test_a_request_is_named_by_its_caller_or_anew(service: Any, sent: str, taken: bool) -> None:
    response = service.call("GET", "/livez", token=None, headers={b"X-Request-Id": sent.encode("latin-1")})
    assert (response.headers["x-request-id"] == sent) == taken
    service.sealed(response)


@pytest.mark.parametrize("path", PATHS)
def test_every_good_answer_has_the_documented_type_and_headers(service: Any, conforms: Conforms, path: str) -> None:
    (operation,) = PATHS[path].values()
    response = service.call(method_of(path), path, service.usual.get(path), token="all" if path in GUARDED else None)
    documented = operation["responses"][str(response.status_code)]
    (media_type,) = documented["content"]
    assert response.headers["content-type"].split(";")[0] == media_type
    assert all(name in response.headers for name in documented["headers"])
    service.sealed(response)
    if media_type == "application/json":
        at = ["paths", path, method_of(path).lower(), "responses", str(response.status_code), "content", media_type]
        conforms([*at, "schema"], response.json())
