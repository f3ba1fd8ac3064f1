"""What a worker answers from: how old it may be, who waits, what is kept, and a store that stops answering."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from serving.latest import Latest
from serving.problems import ProblemError
from serving.store.errors import StoreError, StoreUnreachableError

HEADER = dict.fromkeys(
    ("as_of", "model_version", "expansion_version", "computed_at", "horizons", "drivers_horizon", "interval",
     "not_validated_in_time", "rule_based")
)  # fmt: skip


class FakeStore:
    """A store whose run, tokens and mood a test sets; it counts what it is asked."""

    def __init__(self) -> None:
        self.key: str | None = "one"
        self.tokens: list[Any] = []
        self.fault: Exception | None = None
        self.looks = 0
        self.asked: list[list[str]] = []
        self.books: list[str | None] = []
        self.hold: threading.Event | None = None

    def latest(self) -> Any:
        self.looks += 1
        if self.hold:
            self.hold.wait(5)
        if self.fault:
            raise self.fault
        return self.key and SimpleNamespace(key=self.key, as_of=dt.date(2026, 2, 1), header=HEADER)

    def rows(self, run: Any, ids: Sequence[str], book: str | None = None) -> dict[str, Any]:
        if self.fault:
            raise self.fault
        self.asked.append(list(ids))
        self.books.append(book)
        return {
            i: SimpleNamespace(
                account_id=i, csm_id="c-" + i[0], status="ok", drivers="[]", expansion_drivers=None, frozen=None,
                figures=json.dumps({"account_id": i, "run": run.key, "drivers_horizon": None}),
            )
            for i in ids if not i.startswith("?") and book in (None, "c-" + i[0])
        }  # fmt: skip


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


Setting = tuple[FakeStore, Clock, Latest]


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Setting:
    store, clock = FakeStore(), Clock()
    monkeypatch.setattr("serving.latest.all_tokens", lambda it: it.tokens)
    return store, clock, Latest(lambda: store, max_age=0.5, monotonic=clock)  # type: ignore[arg-type, return-value]


def answers(latest: Latest, ids: list[Any], book: str | None = None, explain: int = 5) -> list[Any]:
    async def ask() -> list[bytes]:
        return await latest.results(await latest.now(), ids, explain, book)

    return [json.loads(one) for one in asyncio.run(ask())]


def test_rows_come_in_the_order_asked_for_and_are_read_once(setting: Setting) -> None:
    store, _, latest = setting
    first = answers(latest, ["b1", "a1", "?", "b1", 7])
    assert [one["account_id"] for one in first] == ["b1", "a1", "?", "b1", None]
    assert ["error" in one for one in first] == [False, False, True, False, True]
    assert answers(latest, ["a1", "b1"]) == [first[1], first[0]]
    assert [sorted(set(ids)) for ids in store.asked] == [["?", "a1", "b1"]]


def test_a_book_sees_its_own_and_others_as_it_sees_nobody(setting: Setting) -> None:
    _, _, latest = setting
    for _ in range(2):  # read, and kept
        own, other, nobody = answers(latest, ["a1", "b1", "?b1"], book="c-a")
        assert own["run"] == "one"
        assert other["error"]["type"] == nobody["error"]["type"] == "urn:tenure:problem:unknown-account"
        assert {**other, "account_id": ""} == {**nobody, "account_id": ""}
    assert "run" in answers(latest, ["b1"])[0], "who is bound to no book sees it"


def test_a_new_run_replaces_all_that_was_kept(setting: Setting) -> None:
    store, clock, latest = setting
    assert answers(latest, ["a1"])[0]["run"] == "one"
    store.key = "two"
    assert answers(latest, ["a1"])[0]["run"] == "one", "the snapshot is young enough"
    clock.now += 0.5
    assert answers(latest, ["a1"])[0]["run"] == "two"


def test_what_is_kept_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    store = FakeStore()
    monkeypatch.setattr("serving.latest.all_tokens", lambda it: it.tokens)
    size = len(json.dumps({"account_id": "a0", "run": "one", "drivers_horizon": None, "drivers": []}).replace(" ", ""))
    latest = Latest(lambda: store, cache_bytes=3 * (size + 5), monotonic=Clock())  # type: ignore[arg-type, return-value]
    for n in range(4):
        answers(latest, [f"a{n}"])
    answers(latest, ["a3", "a2", "a1"])
    assert len(store.asked) == 4
    answers(latest, ["a0"])
    assert store.asked[4:] == [["a0"]], "the oldest had to go"


def test_tokens_are_as_old_as_the_snapshot_and_no_older(setting: Setting) -> None:
    store, clock, latest = setting
    store.tokens = [SimpleNamespace(id="t1")]
    assert set(asyncio.run(latest.now()).tokens) == {"t1"}
    store.tokens = []
    clock.now += 0.5
    assert set(asyncio.run(latest.now()).tokens) == set()


def test_under_load_somebody_looks_ahead_and_nobody_waits(setting: Setting) -> None:
    store, clock, latest = setting

    async def ask() -> None:
        await latest.now()
        clock.now += 0.3
        store.hold = threading.Event()
        for _ in range(5):
            await asyncio.wait_for(latest.now(), 2)  # would hang if it waited for the look
        deadline = time.monotonic() + 5
        while store.looks < 2 and time.monotonic() < deadline:  # its thread may not have begun yet
            await asyncio.sleep(0.01)
        store.hold.set()

    asyncio.run(ask())
    assert store.looks == 2


def test_many_that_wait_cause_one_look_or_two(setting: Setting) -> None:
    store, _, latest = setting

    async def ask() -> None:
        await asyncio.gather(*(latest.now() for _ in range(30)))

    asyncio.run(ask())
    assert store.looks <= 2


@pytest.mark.parametrize(
    ("fault", "kind", "retry"),
    [
        (StoreUnreachableError("The store x does not answer."), "store-unreachable", "1"),
        (StoreError("The store x is of a later version."), "store-unusable", None),
        (ZeroDivisionError("driver gone mad"), "store-unreachable", "1"),
    ],
)
def test_a_store_that_fails_is_said_and_taken_up_again(
    setting: Setting, fault: Exception, kind: str, retry: str | None
) -> None:
    store, clock, latest = setting
    before = answers(latest, ["a1"])
    store.fault = fault
    clock.now += 0.5
    looks = store.looks
    for _ in range(3):
        with pytest.raises(ProblemError) as caught:
            answers(latest, ["a1"])
        assert (caught.value.status, caught.value.kind, caught.value.headers.get("Retry-After")) == (503, kind, retry)
        assert "mad" not in caught.value.detail
    assert store.looks == looks + 1, "it is left alone for a moment"
    store.fault = None
    clock.now += 0.5
    assert answers(latest, ["a1"]) == before
    assert len(store.asked) == 1, "what was kept is good still"


def test_a_store_that_fails_between_look_and_rows_is_said(setting: Setting) -> None:
    store, _, latest = setting
    answers(latest, ["a1"])
    store.fault = StoreUnreachableError("The store x does not answer.")
    assert answers(latest, ["a1"]), "kept, and young enough"
    with pytest.raises(ProblemError) as caught:
        answers(latest, ["a2"])
    assert caught.value.kind == "store-unreachable"


def test_no_scores_is_not_no_store(setting: Setting) -> None:
    store, _, latest = setting
    store.key = None
    snapshot = asyncio.run(latest.now())
    with pytest.raises(ProblemError) as caught:
        snapshot.scored()
    assert caught.value.kind == "no-scores"


def test_the_store_is_opened_when_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[Callable[[], Any]] = []
    clock, store = Clock(), FakeStore()
    monkeypatch.setattr("serving.latest.all_tokens", lambda it: it.tokens)

    def opening() -> Any:
        tries.append(opening)
        if len(tries) == 1:
            raise StoreUnreachableError("The store x does not answer.")
        return store

    latest = Latest(opening, monotonic=clock)
    with pytest.raises(ProblemError):
        asyncio.run(latest.now())
    clock.now += 1
    assert answers(latest, ["a1"])[0]["run"] == "one"
    clock.now += 1
    answers(latest, ["a1"])
    assert len(tries) == 2


def test_a_store_that_hangs_is_waited_for_once_and_said(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store, clock, latest = setting
    monkeypatch.setattr("serving.latest.LOOK_SECONDS", 0.1)

    async def refused() -> ProblemError:
        with pytest.raises(ProblemError) as caught:
            await latest.now()
        return caught.value

    async def ask() -> None:
        await latest.now()
        store.hold = threading.Event()
        clock.now += 1
        assert (await refused()).kind == "store-unreachable"
        clock.now += 1
        began = time.monotonic()
        assert {(await refused()).status for _ in range(20)} == {503}
        assert time.monotonic() - began < 1, "the second does not wait again"
        assert (await latest.last_known()).run is not None
        store.hold.set()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with contextlib.suppress(ProblemError):
                await latest.now()
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it was not taken up again")

    asyncio.run(ask())
    assert caplog.text.count("has not answered for") == 1


def test_a_look_that_never_ends_is_given_up_and_the_store_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.latest.all_tokens", lambda it: it.tokens)
    monkeypatch.setattr("serving.latest.LOOK_SECONDS", 0.1)
    clock, opened = Clock(), [FakeStore(), FakeStore()]
    stuck, fresh = opened
    stuck.hold = threading.Event()
    fresh.key = "fresh"
    latest = Latest(lambda: opened.pop(0), monotonic=clock)  # type: ignore[arg-type, return-value]

    async def ask() -> None:
        with pytest.raises(ProblemError):
            await latest.now()
        clock.now += 61
        run = (await latest.now()).run
        assert run is not None
        assert run.key == "fresh"
        assert stuck.hold
        stuck.hold.set()
        await asyncio.sleep(0.05)
        run = (await latest.now()).run
        assert run is not None
        assert run.key == "fresh", "what the stuck one finds now is of no use"

    asyncio.run(ask())


def test_a_question_that_is_not_answered_is_given_up(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, latest = setting
    monkeypatch.setattr("serving.questions.ASK_SECONDS", 0.05)
    done = threading.Event()

    async def ask() -> None:
        with pytest.raises(ProblemError) as caught:
            await latest.ask(done.wait, 5)
        assert caught.value.kind == "store-unreachable"
        done.set()

    asyncio.run(ask())


def test_another_book_is_looked_for_as_what_is_nowhere(setting: Setting) -> None:
    store, _, latest = setting
    answers(latest, ["b1"])  # somebody who may has asked for it
    answers(latest, ["b1", "?b"], book="c-a")
    assert store.asked == [["b1"], ["b1", "?b"]]
    assert store.books == [None, "c-a"]
